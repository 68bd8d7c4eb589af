//! For each diagnosis one capture that shows it and one that nearly shows it.

#![expect(clippy::expect_used, reason = "a test that cannot read its capture must fail")]

use peerproof_captures::file::{CaptureReader, Item, LinkType};
use peerproof_captures::sdp::SessionDescription;
use peerproof_captures::trace::{Builder, Trace, limits};
use peerproof_conformance::explain::{Diagnosis, Kind, MOST, Session, Severity, explain};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn diagnose(trace: &Trace) -> Vec<Diagnosis> {
    explain(&Session::of_packets(trace))
}

/// The golden captures.
fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../captures/corpus")
}

/// Traces a capture of the corpus with the descriptions of `NAME.PEER.sdp` next to it; of each frame what `cut` leaves of it.
fn trace(name: &str, cut: impl Fn(usize) -> usize) -> Trace {
    let path = corpus().join(name);
    let bytes = fs::read(&path).expect("the capture");
    let mut builder = Builder::new();
    let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
    for file in files(path.parent().expect("a folder")) {
        let peer = file.strip_prefix(&stem).and_then(|rest| rest.strip_prefix('.')?.strip_suffix(".sdp"));
        if let Some(peer) = peer.filter(|peer| !peer.contains('.')) {
            let text = fs::read_to_string(path.with_file_name(&file)).expect("a description");
            builder.description(peer, &SessionDescription::parse(text));
        }
    }
    let mut reader = CaptureReader::new(bytes.as_slice());
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
            Some(Item::Frame(mut frame)) => {
                frame.data = &frame.data[..cut(frame.data.len()).min(frame.data.len())];
                builder.frame(&frame);
            }
            Some(_) => {}
        }
    }
    assert!(reader.stop().is_none(), "{name}");
    builder.finish()
}

/// Adds the frames of a capture of diagnoses, as `edit` leaves them; those of which it leaves nothing were not captured. They count on from
/// `before`; gives the number of the last.
fn feed(builder: &mut Builder, name: &str, before: u64, edit: impl Fn(u64, &[u8]) -> Option<Vec<u8>>) -> u64 {
    feed_later(builder, name, (before, 0), edit)
}

/// The same, that many seconds later.
fn feed_later(
    builder: &mut Builder,
    name: &str,
    (before, seconds): (u64, u64),
    edit: impl Fn(u64, &[u8]) -> Option<Vec<u8>>,
) -> u64 {
    let bytes = fs::read(corpus().join(format!("diagnosis/{name}.pcapng"))).expect("the capture");
    let mut reader = CaptureReader::new(bytes.as_slice());
    let mut number = before;
    while let Some(item) = reader.next_item() {
        match item {
            Item::Interface(index) => {
                let name = reader.interfaces().get(index).and_then(|interface| interface.name.clone());
                builder.interface(index, &name.unwrap_or_default());
            }
            Item::Frame(mut frame) => {
                let Some(data) = edit(frame.number, frame.data) else { continue };
                number += 1;
                frame.number = number;
                frame.time_ns = frame.time_ns.map(|ns| ns + seconds * 1_000_000_000);
                frame.original_length = data.len() as u32;
                frame.data = &data;
                builder.frame(&frame);
            }
            _ => {}
        }
    }
    number
}

/// The names of the files in a folder, sorted.
fn files(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).expect("a folder of the corpus");
    let mut names: Vec<_> =
        names.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The captures of diagnoses, by their names without `.pcapng`.
fn captures() -> Vec<String> {
    let names = files(&corpus().join("diagnosis")).into_iter();
    let names: Vec<_> = names.filter_map(|name| name.strip_suffix(".pcapng").map(str::to_owned)).collect();
    assert!(!names.is_empty(), "no captures of diagnoses");
    names
}

/// The names of all diagnoses that packets show, as they are in JSON and as the captures are called.
fn kinds() -> Vec<String> {
    let schema = schemars::schema_for!(Kind);
    let names = schema.get("enum").and_then(|names| names.as_array()).expect("an enumeration").iter();
    let of_api =
        |name: &serde_json::Value| serde_json::from_value::<Kind>(name.clone()).expect("a kind").is_of_api();
    let names = names.filter(|name| !of_api(name));
    names.map(|name| name.as_str().expect("a name").to_owned()).collect()
}

