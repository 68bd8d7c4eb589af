//! RFC 9429 §5.2.2 and §5.3.2: a section keeps its ICE credentials in later descriptions, unless a restart was asked
//! for by either side or another configuration forces one.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

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
        for (index, [was, now]) in look::credentials_before_and_now(&later) {
            let section = later.made.sdp.section(look::transport_of(&later.made.sdp, index));
            let place = section
                .map_or(Place::Entry(later.made.entry), |it| look::attribute(later.made, &it, "ice-ufrag"));
            if was == now {
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
