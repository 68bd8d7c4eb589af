//! RFC 8866 §5, §5.13: attributes that are not understood are ignored, so that a description with some is taken.

use super::called::{Called, called, text};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::SessionDescription;
use peerproof_captures::timeline::Answer;

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
        if unknown(&sdp).next().is_none() || !sdp.violations().is_empty() {
            continue;
        }
        let place = Place::Entry(it.call.answered);
        match it.error() {
            None if it.is_done() => tally.pass(place),
            // In another state any description would be rejected.
            Some("InvalidStateError") => {}
            // What else the scenario changed on the way may be the reason.
            Some(_) if is_changed_otherwise(evidence, peer, sdp.as_str()) && !names_unknown(it, &sdp) => {
                tally.inconclusive("a description that was changed in other ways too is rejected", [place]);
            }
            Some(error) => tally.fail(
                Fault("refused"),
                format!("a description with unknown attributes is rejected with {error}"),
                [place],
            ),
            _ => {}
        }
    }
}

/// The names of the attributes that nobody knows.
fn unknown(sdp: &SessionDescription) -> impl Iterator<Item = &str> {
    let sections = std::iter::once(sdp.session()).chain(sdp.media());
    let names = sections.flat_map(|section| section.attributes()).map(|it| it.name);
    names.filter(|name| name.starts_with(UNKNOWN) && !name.starts_with(KNOWN))
}

/// Whether the error of a call names one of them.
fn names_unknown(it: &Called<'_>, sdp: &SessionDescription) -> bool {
    let Answer::Rejected { message, .. } = it.call.answer else { return false };
    unknown(sdp).any(|name| message.contains(name))
}

/// Whether the description that a peer was handed differs from the one that was sent by more than such attributes.
fn is_changed_otherwise(evidence: &Evidence, peer: Peer, text: &str) -> bool {
    let set = evidence.descriptions.iter().rfind(|it| it.by != peer && it.received().as_str() == text);
    let known = |sdp: &SessionDescription| -> Vec<String> {
        let lines = sdp.as_str().lines();
        let is_unknown = |line: &&str| {
            line.strip_prefix("a=").is_some_and(|it| it.starts_with(UNKNOWN) && !it.starts_with(KNOWN))
        };
        lines.filter(|line| !is_unknown(line)).map(str::to_owned).collect()
    };
    set.is_some_and(|it| known(&it.sdp) != known(it.received()))
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

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::Status;
    use crate::checks::controls::{Recording, events};
    use peerproof_captures::sdp::SessionDescription;
    use peerproof_captures::timeline::Answer;

    /// An offer that comes without the lines that begin so and with an attribute that nobody knows is rejected in those words.
    fn refused(removed: &str, words: &str) -> Status {
        let mut evidence = Recording::Descriptions.evidence();
        let sent = evidence.descriptions[0].sdp.as_str().to_owned();
        let kept: String = sent.split_inclusive('\n').filter(|line| !line.starts_with(removed)).collect();
        assert_eq!(kept == sent, removed == "none");
        let text = format!("{kept}a=x-probe:1\r\n");
        evidence.descriptions[0].delivered = Some(SessionDescription::parse(text.as_str()));
        events::edit_args(&mut evidence, "bob", "setRemoteDescription", |args| {
            args["description"]["sdp"] = text.as_str().into();
        });
        events::reject_last(&mut evidence, "bob", "setRemoteDescription", "OperationError");
        if let Answer::Rejected { message, .. } =
            events::last_answer(&mut evidence, "bob", "setRemoteDescription")
        {
            *message = words.to_owned();
        }
        CHECK.run(&evidence).iter().find(|it| it.endpoint == "bob").unwrap().result
    }

    #[test]
    fn what_else_was_changed_may_be_why_a_description_is_rejected() {
        assert_eq!(refused("none", "no"), Status::Fail);
        assert_eq!(refused("a=ssrc", "no track for an SSRC"), Status::Inconclusive);
        assert_eq!(refused("a=ssrc", "cannot parse x-probe"), Status::Fail);
    }
}
