//! Recordings that tshark reads several at a time, as sections of one file: most of its time is its start.

use crate::clear::{self, Clear};
use crate::facts::Facts;
use crate::{ours, tshark};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

/// Most recordings of a batch.
const MOST: usize = 24;
/// Most bytes of a batch's recordings; one that is larger is a batch by itself.
const MOST_BYTES: u64 = 16 << 20;

/// What both readers say of a capture, and of what was decrypted of it.
#[derive(Debug)]
pub(crate) struct Both {
    pub(crate) ours: Facts,
    pub(crate) theirs: Facts,
    pub(crate) clears: Vec<Clear>,
    /// What tshark says of the clear text, if there is any.
    pub(crate) theirs_in_clear: Option<Facts>,
}

/// Recordings that are read together when the first of them is asked for.
#[derive(Debug)]
pub(crate) struct Batch {
    paths: Vec<PathBuf>,
    read: OnceLock<Vec<Mutex<Option<Both>>>>,
}

impl Batch {
    pub(crate) fn new(paths: Vec<PathBuf>) -> Self {
        Self { paths, read: OnceLock::new() }
    }

    /// What was read of a recording, once; `None` if it has to be read alone.
    ///
    /// A frame may depend on frames of another recording that happen to have the same addresses. So what differs here decides
    /// nothing: it is looked at again in the recording alone.
    pub(crate) fn take(&self, program: &Path, index: usize) -> Option<Both> {
        let read = self.read.get_or_init(|| {
            let slots = self.read_all(program).unwrap_or_default();
            slots.into_iter().map(|both| Mutex::new(Some(both))).collect()
        });
        read.get(index)?.lock().ok()?.take()
    }

    /// `None` if tshark does not read all of them to their ends.
    fn read_all(&self, program: &Path) -> Option<Vec<Both>> {
        let mut sections = Vec::new();
        let mut members = Vec::new();
        let mut frames = 0;
        for path in &self.paths {
            let bytes = std::fs::read(path).ok()?;
            if !bytes.starts_with(&clear::SECTION_HEADER.to_le_bytes()) {
                return None;
            }
            let (ours, clears) = ours::read(&bytes);
            frames += ours.frames + clears.len() as u64;
            sections.push(bytes);
            if !clears.is_empty() {
                sections.push(clear::capture(&clears));
            }
            members.push((ours, clears));
        }
        let mut theirs = tshark::read_sections(program, &sections, &[]).ok()?;
        if theirs.stopped || theirs.frames != frames {
            return None;
        }
        let mut next = |frames: u64| {
            let (first, others) = std::mem::take(&mut theirs).split_after(frames);
            theirs = others;
            first
        };
        let both = members.into_iter().map(|(ours, clears)| Both {
            theirs: next(ours.frames),
            theirs_in_clear: (!clears.is_empty()).then(|| next(clears.len() as u64)),
            ours,
            clears,
        });
        Some(both.collect())
    }
}

/// Divides captures with their names into batches, in their order.
pub(crate) fn divide(files: Vec<(String, PathBuf)>) -> Vec<Vec<(String, PathBuf)>> {
    let mut batches: Vec<Vec<(String, PathBuf)>> = Vec::new();
    let mut bytes = 0;
    for file in files {
        let size = std::fs::metadata(&file.1).map_or(0, |it| it.len());
        match batches.last_mut() {
            Some(batch) if batch.len() < MOST && bytes + size <= MOST_BYTES => {
                bytes += size;
                batch.push(file);
            }
            _ => {
                bytes = size;
                batches.push(vec![file]);
            }
        }
    }
    batches
}
