//! States that are doubled, missing or impossible.

mod transports;

use super::super::Contradiction;
use super::super::testing::{Case, command};
use crate::checks::controls::Recording;
use crate::evidence::Peer;
use crate::verdict::Layer;
use peerproof_captures::event::{ConnectionState, DtlsState, IceState, PeerEvent, SctpState, SignalingState};
use peerproof_captures::feature::Feature;
use peerproof_captures::timeline::{Entry, What};
use peerproof_captures::wire::demux::Class;
use serde_json::json;

fn ice(state: IceState) -> PeerEvent {
    PeerEvent::IceConnectionStateChange { state }
}

fn ice_transport(state: IceState) -> PeerEvent {
    PeerEvent::IceTransportStateChange { state }
}

fn dtls(state: DtlsState) -> PeerEvent {
    PeerEvent::DtlsStateChange { state, reason: None }
}

fn connection(state: ConnectionState) -> PeerEvent {
    PeerEvent::ConnectionStateChange { state }
}

fn sctp(state: SctpState) -> PeerEvent {
    PeerEvent::SctpStateChange { state }
}

const HEALTHY: [Recording; 7] = [
    Recording::Data,
    Recording::Conflict,
    Recording::Closed,
    Recording::Negotiated,
    Recording::Call,
    Recording::Relay,
    Recording::Restart,
];

#[test]
fn healthy_recordings_contradict_nothing() {
    for recording in HEALTHY {
        Case::of(recording).is_silent();
    }
}

#[test]
fn a_state_that_is_reported_twice_is_the_peers_fault() {
    let all = [
        (ice(IceState::Connected), "event/iceconnectionstatechange.state", Layer::Checks),
        (ice_transport(IceState::Connected), "event/icetransportstatechange.state", Layer::Checks),
        (dtls(DtlsState::Connected), "event/dtlsstatechange.state", Layer::Dtls),
        (connection(ConnectionState::Connected), "event/connectionstatechange.state", Layer::Dtls),
        (sctp(SctpState::Connected), "event/sctpstatechange.state", Layer::Sctp),
        (
            PeerEvent::SignalingStateChange { state: SignalingState::Stable },
            "event/signalingstatechange.state",
            Layer::Sdp,
        ),
    ];
    for (event, claim, layer) in all {
        for peer in ["alice", "bob"] {
            let mut case = Case::of(Recording::Conflict);
            case.double(peer, |it| *it == event).blames(peer, claim, layer, "already");
        }
    }
}

#[test]
fn a_state_without_what_it_follows_from_is_missing_that() {
    let missing = [
        (dtls(DtlsState::Connected), "event/dtlsstatechange.state", Layer::Dtls, "never reports"),
        (ice(IceState::Connected), "event/iceconnectionstatechange.state", Layer::Checks, "never reports"),
        (
            ice_transport(IceState::Connected),
            "event/icetransportstatechange.state",
            Layer::Checks,
            "never reports",
        ),
        (sctp(SctpState::Connected), "event/sctpstatechange.state", Layer::Sctp, "never reports"),
        (
            connection(ConnectionState::Connecting),
            "event/connectionstatechange.state",
            Layer::Dtls,
            "does not become",
        ),
        (ice(IceState::Checking), "event/iceconnectionstatechange.state", Layer::Checks, "does not become"),
        (dtls(DtlsState::Connecting), "event/dtlsstatechange.state", Layer::Dtls, "that it was connecting"),
        (
            PeerEvent::SignalingStateChange { state: SignalingState::Stable },
            "event/signalingstatechange.state",
            Layer::Sdp,
            "does not report that signalingState became stable",
        ),
    ];
    for (event, claim, layer, words) in missing {
        let mut case = Case::of(Recording::Conflict);
        case.silence("bob", |it| *it == event).wait(2_000_000).blames("bob", claim, layer, words);
    }
    let mut case = Case::of(Recording::Conflict);
    let up = connection(ConnectionState::Connected);
    case.silence("bob", |it| *it == up).wait(2_000_000);
    case.blames(
        "bob",
        "event/connectionstatechange.state",
        Layer::Dtls,
        "never reports that connectionState became",
    );
}

#[test]
fn what_was_closed_before_the_association_came_up_is_not_missing() {
    let up = sctp(SctpState::Connected);
    let mut case = Case::of(Recording::Conflict);
    case.report_after("bob", |it| *it == dtls(DtlsState::Connecting), sctp(SctpState::Closed));
    case.silence("bob", |it| *it == up).wait(2_000_000);
    let is_of_sctp = |it: &Contradiction| it.claim == "event/sctpstatechange.state";
    assert!(!case.found().iter().any(is_of_sctp));
}

