//! RFC 9429 §5.2.1, §5.3.1: a section whose direction is sendrecv or sendonly has an `a=msid` (RFC 8830) for each stream of its track, or
//! `a=msid:-` if that is in none. It binds JSEP agents; of descriptions alone, or beside a foreign capture, it is not known whose they are.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "jsep-msid-in-sending-sections",
    layer: Layer::Sdp,
    subject: "RTP sections that send",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    // There are commands where a peer of ours made them: it has the API.
    let is_known = !evidence.timeline.is_empty();
    if !is_known && !evidence.made_by(peer).any(|made| made.sdp.media().any(|section| section.has("msid"))) {
        tally.not_applicable(
            "no description of the peer has a=msid: it may be no JSEP agent (RFC 9429), or send tracks of no stream",
        );
        return;
    }
    for made in evidence.generated_by(peer) {
        for section in made.sdp.media().filter(|it| look::is_rtp(it) && !it.is_rejected()) {
            // A direction that is not there would be sendrecv.
            if !section.direction().sends() {
                continue;
            }
            let place: Place = look::attribute(made, &section, "msid");
            tally.judge(Fault("no-msid"), section.has("msid"), place, || {
                let mid = section.mid().unwrap_or_default();
                format!("section {mid:?} sends and has no a=msid")
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, sdp};

    /// Deletes it from the video of the answer.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        sdp::edit_section(&mut evidence.descriptions[1].sdp, 1, |section| {
            sdp::without(section, &["a=msid:"])
        });
    });
}

#[cfg(test)]
mod tests {
    use crate::checks::controls::{Recording, sdp};
    use crate::checks::{Status, of};

    /// What is found of the answerer, of whose descriptions this many sections keep their `a=msid`.
    fn found(kept: usize, is_foreign: bool) -> Status {
        let mut evidence = Recording::Descriptions.evidence();
        for at in kept..2 {
            for made in evidence.descriptions.iter_mut().filter(|made| made.by == crate::evidence::Peer(1)) {
                sdp::edit_section(&mut made.sdp, at, |section| sdp::without(section, &["a=msid:"]));
            }
        }
        if is_foreign {
            evidence.timeline.clear();
        }
        of("jsep-msid-in-sending-sections").unwrap().run(&evidence).swap_remove(1).result
    }

    #[test]
    fn who_names_no_stream_anywhere_may_be_no_jsep_agent() {
        assert_eq!([found(2, true), found(2, false)], [Status::Pass; 2]);
        assert_eq!(found(0, true), Status::NotApplicable);
        assert_eq!(found(1, true), Status::Fail, "it names one for the other section");
        assert_eq!(found(0, false), Status::Fail, "a peer of ours");
    }
}
