//! RFC 3550 §6.4.1: an SR reports how many packets and octets of payload its source has sent so far.

use super::packets;
use crate::checks::media::codecs;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::evidence::{Kind, Protection};
use crate::verdict::Layer;
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::rtcp::{self, Body};
use peerproof_captures::wire::rtp;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "rtcp-sr-counters-match-wire",
    layer: Layer::Media,
    subject: "SRs",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// How many packets around an SR may be counted already or not yet.
const IN_FLIGHT: u64 = 5;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let complete = evidence.sees_all_sent_by(peer);
    let codecs = codecs(evidence, peer);
    let unsent = evidence.unsent(peer);
    let mut sent: BTreeMap<u32, Sent> = BTreeMap::new();
    let mut unread = false;
    let mut repairs = 0;
    if packets(evidence, peer).next().is_none() {
        return;
    }
    for packet in evidence.wire.iter().flat_map(|wire| wire.sent(peer)) {
        unread |= packet.class() == Class::Rtp && packet.protection != Protection::Opened;
        for clear in &packet.clear {
            match clear.kind {
                Kind::Rtp => {
                    let Ok(read) = rtp::view(&clear.bytes) else { continue };
                    let header = read.header;
                    let codec = codecs.of(packet).get(&header.payload_type());
                    repairs += u64::from(codec.is_some_and(|it| it.is_rtx()));
                    sent.entry(header.ssrc.value).or_default().add(read.payload.value.len());
                }
                Kind::Rtcp => {
                    for report in rtcp::view(&clear.bytes).packets.iter().filter_map(|rtcp| rtcp.body) {
                        let Body::SenderReport(report) = report else { continue };
                        let place = Place::Frame(packet.frame);
                        let count = sent.get(&report.ssrc.value).copied().unwrap_or_default();
                        let stated = (report.packet_count.value, report.octet_count.value);
                        if count.is(stated) {
                            tally.pass(place);
                        } else if count.is_less_than(stated) && unsent.began_by(packet.t_us) {
                            tally.inconclusive("some that it counts may not have left the peer", [place]);
                        } else if complete && !unread {
                            let Sent { packets, octets, .. } = count;
                            let sentence = format!(
                                "the SR reports {} packets with {} octets, but {packets} with {octets} were sent (plus \
                                 {repairs} retransmissions)",
                                stated.0, stated.1
                            );
                            tally.fail(Fault("counters-differ"), sentence, [place]);
                        } else {
                            tally.inconclusive("not all that the source sent is in the recording", [place]);
                        }
                    }
                }
                Kind::Record { .. } => {}
            }
        }
    }
}

/// What a source has sent.
#[derive(Default, Clone, Copy)]
struct Sent {
    packets: u64,
    octets: u64,
    largest: u64,
}

impl Sent {
    fn add(&mut self, payload: usize) {
        self.packets += 1;
        self.octets += payload as u64;
        self.largest = self.largest.max(payload as u64);
    }

    /// Whether an SR reports more.
    fn is_less_than(&self, (packets, octets): (u32, u32)) -> bool {
        let is_ahead = |stated: u32, is: u64| stated.wrapping_sub(is as u32) < 0x8000_0000;
        is_ahead(packets, self.packets) && is_ahead(octets, self.octets)
    }

    /// Whether an SR reports that, give or take what is being sent. The counts have 32 bits.
    fn is(&self, (packets, octets): (u32, u32)) -> bool {
        let off = |stated: u32, is: u64| u64::from((stated.wrapping_sub(is as u32) as i32).unsigned_abs());
        // A packet on its way may be larger than all before it.
        off(packets, self.packets) <= IN_FLIGHT
            && off(octets, self.octets) <= IN_FLIGHT * self.largest.max(1_500)
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, rtcp};
    use crate::evidence::Peer;

    /// Adds a thousand packets to an SR.
    pub(super) const CONTROL: Control = Control::new(Recording::Call, |evidence| {
        let found = rtcp::find_all(evidence, Peer(0), rtcp::SR).last().unwrap();
        rtcp::edit(evidence, found, |packet| packet[22] += 4);
    });
}
