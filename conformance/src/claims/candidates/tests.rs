//! Candidates that nobody has, and pairs that nothing uses.

use super::super::testing::Case;
use crate::checks::controls::Recording;
use crate::evidence::Peer;
use crate::verdict::Layer;
use peerproof_captures::event::{IceCandidate, PeerEvent};
use peerproof_captures::feature::Feature;
use peerproof_captures::timeline::{Entry, LossCause, What};

const EVENT: &str = "event/icecandidate";
const TEXT: &str = "event/icecandidate.candidate.candidate";
const LOCAL: &str = "event/selectedcandidatepairchange.local";
const REMOTE: &str = "event/selectedcandidatepairchange.remote";

fn is_candidate(event: &PeerEvent, part: &str) -> bool {
    matches!(event, PeerEvent::IceCandidate { candidate: Some(stated) } if stated.candidate.contains(part))
}

/// Edits every candidate of a peer that has a part.
fn rewrite(case: &mut Case, peer: &str, part: &str, from: &str, to: &str) {
    case.edit(peer, |event| {
        if let PeerEvent::IceCandidate { candidate: Some(IceCandidate { candidate, .. }) } = event
            && candidate.contains(part)
        {
            *candidate = candidate.replacen(from, to, 1);
        }
    });
}

#[test]
fn a_candidate_is_reported_once() {
    for peer in ["alice", "bob"] {
        let mut case = Case::of(Recording::Relay);
        case.double(peer, |event| is_candidate(event, "typ host"));
        case.blames(peer, EVENT, Layer::Gathering, "the same before");
    }
}

#[test]
fn a_socket_that_sends_checks_is_that_of_a_candidate() {
    let mut case = Case::of(Recording::Conflict);
    case.silence("alice", |event| is_candidate(event, "typ host"));
    // Her description has it still.
    case.without(|what| match what {
        What::Command { peer, name, .. } => peer == "alice" && name == "setLocalDescription",
        _ => false,
    });
    for at in ["alice", "bob"] {
        rewrite(&mut case, at, "typ host", "nothing", "nothing");
    }
    case.blames("alice", EVENT, Layer::Gathering, "sends checks from");
}

/// A recording in which alice is behind an adapter.
fn translated(recording: Recording) -> Case {
    let mut case = Case::of(recording);
    case.record.file.peers[0].features = Some(vec![Feature::DataChannels]);
    case.is_silent();
    case
}

#[test]
fn an_adapter_loses_no_candidate() {
    // Her description has it still.
    let mut case = translated(Recording::Closed);
    case.silence("alice", |event| is_candidate(event, "typ host"));
    case.blames("alice", EVENT, Layer::Gathering, "it never reports that candidate");
    case.silence("alice", |event| matches!(event, PeerEvent::IceCandidate { .. }));
    case.blames("alice", EVENT, Layer::Gathering, "it never reports that candidate");
    case.record.file.peers[0].unreported.push("icecandidate".to_owned());
    case.is_silent();

    let mut case = translated(Recording::Closed);
    case.silence("alice", |event| matches!(event, PeerEvent::IceCandidate { candidate: None }));
    case.blames("alice", EVENT, Layer::Gathering, "never reports the end of its candidates");

    let mut case = translated(Recording::Conflict);
    case.silence("alice", |event| is_candidate(event, ""));
    case.blames("alice", EVENT, Layer::Gathering, "and its descriptions contain none");
    case.silence("alice", |event| matches!(event, PeerEvent::ConnectionStateChange { .. }));
    let found = case.found();
    assert!(!found.iter().any(|it| it.sentence().contains("contain none")), "{found:#?}");
}

