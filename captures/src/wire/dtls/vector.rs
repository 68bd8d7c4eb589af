//! Variable-length vectors of the TLS presentation language: RFC 8446 §3.4.

use crate::wire::code::CodePoint;
use crate::wire::codes::Codes;
use crate::wire::field::Field;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;

/// `opaque name<0..2^8-1>`.
#[inline]
pub(super) fn opaque8<'a, S: Sink>(
    r: &mut Reader<'a, S>,
    length_name: &'static str,
    name: &'static str,
) -> Read<Field<&'a [u8]>> {
    let length = r.u8(length_name)?;
    r.sized(name, length.value.into(), length.range)
}

/// `opaque name<0..2^16-1>`.
#[inline]
pub(super) fn opaque16<'a, S: Sink>(
    r: &mut Reader<'a, S>,
    length_name: &'static str,
    name: &'static str,
) -> Read<Field<&'a [u8]>> {
    let length = r.u16(length_name)?;
    r.sized(name, length.value.into(), length.range)
}

/// `opaque name<0..2^24-1>`.
#[inline]
pub(super) fn opaque24<'a, S: Sink>(
    r: &mut Reader<'a, S>,
    length_name: &'static str,
    name: &'static str,
) -> Read<Field<&'a [u8]>> {
    let length = r.u24(length_name)?;
    r.sized(name, length.value as usize, length.range)
}

/// `CodePoint names<0..2^8-1>`.
#[inline]
pub(super) fn codes8<'a, S: Sink, C: CodePoint>(
    r: &mut Reader<'a, S>,
    length_name: &'static str,
    name: &'static str,
) -> Read<Codes<'a, C>> {
    let length = r.u8(length_name)?;
    r.codes(name, length.value.into(), length.range)
}

/// `CodePoint names<0..2^16-1>`.
#[inline]
pub(super) fn codes16<'a, S: Sink, C: CodePoint>(
    r: &mut Reader<'a, S>,
    length_name: &'static str,
    name: &'static str,
) -> Read<Codes<'a, C>> {
    let length = r.u16(length_name)?;
    r.codes(name, length.value.into(), length.range)
}

/// A vector of up to 2^16-1 bytes that `read` understands: its bytes, and what `read` made of them.
#[inline]
pub(super) fn nested16<'a, S: Sink>(
    r: &mut Reader<'a, S>,
    length_name: &'static str,
    read: impl FnOnce(&mut Reader<'a, S>) -> Read<()>,
) -> Read<Field<&'a [u8]>> {
    let length = r.u16(length_name)?;
    nested(r, length.map(usize::from), read)
}

/// A vector of up to 2^24-1 bytes that `read` understands.
#[inline]
pub(super) fn nested24<'a, S: Sink>(
    r: &mut Reader<'a, S>,
    length_name: &'static str,
    read: impl FnOnce(&mut Reader<'a, S>) -> Read<()>,
) -> Read<Field<&'a [u8]>> {
    let length = r.u24(length_name)?;
    nested(r, length.map(|length| length as usize), read)
}

/// `read` is only called for the record; silently the bytes are taken as they are, to be read when they are asked for.
fn nested<'a, S: Sink>(
    r: &mut Reader<'a, S>,
    length: Field<usize>,
    read: impl FnOnce(&mut Reader<'a, S>) -> Read<()>,
) -> Read<Field<&'a [u8]>> {
    let silent = Reader::at("vector", r.peek(), r.offset()).sized("vector", length.value, length.range);
    if !r.records() {
        return r.sized("vector", length.value, length.range);
    }
    r.within(length.value, length.range, read)?;
    silent
}

/// One item after the other until the limit, as children of that name in the record.
pub(super) fn each<'a, S: Sink>(
    r: &mut Reader<'a, S>,
    name: &'static str,
    mut read: impl FnMut(&mut Reader<'a, S>) -> Read<()>,
) -> Read<()> {
    while !r.is_empty() {
        r.node(name, &mut read)?;
    }
    Ok(())
}

/// Items that are read from `bytes` as they are asked for. Ends at the first that cannot be read.
pub(super) fn items<'a, T>(
    bytes: Field<&'a [u8]>,
    read: impl Fn(&mut Reader<'a>) -> Read<T> + Clone,
) -> impl Iterator<Item = T> + Clone {
    let start = bytes.range.start as usize;
    let mut done = 0;
    std::iter::from_fn(move || {
        let rest = bytes.value.get(done..).filter(|rest| !rest.is_empty())?;
        let mut reader = Reader::at("vector", rest, start + done);
        let item = read(&mut reader).ok()?;
        // Items take at least one byte; were it otherwise this would not end.
        let read = reader.offset() - start;
        (read > done).then(|| done = read)?;
        Some(item)
    })
}
