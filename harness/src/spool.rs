//! Where the packets of a capture are kept while it is judged: in memory as long as they are few, else in a file without a name that is
//! mapped once it is whole. Of the mapping only what was looked at last stays in memory, so that a judgement takes no more of it
//! for a large capture than for a small one.

use mapping::Mapping;
use peerproof_conformance::evidence::{InMemory, Store, Stored};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::atomic::{AtomicU64, Ordering};

/// Most bytes that stay in memory.
const IN_MEMORY: u64 = 4 << 20;
/// Most bytes that stay in memory if their number is known before: with the rows of a connection's packets this is less than twice what
/// `inspect` takes.
const KNOWN_IN_MEMORY: u64 = 8 << 20;
/// Bytes of the mapping that are read before its memory is given back.
const LOOKED_AT: u64 = 4 << 20;
/// Bytes that the system maps at least when one of them is read.
const WINDOW: u64 = 64 << 10;
/// Bytes that are written at once.
const WRITE: usize = 64 << 10;

/// A file in memory.
mod mapping {
    #![expect(unsafe_code, reason = "the system's interface for mapping a file")]

    use memmap2::Mmap;
    use std::fs::File;
    use std::io;

    /// A mapped file that has no name, so that nobody else can change it.
    pub(super) struct Mapping(Mmap);

    impl Mapping {
        /// Maps a file that nobody writes any more: who calls has the only handle, and gives it up.
        pub(super) fn new(file: &File) -> io::Result<Self> {
            // SAFETY: the file has no name and its only handle is not written to again, so the bytes stay as they are.
            Ok(Self(unsafe { Mmap::map(file) }?))
        }

        pub(super) fn bytes(&self) -> &[u8] {
            &self.0
        }

        /// Gives the memory back. It comes again from the file when it is looked at.
        pub(super) fn give_back(&self) {
            #[cfg(unix)]
            {
                // SAFETY: the mapping is shared and backed by the file, so that its pages come back with the same bytes.
                let given = unsafe { self.0.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
                // What cannot be given back stays, and nothing else follows from it.
                drop(given);
            }
        }
    }
}

/// A store for captures of any size, given about how many bytes come, if that is known.
pub(crate) fn spool(bytes: Option<u64>) -> Box<dyn Store> {
    if let Some(known) = bytes.filter(|bytes| *bytes <= KNOWN_IN_MEMORY) {
        return Box::new(InMemory::with_capacity(usize::try_from(known).unwrap_or_default()));
    }
    Box::new(Spool { length: 0, kept: Kept::InMemory(InMemory::default()) })
}

struct Spool {
    length: u64,
    kept: Kept,
}

enum Kept {
    InMemory(InMemory),
    File(BufWriter<File>),
}

impl Store for Spool {
    fn put(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let at = self.length;
        self.length += bytes.len() as u64;
        if let Kept::InMemory(memory) = &mut self.kept
            && self.length > IN_MEMORY
        {
            let mut file = BufWriter::with_capacity(WRITE, tempfile::tempfile()?);
            let length = usize::try_from(at).unwrap_or_default();
            file.write_all(memory.get(0, length))?;
            self.kept = Kept::File(file);
        }
        match &mut self.kept {
            Kept::InMemory(memory) => memory.put(bytes),
            Kept::File(file) => file.write_all(bytes).map(|()| at),
        }
    }

    fn close(self: Box<Self>) -> io::Result<Box<dyn Stored>> {
        match self.kept {
            Kept::InMemory(memory) => Box::new(memory).close(),
            Kept::File(file) => {
                let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
                let map = Mapping::new(&file)?;
                Ok(Box::new(Mapped { map, window: AtomicU64::new(0), looked_at: AtomicU64::new(0) }))
            }
        }
    }
}

/// A mapped file that nobody else can reach, so that it stays as it is.
struct Mapped {
    map: Mapping,
    /// The window that was looked at last.
    window: AtomicU64,
    /// Bytes that were looked at since the mapping was given back.
    looked_at: AtomicU64,
}

impl Stored for Mapped {
    fn get(&self, at: u64, length: usize) -> &[u8] {
        let window = at / WINDOW;
        if self.window.swap(window, Ordering::Relaxed) != window {
            let more = WINDOW.max(length as u64);
            if self.looked_at.fetch_add(more, Ordering::Relaxed) > LOOKED_AT {
                self.looked_at.store(0, Ordering::Relaxed);
                self.map.give_back();
            }
        }
        let begin = usize::try_from(at).unwrap_or(usize::MAX);
        self.map.bytes().get(begin..begin.saturating_add(length)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_the_same_in_memory_and_in_the_file() {
        for pieces in [10, 3 * IN_MEMORY / 1_000] {
            let piece = |n: u64| n.to_be_bytes().repeat(125);
            let mut spool = spool(None);
            let at: Vec<u64> = (0..pieces).map(|n| spool.put(&piece(n)).unwrap()).collect();
            let stored = spool.close().unwrap();
            // More than once, so that some were given back in the meantime, and slices stay what they are.
            let first = stored.get(0, 1_000);
            for _ in 0..2 {
                for (n, at) in at.iter().enumerate() {
                    assert!(stored.get(*at, 1_000) == piece(n as u64), "{n}");
                }
            }
            assert_eq!(first, piece(0));
            assert!(stored.get(pieces * 1_000, 1).is_empty() && stored.get(u64::MAX, 1).is_empty());
        }
    }
}
