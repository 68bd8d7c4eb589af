//! RFC 9143 §1.2, §7.4: what all sections of a BUNDLE group send goes over one transport. It may move to another, but all of it does.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Packet, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::SdpType;
use peerproof_captures::wire::demux::Class;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::RangeInclusive;

pub(super) const CHECK: Check = Check {
    id: "bundle-single-transport-on-wire",
    layer: Layer::Media,
    subject: "kinds of packets of bundled sections",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// RTP, RTCP, and what goes through DTLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    Rtp,
    Rtcp,
    Data,
}

fn sort(packet: &Packet) -> Option<Sort> {
    match packet.class() {
        Class::Rtp => Some(Sort::Rtp),
        Class::Rtcp => Some(Sort::Rtcp),
        _ if packet.clear.iter().any(|clear| clear.is_application_data()) => Some(Sort::Data),
        _ => None,
    }
}

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    if !is_one_group(evidence) {
        return;
    }
    let mut seen: BTreeMap<Sort, Vec<&Packet>> = BTreeMap::new();
    for packet in evidence.wire.iter().flat_map(|wire| wire.sent(peer)) {
        if let Some(sort) =
            sort(packet).filter(|_| packet.knows_its_ends() && !evidence.is_faulted(packet.frame))
        {
            seen.entry(sort).or_default().push(packet);
        }
    }
    let all: Vec<_> = seen.iter().collect();
    for (at, (sort, packets)) in all.iter().enumerate() {
        for (other, others) in all.iter().skip(at + 1) {
            let ends = |of: &[&Packet]| Some((of.first()?.t_us, of.last()?.t_us));
            let (Some(one), Some(two)) = (ends(packets), ends(others)) else { continue };
            let both = one.0.max(two.0)..=one.1.min(two.1);
            let within = |of: &[&Packet]| -> BTreeSet<(SocketAddr, SocketAddr)> {
                let meanwhile = of.iter().filter(|it| both.contains(&it.t_us));
                meanwhile.map(|it| (it.from, it.to)).collect()
            };
            let (first, second) = (within(packets), within(others));
            let Some(last) = packets.last().filter(|_| !first.is_empty() && !second.is_empty()) else {
                continue;
            };
            let is_shared = !first.is_disjoint(&second);
            // What one kind sent before all moved and the other only afterwards says nothing.
            if !is_shared && !alternate(packets, others, &both) {
                continue;
            }
            tally.judge(Fault("two-transports"), is_shared, Place::Frame(last.frame), || {
                format!("{sort:?} and {other:?} of one BUNDLE group go over two transports")
            });
        }
    }
}

/// Whether packets of one kind stand between packets of the other, within a time.
fn alternate(packets: &[&Packet], others: &[&Packet], within: &RangeInclusive<u64>) -> bool {
    let one = packets.iter().map(|it| (it.t_us, it.frame, false));
    let mut merged: Vec<(u64, u64, bool)> =
        one.chain(others.iter().map(|it| (it.t_us, it.frame, true))).collect();
    merged.retain(|(t_us, ..)| within.contains(t_us));
    merged.sort_unstable();
    merged.windows(2).filter(|pair| matches!(pair, [(.., a), (.., b)] if a != b)).count() > 1
}

/// Whether each exchange has one BUNDLE group with all sections that are not rejected, in the answer as it arrived.
fn is_one_group(evidence: &Evidence) -> bool {
    let exchanges = evidence.exchanges();
    let mut answers = exchanges.iter().filter(|it| it.answer.kind == SdpType::Answer).peekable();
    answers.peek().is_some()
        && answers.all(|it| {
            let sdp = it.answer.received();
            let live = sdp.media().filter(|section| !section.is_rejected());
            let groups: BTreeSet<Option<Vec<String>>> =
                live.map(|section| sdp.bundle_of(&section.mid()?).map(|group| group.tags)).collect();
            groups.len() == 1 && !groups.contains(&None)
        })
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use crate::evidence::Peer;
    use peerproof_captures::wire::demux::Class;

    /// Sends RTCP to another port.
    pub(super) const CONTROL: Control = Control::new(Recording::Call, |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        for packet in packets.iter_mut().filter(|it| it.sender == Peer(0) && it.class() == Class::Rtcp) {
            packet.to.set_port(9);
        }
    })
    .also_breaks(&["consent-no-data-before", "ice-data-only-on-selected-pair", "rtcp-mux-honoured"]);
}
