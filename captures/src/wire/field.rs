//! A value together with the bytes it was read from.

use std::fmt;
use std::ops::Range;

/// A range of bytes, counted from the start of the unit being dissected.
///
/// Like `Range<usize>` but `Copy` and half the size; offsets beyond 4 GiB saturate (no packet or flight is that long).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The bytes from `start` up to, not including, `end`.
    pub fn new(start: usize, end: usize) -> Self {
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { start: clamp(start), end: clamp(end.max(start)) }
    }

    /// Number of bytes.
    pub const fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// Whether it holds no byte.
    pub const fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// The same as a standard range, for slicing with `get`.
    pub const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// From the start of this one to the end of `other`.
    pub const fn to(self, other: Self) -> Self {
        Self { start: self.start, end: other.end }
    }

    /// Moved by `offset` bytes towards the end.
    pub fn shifted(self, offset: usize) -> Self {
        Self::new((self.start as usize).saturating_add(offset), (self.end as usize).saturating_add(offset))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

/// A value and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Field<T> {
    /// The bytes that hold the value.
    pub range: Span,
    /// The value.
    pub value: T,
}

impl<T> Field<T> {
    /// A value read from `range`.
    pub const fn new(range: Span, value: T) -> Self {
        Self { range, value }
    }

    /// The same place, with the value understood further.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Field<U> {
        Field { range: self.range, value: f(self.value) }
    }
}

impl<T: fmt::Display> fmt::Display for Field<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_that_ends_before_it_starts_is_empty() {
        assert!(Span::new(7, 3).is_empty());
        assert_eq!(Span::new(7, 3).len(), 0);
    }

    #[test]
    fn spans_saturate_instead_of_wrapping() {
        assert_eq!(Span::new(usize::MAX - 1, usize::MAX).len(), 0);
        assert_eq!(Span::new(1, 3).shifted(usize::MAX).start, u32::MAX);
    }

    #[test]
    fn joining_covers_both() {
        assert_eq!(Span::new(2, 4).to(Span::new(6, 9)).range(), 2..9);
    }
}
