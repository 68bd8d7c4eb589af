//! RFC 5576 §4.1, §6.1: each source that a section describes by `a=ssrc` has its CNAME there, once.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use indexmap::IndexMap;
use peerproof_captures::sdp::Ssrc;

pub(super) const CHECK: Check = Check {
    id: "ssrc-has-cname",
    layer: Layer::Sdp,
    subject: "sources with a=ssrc",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        for section in made.sdp.media().filter(|section| !section.is_rejected()) {
            // Of each source the first line, and its lines with a CNAME.
            let mut sources: IndexMap<u32, (Place, Vec<Place>)> = IndexMap::new();
            for line in section.typed::<Ssrc>() {
                let Ok(Ssrc { ssrc, attribute, .. }) = line.value else { continue };
                let place = look::line(made, line.line);
                let (_, names) = sources.entry(ssrc).or_insert_with(|| (place, Vec::new()));
                if attribute == "cname" {
                    names.push(place);
                }
            }
            for (ssrc, (first, names)) in sources {
                match names.as_slice() {
                    [] => tally.fail(
                        Fault("no-cname"),
                        format!("the {} describes the source {ssrc} without its cname", made.kind),
                        [first],
                    ),
                    [one] => tally.pass(*one),
                    several => tally.fail(
                        Fault("cname-twice"),
                        format!("the {} has {} lines cname of the source {ssrc}", made.kind, several.len()),
                        several.iter().copied(),
                    ),
                }
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace};

    /// Leaves the CNAME of a source out.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        replace(&mut evidence.descriptions[0].sdp, "a=ssrc:2108191090 cname:FPHYPBea0k55IQlW\r\n", "");
    })
    .and(&[Mutation::new(
        Recording::Descriptions,
        "2 lines cname of the source 2108191090",
        |evidence| {
            let line = "a=ssrc:2108191090 cname:FPHYPBea0k55IQlW\r\n";
            replace(&mut evidence.descriptions[0].sdp, line, &line.repeat(2));
        },
    )]);
}
