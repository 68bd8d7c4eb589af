//! PASSWORD-ALGORITHM and PASSWORD-ALGORITHMS: RFC 8489 §14.11 and §14.12.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |          Algorithm           |  Algorithm Parameters Length   |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                    Algorithm Parameters (variable)
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use crate::wire::field::Field;
use crate::wire::reader::{Reader, Sink};
use crate::wire::show::Joined;
use crate::wire::stop::Read;
use std::fmt;

code_points! {
    /// Password algorithms: the IANA registry "STUN Password Algorithms".
    pub enum AlgorithmName(u16) {
        Md5 = 1 => "MD5",
        Sha256 = 2 => "SHA-256",
    }
}

/// An algorithm with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Algorithm<'a> {
    /// Which one.
    pub name: Field<AlgorithmName>,
    /// Its parameters, without padding.
    pub parameters: Field<&'a [u8]>,
}

impl<'a> Algorithm<'a> {
    /// Reads one, with its padding.
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let name = r.code("algorithm")?;
        let length = usize::from(r.u16("parameters length")?.value);
        let parameters = r.bytes("parameters", length)?;
        let padding = (4 - length % 4) % 4;
        if padding > 0 {
            r.bytes("parameters padding", padding.min(r.remaining()))?;
        }
        Ok(Self { name, parameters })
    }
}

impl fmt::Display for Algorithm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name.value)
    }
}

/// A list of algorithms in order of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Algorithms<'a>(Field<&'a [u8]>);

impl<'a> Algorithms<'a> {
    /// Reads all.
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let rest = r.peek();
        let start = r.offset();
        while !r.is_empty() {
            Algorithm::read(r)?;
        }
        Ok(Self(Field::new(crate::wire::Span::new(start, start + rest.len()), rest)))
    }

    /// One after the other.
    pub fn iter(self) -> impl Iterator<Item = Algorithm<'a>> + Clone {
        let (bytes, start) = (self.0.value, self.0.range.start as usize);
        let mut read = 0;
        std::iter::from_fn(move || {
            let mut reader = Reader::at("STUN attribute", bytes.get(read..)?, start + read);
            let algorithm = Algorithm::read(&mut reader).ok()?;
            read = reader.offset() - start;
            Some(algorithm)
        })
    }
}

impl fmt::Display for Algorithms<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Joined(self.iter()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::hex;

    #[test]
    fn algorithms_follow_one_another_with_padding() {
        let bytes = hex("0002 0000  7777 0001 ab 000000  0001 0000");
        let algorithms = Algorithms::read(&mut Reader::at("STUN attribute", &bytes, 100)).unwrap();
        assert_eq!(algorithms.to_string(), "SHA-256,0x7777,MD5");
        let parameters = algorithms.iter().nth(1).unwrap().parameters;
        assert_eq!((parameters.value, parameters.range.start), ([0xab].as_slice(), 108));
    }
}
