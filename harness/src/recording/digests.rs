//! The digests of the files of a recording: whether one was changed since the case ended.

use peerproof_conformance::case::FileDigest;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

/// The file that holds the digests, and therefore has none.
const CASE: &str = "case.json";
/// So deep below a recording's folder its files are.
const DEEPEST: usize = 3;

/// The digests of all files of a recording, by their path below its folder. Further attempts are recordings of their own.
pub(crate) fn of(folder: &Path) -> io::Result<BTreeMap<String, FileDigest>> {
    let mut files = BTreeMap::new();
    let mut open = vec![(PathBuf::new(), 0)];
    while let Some((below, depth)) = open.pop() {
        for entry in fs::read_dir(folder.join(&below))? {
            let entry = entry?;
            let name = entry.file_name();
            let path = below.join(&name);
            let is_attempt = depth == 0 && name.to_string_lossy().starts_with("attempt-");
            if entry.file_type()?.is_dir() {
                if depth < DEEPEST && !is_attempt {
                    open.push((path, depth + 1));
                }
            } else if fs::metadata(entry.path())?.is_file() && path != Path::new(CASE) {
                files.insert(path.display().to_string(), digest(&entry.path())?);
            }
        }
    }
    Ok(files)
}

fn digest(path: &Path) -> io::Result<FileDigest> {
    let (mut file, mut hash, mut size) = (File::open(path)?, Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => {
                hash.update(buffer.get(..read).unwrap_or_default());
                size += read as u64;
            }
        }
    }
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(FileDigest { size, sha256 })
}

/// Which files are not as they were, in words; in the order of their names.
pub(crate) fn changes(folder: &Path, files: &BTreeMap<String, FileDigest>) -> Vec<String> {
    let change = |(name, expected): (&String, &FileDigest)| {
        let path = Path::new(name);
        let is_within =
            !name.is_empty() && path.components().all(|part| matches!(part, Component::Normal(_)));
        if !is_within {
            return Some(format!("{name:?} names no file of the recording"));
        }
        let path = folder.join(path);
        // What is no regular file could keep a reader waiting forever.
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Some(format!("{name} is gone")),
            Err(error) => return Some(format!("{name} cannot be read: {error}")),
            Ok(it) if !it.is_file() => return Some(format!("{name} is no regular file")),
            Ok(it) if it.len() != expected.size => {
                return Some(format!("{name} was changed: it had {} bytes, now {}", expected.size, it.len()));
            }
            Ok(_) => {}
        }
        match digest(&path) {
            Ok(now) if now == *expected => None,
            Ok(_) => Some(format!("{name} was changed: its SHA-256 is another one")),
            Err(error) => Some(format!("{name} cannot be read: {error}")),
        }
    };
    files.iter().filter_map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for directory in ["sdp", "attempt-2"] {
            fs::create_dir(at(directory)).unwrap();
        }
        for name in ["capture.pcapng", "case.json", "timeline.jsonl", "sdp/01-alice-offer.sdp", "attempt-2/x"]
        {
            fs::write(at(name), "abc").unwrap();
        }
        let files = of(folder.path()).unwrap();
        let names: Vec<_> = files.keys().map(String::as_str).collect();
        assert_eq!(names, ["capture.pcapng", "sdp/01-alice-offer.sdp", "timeline.jsonl"]);
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert!(files.values().all(|it| it.size == 3 && it.sha256 == abc));
        assert!(changes(folder.path(), &files).is_empty());
        fs::write(at("case.json"), "another verdict").unwrap();
        fs::write(at("capture.pcapng"), "abd").unwrap();
        fs::write(at("timeline.jsonl"), "ab").unwrap();
        fs::remove_file(at("sdp/01-alice-offer.sdp")).unwrap();
        assert_eq!(
            changes(folder.path(), &files),
            [
                "capture.pcapng was changed: its SHA-256 is another one",
                "sdp/01-alice-offer.sdp is gone",
                "timeline.jsonl was changed: it had 3 bytes, now 2",
            ]
        );
    }

    #[test]
    fn names_that_lead_elsewhere_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let digest = FileDigest { size: 0, sha256: String::new() };
        for name in ["../x", "/etc/hostname", "", "sdp/../../x"] {
            let changes = changes(folder.path(), &BTreeMap::from([(name.to_owned(), digest.clone())]));
            assert!(changes[0].ends_with("names no file of the recording"), "{changes:?}");
        }
    }
}
