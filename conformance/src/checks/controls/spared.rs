//! Edits of recordings that the RFC allows: after them a check finds no violation. Each is close to a mutation that turns the check red.

mod data;
mod descriptions;
mod paths;
mod rtcp_rules;

use super::{Recording, dtls, events, rtcp, rtp, sctp, stun, turn};
use crate::checks::{Status, of};
use crate::evidence::{Evidence, Kind, Packet, Peer};
use data::DATA;
use descriptions::DESCRIPTIONS;
use paths::PATHS;
use peerproof_captures::event::{PeerEvent, SignalingState};
use peerproof_captures::sdp::SessionDescription;
use peerproof_captures::timeline::What;
use peerproof_captures::wire::demux::Class;
use serde_json::json;

const ALICE: Peer = Peer(0);
const BOB: Peer = Peer(1);
const SECOND: u64 = 1_000_000;

/// An edit that a check spares.
struct Spared {
    id: &'static str,
    what: &'static str,
    recording: Recording,
    edit: fn(&mut Evidence),
    /// What the worst finding may be.
    most: Status,
}

const fn spared(
    id: &'static str,
    what: &'static str,
    recording: Recording,
    edit: fn(&mut Evidence),
) -> Spared {
    Spared { id, what, recording, edit, most: Status::Inconclusive }
}

