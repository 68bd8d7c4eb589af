//! The golden captures under `corpus`: what they say, and that no part of them makes anything panic.
#![expect(clippy::expect_used, reason = "a test that cannot read its capture must fail")]

mod coverage;
mod protocols;
mod robust;

use peerproof_captures::file::{CaptureReader, Item};
use peerproof_captures::sdp::SessionDescription;
use peerproof_captures::trace::{Builder, Trace};
use std::fs;
use std::path::{Path, PathBuf};

/// A capture of the corpus.
struct Capture {
    /// Its path below the corpus.
    name: String,
    bytes: Vec<u8>,
    /// The descriptions next to it, with the names of their peers.
    descriptions: Vec<(String, SessionDescription)>,
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// Everything below a folder of the corpus, by name.
fn captures(folder: &str) -> Vec<Capture> {
    let mut paths = Vec::new();
    walk(&corpus().join(folder), &mut paths);
    paths.sort();
    let is_capture = |path: &&PathBuf| {
        let name = path.to_string_lossy();
        [".pcap", ".pcapng", ".pcap.gz"].iter().any(|end| name.ends_with(end))
    };
    let captures: Vec<_> = paths.iter().filter(is_capture).map(|path| capture(path, &paths)).collect();
    assert!(!captures.is_empty(), "no captures in {folder}");
    captures
}

fn capture(path: &Path, all: &[PathBuf]) -> Capture {
    let stem = path.with_extension("");
    let descriptions = all.iter().filter_map(|sdp| {
        let name = sdp.to_string_lossy().into_owned();
        let peer = name.strip_prefix(&*stem.to_string_lossy())?.strip_suffix(".sdp")?;
        let peer = peer.strip_prefix('.').unwrap_or(peer);
        let text = fs::read_to_string(sdp).expect("a description");
        (!peer.contains('.')).then(|| (peer.to_owned(), SessionDescription::parse(text)))
    });
    let name = path.strip_prefix(corpus()).expect("below the corpus");
    Capture {
        name: name.to_string_lossy().into_owned(),
        bytes: fs::read(path).expect("the capture"),
        descriptions: descriptions.collect(),
    }
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the corpus") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { walk(&path, found) } else { found.push(path) }
    }
}

/// Reads and traces these bytes as a file; and says where reading stopped, if it did.
fn trace(capture: &Capture, bytes: &[u8]) -> (Trace, Option<u64>) {
    let mut builder = Builder::new();
    for (peer, description) in &capture.descriptions {
        builder.description(peer, description);
    }
    let mut reader = CaptureReader::new(bytes);
    loop {
        match reader.next_item() {
            None => break,
            Some(Item::Interface(index)) => {
                let name = reader.interfaces().get(index).and_then(|interface| interface.name.clone());
                builder.interface(index, &name.unwrap_or_default());
            }
            Some(Item::Secrets(secrets)) => {
                builder.secrets(&secrets);
            }
            Some(Item::Frame(frame)) => builder.frame(&frame),
            Some(_) => {}
        }
    }
    (builder.finish(), reader.stop().map(|stop| stop.offset))
}
