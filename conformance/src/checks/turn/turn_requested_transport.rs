//! RFC 8656 §7.1, §18.8: an Allocate request says which transport it wants by REQUESTED-TRANSPORT, whose reserved bytes are zero, and
//! asks for one address family at most.

use super::{Said, said};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::stun::{AttributeType, Class, Method};

pub(super) const CHECK: Check = Check {
    id: "turn-requested-transport",
    layer: Layer::Gathering,
    subject: "Allocate requests",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

const UDP: u8 = 17;
/// RFC 6062 §4.1.
const TCP: u8 = 6;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for said in said(evidence, peer).filter(|said| said.is_sent(Method::Allocate, Class::Request)) {
        let place = Place::Frame(said.at.frame);
        match fault(&said) {
            Some((fault, sentence)) => tally.fail(fault, sentence, [place]),
            None => tally.pass(place),
        }
    }
}

fn fault(said: &Said<'_>) -> Option<(Fault, String)> {
    let count = |kind| {
        let all = said.message.attributes().filter_map(Result::ok);
        all.filter(|attribute| attribute.kind.value == kind).count()
    };
    let Some(transport) = said.message.attribute(AttributeType::RequestedTransport) else {
        return Some((Fault("no-transport"), "an Allocate request has no REQUESTED-TRANSPORT".to_owned()));
    };
    match transport.value.value {
        [UDP | TCP, 0, 0, 0] => {}
        [UDP | TCP, ..] => {
            return Some((
                Fault("reserved-bytes"),
                "the reserved bytes of REQUESTED-TRANSPORT are not zero".to_owned(),
            ));
        }
        [other, ..] => {
            return Some((
                Fault("other-transport"),
                format!("REQUESTED-TRANSPORT is {other}, neither UDP (17) nor TCP (6)"),
            ));
        }
        [] => return Some((Fault("transport-empty"), "REQUESTED-TRANSPORT is empty".to_owned())),
    }
    let (requested, additional) =
        (count(AttributeType::RequestedAddressFamily), count(AttributeType::AdditionalAddressFamily));
    match (requested, additional) {
        (0 | 1, 0) | (0, 1) => None,
        (1.., 1..) => Some((
            Fault("two-family-attributes"),
            "an Allocate request has REQUESTED-ADDRESS-FAMILY and ADDITIONAL-ADDRESS-FAMILY".to_owned(),
        )),
        _ => Some((Fault("family-twice"), "an Allocate request asks for an address family twice".to_owned())),
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, turn};

    /// Takes REQUESTED-TRANSPORT out of an Allocate request.
    pub(super) const CONTROL: Control = Control::new(Recording::Relay, |evidence| {
        turn::edit(evidence, turn::ALLOCATE, 1, |attributes| attributes.retain(|(kind, _)| *kind != 0x0019));
    })
    .and(&[
        Mutation::new(Recording::Relay, "the reserved bytes of", |evidence| {
            turn::edit(evidence, turn::ALLOCATE, 1, |attributes| {
                attributes.iter_mut().filter(|(kind, _)| *kind == 0x0019).for_each(|(_, value)| value[1] = 1);
            });
        }),
        Mutation::new(Recording::Relay, "REQUESTED-TRANSPORT is 18", |evidence| {
            turn::edit(evidence, turn::ALLOCATE, 1, |attributes| {
                attributes
                    .iter_mut()
                    .filter(|(kind, _)| *kind == 0x0019)
                    .for_each(|(_, value)| value[0] = 18);
            });
        }),
        Mutation::new(Recording::Relay, "REQUESTED-TRANSPORT is empty", |evidence| {
            turn::edit(evidence, turn::ALLOCATE, 1, |attributes| {
                attributes
                    .iter_mut()
                    .filter(|(kind, _)| *kind == 0x0019)
                    .for_each(|(_, value)| value.clear());
            });
        }),
        Mutation::new(Recording::Relay, "REQUESTED-ADDRESS-FAMILY and ADDITIONAL", |evidence| {
            turn::edit(evidence, turn::ALLOCATE, 1, |attributes| {
                attributes.extend([(0x0017, vec![1, 0, 0, 0]), (0x8000, vec![2, 0, 0, 0])]);
            });
        }),
        Mutation::new(Recording::Relay, "asks for an address family twice", |evidence| {
            turn::edit(evidence, turn::ALLOCATE, 1, |attributes| {
                attributes.extend([(0x0017, vec![1, 0, 0, 0]), (0x0017, vec![2, 0, 0, 0])]);
            });
        }),
    ]);
}
