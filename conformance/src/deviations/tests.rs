//! Known deviations: what they cover, by which faults, layers, sides and versions, and what no longer shows.

use super::*;
use crate::verdict::{ContradictedClaim, Layer};
use peerproof_captures::feature::Feature;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Listed {
    deviation: Vec<Deviation>,
}

const REASON: &str = "reason = 'r'\nlink = 'l'\n";

fn read(text: &str) -> Result<Deviations, String> {
    let Listed { deviation } = toml::from_str(text).map_err(|error| error.to_string())?;
    deviation.iter().try_for_each(Deviation::validate).map_err(|error| error.to_string())?;
    Ok(Deviations::new(deviation))
}

/// One deviation, with its reason.
fn of(toml: &str) -> Deviations {
    read(&format!("[[deviation]]\n{toml}\n{REASON}")).unwrap()
}

fn error(toml: &str) -> String {
    read(&format!("[[deviation]]\n{toml}\n{REASON}")).unwrap_err()
}

fn peer(name: &str, implementation: &str, version: &str) -> Value {
    let role = if name == "alice" { "offerer" } else { "answerer" };
    json!({"name": name, "implementation": implementation, "version": version, "role": role,
        "refuses_the_impossible": true})
}

fn finding(endpoint: &str, result: &str, faults: &[&str]) -> Value {
    json!({"requirement": "rtp-header-well-formed", "endpoint": endpoint, "result": result, "faults": faults,
        "sentence": "s"})
}

fn case(name: &str, peers: [Value; 2], findings: &[Value]) -> CaseFile {
    let case = json!({"format": 2, "name": name, "title": "t", "peers": peers, "seed": 1, "scenario_hash": "",
        "epoch_us": 0, "duration_us": 0, "findings": findings});
    serde_json::from_value(case).unwrap()
}

/// Chrome, alice, and the stack, bob.
fn pair(findings: &[Value]) -> CaseFile {
    case("a/b/chrome-stack", [peer("alice", "chrome", "156.0"), peer("bob", "stack", "1.0")], findings)
}

fn verdict(outcome: Outcome, layer: Layer, side: &str) -> Verdict {
    let (layer, side) = (Some(layer), Some(side.to_owned()));
    Verdict { outcome, layer, side, sentence: String::new(), evidence: Vec::new(), claim: None }
}

fn pass() -> Verdict {
    Verdict {
        outcome: Outcome::Pass,
        layer: None,
        side: None,
        sentence: String::new(),
        evidence: Vec::new(),
        claim: None,
    }
}

#[test]
fn a_deviation_needs_its_reason_and_its_link_and_says_what_it_is() {
    let missing = "[[deviation]]\ncase = 'dtls/**'\nlayer = 'dtls'\npeer = 'stack'\nreason = 'r'\n";
    assert!(read(missing).unwrap_err().contains("link"));
    assert_eq!(read(&format!("{missing}link = 'l'\n")).unwrap().unmatched().len(), 1);
    assert!(error("peer = 'stack'").contains("neither"));
    assert!(error("peer = 'stack'\nrequirement = 'no-such-thing'").contains("no-such-thing"));
    assert!(error("peer = 'stack'\ncase = 'a/**'").contains("needs its `layer`"));
    assert!(error("peer = 'stack'\ncase = 'a/**'\nlayer = 'sdp'\nfault = 'x'").contains("no `requirement`"));
    let of_requirement = "peer = 'stack'\nrequirement = 'rtp-header-well-formed'\n";
    assert!(
        error(of_requirement).contains("needs its `fault`: header-does-not-fit, version, padding-missing")
    );
    for of_verdicts in ["layer = 'sdp'", "side = 'other'"] {
        let refused = error(&format!("{of_requirement}fault = 'version'\n{of_verdicts}"));
        assert!(refused.contains("only those of cases have"), "{refused}");
    }
    let unknown = error(&format!("{of_requirement}fault = ['version', 'colour']"));
    assert!(unknown.contains("finds no fault `colour`, only header-does-not-fit, version"), "{unknown}");
    let shown = of(&format!("{of_requirement}fault = ['version', 'padding-missing']"));
    assert!(
        shown.unmatched()[0]
            .to_string()
            .contains("rtp-header-well-formed (version, padding-missing) of stack")
    );
}