#[test]
fn a_signaling_state_that_is_reported_late_but_before_any_other_is_not_missing() {
    let stable = PeerEvent::SignalingStateChange { state: SignalingState::Stable };
    let mut case = Case::of(Recording::Conflict);
    case.silence("bob", |it| *it == stable).report_late("bob", 0, stable.clone()).is_silent();
}

#[test]
fn a_state_that_its_parts_do_not_bear_out_is_invented() {
    let up = connection(ConnectionState::Connected);
    let claim = "event/connectionstatechange.state";
    for (state, words) in [
        (ConnectionState::Failed, "neither ICE nor DTLS"),
        (ConnectionState::Disconnected, "no ICE transport was disconnected"),
        (ConnectionState::Closed, "nobody closed"),
    ] {
        let mut case = Case::of(Recording::Conflict);
        case.report_late("bob", 0, connection(state)).blames("bob", claim, Layer::Dtls, words);
    }
    let mut case = Case::of(Recording::Conflict);
    case.report_after("bob", |it| *it == up, ice(IceState::Disconnected));
    case.blames("bob", "event/iceconnectionstatechange.state", Layer::Checks, "connectionState stayed");
}

#[test]
fn a_path_on_which_checks_are_answered_is_not_gone() {
    let mut case = Case::of(Recording::Call);
    let seen = |event: &PeerEvent| matches!(event, PeerEvent::MediaSeen { .. });
    case.report_after("bob", seen, connection(ConnectionState::Disconnected));
    case.report_after("bob", seen, ice(IceState::Disconnected));
    case.blames("bob", "event/iceconnectionstatechange.state", Layer::Checks, "was answered");
}

/// What the machine delayed says nothing of a time before the case began.
#[test]
fn a_delay_early_in_a_case_mutes_nothing_that_is_longer_ago() {
    let accused = |waited_us: u64| {
        let mut case = Case::of(Recording::Call);
        let seen = |event: &PeerEvent| matches!(event, PeerEvent::MediaSeen { .. });
        case.report_after("bob", seen, connection(ConnectionState::Disconnected));
        case.report_after("bob", seen, ice(IceState::Disconnected));
        let entry = case.record.timeline.iter().find(
            |it| matches!(&it.what, What::Event { event, .. } if *event == ice(IceState::Disconnected)),
        );
        let earlier_us = entry.unwrap().t_us - 800_000;
        for entry in &mut case.record.timeline {
            entry.t_us = entry.t_us.saturating_sub(earlier_us);
        }
        for packet in &mut case.record.wire.as_mut().unwrap().packets {
            packet.t_us = packet.t_us.saturating_sub(earlier_us);
        }
        for entry in &mut case.record.timeline {
            if let What::Stalls { window_us, waited_us: all } = &mut entry.what {
                (*window_us, *all) = (100_000, vec![0; 6_000]);
                all[8] = waited_us;
            }
        }
        case.found().iter().any(|it| it.sentence().contains("was answered"))
    };
    assert!(accused(900_000), "the packet that came just before is not");
    assert!(!accused(10_000_000), "it may be older than it seems");
}

#[test]
fn what_is_closed_sends_no_more() {
    let mut case = Case::of(Recording::Call);
    case.report_after("alice", |it| *it == connection(ConnectionState::Connected), dtls(DtlsState::Failed));
    case.blames("alice", "event/dtlsstatechange.state", Layer::Dtls, "it goes on to send");
}

#[test]
fn a_state_without_packets_is_the_recordings_fault_where_both_report_it() {
    let no_answers = || {
        let mut case = Case::of(Recording::Conflict);
        case.lose(|packet| packet.class() == Class::Stun);
        case
    };
    no_answers().lacks("no check was answered");
    let mut alone = no_answers();
    alone.silence("alice", |it| *it == ice(IceState::Connected));
    alone.blames("bob", "event/iceconnectionstatechange.state", Layer::Checks, "no check was answered");

    let mut no_handshake = Case::of(Recording::Conflict);
    no_handshake.lose(|packet| packet.class() == Class::Dtls && packet.sender == Peer(1));
    no_handshake.lacks("there is no Finished");

    let mut no_association = Case::of(Recording::Conflict);
    for peer in [Peer(0), Peer(1)] {
        no_association.chunks(peer, |chunk| {
            // COOKIE-ECHO and COOKIE-ACK become types that nobody knows.
            if [10, 11].contains(&chunk[0]) {
                chunk[0] = 0x3f;
            }
        });
    }
    no_association.lacks("there is neither COOKIE-ECHO nor COOKIE-ACK");
}

