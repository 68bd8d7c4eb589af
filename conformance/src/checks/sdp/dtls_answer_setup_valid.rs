//! RFC 8842 §5.3, RFC 4145 §4.1: an answer takes one DTLS role, and one that the offer left it.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Exchange, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::SdpType;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "dtls-answer-setup-valid",
    layer: Layer::Sdp,
    subject: "answered media sections",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let offers: BTreeMap<u64, &Description> =
        evidence.answered_by(peer).map(|Exchange { offer, answer }| (answer.entry, offer)).collect();
    for answer in evidence.generated_by(peer).filter(|made| made.kind != SdpType::Offer) {
        let (offer, answered) = (offers.get(&answer.entry), &answer.sdp);
        for (index, section) in answered.media().enumerate() {
            let line = answered.effective(index, "setup");
            // Which of the two is right depends on the offer; that it is one of them does not.
            let role = match offer {
                Some(offer) => offer.received().effective_value(index, "setup"),
                None => line.as_ref().map(|_| "unknown"),
            };
            let Some(role) = role.filter(|_| !section.is_rejected()) else { continue };
            let place = match &line {
                Some(line) => Place::Line { entry: answer.entry, line: line.attribute.line },
                None => Place::Entry(answer.entry),
            };
            let taken = line.and_then(|line| line.attribute.value).unwrap_or("none");
            let allowed = match role {
                "actpass" | "unknown" => &["active", "passive"][..],
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

#[cfg(test)]
mod tests {
    use crate::checks::controls::{Recording, replace_all};
    use crate::checks::{Status, of};

    /// What is found of an answer without its offer.
    fn alone(setup: &str) -> Status {
        let mut evidence = Recording::Descriptions.evidence();
        evidence.descriptions.remove(0);
        let sdp = &mut evidence.descriptions[0].sdp;
        if setup != "active" {
            replace_all(sdp, "a=setup:active", &format!("a=setup:{setup}"));
        }
        of("dtls-answer-setup-valid").unwrap().run(&evidence).swap_remove(1).result
    }

    #[test]
    fn an_answer_takes_one_role_whatever_was_offered() {
        assert_eq!(["active", "passive"].map(alone), [Status::Pass; 2]);
        assert_eq!(["actpass", "holdconn"].map(alone), [Status::Fail; 2]);
    }
}
