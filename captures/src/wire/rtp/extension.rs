//! The RTP header extension: RFC 3550 §5.3.1, with elements of one-byte (RFC 8285 §4.2) and two-byte headers (§4.3).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |      0xBE     |    0xDE       |           length=3            |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  ID   | L=0   |     data      |  ID   |  L=1  |   data...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//!       ...data   |    0 (pad)    |    0 (pad)    |  ID   | L=3   |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use super::value::{ExtensionMap, ExtensionValue};
use crate::wire::field::{Field, Span};
use crate::wire::node::Value;
use crate::wire::reader::{Reader, Silent, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// How the elements of an extension are distinguished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Form {
    /// One-byte headers: the profile is 0xBEDE.
    OneByte,
    /// Two-byte headers: the profile is 0x100 and four bits of the application.
    TwoByte,
    /// Something else, without elements.
    #[default]
    Other,
}

impl Form {
    const fn of(profile: u16) -> Self {
        match profile {
            0xbede => Self::OneByte,
            0x1000..=0x100f => Self::TwoByte,
            _ => Self::Other,
        }
    }
}

/// The header extension as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtensionBlock<'a> {
    /// Defined by profile.
    pub profile: Field<u16>,
    /// Length of the data in words of 32 bits.
    pub length: Field<u16>,
    /// The elements.
    pub data: Field<&'a [u8]>,
}

impl<'a> ExtensionBlock<'a> {
    /// Reads the extension; with a recorder, the elements too.
    pub fn read<S: Sink>(r: &mut Reader<'a, S>, map: &ExtensionMap) -> Read<Self> {
        let profile = r.u16("defined by profile")?;
        let form = Form::of(profile.value);
        r.meaning(|| {
            let name = match form {
                Form::OneByte => Some("one-byte headers"),
                Form::TwoByte => Some("two-byte headers"),
                Form::Other => None,
            };
            Value::Code(profile.value.into(), name)
        });
        let length = r.u16("length in words")?;
        let bytes = usize::from(length.value) * 4;
        let start = r.offset();
        let there = r.peek();
        let data = there.get(..bytes).unwrap_or(there);
        r.within(bytes, length.range, |r| {
            if r.records() && form != Form::Other {
                record(r, form, map);
            } else {
                r.rest("header extension data");
            }
            Ok(())
        })?;
        Ok(Self { profile, length, data: Field::new(Span::new(start, start + data.len()), data) })
    }

    /// How the elements are distinguished.
    pub const fn form(&self) -> Form {
        Form::of(self.profile.value)
    }

    /// The elements in order, without padding.
    pub fn elements(&self) -> Elements<'a> {
        let reader = Reader::at("RTP header extension", self.data.value, self.data.range.start as usize);
        match self.form() {
            Form::Other => Elements::default(),
            form => Elements { form, reader: Some(reader) },
        }
    }
}

impl fmt::Display for ExtensionBlock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.form() {
            Form::Other => write!(f, "ext {:#06x} length {}", self.profile.value, self.data.value.len()),
            _ => {
                f.write_str("ext ")?;
                for (i, element) in self.elements().enumerate() {
                    write!(f, "{}{}", if i == 0 { "" } else { "," }, element.id)?;
                }
                Ok(())
            }
        }
    }
}

/// One element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    /// The local identifier.
    pub id: u8,
    /// The bytes of its header.
    pub header: Span,
    /// Its value.
    pub value: Field<&'a [u8]>,
}

/// What stands at a place where an element may begin.
enum Next<'a> {
    /// A byte of padding.
    Padding,
    /// An element that ends the list by RFC 8285 §4.2: identifier 15, or padding with a length.
    End,
    /// An element.
    Element(Element<'a>),
}

fn next<'a, S: Sink>(r: &mut Reader<'a, S>, form: Form) -> Read<Next<'a>> {
    match (form, r.peek()) {
        (Form::OneByte, [0, ..]) | (Form::TwoByte, [0, ..]) => {
            r.u8("padding")?;
            Ok(Next::Padding)
        }
        (Form::OneByte, [byte, ..]) if matches!(byte >> 4, 0 | 15) => Ok(Next::End),
        (Form::OneByte, _) => {
            let head = r.u8("ID, L")?;
            r.part("ID", 0xf0, head.value);
            r.part_meaning("length", 0x0f, || Value::Unsigned(u64::from(head.value & 0x0f) + 1));
            let length = usize::from(head.value & 0x0f) + 1;
            Ok(Next::Element(element(r, head.value >> 4, head.range, length)?))
        }
        (Form::TwoByte, _) => {
            let id = r.u8("ID")?;
            let length = r.u8("length")?;
            Ok(Next::Element(element(r, id.value, id.range.to(length.range), length.value.into())?))
        }
        (Form::Other, _) => Ok(Next::End),
    }
}

