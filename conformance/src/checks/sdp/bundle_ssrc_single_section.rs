//! RFC 9143 §9.1, §9.2: a source of a BUNDLE group is of one of its sections. What is sent is another requirement.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::Ssrc;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "bundle-ssrc-single-section",
    layer: Layer::Sdp,
    subject: "sources of BUNDLE groups",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        let mut first: BTreeMap<(usize, u32), (usize, Place)> = BTreeMap::new();
        for (index, section) in made.sdp.media().enumerate() {
            if section.is_rejected() {
                continue;
            }
            let Some(tag) = made.sdp.bundle_tag_section(index).and_then(|tag| tag.index()) else { continue };
            for line in section.typed::<Ssrc>() {
                let Ok(Ssrc { ssrc, .. }) = line.value else { continue };
                let place = look::line(made, line.line);
                match first.get(&(tag, ssrc)) {
                    None => {
                        first.insert((tag, ssrc), (index, place));
                        tally.pass(place);
                    }
                    Some((other, _)) if *other == index => {}
                    Some((other, before)) => tally.fail(
                        Fault("source-of-two-sections"),
                        format!("the {} describes the source {ssrc} in sections {other} and {index} of one BUNDLE group", made.kind),
                        [place, *before],
                    ),
                }
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};

    /// Describes the source of the audio in the section of the video, too.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        let offer = &mut evidence.descriptions[0].sdp;
        let line = "a=ssrc:2108191090 cname:FPHYPBea0k55IQlW\r\n";
        replace(offer, "a=ssrc-group:", &format!("{line}a=ssrc-group:"));
    });
}
