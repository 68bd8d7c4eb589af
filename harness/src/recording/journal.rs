//! Writing `timeline.jsonl`: entries of all sources on one clock, each on disk as soon as it happened.
//!
//! The events of peers with clocks of their own are placed by what is known of these clocks when they come. When the case has ended
//! more is known: [`Journal::settle`] places them again, and [`Journal::rewrite`] puts that on disk.

use crate::peers::CaseClock;
use crate::peers::clock::{Doubt, Estimate, ReportedTime};
use peerproof_captures::timeline::{Entry, MOST_ENTRIES, Note, What};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The timeline of one case.
#[derive(Debug)]
pub struct Journal {
    clock: CaseClock,
    path: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    entries: Vec<Entry>,
    /// What peers said of the times of their events, by the place of the entry.
    times: BTreeMap<usize, ReportedTime>,
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
        let inner = Inner {
            file: File::create(path)?,
            entries: Vec::new(),
            times: BTreeMap::new(),
            sealed: false,
            trouble: None,
        };
        Ok(Self { clock, path: path.to_owned(), inner: Mutex::new(inner) })
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
        self.write_reported(t_us, None, what);
    }

    /// Writes what happened at a peer at this time, and keeps what the peer said of the time.
    pub fn write_reported(&self, t_us: u64, time: Option<ReportedTime>, what: What) {
        let mut inner = self.inner();
        if inner.sealed && !matches!(what, What::Note(_)) {
            return;
        }
        if let Some(time) = time {
            let place = inner.entries.len();
            inner.times.insert(place, time);
        }
        inner.push(t_us, what);
    }

    /// Ends the case's story. Only notes of the harness are taken from now on, and what is known of clocks.
    pub fn seal(&self) {
        self.inner().sealed = true;
    }

    /// Places a peer's events by all that is known of its clock, and writes how well that is known. An event is neither after its
    /// arrival nor before the one ahead of it. To be called once, after [`Journal::seal`]; on disk the events stay where they were until
    /// [`Journal::rewrite`].
    pub fn settle(&self, peer: &str, clock: &Estimate) {
        let mut guard = self.inner();
        let inner = &mut *guard;
        let mut newest = 0;
        for (n, entry) in inner.entries.iter_mut().enumerate() {
            if !matches!(&entry.what, What::Event { peer: of, .. } if of == peer) {
                continue;
            }
            if let Some(time) = inner.times.get(&n) {
                entry.t_us = clock.place(*time).max(newest);
            }
            newest = newest.max(entry.t_us);
        }
        let now_us = self.clock.now_us();
        if let Some(doubt) = clock.doubt {
            let peer = peer.to_owned();
            let note = match doubt {
                Doubt::Unknown => Note::ClockUnknown { peer },
                Doubt::Impossible { by_us } => Note::ClockContradicts { peer, by_us },
            };
            inner.push(now_us, What::Note(note));
        }
        let what = What::PeerClock {
            peer: peer.to_owned(),
            offset_us: clock.offset_us(),
            drift_ppm: clock.drift_ppm(),
            error_us: clock.error_us,
        };
        inner.push(now_us, what);
    }

    /// Puts all entries on disk anew: into a file beside the timeline, which then takes its place. Whenever the process ends, one
    /// of the two is there as a whole.
    pub fn rewrite(&self) {
        let mut inner = self.inner();
        if inner.trouble.is_none() {
            match anew(&self.path, &inner.entries) {
                Ok(file) => inner.file = file,
                Err(error) => inner.trouble = Some(error),
            }
        }
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

impl Inner {
    fn push(&mut self, t_us: u64, what: What) {
        if self.entries.len() >= MOST_ENTRIES {
            // It would not be read again. No peer can report that much (`line.rs`), and rules act on fewer packets in any scenario of sense.
            let full = || io::Error::other(format!("the timeline has more than {MOST_ENTRIES} entries"));
            self.trouble.get_or_insert_with(full);
            return;
        }
        let entry = Entry { n: self.entries.len() as u64, t_us, what };
        if self.trouble.is_none() {
            let written = line(&entry).and_then(|line| self.file.write_all(&line));
            self.trouble = written.err();
        }
        self.entries.push(entry);
    }
}

fn line(entry: &Entry) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(entry).map_err(io::Error::from)?;
    line.push(b'\n');
    Ok(line)
}

