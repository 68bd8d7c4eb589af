//! The bytes of packets. They are kept in a [`Store`] while a capture is read, and looked up there by whoever needs them: evidence
//! itself holds only where they are.

use std::fmt;
use std::io;
use std::ops::Deref;
use std::sync::Arc;

/// Takes the bytes of packets while a capture is read.
pub trait Store {
    /// Keeps bytes. Where they begin: each call begins where the one before ended.
    ///
    /// # Errors
    /// If there is no room for them.
    fn put(&mut self, bytes: &[u8]) -> io::Result<u64>;

    /// Ends writing.
    ///
    /// # Errors
    /// If what was kept cannot be read.
    fn close(self: Box<Self>) -> io::Result<Box<dyn Stored>>;
}

/// Makes a store, given about how many bytes will be put there, if that is known.
pub type MakeStore = fn(Option<u64>) -> Box<dyn Store>;

/// What a [`Store`] kept.
pub trait Stored: Send + Sync {
    /// `length` bytes from `at` on; none if the store ends before.
    fn get(&self, at: u64, length: usize) -> &[u8];
}

/// A store in memory, for small captures.
#[derive(Debug, Default)]
pub struct InMemory(Vec<u8>);

impl InMemory {
    /// An empty store with room for that number of bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }
}

impl Store for InMemory {
    fn put(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let at = self.0.len() as u64;
        self.0.extend_from_slice(bytes);
        Ok(at)
    }

    fn close(self: Box<Self>) -> io::Result<Box<dyn Stored>> {
        Ok(self)
    }
}

impl Stored for InMemory {
    fn get(&self, at: u64, length: usize) -> &[u8] {
        let begin = usize::try_from(at).unwrap_or(usize::MAX);
        self.0.get(begin..begin.saturating_add(length)).unwrap_or_default()
    }
}

/// A closed store, shared by all that is in it.
#[derive(Clone)]
pub(super) struct Shelf(Arc<Box<dyn Stored>>);

impl Shelf {
    pub(super) fn new(stored: Box<dyn Stored>) -> Self {
        Self(Arc::new(stored))
    }

    pub(super) fn get(&self, at: u64, length: usize) -> &[u8] {
        self.0.get(at, length)
    }
}

/// Bytes of a packet, to be read like a slice.
#[derive(Clone)]
pub struct Bytes(Storage);

/// Both are 16 bytes long: each packet of a connection has at least one.
#[derive(Clone)]
enum Storage {
    #[expect(clippy::box_collection, reason = "a vector would be longer than a place in a store")]
    Own(Box<Vec<u8>>),
    /// In a store: the length in the upper 16 bits, where they begin in the others.
    Stored(Shelf, u64),
}

/// Bits for the place in a store.
const AT: u32 = 48;

impl Bytes {
    /// Bytes that are in a store.
    pub(super) fn stored(shelf: &Shelf, at: u64, length: usize) -> Self {
        match u16::try_from(length) {
            Ok(length) if at < 1 << AT => Self(Storage::Stored(shelf.clone(), u64::from(length) << AT | at)),
            _ => Self::from(shelf.get(at, length).to_vec()),
        }
    }

    /// Whether they are in a store.
    #[cfg(test)]
    pub(super) fn is_stored(&self) -> bool {
        matches!(self.0, Storage::Stored(..))
    }

    /// Them as a slice.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Storage::Own(bytes) => bytes,
            Storage::Stored(shelf, place) => {
                shelf.get(place & ((1 << AT) - 1), usize::try_from(place >> AT).unwrap_or_default())
            }
        }
    }

    /// Them as a vector, no longer in a store: for tests, which change recordings.
    #[cfg(test)]
    pub(crate) fn to_mut(&mut self) -> &mut Vec<u8> {
        if let Storage::Stored(..) = self.0 {
            *self = Self::from(self.as_slice().to_vec());
        }
        match &mut self.0 {
            Storage::Own(bytes) => bytes,
            Storage::Stored(..) => unreachable!("they were taken out of the store"),
        }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

/// For tests, which change recordings.
#[cfg(test)]
impl std::ops::DerefMut for Bytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.to_mut()
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Storage::Own(Box::new(bytes)))
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Bytes {}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_a_store_reads_like_what_is_not() {
        let mut store = InMemory::default();
        assert_eq!((store.put(b"one").unwrap(), store.put(b"three").unwrap()), (0, 3));
        let shelf = Shelf::new(Box::new(store).close().unwrap());
        let mut bytes = Bytes::stored(&shelf, 3, 5);
        assert_eq!(bytes, Bytes::from(b"three".to_vec()));
        bytes.to_mut().truncate(2);
        assert_eq!(bytes.as_slice(), b"th");
        assert_eq!(Bytes::stored(&shelf, 3, 5).as_slice(), b"three", "the store stays as it was");
        assert!(Bytes::stored(&shelf, 3, 6).is_empty() && Bytes::stored(&shelf, 1 << 50, 1).is_empty());
        assert_eq!(size_of::<Bytes>(), 16);
    }
}
