//! Packets at known times, and what is said of their rate.

use super::*;
use crate::case::{CaseFile, CasePeer, FORMAT, Role, Runs, Time, judge};
use crate::evidence::{Peer, Wire};
use crate::verdict::{Layer, Outcome, Verdict};
use indexmap::IndexMap;
use peerproof_captures::timeline::{Entry, StepOutcome};

/// Alice sends a packet of 125 bytes, which is one kilobit, so often a second: in the first second, in the second, and so on.
/// After one second the link becomes narrow, after three wide; the steps end after the last.
fn record(expect: &str, rates: &[u64]) -> CaseRecord {
    let peer = |name: &str, role| CasePeer {
        name: name.to_owned(),
        implementation: "chrome".to_owned(),
        named: None,
        version: "156.0.1".to_owned(),
        role,
        runs: Runs::Driven,
        subject: false,
        nat: None,
        features: None,
        unreported: Vec::new(),
        refuses_the_impossible: true,
    };
    let file = CaseFile {
        format: FORMAT,
        name: "network/bandwidth/chrome-chrome".to_owned(),
        title: "A link".to_owned(),
        rows: vec![],
        peers: vec![peer("alice", Role::Offerer), peer("bob", Role::Answerer)],
        seed: 1,
        scenario_hash: String::new(),
        epoch_us: 0,
        duration_us: 0,
        time: Time::Real,
        attempt: 1,
        expect: serde_yaml::from_str(expect).unwrap(),
        expect_place: None,
        control_of: None,
        liars: Vec::new(),
        ends: vec![],
        not_played: None,
        snapshot: None,
        waiver: None,
        files: std::collections::BTreeMap::new(),
        captured: std::collections::BTreeMap::new(),
        findings: vec![],
        verdict: None,
        sha256: None,
    };
    let link = |name: &str, kbit| What::Link {
        name: Some(name.to_owned()),
        of: "alice/eth0".to_owned(),
        up: Some(LinkRate { kbit }),
        down: None,
    };
    let end = 1_000_000 * rates.len() as u64;
    let entries = [
        (1_000_000, link("narrow", Some(20))),
        (3_000_000, link("wide", None)),
        (end, What::StepEnded { step: 0, outcome: StepOutcome::Done }),
    ];
    let timeline = entries.into_iter().zip(0..).map(|((t_us, what), n)| Entry { n, t_us, what }).collect();
    let mut packet = [0; 125];
    packet[..2].copy_from_slice(&[0x80, 96]);
    let mut wire = Wire::default();
    for (second, rate) in (0..).zip(rates) {
        for n in 0..*rate {
            let t_us = second * 1_000_000 + n * 1_000_000 / rate;
            wire.put(Peer(0), true, t_us, &packet);
            // What arrives is no second packet.
            wire.put(Peer(1), false, t_us, &packet);
        }
    }
    CaseRecord {
        file,
        timeline,
        stats: IndexMap::new(),
        wire: Some(wire),
        reached: IndexMap::new(),
        rids: IndexMap::new(),
        flaws: Vec::new(),
    }
}

fn verdict(wanted: &str, rates: &[u64]) -> Verdict {
    judge(&record(&format!("alice: {{ bitrate: [{wanted}] }}"), rates))
}

#[test]
fn a_bound_holds_or_fails_over_its_time_alone() {
    let rates = [100, 40, 20, 80, 90];
    for (wanted, outcome) in [
        ("{ during: narrow, atMostKbit: 30 }", Outcome::Pass),
        ("{ during: narrow, atMostKbit: 29 }", Outcome::Fail),
        ("{ during: narrow, lastMs: 1000, atMostKbit: 20 }", Outcome::Pass),
        ("{ during: narrow, lastMs: 1000, atLeastKbit: 21 }", Outcome::Fail),
        ("{ during: wide, lastMs: 1000, atLeastKbit: 90, atMostKbit: 90 }", Outcome::Pass),
        ("{ during: wide, atLeastKbit: 86 }", Outcome::Fail),
        ("{ during: narrow, lastMs: 2001, atMostKbit: 100 }", Outcome::Inconclusive),
        ("{ during: other, atMostKbit: 100 }", Outcome::Inconclusive),
        ("{ during: narrow }", Outcome::Inconclusive),
    ] {
        let verdict = verdict(wanted, &rates);
        assert_eq!(verdict.outcome, outcome, "{wanted}: {verdict:#?}");
        assert!(outcome == Outcome::Pass || verdict.layer == Some(Layer::Media), "{verdict:#?}");
    }
    let failed = verdict("{ during: narrow, lastMs: 1000, atLeastKbit: 21 }", &rates);
    assert_eq!(failed.side.as_deref(), Some("alice"));
    assert_eq!(
        failed.sentence,
        "alice should send at least 21 kbit/s of media in the last 1000 ms of narrow, but it sent 20 kbit/s"
    );
}

#[test]
fn of_who_was_not_seen_to_send_or_not_wholly_seen_the_rate_is_undecided() {
    let wanted = "alice: { bitrate: [{ during: narrow, atMostKbit: 30 }] }";
    let mut cut = record(wanted, &[10, 10, 10, 10]);
    assert_eq!(judge(&cut).outcome, Outcome::Pass);
    cut.wire.as_mut().unwrap().cut = true;
    assert_eq!(judge(&cut).outcome, Outcome::Inconclusive);
    let mut silent = record(wanted, &[0, 0, 0, 0]);
    silent.wire.as_mut().unwrap().put(Peer(1), true, 0, &[0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(judge(&silent).outcome, Outcome::Inconclusive);
}

#[test]
fn rates_over_time_are_shown_of_peers_with_an_expectation() {
    let wanted = "alice: { bitrate: [{ during: narrow, atMostKbit: 30 }] }";
    let rates = Bitrate::of(&record(wanted, &[100, 40, 20, 80, 90]));
    assert_eq!(rates.len(), 1);
    assert_eq!((rates[0].peer.as_str(), rates[0].from_us, rates[0].slice_us), ("alice", 0, 500_000));
    assert_eq!(rates[0].kbit, [100, 100, 40, 40, 20, 20, 80, 80, 90, 90]);
    assert_eq!(rates[0].links.iter().map(|link| link.t_us).collect::<Vec<_>>(), [1_000_000, 3_000_000]);
    assert_eq!(Bitrate::of(&record("alice: { tracks: none }", &[1, 1, 1, 1])), []);
}

#[test]
fn a_clock_that_jumps_costs_no_memory() {
    let mut record = record("alice: { bitrate: [{ during: narrow, atMostKbit: 30 }] }", &[10, 10, 10, 10]);
    record.timeline.last_mut().unwrap().t_us = u64::MAX;
    let rates = Bitrate::of(&record);
    assert!(rates[0].kbit.len() <= 600);
}
