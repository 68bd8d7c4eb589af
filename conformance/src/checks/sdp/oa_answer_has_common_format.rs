//! RFC 3264 §6.1: an accepted section lists at least one format that was offered; without any it is rejected.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Exchange, Peer};
use crate::verdict::Layer;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "oa-answer-has-common-format",
    layer: Layer::Sdp,
    subject: "answered media sections",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for Exchange { offer, answer } in evidence.answered_by(peer) {
        for (offered, answered) in offer.received().media().zip(answer.sdp.media()) {
            if !look::is_rtp(&offered) || !look::is_rtp(&answered) || answered.is_rejected() {
                continue;
            }
            let of =
                |section| look::codecs(section).into_iter().map(|(_, codec)| codec).collect::<BTreeSet<_>>();
            let (asked, taken) = (of(&offered), of(&answered));
            let place: Place = look::media_line(answer, &answered);
            tally.judge(Fault("no-common-format"), !asked.is_disjoint(&taken), place, || {
                let taken: Vec<_> = taken.iter().take(3).map(ToString::to_string).collect();
                format!(
                    "an accepted section has no format in common with the offered one, but {}",
                    taken.join(", ")
                )
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, sdp};

    /// Renames every codec of the accepted audio section.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        sdp::edit_section(&mut evidence.descriptions[1].sdp, 0, |section| {
            let renamed = section.split_inclusive("\r\n").map(|line| match line.strip_prefix("a=rtpmap:") {
                Some(map) => format!("a=rtpmap:{} X-NONE/90000\r\n", map.split_once(' ').unwrap().0),
                None => line.to_owned(),
            });
            renamed.collect()
        });
    });
}
