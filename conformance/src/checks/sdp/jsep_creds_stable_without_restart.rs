//! RFC 9429 §5.2.2 and §5.3.2: a section keeps its ICE credentials in later descriptions, unless a restart was asked
//! for by either side or another configuration forces one. Of descriptions alone, or beside a foreign capture, nobody knows what was asked
//! for: an offer that replaces both credentials is a restart (RFC 8839 §4.4.1.1.1).

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::SdpType;

pub(super) const CHECK: Check = Check {
    id: "jsep-creds-stable-without-restart",
    layer: Layer::Sdp,
    subject: "ICE credentials of later descriptions",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    if !look::is_one_connection(evidence, peer, tally) {
        return;
    }
    let asked = look::restarts_asked(evidence, peer);
    for later in look::later(evidence, peer) {
        let since = later.own().entry;
        if asked.iter().any(|entry| (since..later.made.entry).contains(entry)) || look::others_restart(&later)
        {
            continue;
        }
        let may_restart = evidence.timeline.is_empty() && later.made.kind == SdpType::Offer;
        for (index, [was, now]) in look::credentials_before_and_now(&later) {
            let section = later.made.sdp.section(look::transport_of(&later.made.sdp, index));
            let place = section
                .map_or(Place::Entry(later.made.entry), |it| look::attribute(later.made, &it, "ice-ufrag"));
            let is_restart = may_restart && was.0 != now.0 && was.1 != now.1;
            if was == now || is_restart {
                tally.pass(place);
            } else {
                let sentence = format!(
                    "section {index} had the username fragment {} and has {} without a restart",
                    was.0, now.0
                );
                tally.fail(Fault("credentials-changed"), sentence, [place, Place::Entry(since)]);
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace_all, sdp};

    /// Offers another username fragment the second time.
    pub(super) const CONTROL: Control =
        Control::prepared(Recording::Descriptions, sdp::renegotiate, |evidence| {
            replace_all(&mut evidence.descriptions[2].sdp, "a=ice-ufrag:BHbl", "a=ice-ufrag:lbHB");
        })
        .also_breaks(&["ice-restart-changes-both-credentials"]);
}

#[cfg(test)]
mod tests {
    use crate::checks::controls::{Recording, replace_all, sdp};
    use crate::checks::{Status, of};

    /// What is found of the offerer, whose second offer has other credentials: of a recording, or of descriptions alone.
    fn found(has_other_password: bool, is_recorded: bool) -> Status {
        let mut evidence = Recording::Descriptions.evidence();
        sdp::renegotiate(&mut evidence);
        let [offer, answer] = &mut evidence.descriptions[2..] else { panic!("no second exchange") };
        replace_all(&mut offer.sdp, "a=ice-ufrag:BHbl", "a=ice-ufrag:lbHB");
        if has_other_password {
            replace_all(&mut offer.sdp, "a=ice-pwd:iZJS", "a=ice-pwd:JSiZ");
        }
        replace_all(&mut answer.sdp, "a=ice-ufrag:sKQj", "a=ice-ufrag:QjsK");
        replace_all(&mut answer.sdp, "a=ice-pwd:Kjur", "a=ice-pwd:urKj");
        if !is_recorded {
            evidence.timeline.clear();
        }
        of("jsep-creds-stable-without-restart").unwrap().run(&evidence).swap_remove(0).result
    }

    #[test]
    fn an_offer_of_which_no_calls_are_known_may_restart() {
        assert_eq!(found(true, false), Status::Pass);
        assert_eq!(found(false, false), Status::Fail, "a restart replaces both");
        assert_eq!(found(true, true), Status::Fail, "nobody asked for it");
    }
}
