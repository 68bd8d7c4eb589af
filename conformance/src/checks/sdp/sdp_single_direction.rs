//! RFC 8866 §6.7: a media section has at most one of `a=sendrecv`, `a=sendonly`, `a=recvonly` and `a=inactive`.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "sdp-single-direction",
    layer: Layer::Sdp,
    subject: "media sections",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

const DIRECTIONS: [&str; 4] = ["sendrecv", "sendonly", "recvonly", "inactive"];

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        for section in made.sdp.media() {
            let all = section.attributes().filter(|line| DIRECTIONS.contains(&line.name));
            let lines: Vec<Place> = all.map(|it| look::line(made, it.line)).collect();
            match lines.as_slice() {
                [] => {}
                [one] => tally.pass(*one),
                several => tally.fail(
                    Fault("several-directions"),
                    format!("a section has {} directions", several.len()),
                    several.iter().copied(),
                ),
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};

    /// Gives a section the same direction twice.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        replace(&mut evidence.descriptions[0].sdp, "a=sendrecv\r\n", "a=sendrecv\r\na=sendrecv\r\n");
    });
}
