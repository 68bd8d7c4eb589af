//! For each diagnosis one capture that shows it and one that nearly shows it.

use super::{captures, explain};
use peerproof_captures::explain::{Diagnosis, Kind};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The names of all diagnoses, as they are in JSON and as the captures are called.
fn kinds() -> Vec<String> {
    let schema = schemars::schema_for!(Kind);
    let names = schema.get("enum").and_then(|names| names.as_array()).expect("an enumeration");
    names.iter().map(|name| name.as_str().expect("a name").to_owned()).collect()
}

fn name_of(kind: Kind) -> String {
    let name = serde_json::to_value(kind).expect("a value");
    name.as_str().expect("a name").to_owned()
}

/// What the captures are diagnosed with, by their names without `.pcapng`.
fn diagnosed() -> BTreeMap<String, Vec<Diagnosis>> {
    let each = captures("diagnosis").into_iter().map(|capture| {
        let (found, stop) = explain(&capture, &capture.bytes);
        assert!(stop.is_none(), "{}", capture.name);
        let name = capture.name.strip_prefix("diagnosis/").and_then(|name| name.strip_suffix(".pcapng"));
        (name.expect("a pcapng file").to_owned(), found)
    });
    each.collect()
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
fn each_diagnosis_is_told_as_expected() {
    let mut text = String::new();
    for (name, found) in diagnosed().iter().filter(|(name, _)| !name.ends_with(".nearly")) {
        let _ = writeln!(text, "== {name}");
        for Diagnosis { severity, layer, kind, connection, side, frame, what, why, next } in found {
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