const SPARED: &[Spared] = &[
    spared(
        "dtls-message-seq-numbering",
        "a ServerHello after a HelloRetryRequest is the second message of the server (RFC 9147 §5.2)",
        Recording::Media,
        retry,
    ),
    spared(
        "dtls-client-hello-has-use-srtp",
        "a client that describes no media need not support DTLS-SRTP (RFC 9143 §11)",
        Recording::Media,
        |evidence| {
            dtls::remove_extension(evidence, dtls::CLIENT_HELLO, 14);
            for made in &mut evidence.descriptions {
                let text = made.sdp.as_str().replace("UDP/TLS/RTP/SAVPF", "UDP/DTLS/SCTP");
                made.sdp = SessionDescription::parse(text);
            }
        },
    ),
    spared(
        "codec-h264-answer-keeps-configuration",
        "42e0 and 42c0 are one profile (RFC 6184 §8.1, table 5)",
        Recording::Descriptions,
        |evidence| {
            let answer = evidence.descriptions[1]
                .sdp
                .as_str()
                .replace("profile-level-id=42e0", "profile-level-id=42c0");
            assert_ne!(answer, evidence.descriptions[1].sdp.as_str());
            evidence.descriptions[1].sdp = SessionDescription::parse(answer);
        },
    ),
    spared(
        "turn-auth-handshake",
        "USERHASH stands in the place of USERNAME where the nonce asks for it (RFC 8489 §9.2.5)",
        Recording::Relay,
        |evidence| {
            turn::edit_nonces(evidence, |attributes| {
                let nonce = attributes.iter_mut().find(|(kind, _)| *kind == 0x0015);
                // "Username anonymity" is the second bit.
                nonce.unwrap().1 = b"obMatJos2QAAA0123456789".to_vec();
            });
            turn::edit(evidence, turn::ALLOCATE, 2, |attributes| {
                let name = attributes.iter_mut().find(|(kind, _)| *kind == 0x0006).unwrap();
                *name = (0x001e, vec![7; 32]);
            });
        },
    ),
    spared(
        "rtcp-reports-sent-regularly",
        "a source that pauses is not reported on meanwhile (RFC 3550 §6.4)",
        Recording::Video,
        |evidence| {
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            let end = packets.iter().map(|packet| packet.t_us).max().unwrap();
            let again: Vec<Packet> = packets.iter().filter(|it| it.class() == Class::Rtp).cloned().collect();
            packets.extend(again.into_iter().map(|it| Packet { t_us: it.t_us + end + 12 * SECOND, ..it }));
        },
    ),
    spared(
        "rtp-sequence-increments-by-one",
        "a packet that was asked for again goes again with its number, where there is no RTX (RFC 4585 §6.2.1)",
        Recording::Call,
        resend,
    ),
    spared(
        "hdrext-block-well-formed",
        "Cryptex has profiles of its own (RFC 9335 §4)",
        Recording::Media,
        |evidence| {
            rtp::first(evidence)[12..14].copy_from_slice(&[0xc0, 0xde]);
        },
    ),
    spared(
        "sctp-both-sides-initiate",
        "no INIT is sent where both descriptions have a=sctp-init",
        Recording::Data,
        |evidence| {
            for made in &mut evidence.descriptions {
                made.sdp =
                    SessionDescription::parse(format!("{}a=sctp-init:AQAAAA==\r\n", made.sdp.as_str()));
            }
            let is_init = |it: &Packet| it.clear.iter().any(|clear| clear.bytes.get(12) == Some(&sctp::INIT));
            evidence.wire.as_mut().unwrap().packets.retain(|it| !is_init(it));
        },
    ),
    spared(
        "ice-single-nomination",
        "two media sections that are not bundled have a pair each (RFC 8445 §8.1.1)",
        Recording::Data,
        |evidence| {
            stun::nominate_another(evidence);
            evidence.descriptions.clear();
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            let nominates =
                |it: &&Packet| it.bytes[..2] == [0, 1] && it.bytes.windows(4).any(|at| at == [0, 0x25, 0, 0]);
            let first = packets.iter().find(nominates).unwrap().clone();
            let other = packets.iter().find(|it| nominates(it) && !it.shares_path(&first)).unwrap().clone();
            for packet in packets.iter_mut().filter(|it| it.shares_path(&other)) {
                let (from, to) = (packet.from.port(), packet.to.port());
                packet.from.set_port(from ^ 0x4000);
                packet.to.set_port(to ^ 0x4000);
            }
        },
    ),
    spared(
        "ice-rto-floor",
        "what is asked of a server beside gathering has a recommended interval only (RFC 8489 §6.2.1)",
        Recording::Relay,
        |evidence| turn::repeat_soon(evidence, turn::REFRESH),
    )
    .at_most(Status::Warn),
    spared(
        "ice-keepalive-within-tr",
        "agents may use a bigger value than 15 s (RFC 8445 §11)",
        Recording::Conflict,
        |evidence| {
            let control = of("ice-keepalive-within-tr").unwrap().control.first;
            control.prepare.unwrap()(evidence);
            (control.mutate)(evidence);
        },
    )
    .at_most(Status::Warn),
    spared("dcep-ack-sent-on-same-stream", "an ACK has no deadline", Recording::Data, |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let is_ack = |it: &Packet| {
            let mut clear = it.clear.iter().filter(|clear| clear.is_application_data());
            clear.any(|clear| clear.bytes.get(24..29) == Some(&[0, 0, 0, 50, sctp::ACK]))
        };
        packets.iter_mut().filter(|it| is_ack(it)).for_each(|it| it.t_us += 3 * SECOND);
        packets.sort_by_key(|it| it.t_us);
    })
    .at_most(Status::Warn),
    spared(
        "ice-check-has-priority",
        "a socket may be a candidate of two generations, with a priority in each",
        Recording::Data,
        |evidence| {
            let at = events::find(evidence, "alice", |event| {
                matches!(event, PeerEvent::IceCandidate { candidate: Some(_) })
            });
            let PeerEvent::IceCandidate { candidate: Some(stated) } = events::event(evidence, at).clone()
            else {
                unreachable!()
            };
            let mut earlier = stated;
            let priority = earlier.candidate.split(' ').nth(3).unwrap().to_owned();
            earlier.candidate = earlier.candidate.replace(&priority, "2122260001");
            for made in &mut evidence.descriptions {
                made.sdp =
                    SessionDescription::parse(made.sdp.as_str().replace("a=candidate:", "a=x-candidate:"));
            }
            events::insert_after(evidence, at - 1, PeerEvent::IceCandidate { candidate: Some(earlier) });
        },
    ),
    spared(
        "mdns-no-address-leak",
        "a public address is a server-reflexive candidate, though it is the host's own",
        Recording::Conflict,
        |evidence| {
            let control = of("mdns-no-address-leak").unwrap().control.first;
            control.prepare.unwrap()(evidence);
            let name = "3d3a9bd7-33a9-4d8c-8e3a-61c2a1c9d5f0.local";
            let hidden = evidence.timeline.iter().enumerate().find_map(|(at, entry)| match &entry.what {
                What::Event { event: PeerEvent::IceCandidate { candidate: Some(stated) }, .. } => {
                    stated.candidate.contains(name).then(|| (at, stated.clone()))
                }
                _ => None,
            });
            let (at, mut stated) = hidden.unwrap();
            stated.candidate = stated.candidate.replace(name, "203.0.113.100");
            stated.candidate = stated.candidate.replace("typ host", "typ srflx raddr 0.0.0.0 rport 0");
            events::insert_after(evidence, at, PeerEvent::IceCandidate { candidate: Some(stated) });
        },
    ),
    spared(
        "ice-roles-kept-on-restart",
        "in a capture that is not whole a 487 may be missing",
        Recording::Restart,
        |evidence| {
            stun::swap_roles_after_restart(evidence);
            evidence.whole = false;
        },
    ),
    spared(
        "dtls-record-sequence-increments",
        "a datagram that did not leave its host leaves its number out",
        Recording::Data,
        |evidence| {
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            let data = |it: &Packet| it.sender == ALICE && it.bytes[0] == 23;
            let at = packets.iter().position(data).unwrap();
            packets.remove(at);
        },
    ),
    spared(
        "dtls-nothing-after-close-notify",
        "a close_notify in clear closes nothing: anybody may send it",
        Recording::Data,
        |evidence| {
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            let data = |it: &Packet| it.sender == ALICE && it.bytes[0] == 23;
            let at = packets.iter().position(data).unwrap();
            let alert = vec![21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 77, 0, 2, 1, 0];
            let forged = Packet { bytes: alert.into(), clear: Vec::new(), ..packets[at].clone() };
            packets.insert(at, forged);
        },
    ),
    spared(
        "ice-check-answered",
        "a candidate that was given up answers no more (RFC 8445 §8.3.1)",
        Recording::Restart,
        |evidence| {
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            let answers = |it: &Packet| it.sender == BOB && it.tap == BOB && it.bytes[..2] == [1, 1];
            let first = packets.iter().find(|it| answers(it)).unwrap().clone();
            packets.retain(|it| !(answers(it) && it.shares_path(&first)));
        },
    ),
    spared(
        "ice-candidate-foundations",
        "a base that is not signalled may be any (RFC 8839 §5.1)",
        Recording::Conflict,
        |evidence| {
            let at = events::find(evidence, "alice", |event| {
                matches!(event, PeerEvent::IceCandidate { candidate: Some(_) })
            });
            let PeerEvent::IceCandidate { candidate: Some(stated) } = events::event(evidence, at).clone()
            else {
                unreachable!()
            };
            for raddr in ["0.0.0.0", "192.168.1.7"] {
                let mut reflexive = stated.clone();
                reflexive.candidate = format!(
                    "candidate:77 1 udp 1686052607 203.0.113.9 {} typ srflx raddr {raddr} rport 9",
                    raddr.len()
                );
                events::insert_after(evidence, at, PeerEvent::IceCandidate { candidate: Some(reflexive) });
            }
        },
    ),
    spared(
        "turn-no-auth-retry-loop",
        "what is retransmitted is no other attempt (RFC 8489 §6.2.1)",
        Recording::Relay,
        |evidence| {
            turn::refuse_first(evidence, [4, 1], None);
            let servers = &mut evidence.wire.as_mut().unwrap().servers;
            let at = servers.iter().rposition(|it| !it.sent && it.bytes[..2] == [1, 0x13]).unwrap();
            let again = servers[at - 1].clone();
            servers.insert(at + 1, again);
        },
    ),
    spared(
        "dtls-hello-verify-request-answered",
        "without a HelloVerifyRequest a second ClientHello may be another (RFC 8446 §4.1.2)",
        Recording::Media,
        |evidence| {
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            let at = packets.iter().position(|it| it.bytes[0] == 22 && it.bytes[13] == 1).unwrap();
            let mut again = packets[at].clone();
            again.bytes[13 + 5] = 1;
            again.bytes[13 + 12 + 2 + 5] ^= 1;
            packets.insert(at + 1, again);
        },
    ),
    spared(
        "consent-revoked-by-close",
        "what is on its way out when the alert comes is no fault",
        Recording::Video,
        |evidence| {
            let tapped = evidence.wire.as_ref().unwrap().packets[0].tap;
            dtls::say(evidence, if tapped == ALICE { BOB } else { ALICE }, 21, &[1, 0], 1_000);
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            let media = |it: &&Packet| it.sender == tapped && it.class() == Class::Rtcp;
            let mut late = packets.iter().rfind(media).unwrap().clone();
            late.t_us = packets.last().unwrap().t_us + 300_000;
            packets.push(late);
        },
    ),
    spared(
        "negotiationneeded-coalesced",
        "after a rollback it may fire before the event of the state stable (webrtc-pc §4.7.3)",
        Recording::Descriptions,
        |evidence| {
            let set = |evidence: &mut Evidence, kind: &str| {
                let args = json!({"description": {"type": kind, "sdp": ""}});
                events::add_call(evidence, "alice", "setLocalDescription", args);
            };
            let tell = |evidence: &mut Evidence, state: SignalingState| {
                events::push(evidence, "alice", PeerEvent::SignalingStateChange { state });
            };
            set(evidence, "offer");
            tell(evidence, SignalingState::HaveLocalOffer);
            set(evidence, "rollback");
            events::push(evidence, "alice", PeerEvent::NegotiationNeeded);
            tell(evidence, SignalingState::Stable);
        },
    ),
    spared(
        "addicecandidate-end-of-candidates",
        "one that names a section which is not there is rejected (webrtc-pc §4.4.2.2)",
        Recording::Data,
        |evidence| {
            let args = json!({"candidate": {"candidate": "", "sdpMid": "7"}});
            events::add_rejected(evidence, "bob", "addIceCandidate", args, "OperationError");
        },
    ),
    spared(
        "msid-reflected-in-track-event",
        "a track that is taken away and comes back may be in another stream (RFC 8830 §3.2.2)",
        Recording::Call,
        |evidence| {
            let names_no_stream = |line: &&str| !line.starts_with("a=msid:");
            let own = evidence.descriptions[0].clone();
            let (mut first, mut held) = (own.clone(), own);
            let lines = first.sdp.as_str().lines();
            let named = lines.map(|line| if names_no_stream(&line) { line } else { "a=msid:before track" });
            let named = named.fold(String::new(), |sdp, line| sdp + line + "\r\n");
            let silent = held.sdp.as_str().lines().filter(names_no_stream);
            let silent = silent.fold(String::new(), |sdp, line| sdp + line + "\r\n");
            first.sdp = SessionDescription::parse(named);
            held.sdp = SessionDescription::parse(
                silent.replace("a=sendrecv", "a=inactive").replace("a=sendonly", "a=inactive"),
            );
            evidence.descriptions.splice(0..0, [first, held]);
        },
    ),
    spared(
        "dc-retransmission-limit-honoured",
        "a datagram that the network doubles was sent once",
        Recording::Data,
        |evidence| {
            sctp::edit_dcep(evidence, sctp::OPEN, |chunk| chunk[17] = 1);
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            let data = |it: &&Packet| it.clear.iter().any(|clear| clear.bytes.get(12) == Some(&sctp::DATA));
            let again = packets.iter().rfind(data).unwrap().clone();
            packets.push(again);
        },
    ),
    spared(
        "codec-opus-receiver-preferences-respected",
        "who asks for stereo gets it (RFC 7587 §6.1)",
        Recording::Media,
        |evidence| {
            for made in &mut evidence.descriptions {
                super::replace_all(&mut made.sdp, "useinbandfec=1", "useinbandfec=1;stereo=1");
            }
            rtp::edit_payload_of(evidence, rtp::OPUS, |payload| payload[0] |= 4);
        },
    ),
    spared(
        "sctp-control-chunks-first",
        "PAD fills a packet up behind its data (RFC 4820 §3)",
        Recording::Data,
        |evidence| sctp::edit_last_of(evidence, ALICE, sctp::DATA, |packet| packet.extend([0x84, 0, 0, 4])),
    ),
];

