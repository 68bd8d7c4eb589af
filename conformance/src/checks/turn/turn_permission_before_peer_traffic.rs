//! RFC 8656 §9, §11.1: before a client sends something to a peer through its server, it has a permission for the peer's address
//! there, and it renews that as long as it sends.

use super::{Ends, Said, said};
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer, ServerMessage, Via};
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
        let given = permissions.before(server, packet.to.ip(), packet.frame);
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

/// The permissions that a client asked for, by server and the peer's address, in order.
///
/// A permission counts from its request on: RFC 8445 §7.2.1 demands that the agent "had told the TURN server to create a permission". An error
/// response ends it, unless one was installed before.
struct Permissions(BTreeMap<(SocketAddr, IpAddr), Vec<Permission>>);

/// What a client has from a frame on.
struct Permission {
    frame: u64,
    /// Since when it has a permission, if it has one.
    since_us: Option<u64>,
    /// Whether the server has confirmed it.
    is_installed: bool,
}

impl Permission {
    fn at(message: &ServerMessage, is_given: bool) -> Self {
        Self { frame: message.frame, since_us: is_given.then_some(message.t_us), is_installed: false }
    }
}

impl Permissions {
    fn of(evidence: &Evidence, peer: Peer, tally: &mut Tally) -> Self {
        let mut asked: BTreeMap<(Ends, TransactionId), Vec<IpAddr>> = BTreeMap::new();
        let mut given: BTreeMap<_, Vec<Permission>> = BTreeMap::new();
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
                let addresses: Vec<IpAddr> = addresses.collect();
                for address in &addresses {
                    let all = given.entry((said.at.server, *address)).or_default();
                    // A refresh that is not answered yet extends nothing.
                    if all.last().is_none_or(|it| !it.is_installed) {
                        all.push(Permission::at(said.at, true));
                    }
                }
                asked.insert(transaction, addresses);
            } else if let Some(is_given) = answer(&said) {
                for address in asked.get(&transaction).into_iter().flatten() {
                    let all = given.entry((said.at.server, *address)).or_default();
                    if is_given {
                        all.push(Permission { is_installed: true, ..Permission::at(said.at, true) });
                    } else if all.last().is_none_or(|it| !it.is_installed) {
                        all.push(Permission::at(said.at, false));
                    }
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

    /// Since when there is one at a frame.
    fn before(&self, server: SocketAddr, address: IpAddr, frame: u64) -> Option<u64> {
        let all = self.0.get(&(server, address))?;
        all.get(all.partition_point(|it| it.frame <= frame).checked_sub(1)?)?.since_us
    }
}

/// Whether a server gave a permission or refused one, if this is its answer.
fn answer(said: &Said<'_>) -> Option<bool> {
    let methods = [Method::CreatePermission, Method::ChannelBind];
    let is = |class| methods.into_iter().any(|method| said.is_received(method, class));
    if is(Class::Success) { Some(true) } else { is(Class::Error).then_some(false) }
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
