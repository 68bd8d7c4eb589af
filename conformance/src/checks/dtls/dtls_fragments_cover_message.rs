//! RFC 6347 §4.2.3, RFC 9147 §5.5: the fragments of a handshake message agree on its length, lie within it and cover it.

use super::{OF_SEVERAL_VERSIONS, Share, fragments, with_version};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::intervals::IntervalSet;
use peerproof_captures::wire::dtls::Version;
use peerproof_captures::wire::dtls::handshake::{Fragment, HandshakeType};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "dtls-fragments-cover-message",
    layer: Layer::Dtls,
    subject: "handshake messages",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Most pieces of a message that are kept apart from each other.
const MOST_PIECES: usize = 64;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let is_13 = with_version(evidence, peer, &[Version::Dtls13]);
    let faulted = evidence.faulted();
    // Two messages with one number are judged by `dtls-message-seq-numbering`.
    let mut seen: BTreeMap<(u16, HandshakeType), Message> = BTreeMap::new();
    let mut hello: Option<&[u8; 32]> = None;
    for (packet, fragment) in fragments(evidence, peer) {
        if let Some(random) = fragment.hello_random() {
            if hello.is_some_and(|before| before != random) {
                finish(evidence, peer, &std::mem::take(&mut seen), tally);
            }
            hello = Some(random);
        }
        let place = Place::Frame(packet.frame);
        let number = fragment.message_seq.value;
        let message =
            seen.entry((number, fragment.kind.value)).or_insert_with(|| Message::of(packet.frame, &fragment));
        let own = !faulted.contains(&packet.frame);
        let overlaps = message.overlaps(&fragment);
        if own && message.length != fragment.length.value {
            tally.fail(
                Fault("lengths-differ"),
                format!(
                    "message {number} has {} bytes by one fragment and {} by another",
                    message.length, fragment.length.value
                ),
                [place, Place::Frame(message.frame)],
            );
        } else if own && end(&fragment) > fragment.length.value {
            tally.fail(
                Fault("beyond-message"),
                format!(
                    "a fragment of message {number} ends at byte {} of {}",
                    end(&fragment),
                    fragment.length.value
                ),
                [place],
            );
        } else if own && overlaps {
            let sentence = format!("fragments of message {number} overlap");
            match is_13 {
                Share::All => tally.fail(Fault("overlap"), sentence, [place]),
                Share::None => tally.warn(Fault("overlap-in-1-2"), sentence, [place]),
                Share::Some => tally.inconclusive(OF_SEVERAL_VERSIONS, [place]),
            }
        }
        message.add(packet.frame, &fragment);
    }
    finish(evidence, peer, &seen, tally);
}

fn end(fragment: &Fragment<'_>) -> u32 {
    fragment.fragment_offset.value.saturating_add(fragment.fragment_length.value)
}

/// What was sent of a message.
struct Message {
    frame: u64,
    length: u32,
    /// Begin and end of the newest fragment.
    newest: (u32, u32),
    /// The bytes that were sent.
    sent: IntervalSet<u32>,
}

impl Message {
    fn of(frame: u64, fragment: &Fragment<'_>) -> Self {
        let sent = IntervalSet::with_limit(MOST_PIECES);
        Self { frame, length: fragment.length.value, newest: (0, 0), sent }
    }

    /// Whether a fragment begins within the one before it. One that is retransmitted may be cut otherwise.
    fn overlaps(&self, fragment: &Fragment<'_>) -> bool {
        let begin = fragment.fragment_offset.value;
        self.newest.0 < begin && begin < self.newest.1
    }

    fn add(&mut self, frame: u64, fragment: &Fragment<'_>) {
        self.newest = (fragment.fragment_offset.value, end(fragment));
        if !self.covers() {
            self.frame = frame;
            self.sent.insert(self.newest.0..self.newest.1);
        }
    }

    /// Whether the pieces are all of the message.
    fn covers(&self) -> bool {
        self.sent.covers(&(0..self.length))
    }
}

fn finish(
    evidence: &Evidence,
    peer: Peer,
    seen: &BTreeMap<(u16, HandshakeType), Message>,
    tally: &mut Tally,
) {
    let complete = evidence.sees_all_sent_by(peer);
    let last = seen.keys().last();
    for (key @ (number, _), message) in seen {
        let place = Place::Frame(message.frame);
        if message.covers() {
            tally.pass(place);
        } else if complete && Some(key) != last && !message.sent.is_full() {
            tally.fail(Fault("gap"), format!("the fragments of message {number} leave a gap"), [place]);
        } else {
            tally.inconclusive(format!("not all of message {number} is in the recording"), [place]);
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, dtls};

    /// Moves the second fragment of a ClientHello by a byte, in the last of its transmissions too.
    pub(super) const CONTROL: Control = Control::new(Recording::Conflict, |evidence| {
        dtls::edit_headers(evidence, dtls::CLIENT_HELLO, |header| {
            if header[6..9] != [0, 0, 0] {
                header[8] += 1;
            }
        });
    })
    .and(&[
        Mutation::new(Recording::Conflict, "bytes by one fragment and", |evidence| {
            dtls::edit_headers(evidence, dtls::CLIENT_HELLO, |header| {
                if header[6..9] != [0, 0, 0] {
                    header[3] += 1;
                }
            });
        })
        .also_breaks(&["dtls-message-seq-numbering"]),
        Mutation::new(Recording::Conflict, "overlap", |evidence| {
            dtls::edit_headers(evidence, dtls::CLIENT_HELLO, |header| {
                if header[6..9] != [0, 0, 0] {
                    header[8] -= 1;
                }
            });
        }), // The second byte of the message once more, in a record of its own.
        Mutation::new(Recording::Media, "overlap", |evidence| {
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            let packet = packets
                .iter_mut()
                .find(|it| it.bytes[0] == 22 && it.bytes[13] == dtls::CLIENT_HELLO)
                .unwrap();
            let mut record = packet.bytes[..25].to_vec();
            record[10] = 200;
            record[11..13].copy_from_slice(&[0, 13]);
            record[19..25].copy_from_slice(&[0, 0, 1, 0, 0, 1]);
            record.push(packet.bytes[26]);
            packet.bytes.to_mut().extend(record);
        })
        .also_breaks(&["dtls-record-sequence-increments"]),
    ]);
}