impl Spared {
    const fn at_most(self, most: Status) -> Self {
        Self { most, ..self }
    }
}

/// Puts a HelloRetryRequest before the ServerHello, which becomes the second message of the server.
fn retry(evidence: &mut Evidence) {
    let server = evidence
        .first_handshake(ALICE)
        .messages
        .iter()
        .find(|it| it.bytes[0] == dtls::SERVER_HELLO)
        .unwrap()
        .sender;
    let packets = &mut evidence.wire.as_mut().unwrap().packets;
    let hello = |it: &Packet| it.sender == server && it.bytes.get(13) == Some(&dtls::SERVER_HELLO);
    let at = packets.iter().position(hello).unwrap();
    let mut retry = packets[at].clone();
    let random = peerproof_captures::wire::dtls::handshake::HELLO_RETRY_REQUEST;
    let end = 25 + usize::from(u16::from_be_bytes([retry.bytes[23], retry.bytes[24]]));
    retry.bytes = retry.bytes.as_slice()[..end].to_vec().into();
    let length = (end as u16 - 13).to_be_bytes();
    retry.bytes[11..13].copy_from_slice(&length);
    retry.bytes[27..59].copy_from_slice(&random);
    for packet in packets.iter_mut().filter(|it| it.sender == server && it.class() == Class::Dtls) {
        renumber(&mut packet.bytes);
        let finished =
            packet.clear.iter_mut().filter(|it| matches!(it.kind, Kind::Record { content_type: 22, .. }));
        finished.for_each(|it| it.bytes[5] += 1);
    }
    packets.insert(at, retry);
}

