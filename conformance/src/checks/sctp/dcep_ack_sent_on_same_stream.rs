//! RFC 8832 §5.2: an OPEN that arrives is acknowledged on its stream.

use super::{data, ready_us};
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Packet, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dcep::{self, Message};
use peerproof_captures::wire::sctp::PayloadProtocol;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const CHECK: Check = Check {
    id: "dcep-ack-sent-on-same-stream",
    layer: Layer::DataChannel,
    subject: "OPENs that arrived",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// How long an ACK may take, in microseconds: a choice of ours, far beyond what a peer needs.
const PATIENCE_US: u64 = 1_000_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let mut opened = Vec::new();
    // An OPEN that SCTP sends again is the same one (RFC 9260 §6.2): the user of SCTP gets it once.
    let mut seen = BTreeSet::new();
    // The ACKs of each stream, and all of them, in order.
    let mut acknowledged: BTreeMap<u16, Vec<&Packet>> = BTreeMap::new();
    let mut all: Vec<(&Packet, u16)> = Vec::new();
    // The streams that the peer had opened itself: an OPEN on one of them is an error (RFC 8832 §6).
    let mut taken: BTreeSet<u16> = BTreeSet::new();
    for piece in data(evidence, peer).filter(|piece| piece.protocol == Some(PayloadProtocol::Dcep)) {
        let (packet, stream) = (piece.packet, piece.stream);
        match dcep::view(piece.data) {
            Ok(Message::Open(_)) if packet.sender != peer && seen.insert(piece.tsn) => {
                opened.push((packet, stream));
            }
            Ok(Message::Open(_)) if packet.sender == peer => {
                taken.insert(stream);
            }
            Ok(Message::Ack) if packet.sender == peer => {
                acknowledged.entry(stream).or_default().push(packet);
                all.push((packet, stream));
            }
            _ => {}
        }
    }
    let end =
        evidence.wire.iter().flat_map(|wire| wire.at(peer)).map(|packet| packet.t_us).max().unwrap_or(0);
    let ready_us = ready_us(evidence, peer);
    for (open, stream) in opened {
        let place = Place::Frame(open.frame);
        if taken.contains(&stream) {
            continue;
        }
        let own = acknowledged.get(&stream).map(Vec::as_slice).unwrap_or_default();
        let ack = own.get(own.partition_point(|ack| ack.frame <= open.frame));
        // Without one on this stream all that follow are on others.
        let elsewhere = all.get(all.partition_point(|(ack, _)| ack.frame <= open.frame));
        let late = |until: u64| Off::late(open.t_us.max(ready_us), PATIENCE_US, until);
        match (ack, elsewhere) {
            (Some(ack), _) => match late(ack.t_us) {
                Some(off) => {
                    let text = format!("the ACK on stream {stream} came {} ms too late", off.ms());
                    // No RFC has a deadline.
                    tally.warn_off(Fault("ack-late"), evidence, off, text, [place, Place::Frame(ack.frame)]);
                }
                None => tally.pass(place),
            },
            (None, Some((ack, _))) if !evidence.whole => {
                tally.inconclusive("the ACK may be missing in the capture", [place, Place::Frame(ack.frame)]);
            }
            (None, Some((ack, other))) => tally.fail(
                Fault("ack-on-other-stream"),
                format!("the OPEN on stream {stream} is not acknowledged; an ACK was sent on stream {other}"),
                [place, Place::Frame(ack.frame)],
            ),
            (None, None) if !evidence.whole => {
                tally.inconclusive("the ACK may be missing in the capture", [place]);
            }
            (None, None) => match late(end) {
                Some(off) => {
                    let text = format!("the OPEN on stream {stream} is not acknowledged");
                    tally.off(Fault("no-ack"), evidence, off, text, [place]);
                }
                None => tally.inconclusive("the recording ends soon after the OPEN", [place]),
            },
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, sctp};

    /// Acknowledges on another stream.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        sctp::edit_dcep(evidence, sctp::ACK, |chunk| chunk[9] += 2);
    })
    .and(&[
        // Something else in the place of the ACK, and a recording that goes on for long enough.
        Mutation::new(Recording::Data, "is not acknowledged", |evidence| {
            sctp::edit_dcep(evidence, sctp::ACK, |chunk| chunk[16] = 7);
            evidence.wire.as_mut().unwrap().packets.last_mut().unwrap().t_us += 2 * super::PATIENCE_US;
        })
        .also_breaks(&["dcep-open-ppid-50"]),
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::checks::controls::{Recording, sctp};

    /// With its COOKIE-ACK lost, a peer gets the OPEN of the other before it may send anything itself.
    #[test]
    fn an_ack_may_wait_until_the_association_is_there() {
        let late = |kinds: &[u8]| {
            let mut evidence = Recording::Data.evidence();
            for packet in &mut evidence.wire.as_mut().unwrap().packets {
                // The type of the first chunk, after the common header; an ACK is DATA that holds one byte, 2.
                let is_late = packet.clear.iter().filter(|clear| clear.is_application_data()).any(|clear| {
                    let is_ack = clear.bytes.get(24..29) == Some(&[0, 0, 0, 50, 2]);
                    clear.bytes.get(12).is_some_and(|kind| kinds.contains(kind)) || is_ack
                });
                packet.t_us += if is_late { 2 * PATIENCE_US } else { 0 };
            }
            let results: Vec<Status> = CHECK.run(&evidence).iter().map(|finding| finding.result).collect();
            results.contains(&Status::Warn)
        };
        assert!(late(&[]), "an ACK that comes late is to be warned of");
        assert!(!late(&[10, 11]), "COOKIE-ECHO and COOKIE-ACK came late too");
    }

    /// Under loss an OPEN may come once more, long after its ACK: with its SACK lost, its sender cannot know better.
    #[test]
    fn an_open_that_is_sent_again_wants_no_other_ack() {
        let mut evidence = Recording::Data.evidence();
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let last = packets.last().unwrap().clone();
        let opens = |packet: &Packet| {
            let mut clear = packet.clear.iter().filter(|clear| clear.is_application_data());
            // DATA of the DCEP (PPID 50, RFC 8832 §8.1) that begins with DATA_CHANNEL_OPEN, after the common header.
            clear.any(|clear| {
                clear.bytes.get(12) == Some(&0)
                    && clear.bytes.get(24..28) == Some(&[0, 0, 0, 50])
                    && clear.bytes.get(28) == Some(&3)
            })
        };
        let again: Vec<Packet> = packets.iter().filter(|packet| opens(packet)).cloned().collect();
        assert!(!again.is_empty());
        for (n, mut packet) in (1..).zip(again) {
            packet.frame = last.frame + n;
            packet.t_us = last.t_us + n;
            packets.push(packet);
        }
        // Time enough for an ACK that does not come.
        let mut end = last;
        end.frame += 100;
        end.t_us += 2 * PATIENCE_US;
        packets.push(end);
        let results: Vec<Status> = CHECK.run(&evidence).into_iter().map(|finding| finding.result).collect();
        assert!(results.contains(&Status::Pass) && !results.contains(&Status::Fail), "{results:?}");
    }
    /// A stream that the receiver of the OPEN had opened itself.
    #[test]
    fn an_open_of_a_stream_that_is_taken_wants_no_ack() {
        let failed = |is_taken: bool| {
            let mut evidence = Recording::Data.evidence();
            sctp::edit_dcep(&mut evidence, sctp::ACK, |chunk| chunk[16] = 7);
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            packets.last_mut().unwrap().t_us += 2 * PATIENCE_US;
            let is_open = |packet: &&Packet| {
                let mut clear = packet.clear.iter().filter(|clear| clear.is_application_data());
                clear.any(|clear| clear.bytes.get(24..29) == Some(&[0, 0, 0, 50, 3]))
            };
            let at = packets.iter().position(|packet| is_open(&packet)).unwrap();
            let mut own = packets[at].clone();
            own.sender = Peer(1 - own.sender.0);
            if is_taken {
                packets.insert(at, own);
            }
            CHECK.run(&evidence).iter().any(|finding| finding.result == Status::Fail)
        };
        assert!(failed(false));
        assert!(!failed(true));
    }
}
