//! A bounds-checked cursor that reads values by name.
//!
//! Reading is recording: every read names what it reads and reports it to the reader's [`Sink`]. With [`Silent`] that costs
//! nothing and allocates nothing; with [`super::node::Recorder`] the same code builds the tree.

use super::code::CodePoint;
use super::codes::Codes;
use super::field::{Field, Span};
use super::node::Value;
use super::stop::{Cause, Read, Stop};
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The name of what follows the place in a unit from which on it cannot be read.
pub(super) const UNDISSECTED: &str = "undissected bytes";

/// What is reported of a reading as it goes on. All methods do nothing unless implemented.
pub trait Sink {
    /// Whether anything is kept; work done only for the record is skipped otherwise.
    const RECORDS: bool;
    /// A unit begins.
    fn open(&mut self, _name: Cow<'static, str>, _start: usize) {}
    /// The unit begun last ends.
    fn close(&mut self, _end: usize) {}
    /// A value was read.
    fn leaf(&mut self, _name: &'static str, _range: Span, _value: Value) {}
    /// The value read last means this.
    fn meaning(&mut self, _value: Value) {}
    /// Some bits of the value read last.
    fn part(&mut self, _name: &'static str, _mask: u64, _value: Value) {}
    /// The unit's name, now that it is known.
    fn rename(&mut self, _name: Cow<'static, str>) {}
    /// The unit in one line.
    fn summary(&mut self, _summary: String) {}
    /// Something odd.
    fn anomaly(&mut self, _range: Span, _what: Cow<'static, str>) {}
}

/// Keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Sink for Silent {
    const RECORDS: bool = false;
}

/// The cursor.
#[derive(Debug)]
pub struct Reader<'a, S = Silent> {
    bytes: &'a [u8],
    position: usize,
    /// One past the last byte that may be read; never beyond `bytes`.
    end: usize,
    /// Where `bytes` start within the whole.
    base: usize,
    layer: &'static str,
    length_from: Option<Span>,
    /// The stop remarked last: one that passes through several parts is remarked in the innermost alone.
    remarked: Option<Stop>,
    sink: S,
}

impl<'a> Reader<'a> {
    /// Reads `bytes` silently; `layer` names the unit in a [`Stop`].
    pub const fn new(layer: &'static str, bytes: &'a [u8]) -> Self {
        Self::with_sink(layer, bytes, 0, Silent)
    }

    /// The same for bytes that start at `base` within the whole.
    pub const fn at(layer: &'static str, bytes: &'a [u8], base: usize) -> Self {
        Self::with_sink(layer, bytes, base, Silent)
    }
}

macro_rules! numbers {
    ($($(#[$meta:meta])* $name:ident: $type:ty, $width:literal;)+) => {$(
        $(#[$meta])*
        #[inline]
        pub fn $name(&mut self, name: &'static str) -> Read<Field<$type>> {
            let (range, number) = self.number(name, $width)?;
            Ok(Field::new(range, number as $type))
        }
    )+};
}

impl<'a, S: Sink> Reader<'a, S> {
    /// With a sink of one's own.
    pub const fn with_sink(layer: &'static str, bytes: &'a [u8], base: usize, sink: S) -> Self {
        Self { bytes, position: 0, end: bytes.len(), base, layer, length_from: None, remarked: None, sink }
    }

    /// Gives back the sink.
    pub fn into_sink(self) -> S {
        self.sink
    }

    /// Whether a record is kept. Lists need not be walked when it is not.
    pub const fn records(&self) -> bool {
        S::RECORDS
    }

    /// Place of the next byte within the whole.
    #[inline]
    pub const fn offset(&self) -> usize {
        self.base + self.position
    }

    /// Bytes left within the limit.
    #[inline]
    pub const fn remaining(&self) -> usize {
        self.end - self.position
    }

    /// Whether all has been read.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.position >= self.end
    }

    /// The bytes left, without reading them.
    #[inline]
    pub fn peek(&self) -> &'a [u8] {
        self.bytes.get(self.position..self.end).unwrap_or_default()
    }

    /// All bytes given to this reader, whatever the limit (for checksums and compressed names).
    pub const fn whole(&self) -> &'a [u8] {
        self.bytes
    }

    /// A stop here because `needed` bytes are not there.
    #[cold]
    pub fn short(&self, needed: usize) -> Stop {
        self.stop(needed, Cause::Short)
    }

    /// A stop here because of a value with which the rest cannot be found.
    #[cold]
    pub fn invalid(&self, why: &'static str) -> Stop {
        self.stop(0, Cause::Invalid(why))
    }

    fn stop(&self, needed: usize, cause: Cause) -> Stop {
        let place = Span::new(self.offset(), self.offset().saturating_add(needed));
        let available = Span::new(0, self.remaining()).end;
        Stop {
            layer: self.layer,
            offset: place.start,
            needed: Span::new(0, needed).end,
            available,
            length_from: self.length_from,
            cause,
        }
    }

    /// Takes `length` bytes without reporting to the sink.
    #[inline]
    fn take(&mut self, length: usize) -> Read<(Span, &'a [u8])> {
        match self.peek().get(..length) {
            Some(bytes) => {
                let start = self.offset();
                self.position += length;
                Ok((Span::new(start, start + length), bytes))
            }
            None => Err(self.short(length)),
        }
    }

    #[inline]
    fn number(&mut self, name: &'static str, width: usize) -> Read<(Span, u64)> {
        let (range, bytes) = self.take(width)?;
        let number = bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        if S::RECORDS {
            self.sink.leaf(name, range, Value::Unsigned(number));
        }
        Ok((range, number))
    }

    numbers! {
        /// One byte.
        u8: u8, 1;
        /// Two bytes, big-endian.
        u16: u16, 2;
        /// Three bytes, big-endian.
        u24: u32, 3;
        /// Four bytes, big-endian.
        u32: u32, 4;
        /// Six bytes, big-endian.
        u48: u64, 6;
        /// Eight bytes, big-endian.
        u64: u64, 8;
    }

    /// A code point of its own width.
    #[inline]
    pub fn code<C: CodePoint>(&mut self, name: &'static str) -> Read<Field<C>> {
        let (range, number) = self.number(name, C::WIDTH)?;
        let code = C::from_number(number);
        if S::RECORDS {
            self.sink.meaning(Value::Code(number, code.name()));
        }
        Ok(Field::new(range, code))
    }

    /// Bytes without further meaning.
    #[inline]
    pub fn bytes(&mut self, name: &'static str, length: usize) -> Read<Field<&'a [u8]>> {
        let (range, bytes) = self.take(length)?;
        if S::RECORDS {
            self.sink.leaf(name, range, Value::Bytes(bytes.to_vec()));
        }
        Ok(Field::new(range, bytes))
    }

    /// A fixed number of bytes.
    #[inline]
    pub fn array<const N: usize>(&mut self, name: &'static str) -> Read<Field<[u8; N]>> {
        match self.peek().first_chunk::<N>() {
            Some(array) => Ok(self.bytes(name, N)?.map(|_| *array)),
            None => Err(self.short(N)),
        }
    }

    /// Bytes whose number came from the length at `length_from`, which a [`Stop`] then names.
    #[inline]
    pub fn sized(&mut self, name: &'static str, length: usize, length_from: Span) -> Read<Field<&'a [u8]>> {
        self.bytes(name, length).map_err(|stop| Stop { length_from: Some(length_from), ..stop })
    }

    /// As many code points as fit `length` bytes, that number having come from `length_from`.
    #[inline]
    pub fn codes<C: CodePoint>(
        &mut self,
        name: &'static str,
        length: usize,
        length_from: Span,
    ) -> Read<Codes<'a, C>> {
        let start = self.offset();
        let bytes = self.peek().get(..length).unwrap_or_default();
        self.within(length, length_from, |r| {
            if S::RECORDS {
                while r.remaining() >= C::WIDTH {
                    r.code::<C>(name)?;
                }
            } else {
                r.rest(name);
            }
            Ok(Codes::new(Field::new(Span::new(start, start + length), bytes)))
        })
    }

    /// Text, shown as UTF-8 where it is; the value stays as bytes.
    #[inline]
    pub fn text(&mut self, name: &'static str, length: usize) -> Read<Field<&'a [u8]>> {
        let (range, bytes) = self.take(length)?;
        if S::RECORDS {
            self.sink.leaf(name, range, Value::Text(String::from_utf8_lossy(bytes).into_owned()));
        }
        Ok(Field::new(range, bytes))
    }

    /// An IPv4 address.
    #[inline]
    pub fn ipv4(&mut self, name: &'static str) -> Read<Field<Ipv4Addr>> {
        let address = self.array::<4>(name)?.map(Ipv4Addr::from);
        self.meaning(|| Value::Ip(IpAddr::V4(address.value)));
        Ok(address)
    }

    /// An IPv6 address.
    #[inline]
    pub fn ipv6(&mut self, name: &'static str) -> Read<Field<Ipv6Addr>> {
        let address = self.array::<16>(name)?.map(Ipv6Addr::from);
        self.meaning(|| Value::Ip(IpAddr::V6(address.value)));
        Ok(address)
    }

    /// All that is left within the limit; nothing is recorded when that is nothing.
    #[inline]
    pub fn rest(&mut self, name: &'static str) -> Field<&'a [u8]> {
        let length = self.remaining();
        let start = self.offset();
        let bytes = self.peek();
        self.position = self.end;
        let range = Span::new(start, start + length);
        if S::RECORDS && !range.is_empty() {
            self.sink.leaf(name, range, Value::Bytes(bytes.to_vec()));
        }
        Field::new(range, bytes)
    }

    /// Records what is left as trailing bytes, with a remark.
    pub fn trailing(&mut self) {
        let rest = self.rest("trailing bytes");
        if S::RECORDS && !rest.range.is_empty() {
            self.sink.anomaly(rest.range, Cow::Borrowed("bytes after the end of the unit"));
        }
    }

    /// Records what is left as not dissected because of `stop`.
    pub fn undissected(&mut self, stop: &Stop) {
        let rest = self.rest(UNDISSECTED);
        if S::RECORDS && self.remarked != Some(*stop) {
            self.sink.anomaly(rest.range, Cow::Owned(stop.to_string()));
            self.remarked = Some(*stop);
        }
    }

    /// Says what the value read last means, for the record.
    #[inline]
    pub fn meaning(&mut self, value: impl FnOnce() -> Value) {
        if S::RECORDS {
            self.sink.meaning(value());
        }
    }

    /// Names some bits of the value read last, for the record. `mask` is applied to `number`, the value read.
    #[inline]
    pub fn part(&mut self, name: &'static str, mask: u64, number: impl Into<u64>) {
        if S::RECORDS {
            let bits = (number.into() & mask) >> mask.trailing_zeros().min(63);
            let value = if mask.count_ones() == 1 { Value::Flag(bits == 1) } else { Value::Unsigned(bits) };
            self.sink.part(name, mask, value);
        }
    }

    /// The same when the bits mean something of their own.
    #[inline]
    pub fn part_meaning(&mut self, name: &'static str, mask: u64, value: impl FnOnce() -> Value) {
        if S::RECORDS {
            self.sink.part(name, mask, value());
        }
    }

    /// Names the unit being read, once that is known.
    #[inline]
    pub fn rename(&mut self, name: impl FnOnce() -> Cow<'static, str>) {
        if S::RECORDS {
            self.sink.rename(name());
        }
    }

    /// Says the unit being read in one line.
    #[inline]
    pub fn summary(&mut self, summary: impl FnOnce() -> String) {
        if S::RECORDS {
            self.sink.summary(summary());
        }
    }

    /// Remarks something odd about `range`.
    #[inline]
    pub fn anomaly(&mut self, range: Span, what: impl FnOnce() -> Cow<'static, str>) {
        if S::RECORDS {
            self.sink.anomaly(range, what());
        }
    }

    /// Reads a unit inside this one, as a child in the record. It ends where `read` stops reading.
    #[inline]
    pub fn node<T>(&mut self, name: &'static str, read: impl FnOnce(&mut Self) -> T) -> T {
        if S::RECORDS {
            self.sink.open(Cow::Borrowed(name), self.offset());
        }
        let outcome = read(self);
        if S::RECORDS {
            self.sink.close(self.offset());
        }
        outcome
    }

    /// Calls units of this part `layer` in a [`Stop`].
    pub fn layer<T>(&mut self, layer: &'static str, read: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.layer, layer);
        let outcome = read(self);
        self.layer = outer;
        outcome
    }

    /// Reads the next `length` bytes as a whole, the length having come from `length_from`.
    ///
    /// What `read` leaves over is recorded as trailing. If fewer bytes are there, `read` gets those, then this stops.
    /// If `read` stops, so does this, with the rest recorded as undissected; the reader then stands after the part.
    pub fn within<T>(
        &mut self,
        length: usize,
        length_from: Span,
        read: impl FnOnce(&mut Self) -> Read<T>,
    ) -> Read<T> {
        let missing = (length > self.remaining()).then(|| self.short(length));
        let outer = (self.end, self.length_from);
        self.end = self.position + length.min(self.remaining());
        if missing.is_none() {
            self.length_from = Some(length_from);
        }
        let mut outcome = read(self);
        if let (Ok(_), Some(stop)) = (&outcome, missing) {
            outcome = Err(Stop { length_from: Some(length_from), ..stop });
        }
        match &outcome {
            Ok(_) => self.trailing(),
            Err(stop) => self.undissected(stop),
        }
        (self.end, self.length_from) = outer;
        outcome
    }

    /// Like [`Reader::within`], but a stop inside is only remarked and reading goes on after the part.
    ///
    /// Stops all the same when the part itself is cut short, as nothing can follow it.
    pub fn attempt<T>(
        &mut self,
        length: usize,
        length_from: Span,
        read: impl FnOnce(&mut Self) -> Read<T>,
    ) -> Read<Option<T>> {
        let whole = length <= self.remaining();
        match self.within(length, length_from, read) {
            Ok(value) => Ok(Some(value)),
            Err(_) if whole => Ok(None),
            Err(stop) => Err(stop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::node::record;
    use super::*;
    use crate::wire::testing::check_all;

    /// A type, a length and that many bytes of which the first two are a number.
    fn sample<'a, S: Sink>(r: &mut Reader<'a, S>) -> Read<(u8, Option<u16>)> {
        let kind = r.u8("type")?;
        r.part("high", 0xf0, kind.value);
        let length = r.u16("length")?;
        let inner = r.node("value", |r| {
            r.attempt(length.value.into(), length.range, |r| Ok(r.u16("number")?.value))
        })?;
        Ok((kind.value, inner))
    }

    #[test]
    fn the_same_reads_make_view_and_tree() {
        let bytes = [0x12, 0, 2, 3, 4];
        assert_eq!(sample(&mut Reader::new("sample", &bytes)), Ok((0x12, Some(0x0304))));
        let tree = record("sample", &bytes, sample);
        assert_eq!(tree.view, Some((0x12, Some(0x0304))));
        let text = "sample [0..5]\n  type [0..1] = 18\n    .high = 1\n  length [1..3] = 2\n  value [3..5]\n    \
                    number [3..5] = 772\n";
        assert_eq!(tree.node.to_string(), text);
        check_all(&bytes, |b| record("sample", b, sample).outcome());
    }

    #[test]
    fn a_part_that_stops_is_remarked_and_reading_goes_on() {
        let bytes = [0x12, 0, 1, 9, 7];
        let tree = record("sample", &bytes, sample);
        assert_eq!(tree.stop, None);
        assert_eq!(tree.view, Some((0x12, None)));
        let value = tree.node.find("value").unwrap();
        let remark = "sample stops at byte 3: too few bytes, 2 needed, 1 there by the length at 1..3";
        assert_eq!(value.anomalies[0].what, remark);
        assert_eq!(tree.node.field("trailing bytes").unwrap().range, Span::new(4, 5));
    }

    #[test]
    fn a_part_cut_short_keeps_its_beginning_and_stops() {
        let bytes = [0x12, 0, 9, 1, 2];
        let tree = record("sample", &bytes, sample);
        let stop = tree.stop.unwrap();
        assert_eq!((stop.offset, stop.needed, stop.available), (3, 9, 2));
        assert_eq!(stop.length_from, Some(Span::new(1, 3)));
        assert_eq!(tree.node.find("value").unwrap().field("number").unwrap().value, Value::Unsigned(0x0102));
    }

    #[test]
    fn offsets_count_from_the_base() {
        let mut reader = Reader::at("sample", &[1, 2, 3], 40);
        assert_eq!(reader.u16("number").unwrap().range, Span::new(40, 42));
        assert_eq!(reader.u16("number").unwrap_err().offset, 42);
    }
}
