//! RFC 9429 §5.2.1 and §5.3.1, RFC 8827 §6.5: no description has `a=crypto` or `a=key-mgmt`, nor `a=ice-lite` unless
//! the endpoint was configured as a lite one.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "jsep-no-crypto-or-lite",
    layer: Layer::Sdp,
    subject: "descriptions",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let calls = evidence.calls(peer);
    let lite = calls.iter().any(|call| {
        call.args.get("ice").and_then(|ice| ice.get("lite")).and_then(serde_json::Value::as_bool)
            == Some(true)
    });
    for made in evidence.generated_by(peer) {
        let sections = std::iter::once(made.sdp.session()).chain(made.sdp.media());
        let attributes = sections.flat_map(|section| section.attributes().collect::<Vec<_>>());
        let found = attributes.into_iter().find(|it| match it.name {
            "crypto" | "key-mgmt" => true,
            // A capture does not show what an endpoint was declared to be.
            "ice-lite" => evidence.whole && !lite,
            _ => false,
        });
        match found {
            None => tally.pass(Place::Entry(made.entry)),
            Some(it) => {
                tally.fail(
                    Fault("forbidden-attribute"),
                    format!("the {} has a={}", made.kind, it.name),
                    [look::line(made, it.line)],
                );
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};

    /// Says that the endpoint is a lite one. What SDES adds is the mutation of another requirement.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        replace(
            &mut evidence.descriptions[0].sdp,
            "a=extmap-allow-mixed\r\n",
            "a=ice-lite\r\na=extmap-allow-mixed\r\n",
        );
    });
}