/// Gives each handshake message in clear in a datagram the next number.
fn renumber(bytes: &mut [u8]) {
    let mut at = 0;
    while bytes.len() >= at + 13 {
        let end = at + 13 + usize::from(u16::from_be_bytes([bytes[at + 11], bytes[at + 12]]));
        if bytes[at] == 22 && bytes[at + 3..at + 5] == [0, 0] {
            let mut message = at + 13;
            while message + 12 <= end {
                bytes[message + 5] += 1;
                message += 12 + usize::from(u16::from_be_bytes([bytes[message + 10], bytes[message + 11]]));
            }
        }
        at = end;
    }
}

/// Bob asks for a packet of Alice's again, and she sends it as it was.
fn resend(evidence: &mut Evidence) {
    let sent: Vec<usize> = {
        let packets = &evidence.wire.as_ref().unwrap().packets;
        let own = |it: &Packet| rtp::is(it) && it.sender == ALICE && it.tap == ALICE;
        packets.iter().enumerate().filter(|(_, it)| own(it)).map(|(at, _)| at).collect()
    };
    let packets = &mut evidence.wire.as_mut().unwrap().packets;
    let (first, last) = (packets[sent[0]].clone(), packets[*sent.last().unwrap()].clone());
    let (number, ssrc) = (&first.clear[0].bytes[2..4], &first.clear[0].bytes[8..12]);
    let nack = [&[0x81, 205, 0, 3, 0, 0, 0, 9][..], ssrc, number, &[0, 0]].concat();
    let again = Packet { t_us: last.t_us + 2, frame: last.frame + 100_002, ..first };
    packets.push(again);
    rtcp::append(evidence, BOB, &nack);
}

#[test]
fn what_an_rfc_allows_is_no_violation() {
    let mut wrong = String::new();
    for Spared { id, what, recording, edit, most } in
        SPARED.iter().chain(PATHS).chain(rtcp_rules::RTCP).chain(DATA).chain(DESCRIPTIONS)
    {
        let mut evidence = recording.evidence();
        let before = of(id).unwrap().run(&evidence);
        edit(&mut evidence);
        let after = of(id).unwrap().run(&evidence);
        let rank = |result: Status| match result {
            Status::Fail => 2,
            Status::Warn => 1,
            _ => 0,
        };
        for (now, was) in after.iter().zip(&before).filter(|(now, _)| rank(now.result) > rank(*most)) {
            if rank(was.result) < rank(now.result) {
                wrong += &format!("{id} ({what}): {now:?}\n");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
