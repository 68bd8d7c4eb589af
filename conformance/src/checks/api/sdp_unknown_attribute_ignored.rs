//! RFC 8866 §5, §5.13: attributes that are not understood are ignored, so that a description with some is taken.

use super::called::{called, text};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::SessionDescription;

pub(super) const CHECK: Check = Check {
    id: "sdp-unknown-attribute-ignored",
    layer: Layer::Sdp,
    subject: "descriptions with attributes that nobody knows",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Names of attributes that nobody registers begin so. One of Google's is known to some.
const UNKNOWN: &str = "x-";
const KNOWN: &str = "x-google";

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for it in called(evidence, peer).iter().filter(|it| it.call.name == "setRemoteDescription") {
        let Some(sdp) = text(it.call.args).map(SessionDescription::parse) else { continue };
        let sections = std::iter::once(sdp.session()).chain(sdp.media());
        let mut attributes = sections.flat_map(|section| section.attributes());
        let unknown = attributes.any(|it| it.name.starts_with(UNKNOWN) && !it.name.starts_with(KNOWN));
        if !unknown || !sdp.violations().is_empty() {
            continue;
        }
        let place = Place::Entry(it.call.answered);
        match it.error() {
            None if it.is_done() => tally.pass(place),
            // In another state any description would be rejected.
            Some(error) if error != "InvalidStateError" => tally.fail(
                Fault("refused"),
                format!("a description with unknown attributes is rejected with {error}"),
                [place],
            ),
            _ => {}
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, events};
    use crate::evidence::Evidence;

    /// As if the offer had come with an attribute of ours.
    fn probe(evidence: &mut Evidence) {
        events::edit_args(evidence, "bob", "setRemoteDescription", |args| {
            let sdp = args["description"]["sdp"].as_str().unwrap().to_owned();
            args["description"]["sdp"] = format!("{sdp}a=x-probe:1\r\n").into();
        });
    }

    /// Refuses it.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, probe, |evidence| {
        events::reject_last(evidence, "bob", "setRemoteDescription", "OperationError");
    })
    .also_breaks(&["addicecandidate-validation", "signaling-wrong-state-rejected"]);
}
