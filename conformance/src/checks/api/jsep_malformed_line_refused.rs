//! RFC 9429 §5.8, webrtc-pc §4.4.1.4: a description that is not valid SDP is rejected with an OperationError.

use super::called::{called, text};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::SdpType;
use peerproof_captures::sdp::SessionDescription;

pub(super) const CHECK: Check = Check {
    id: "jsep-malformed-line-refused",
    layer: Layer::Sdp,
    subject: "descriptions that are none",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for it in called(evidence, peer).iter().filter(|it| it.call.name == "setRemoteDescription") {
        let described = it.kind().is_some_and(|kind| kind != SdpType::Rollback);
        let Some(sdp) = text(it.call.args).filter(|_| described) else { continue };
        if is_sdp(sdp) {
            continue;
        }
        let place = Place::Entry(it.call.answered);
        match it.error() {
            Some("OperationError") => tally.pass(place),
            Some(error) => tally.warn(
                Fault("other-error"),
                format!("what is no SDP is rejected with {error}, not with OperationError"),
                [place],
            ),
            None if it.is_done() => {
                tally.fail(Fault("taken"), "what is no SDP is taken for a description", [place]);
            }
            None => {}
        }
    }
}

/// Whether a text begins as a description does, and each line of it is of a type (RFC 8866 §5). What is wrong in a value is another matter:
/// a parser may be lenient there.
fn is_sdp(text: &str) -> bool {
    let sdp = SessionDescription::parse(text);
    let mut lines = sdp.lines();
    lines.next().is_some_and(|line| line.raw == "v=0") && lines.all(|line| line.kind().is_some())
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events};
    use crate::evidence::Evidence;
    use peerproof_captures::timeline::Answer;
    use serde_json::{Value, json};

    fn nonsense(evidence: &mut Evidence) {
        let args = json!({"description": {"type": "offer", "sdp": "this is no description"}});
        events::add_rejected(evidence, "bob", "setRemoteDescription", args, "OperationError");
    }

    /// Takes it.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, nonsense, |evidence| {
        *events::last_answer(evidence, "bob", "setRemoteDescription") = Answer::Ok(Value::Null);
    })
    .and(&[Mutation::new(Recording::Descriptions, "not with OperationError", |evidence| {
        events::reject_last(evidence, "bob", "setRemoteDescription", "SyntaxError");
    })
    .prepared(nonsense)]);
}