#[test]
fn negotiation_becomes_necessary_by_a_command() {
    let claim = "event/negotiationneeded";
    let mut case = Case::of(Recording::Data);
    case.report_late("bob", 0, PeerEvent::NegotiationNeeded).blames(
        "bob",
        claim,
        Layer::Signalling,
        "0 commands",
    );
    let mut case = Case::of(Recording::Conflict);
    let needed = |event: &PeerEvent| *event == PeerEvent::NegotiationNeeded;
    case.double("alice", needed).blames("alice", claim, Layer::Signalling, "1 commands");
    let mut case = Case::of(Recording::Conflict);
    case.silence("alice", needed).blames("alice", claim, Layer::Signalling, "never reports");
    // What an answerer was given before its answer, and never offered, is still needed after it.
    let blames_a_second = |before: &str| {
        let mut case = Case::of(Recording::Data);
        case.command_before("bob", before, "addTrack");
        case.report_late("bob", 0, PeerEvent::NegotiationNeeded);
        case.report_late("bob", 0, PeerEvent::NegotiationNeeded);
        case.found().iter().any(|it| it.claim == claim)
    };
    assert!(!blames_a_second("createAnswer") && blames_a_second("getStats"));
    // The other side's offer rolls the own one back (webrtc-pc §4.4.1.5).
    let blames_a_late_one = |kind: &str| {
        let mut case = Case::of(Recording::Conflict);
        case.args("alice", "setRemoteDescription", |args| args["description"]["type"] = kind.into());
        case.report_late("alice", 0, PeerEvent::NegotiationNeeded);
        case.found().iter().any(|it| it.claim == claim)
    };
    assert!(blames_a_late_one("answer") && !blames_a_late_one("offer"));
    // A later offer that takes a direction back.
    let blames_one_after = |recording: Recording, line: &str| {
        let mut case = Case::of(recording);
        case.args("bob", "setRemoteDescription", |args| {
            let sdp = args["description"]["sdp"].as_str().unwrap().replace("a=sendrecv\r\n", "");
            let sdp = format!("{sdp}{line}\r\n");
            args["description"]["sdp"] = sdp.into();
        });
        case.report_late("bob", 0, PeerEvent::NegotiationNeeded);
        case.found().iter().any(|it| it.claim == claim && !it.sentence().contains("nothing that makes"))
    };
    assert!(blames_one_after(Recording::Restart, "a=sendrecv"));
    assert!(!blames_one_after(Recording::Restart, "a=inactive"));
    assert!(blames_one_after(Recording::Data, "a=inactive"), "the first offer takes nothing back");
}

#[test]
fn a_peer_that_never_reports_a_state_or_only_translates_lacks_none() {
    let mut case = Case::of(Recording::Conflict);
    case.silence("bob", |it| matches!(it, PeerEvent::DtlsStateChange { .. }));
    case.blames("bob", "event/dtlsstatechange.state", Layer::Dtls, "never reports");
    case.record.file.peers[1].unreported = vec!["dtlsstatechange".to_owned()];
    case.is_silent();
    case.record.file.peers[1].unreported.clear();
    case.record.file.peers[1].features = Some(Vec::new());
    let found = case.found();
    assert!(!found.iter().any(|it| it.claim == "event/dtlsstatechange.state"), "{found:#?}");
}

#[test]
fn a_disturbed_packet_is_nobodys_fault() {
    let mut case = Case::of(Recording::Call);
    let seen = |event: &PeerEvent| matches!(event, PeerEvent::MediaSeen { .. });
    case.report_after("bob", seen, ice(IceState::Disconnected));
    case.report_after("bob", seen, connection(ConnectionState::Disconnected));
    let frames: Vec<u64> =
        case.record.wire.as_ref().unwrap().packets.iter().map(|packet| packet.frame).collect();
    for frame in frames {
        let cause = peerproof_captures::timeline::LossCause::LinkDown;
        let what = What::Lost { frame: Some(frame), place: "lan".to_owned(), cause };
        case.record.timeline.push(peerproof_captures::timeline::Entry { n: 0, t_us: 0, what });
    }
    let found = case.found();
    assert!(!found.iter().any(|it| it.sentence().contains("was answered")), "{found:#?}");
}

