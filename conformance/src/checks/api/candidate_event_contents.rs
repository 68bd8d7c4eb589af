//! webrtc-pc §4.8.1: the candidate of an event names the media section and the username fragment that it belongs to, as the
//! local description has them.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::{IceCandidate, PeerEvent};
use peerproof_captures::sdp::SessionDescription;

pub(super) const CHECK: Check = Check {
    id: "candidate-event-contents",
    layer: Layer::Gathering,
    subject: "candidates",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for happened in evidence.events(peer) {
        let PeerEvent::IceCandidate { candidate: Some(candidate) } = happened.event else { continue };
        let place = Place::Entry(happened.entry);
        let mut local = evidence.made_by(peer).peekable();
        if local.peek().is_none() {
            tally.inconclusive("the local description is not in the recording", [place]);
            continue;
        }
        let IceCandidate { sdp_mid, sdp_m_line_index, username_fragment, .. } = candidate;
        if (sdp_mid.is_none() && sdp_m_line_index.is_none()) || username_fragment.is_none() {
            tally.fail(
                Fault("no-section"),
                "a candidate names no media section or no username fragment",
                [place],
            );
            continue;
        }
        let is_described = local.any(|made| belongs(candidate, &made.sdp));
        tally.judge(Fault("section-of-no-description"), is_described, place, || {
            format!(
                "a candidate names mid {}, index {} and username fragment {}, which no local description has together",
                sdp_mid.as_deref().unwrap_or("none"),
                sdp_m_line_index.map_or_else(|| "none".to_owned(), |index| index.to_string()),
                username_fragment.as_deref().unwrap_or("none"),
            )
        });
    }
}

/// Whether a description has the media section and the username fragment that a candidate names.
fn belongs(candidate: &IceCandidate, sdp: &SessionDescription) -> bool {
    sdp.media().enumerate().any(|(index, section)| {
        candidate.sdp_m_line_index.is_none_or(|stated| usize::from(stated) == index)
            && (candidate.sdp_mid.is_none() || candidate.sdp_mid == section.mid())
            && candidate.username_fragment.as_deref() == sdp.effective_value(index, "ice-ufrag")
    })
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events};
    use peerproof_captures::event::PeerEvent;

    /// Names a username fragment that is not the peer's.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        let stated = |event: &PeerEvent| matches!(event, PeerEvent::IceCandidate { candidate: Some(_) });
        let at = events::find(evidence, "bob", stated);
        if let PeerEvent::IceCandidate { candidate: Some(candidate) } = events::event(evidence, at) {
            candidate.username_fragment = Some("other".to_owned());
        }
    })
    .and(&[Mutation::new(
        Recording::Descriptions,
        "names no media section or no username fragment",
        |evidence| {
            let stated = |event: &PeerEvent| matches!(event, PeerEvent::IceCandidate { candidate: Some(_) });
            let at = events::find(evidence, "bob", stated);
            if let PeerEvent::IceCandidate { candidate: Some(candidate) } = events::event(evidence, at) {
                candidate.username_fragment = None;
            }
        },
    )]);
}
