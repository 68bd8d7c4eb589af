//! Options of pcapng blocks: code, length, value padded to four bytes.

/// `opt_comment`.
pub(super) const COMMENT: u16 = 1;
/// `opt_endofopt`.
const END: u16 = 0;

/// The byte order of a section or file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ByteOrder {
    /// Most significant byte first.
    Big,
    /// Least significant byte first.
    Little,
}

impl ByteOrder {
    /// The 16-bit number at `offset`.
    pub(super) fn u16(self, bytes: &[u8], offset: usize) -> Option<u16> {
        let array = *bytes.get(offset..)?.first_chunk()?;
        Some(match self {
            Self::Big => u16::from_be_bytes(array),
            Self::Little => u16::from_le_bytes(array),
        })
    }

    /// The 32-bit number at `offset`.
    pub(super) fn u32(self, bytes: &[u8], offset: usize) -> Option<u32> {
        let array = *bytes.get(offset..)?.first_chunk()?;
        Some(match self {
            Self::Big => u32::from_be_bytes(array),
            Self::Little => u32::from_le_bytes(array),
        })
    }

    /// The 64-bit number at `offset`.
    pub(super) fn u64(self, bytes: &[u8], offset: usize) -> Option<u64> {
        let array = *bytes.get(offset..)?.first_chunk()?;
        Some(match self {
            Self::Big => u64::from_be_bytes(array),
            Self::Little => u64::from_le_bytes(array),
        })
    }
}

/// The options of a block, read as they are iterated. Iteration ends at `opt_endofopt` or where they make no sense.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    bytes: &'a [u8],
    order: ByteOrder,
}

/// One option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionField<'a> {
    /// Its code, whose meaning depends on the block.
    pub code: u16,
    /// Its value, without padding.
    pub value: &'a [u8],
}

/// Most bytes of a text that are kept: a file may describe [many](super::Limits::interfaces) interfaces.
const LONGEST_TEXT: usize = 1_024;
/// Most texts of one kind that are kept.
const MOST_TEXTS: usize = 16;

fn kept(text: &[u8]) -> String {
    String::from_utf8_lossy(text.get(..LONGEST_TEXT).unwrap_or(text)).into_owned()
}

impl<'a> Options<'a> {
    pub(super) fn new(bytes: &'a [u8], order: ByteOrder) -> Self {
        Self { bytes, order }
    }

    /// No options.
    pub const NONE: Options<'static> = Options { bytes: &[], order: ByteOrder::Little };

    /// The values of all options with this code.
    pub fn with_code(self, code: u16) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.filter(move |option| option.code == code).map(|option| option.value)
    }

    /// The text of the first option with this code.
    pub(super) fn text(self, code: u16) -> Option<String> {
        self.with_code(code).next().map(kept)
    }

    /// The texts of the first options with this code.
    pub(super) fn texts(self, code: u16) -> Vec<String> {
        self.with_code(code).take(MOST_TEXTS).map(kept).collect()
    }

    /// The number in the first option with this code.
    pub(super) fn u32(self, code: u16) -> Option<u32> {
        self.with_code(code).next().and_then(|value| self.order.u32(value, 0))
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = OptionField<'a>;

    fn next(&mut self) -> Option<OptionField<'a>> {
        let code = self.order.u16(self.bytes, 0)?;
        let length = usize::from(self.order.u16(self.bytes, 2)?);
        let value = self.bytes.get(4..4 + length).filter(|_| code != END);
        let next = 4 + length.next_multiple_of(4);
        self.bytes = if value.is_some() { self.bytes.get(next..).unwrap_or_default() } else { &[] };
        Some(OptionField { code, value: value? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_texts_no_more_is_kept_than_the_limits() {
        let long: Vec<u8> = [0, 1, 4, 4].into_iter().chain([b'x'; 1_028]).collect();
        let options = Options { bytes: &long.repeat(17), order: ByteOrder::Big };
        assert_eq!(options.text(1).unwrap().len(), LONGEST_TEXT);
        assert_eq!(options.texts(1), vec!["x".repeat(LONGEST_TEXT); MOST_TEXTS]);
    }

    #[test]
    fn options_end_at_their_end_mark_or_where_they_are_cut() {
        let bytes = [0, 1, 0, 3, b'a', b'b', b'c', 0, 0, 2, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 9, 9];
        let all: Vec<_> = Options::new(&bytes, ByteOrder::Big).map(|o| (o.code, o.value.len())).collect();
        assert_eq!(all, [(1, 3), (2, 4)]);
        assert_eq!(Options::new(&bytes[..15], ByteOrder::Big).count(), 1);
        assert_eq!(Options::new(&bytes, ByteOrder::Big).u32(2), Some(1));
    }
}
