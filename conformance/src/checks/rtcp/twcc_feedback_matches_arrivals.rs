//! draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1: transport-wide feedback reports which packets came, when, and its number.

use super::packets;
use crate::checks::media::{Wrong, extensions, tell, transport_sequence};
use crate::checks::timing::Off;
use crate::checks::transports::{Apart, Indices, Transports};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Kind, Packet, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::rtcp::{Body, TransportCc, TransportFeedbackControl};
use peerproof_captures::wire::rtp::{self, ExtensionMap};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "twcc-feedback-matches-arrivals",
    layer: Layer::Media,
    subject: "transport-wide feedback",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// How far the time between two packets may be from that of the recording, in microseconds: a receiver may be at another packet when
/// one comes. It is less than a tick of the reference time, 64 ms, so that one that is wrong shows.
const TOLERANCE_US: u64 = 60_000;

/// Most statuses that are looked at: a few bytes may report on thousands of packets.
const MOST_STATUSES: u64 = 20_000_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    if feedback(evidence, peer).next().is_none() {
        return;
    }
    let Some(other) = evidence.other(peer) else { return };
    let transports = Transports::of(evidence);
    let (arrivals, all_read) = arrivals(evidence, peer, &extensions(evidence, other), &transports);
    let complete = evidence.sees_all_sent_by(peer) && all_read;
    let unsent = evidence.unsent(peer);
    let mut newest: BTreeMap<Option<&Indices>, (u8, u64)> = BTreeMap::new();
    let (mut left, none) = (MOST_STATUSES, Arrivals::new());
    for (packet, stated) in feedback(evidence, peer) {
        let place = Place::Frame(packet.frame);
        let Some(fewer) = left.checked_sub(stated.status_count.value.into()) else {
            tally.inconclusive("there is more feedback than is looked at", [place]);
            return;
        };
        left = fewer;
        let number = stated.feedback_count.value;
        let transport = transports.of_packet(packet);
        let before = newest.insert(transport, (number, packet.t_us));
        let fault = match before {
            Some((before, earlier_us))
                if number != before.wrapping_add(1)
                    && number.wrapping_sub(before) < 0x80
                    && number != before
                    && unsent.touches(earlier_us, packet.t_us) =>
            {
                tally.inconclusive("the feedback between may not have left the peer", [place]);
                continue;
            }
            Some((before, _)) if number != before.wrapping_add(1) => {
                Some(Wrong::Surely(Fault("numbers-skip"), format!("feedback {number} follows {before}")))
            }
            _ => fault(evidence, &stated, arrivals.get(&transport).unwrap_or(&none), packet),
        };
        tell(fault, complete, "what the peer received, and when, is not recorded", place, tally);
    }
}

fn feedback(evidence: &Evidence, peer: Peer) -> impl Iterator<Item = (&Packet, TransportCc<'_>)> {
    packets(evidence, peer).filter_map(|(packet, _, body)| match body {
        Body::TransportFeedback(feedback) => match feedback.control {
            TransportFeedbackControl::TransportCc(stated) => Some((packet, stated)),
            _ => None,
        },
        _ => None,
    })
}

/// When packets came at a peer, by their transport-wide numbers; a number comes again after 65,536 packets.
type Arrivals = BTreeMap<u16, Vec<u64>>;

/// Those of each transport, and whether each RTP packet that came has a number that can be read.
fn arrivals<'a>(
    evidence: &Evidence,
    peer: Peer,
    extensions: &Apart<ExtensionMap>,
    transports: &'a Transports,
) -> (BTreeMap<Option<&'a Indices>, Arrivals>, bool) {
    let mut arrivals: BTreeMap<_, Arrivals> = BTreeMap::new();
    let mut all_read = true;
    let at = evidence.wire.iter().flat_map(|wire| wire.at(peer)).filter(|packet| packet.sender != peer);
    for packet in at {
        let clear = packet.clear.iter().find(|clear| clear.kind == Kind::Rtp);
        if clear.is_none() && packet.class() != Class::Rtp {
            continue;
        }
        match clear.and_then(|clear| number(&clear.bytes, extensions.of(packet))) {
            Some(number) => {
                let of_transport = arrivals.entry(transports.of_packet(packet)).or_default();
                of_transport.entry(number).or_default().push(packet.t_us);
            }
            None => all_read = false,
        }
    }
    (arrivals, all_read)
}

fn number(bytes: &[u8], extensions: &ExtensionMap) -> Option<u16> {
    transport_sequence(&rtp::view(bytes).ok()?.header, extensions)
}

fn fault(
    evidence: &Evidence,
    stated: &TransportCc<'_>,
    arrivals: &Arrivals,
    feedback: &Packet,
) -> Option<Wrong> {
    let mut before: Option<(u16, i64, u64)> = None;
    let (mut count, mut late) = (0, None);
    for status in stated.statuses() {
        count += 1;
        let Some(arrival_us) = status.arrival_us else { continue };
        let number = status.sequence;
        let times = arrivals.get(&number).map_or(&[][..], Vec::as_slice);
        let before_it = times.partition_point(|came_us| *came_us <= feedback.t_us);
        let Some(came_us) = before_it.checked_sub(1).and_then(|at| times.get(at)).copied() else {
            return Some(Wrong::Surely(
                Fault("not-arrived"),
                format!("packet {number} is said to have come, and did not"),
            ));
        };
        if let Some((earlier, told_us, then_us)) = before.replace((number, arrival_us, came_us)) {
            let off = (arrival_us - told_us) - (came_us as i64 - then_us as i64);
            let text = || {
                format!("the time reported from packet {earlier} to {number} is {} ms too long", off / 1_000)
            };
            // Whichever of the two was noticed late, it was by that much.
            let (first, last) = (then_us.min(came_us), then_us.max(came_us));
            let off = Off::between(off.unsigned_abs(), TOLERANCE_US, first, last);
            late =
                off.map(|off| Wrong::by(Fault("time-off"), evidence, off, text()).or(late.take())).or(late);
        }
    }
    let expected = stated.status_count.value;
    if count != expected {
        return Some(Wrong::Surely(
            Fault("symbols-missing"),
            format!("feedback on {expected} packets has {count} symbols"),
        ));
    }
    late
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtcp, rtp};
    use crate::evidence::Peer;

    /// Takes a packet out of what came, which the feedback says has come. Nobody lost one in the recording.
    pub(super) const CONTROL: Control = Control::new(Recording::Call, |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let came = |it: &crate::evidence::Packet| rtp::is(it) && it.sender == Peer(0) && it.tap == Peer(1);
        let at = packets.iter().enumerate().filter(|(_, it)| came(it)).nth(20).unwrap().0;
        packets.remove(at);
    })
    .and(&[Mutation::new(Recording::Call, "follows", |evidence| {
        let found = rtcp::find_all(evidence, Peer(1), rtcp::RTPFB).last().unwrap();
        rtcp::edit(evidence, found, |packet| packet[19] = packet[19].wrapping_add(1));
    })]);
}