#[test]
fn checks_arrive_from_the_sockets_of_candidates_unless_a_nat_changes_them() {
    let mut case = translated(Recording::Conflict);
    case.lose(|packet| packet.tap == Peer(0));
    let is_found = |case: &Case| case.found().iter().any(|it| it.sentence().contains("checks arrive from"));
    assert!(!is_found(&case));
    rewrite(&mut case, "alice", "typ host", " 34852 ", " 34853 ");
    case.blames("alice", EVENT, Layer::Gathering, ":34852, which is in none of them");
    case.record.file.peers[0].nat = Some(
        serde_json::from_value(
            serde_json::json!({"mapping": "endpoint-independent", "filtering": "endpoint-independent"}),
        )
        .unwrap(),
    );
    assert!(!is_found(&case));
}

#[test]
fn a_second_socket_at_an_address_is_invented() {
    let mut case = Case::of(Recording::Conflict);
    case.double("bob", |event| is_candidate(event, " 40839 typ host"));
    let mut first = true;
    case.edit("bob", |event| {
        if is_candidate(event, " 40839 typ host")
            && std::mem::take(&mut first)
            && let PeerEvent::IceCandidate { candidate: Some(IceCandidate { candidate, .. }) } = event
        {
            *candidate = candidate.replace(" 40839 ", " 12345 ");
        }
    });
    case.blames("bob", TEXT, Layer::Gathering, "that of port 40839");
    // An address that went and came back is gathered again.
    let step = serde_json::json!({"action": {"harness": {"step": "network", "args": {"down": "bob/eth0"}}}});
    let what = serde_json::json!({"step_began": {"step": 90, "definition": step}});
    case.record.timeline.push(
        serde_json::from_value(serde_json::json!({"n": 9_999, "t_us": 9_999_999_999_u64, "what": what}))
            .unwrap(),
    );
    let found = case.found();
    assert!(!found.iter().any(|it| it.sentence().contains("that of port")), "{found:#?}");
}

#[test]
fn an_address_to_which_there_is_no_way_is_nobodys_unless_a_nat_hides_it() {
    let built = |is_translated: bool| {
        let mut case = Case::of(Recording::Conflict);
        let packets = &mut case.record.wire.as_mut().unwrap().packets;
        let bobs = packets.iter().find(|it| it.sender == Peer(1) && it.tap == Peer(1)).unwrap();
        let mut check = bobs.clone();
        check.to = "10.9.8.7:4567".parse().unwrap();
        check.frame += 1_000_000;
        let (frame, t_us) = (check.frame, check.t_us);
        packets.push(check);
        for packet in
            packets.iter_mut().filter(|it| is_translated && it.sender == Peer(0) && it.tap == Peer(1))
        {
            packet.from = "203.0.113.99:9999".parse().unwrap();
        }
        let lost = What::Lost { frame: Some(frame), place: "bob".to_owned(), cause: LossCause::NoRoute };
        let mut first = true;
        case.edit("alice", |event| {
            if let PeerEvent::IceCandidate { candidate: Some(IceCandidate { candidate, .. }) } = event
                && candidate.contains("typ host")
                && std::mem::take(&mut first)
            {
                let words: Vec<&str> = candidate.split(' ').collect();
                *candidate = [&words[..4], &["10.9.8.7", "4567"], &words[6..]].concat().join(" ");
            }
        });
        let n = case.record.timeline.len() as u64;
        case.record.timeline.push(Entry { n, t_us, what: lost });
        case.found().into_iter().any(|it| it.sentence().contains("nobody in the network"))
    };
    assert!(built(false));
    assert!(!built(true));
}

#[test]
fn addresses_of_servers_are_those_that_servers_told() {
    let mut case = Case::of(Recording::Relay);
    rewrite(&mut case, "bob", "typ relay", " 33481 ", " 33482 ");
    case.blames("bob", TEXT, Layer::Gathering, "no server reported that address to it");
    // What one reported may be what the capture lacks.
    case.record.wire.as_mut().unwrap().servers.retain(|it| it.sent);
    assert!(!case.found().iter().any(|it| it.sentence().contains("no server reported that address")));
    let mut case = Case::of(Recording::Relay);
    rewrite(&mut case, "bob", "typ relay", "typ relay", "typ srflx");
    case.blames("bob", TEXT, Layer::Gathering, "no server reported that address to it");
    let mut case = Case::of(Recording::Relay);
    rewrite(&mut case, "bob", "typ relay", "typ relay", "typ host");
    case.blames("bob", TEXT, Layer::Gathering, "a server reported that address to it");
}