#[test]
fn a_deviation_of_a_case_covers_its_layer_on_the_side_of_its_peer() {
    let expected = of("case = 'a/**'\npeer = 'stack'\nlayer = 'dtls'");
    let file = pair(&[]);
    for (layer, side) in [(Layer::Dtls, "alice"), (Layer::Dtls, "network"), (Layer::Sctp, "bob")] {
        assert!(expected.waiver(&file, &verdict(Outcome::Fail, layer, side)).is_none(), "{layer} {side}");
    }
    let of_nobody = Verdict { side: None, ..verdict(Outcome::Fail, Layer::Dtls, "bob") };
    assert!(expected.waiver(&file, &of_nobody).is_none());
    assert!(expected.waiver(&file, &Verdict { layer: None, ..of_nobody.clone() }).is_none());
    let neither = of("case = 'a/**'\npeer = 'stack'\nlayer = 'dtls'\nside = 'neither'");
    assert!(neither.waiver(&file, &of_nobody).is_some());
    assert!(neither.waiver(&file, &verdict(Outcome::Fail, Layer::Dtls, "bob")).is_none());
    let open = verdict(Outcome::Inconclusive, Layer::Dtls, "bob");
    assert!(expected.waiver(&file, &open).is_none());
    assert_eq!(expected.unmatched().len(), 1, "nothing has shown it");
    assert!(expected.waiver(&file, &verdict(Outcome::Fail, Layer::Dtls, "bob")).is_some());
    assert!(expected.unmatched().is_empty());
    // It has to show wherever it may.
    assert!(expected.waiver(&file, &pass()).is_some());
    for (side, covered) in [("other", ["alice"].as_slice()), ("network", &["network"])] {
        let elsewhere = of(&format!("case = 'a/**'\npeer = 'stack'\nlayer = 'dtls'\nside = '{side}'"));
        for at in ["alice", "bob", "network"] {
            let fails = verdict(Outcome::Fail, Layer::Dtls, at);
            assert_eq!(elsewhere.waiver(&file, &fails).is_some(), covered.contains(&at), "{side} {at}");
        }
    }
    let sometimes = of("case = 'a/**'\npeer = 'stack'\nlayer = 'dtls'\nrate = [0, 1]");
    assert!(sometimes.waiver(&file, &pass()).is_none());
    assert!(sometimes.waiver(&file, &verdict(Outcome::Fail, Layer::Dtls, "bob")).is_some());
}

#[test]
fn a_deviation_of_a_claim_covers_what_that_claim_alone_decides() {
    let claim = "stat/inbound-rtp.packetsReceived";
    let toml = format!("claim = '{claim}'\npeer = 'stack'\n");
    let expected = of(&format!("{toml}rate = [0, 0.5]"));
    let decided = |side: &str, claim: Option<&str>| {
        let claim = claim.map(|name| ContradictedClaim { name: name.to_owned(), is_less: false });
        expected
            .waiver(&pair(&[]), &Verdict { claim, ..verdict(Outcome::Fail, Layer::Media, side) })
            .is_some()
    };
    assert!(decided("bob", Some(claim)));
    assert!(!decided("alice", Some(claim)) && !decided("bob", Some("stat/outbound-rtp.packetsSent")));
    // Something else failed too.
    assert!(!decided("bob", None));
    assert!(expected.waiver(&pair(&[]), &pass()).is_none());
    assert_eq!(expected.deviations[0].name(), format!("{claim} of stack"));

    assert!(error(&toml).contains("needs its `rate`"));
    assert!(
        error("claim = 'stat/inbound-rtp.colour'\npeer = 'stack'").contains("nothing contradicts a claim")
    );
    for other in
        ["layer = 'media'", "side = 'other'", "fault = 'version'", "requirement = 'rtp-header-well-formed'"]
    {
        assert!(
            error(&format!("{toml}rate = [0, 1]\n{other}")).contains("has those of the claim"),
            "{other}"
        );
    }
    let less = of(&format!("{toml}rate = [0, 0.5]\nless = true"));
    let decided = |is_less: bool| {
        let claim = Some(ContradictedClaim { name: claim.to_owned(), is_less });
        less.waiver(&pair(&[]), &Verdict { claim, ..verdict(Outcome::Fail, Layer::Media, "bob") }).is_some()
    };
    assert!(decided(true) && !decided(false), "more than there was is another fault");
    assert_eq!(less.deviations[0].name(), format!("{claim} (less) of stack"));
    assert!(error("case = 'a/**'\npeer = 'stack'\nlayer = 'sdp'\nless = true").contains("no `claim`"));
    let in_cases = of(&format!("case = 'a/**'\n{toml}"));
    assert_eq!(in_cases.deviations[0].name(), format!("{claim} in a/** of stack"));
}

