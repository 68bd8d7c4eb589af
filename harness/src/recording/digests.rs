//! The digests of the files of a recording: whether one was changed since the case ended.

use super::files::pretty;
use crate::input;
use peerproof_conformance::case::{CaseFile, DIGESTS, FileDigest, OWN_DIGEST};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

/// The file that holds the digests. Its own stands in it.
const CASE: &str = "case.json";
/// The files of which each recording has a digest if it has them, beside those of [`WRITTEN`]. Others may be added later, such as its page.
const RECORDED: [&str; 2] = ["timeline.jsonl", "capture.pcapng"];
/// The folders of descriptions and statistics.
const WRITTEN: [&str; 2] = ["sdp", "stats"];
/// Length of a SHA-256 in hexadecimal.
const DIGITS: usize = 64;
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
                files.insert(path.display().to_string(), digest(File::open(entry.path())?)?);
            }
        }
    }
    Ok(files)
}

fn digest(mut file: File) -> io::Result<FileDigest> {
    let (mut hash, mut size) = (Sha256::new(), 0);
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
    Ok(FileDigest { size, sha256: hexadecimal(&hash.finalize()) })
}

fn hexadecimal(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The text of `case.json`, with the digest of itself.
pub(crate) fn sealed(file: &CaseFile) -> io::Result<Vec<u8>> {
    let open = CaseFile { sha256: Some("0".repeat(DIGITS)), ..file.clone() };
    let sha256 = hexadecimal(&Sha256::digest(pretty(&open)?));
    pretty(&CaseFile { sha256: Some(sha256), ..open })
}

/// The digest of the text of `case.json` with zeros in the place of the one that it holds. A digest does not occur in its own text by chance.
fn unsealed(written: &[u8], sha256: &str) -> String {
    let (mut hash, mut rest) = (Sha256::new(), written);
    while let Some(at) = rest.windows(DIGITS).position(|digits| digits == sha256.as_bytes()) {
        let (before, from) = rest.split_at(at);
        hash.update(before);
        hash.update([b'0'; DIGITS]);
        rest = from.get(DIGITS..).unwrap_or_default();
    }
    hash.update(rest);
    hexadecimal(&hash.finalize())
}

/// What in a recording is not as it was when the case ended, in words: `case.json`, then the other files in the order of their names. `written`
/// is the text of `file`.
///
/// # Errors
/// A file that has a digest, or should have one, is a directory, a FIFO, a socket or a device: which, and that.
pub(crate) fn changes(
    folder: &Path,
    file: &CaseFile,
    written: &[u8],
) -> Result<Vec<String>, (PathBuf, io::Error)> {
    let mut all: Vec<String> = own_change(file, written).into_iter().collect();
    let mut names: BTreeMap<String, Option<&FileDigest>> = BTreeMap::new();
    // What was never judged may be put together by hand.
    if file.format >= DIGESTS && file.verdict.is_some() {
        names.extend(expected(folder)?.into_iter().map(|name| (name, None)));
    }
    names.extend(file.files.iter().map(|(name, digest)| (name.clone(), Some(digest))));
    for (name, digest) in names {
        all.extend(change(folder, &name, digest)?);
    }
    Ok(all)
}

fn own_change(file: &CaseFile, written: &[u8]) -> Option<String> {
    match &file.sha256 {
        Some(sha256) if unsealed(written, sha256) == *sha256 => None,
        Some(_) => Some(format!("{CASE} was changed: its SHA-256 is another one")),
        None if file.format >= OWN_DIGEST => Some(format!("{CASE} was changed: it has no SHA-256 of itself")),
        None => None,
    }
}

/// The files that are there and should have a digest.
fn expected(folder: &Path) -> Result<Vec<String>, (PathBuf, io::Error)> {
    let mut names: Vec<String> = RECORDED.iter().map(|name| (*name).to_owned()).collect();
    names.retain(|name| folder.join(name).exists());
    for below in WRITTEN {
        let unreadable = |error| (folder.join(below), error);
        match fs::read_dir(folder.join(below)) {
            Ok(entries) => {
                for entry in entries {
                    let name = entry.map_err(unreadable)?.file_name();
                    names.push(Path::new(below).join(name).display().to_string());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
    Ok(names)
}

fn change(
    folder: &Path,
    name: &str,
    expected: Option<&FileDigest>,
) -> Result<Option<String>, (PathBuf, io::Error)> {
    let below = Path::new(name);
    let is_within = !name.is_empty()
        && !name.contains('\0')
        && below.components().all(|part| matches!(part, Component::Normal(_)));
    if !is_within {
        return Ok(Some(format!("{name:?} names no file of the recording")));
    }
    let path = folder.join(below);
    // What is no regular file could keep a reader waiting forever.
    let opened = match input::open(&path) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err((path, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(format!("{name} is gone"))),
        Err(error) => return Ok(Some(format!("{name} cannot be read: {error}"))),
    };
    let Some(expected) = expected else {
        return Ok(Some(format!("{name} was changed, or its digest was removed: {CASE} has none of it")));
    };
    Ok(match opened.metadata().map(|it| it.len()) {
        Ok(size) if size != expected.size => {
            Some(format!("{name} was changed: it had {} bytes, now {size}", expected.size))
        }
        _ => match digest(opened) {
            Ok(now) if now == *expected => None,
            Ok(_) => Some(format!("{name} was changed: its SHA-256 is another one")),
            Err(error) => Some(format!("{name} cannot be read: {error}")),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use peerproof_conformance::case::FORMAT;
    use serde_json::{Value, json};

    const SOME: [&str; 4] =
        ["capture.pcapng", "timeline.jsonl", "sdp/01-alice-offer.sdp", "stats/alice.json"];

    fn case(format: u32, files: &BTreeMap<String, FileDigest>) -> CaseFile {
        let verdict = json!({"outcome": "pass", "layer": null, "side": null, "sentence": "all steps passed", "evidence": []});
        let peer = json!({"name": "alice", "implementation": "x", "version": "1", "role": "offerer", "refuses_the_impossible": true});
        let file = json!({
            "format": format, "name": "data/echo/x-x", "title": "t", "peers": [peer], "seed": 1, "scenario_hash": "", "epoch_us": 0,
            "duration_us": 1, "expect": {"alice": {"connectionState": "connected"}}, "files": files, "verdict": verdict,
        });
        serde_json::from_value(file).unwrap()
    }

    /// A recording with a file of each kind, and what its `case.json` says.
    fn recorded(format: u32) -> (tempfile::TempDir, CaseFile) {
        let folder = tempfile::tempdir().unwrap();
        for directory in ["sdp", "stats", "attempt-2"] {
            fs::create_dir(folder.path().join(directory)).unwrap();
        }
        for name in SOME.into_iter().chain(["case.json", "screenshot-alice.png", "attempt-2/x"]) {
            fs::write(folder.path().join(name), "abc").unwrap();
        }
        let file = case(format, &of(folder.path()).unwrap());
        (folder, file)
    }

    fn found(folder: &Path, written: &[u8]) -> Vec<String> {
        changes(folder, &CaseFile::read(written).unwrap(), written).unwrap()
    }

    #[test]
    fn what_was_changed_is_named() {
        let (folder, file) = recorded(FORMAT);
        let at = |name: &str| folder.path().join(name);
        let names: Vec<_> = file.files.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "capture.pcapng",
                "screenshot-alice.png",
                "sdp/01-alice-offer.sdp",
                "stats/alice.json",
                "timeline.jsonl"
            ]
        );
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert!(file.files.values().all(|it| it.size == 3 && it.sha256 == abc));
        let written = sealed(&file).unwrap();
        assert_eq!(found(folder.path(), &written), [""; 0]);
        // Its page is made later.
        fs::write(at("index.html"), "a page").unwrap();
        assert_eq!(found(folder.path(), &written), [""; 0]);
        fs::write(at("capture.pcapng"), "abd").unwrap();
        fs::write(at("timeline.jsonl"), "ab").unwrap();
        fs::remove_file(at("sdp/01-alice-offer.sdp")).unwrap();
        fs::write(at("sdp/02-bob-answer.sdp"), "one that nobody made").unwrap();
        assert_eq!(
            found(folder.path(), &written),
            [
                "capture.pcapng was changed: its SHA-256 is another one",
                "sdp/01-alice-offer.sdp is gone",
                "sdp/02-bob-answer.sdp was changed, or its digest was removed: case.json has none of it",
                "timeline.jsonl was changed: it had 3 bytes, now 2",
            ]
        );
    }

    #[test]
    fn a_digest_that_is_removed_is_named() {
        for format in [DIGESTS, FORMAT] {
            let (folder, file) = recorded(format);
            let without = |removed: &[&str]| {
                let mut file = file.clone();
                file.files.retain(|name, _| !removed.contains(&name.as_str()));
                found(folder.path(), &sealed(&file).unwrap())
            };
            let lacks = |name: &str| {
                format!("{name} was changed, or its digest was removed: case.json has none of it")
            };
            for name in SOME {
                assert_eq!(without(&[name]), [lacks(name)]);
            }
            let mut all: Vec<_> = SOME.into_iter().map(lacks).collect();
            all.sort();
            assert_eq!(without(&SOME), all);
            let never_judged = CaseFile { files: BTreeMap::new(), verdict: None, ..file };
            assert_eq!(found(folder.path(), &sealed(&never_judged).unwrap()), [""; 0]);
        }
        let (folder, file) = recorded(DIGESTS - 1);
        let earlier = CaseFile { files: BTreeMap::new(), ..file };
        assert_eq!(found(folder.path(), &pretty(&earlier).unwrap()), [""; 0], "it had none");
    }

    #[test]
    fn whatever_is_edited_in_case_json_is_noticed() {
        let (folder, file) = recorded(FORMAT);
        let whole: Value = serde_json::from_slice(&sealed(&file).unwrap()).unwrap();
        let edits: [fn(&mut Value); 9] = [
            |case| case["expect"] = json!({}),
            |case| case["expect"]["alice"]["connectionState"] = "failed".into(),
            |case| case["peers"][0]["version"] = "2".into(),
            |case| case["seed"] = 2.into(),
            |case| case["control_of"] = "data/echo".into(),
            |case| case["verdict"]["outcome"] = "fail".into(),
            |case| case["waiver"] = json!({"reason": "r", "link": "https://example.org"}),
            |case| case["rows"] = json!(["dc-1"]),
            |case| case["files"]["screenshot-alice.png"]["sha256"] = "".into(),
        ];
        for edit in edits {
            let mut case = whole.clone();
            edit(&mut case);
            let Ok(file) = CaseFile::read(case.to_string().as_bytes()) else { panic!("{case:#}") };
            let edited = pretty(&file).unwrap();
            let changes = found(folder.path(), &edited);
            assert_eq!(changes[0], "case.json was changed: its SHA-256 is another one", "{case:#}");
        }
        for (sha256, reason) in [
            (None, "it has no SHA-256 of itself"),
            (Some(""), "its SHA-256 is another one"),
            (Some(&*"0".repeat(DIGITS)), "its SHA-256 is another one"),
        ] {
            let file = CaseFile { sha256: sha256.map(str::to_owned), ..file.clone() };
            assert_eq!(
                found(folder.path(), &pretty(&file).unwrap()),
                [format!("case.json was changed: {reason}")]
            );
        }
    }

    #[test]
    fn recordings_of_before_have_no_digest_of_case_json() {
        let (folder, file) = recorded(OWN_DIGEST - 1);
        assert_eq!(found(folder.path(), &pretty(&file).unwrap()), [""; 0]);
        // Nor is it enough to call one earlier.
        let (folder, file) = recorded(FORMAT);
        let text = String::from_utf8(sealed(&file).unwrap()).unwrap();
        let earlier = text.replace(&format!("\"format\": {FORMAT}"), "\"format\": 3");
        assert_eq!(
            found(folder.path(), earlier.as_bytes()),
            ["case.json was changed: its SHA-256 is another one"]
        );
    }

    #[test]
    fn anyone_can_make_the_digest_again() {
        let (_, file) = recorded(FORMAT);
        let text = String::from_utf8(sealed(&file).unwrap()).unwrap();
        let sha256 = CaseFile::read(text.as_bytes()).unwrap().sha256.unwrap();
        assert_eq!(text.matches(&sha256).count(), 1);
        let zeros = text.replace(&sha256, &"0".repeat(DIGITS));
        assert_eq!(hexadecimal(&Sha256::digest(zeros)), sha256);
    }

    #[test]
    fn what_is_no_regular_file_is_refused_with_or_without_its_digest() {
        for name in ["sdp/01-alice-offer.sdp", "stats/alice.json", "sdp/99-bob-answer.sdp"] {
            let (folder, file) = recorded(FORMAT);
            let path = folder.path().join(name);
            let _ = fs::remove_file(&path);
            nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
            for files in [file.files.clone(), BTreeMap::new()] {
                let file = CaseFile { files, ..file.clone() };
                let (refused, error) = changes(folder.path(), &file, &sealed(&file).unwrap()).unwrap_err();
                assert_eq!(
                    (refused, error.to_string()),
                    (path.clone(), "a FIFO, not a regular file".to_owned())
                );
            }
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let digest = FileDigest { size: 0, sha256: String::new() };
        for name in ["../x", "/etc/hostname", "", "sdp/../../x", "a\0b"] {
            let written =
                sealed(&case(FORMAT, &BTreeMap::from([(name.to_owned(), digest.clone())]))).unwrap();
            let changes = found(folder.path(), &written);
            assert!(changes[0].ends_with("names no file of the recording"), "{changes:?}");
        }
    }
}
