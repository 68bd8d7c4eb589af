//! RFC 8656 §10.1: "The client MUST include at least one XOR-PEER-ADDRESS attribute in a CreatePermission request", of the address family of the relayed
//! address (§10.2).

use super::said;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::stun::{AttributeType, Class, Content, Method};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "turn-create-permission-contents",
    layer: Layer::Gathering,
    subject: "CreatePermission requests",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    // Whether the relayed address of each allocation is of IPv4. One allocation may have two addresses (§7.2).
    let mut relayed: BTreeMap<_, Vec<bool>> = BTreeMap::new();
    for said in said(evidence, peer) {
        if said.is_received(Method::Allocate, Class::Success) {
            let addresses = said.message.attributes().map_while(Result::ok).filter_map(|it| {
                let content = it.content(said.message.transaction.value).ok()?;
                match content {
                    Content::Address(address) if it.kind.value == AttributeType::XorRelayedAddress => {
                        Some(address.is_ipv4())
                    }
                    _ => None,
                }
            });
            relayed.insert(said.ends(), addresses.collect());
        }
        if !said.is_sent(Method::CreatePermission, Class::Request) {
            continue;
        }
        let place = Place::Frame(said.at.frame);
        let Some(to) = said.message.address(AttributeType::XorPeerAddress).map(|it| it.value) else {
            tally.fail(Fault("no-peer"), "a CreatePermission request has no XOR-PEER-ADDRESS", [place]);
            continue;
        };
        let families = relayed.get(&said.ends()).filter(|all| !all.is_empty());
        let fits = families.is_none_or(|all| all.contains(&to.is_ipv4()));
        tally.judge(Fault("other-family"), fits, place, || {
            format!("a permission is asked for {to}, which is of another family than the relayed address")
        });
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, turn};

    const XOR_PEER_ADDRESS: u16 = 0x0012;

    /// Takes XOR-PEER-ADDRESS out.
    pub(super) const CONTROL: Control = Control::new(Recording::Relay, |evidence| {
        turn::edit(evidence, turn::CREATE_PERMISSION, 1, |attributes| {
            attributes.retain(|(kind, _)| *kind != XOR_PEER_ADDRESS);
        });
    })
    .and(&[Mutation::new(Recording::Relay, "of another family", |evidence| {
        turn::edit(evidence, turn::CREATE_PERMISSION, 1, |attributes| {
            for (_, value) in attributes.iter_mut().filter(|(kind, _)| *kind == XOR_PEER_ADDRESS) {
                *value = [&[0, 2, 0, 9][..], &[7; 16]].concat();
            }
        });
    })]);
}