#[test]
fn a_deviation_that_the_suite_does_not_show_is_not_stale() {
    let stale = |suite: &str| {
        let claim = "claim = 'stat/inbound-rtp.packetsReceived'\npeer = 'stack'\nrate = [0, 0.5]\n";
        let expected = of(&format!("{claim}{suite}"));
        for _ in 0..ATTEMPTS {
            assert!(expected.waiver(&pair(&[]), &pass()).is_none());
        }
        expected.stale(&Observed::default()).len()
    };
    assert_eq!((stale(""), stale("suite = false")), (1, 0));
    for rate in ["", "rate = [0.1, 1]\n"] {
        let refused = error(&format!("case = 'a/**'\npeer = 'stack'\nlayer = 'sdp'\n{rate}suite = false"));
        assert!(refused.contains("begins with 0"), "{refused}");
    }
}

#[test]
fn a_deviation_of_a_requirement_covers_its_faults_at_its_peer_and_no_others() {
    let of_chrome = "requirement = 'rtp-header-well-formed'\npeer = 'chrome'\n";
    let expected = of(&format!("{of_chrome}fault = 'version'"));
    let mut others = pair(&[
        finding("bob", "fail", &["version"]),
        finding("alice", "fail", &["padding-missing"]),
        finding("alice", "fail", &["version", "padding-missing"]),
        finding("alice", "fail", &[]),
        finding("alice", "pass", &[]),
    ]);
    expected.waive(&mut others);
    assert!(others.findings.iter().all(|finding| finding.waiver.is_none()));
    let expected = of(&format!("{of_chrome}fault = 'version'"));
    let mut own = pair(&[finding("alice", "fail", &["version"]), finding("alice", "warn", &["version"])]);
    expected.waive(&mut own);
    assert!(own.findings.iter().all(|finding| finding.waiver.is_some()));
    assert!(expected.unmatched().is_empty() && !own.findings[0].is_unexpected_failure());
    // Several deviations may cover the faults of one finding together.
    let both = format!(
        "[[deviation]]\n{of_chrome}fault = 'version'\n{REASON}[[deviation]]\n{of_chrome}fault = 'padding-missing'\n{REASON}"
    );
    let expected = read(&both).unwrap();
    let mut own = pair(&[finding("alice", "fail", &["version", "padding-missing"])]);
    expected.waive(&mut own);
    assert!(own.findings[0].waiver.is_some() && expected.unmatched().is_empty());
}

#[test]
fn one_of_subjects_leaves_alone_who_is_none() {
    let expected =
        of("requirement = 'rtp-header-well-formed'\nfault = 'version'\npeer = 'chrome'\nsubject = true");
    let mut fails = pair(&[finding("alice", "fail", &["version"])]);
    expected.waive(&mut fails);
    assert!(fails.findings[0].is_unexpected_failure());
    fails.peers[0].subject = true;
    expected.waive(&mut fails);
    assert!(!fails.findings[0].is_unexpected_failure());
}

#[test]
fn what_the_load_of_the_machine_leaves_open_neither_waives_nor_is_stale() {
    let expected = of("requirement = 'rtp-header-well-formed'\nfault = 'version'\npeer = 'chrome'");
    let mut open = pair(&[finding("alice", "inconclusive", &[]), finding("bob", "inconclusive", &[])]);
    open.findings[1].timing = true;
    expected.waive(&mut open);
    assert_eq!((expected.unmatched().len(), expected.left_open().len()), (1, 0));
    open.findings[0].timing = true;
    expected.waive(&mut open);
    assert_eq!((expected.unmatched().len(), expected.left_open().len()), (0, 1));
    assert!(open.findings.iter().all(|finding| finding.waiver.is_none()));
    expected.waive(&mut pair(&[finding("alice", "fail", &["version"])]));
    assert!(expected.left_open().is_empty() && expected.unmatched().is_empty());
}

