//! RFC 8832 §5.1: an OPEN says what the application asked for: type, limit, label and protocol; and a priority of RFC 8831 §6.4.

use super::pieces::first_sent;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::timeline::{Answer, What};
use peerproof_captures::wire::dcep::{self, ChannelType, Message, Open};
use peerproof_captures::wire::sctp::PayloadProtocol;
use serde_json::Value;

pub(super) const CHECK: Check = Check {
    id: "dcep-open-reflects-options",
    layer: Layer::DataChannel,
    subject: "OPENs",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// The priorities of RFC 8831 §6.4.
const PRIORITIES: [u16; 4] = [128, 256, 512, 1024];

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let calls = evidence.calls(peer);
    let driven = !evidence.timeline.iter().any(|entry| match &entry.what {
        What::Command { peer: name, name: command, .. } => name == evidence.name(peer) && command == "join",
        _ => false,
    });
    let mut asked: Vec<(&Value, u64, bool)> = calls
        .iter()
        .filter(|call| call.name == "createDataChannel" && matches!(call.answer, Answer::Ok(_)))
        .filter(|call| call.args.get("negotiated").and_then(Value::as_bool) != Some(true))
        .map(|call| (call.args, call.entry, false))
        .collect();
    for piece in first_sent(evidence, peer).values() {
        let is_dcep = piece.protocol == Some(PayloadProtocol::Dcep);
        let Ok(Message::Open(open)) = dcep::view(piece.data) else { continue };
        if !is_dcep || !piece.is_beginning || !piece.is_ending {
            continue;
        }
        let place = Place::Frame(piece.packet.frame);
        let label = |args: &Value| {
            args.get("label").and_then(Value::as_str).unwrap_or_default().as_bytes() == open.label.value
        };
        let Some((args, entry, taken)) = asked.iter_mut().find(|(args, _, taken)| !taken && label(args))
        else {
            let label = String::from_utf8_lossy(open.label.value);
            if driven && !calls.is_empty() {
                tally.fail(
                    Fault("label-not-asked-for"),
                    format!("nobody asked for a channel {label:?}"),
                    [place],
                );
            } else {
                tally.inconclusive("what the application asked for is not in the recording", [place]);
            }
            continue;
        };
        *taken = true;
        match fault(&open, args) {
            Some((fault, sentence)) => tally.fail(fault, sentence, [place, Place::Entry(*entry)]),
            None if !PRIORITIES.contains(&open.priority.value) => {
                tally.warn(
                    Fault("unknown-priority"),
                    format!("the OPEN has the priority {}", open.priority.value),
                    [place],
                );
            }
            None => tally.pass(place),
        }
    }
}

fn fault(open: &Open<'_>, args: &Value) -> Option<(Fault, String)> {
    let number = |name: &str| args.get(name).and_then(Value::as_u64);
    let ordered = args.get("ordered").and_then(Value::as_bool).unwrap_or(true);
    let (kind, limit) = match (number("maxRetransmits"), number("maxPacketLifeTime")) {
        (Some(most), _) => (ChannelType::PartialReliableRexmit, most),
        (None, Some(longest)) => (ChannelType::PartialReliableTimed, longest),
        (None, None) => (ChannelType::Reliable, 0),
    };
    let kind = ChannelType::from(kind.raw() | if ordered { 0 } else { 0x80 });
    let protocol = args.get("protocol").and_then(Value::as_str).unwrap_or_default();
    if open.channel.value != kind {
        Some((
            Fault("type-differs"),
            format!("the OPEN is of type {}, {kind} was asked for", open.channel.value),
        ))
    } else if u64::from(open.reliability.value) != limit {
        Some((
            Fault("limit-differs"),
            format!("the OPEN has the limit {}, {limit} was asked for", open.reliability.value),
        ))
    } else if open.protocol.value != protocol.as_bytes() {
        let stated = String::from_utf8_lossy(open.protocol.value);
        Some((
            Fault("protocol-differs"),
            format!("the OPEN has the protocol {stated:?}, but {protocol:?} was requested"),
        ))
    } else {
        None
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events, sctp};

    /// Opens the channel as one with few retransmissions.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        sctp::edit_dcep(evidence, sctp::OPEN, |chunk| chunk[17] = 1);
    })
    .also_breaks(&["dc-remote-channel-announced-correctly"])
    .and(&[
        Mutation::new(Recording::Data, "nobody asked for a channel", |evidence| {
            sctp::edit_dcep(evidence, sctp::OPEN, |chunk| chunk[28] ^= 1);
        })
        .also_breaks(&["dc-remote-channel-announced-correctly"]),
        Mutation::new(Recording::Data, "the OPEN has the priority 1", |evidence| {
            sctp::edit_dcep(evidence, sctp::OPEN, |chunk| chunk[18..20].copy_from_slice(&[0, 1]));
        }),
        Mutation::new(Recording::Data, "the OPEN has the limit 9, 0 was asked for", |evidence| {
            sctp::edit_dcep(evidence, sctp::OPEN, |chunk| chunk[23] = 9);
        }),
        Mutation::new(Recording::Data, "but \"ocpp\" was requested", |evidence| {
            events::edit_args(evidence, "alice", "createDataChannel", |args| {
                args["protocol"] = "ocpp".into();
            });
        }),
    ]);
}
