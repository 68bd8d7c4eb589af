//! RFC 5761 §5.1.1: with `a=rtcp-mux` in offer and answer RTCP goes where RTP goes, and without it does not.

use super::compounds;
use crate::checks::media::is_among;
use crate::checks::transports::{Apart, Indices};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::Exchange;
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::sdp::SessionDescription;
use peerproof_captures::timeline::What;
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
    let muxed = Apart::new(evidence, |among| {
        let both =
            |it: &Exchange<'_>| has_mux(seen(peer, it.offer), among) && has_mux(seen(peer, it.answer), among);
        exchanges.iter().any(both)
    });
    let at = evidence.wire.iter().flat_map(|wire| wire.at(peer));
    // Where there is no second component, every pair that was checked is one of the component of RTP, and several may be in use.
    let one_component = !has_second_component(evidence);
    let is_of_rtp = |class: Class| match class {
        Class::Rtp | Class::Dtls => true,
        Class::Stun => *muxed && one_component,
        _ => false,
    };
    let media = at.filter(|packet| is_of_rtp(packet.class()));
    let paths: BTreeSet<(SocketAddr, SocketAddr)> = media.map(|it| path(it.from, it.to)).collect();
    for (packet, _) in compounds(evidence, peer) {
        let place = Place::Frame(packet.frame);
        let muxed = *muxed.of(packet);
        let shared = paths.contains(&path(packet.from, packet.to));
        if exchanges.is_empty() {
            tally.inconclusive("the descriptions are not in the recording", [place]);
        } else if muxed && !shared && !evidence.whole {
            tally.inconclusive("what else goes there may be missing in the capture", [place]);
        } else if muxed {
            tally.judge(Fault("other-ports-despite-mux"), shared, place, || {
                format!("RTCP goes from {} to {}, where no RTP goes", packet.from, packet.to)
            });
        } else {
            tally.judge(Fault("mux-not-negotiated"), !shared, place, || {
                "RTCP goes where RTP goes, although a=rtcp-mux was not negotiated".to_owned()
            });
        }
    }
}

/// Whether a candidate of a second component, which would be that of RTCP (RFC 8839 §5.1), was signalled or reported.
fn has_second_component(evidence: &Evidence) -> bool {
    let is_second = |candidate: &str| candidate.split_ascii_whitespace().nth(1) == Some("2");
    let reported = evidence.timeline.iter().any(|entry| match &entry.what {
        What::Event { event: PeerEvent::IceCandidate { candidate: Some(it) }, .. } => {
            is_second(&it.candidate)
        }
        What::CarriedCandidate { sent, delivered, .. } => {
            sent.iter().chain(delivered).any(|it| is_second(&it.candidate))
        }
        _ => false,
    });
    let lines = |sdp: &SessionDescription| {
        let sections = sdp.media().flat_map(|section| section.candidates());
        sections.into_iter().any(|candidate| candidate.component == 2)
    };
    reported || evidence.descriptions.iter().any(|it| lines(&it.sdp) || lines(it.received()))
}

/// A description as a peer knows it.
fn seen(peer: Peer, description: &crate::evidence::Description) -> &SessionDescription {
    if description.by == peer { &description.sdp } else { description.received() }
}

/// Whether one of these sections has it.
fn has_mux(sdp: &SessionDescription, among: Option<&Indices>) -> bool {
    sdp.media().any(|section| is_among(&section, among) && section.has("rtcp-mux"))
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