#[test]
fn with_one_transport_both_ice_states_are_the_same() {
    let claim = "event/icetransportstatechange.state";
    let mut more = Case::of(Recording::Conflict);
    let up = |event: &PeerEvent| *event == connection(ConnectionState::Connected);
    more.report_after("bob", up, ice_transport(IceState::Disconnected)).wait(2_000_000);
    more.blames("bob", claim, Layer::Checks, "it is the only transport");
    let mut fewer = Case::of(Recording::Conflict);
    fewer.silence("bob", |event| *event == ice_transport(IceState::Checking));
    fewer.blames("bob", claim, Layer::Checks, "with one transport");
}

/// The transport is discarded, and without one the state is new (webrtc-pc §4.3.4).
#[test]
fn an_answer_that_rejects_every_section_leaves_no_transport_whose_state_follows() {
    let is_new = |port: u16| {
        let mut case = Case::of(Recording::Conflict);
        let up = |event: &PeerEvent| *event == connection(ConnectionState::Connected);
        case.report_after("bob", up, ice(IceState::New));
        let at = case.record.timeline.iter().position(
            |entry| matches!(&entry.what, What::Event { event, .. } if *event == ice(IceState::New)),
        );
        let sdp = format!("v=0\r\nm=application {port} UDP/DTLS/SCTP webrtc-datachannel\r\n");
        let args = serde_json::json!({"description": {"type": "answer", "sdp": sdp}});
        let name = "setLocalDescription".to_owned();
        let what = What::Command { peer: "bob".to_owned(), id: 9_000, name, args };
        let t_us = case.record.timeline[at.unwrap()].t_us;
        case.record.timeline.insert(at.unwrap(), Entry { n: 0, t_us, what });
        for (n, entry) in (0..).zip(&mut case.record.timeline) {
            entry.n = n;
        }
        case.wait(2_000_000);
        case.found().into_iter().any(|it| it.sentence().contains("it is the only transport"))
    };
    assert_eq!([0, 9].map(is_new), [false, true]);
}

#[test]
fn what_fails_takes_the_connection_with_it_and_what_closes_was_closed() {
    let up = |event: &PeerEvent| matches!(event, PeerEvent::ChannelMessage { .. });
    let mut failed = Case::of(Recording::Conflict);
    failed.report_after("bob", up, dtls(DtlsState::Failed)).wait(2_000_000);
    failed.blames("bob", "event/dtlsstatechange.state", Layer::Dtls, "connectionState stayed connected");
    let mut closed = Case::of(Recording::Conflict);
    closed.report_after("bob", up, sctp(SctpState::Closed)).wait(2_000_000);
    closed.blames("bob", "event/sctpstatechange.state", Layer::Sctp, "nobody closed it");
    let mut of_dtls = Case::of(Recording::Conflict);
    of_dtls.report_after("bob", up, dtls(DtlsState::Closed)).wait(2_000_000);
    of_dtls.blames("bob", "event/dtlsstatechange.state", Layer::Dtls, "nobody closed it");
    // Alice is given other fingerprints of bob, and ends the association (RFC 9429 §5.11).
    let changed = json!({"type": "answer", "sdp": "v=0\r\na=fingerprint:sha-256 00:11\r\n"});
    command(
        &mut of_dtls.record,
        "alice",
        "setRemoteDescription",
        json!({ "description": changed }),
        json!(null),
    );
    assert!(of_dtls.found().iter().all(|it| !it.seen.contains("nobody closed it")));
}

#[test]
fn gathering_ends_with_a_state_and_a_candidate() {
    use peerproof_captures::event::IceGatheringState;
    let complete = PeerEvent::IceGatheringStateChange { state: IceGatheringState::Complete };
    let mut case = Case::of(Recording::Conflict);
    case.silence("bob", |event| *event == complete);
    case.blames(
        "bob",
        "event/icegatheringstatechange.state",
        Layer::Gathering,
        "never reports that iceGatheringState",
    );
    let mut case = Case::of(Recording::Conflict);
    case.silence("bob", |event| matches!(event, PeerEvent::IceCandidate { candidate: None })).wait(2_000_000);
    case.blames("bob", "event/icecandidate", Layer::Gathering, "never reports the end of its candidates");
}

