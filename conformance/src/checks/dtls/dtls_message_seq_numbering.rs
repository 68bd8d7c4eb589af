//! RFC 6347 §4.2.2: handshake messages are numbered from zero, one by one, and keep number and content when they are retransmitted.

use super::{begins_anew, fragments};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::handshake::{Fragment, HandshakeType};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "dtls-message-seq-numbering",
    layer: Layer::Dtls,
    subject: "handshake messages",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let faulted = evidence.faulted();
    // All that was recorded of a message counts, whoever cut it; what a rule rewrote is not held against its sender.
    let mut seen: BTreeMap<u16, Message<'_>> = BTreeMap::new();
    let mut hello: Option<&[u8; 32]> = None;
    for (packet, fragment) in fragments(evidence, peer) {
        if let Some(random) = fragment.hello_random() {
            if begins_anew(hello, random) {
                finish(evidence, peer, &std::mem::take(&mut seen), tally);
            }
            hello = Some(random);
        }
        let (number, place) = (fragment.message_seq.value, Place::Frame(packet.frame));
        match seen.get_mut(&number) {
            None => {
                seen.insert(number, Message::of(packet.frame, &fragment));
            }
            Some(_) if faulted.contains(&packet.frame) => {}
            Some(before) if before.contradicts(&fragment) => {
                let kinds = (before.kind, fragment.kind.value);
                tally.fail(
                    Fault("number-of-two-messages"),
                    format!("message {number} is a {} at first and another {} later", kinds.0, kinds.1),
                    [place, Place::Frame(before.frame)],
                );
            }
            Some(before) => before.whole = before.whole.or_else(|| whole(&fragment)),
        }
    }
    finish(evidence, peer, &seen, tally);
}

/// What was seen of the message with a number.
struct Message<'a> {
    frame: u64,
    kind: HandshakeType,
    length: u32,
    whole: Option<&'a [u8]>,
}

impl<'a> Message<'a> {
    fn of(frame: u64, fragment: &Fragment<'a>) -> Self {
        Self { frame, kind: fragment.kind.value, length: fragment.length.value, whole: whole(fragment) }
    }

    fn contradicts(&self, fragment: &Fragment<'_>) -> bool {
        // A server need not remember what it asked for: another cookie is no other message (§4.2.1).
        if [self.kind, fragment.kind.value] == [HandshakeType::HelloVerifyRequest; 2] {
            return false;
        }
        if (self.kind, self.length) != (fragment.kind.value, fragment.length.value) {
            return true;
        }
        let begin = fragment.fragment_offset.value as usize;
        let end = begin.saturating_add(fragment.bytes.value.len());
        let same = |whole: &[u8]| whole.get(begin..end).is_none_or(|bytes| bytes == fragment.bytes.value);
        self.whole.is_some_and(|whole| !same(whole))
    }
}

fn whole<'a>(fragment: &Fragment<'a>) -> Option<&'a [u8]> {
    fragment.is_whole().then_some(fragment.bytes.value)
}

/// Looks for what the numbers of one handshake leave out.
fn finish(evidence: &Evidence, peer: Peer, seen: &BTreeMap<u16, Message<'_>>, tally: &mut Tally) {
    let complete = evidence.sees_all_sent_by(peer);
    for (expected, (number, message)) in (0..).zip(seen) {
        let place = Place::Frame(message.frame);
        if *number == expected {
            tally.pass(place);
            continue;
        }
        let sentence = format!("a {} has number {number}, after {expected} messages", message.kind);
        if complete {
            tally.fail(Fault("number-skipped"), sentence, [place]);
        } else {
            tally.inconclusive(sentence, [place]);
        }
        return;
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, dtls};

    /// Gives the ClientKeyExchange the number after its own, which then belongs to two messages.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        dtls::edit_headers(evidence, dtls::CLIENT_KEY_EXCHANGE, |header| header[5] += 1);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use peerproof_captures::wire::dtls::handshake::Fragments;
    use peerproof_captures::wire::field::{Field, Span};

    #[test]
    fn a_server_may_ask_for_another_cookie() {
        let message = |kind: u8, last: u8| vec![kind, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 4, 0xfe, 0xff, 1, last];
        let contradicts = |kind: u8| {
            let (one, other) = (message(kind, 7), message(kind, 8));
            let [one, other] = [&one, &other].map(|bytes| {
                let content = Field::new(Span::new(0, bytes.len()), bytes.as_slice());
                Fragments::new(content).next().unwrap().unwrap()
            });
            Message::of(1, &one).contradicts(&other)
        };
        assert!(!contradicts(3));
        assert!(contradicts(2));
    }
}