fn name_of(kind: Kind) -> String {
    let name = serde_json::to_value(kind).expect("a value");
    name.as_str().expect("a name").to_owned()
}

/// What the captures are diagnosed with, by their names without `.pcapng`.
fn diagnosed() -> BTreeMap<String, Vec<Diagnosis>> {
    let of = |name: &String| diagnose(&trace(&format!("diagnosis/{name}.pcapng"), |length| length));
    captures().iter().map(|name| (name.clone(), of(name))).collect()
}

fn shows(found: &[Diagnosis], kind: &str) -> bool {
    found.iter().any(|found| name_of(found.kind) == kind)
}

#[test]
fn each_diagnosis_has_a_capture_that_shows_it_and_one_that_nearly_does() {
    let all = diagnosed();
    let mut missing = Vec::new();
    for kind in kinds() {
        let of_kind = |name: &str| name.split('.').next() == Some(kind.as_str());
        for (name, found) in all.iter().filter(|(name, _)| of_kind(name)) {
            let nearly = name.ends_with(".nearly");
            assert_eq!(shows(found, &kind), !nearly, "{name} {found:#?}");
        }
        for name in [kind.clone(), format!("{kind}.nearly")] {
            if !all.contains_key(&name) {
                missing.push(name);
            }
        }
    }
    assert_eq!(missing, [""; 0]);
    let known = kinds();
    let strays: Vec<_> =
        all.keys().filter(|name| !known.iter().any(|kind| name.split('.').next() == Some(kind))).collect();
    assert!(strays.is_empty(), "{strays:?} are called after no diagnosis");
}

/// What nearly fails is a call that works, as far as it goes.
#[test]
fn what_nearly_shows_a_diagnosis_shows_no_other_either() {
    for (name, found) in diagnosed() {
        if name.ends_with(".nearly") {
            assert_eq!(found, [], "{name}");
        }
    }
}

#[test]
fn each_diagnosis_reads_as_expected() {
    let mut text = String::new();
    for (name, found) in diagnosed().iter().filter(|(name, _)| !name.ends_with(".nearly")) {
        let _ = writeln!(text, "== {name}");
        for Diagnosis { severity, layer, kind, connection, side, frame, what, why, next, .. } in found {
            let side = side.as_deref().unwrap_or("-");
            let frame = frame.map_or_else(|| "-".to_owned(), |frame| frame.to_string());
            let connection = connection.map_or_else(|| "-".to_owned(), |number| number.to_string());
            let _ = writeln!(
                text,
                "{severity:?} {layer} {kind:?} connection {connection} side {side} frame {frame}"
            );
            let _ = writeln!(text, "  {what}\n  why: {why}\n  next: {next}");
        }
    }
    insta::assert_snapshot!("diagnoses", text);
}

#[test]
fn calls_that_work_are_not_called_broken() {
    for call in ["chrome-firefox", "firefox-firefox"] {
        let found = diagnose(&trace(&format!("calls/{call}.pcapng"), |length| length));
        let broken: Vec<_> = found.iter().filter(|found| found.severity == Severity::Broken).collect();
        assert!(broken.is_empty(), "{call}: {broken:#?}");
    }
}

/// A capture that begins late or lacks frames does not show everything that happened.
#[test]
fn a_call_that_works_was_nominated_though_the_capture_lacks_it() {
    let call = "consent-lost.nearly";
    let diagnosed = |is_there: &dyn Fn(u64) -> bool| {
        let mut builder = Builder::new();
        feed(&mut builder, call, 0, |number, data| is_there(number).then(|| data.to_vec()));
        let found = diagnose(&builder.finish());
        let nominations = [Kind::NoNomination, Kind::NominationUnanswered];
        found.into_iter().filter(|found| nominations.contains(&found.kind)).collect::<Vec<_>>()
    };
    for first in 1..30 {
        assert_eq!(diagnosed(&|number| number >= first), [], "it begins at frame {first}");
        assert_eq!(diagnosed(&|number| number != first), [], "it lacks frame {first}");
        assert_eq!(diagnosed(&|number| number % 7 != first % 7), [], "it lacks every seventh frame");
    }
}

