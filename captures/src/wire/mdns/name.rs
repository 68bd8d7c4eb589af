//! Domain names: RFC 1035 §3.1 and §4.1.4.
//!
//! ```text
//! +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
//! | 1  1|                OFFSET                   |   a pointer, instead of the remaining labels
//! +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
//! | 0  0|    LENGTH       |  label …              |   a label; one of no bytes ends the name
//! +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
//! ```

use crate::wire::field::Span;
use crate::wire::node::Value;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// Longest name in bytes with all its length bytes (RFC 1035 §2.3.4); reading labels ends there.
const LONGEST: usize = 255;

/// The message that names may point into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole<'a> {
    /// The message, from its first byte.
    pub(super) bytes: &'a [u8],
    /// Where it starts for the reader.
    pub(super) base: usize,
}

/// A name, perhaps continued elsewhere in its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<'a> {
    message: Whole<'a>,
    /// Where the name starts within the message.
    start: usize,
    /// Its bytes up to its end or pointer.
    pub range: Span,
}

impl<'a> Name<'a> {
    /// Reads a name of `message` up to its end or to a pointer, which is followed only when labels are asked for.
    pub(super) fn read<S: Sink>(
        r: &mut Reader<'a, S>,
        message: Whole<'a>,
        field: &'static str,
    ) -> Read<Self> {
        let rest = r.peek();
        let mut length = 0;
        loop {
            length += match rest.get(length) {
                None => return Err(r.short(length + 1)),
                Some(0) => 1,
                Some(label @ 1..=63) => {
                    length += 1 + usize::from(*label);
                    continue;
                }
                Some(192..) => 2,
                Some(64..=191) => return Err(r.invalid("reserved kind of label")),
            };
            break;
        }
        let start = r.offset().saturating_sub(message.base);
        let name = Self { message, start, range: r.bytes(field, length)?.range };
        r.meaning(|| Value::Text(name.to_string()));
        Ok(name)
    }

    /// The labels, pointers followed. Ends early where the name is broken or longer than a name may be.
    pub fn labels(&self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        let (message, mut at, mut length) = (self.message.bytes, self.start, 0);
        std::iter::from_fn(move || {
            loop {
                match *message.get(at)? {
                    0 => return None,
                    high @ 192.. => {
                        let target = usize::from(high & 0x3f) << 8 | usize::from(*message.get(at + 1)?);
                        // A pointer points backwards ("a prior occurrence"), so following them ends.
                        if target >= at {
                            return None;
                        }
                        at = target;
                    }
                    label @ 1..=63 => {
                        let label = message.get(at + 1..at + 1 + usize::from(label))?;
                        at += 1 + label.len();
                        length += 1 + label.len();
                        return (length < LONGEST).then_some(label);
                    }
                    _ => return None,
                }
            }
        })
    }
}

impl PartialEq<str> for Name<'_> {
    /// Compares as DNS does, without regard to the case of ASCII letters; `other` without a dot at its end.
    fn eq(&self, other: &str) -> bool {
        let mut labels = self.labels();
        other
            .split('.')
            .all(|part| labels.next().is_some_and(|label| label.eq_ignore_ascii_case(part.as_bytes())))
            && labels.next().is_none()
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, label) in self.labels().enumerate() {
            let label = String::from_utf8_lossy(label).replace('\\', "\\\\").replace('.', "\\.");
            write!(f, "{}{label}", if index == 0 { "" } else { "." })?;
        }
        if self.labels().next().is_none() { f.write_str(".") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::hex;

    fn read(bytes: &[u8], at: usize) -> Read<Name<'_>> {
        let rest = bytes.get(at..).unwrap_or_default();
        let whole = Whole { bytes, base: 100 };
        Name::read(&mut Reader::at("DNS", rest, 100 + at), whole, "name")
    }

    #[test]
    fn pointers_are_followed() {
        let bytes = hex("0161 056c6f63616c 00  0162 c002  c009");
        let name = read(&bytes, 9).unwrap();
        assert_eq!((name.to_string().as_str(), name.range), ("b.local", Span::new(109, 113)));
        assert_eq!(read(&bytes, 0).unwrap().to_string(), "a.local");
        assert_eq!(read(&bytes, 13).unwrap().to_string(), "b.local");
        assert!(name == *"B.Local" && name != *"b" && name != *"b.local.x");
        assert_eq!(read(&[0], 0).unwrap().to_string(), ".");
        assert_eq!(read(&hex("03 612e62 00"), 0).unwrap().to_string(), "a\\.b");
    }

    #[test]
    fn loops_end() {
        let itself = hex("c000");
        assert_eq!(read(&itself, 0).unwrap().labels().count(), 0);
        let through_a_label = hex("0161 c000");
        assert!(read(&through_a_label, 0).unwrap().labels().count() < 128);
        let forwards = hex("c002 0161 00");
        assert_eq!(read(&forwards, 0).unwrap().labels().count(), 0);
    }

    #[test]
    fn names_that_do_not_end_stop() {
        assert_eq!(read(&hex("0561 62"), 0).unwrap_err().needed, 7);
        assert_eq!(read(&hex("c0"), 0).unwrap_err().needed, 2);
        assert!(read(&hex("8000"), 0).unwrap_err().to_string().contains("reserved kind of label"));
    }
}