#[test]
fn gathering_begins_again_and_negotiation_is_needed_again_at_an_ice_restart() {
    use peerproof_captures::event::IceGatheringState;
    let gathering = PeerEvent::IceGatheringStateChange { state: IceGatheringState::Gathering };
    for peer in ["alice", "bob"] {
        let mut case = Case::of(Recording::Restart);
        case.silence_last(peer, |event| *event == gathering).blames(
            peer,
            "event/icegatheringstatechange.state",
            Layer::Gathering,
            "it was complete already",
        );
    }
    let claim = "event/negotiationneeded";
    let mut case = Case::of(Recording::Restart);
    case.command_before("alice", "createOffer", "restartIce");
    case.blames("alice", claim, Layer::Signalling, "before the next offer");
    let restart = |event: &PeerEvent| *event == ice(IceState::Connected);
    let mut case = Case::of(Recording::Restart);
    case.command_before("alice", "createOffer", "restartIce");
    case.report_after("alice", restart, PeerEvent::NegotiationNeeded);
    let found = case.found();
    assert!(!found.iter().any(|it| it.sentence().contains("before the next offer")), "{found:#?}");
    // A candidate that is added after the restart was asked for, or is being added then.
    let blames_with_candidate = |overlaps: bool| {
        let mut case = Case::of(Recording::Restart);
        case.command_before("alice", "createOffer", "restartIce");
        case.command_before("alice", "createOffer", "addIceCandidate");
        if overlaps {
            let timeline = &mut case.record.timeline;
            let is_added = |entry: &Entry| matches!(&entry.what, What::Command { id, name, .. } if name == "addIceCandidate" && *id > 9_000);
            let at = timeline.iter().rposition(is_added).unwrap();
            let candidate = timeline[at].what.clone();
            timeline[at].what = std::mem::replace(&mut timeline[at - 1].what, candidate);
        }
        case.found().iter().any(|it| it.sentence().contains("before the next offer"))
    };
    assert!(blames_with_candidate(false) && !blames_with_candidate(true));
}

#[test]
fn a_transport_that_an_open_offer_adds_keeps_the_state_of_the_connection_where_it_is() {
    let is_blamed = |recording: Recording, more: Option<SignalingState>| {
        let mut case = Case::of(recording);
        case.silence("bob", |it| {
            let is_up = matches!(
                it,
                PeerEvent::IceConnectionStateChange { state: IceState::Connected | IceState::Completed }
            );
            is_up || *it == connection(ConnectionState::Connected)
        });
        if let Some(state) = more {
            case.report_late("bob", 0, PeerEvent::SignalingStateChange { state });
        }
        let found = case.found();
        found.iter().any(|it| it.sentence().contains("never reports that iceConnectionState"))
    };
    let offered = Some(SignalingState::HaveLocalOffer);
    assert!(is_blamed(Recording::Video, None), "all sections are bundled");
    assert!(!is_blamed(Recording::Video, offered));
    assert!(is_blamed(Recording::Conflict, offered), "there is one section");
}

#[test]
fn what_a_translation_reports_of_its_states_it_reports_whole() {
    let signaling = |event: &PeerEvent| matches!(event, PeerEvent::SignalingStateChange { .. });
    let gathering = |event: &PeerEvent| {
        let state = matches!(event, PeerEvent::IceGatheringStateChange { .. });
        state || matches!(event, PeerEvent::IceCandidate { candidate: None })
    };
    let of_ice = |event: &PeerEvent| matches!(event, PeerEvent::IceConnectionStateChange { .. });
    type IsLost = fn(&PeerEvent) -> bool;
    let all: [(IsLost, _, _, _); 3] = [
        (signaling, "signalingstatechange", Layer::Sdp, "it does not report that signalingState became"),
        (
            gathering,
            "icegatheringstatechange",
            Layer::Gathering,
            "it never reports that iceGatheringState became",
        ),
        (
            of_ice,
            "iceconnectionstatechange",
            Layer::Checks,
            "that iceConnectionState became connected or completed",
        ),
    ];
    for (is_lost, event, layer, seen) in all {
        for (n, name) in ["alice", "bob"].into_iter().enumerate() {
            let mut case = Case::of(Recording::Data);
            case.record.file.peers[n].features = Some(vec![Feature::DataChannels]);
            case.is_silent();
            case.silence(name, is_lost);
            case.blames(name, &format!("event/{event}.state"), layer, seen);
            case.record.file.peers[n].unreported.push(event.to_owned());
            case.is_silent();
        }
    }
}
