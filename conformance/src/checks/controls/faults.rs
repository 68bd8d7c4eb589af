//! The faults of all checks, read from their files: `conformance/faults.txt` lists them for known deviations to go by.

use super::ways;
use crate::checks::{all, fault, sources};
use std::collections::BTreeSet;

/// One line a requirement: its id and the faults that its check can find.
fn listed() -> String {
    let lines = all().zip(sources()).map(|(check, source)| {
        let faults = ways::faults(source);
        format!("{}: {}\n", check.id, faults.join(" "))
    });
    lines.collect()
}

#[test]
fn the_list_of_faults_is_that_of_the_checks() {
    let listed = listed();
    if std::env::var_os("PEERPROOF_BLESS").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/faults.txt"), listed).unwrap();
        return;
    }
    let why = "conformance/faults.txt is out of date: PEERPROOF_BLESS=1 writes it anew";
    assert_eq!(listed, include_str!("../../../faults.txt"), "{why}");
}

#[test]
fn each_fault_has_a_name_of_its_own_in_its_check() {
    for (check, source) in all().zip(sources()) {
        let faults = ways::faults(source);
        assert!(!faults.is_empty(), "{} can turn red without a fault", check.id);
        for fault in &faults {
            let kebab = fault.split('-').all(|word| {
                !word.is_empty() && word.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit())
            });
            assert!(kebab, "{}: {fault}", check.id);
        }
        let names: BTreeSet<_> = faults.iter().collect();
        assert_eq!(names.len(), faults.len(), "{} names two kinds of fault alike: {faults:?}", check.id);
        assert_eq!(fault::of(check.id), faults, "{}", check.id);
    }
    assert!(fault::of("no-such-requirement").is_empty());
}
