//! How often a peer sent which user data.

use super::pieces::{Piece, Tsns, piece};
use crate::evidence::{Evidence, Peer};
use peerproof_captures::timeline::Answer;
use peerproof_captures::wire::dcep::{self, Message};
use peerproof_captures::wire::sctp::PayloadProtocol;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The transmissions of each TSN, in order. A datagram that was seen twice, since something doubled it, is one.
pub(crate) fn transmissions(evidence: &Evidence, peer: Peer) -> BTreeMap<i64, Vec<Piece<'_>>> {
    let mut tsns = Tsns::default();
    let mut sent: BTreeMap<i64, Vec<Piece<'_>>> = BTreeMap::new();
    for (packet, body) in super::chunks(evidence, peer).filter(|(packet, _)| packet.sender == peer) {
        let Some(piece) = piece(packet, &body) else { continue };
        let all = sent.entry(tsns.extend(piece.tsn)).or_default();
        if !all.iter().any(|before| before.packet.bytes.as_slice() == packet.bytes.as_slice()) {
            all.push(piece);
        }
    }
    sent
}

/// How often a message on a stream may be retransmitted, for the streams of which that is limited: by the OPEN of either side, or by what the
/// peer asked for where the application negotiated the channel. A stream that had several channels is left out.
pub(super) fn most_retransmissions(evidence: &Evidence, peer: Peer) -> BTreeMap<u16, u32> {
    let mut found: BTreeMap<u16, BTreeSet<Option<u32>>> = BTreeMap::new();
    for piece in super::data(evidence, peer).filter(|it| it.protocol == Some(PayloadProtocol::Dcep)) {
        if let Ok(Message::Open(open)) = dcep::view(piece.data) {
            found.entry(piece.stream).or_default().insert(open.max_retransmits());
        }
    }
    let calls = evidence.calls(peer);
    for call in calls.iter().filter(|it| it.name == "createDataChannel" && matches!(it.answer, Answer::Ok(_)))
    {
        let number = |name: &str| call.args.get(name).and_then(Value::as_u64);
        let negotiated = call.args.get("negotiated").and_then(Value::as_bool) == Some(true);
        let id = number("id").and_then(|id| u16::try_from(id).ok()).filter(|_| negotiated);
        let most = number("maxRetransmits").and_then(|most| u32::try_from(most).ok());
        if let Some(id) = id {
            found.entry(id).or_default().insert(most);
        }
    }
    let one = |(stream, limits): (u16, BTreeSet<Option<u32>>)| match limits.first() {
        Some(Some(most)) if limits.len() == 1 => Some((stream, *most)),
        _ => None,
    };
    found.into_iter().filter_map(one).collect()
}
