//! Units that follow one another, read one by one only when they are asked for.

use super::field::{Field, Span};
use super::reader::{Reader, Silent, Sink};
use super::stop::{Read, Stop};
use std::marker::PhantomData;

/// Something that lists are made of.
pub trait Unit<'a>: Sized {
    /// As its RFC calls it; names the node and the layer of a [`Stop`].
    const NAME: &'static str;
    /// Whether it is a node of its own in the tree. Units of a single value are not.
    const IS_NODE: bool = true;

    /// Reads one. With a recorder everything inside is read too.
    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self>;
}

/// The bytes of a list. Iterating reads the units; it ends at the first that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct List<'a, T> {
    /// The bytes that hold the units.
    pub bytes: Field<&'a [u8]>,
    unit: PhantomData<fn() -> T>,
}

impl<'a, T: Unit<'a>> List<'a, T> {
    /// Takes the next `length` bytes as a list, the length having come from `length_from`.
    ///
    /// With a recorder the units are read. One that stops is remarked upon, and reading goes on after the list; only a list
    /// that is cut short stops the reader.
    pub fn read<S: Sink>(r: &mut Reader<'a, S>, length: usize, length_from: Span) -> Read<Self> {
        let start = r.offset();
        let there = r.peek();
        let value = there.get(..length).unwrap_or(there);
        r.within(length, length_from, |r| {
            if r.records() {
                record::<T, S>(r);
            } else {
                r.rest("list");
            }
            Ok(())
        })?;
        Ok(Self { bytes: Field::new(Span::new(start, start + value.len()), value), unit: PhantomData })
    }

    /// All that is left within the limit as a list.
    pub fn rest<S: Sink>(r: &mut Reader<'a, S>) -> Self {
        let start = r.offset();
        let value = r.peek();
        if r.records() {
            record::<T, S>(r);
        } else {
            r.rest("list");
        }
        Self { bytes: Field::new(Span::new(start, start + value.len()), value), unit: PhantomData }
    }

    /// The units in order.
    pub fn iter(&self) -> Iter<'a, T> {
        Iter {
            reader: Some(Reader::at(T::NAME, self.bytes.value, self.bytes.range.start as usize)),
            unit: PhantomData,
        }
    }

    /// Whether there is no unit.
    pub fn is_empty(&self) -> bool {
        self.bytes.value.is_empty()
    }

    /// Where and why the iteration ends early, if it does.
    pub fn stop(&self) -> Option<Stop> {
        let mut iter = self.iter();
        loop {
            if let Err(stop) = iter.try_next()? {
                return Some(stop);
            }
        }
    }
}

/// Reads all that is left as units; what cannot be read is remarked upon and kept as bytes.
fn record<'a, T: Unit<'a>, S: Sink>(r: &mut Reader<'a, S>) {
    while !r.is_empty() {
        let before = r.remaining();
        let outcome = r.layer(T::NAME, |r| if T::IS_NODE { r.node(T::NAME, T::read) } else { T::read(r) });
        match outcome {
            Err(stop) => return r.undissected(&stop),
            Ok(_) if r.remaining() == before => return r.trailing(),
            Ok(_) => {}
        }
    }
}

impl<'a, T: Unit<'a>> IntoIterator for List<'a, T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

/// Reads the units of a [`List`].
#[derive(Debug)]
pub struct Iter<'a, T> {
    /// `None` once the end or a stop has been reached.
    reader: Option<Reader<'a, Silent>>,
    unit: PhantomData<fn() -> T>,
}

impl<'a, T: Unit<'a>> Iter<'a, T> {
    /// The next unit, or why it cannot be read; nothing after that.
    pub fn try_next(&mut self) -> Option<Read<T>> {
        let reader = self.reader.as_mut().filter(|reader| !reader.is_empty())?;
        let before = reader.remaining();
        let outcome = T::read(reader);
        if outcome.is_err() || reader.remaining() == before {
            self.reader = None;
        }
        Some(outcome)
    }
}

impl<'a, T: Unit<'a>> Iterator for Iter<'a, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.try_next()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::node::record as tree;
    use super::super::testing::check_robust;
    use super::*;

    /// A length and that many bytes.
    #[derive(Debug, Clone, Copy, PartialEq)]
    struct Piece<'a>(&'a [u8]);

    impl<'a> Unit<'a> for Piece<'a> {
        const NAME: &'static str = "piece";

        fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
            let length = r.u8("length")?;
            Ok(Self(r.bytes("value", length.value.into())?.value))
        }
    }

    /// Reads nothing at all.
    #[derive(Debug, Clone, Copy, PartialEq)]
    struct Nothing;

    impl<'a> Unit<'a> for Nothing {
        const NAME: &'static str = "nothing";

        fn read<S: Sink>(_: &mut Reader<'a, S>) -> Read<Self> {
            Ok(Self)
        }
    }

    #[test]
    fn units_are_read_until_one_cannot_be() {
        let bytes = [1, 7, 0, 2, 8, 9, 3, 1];
        let list = List::<Piece<'_>>::rest(&mut Reader::at("list", &bytes, 10));
        assert_eq!(
            list.iter().map(|piece| piece.0.to_vec()).collect::<Vec<_>>(),
            [vec![7], vec![], vec![8, 9]]
        );
        let stop = list.stop().unwrap();
        assert_eq!((stop.layer, stop.offset, stop.needed), ("piece", 17, 3));
    }

    #[test]
    fn a_unit_that_stops_is_remarked_upon_in_the_tree() {
        let walk = |bytes: &[u8]| {
            tree("list", bytes, |r| {
                List::<Piece<'_>>::read(r, 3, Span::default())?;
                r.u8("after")
            })
            .outcome()
        };
        let (node, stop) = walk(&[1, 7, 5, 9]);
        assert_eq!(stop, None);
        assert_eq!(node.children.len(), 2);
        assert_eq!(node.anomalies.len(), 1);
        assert!(node.field("after").is_some());
        check_robust(&[1, 7, 0, 9], walk);
    }

    #[test]
    fn a_unit_of_no_bytes_does_not_hang_the_iteration() {
        let list = List::<Nothing>::rest(&mut Reader::new("list", &[1, 2]));
        assert_eq!(list.iter().count(), 1);
        let dissected = tree("list", &[1, 2], |r| Ok(List::<Nothing>::rest(r)));
        assert_eq!(dissected.stop, None);
    }
}
