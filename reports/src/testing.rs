//! A small run for the tests.

use crate::case::{CaseReport, Deciding};
use crate::findings::{Breach, Requirements};
use crate::run::RunReport;
use peerproof_conformance::case::{CasePeer, ConnectingStep, Role, Runs, Standing, StepName, Time, Waiver};
use peerproof_conformance::catalogue::Level;
use peerproof_conformance::checks::Status;
use peerproof_conformance::verdict::{Layer, Outcome, Place, Verdict};

fn case(name: &str, outcome: Outcome, standing: Standing, sentence: &str) -> CaseReport {
    let pair = name.rsplit('/').next().unwrap();
    let (offerer, answerer) = pair.split_once('-').unwrap();
    let peer = |name: &str, implementation: &str, role| CasePeer {
        named: None,
        name: name.to_owned(),
        implementation: implementation.to_owned(),
        version: "156.0.8078.79".to_owned(),
        role,
        runs: Runs::Driven,
        subject: false,
        nat: None,
        features: None,
        unreported: Vec::new(),
        refuses_the_impossible: true,
    };
    let failed = outcome == Outcome::Fail;
    let evidence = if failed {
        vec![
            Deciding {
                place: Place::Entry(41),
                text: "812 ms: bob reports dtlsstatechange failed".to_owned(),
            },
            Deciding { place: Place::Frame(17), text: "809 ms, into alice: dtls alert".to_owned() },
        ]
    } else {
        vec![]
    };
    let times = [(0, 40), (41, 80), (20, 120), (85, 140), (141, 150), (150, 230), (231, 260), (262, 320)];
    let reached = if failed { 6 } else { 8 };
    CaseReport {
        name: name.to_owned(),
        title: "A channel delivers what was sent".to_owned(),
        rows: vec!["dc-4".to_owned()],
        peers: vec![peer("alice", offerer, Role::Offerer), peer("bob", answerer, Role::Answerer)],
        verdict: Verdict {
            outcome,
            layer: failed.then_some(Layer::Dtls),
            side: failed.then(|| "bob".to_owned()),
            sentence: sentence.to_owned(),
            evidence: evidence.iter().map(|piece| piece.place).collect(), claim: None },
        missing: None,
        standing,
        evidence,
        steps: StepName::ALL
            .into_iter()
            .zip(times)
            .enumerate()
            .map(|(i, (step, (began, ended)))| ConnectingStep {
                step,
                began_us: (i < reached).then_some(began * 1000),
                ended_us: (i + 1 < reached || !failed).then_some(ended * 1000),
            })
            .collect(),
        duration_us: 843_000,
        time: Time::Real,
        attempt: 1,
        seed: 7,
        control_of: None,
        waiver: None,
        requirements: Requirements { pass: 30, ..Requirements::default() },
        breaches: Vec::new(),
        meeting: None,
        bitrates: Vec::new(),
        snapshot: None,
        snapshot_text: Some("[sdp]\nalice, description 1: offer\n  v=0\n  o=- <session id alice> <version> IN 127.0.0.1\n[ice]\nalice\n  connection: new → connecting → connected\n".to_owned()),
        folder: Some(format!("cases/{name}")),
        files: ["case.json", "capture.pcapng", "timeline.jsonl", "sdp/01-alice-offer.sdp"].map(str::to_owned).to_vec(),
    }
}

/// A case of a scenario (`family/name`) between two implementations.
pub(crate) fn between(scenario: &str, pair: [&str; 2], outcome: Outcome) -> CaseReport {
    let standing = match outcome {
        Outcome::Pass | Outcome::Unsupported => Standing::Expected,
        _ => Standing::Unexpected,
    };
    case(&format!("{scenario}/{}", pair.join("-")), outcome, standing, "so it came out")
}

/// A run with every verdict and every standing in it, and a hostile name.
pub(crate) fn report() -> RunReport {
    use Outcome::{Fail, HarnessError, Inconclusive, Pass, Unsupported};
    let mut cases = vec![
        case(
            "data/echo/stack-chrome",
            Pass,
            Standing::Expected,
            "bob received 3 messages as alice sent them",
        ),
        case(
            "data/echo/chrome-stack",
            Pass,
            Standing::Expected,
            "alice received 3 messages as bob sent them",
        ),
        case(
            "data/echo/stack-firefox",
            Fail,
            Standing::Unexpected,
            "the DTLS handshake between alice and bob should complete, but it failed at bob; bob sent fatal alert 42",
        ),
        case("dtls/wrong-fingerprint/stack-chrome", Pass, Standing::Changed, "every step succeeded"),
        case("dtls/forged/stack-stack", Fail, Standing::ControlHeld, "it failed at bob"),
        case("dtls/silent/stack-chrome", Pass, Standing::ControlBroken, "every step succeeded"),
        case(
            "ice/restart/stack-stack",
            Fail,
            Standing::Known,
            "restart should change the ufrag, but it did not",
        ),
        case("ice/trickle/stack-stack", Pass, Standing::WaiverStale, "every step succeeded"),
        case(
            "media/h264/stack-firefox",
            Unsupported,
            Standing::Expected,
            "bob lacks what the case needs: no H.264",
        ),
        case(
            "media/video/stack-chrome",
            Inconclusive,
            Standing::Unexpected,
            "no packets of this pair were captured",
        ),
        case(
            "media/video/stack-firefox",
            HarnessError,
            Standing::Unexpected,
            "bob was lost: the page crashed",
        ),
        case(
            "sdp/<script>alert(1)</script>/stack-chrome",
            Pass,
            Standing::Expected,
            "\"><img src=x onerror=alert(1)> & co",
        ),
    ];
    let breach = |result, waiver| Breach {
        requirement: "dtls-no-compression".into(),
        level: Some(Level::Must),
        source: "RFC 6347 §4.2.1".into(),
        endpoint: "bob".into(),
        implementation: "chrome 156".into(),
        result,
        faults: vec!["compression-chosen".into()],
        sentence: "the ServerHello chose <compression> 1".into(),
        evidence: vec![Place::Frame(9)],
        waiver,
    };
    let known = Waiver { reason: "it was always so".into(), link: "RFC 6347".into() };
    for (case, result, waiver) in [
        (0, Status::Fail, Some(known.clone())),
        (3, Status::Fail, Some(known)),
        (8, Status::Fail, None),
        (9, Status::Warn, None),
    ] {
        let one: &mut CaseReport = &mut cases[case];
        let counts = &mut one.requirements;
        match (result, &waiver) {
            (Status::Fail, None) => counts.fail += 1,
            (Status::Fail, Some(_)) => counts.known += 1,
            _ => counts.warn += 1,
        }
        one.breaches.push(breach(result, waiver));
    }
    for case in &mut cases {
        match case.standing {
            Standing::Known => {
                case.waiver =
                    Some(Waiver { reason: "the crate keeps its ufrag".into(), link: "RFC 8445 §9".into() });
            }
            Standing::ControlHeld | Standing::ControlBroken => case.control_of = Some("dtls/plain".into()),
            _ => {}
        }
    }
    RunReport::new("peerproof 0.1.0".to_owned(), 1_795_363_200_000_000, 63_400_000, 7, cases)
}
