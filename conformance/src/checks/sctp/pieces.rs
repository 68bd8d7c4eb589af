//! User data of an association: DATA and I-DATA alike, in the order of their first transmission, and put together to messages.

use super::dcep_open_ppid_50::opens;
use crate::evidence::{Evidence, Packet, Peer, Protection, Wire};
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::sctp::{Body, PayloadProtocol};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A DATA or I-DATA chunk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece<'a> {
    pub(crate) packet: &'a Packet,
    pub(crate) tsn: u32,
    pub(crate) stream: u16,
    /// The stream sequence number, or the message identifier of I-DATA.
    pub(crate) message: u32,
    /// The fragment's number, in I-DATA.
    pub(crate) fragment: Option<u32>,
    pub(crate) is_unordered: bool,
    pub(crate) is_beginning: bool,
    pub(crate) is_ending: bool,
    /// What the message is; in I-DATA only its first piece shows it.
    pub(crate) protocol: Option<PayloadProtocol>,
    pub(crate) data: &'a [u8],
}

/// The chunk as a piece of a message, if it is one.
pub(super) fn piece<'a>(packet: &'a Packet, body: &Body<'a>) -> Option<Piece<'a>> {
    Some(match body {
        Body::Data(data) => Piece {
            packet,
            tsn: data.tsn.value,
            stream: data.stream.value,
            message: data.sequence.value.into(),
            fragment: None,
            is_unordered: data.is_unordered(),
            is_beginning: data.is_beginning(),
            is_ending: data.is_ending(),
            protocol: Some(data.protocol.value),
            data: data.data.value,
        },
        Body::IData(data) => Piece {
            packet,
            tsn: data.tsn.value,
            stream: data.stream.value,
            message: data.message.value,
            fragment: Some(data.fragment()),
            is_unordered: data.is_unordered(),
            is_beginning: data.is_beginning(),
            is_ending: data.is_ending(),
            protocol: data.protocol(),
            data: data.data.value,
        },
        _ => return None,
    })
}

/// TSNs of one direction, counted on beyond their 32 bits.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tsns {
    newest: Option<i64>,
}

impl Tsns {
    /// The number that is nearest to the newest one so far.
    pub(super) fn extend(&mut self, tsn: u32) -> i64 {
        let extended = self.peek(tsn);
        self.newest = self.newest.max(Some(extended));
        extended
    }

    /// The same, of a TSN that is only mentioned.
    pub(super) fn peek(&self, tsn: u32) -> i64 {
        let newest = self.newest.unwrap_or_else(|| i64::from(tsn));
        newest + i64::from(tsn.wrapping_sub(newest as u32) as i32)
    }
}

/// What a peer sent for the first time, by TSN.
pub(super) fn first_sent(evidence: &Evidence, peer: Peer) -> BTreeMap<i64, Piece<'_>> {
    evidence.wire.as_ref().map_or_else(BTreeMap::new, |wire| first_seen(wire, peer, peer))
}

/// What a peer sent, as it was seen for the first time nearest to `at`, by TSN.
pub(crate) fn first_seen(wire: &Wire, at: Peer, sender: Peer) -> BTreeMap<i64, Piece<'_>> {
    let mut tsns = Tsns::default();
    let mut sent = BTreeMap::new();
    for (packet, sctp) in wire.sctp(at).filter(|(packet, _)| packet.sender == sender) {
        for piece in sctp.chunks.iter().filter_map(|chunk| piece(packet, &chunk.body?)) {
            sent.entry(tsns.extend(piece.tsn)).or_insert(piece);
        }
    }
    sent
}

/// Whether all that a peer sent in records of application data was recorded where it was sent, and could be opened.
pub(super) fn reads_all_sent_by(evidence: &Evidence, peer: Peer) -> bool {
    let closed = |packet: &Packet| matches!(packet.protection, Protection::NoSecret | Protection::Forged);
    let mut sent = evidence.wire.iter().flat_map(|wire| wire.sent(peer));
    evidence.sees_all_sent_by(peer) && !sent.any(|packet| packet.class() == Class::Dtls && closed(packet))
}

/// A whole message.
#[derive(Debug, Clone)]
pub(crate) struct Message<'a> {
    /// Its first piece.
    pub(crate) first: Piece<'a>,
    pub(crate) protocol: PayloadProtocol,
    /// What its pieces carry: not put together, since there may be a great many messages.
    data: Vec<&'a [u8]>,
}

impl<'a> Message<'a> {
    /// Number of its pieces. Their TSNs are consecutive unless it was sent interleaved.
    pub(crate) fn count(&self) -> usize {
        self.data.len()
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> Cow<'a, [u8]> {
        match self.data.as_slice() {
            [one] => Cow::Borrowed(one),
            several => Cow::Owned(several.concat()),
        }
    }
}

/// The messages of the application that a peer sent, stream by stream. An OPEN is none, whatever its protocol identifier.
pub(super) fn user_messages(evidence: &Evidence, peer: Peer) -> BTreeMap<u16, Vec<Message<'_>>> {
    let mut streams: BTreeMap<u16, Vec<Message<'_>>> = BTreeMap::new();
    for message in messages(&first_sent(evidence, peer)) {
        if message.protocol != PayloadProtocol::Dcep && !opens(&message.bytes()) {
            streams.entry(message.first.stream).or_default().push(message);
        }
    }
    streams
}

/// The messages that pieces add up to, by the order of their first TSNs. What was abandoned half-way is left out.
pub(crate) fn messages<'a>(sent: &BTreeMap<i64, Piece<'a>>) -> Vec<Message<'a>> {
    // They may arrive in another order than they were sent in.
    let mut whole: BTreeMap<i64, Message<'a>> = BTreeMap::new();
    // Messages of I-DATA may be interleaved; those of DATA are not. With each its first and its newest TSN.
    let mut open: BTreeMap<(u16, bool, u32), (Message<'a>, i64, i64)> = BTreeMap::new();
    for (tsn, piece) in sent {
        let key = (piece.stream, piece.is_unordered, piece.message);
        if piece.is_beginning {
            let Some(protocol) = piece.protocol else { continue };
            open.insert(key, (Message { first: *piece, protocol, data: vec![piece.data] }, *tsn, *tsn));
        } else if let Some((message, _, newest)) = open.get_mut(&key) {
            if piece.fragment.is_none() && *newest + 1 != *tsn {
                open.remove(&key);
                continue;
            }
            message.data.push(piece.data);
            *newest = *tsn;
        }
        if piece.is_ending {
            whole.extend(open.remove(&key).map(|(message, first, _)| (first, message)));
        }
    }
    whole.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::controls::Recording;

    #[test]
    fn messages_are_in_the_order_in_which_they_were_sent_and_not_in_that_in_which_they_arrive() {
        let mut evidence = Recording::Data.evidence();
        let of = |evidence: &Evidence, peer| -> Vec<Vec<u8>> {
            messages(&first_sent(evidence, peer)).iter().map(|it| it.bytes().into_owned()).collect()
        };
        let sent = [Peer(0), Peer(1)].map(|peer| of(&evidence, peer));
        assert!(sent.iter().any(|messages| messages.len() > 1));
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let last = packets.iter().map(|packet| packet.frame).max().unwrap();
        for packet in packets.iter_mut() {
            packet.frame = last + 1 - packet.frame;
        }
        assert_eq!([Peer(0), Peer(1)].map(|peer| of(&evidence, peer)), sent);
    }
}
