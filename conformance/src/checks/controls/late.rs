//! Times that are off: each check that compares times is red where nothing was delayed, and in doubt where this machine may have
//! delayed something for as long.

use super::{Mutation, Recording, events, rtcp, rtp, sctp, stun, turn};
use crate::checks::tally::Violation;
use crate::checks::{Check, Status, of};
use crate::evidence::{Clear, Evidence, Kind, Packet, Peer};
use peerproof_captures::event::{DtlsState, IceState, PeerEvent, SctpState};
use peerproof_captures::timeline::{RuleAction, What};
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::sctp::{self as wire, Body, ParameterContent};
use serde_json::json;

const ALICE: Peer = Peer(0);
const BOB: Peer = Peer(1);
const SECOND: u64 = 1_000_000;

/// How a time comes to be off, for a requirement.
enum Late {
    /// By the requirement's own control.
    Control(&'static str),
    /// By another mutation of the recording that its control prepares.
    Instead(&'static str, fn(&mut Evidence)),
    /// By a mutation of another recording.
    Of(&'static str, Recording, fn(&mut Evidence)),
}

const LATE: &[Late] = &[
    Late::Control("avpf-nack-reports-real-loss"),
    Late::Instead("close-is-silent-and-terminal", |evidence| {
        events::push(evidence, "bob", PeerEvent::IceConnectionStateChange { state: IceState::Closed });
        evidence.timeline.last_mut().unwrap().t_us += SECOND;
    }),
    Late::Control("connection-state-requires-dtls"),
    Late::Control("consent-expires-after-30s"),
    Late::Instead("consent-request-cadence", |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let again = packets.iter_mut().filter(|it| it.frame > stun::AGAIN);
        again.for_each(|it| it.t_us -= (it.frame - stun::AGAIN) * 2 * SECOND);
    }),
    Late::Control("consent-lost-credentials-not-reused"),
    Late::Control("consent-revoked-by-close"),
    Late::Control("dc-close-resets-both-directions"),
    Late::Control("dc-send-outside-open-throws"),
    Late::Of("dc-remote-channel-announced-correctly", Recording::Conflict, announce_nothing),
    Late::Instead("dcep-ack-sent-on-same-stream", |evidence| postpone(evidence, 3 * SECOND, is_ack)),
    Late::Of("dcep-unordered-data-ordered-until-ack", Recording::Data, |evidence| {
        sctp::edit_dcep(evidence, sctp::OPEN, |chunk| chunk[17] = 0x80);
        postpone(evidence, 3 * SECOND, |it| it.sender == ALICE && begins(it, &[0]) && !is_dcep(it));
    }),
    Late::Control("dtls-close-notify-answered"),
    Late::Control("dtls-final-flight-resent"),
    Late::Instead("dtls-lost-flight-retransmitted", lose_the_handshake),
    Late::Instead("dtls-transport-closed-on-close-notify", |evidence| {
        let closes = |what: &What| {
            matches!(what, What::Event { event: PeerEvent::DtlsStateChange { state, .. }, .. }
                if *state == DtlsState::Closed)
        };
        evidence.timeline.retain(|entry| !closes(&entry.what));
    }),
    Late::Control("dtls-transport-state-connected-after-verification"),
    Late::Instead("dtls13-client-final-flight-acked", |evidence| {
        const ACK: u8 = 26;
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let is_ack = |clear: &Clear| matches!(clear.kind, Kind::Record { content_type: ACK, .. });
        packets.iter_mut().for_each(|packet| packet.clear.retain(|clear| !is_ack(clear)));
        append(evidence, 10 * SECOND, |_| true, |_| {});
    }),
    Late::Control("hdrext-abs-send-time-format"),
    Late::Control("ice-487-switches-role"),
    Late::Control("ice-check-answered"),
    Late::Control("ice-early-check-answered"),
    Late::Instead("ice-connection-state-derivation", restart_afterwards),
    Late::Control("ice-data-only-on-selected-pair"),
    Late::Control("ice-keepalive-within-tr"),
    Late::Instead("ice-nomination-happens", |evidence| {
        let used = |it: &Packet| it.sender == ALICE && it.class() == Class::Dtls;
        append(evidence, SECOND, used, |packet| packet.to.set_port(9));
        append(evidence, 10 * SECOND, used, |_| {});
    }),
    Late::Control("ice-no-early-failure"),
    Late::Control("ice-nominated-pair-answered"),
    Late::Control("ice-pacing-floor"),
    Late::Control("ice-restart-checks-use-new-credentials"),
    Late::Control("ice-rto-floor"),
    Late::Control("ice-triggered-check"),
    Late::Control("oa-direction-respected-on-wire"),
    Late::Control("oa-rejected-section-no-media"),
    Late::Instead("reconfig-request-and-response-rules", |evidence| {
        remove(evidence, |it| it.sender == ALICE && responds(it));
        append(evidence, 10 * SECOND, |_| true, |_| {});
    }),
    Late::Instead("rtcp-rr-lsr-dlsr", |evidence| {
        let found = rtcp::find_all(evidence, BOB, rtcp::RR).last().unwrap();
        rtcp::edit(evidence, found, |packet| {
            for block in packet[8..].chunks_mut(24).filter(|block| block[16..20] != [0; 4]) {
                // A second more.
                block[21] += 1;
            }
        });
    }),
    Late::Control("rtcp-reports-sent-regularly"),
    Late::Control("rtcp-sr-ntp-rtp-mapping"),
    Late::Control("rtp-timestamp-tracks-media-clock"),
    Late::Instead("sctp-both-sides-initiate", |evidence| {
        // The stack, which waited for Chrome's INIT.
        postpone(evidence, SECOND, |it| it.clear.iter().any(Clear::is_application_data));
    }),
    Late::Instead("sctp-sack-truthful-and-prompt", |evidence| {
        let packets = &evidence.wire.as_ref().unwrap().packets;
        let sack = packets.iter().find(|it| it.sender == ALICE && begins(it, &[sctp::SACK])).unwrap().t_us;
        postpone(evidence, SECOND, |it| it.t_us >= sack);
    }),
    Late::Instead("sctp-transport-state-follows-association", |evidence| {
        let connected = PeerEvent::SctpStateChange { state: SctpState::Connected };
        let at = events::find(evidence, "bob", |event| *event == connected);
        evidence.timeline[at].t_us = 0;
    }),
    Late::Control("turn-allocation-released"),
    Late::Control("turn-alternate-server-followed"),
    Late::Instead("turn-permission-before-peer-traffic", |evidence| {
        let sent = |it: &Packet| it.sender == ALICE && it.tap == ALICE && it.via.is_some();
        append(evidence, 400 * SECOND, sent, |_| {});
    }),
    Late::Control("turn-quota-backoff"),
    Late::Instead("turn-stale-nonce-retry", |evidence| {
        turn::forget_after_first_error(evidence);
        let mut last = evidence.timeline.last().unwrap().clone();
        last.t_us += 20 * SECOND;
        evidence.timeline.push(last);
    }),
    Late::Instead("twcc-feedback-matches-arrivals", |evidence| {
        let came = |it: &&mut Packet| rtp::is(it) && it.sender == ALICE && it.tap == BOB;
        rtp::packets(evidence).filter(came).nth(20).unwrap().t_us -= SECOND / 5;
    }),
];

fn begins_at(packet: &Packet, at: usize, with: &[u8]) -> bool {
    let mut clear = packet.clear.iter().filter(|clear| clear.is_application_data());
    clear.any(|clear| clear.bytes.get(at..at + with.len()) == Some(with))
}

/// Whether a packet of SCTP has this behind its common header: the type of its first chunk.
fn begins(packet: &Packet, with: &[u8]) -> bool {
    begins_at(packet, 12, with)
}

/// Whether the first chunk, of DATA, is of the DCEP.
fn is_dcep(packet: &Packet) -> bool {
    begins_at(packet, 24, &[0, 0, 0, 50])
}

/// Whether it is DATA_CHANNEL_ACK, of one byte.
fn is_ack(packet: &Packet) -> bool {
    begins(packet, &[0]) && begins_at(packet, 24, &[0, 0, 0, 50, sctp::ACK])
}

/// Whether it answers a request to reset streams.
fn responds(packet: &Packet) -> bool {
    let mut clear = packet.clear.iter().filter(|clear| clear.is_application_data());
    clear.any(|clear| {
        let read = wire::view(&clear.bytes).unwrap();
        let reset = read.chunks.iter().find_map(|chunk| match chunk.body {
            Some(Body::ReConfig(reset)) => Some(reset),
            _ => None,
        });
        let contents = reset.into_iter().flat_map(|reset| reset.parameters.iter());
        contents.filter_map(|it| it.content).any(|it| matches!(it, ParameterContent::ResetResponse(_)))
    })
}

fn postpone(evidence: &mut Evidence, by_us: u64, wanted: impl Fn(&Packet) -> bool) {
    let packets = &mut evidence.wire.as_mut().unwrap().packets;
    packets.iter_mut().filter(|it| wanted(it)).for_each(|it| it.t_us += by_us);
    packets.sort_by_key(|it| it.t_us);
}

#[track_caller]
fn remove(evidence: &mut Evidence, wanted: impl Fn(&Packet) -> bool) {
    let packets = &mut evidence.wire.as_mut().unwrap().packets;
    let before = packets.len();
    packets.retain(|it| !wanted(it));
    assert!(packets.len() < before);
}

/// Appends the last packet that is wanted again, a given time after all others.
#[track_caller]
fn append(
    evidence: &mut Evidence,
    after_us: u64,
    wanted: impl Fn(&Packet) -> bool,
    edit: impl Fn(&mut Packet),
) {
    let packets = &mut evidence.wire.as_mut().unwrap().packets;
    let mut again = packets.iter().rfind(|it| wanted(it)).unwrap().clone();
    let end = packets.iter().max_by_key(|it| it.t_us).unwrap();
    (again.t_us, again.frame) = (end.t_us + after_us, again.frame + 1_000);
    edit(&mut again);
    packets.push(again);
}

/// Bob does not report Alice's channel, and reports something else five seconds later.
fn announce_nothing(evidence: &mut Evidence) {
    let announced = events::find(evidence, "bob", |event| matches!(event, PeerEvent::DataChannel { .. }));
    evidence.timeline.remove(announced);
    events::push(evidence, "bob", PeerEvent::NegotiationNeeded);
    evidence.timeline.last_mut().unwrap().t_us += 5 * SECOND;
}

/// What was lost is not retransmitted, nothing of the handshake follows, and the peer goes on for a minute.
fn lose_the_handshake(evidence: &mut Evidence) {
    let is_drop = |what: &What| match what {
        What::Faulted { action: RuleAction::Drop, frame, .. } => *frame,
        _ => None,
    };
    let lost = evidence.timeline.iter().find_map(|entry| is_drop(&entry.what)).unwrap();
    evidence.timeline.retain(|entry| !matches!(&entry.what, What::Command { name, .. } if name == "close"));
    remove(evidence, |it| it.class() == Class::Dtls && it.frame > lost);
    append(evidence, 60 * SECOND, |it| it.class() == Class::Stun, |_| {});
}

/// Bob leaves `failed`, and restarts ICE half a second later.
fn restart_afterwards(evidence: &mut Evidence) {
    for state in [IceState::Failed, IceState::Connected] {
        events::push(evidence, "bob", PeerEvent::IceTransportStateChange { state });
        events::push(evidence, "bob", PeerEvent::IceConnectionStateChange { state });
    }
    events::add_call(evidence, "bob", "restartIce", json!({}));
    evidence.timeline.iter_mut().rev().take(2).for_each(|entry| entry.t_us += SECOND / 2);
}

fn results(check: &Check, evidence: &Evidence) -> Vec<Status> {
    check.run(evidence).into_iter().map(|finding| finding.result).collect()
}

/// A check that is red for a time that is off.
struct Broken {
    check: &'static Check,
    evidence: Evidence,
    /// The endpoints at which it is since then, and what it is there.
    red: Vec<(usize, Status)>,
}

impl Late {
    const fn id(&self) -> &'static str {
        let (Self::Control(id) | Self::Instead(id, _) | Self::Of(id, ..)) = self;
        id
    }

    fn broken(&self) -> Broken {
        let check = of(self.id()).unwrap();
        let Mutation { recording, prepare, mutate, .. } = check.control.first;
        let (recording, prepare, mutate) = match *self {
            Self::Control(_) => (recording, prepare, mutate),
            Self::Instead(_, mutate) => (recording, prepare, mutate),
            Self::Of(_, recording, mutate) => (recording, None, mutate),
        };
        let mut evidence = recording.evidence();
        prepare.into_iter().for_each(|prepare| prepare(&mut evidence));
        let before = results(check, &evidence);
        mutate(&mut evidence);
        let is_red = |result: Status| matches!(result, Status::Fail | Status::Warn);
        let after = results(check, &evidence).into_iter().enumerate();
        let red: Vec<_> = after.filter(|(at, now)| is_red(*now) && !is_red(before[*at])).collect();
        assert!(!red.is_empty(), "{} does not become red", check.id);
        Broken { check, evidence, red }
    }
}

impl Broken {
    /// Whether it is in doubt instead, or else as it was.
    #[track_caller]
    fn expect_doubt(&self, is: bool, why: &str) {
        let now = results(self.check, &self.evidence);
        for (at, red) in &self.red {
            let expected = if is { Status::Inconclusive } else { *red };
            assert_eq!(now[*at], expected, "{} {why}: {now:?}", self.check.id);
        }
    }
}

/// What the mutations that make a time of a check be off turn red.
pub(super) fn violations(check: &Check) -> Vec<(Peer, Violation)> {
    let late = LATE.iter().filter(|late| late.id() == check.id);
    late.flat_map(|late| check.violations(&late.broken().evidence)).collect()
}

#[test]
fn a_time_that_is_off_is_a_fault_unless_a_stall_covers_it() {
    for late in LATE {
        let mut broken = late.broken();
        let packets = broken.evidence.wire.iter().flat_map(|wire| &wire.packets).map(|packet| packet.t_us);
        let entries = broken.evidence.timeline.iter().map(|entry| entry.t_us);
        let end_us = packets.chain(entries).max().unwrap();
        broken.evidence.stall(0, end_us, 1);
        broken.expect_doubt(false, "for a stall that is shorter");
        broken.evidence.stall(end_us + 600 * SECOND, end_us + 601 * SECOND, 1_000 * SECOND);
        broken.expect_doubt(false, "for a stall at another time");
        broken.evidence.stall(0, end_us, 1_000 * SECOND);
        broken.expect_doubt(true, "for a stall that covers it");
        broken.evidence.forget_stalls();
        broken.expect_doubt(true, "where no stalls are recorded");
    }
}

#[test]
fn an_event_at_a_time_that_is_off_is_a_fault_unless_the_clock_leaves_it_open() {
    let stated = [
        "connection-state-requires-dtls",
        "dc-remote-channel-announced-correctly",
        "dtls-transport-state-connected-after-verification",
        "ice-connection-state-derivation",
        "sctp-transport-state-follows-association",
    ];
    for id in stated {
        let mut broken = LATE.iter().find(|late| late.id() == id).unwrap().broken();
        broken.evidence.blur_clock(BOB, 10_000);
        broken.expect_doubt(false, "for a clock that is known");
        broken.evidence.blur_clock(ALICE, 1_000 * SECOND);
        broken.expect_doubt(false, "for the clock of the other peer");
        broken.evidence.blur_clock(BOB, 1_000 * SECOND);
        broken.expect_doubt(true, "for a clock that is not known");
    }
}