#[test]
fn what_is_known_of_a_version_that_did_not_play_is_no_stale_entry() {
    let expected = of("case = 'a/**'\npeer = 'chrome'\nversions = '<156'\nlayer = 'sdp'");
    let played = |name: &str, version: &str| {
        case(name, [peer("alice", "chrome", version), peer("bob", "stack", "1.0")], &[])
    };
    for version in ["", "156.0"] {
        assert!(expected.waiver(&played("b/c/chrome-stack", version), &pass()).is_none());
        assert!(expected.unmatched().is_empty(), "{version}");
    }
    // One that did play and shows it nowhere is.
    assert!(expected.waiver(&played("b/c/chrome-stack", "150.0"), &pass()).is_none());
    assert_eq!(expected.unmatched().len(), 1);
    let fails = verdict(Outcome::Fail, Layer::Sdp, "alice");
    assert!(expected.waiver(&played("a/c/chrome-stack", "150.0"), &fails).is_some());
    assert!(expected.unmatched().is_empty());
}

#[test]
fn what_shows_in_another_version_than_those_named_is_to_be_reviewed_and_covers_nothing() {
    let expected = of("case = 'a/**'\npeer = 'chrome'\nversions = '<156'\nlayer = 'sdp'");
    let file = pair(&[]);
    assert!(expected.waiver(&file, &pass()).is_none() && expected.to_review().is_empty());
    assert!(expected.waiver(&file, &verdict(Outcome::Fail, Layer::Dtls, "alice")).is_none());
    assert!(expected.waiver(&file, &verdict(Outcome::Fail, Layer::Sdp, "bob")).is_none());
    assert!(expected.to_review().is_empty());
    assert!(expected.waiver(&file, &verdict(Outcome::Fail, Layer::Sdp, "alice")).is_none());
    assert_eq!(
        expected.to_review().iter().map(|(_, version)| version.as_str()).collect::<Vec<_>>(),
        ["156.0"]
    );
    let of_finding =
        of("requirement = 'rtp-header-well-formed'\nfault = 'version'\npeer = 'chrome'\nversions = '<156'");
    let mut file =
        pair(&[finding("alice", "fail", &["version"]), finding("alice", "fail", &["padding-missing"])]);
    of_finding.waive(&mut file);
    assert!(file.findings.iter().all(Finding::is_unexpected_failure));
    assert_eq!(of_finding.to_review().len(), 1);
}

#[test]
fn what_another_entry_covers_need_not_be_reviewed() {
    let one = |versions: &str| {
        format!(
            "[[deviation]]\ncase = 'a/**'\npeer = 'chrome'\nversions = '{versions}'\nlayer = 'sdp'\n{REASON}\n"
        )
    };
    let expected = read(&(one("<156") + &one(">=156"))).unwrap();
    assert!(expected.waiver(&pair(&[]), &verdict(Outcome::Fail, Layer::Sdp, "alice")).is_some());
    assert!(expected.to_review().is_empty());
}

#[test]
fn one_of_what_is_not_installed_leaves_alone_who_has_it() {
    let text = "requirement = 'rtp-header-well-formed'\nfault = 'version'\npeer = 'chrome'\nwithout = 'h264'";
    let mut fails = pair(&[finding("alice", "fail", &["version"])]);
    for (features, covered) in [(None, false), (Some(vec![Feature::Video, Feature::H264]), false)] {
        let deviations = of(text);
        fails.peers[0].features = features;
        deviations.waive(&mut fails);
        assert_eq!(fails.findings[0].waiver.is_some(), covered);
        assert!(deviations.unmatched().is_empty() && deviations.to_review().is_empty());
    }
    let deviations = of(text);
    fails.peers[0].features = Some(vec![Feature::Video]);
    fails.findings.clear();
    deviations.waive(&mut fails);
    assert_eq!(deviations.unmatched().len(), 1, "it shows no longer");
    fails.findings = pair(&[finding("alice", "fail", &["version"])]).findings;
    deviations.waive(&mut fails);
    assert!(fails.findings[0].waiver.is_some() && deviations.unmatched().is_empty());
    assert!(error(&text.replace("h264", "vp9")).contains("unknown variant"));
}
