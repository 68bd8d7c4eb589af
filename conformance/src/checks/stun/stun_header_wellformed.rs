//! RFC 8489 §5, §14: a STUN message has the magic cookie, a length that is that of its attributes, and attributes that are padded to
//! four bytes with zeros.

use super::sent;
use crate::checks::media::other_versions;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::stun;

pub(super) const CHECK: Check = Check {
    id: "stun-header-wellformed",
    layer: Layer::Checks,
    subject: "STUN messages",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

const COOKIE: [u8; 4] = stun::COOKIE.to_be_bytes();

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let media = other_versions(evidence, peer);
    // RTP of version 0 or 1 is judged by `rtp-header-well-formed`.
    for sent in sent(evidence, peer).filter(|sent| !media.contains_key(&sent.frame)) {
        let place = Place::Frame(sent.frame);
        match fault(sent.bytes) {
            Some((fault, sentence)) => tally.fail(fault, sentence, [place]),
            None => tally.pass(place),
        }
    }
}

fn fault(bytes: &[u8]) -> Option<(Fault, String)> {
    let Some((head, mut rest)) = bytes.split_first_chunk::<20>() else {
        return Some((
            Fault("header-cut"),
            format!("a STUN message has {} bytes, less than a header", bytes.len()),
        ));
    };
    let [_, _, high, low, cookie @ ..] = head;
    if !cookie.starts_with(&COOKIE) {
        return Some((Fault("no-magic-cookie"), "STUN message without the magic cookie".to_owned()));
    }
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    if length != rest.len() {
        return Some((
            Fault("length"),
            format!("a STUN message says that {length} bytes follow its header, and {} do", rest.len()),
        ));
    }
    while let Some(([a, b, c, d], after)) = rest.split_first_chunk::<4>() {
        let kind = u16::from_be_bytes([*a, *b]);
        let size = usize::from(u16::from_be_bytes([*c, *d]));
        let Some((value, next)) = after.split_at_checked(size.next_multiple_of(4)) else {
            return Some((
                Fault("attribute-beyond-message"),
                format!("attribute {kind:#06x} goes beyond the message"),
            ));
        };
        if value.get(size..).is_some_and(|padding| padding.iter().any(|byte| *byte != 0)) {
            return Some((
                Fault("padding-not-zero"),
                format!("the padding of attribute {kind:#06x} is not zero"),
            ));
        }
        rest = next;
    }
    (!rest.is_empty()).then(|| {
        (Fault("attributes-do-not-fit"), "the attributes of a STUN message do not fill it".to_owned())
    })
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, stun};

    /// Adds four to the length of a Binding request.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        packets.iter_mut().find(|packet| packet.bytes[..2] == [0, 1]).unwrap().bytes[3] += 4;
    })
    .and(&[
        Mutation::new(Recording::Data, "has 12 bytes, less than a header", |evidence| {
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            let bytes = &mut packets.iter_mut().find(|it| it.bytes[..2] == [1, 1]).unwrap().bytes;
            bytes.to_mut().truncate(12);
        })
        .also_breaks(&["mux-sent-datagram-first-byte-class"]),
        Mutation::new(Recording::Data, "without the magic cookie", |evidence| {
            stun::edit_response(evidence, |packet| packet[4] ^= 1);
        }),
        Mutation::new(Recording::Data, "attribute 0x8028 goes beyond the message", |evidence| {
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            let bytes = &mut packets.iter_mut().find(|it| it.bytes[..2] == [0, 1]).unwrap().bytes;
            let at = bytes.len() - 5;
            bytes[at] = 8;
        })
        .also_breaks(&["ice-check-has-fingerprint"]),
        Mutation::new(Recording::Data, "the padding of attribute 0x0006 is not zero", |evidence| {
            stun::pad_username(evidence, 1);
        }),
        Mutation::new(Recording::Data, "do not fill it", |evidence| {
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            let bytes = &mut packets.iter_mut().find(|it| it.bytes[..2] == [0, 1]).unwrap().bytes;
            bytes.to_mut().extend([0, 0]);
            bytes[3] += 2;
        }),
    ]);
}

#[cfg(test)]
mod tests {
    use super::fault;

    fn message(attributes: &[u8]) -> Vec<u8> {
        let length = u8::try_from(attributes.len()).unwrap();
        [&[0, 1, 0, length, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12], attributes].concat()
    }

    #[test]
    fn each_thing_that_may_be_wrong_is_named() {
        assert_eq!(fault(&message(&[])), None);
        assert_eq!(fault(&message(&[0x80, 0x22, 0, 2, b'x', b'y', 0, 0])), None);
        let stated = |bytes: &[u8]| fault(bytes).unwrap().1;
        assert!(
            stated(&message(&[0x80, 0x22, 0, 2, b'x', b'y', 0, 1])).contains("padding of attribute 0x8022")
        );
        assert!(stated(&message(&[0x80, 0x22, 0, 9, 1, 2, 3, 4])).contains("beyond"));
        assert!(stated(&message(&[0x80, 0x22])).contains("do not fill"));
        assert!(stated(&message(&[])[..19]).contains("less than a header"));
        let mut broken = message(&[]);
        broken[4] = 0;
        assert!(stated(&broken).contains("cookie"));
    }
}