#[test]
fn a_pair_is_of_candidates_that_were_signalled_and_is_used() {
    let mut case = Case::of(Recording::Conflict);
    let edit = |event: &mut PeerEvent, own: bool| {
        if let PeerEvent::SelectedCandidatePairChange { local, remote } = event {
            let side = if own { local } else { remote };
            *side = side.replace("40839", "40838").replace("34852", "34853");
        }
    };
    case.edit("bob", |event| edit(event, true)).blames(
        "bob",
        LOCAL,
        Layer::Nomination,
        "nobody ever signalled",
    );
    case.blames("bob", LOCAL, Layer::Nomination, "nothing goes from there to there");
    let mut case = Case::of(Recording::Conflict);
    case.edit("bob", |event| edit(event, false)).blames(
        "bob",
        REMOTE,
        Layer::Nomination,
        "nobody ever signalled",
    );
    case.blames("bob", REMOTE, Layer::Nomination, "never sends anything to");
}

/// Writes another word into a candidate of every pair of a peer.
fn repair(case: &mut Case, peer: &str, own: bool, at: usize, word: &str) {
    case.edit(peer, |event| {
        if let PeerEvent::SelectedCandidatePairChange { local, remote } = event {
            let side = if own { local } else { remote };
            let prefix = if at == 0 { "candidate:" } else { "" };
            let word = format!("{prefix}{word}");
            let mut words: Vec<&str> = side.split(' ').collect();
            words[at] = &word;
            *side = words.join(" ");
        }
    });
}

#[test]
fn a_pair_has_all_of_what_was_signalled_of_its_candidates() {
    for (own, claim) in [(true, LOCAL), (false, REMOTE)] {
        for (at, word, words) in [
            (0, "4711", "another foundation"),
            (1, "2", "another component"),
            (2, "tcp", "another transport"),
            (3, "4711", "another priority"),
            (7, "guess", "no such type"),
        ] {
            let mut case = Case::of(Recording::Conflict);
            repair(&mut case, "bob", own, at, word);
            case.blames("bob", claim, Layer::Nomination, words);
        }
        for garbage in ["", "garbage"] {
            let mut case = Case::of(Recording::Conflict);
            case.edit("bob", |event| {
                if let PeerEvent::SelectedCandidatePairChange { local, remote } = event {
                    *(if own { local } else { remote }) = garbage.to_owned();
                }
            });
            case.blames("bob", claim, Layer::Nomination, "that is no candidate");
        }
    }
}

#[test]
fn what_a_check_brought_up_has_a_priority_and_a_foundation_of_its_own() {
    let accused = |changes: &[(usize, &str)]| {
        let mut case = Case::of(Recording::Conflict);
        repair(&mut case, "bob", false, 7, "prflx");
        for (at, word) in changes {
            repair(&mut case, "bob", false, *at, word);
        }
        case.found().iter().any(|it| it.claim == REMOTE)
    };
    assert!(!accused(&[]) && !accused(&[(0, "4711"), (3, "4711")]));
    // So the webrtc crate writes it.
    assert!(!accused(&[(7, "prflx raddr  rport 0")]));
    assert!(accused(&[(1, "2")]) && accused(&[(2, "dccp")]));
}

#[test]
fn a_pair_is_reported_when_data_goes_over_it() {
    let is_pair = |event: &PeerEvent| matches!(event, PeerEvent::SelectedCandidatePairChange { .. });
    let accused = |us: u64| {
        let mut case = Case::of(Recording::Conflict);
        let mut pair = None;
        case.edit("bob", |event| {
            if is_pair(event) {
                pair = Some(event.clone());
            }
        });
        case.silence("bob", is_pair).report_late("bob", us, pair.unwrap());
        case.found().iter().any(|it| it.sentence().contains("had data"))
    };
    assert!(!accused(0) && accused(60_000_000));
}