/// The element whose value comes next. The value is looked at, not yet read.
fn element<'a, S: Sink>(r: &mut Reader<'a, S>, id: u8, header: Span, length: usize) -> Read<Element<'a>> {
    let start = r.offset();
    let value = r.peek().get(..length).ok_or_else(|| r.short(length))?;
    Ok(Element { id, header, value: Field::new(Span::new(start, start + length), value) })
}

fn record<S: Sink>(r: &mut Reader<'_, S>, form: Form, map: &ExtensionMap) {
    while !r.is_empty() {
        // Padding is no unit of its own.
        if r.peek().first() == Some(&0) {
            let run = r.peek().iter().take_while(|byte| **byte == 0).count();
            if r.bytes("padding", run).is_err() {
                return;
            }
            continue;
        }
        let outcome = r.node("header extension element", |r| {
            let outcome = next(r, form).and_then(|next| match next {
                Next::Padding => Ok(true),
                Next::End => Ok(false),
                Next::Element(element) => {
                    let kind = map.get(element.id);
                    r.rename(|| kind.name().into());
                    let value = r.attempt(element.value.value.len(), element.header, |r| {
                        let value = ExtensionValue::read(r, kind)?;
                        r.rename(|| kind.name().into());
                        Ok(value)
                    })?;
                    r.summary(|| value.map(|value| value.to_string()).unwrap_or_default());
                    Ok(true)
                }
            });
            if let Err(stop) = &outcome {
                r.undissected(stop);
            }
            outcome
        });
        match outcome {
            Ok(true) => {}
            Ok(false) => drop(r.rest("bytes after the last element")),
            Err(_) => return,
        }
    }
}

/// Reads the elements of an extension; ends early at one that runs over the end.
#[derive(Debug, Default)]
pub struct Elements<'a> {
    form: Form,
    reader: Option<Reader<'a, Silent>>,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let reader = self.reader.as_mut()?;
        while !reader.is_empty() {
            match next(reader, self.form) {
                Ok(Next::Padding) => {}
                Ok(Next::Element(element)) => {
                    // The value was only looked at.
                    reader.bytes("value", element.value.value.len()).ok()?;
                    return Some(element);
                }
                Ok(Next::End) | Err(_) => break,
            }
        }
        self.reader = None;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::hex;

    #[track_caller]
    fn check(bytes: &str, expected: &[(u8, &str)]) {
        let bytes = hex(bytes);
        let mut reader = Reader::new("test", &bytes);
        let block = ExtensionBlock::read(&mut reader, &ExtensionMap::default()).unwrap();
        let found: Vec<_> = block.elements().map(|e| (e.id, e.value.value.to_vec())).collect();
        let expected: Vec<_> = expected.iter().map(|(id, value)| (*id, hex(value))).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn one_byte_headers_with_padding_between() {
        check("bede0003 10aa 21bbbb 0000 33cccccccc", &[(1, "aa"), (2, "bbbb"), (3, "cccccccc")]);
    }

    #[test]
    fn two_byte_headers_may_have_no_value() {
        check("10000003 0100 0201bb 00 0304cccccccc", &[(1, ""), (2, "bb"), (3, "cccccccc")]);
        check("100f0001 01020000", &[(1, "0000")]);
    }

    #[test]
    fn identifier_fifteen_and_padding_with_a_length_end_the_list() {
        check("bede0002 10aa f0bb 20cc 0000", &[(1, "aa")]);
        check("bede0002 10aa 01bb 20cc 0000", &[(1, "aa")]);
    }

    #[test]
    fn an_element_over_the_end_is_left_out() {
        check("bede0001 10aa 2fbb", &[(1, "aa")]);
    }

    #[test]
    fn other_profiles_have_no_elements() {
        check("abcd0001 10aa0000", &[]);
    }
}
