//! One line of a description: `<type>=<value>` and what ends it (RFC 8866 §5).

use std::ops::Range;

/// How a line ends. RFC 8866 §5 wants CR LF and asks parsers to bear LF alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// CR LF.
    CrLf,
    /// LF alone.
    Lf,
    /// CR alone.
    Cr,
    /// The text ends here.
    None,
}

impl Ending {
    /// The characters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CrLf => "\r\n",
            Self::Lf => "\n",
            Self::Cr => "\r",
            Self::None => "",
        }
    }
}

/// A line as it stands in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its number, from one.
    pub number: usize,
    /// Its bytes in the text, the ending not included.
    pub range: Range<usize>,
    /// Those bytes.
    pub raw: &'a str,
    /// What ends it.
    pub ending: Ending,
}

impl<'a> Line<'a> {
    /// The type: the character before the equals sign. `None` if the line does not begin with one character and `=`.
    pub fn kind(&self) -> Option<char> {
        let mut chars = self.raw.chars();
        let kind = chars.next()?;
        (chars.next() == Some('=')).then_some(kind)
    }

    /// What follows the equals sign; the whole line if it has no type.
    pub fn value(&self) -> &'a str {
        match self.kind() {
            Some(kind) => self.raw.get(kind.len_utf8() + 1..).unwrap_or_default(),
            None => self.raw,
        }
    }

    /// Byte offset of the value in the text.
    pub fn value_start(&self) -> usize {
        self.range.end - self.value().len()
    }
}

/// Where a line lies in the text. Kept instead of [`Line`] so that a description owns its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) range: Range<usize>,
    pub(super) ending: Ending,
}

/// Cuts a text into lines. Nothing is lost: the lines with their endings make up the text.
pub(super) fn split(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut start = 0;
    let mut bytes = text.bytes().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        let ending = match byte {
            b'\n' => Ending::Lf,
            b'\r' if bytes.peek().is_some_and(|(_, next)| *next == b'\n') => {
                bytes.next();
                Ending::CrLf
            }
            b'\r' => Ending::Cr,
            _ => continue,
        };
        spans.push(Span { range: start..at, ending });
        start = at + ending.as_str().len();
    }
    if start < text.len() {
        spans.push(Span { range: start..text.len(), ending: Ending::None });
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, Ending)]) {
        let lines: Vec<_> = split(text).into_iter().map(|s| (&text[s.range], s.ending)).collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn every_kind_of_line_ending_is_kept_apart() {
        check(
            "v=0\r\no=\ns=-\r\r\n\nt",
            &[
                ("v=0", Ending::CrLf),
                ("o=", Ending::Lf),
                ("s=-", Ending::Cr),
                ("", Ending::CrLf),
                ("", Ending::Lf),
                ("t", Ending::None),
            ],
        );
        check("", &[]);
    }

    #[test]
    fn a_line_without_type_is_all_value() {
        let line = |raw| Line { number: 1, range: 0..str::len(raw), raw, ending: Ending::CrLf };
        assert_eq!(line("a=b=c").kind(), Some('a'));
        assert_eq!(line("a=b=c").value(), "b=c");
        assert_eq!(line("ab=c").kind(), None);
        assert_eq!(line("ab=c").value(), "ab=c");
        assert_eq!(line("é=x").value(), "x");
        assert_eq!(line("é=x").value_start(), 3);
        assert_eq!(line("").kind(), None);
    }
}
