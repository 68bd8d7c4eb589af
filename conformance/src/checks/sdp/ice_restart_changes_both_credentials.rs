//! RFC 8445 §9, RFC 8839 §4.4.1.1.1 and §4.4.2.1, RFC 9429 §5.2.3.1: an ICE restart replaces the username fragment and
//! the password, in the offer and in its answer.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::SdpType;

pub(super) const CHECK: Check = Check {
    id: "ice-restart-changes-both-credentials",
    layer: Layer::Sdp,
    subject: "ICE restarts",
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
        let asked = asked.iter().any(|entry| (since..later.made.entry).contains(entry));
        let due = match later.made.kind {
            SdpType::Offer => asked,
            _ => look::others_restart(&later),
        };
        for (index, [was, now]) in look::credentials_before_and_now(&later) {
            let changed = [was.0 != now.0, was.1 != now.1];
            if !due && changed == [false, false] {
                continue;
            }
            let section = later.made.sdp.section(look::transport_of(&later.made.sdp, index));
            let place = section
                .map_or(Place::Entry(later.made.entry), |it| look::attribute(later.made, &it, "ice-ufrag"));
            let same = match changed {
                [true, true] => {
                    tally.pass(place);
                    continue;
                }
                [false, true] => "the username fragment",
                [true, false] => "the password",
                [false, false] => "both credentials",
            };
            let what = later.made.kind;
            tally.fail(
                Fault("credentials-kept"),
                format!("the {what} of a restart keeps {same} of section {index}"),
                [place, Place::Entry(since)],
            );
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace_all, sdp};
    use crate::evidence::Evidence;

    /// As if both had restarted: the timeline shows nothing of it, the descriptions do.
    fn restart(evidence: &mut Evidence) {
        sdp::renegotiate(evidence);
        let [offer, answer] = &mut evidence.descriptions[2..] else { panic!("no second exchange") };
        replace_all(&mut offer.sdp, "a=ice-ufrag:BHbl", "a=ice-ufrag:lbHB");
        replace_all(&mut offer.sdp, "a=ice-pwd:iZJS", "a=ice-pwd:JSiZ");
        replace_all(&mut answer.sdp, "a=ice-ufrag:sKQj", "a=ice-ufrag:QjsK");
        replace_all(&mut answer.sdp, "a=ice-pwd:Kjur", "a=ice-pwd:urKj");
    }

    /// Puts the old password back into the offer.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, restart, |evidence| {
        replace_all(&mut evidence.descriptions[2].sdp, "a=ice-pwd:JSiZ", "a=ice-pwd:iZJS");
    })
    .and(&[
        Mutation::new(Recording::Descriptions, "keeps the username fragment", |evidence| {
            replace_all(&mut evidence.descriptions[2].sdp, "a=ice-ufrag:lbHB", "a=ice-ufrag:BHbl");
        })
        .prepared(restart)
        .also_breaks(&["ice-credentials-wellformed"]),
        Mutation::new(
            Recording::Descriptions,
            "the answer of a restart keeps both credentials",
            |evidence| {
                replace_all(&mut evidence.descriptions[3].sdp, "a=ice-ufrag:QjsK", "a=ice-ufrag:sKQj");
                replace_all(&mut evidence.descriptions[3].sdp, "a=ice-pwd:urKj", "a=ice-pwd:Kjur");
            },
        )
        .prepared(restart),
    ]);
}
