//! RFC 5761 §5.1.1: with `a=rtcp-mux` in offer and answer RTCP goes where RTP goes, and without it does not.

use super::compounds;
use crate::checks::{Check, Place, Tally};
use crate::evidence::Exchange;
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::SessionDescription;
use peerproof_captures::wire::demux::Class;
use std::collections::BTreeSet;
use std::net::SocketAddr;

pub(super) const CHECK: Check = Check {
    id: "rtcp-mux-honoured",
    layer: Layer::Media,
    subject: "RTCP packets",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let exchanges = evidence.exchanges();
    let both = |it: &Exchange<'_>| has_mux(seen(peer, it.offer)) && has_mux(seen(peer, it.answer));
    let muxed = exchanges.iter().any(both);
    let at = evidence.wire.iter().flat_map(|wire| wire.at(peer));
    let media = at.filter(|packet| matches!(packet.class(), Class::Rtp | Class::Dtls));
    let paths: BTreeSet<(SocketAddr, SocketAddr)> = media.map(|it| path(it.from, it.to)).collect();
    for (packet, _) in compounds(evidence, peer) {
        let place = Place::Frame(packet.frame);
        let shared = paths.contains(&path(packet.from, packet.to));
        if exchanges.is_empty() {
            tally.inconclusive("the descriptions are not in the recording", [place]);
        } else if muxed && !shared && !evidence.whole {
            tally.inconclusive("what else goes there may be missing in the capture", [place]);
        } else if muxed {
            tally.judge(shared, place, || {
                format!("RTCP goes from {} to {}, where no RTP goes", packet.from, packet.to)
            });
        } else {
            tally.judge(!shared, place, || {
                "RTCP goes where RTP goes, although a=rtcp-mux was not negotiated".to_owned()
            });
        }
    }
}

/// A description as a peer knows it.
fn seen(peer: Peer, description: &crate::evidence::Description) -> &SessionDescription {
    if description.by == peer { &description.sdp } else { description.received() }
}

fn has_mux(sdp: &SessionDescription) -> bool {
    sdp.media().any(|section| section.has("rtcp-mux"))
}

fn path(from: SocketAddr, to: SocketAddr) -> (SocketAddr, SocketAddr) {
    (from.min(to), from.max(to))
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, line_of};
    use crate::evidence::Kind;

    /// Takes `a=rtcp-mux` out of the answer.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        let answer = &mut evidence.descriptions[1].sdp;
        let (number, _) = line_of(answer, "a=rtcp-mux");
        *answer = answer.with_line_removed(number);
    })
    .also_breaks(&["rtcpmux-answer-echo"])
    .and(&[Mutation::new(Recording::Media, "where no RTP goes", |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        packets
            .iter_mut()
            .find(|it| it.clear.iter().any(|clear| clear.kind == Kind::Rtcp))
            .unwrap()
            .to
            .set_port(9);
    })
    .also_breaks(&["consent-no-data-before"])]);
}
