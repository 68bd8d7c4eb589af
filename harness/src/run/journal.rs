//! Writing `timeline.jsonl`: entries of all sources on one clock, each on disk as soon as it happened.

use crate::peers::CaseClock;
use peerproof_captures::timeline::{Entry, What};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The timeline of one case.
#[derive(Debug)]
pub struct Journal {
    clock: CaseClock,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    entries: Vec<Entry>,
    /// The case is over: what peers still say belongs to taking it down.
    sealed: bool,
    /// The first trouble in writing; the entries are kept in memory all the same.
    trouble: Option<io::Error>,
}

impl Journal {
    /// Begins the timeline in this file.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn create(path: &Path, clock: CaseClock) -> io::Result<Self> {
        let inner = Inner { file: File::create(path)?, entries: Vec::new(), sealed: false, trouble: None };
        Ok(Self { clock, inner: Mutex::new(inner) })
    }

    /// The case's clock.
    #[must_use]
    pub fn clock(&self) -> CaseClock {
        self.clock
    }

    /// Writes what happens now.
    pub fn write(&self, what: What) {
        self.write_at(self.clock.now_us(), what);
    }

    /// Writes what happened at this time.
    pub fn write_at(&self, t_us: u64, what: What) {
        let mut inner = self.inner();
        if inner.sealed && !matches!(what, What::Note { .. }) {
            return;
        }
        let entry = Entry { n: inner.entries.len() as u64, t_us, what };
        if inner.trouble.is_none() {
            let written = serde_json::to_vec(&entry).map_err(io::Error::from).and_then(|mut line| {
                line.push(b'\n');
                inner.file.write_all(&line)
            });
            inner.trouble = written.err();
        }
        inner.entries.push(entry);
    }

    /// Ends the case's story. Only notes of the harness are taken from now on.
    pub fn seal(&self) {
        self.inner().sealed = true;
    }

    /// All entries so far, and what went wrong in writing them.
    #[must_use]
    pub fn entries(&self) -> (Vec<Entry>, Option<String>) {
        let inner = self.inner();
        (inner.entries.clone(), inner.trouble.as_ref().map(ToString::to_string))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
