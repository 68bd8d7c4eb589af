//! RFC 8285 §5: the header extensions of a description are mapped by the session or by its media sections, not by both.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "extmap-one-level",
    layer: Layer::Sdp,
    subject: "descriptions with a=extmap",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        let session = made.sdp.session().named("extmap").next();
        let media = made.sdp.media().find_map(|section| section.named("extmap").next());
        match [session, media] {
            [None, None] => {}
            [Some(one), None] | [None, Some(one)] => tally.pass(look::line(made, one.line)),
            [Some(one), Some(other)] => {
                let places: [Place; 2] = [one, other].map(|it| look::line(made, it.line));
                tally.fail(
                    Fault("both-levels"),
                    format!("the {} has a=extmap for the session and in a media section", made.kind),
                    places,
                );
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};

    /// Maps one more for the session.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        let offer = &mut evidence.descriptions[0].sdp;
        replace(offer, "a=extmap-allow-mixed\r\n", "a=extmap-allow-mixed\r\na=extmap:9 urn:x-another\r\n");
    });
}
