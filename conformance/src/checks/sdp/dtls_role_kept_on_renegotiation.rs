//! RFC 8842 §5.3, RFC 9429 §5.3.2: an answer that keeps the DTLS association keeps its roles too, whoever offers now.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::SdpType;
use peerproof_captures::sdp::SessionDescription;

pub(super) const CHECK: Check = Check {
    id: "dtls-role-kept-on-renegotiation",
    layer: Layer::Sdp,
    subject: "later answers",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    if !look::is_one_connection(evidence, peer, tally) {
        return;
    }
    for later in look::later(evidence, peer) {
        let (Some(offer), SdpType::Answer) = (later.answers, later.made.kind) else { continue };
        for (index, section) in later.made.sdp.media().enumerate() {
            if section.is_rejected() || look::transport_of(&later.made.sdp, index) != index {
                continue;
            }
            let mid = section.mid();
            let was_one = |sdp| Some(identity(sdp, at(sdp, mid.as_deref()?)?));
            let renewed = was_one(&later.own().sdp) != Some(identity(&later.made.sdp, index))
                || was_one(later.others().received()) != Some(identity(offer.received(), index));
            let Some(was) = mid.as_deref().and_then(|mid| client(later.before.answer, mid)) else { continue };
            if renewed {
                continue;
            }
            let line = later.made.sdp.effective(index, "setup");
            let place = line
                .as_ref()
                .map_or(Place::Entry(later.made.entry), |it| look::line(later.made, it.attribute.line));
            let now = match line.and_then(|it| it.attribute.value) {
                Some("active") => later.made.by,
                Some("passive") => offer.by,
                _ => continue,
            };
            tally.judge(Fault("role-changed"), now == was, place, || {
                format!(
                    "the client was {}, and the answer makes {} it",
                    evidence.name(was),
                    evidence.name(now)
                )
            });
        }
    }
}

/// The section with that tag.
fn at(sdp: &SessionDescription, mid: &str) -> Option<usize> {
    sdp.section_with_mid(mid)?.index()
}

/// What distinguishes DTLS associations (RFC 8842 §5.1): the fingerprints and the identifier.
fn identity(sdp: &SessionDescription, index: usize) -> Vec<String> {
    let all = ["fingerprint", "tls-id"].map(|name| sdp.effective_all(index, name));
    let mut values: Vec<_> =
        all.iter().flatten().filter_map(|it| it.attribute.value.map(str::to_owned)).collect();
    values.sort();
    values
}

/// Who was made the client of the association of a section; not known if the answer was changed on the way.
fn client(answer: &Description, mid: &str) -> Option<Peer> {
    if answer.delivered.is_some() {
        return None;
    }
    let other = Peer(1 - answer.by.0.min(1));
    match answer.sdp.effective_value(at(&answer.sdp, mid)?, "setup")? {
        "active" => Some(answer.by),
        "passive" => Some(other),
        _ => None,
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace_all, sdp};

    /// Takes the other role in the second answer.
    pub(super) const CONTROL: Control =
        Control::prepared(Recording::Descriptions, sdp::renegotiate, |evidence| {
            replace_all(&mut evidence.descriptions[3].sdp, "a=setup:active", "a=setup:passive");
        });
}
