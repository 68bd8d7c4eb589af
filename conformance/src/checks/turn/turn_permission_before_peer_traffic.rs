//! RFC 8656 §9, §11.1: before a client sends something to a peer through its server, it has a permission for the peer's address
//! there, and it renews that as long as it sends.

use super::{Ends, said};
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer, Via};
use crate::verdict::Layer;
use peerproof_captures::wire::stun::{AttributeType, Class, Content, Method, TransactionId};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

pub(super) const CHECK: Check = Check {
    id: "turn-permission-before-peer-traffic",
    layer: Layer::Gathering,
    subject: "packets through a TURN server",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// How long a permission lasts (§9), in microseconds.
const LIFETIME_US: u64 = 300_000_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let Some(wire) = &evidence.wire else { return };
    let permissions = Permissions::of(evidence, peer, tally);
    for packet in wire.packets.iter().filter(|packet| packet.tap == peer && packet.sender == peer) {
        let Some(Via { server, .. }) = packet.via else { continue };
        let place = Place::Frame(packet.frame);
        let given = permissions.before(server, packet.to.ip(), packet.t_us);
        match given.map(|since| Off::late(since, LIFETIME_US, packet.t_us)) {
            Some(None) => tally.pass(place),
            Some(Some(off)) => {
                let text = format!("something is sent to {} when its permission has expired", packet.to);
                tally.off(Fault("permission-expired"), evidence, off, text, [place]);
            }
            None if evidence.whole => {
                tally.fail(
                    Fault("no-permission"),
                    format!("data is sent to {} without a permission", packet.to),
                    [place],
                );
            }
            None => tally.inconclusive("the permission may be older than the capture", [place]),
        }
    }
}

/// When permissions were installed, by server and the peer's address, in order.
struct Permissions(BTreeMap<(SocketAddr, IpAddr), Vec<u64>>);

impl Permissions {
    fn of(evidence: &Evidence, peer: Peer, tally: &mut Tally) -> Self {
        let mut asked: BTreeMap<(Ends, TransactionId), Vec<IpAddr>> = BTreeMap::new();
        let mut given: BTreeMap<_, Vec<u64>> = BTreeMap::new();
        for said in said(evidence, peer) {
            let transaction = (said.ends(), said.message.transaction.value);
            let methods = [Method::CreatePermission, Method::ChannelBind];
            if methods.into_iter().any(|method| said.is_sent(method, Class::Request)) {
                let attributes = said.message.attributes().map_while(Result::ok);
                let peers = attributes.filter(|it| it.kind.value == AttributeType::XorPeerAddress);
                let addresses = peers.filter_map(|it| match it.content(said.message.transaction.value) {
                    Ok(Content::Address(address)) => Some(address.ip()),
                    _ => None,
                });
                asked.insert(transaction, addresses.collect());
            } else if methods.into_iter().any(|method| said.is_received(method, Class::Success)) {
                for address in asked.get(&transaction).into_iter().flatten() {
                    given.entry((said.at.server, *address)).or_default().push(said.at.t_us);
                }
            } else if said.is_sent(Method::Send, Class::Indication) {
                // What has both goes between the peers.
                tally.fail(
                    Fault("attribute-missing"),
                    "a Send indication has no XOR-PEER-ADDRESS or no DATA",
                    [Place::Frame(said.at.frame)],
                );
            }
        }
        Self(given)
    }

    /// When the last before a moment was installed.
    fn before(&self, server: SocketAddr, address: IpAddr, t_us: u64) -> Option<u64> {
        let all = self.0.get(&(server, address))?;
        all.get(all.partition_point(|since| *since <= t_us).checked_sub(1)?).copied()
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, turn};

    /// Takes out what was said of permissions and channels.
    pub(super) const CONTROL: Control = Control::new(Recording::Relay, |evidence| {
        let servers = &mut evidence.wire.as_mut().unwrap().servers;
        let before = servers.len();
        servers.retain(|message| ![0x08, 0x09].contains(&message.bytes[1]));
        assert!(servers.len() < before);
    })
    .and(&[Mutation::new(Recording::Relay, "a Send indication has no", |evidence| {
        turn::repeat_as(evidence, turn::CHANNEL_BIND, |bytes| {
            bytes.truncate(20);
            bytes[..4].copy_from_slice(&[0, 0x16, 0, 0]);
        });
    })]);
}
