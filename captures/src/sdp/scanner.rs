//! Reading the value of one line from left to right, with the place of what does not fit.

use std::fmt;
use std::str::FromStr;

/// Longest piece of the text that an error repeats, in characters.
const FOUND_CHARS: usize = 32;

/// What does not fit the grammar of a value, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// Byte offset into the value.
    pub at: usize,
    /// What the grammar wants there.
    pub expected: &'static str,
    /// What stands there, cut to a few characters; empty at the end of the value.
    pub found: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at byte {} of the value, found ", self.expected, self.at)?;
        if self.found.is_empty() { f.write_str("its end") } else { write!(f, "{:?}", self.found) }
    }
}

impl std::error::Error for Malformed {}

/// A cursor over a value. What can be understood in spite of a fault is understood, and the fault kept as a remark.
#[derive(Debug, Clone)]
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
    remarks: Vec<Malformed>,
}

impl<'a> Scanner<'a> {
    /// Starts at the beginning of a value.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0, remarks: Vec::new() }
    }

    /// The byte offset reached.
    pub fn position(&self) -> usize {
        self.at
    }

    /// What has not been read.
    pub fn remaining(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Whether everything has been read.
    pub fn is_at_end(&self) -> bool {
        self.remaining().is_empty()
    }

    /// The faults that did not stop the reading.
    pub fn into_remarks(self) -> Vec<Malformed> {
        self.remarks
    }

    /// The error that something else was expected at the position reached.
    pub fn malformed(&self, expected: &'static str) -> Malformed {
        self.malformed_at(self.at, expected)
    }

    /// The error that something else was expected at an earlier position.
    pub fn malformed_at(&self, at: usize, expected: &'static str) -> Malformed {
        let found = self.text.get(at..).unwrap_or_default().chars().take(FOUND_CHARS).collect();
        Malformed { at, expected, found }
    }

    /// Notes a fault that does not hinder the understanding of the value.
    pub fn remark_at(&mut self, at: usize, expected: &'static str) {
        let remark = self.malformed_at(at, expected);
        self.remarks.push(remark);
    }

    /// Reads the rest.
    pub fn rest(&mut self) -> &'a str {
        let rest = self.remaining();
        self.at = self.text.len();
        rest
    }

    /// Reads as long as the characters fit; possibly nothing.
    pub fn take_while(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let remaining = self.remaining();
        let length = remaining.find(|c| !fits(c)).unwrap_or(remaining.len());
        let (taken, _) = remaining.split_at(length);
        self.at += length;
        taken
    }

    /// Reads at least one fitting character.
    pub fn some(
        &mut self,
        expected: &'static str,
        fits: impl Fn(char) -> bool,
    ) -> Result<&'a str, Malformed> {
        let taken = self.take_while(fits);
        if taken.is_empty() { Err(self.malformed(expected)) } else { Ok(taken) }
    }

    /// Reads a `token` (RFC 8866 §9). A word with other characters is read whole and remarked upon.
    pub fn token(&mut self, expected: &'static str) -> Result<&'a str, Malformed> {
        self.word_of(expected, is_token_char)
    }

    /// Reads a word whose characters should all fit; others are remarked upon.
    pub fn word_of(
        &mut self,
        expected: &'static str,
        fits: impl Fn(char) -> bool,
    ) -> Result<&'a str, Malformed> {
        let start = self.at;
        let word = self.word(expected)?;
        if let Some(bad) = word.find(|c| !fits(c)) {
            self.remark_at(start + bad, expected);
        }
        Ok(word)
    }

    /// Reads a `non-ws-string`: anything up to a space, a tab or the end.
    pub fn word(&mut self, expected: &'static str) -> Result<&'a str, Malformed> {
        self.some(expected, |c| c != ' ' && c != '\t')
    }

    /// Reads a decimal number without sign. A superfluous leading zero is remarked upon.
    pub fn number<T: FromStr>(&mut self, expected: &'static str) -> Result<T, Malformed> {
        let start = self.at;
        let digits = self.some(expected, |c| c.is_ascii_digit())?;
        if digits.len() > 1 && digits.starts_with('0') {
            self.remark_at(start, expected);
        }
        digits.parse().map_err(|_| self.malformed_at(start, expected))
    }

    /// Reads exactly this text.
    pub fn literal(&mut self, literal: &str, expected: &'static str) -> Result<(), Malformed> {
        if self.eat(literal) { Ok(()) } else { Err(self.malformed(expected)) }
    }

    /// Reads one space. Further ones are skipped and remarked upon.
    pub fn space(&mut self) -> Result<(), Malformed> {
        self.literal(" ", "a space")?;
        if self.remaining().starts_with(' ') {
            self.remark_at(self.at, "a single space");
            self.take_while(|c| c == ' ');
        }
        Ok(())
    }

    /// Reads this text if it stands here.
    pub fn eat(&mut self, literal: &str) -> bool {
        let there = self.remaining().starts_with(literal);
        if there {
            self.at += literal.len();
        }
        there
    }

    /// Ends the reading: whatever is left does not belong here.
    pub fn end(&mut self) {
        if !self.is_at_end() {
            self.remark_at(self.at, "the end of the line");
            self.rest();
        }
    }
}

/// `token-char` of RFC 8866 §9.
pub(super) fn is_token_char(c: char) -> bool {
    matches!(c, '!' | '#'..='\'' | '*' | '+' | '-' | '.' | '0'..='9' | 'A'..='Z' | '^'..='~')
}

/// `ice-char` of RFC 8839 §5.1.
pub(super) fn is_ice_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/')
}

/// The characters of a restriction identifier, RFC 8851 §10.
pub(super) fn is_rid_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_too_large_for_its_type_is_malformed_where_it_begins() {
        let mut s = Scanner::new("a 70000");
        s.word("a word").unwrap();
        s.space().unwrap();
        let error = s.number::<u16>("a port").unwrap_err();
        assert_eq!(error.to_string(), "expected a port at byte 2 of the value, found \"70000\"");
    }

    #[test]
    fn a_word_with_foreign_characters_is_read_whole_and_remarked_upon() {
        let mut s = Scanner::new("ab(c d");
        assert_eq!(s.token("a token").unwrap(), "ab(c");
        assert_eq!(s.into_remarks(), [Malformed { at: 2, expected: "a token", found: "(c d".into() }]);
    }

    #[test]
    fn token_characters_are_those_of_the_abnf() {
        let all: String = (0u8..128).map(char::from).filter(|c| is_token_char(*c)).collect();
        assert_eq!(all, "!#$%&'*+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz{|}~");
    }
}