/// A receiver has 5 s until its first RTCP, and half as much again by chance.
#[test]
fn who_only_receives_owes_rtcp_after_its_interval() {
    let severity = |seconds: u64| {
        let mut builder = Builder::new();
        let all = |_: u64, data: &[u8]| Some(data.to_vec());
        let last = feed(&mut builder, "one-way-media", 0, all);
        // Its media once more, without what comes before it.
        feed_later(&mut builder, "one-way-media", (last, seconds), |number, data| {
            (number > 20).then(|| data.to_vec())
        });
        let found = diagnose(&builder.finish());
        found.iter().find(|found| found.kind == Kind::OneWayMedia).map(|found| found.severity)
    };
    assert_eq!([0, 3, 4].map(severity), [Severity::Notice, Severity::Notice, Severity::Broken].map(Some));
}

/// An ABORT without a cause, and the alert that closes DTLS behind it.
#[test]
fn who_closes_a_connection_met_no_error() {
    let abort = |ends: &[&str]| {
        let mut builder = Builder::new();
        let mut last = feed(&mut builder, "fatal-alert.goodbye.nearly", 0, |number, data| {
            (number != 11).then(|| data.to_vec())
        });
        last = feed(&mut builder, "sctp-abort", last, |number, data| match number {
            // With its CRC32c.
            5 => Some([&data[..68], &[0x0f, 0xf8, 0x7a, 0x3d], &[6, 0, 0, 4]].concat()),
            _ => Some(data.to_vec()),
        });
        for end in ends {
            last = match *end {
                "goodbye" => feed(&mut builder, "fatal-alert.goodbye.nearly", last, |number, data| {
                    (number == 11).then(|| data.to_vec())
                }),
                _ => feed(&mut builder, "consent-lost.nearly", last, |number, data| {
                    (number == 3).then(|| data.to_vec())
                }),
            };
        }
        let found = diagnose(&builder.finish());
        found.iter().find(|found| found.kind == Kind::SctpAbort).map(|found| found.severity)
    };
    assert_eq!(abort(&["goodbye"]), Some(Severity::Notice));
    assert_eq!(abort(&[]), Some(Severity::Broken));
    assert_eq!(abort(&["check", "goodbye"]), Some(Severity::Broken), "the side goes on before it leaves");
}

#[test]
fn captures_whose_frames_are_cut_off_anywhere_are_explained_without_a_panic() {
    for name in captures() {
        for cut in (0..256).step_by(7) {
            let _ = diagnose(&trace(&format!("diagnosis/{name}.pcapng"), |_| cut));
        }
    }
}

#[test]
fn of_more_problems_than_anyone_reads_only_the_first_are_shown() {
    let mut builder = Builder::new();
    // Each client asks a TURN server that never answers.
    for client in 0..limits::ALLOCATIONS as u32 {
        let id = client.to_be_bytes();
        let mut frame = vec![0x45, 0, 0, 56, 0, 0, 0x40, 0, 64, 17, 0, 0];
        frame.extend([10, id[1], id[2], id[3], 192, 0, 2, 1, 0x13, 0x88, 0x0d, 0x96, 0, 36, 0, 0]);
        frame.extend([0, 3, 0, 8, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 1]);
        frame.extend(id);
        frame.extend([0, 0x19, 0, 4, 17, 0, 0, 0]);
        builder.packet(u64::from(client) + 1, u64::from(client) * 1_000, LinkType::RAW, &frame);
    }
    let trace = builder.finish();
    assert_eq!(trace.allocations.len(), limits::ALLOCATIONS);
    const { assert!(limits::ALLOCATIONS > MOST) };
    assert_eq!(diagnose(&trace).len(), MOST);
}
