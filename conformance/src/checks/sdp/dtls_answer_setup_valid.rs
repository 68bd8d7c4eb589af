//! RFC 8842 §5.3, RFC 4145 §4.1: an answer takes one DTLS role, and one that the offer left it.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Exchange, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "dtls-answer-setup-valid",
    layer: Layer::Sdp,
    subject: "answered media sections",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for Exchange { offer, answer } in evidence.answered_by(peer) {
        let (offered, answered) = (offer.received(), &answer.sdp);
        for (index, section) in answered.media().enumerate() {
            let Some(role) = offered.effective_value(index, "setup") else { continue };
            if section.is_rejected() {
                continue;
            }
            let line = answered.effective(index, "setup");
            let place = match &line {
                Some(line) => Place::Line { entry: answer.entry, line: line.attribute.line },
                None => Place::Entry(answer.entry),
            };
            let taken = line.and_then(|line| line.attribute.value).unwrap_or("none");
            let allowed = match role {
                "actpass" => &["active", "passive"][..],
                "active" => &["passive"],
                "passive" => &["active"],
                _ => continue,
            };
            tally.judge(Fault("setup-not-allowed"), allowed.contains(&taken), place, || {
                format!("the offer's setup is {role}, the answer's {taken}, not {}", allowed.join(" or "))
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace_all};

    /// Answers actpass with actpass.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        replace_all(&mut evidence.descriptions[1].sdp, "a=setup:active", "a=setup:actpass");
    });
}
