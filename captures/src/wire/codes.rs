//! A list of code points as it stands in the bytes.

use super::code::CodePoint;
use super::field::{Field, Span};
use super::show::Joined;
use std::fmt;
use std::marker::PhantomData;

/// Code points one after the other, read as they are asked for.
pub struct Codes<'a, C> {
    /// Their bytes. Those left over at the end, fewer than a code point takes, are no part of the list.
    pub bytes: Field<&'a [u8]>,
    code: PhantomData<fn() -> C>,
}

impl<'a, C: CodePoint> Codes<'a, C> {
    /// A list that takes up `bytes`.
    pub const fn new(bytes: Field<&'a [u8]>) -> Self {
        Self { bytes, code: PhantomData }
    }

    /// The code points.
    pub fn iter(self) -> impl Iterator<Item = C> + Clone + 'a
    where
        C: 'a,
    {
        self.bytes.value.chunks_exact(C::WIDTH).map(|code| C::from_number(number(code)))
    }

    /// The code points with their places.
    pub fn fields(self) -> impl Iterator<Item = Field<C>> + Clone + 'a
    where
        C: 'a,
    {
        let start = self.bytes.range.start as usize;
        self.bytes.value.chunks_exact(C::WIDTH).enumerate().map(move |(index, code)| {
            let at = start + index * C::WIDTH;
            Field::new(Span::new(at, at + C::WIDTH), C::from_number(number(code)))
        })
    }

    /// How many there are.
    pub const fn len(self) -> usize {
        self.bytes.value.len() / C::WIDTH
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

impl<C> Clone for Codes<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Codes<'_, C> {}

impl<C> PartialEq for Codes<'_, C> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl<C> Eq for Codes<'_, C> {}

impl<C: CodePoint + fmt::Display> fmt::Debug for Codes<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Codes([{self}] at {})", self.bytes.range)
    }
}

impl<C: CodePoint + fmt::Display> fmt::Display for Codes<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Joined(self.iter()).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    code_points! {
        /// For the tests.
        pub enum Sample(u16) {
            One = 1 => "one",
        }
    }

    #[test]
    fn codes_have_their_places_and_half_a_code_is_none() {
        let codes = Codes::<Sample>::new(Field::new(Span::new(10, 15), &[0, 1, 0, 7, 9]));
        assert_eq!(codes.to_string(), "one,0x0007");
        assert_eq!(codes.fields().nth(1).unwrap(), Field::new(Span::new(12, 14), Sample::Unknown(7)));
        assert_eq!(codes.len(), 2);
    }
}
