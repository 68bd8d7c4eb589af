//! RFC 8656 §5: with the long-term mechanism all requests after the Allocate bear credentials, and "all requests after the initial Allocate must use the same
//! username as that used to create the allocation"; RFC 8489 §9.2.4: without integrity they are refused.

use super::{Ends, said};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::stun::{AttributeType, Class, Message, Method};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "turn-requests-bear-credentials",
    layer: Layer::Gathering,
    subject: "requests of an allocation",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Who a request says that it is from, and by which attribute.
type Name<'a> = (AttributeType, &'a [u8]);

fn name<'a>(message: &Message<'a>) -> Option<Name<'a>> {
    let of = |kind| message.attribute(kind).map(|it| (kind, it.value.value));
    of(AttributeType::Username).or_else(|| of(AttributeType::Userhash))
}

/// Whether two requests may be from the same: a name and a hash of it are not compared.
fn same(one: Name<'_>, other: Name<'_>) -> bool {
    one.0 != other.0 || one.1 == other.1
}

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let (mut asked, mut made) = (BTreeMap::new(), BTreeMap::<Ends, Name<'_>>::new());
    for said in said(evidence, peer) {
        let transaction = said.message.transaction.value;
        if said.is_sent(Method::Allocate, Class::Request) {
            asked.extend(name(&said.message).map(|name| ((said.ends(), transaction), name)));
        } else if said.is_received(Method::Allocate, Class::Success) {
            made.extend(asked.get(&(said.ends(), transaction)).map(|name| (said.ends(), *name)));
        }
        let methods = [Method::Refresh, Method::CreatePermission, Method::ChannelBind];
        let Some(first) = made.get(&said.ends()) else { continue };
        if !methods.iter().any(|method| said.is_sent(*method, Class::Request)) {
            continue;
        }
        let place = Place::Frame(said.at.frame);
        let signed = [AttributeType::MessageIntegrity, AttributeType::MessageIntegritySha256];
        let is_signed = signed.iter().any(|kind| said.message.attribute(*kind).is_some());
        match name(&said.message) {
            Some(name) if is_signed => {
                tally.judge(Fault("other-username"), same(name, *first), place, || {
                    format!(
                        "a {} request has another username than the Allocate",
                        said.message.kind.value.method()
                    )
                });
            }
            _ => tally.fail(
                Fault("no-credentials"),
                format!("a {} request has no credentials", said.message.kind.value.method()),
                [place],
            ),
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, turn};

    /// Asks for a permission under another name.
    pub(super) const CONTROL: Control = Control::new(Recording::Relay, |evidence| {
        turn::edit(evidence, turn::CREATE_PERMISSION, 1, |attributes| {
            attributes.iter_mut().filter(|(kind, _)| *kind == 0x0006).for_each(|(_, name)| name.push(b'x'));
        });
    })
    .and(&[Mutation::new(Recording::Relay, "has no credentials", |evidence| {
        turn::edit(evidence, turn::CREATE_PERMISSION, 1, |attributes| {
            attributes.retain(|(kind, _)| *kind != 0x0006);
        });
    })]);
}
