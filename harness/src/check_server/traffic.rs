//! Permissions and channels (RFC 8656 §9 to §12), by two allocations, each the other's peer: so it does not matter where this machine
//! is.

use super::relay::Allocation;
use super::report::{Check, Topic};
use super::session::{Response, Unanswered};
use peerproof_captures::wire::stun::AttributeType;
use peerproof_captures::wire::turn::Peer;
use peerproof_stack::client::{Attribute, Method, channel_data};

/// Permissions.
pub(super) const PERMISSION: Topic =
    Topic::new("permission").id("turn-permission-before-peer-traffic").by("RFC 8656 §9, §10.2");
const INDICATION: Topic = Topic::new("relaying").id("turn-tcp-and-tls-transports").by("RFC 8656 §11");
const NUMBER: Topic = Topic::new("channel-number").id("turn-channel-number-range").by("RFC 8656 §12.2");
const CHANNEL: Topic = Topic::new("channel").id("turn-channel-number-range").by("RFC 8656 §12.2, §12.7");

/// Of odd lengths, so that streams need padding.
const UNPERMITTED: &[u8] = b"unpermitted";
const OUT: &[u8] = b"by indication, out";
const OUT_CHANNEL: &[u8] = b"by channel, out";
const BACK_CHANNEL: &[u8] = b"by channel, in";
/// The channel that is bound.
const NUMBER_BOUND: u16 = 0x4000;
/// No channel number, in RFC 5766 as in RFC 8656.
const NUMBER_WRONG: u16 = 0x3000;
/// Round trips during which nothing may come without a permission.
const ROUNDS: usize = 3;

/// Relays between the two.
pub(super) async fn check(a: &mut Allocation, b: &mut Allocation, checks: &mut Vec<Check>) {
    match permission(a, b).await {
        Ok((check, true)) => checks.push(check),
        Ok((check, false)) => return checks.push(check),
        Err(error) => return checks.push(PERMISSION.fail(format!("CreatePermission: {error}"))),
    }
    checks.push(indication(a, b).await);
    checks.push(number(a, b).await);
    checks.push(channel(a, b).await);
}

async fn permit(from: &mut Allocation, to: &Allocation) -> Result<Response, Unanswered> {
    from.session.ask_signed(Method::CreatePermission, &[Attribute::Peer(to.relayed)]).await
}

/// Whether anything can be relayed besides the check.
async fn permission(a: &mut Allocation, b: &mut Allocation) -> Result<(Check, bool), Unanswered> {
    let outward = permit(b, a).await?;
    if outward.code() == Some(403) {
        let detail = "the server forbids its own relayed addresses as peers (403), so nothing could be relayed for a test";
        return Ok((PERMISSION.open(detail), false));
    }
    if !outward.is_success() {
        let detail = format!("CreatePermission is answered by {}", outward.outcome());
        return Ok((PERMISSION.fail(detail), false));
    }
    // Only what comes before the permission is asked for came without it for certain.
    let message = b.session.client().send_indication(a.relayed, UNPERMITTED)?;
    for _ in 0..ROUNDS {
        b.session.send(&message).await?;
        b.session.ask(Method::Binding, &[]).await?;
        a.session.ask(Method::Binding, &[]).await?;
    }
    if a.session.take_relayed().iter().any(|(_, data)| data == UNPERMITTED) {
        let detail = "data of a peer without a permission is relayed to the client";
        return Ok((PERMISSION.fail(detail), false));
    }
    let inward = permit(a, b).await?;
    Ok(if inward.is_success() {
        (PERMISSION.pass("no data is relayed without a permission, and one is granted"), true)
    } else {
        (PERMISSION.fail(format!("CreatePermission is answered by {}", inward.outcome())), false)
    })
}

async fn indication(a: &mut Allocation, b: &mut Allocation) -> Check {
    let transport = a.session.connection().transport();
    let relayed = async {
        let message = a.session.client().send_indication(b.relayed, OUT)?;
        a.session.relay(&message, &mut b.session, OUT).await
    };
    match relayed.await {
        Ok(Peer::Address(from)) if from == a.relayed => {
            INDICATION.pass(format!("data goes from one relayed address to another, by way of {transport}"))
        }
        Ok(Peer::Address(from)) => INDICATION
            .fail(format!("data of the relayed address {} comes with XOR-PEER-ADDRESS {from}", a.relayed)),
        Ok(Peer::Channel(channel)) => {
            INDICATION.fail(format!("data comes by the channel {channel:#06x}, which was never bound"))
        }
        Err(error) => INDICATION.fail(format!("data that is to be relayed does not come: {error}")),
    }
}

fn bind(channel: u16, peer: &Allocation) -> [Attribute; 2] {
    let mut value = channel.to_be_bytes().to_vec();
    value.extend([0, 0]);
    [Attribute::Bytes(AttributeType::ChannelNumber.raw(), value), Attribute::Peer(peer.relayed)]
}

async fn number(a: &mut Allocation, b: &Allocation) -> Check {
    match a.session.ask_signed(Method::ChannelBind, &bind(NUMBER_WRONG, b)).await {
        Ok(response) if response.code() == Some(400) => {
            NUMBER.pass(format!("ChannelBind with the number {NUMBER_WRONG:#06x} is answered by 400"))
        }
        Ok(response) => NUMBER.fail(format!(
            "ChannelBind with the number {NUMBER_WRONG:#06x} is answered by {} instead of 400",
            response.outcome()
        )),
        Err(error) => NUMBER.fail(format!("ChannelBind with the number {NUMBER_WRONG:#06x}: {error}")),
    }
}

async fn channel(a: &mut Allocation, b: &mut Allocation) -> Check {
    let tried = async {
        let bound = a.session.ask_signed(Method::ChannelBind, &bind(NUMBER_BOUND, b)).await?;
        if !bound.is_success() {
            return Ok(CHANNEL.fail(format!("ChannelBind is answered by {}", bound.outcome())));
        }
        let padded = a.session.connection().is_stream();
        let out = channel_data(NUMBER_BOUND, OUT_CHANNEL, padded);
        let from = a.session.relay(&out, &mut b.session, OUT_CHANNEL).await?;
        if from != Peer::Address(a.relayed) {
            return Ok(
                CHANNEL.fail("ChannelData comes to the peer from another address than the relayed one")
            );
        }
        let back = b.session.client().send_indication(a.relayed, BACK_CHANNEL)?;
        Ok::<_, Unanswered>(match b.session.relay(&back, &mut a.session, BACK_CHANNEL).await? {
            Peer::Channel(NUMBER_BOUND) => CHANNEL.pass("data goes both ways by a channel"),
            Peer::Channel(other) => {
                CHANNEL.fail(format!("data comes by the channel {other:#06x}, which is not bound"))
            }
            Peer::Address(_) => CHANNEL
                .fail("data of a peer with a channel comes by a Data indication instead of ChannelData"),
        })
    };
    tried.await.unwrap_or_else(|error| CHANNEL.fail(format!("relaying by a channel: {error}")))
}
