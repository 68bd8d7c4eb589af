//! Every fuzz target bears its kept corpus and its regressions, on any toolchain. `fuzz/README.md` describes how they came about.
#![expect(
    clippy::expect_used,
    reason = "helpers of tests; the lints' exception for tests covers test functions only"
)]

mod targets;

use flate2::read::GzDecoder;
use std::fs;
use std::io::{ErrorKind, Read};
use std::panic;
use std::path::{Path, PathBuf};

/// An input: where it stands below `fuzz/`, and its bytes.
type Input = (String, Vec<u8>);

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The names in a folder, sorted; none if the folder is missing.
fn names(folder: &Path) -> Vec<String> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
        entries => entries.expect("the folder can be listed"),
    };
    let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("names are UTF-8");
    let mut names: Vec<String> = entries.map(|entry| name(entry.expect("it can be listed"))).collect();
    names.sort();
    names
}

/// The inputs in the archive of a target's corpus, in their order there.
fn corpus(fuzz: &Path, target: &str) -> Vec<Input> {
    let path = format!("corpus/{target}.tar.gz");
    let packed = fs::read(fuzz.join(&path)).expect("each target has an archive");
    // The whole archive is inflated before it is read: this verifies its checksum too.
    let mut tar = Vec::new();
    GzDecoder::new(packed.as_slice()).read_to_end(&mut tar).expect("the archive is whole");
    let mut archive = tar::Archive::new(tar.as_slice());
    let entries = archive.entries().expect("the archive can be read");
    entries
        .map(|entry| {
            let mut entry = entry.expect("the archive holds whole entries");
            let name = entry.path().expect("an entry has a name").display().to_string();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("an entry can be read");
            (format!("{path}: {name}"), bytes)
        })
        .collect()
}

/// The regressions of a target, by name; most targets have none.
fn regressions(fuzz: &Path, target: &str) -> Vec<Input> {
    let path = format!("regressions/{target}");
    let input = |name: String| {
        let place = format!("{path}/{name}");
        let bytes = fs::read(fuzz.join(&place)).expect("a regression can be read");
        (place, bytes)
    };
    names(&fuzz.join(&path)).into_iter().map(input).collect()
}

#[test]
fn every_target_bears_its_corpus_and_its_regressions() {
    let mut broken = Vec::new();
    for (target, _) in targets::ALL {
        let corpus = corpus(&fuzz(), target);
        let regressions = regressions(&fuzz(), target);
        println!("{target}: {} inputs and {} regressions", corpus.len(), regressions.len());
        assert!(!corpus.is_empty(), "{target} has an empty corpus");
        for (place, input) in corpus.iter().chain(&regressions) {
            // The panic itself does not name the input made it.
            if panic::catch_unwind(|| targets::run(target, input)).is_err() {
                broken.push(place.clone());
            }
        }
    }
    assert!(broken.is_empty(), "inputs that break their target:\n{}", broken.join("\n"));
}

#[test]
fn every_archive_and_every_folder_of_regressions_has_a_target() {
    let known = |name: &str| targets::ALL.iter().any(|(target, _)| *target == name);
    // A folder below `corpus/` is an unpacked archive, or whatever `cargo fuzz` left there.
    for name in names(&fuzz().join("corpus")) {
        let archive = name.strip_suffix(".tar.gz");
        assert!(archive.is_none_or(known), "no target runs fuzz/corpus/{name}");
    }
    for name in names(&fuzz().join("regressions")) {
        assert!(known(&name), "no target runs fuzz/regressions/{name}");
    }
}

#[test]
fn regressions_are_read_by_name() {
    let fuzz = tempfile::tempdir().unwrap();
    assert!(regressions(fuzz.path(), "stun").is_empty());
    let folder = fuzz.path().join("regressions/stun");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("length-of-zero"), [1, 2]).unwrap();
    fs::write(folder.join("cut-in-the-header"), [3]).unwrap();
    let expected = [
        ("regressions/stun/cut-in-the-header".to_owned(), vec![3]),
        ("regressions/stun/length-of-zero".to_owned(), vec![1, 2]),
    ];
    assert_eq!(regressions(fuzz.path(), "stun"), expected);
}