/// Writes the entries to a file that takes the place of `path`, and returns it, open behind the last.
fn anew(path: &Path, entries: &[Entry]) -> io::Result<File> {
    let finished = path.with_extension("jsonl.part");
    let mut writer = BufWriter::new(File::create(&finished)?);
    for entry in entries {
        writer.write_all(&line(entry)?)?;
    }
    let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
    fs::rename(&finished, path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::clock::PeerClock;
    use peerproof_captures::event::PeerEvent;

    #[test]
    fn no_more_is_written_than_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("timeline.jsonl");
        let journal = Journal::create(&path, CaseClock::start()).unwrap();
        for seq in 0..=MOST_ENTRIES as u64 {
            journal.write(event("alice", seq));
        }
        let (entries, trouble) = journal.entries();
        assert_eq!(entries.len(), MOST_ENTRIES);
        assert!(trouble.unwrap().contains("250000 entries"));
        let read = peerproof_captures::timeline::read(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(read.len(), MOST_ENTRIES);
    }

    fn event(peer: &str, seq: u64) -> What {
        What::Event { peer: peer.to_owned(), seq, event: PeerEvent::NegotiationNeeded }
    }

    fn read(path: &Path) -> Vec<Entry> {
        let text = fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// A clock of which is known that it shows 10 ms more than the case's, within 100 µs.
    fn ahead() -> Estimate {
        let mut clock = PeerClock::default();
        clock.answered(1_010_000.0, 999_900, 1_000_099);
        clock.estimate()
    }

    #[test]
    fn events_are_placed_again_when_the_case_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("timeline.jsonl");
        let journal = Journal::create(&path, CaseClock::start()).unwrap();
        let time = |t_us: f64, heard_us| Some(ReportedTime { t_us, heard_us });
        journal.write_reported(700, time(10_500.0, 700), event("bob", 0));
        journal.write_reported(900, time(10_500.0, 900), event("alice", 0));
        journal.write_at(1_000, event("bob", 1));
        // Before the one ahead of it, and after its arrival.
        journal.write_reported(1_100, time(10_800.0, 1_100), event("bob", 2));
        journal.write_reported(1_200, time(99_000.0, 1_200), event("bob", 3));
        let before = read(&path);
        journal.seal();
        journal.write(event("bob", 4));
        journal.settle("bob", &ahead());
        assert_eq!(read(&path)[..5], before[..], "a run that is killed now leaves what was there");
        journal.rewrite();
        journal.write(What::Note(Note::Interrupted));
        let (entries, trouble) = journal.entries();
        assert_eq!(trouble, None);
        assert_eq!(read(&path), entries);
        let times: Vec<u64> = entries.iter().map(|entry| entry.t_us).take(5).collect();
        assert_eq!(times, [500, 900, 1_000, 1_000, 1_200]);
        assert!(entries.iter().map(|entry| entry.n).eq(0..7));
        let clock =
            What::PeerClock { peer: "bob".to_owned(), offset_us: -10_000, drift_ppm: 0.0, error_us: 101 };
        assert_eq!(entries[5].what, clock);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_clock_that_cannot_be_right_is_noted() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::create(&folder.path().join("t.jsonl"), CaseClock::start()).unwrap();
        let mut clock = PeerClock::default();
        clock.answered(0.0, 0, 10);
        clock.answered(0.0, 5_000_000, 5_000_010);
        journal.settle("bob", &clock.estimate());
        let (entries, _) = journal.entries();
        assert!(
            matches!(&entries[0].what, What::Note(Note::ClockContradicts { peer, .. }) if peer == "bob"),
            "{entries:?}"
        );
        assert!(matches!(entries[1].what, What::PeerClock { error_us: 4_999_989.., .. }), "{entries:?}");
    }
}