#[test]
fn a_pair_is_of_one_address_family() {
    let mut case = Case::of(Recording::Conflict);
    let is_v6 = |text: &str| text.split(' ').nth(4).is_some_and(|address| address.contains(':'));
    case.edit("bob", |event| {
        if let PeerEvent::SelectedCandidatePairChange { local, remote } = event {
            let address = if is_v6(remote) { "192.0.2.77" } else { "2001:db8::77" };
            let mut words: Vec<&str> = local.split(' ').collect();
            words[4] = address;
            *local = words.join(" ");
        }
    });
    case.blames("bob", LOCAL, Layer::Nomination, "of different families");
}

#[test]
fn a_pair_is_reported_once_and_at_all() {
    let pair = |event: &PeerEvent| matches!(event, PeerEvent::SelectedCandidatePairChange { .. });
    let mut case = Case::of(Recording::Conflict);
    case.double("bob", pair).blames("bob", LOCAL, Layer::Nomination, "it had reported before");
    let mut case = Case::of(Recording::Conflict);
    case.silence("bob", pair).wait(2_000_000).blames(
        "bob",
        LOCAL,
        Layer::Nomination,
        "never reports which pair",
    );
    let mut short = Case::of(Recording::Conflict);
    short
        .silence("bob", pair)
        .without(|what| matches!(what, What::Command { name, .. } if name == "getStats"));
    let found = short.found();
    assert!(!found.iter().any(|it| it.sentence().contains("which pair")), "it may still come: {found:#?}");
}

#[test]
fn an_error_is_of_a_server_that_was_configured_and_answered_it() {
    let error = |url: &str, error_code| PeerEvent::IceCandidateError {
        url: url.to_owned(),
        error_code,
        error_text: String::new(),
    };
    let server = "turn:203.0.113.200:50710?transport=udp";
    let mut case = Case::of(Recording::Relay);
    case.report_late("bob", 0, error(server, 486));
    case.blames("bob", "event/icecandidateerror.errorCode", Layer::Gathering, "one answered 401");
    let mut case = Case::of(Recording::Relay);
    case.report_late("bob", 0, error("turn:192.0.2.99:3478", 701));
    case.blames("bob", "event/icecandidateerror.url", Layer::Gathering, "no such server");
    let mut case = Case::of(Recording::Relay);
    case.report_late("bob", 0, error(server, 701)).is_silent();
}

#[test]
fn gathering_ends_once_for_each_time_that_it_begins() {
    let end = |event: &PeerEvent| matches!(event, PeerEvent::IceCandidate { candidate: None });
    for (recording, peer) in [(Recording::Conflict, "alice"), (Recording::Restart, "bob")] {
        let mut case = Case::of(recording);
        case.double(peer, end).blames(peer, EVENT, Layer::Gathering, "did not gather since");
    }
    // An ICE restart gathers again.
    let found = Case::of(Recording::Restart).found();
    assert!(!found.iter().any(|it| it.sentence().contains("did not gather since")), "{found:#?}");
}

#[test]
fn a_pair_is_in_use_only_after_a_check() {
    let is_pair = |event: &PeerEvent| matches!(event, PeerEvent::SelectedCandidatePairChange { .. });
    let mut case = Case::of(Recording::Conflict);
    let of_bob = |what: &What, wanted: &dyn Fn(&PeerEvent) -> bool| matches!(what, What::Event { peer, event, .. } if peer == "bob" && wanted(event));
    let timeline = &mut case.record.timeline;
    let from = timeline.iter().position(|it| of_bob(&it.what, &is_pair)).unwrap();
    let pair = timeline.remove(from);
    // Its first event comes before any check.
    let to = timeline.iter().position(|it| of_bob(&it.what, &|_| true)).unwrap();
    timeline.insert(to, pair);
    for (n, entry) in (0..).zip(timeline) {
        entry.n = n;
    }
    case.blames("bob", LOCAL, Layer::Nomination, "arrives only in frame");
}
