//! RFC 8840 §4.1.1 and §4.1.3, RFC 8838 §3, RFC 9429 §5.2.1 and §5.3.1: offers announce the option `trickle` for all
//! streams alike, and answers do when the offer does. A lite agent is no JSEP agent (§5.2.1 forbids `a=ice-lite`), and RFC 8838
//! leaves it to an agent whether it trickles: one of which no calls are known need not.

use super::look;
use crate::checks::{Check, Fault, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::IceOptions;

pub(super) const CHECK: Check = Check {
    id: "trickle-option-announced",
    layer: Layer::Sdp,
    subject: "descriptions",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let made = || evidence.made_by(peer).map(|made| &made.sdp);
    let is_lite = made().next().is_some() && made().all(|sdp| sdp.session().has("ice-lite"));
    let trickles = made().any(|sdp| {
        let sections = std::iter::once(sdp.session()).chain(sdp.media());
        sections.into_iter().any(|section| section.every::<IceOptions>().any(|it| it.has("trickle")))
    });
    if evidence.timeline.is_empty() && is_lite && !trickles {
        tally
            .not_applicable("a lite agent that nowhere announces trickle: it need not know it (RFC 8838 §3)");
        return;
    }
    look::judge_ice_option(evidence, peer, "trickle", Fault("option-missing"), tally);
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};

    /// Offers a section without it.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        replace(&mut evidence.descriptions[0].sdp, "a=ice-options:trickle", "a=ice-options:renomination");
    });
}

#[cfg(test)]
mod tests {
    use crate::checks::controls::{Recording, replace};
    use crate::checks::{Status, of};

    /// What is found of an offerer that announces other options in the first section, or nowhere.
    fn found(is_lite: bool, is_foreign: bool) -> Status {
        let mut evidence = Recording::Descriptions.evidence();
        let offer = &mut evidence.descriptions[0].sdp;
        let text = offer.to_string().replace("a=ice-options:trickle", "a=ice-options:renomination");
        *offer = peerproof_captures::sdp::SessionDescription::parse(text);
        if is_lite {
            replace(offer, "a=extmap-allow-mixed\r\n", "a=ice-lite\r\na=extmap-allow-mixed\r\n");
        }
        if is_foreign {
            evidence.timeline.clear();
        }
        of("trickle-option-announced").unwrap().run(&evidence).swap_remove(0).result
    }

    #[test]
    fn a_lite_agent_of_others_need_not_trickle() {
        assert_eq!(found(true, true), Status::NotApplicable);
        assert_eq!(found(false, true), Status::Fail, "a full agent");
        assert_eq!(found(true, false), Status::Fail, "a peer of ours");
    }
}
