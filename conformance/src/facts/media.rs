//! Habits of media: codecs and header extensions that are sent, which RTCP packets are sent and in which form, whether RTX repairs.

use super::{Fact, Found};
use crate::checks::media::{codecs, packets};
use crate::checks::rtcp::is_reduced;
use crate::evidence::{Evidence, Packet, Peer, Wire};
use peerproof_captures::observe::Unit;
use peerproof_captures::wire::demux::Class;
use std::collections::BTreeMap;

/// Datagrams up to this size, in bytes, do not show for which size a peer cuts pictures.
const LARGE: usize = 1_024;
/// To a multiple of this the size of the largest is rounded up: it varies by some bytes with what is sent.
const STEP: usize = 256;

/// What was seen, each with the first frame that shows it.
#[derive(Default)]
struct Seen(BTreeMap<String, u64>);

impl Seen {
    fn see(&mut self, what: impl Into<String>, frame: u64) {
        self.0.entry(what.into()).or_insert(frame);
    }

    /// A set of what was seen, at the first frame of all.
    fn fact(self) -> Fact {
        let first = self.0.values().min().copied();
        Fact { frame: first, ..Fact::set(self.0.into_keys()) }
    }
}

pub(super) fn of(evidence: &Evidence, peer: Peer, found: &mut Found) {
    let Some(wire) = &evidence.wire else { return };
    let mut kinds = Seen::default();
    if let Some(other) = evidence.other(peer) {
        for seen in wire.units_sent(peer, other) {
            if let Unit::Rtcp { .. } = seen.unit {
                kinds.see(seen.unit.name(), seen.frame);
            }
        }
    }
    found.add("RTCP packets", kinds.fact());
    let mut sizes = Seen::default();
    for (packet, compound) in wire.rtcp(peer).filter(|(_, compound)| !compound.packets.is_empty()) {
        sizes.see(if is_reduced(&compound) { "reduced size" } else { "compound" }, packet.frame);
    }
    found.add("RTCP form", sizes.fact());
    let mut profiles = Seen::default();
    for (packet, rtp) in wire.rtp_read(peer) {
        if let Some(extension) = &rtp.header.extension {
            profiles.see(extension.profile.value.to_string(), packet.frame);
        }
    }
    found.add("RTP header extension profiles", profiles.fact());
    sent(evidence, peer, found);
    largest(wire, peer, found);
}

/// The largest datagram with media, if any is so large that a picture was cut for it. Whether some are padded is chance: bandwidth is probed so.
fn largest(wire: &Wire, peer: Peer, found: &mut Found) {
    let media = wire.sent(peer).filter(|packet| packet.class() == Class::Rtp && !packet.tcp);
    let length = |packet: &&Packet| packet.bytes.len();
    let Some(largest) = media.filter(|packet| length(packet) > LARGE).max_by_key(length) else { return };
    let size = format!("at most {} bytes", length(&largest).next_multiple_of(STEP));
    found.add("largest datagram of media", Fact::one(size).at(largest.frame));
}

/// The codecs that are sent, and whether RTX is, where it was negotiated.
fn sent(evidence: &Evidence, peer: Peer, found: &mut Found) {
    let known = codecs(evidence, peer);
    let (mut names, mut repairs, mut first) = (Seen::default(), Seen::default(), None);
    for (packet, rtp) in packets(evidence, peer) {
        first = first.or(Some(packet.frame));
        match known.get(&rtp.header.payload_type()) {
            Some(codec) if codec.is_rtx() => repairs.see("sent", packet.frame),
            Some(codec) => names.see(codec.to_string(), packet.frame),
            None => names.see("a payload type that no description has", packet.frame),
        }
    }
    if let Some(frame) = first.filter(|_| known.values().any(|codec| codec.is_rtx())) {
        let not_sent = repairs.0.is_empty();
        repairs.see(if not_sent { "not sent" } else { "sent" }, frame);
    }
    found.add("codecs sent", names.fact());
    found.add("RTX", repairs.fact());
}
