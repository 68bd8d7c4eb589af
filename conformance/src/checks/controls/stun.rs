//! Edits of STUN messages, signed again unless the signature is what is edited (the catalogue's convention).

use crate::evidence::{Credentials, Evidence, Packet, Peer};
use hmac::{Hmac, Mac};
use peerproof_captures::wire::stun::{self, AttributeType};
use sha1::Sha1;

const INTEGRITY: u16 = 0x0008;
const FINGERPRINT: u16 = 0x8028;

/// Attributes as type and value.
pub(super) type Attributes = Vec<(u16, Vec<u8>)>;

/// Edits the first connectivity check.
pub(in crate::checks) fn edit_first_check(evidence: &mut Evidence, edit: impl Fn(&mut Attributes)) {
    edit_check(evidence, |_| true, edit);
}

/// Edits the first connectivity check whose attributes are so.
pub(in crate::checks) fn edit_check(
    evidence: &mut Evidence,
    wanted: impl Fn(&Attributes) -> bool,
    edit: impl Fn(&mut Attributes),
) {
    edit_message(
        evidence,
        |packet, attributes| packet.bytes[..2] == [0, 1] && wanted(attributes),
        edit,
        |_| {},
    );
}

/// Edits every connectivity check.
pub(in crate::checks) fn edit_each(evidence: &mut Evidence, edit: impl Fn(&mut Attributes)) {
    let packets = evidence.wire.iter().flat_map(|wire| &wire.packets);
    let frames: Vec<u64> =
        packets.filter(|packet| packet.bytes[..2] == [0, 1]).map(|packet| packet.frame).collect();
    for frame in frames {
        edit_message(evidence, |packet, _| packet.frame == frame, &edit, |_| {});
    }
}

/// Adds USE-CANDIDATE to a check of the controlling agent that was answered on another path than the nominated one.
pub(in crate::checks) fn nominate_another(evidence: &mut Evidence) {
    const CONTROLLING: u16 = 0x802a;
    const USE_CANDIDATE: u16 = 0x0025;
    let packets = &evidence.wire.as_ref().unwrap().packets;
    let has = |packet: &Packet, wanted: u16| {
        packet.bytes[..2] == [0, 1]
            && attributes(&packet.bytes).is_some_and(|all| all.iter().any(|(kind, _)| *kind == wanted))
    };
    let nominated = packets.iter().find(|packet| has(packet, USE_CANDIDATE)).unwrap();
    let answers = |packet: &Packet, check: &Packet| {
        packet.bytes[..2] == [1, 1] && packet.bytes[8..20] == check.bytes[8..20] && packet.tap == check.tap
    };
    let check = packets.iter().find(|check| {
        has(check, CONTROLLING)
            && check.tap == check.sender
            && !check.shares_path(nominated)
            && packets.iter().any(|packet| answers(packet, check))
    });
    let frame = check.unwrap().frame;
    edit_message(
        evidence,
        |packet, _| packet.frame == frame,
        |attributes| attributes.insert(0, (USE_CANDIDATE, Vec::new())),
        |_| {},
    );
}

/// Edits every connectivity check that a peer sent after a moment, as seen at its own tap.
pub(in crate::checks) fn edit_checks_after(
    evidence: &mut Evidence,
    peer: Peer,
    t_us: u64,
    edit: impl Fn(&mut Attributes),
) {
    let wanted = |packet: &Packet| {
        packet.bytes[..2] == [0, 1] && packet.sender == peer && packet.tap == peer && packet.t_us > t_us
    };
    let packets = evidence.wire.iter().flat_map(|wire| &wire.packets);
    let frames: Vec<u64> = packets.filter(|it| wanted(it)).map(|it| it.frame).collect();
    assert!(!frames.is_empty(), "nothing to edit");
    for frame in frames {
        edit_message(evidence, |packet, _| packet.frame == frame, &edit, |_| {});
    }
}

/// Edits every signed message that is wanted.
#[track_caller]
pub(in crate::checks) fn edit_where(
    evidence: &mut Evidence,
    wanted: impl Fn(&Packet) -> bool,
    edit: impl Fn(&mut Attributes),
) {
    let packets = evidence.wire.iter().flat_map(|wire| &wire.packets);
    let signed = packets.filter(|it| it.bytes[0] < 2 && wanted(it) && attributes(&it.bytes).is_some());
    let frames: Vec<u64> = signed.map(|it| it.frame).collect();
    assert!(!frames.is_empty(), "nothing to edit");
    for frame in frames {
        edit_message(evidence, |packet, _| packet.frame == frame, &edit, |_| {});
    }
}

/// Makes a check claim the other role, without nominating anything.
pub(in crate::checks) fn swap_role(attributes: &mut Attributes) {
    attributes.retain(|(kind, _)| *kind != 0x0025);
    for (kind, _) in attributes {
        *kind = match *kind {
            0x8029 => 0x802a,
            0x802a => 0x8029,
            other => other,
        };
    }
}

/// When the first 487 reached a peer.
pub(in crate::checks) fn conflict_reached(evidence: &Evidence, peer: Peer) -> u64 {
    let packets = &evidence.wire.as_ref().unwrap().packets;
    let is = |it: &&Packet| it.bytes[..2] == [1, 0x11] && it.sender != peer && it.tap == peer;
    packets.iter().find(is).unwrap().t_us
}

/// Answers 487 twice, as seen where it is sent.
pub(in crate::checks) fn repeat_conflict(evidence: &mut Evidence) {
    let packets = &mut evidence.wire.as_mut().unwrap().packets;
    let at = packets.iter().position(|it| it.bytes[..2] == [1, 0x11] && it.tap == it.sender).unwrap();
    let again = packets[at].clone();
    packets.insert(at + 1, again);
}

/// Makes the first 487 a success, as seen where it was sent.
pub(in crate::checks) fn conflict_to_success(evidence: &mut Evidence) {
    let packets = &evidence.wire.as_ref().unwrap().packets;
    let response = packets.iter().find(|it| it.bytes[..2] == [1, 0x11] && it.tap == it.sender).unwrap();
    let (frame, to) = (response.frame, response.to);
    let std::net::IpAddr::V4(ip) = to.ip() else { panic!("{to} is not an address of the lab") };
    let cookie = 0x2112_a442_u32;
    let port = to.port() ^ (cookie >> 16) as u16;
    let address = u32::from(ip) ^ cookie;
    let mapped = [&[0, 1][..], &port.to_be_bytes(), &address.to_be_bytes()].concat();
    edit_message(
        evidence,
        |packet, _| packet.frame == frame,
        |attributes| *attributes = vec![(0x0020, mapped.clone())],
        |header| header[..2].copy_from_slice(&[1, 1]),
    );
}

/// Edits the header of the first success response.
pub(in crate::checks) fn edit_response(evidence: &mut Evidence, edit: impl Fn(&mut Vec<u8>)) {
    edit_message(evidence, |packet, _| packet.bytes[..2] == [1, 1], |_| {}, edit);
}

/// Edits the header of the message in a frame.
pub(super) fn edit_header_of(evidence: &mut Evidence, frame: u64, edit: impl Fn(&mut Vec<u8>)) {
    edit_message(evidence, |packet, _| packet.frame == frame, |_| {}, edit);
}

/// Edits the first success response that was seen where it was sent.
pub(in crate::checks) fn edit_success_of_tapped(evidence: &mut Evidence, edit: impl Fn(&mut Attributes)) {
    edit_message(
        evidence,
        |packet, _| packet.bytes[..2] == [1, 1] && packet.tap == packet.sender,
        edit,
        |_| {},
    );
}

/// Takes FINGERPRINT off the first check.
pub(in crate::checks) fn strip_fingerprint_of_first_check(evidence: &mut Evidence) {
    let packets = &mut evidence.wire.as_mut().unwrap().packets;
    let packet = packets.iter_mut().find(|packet| packet.bytes[..2] == [0, 1]).unwrap();
    let length = packet.bytes.len() - 8;
    packet.bytes.to_mut().truncate(length);
    packet.bytes[2..4].copy_from_slice(&(length as u16 - 20).to_be_bytes());
    // MESSAGE-INTEGRITY does not cover what follows it.
}

/// Swaps the roles that the peers claim in all their checks.
pub(in crate::checks) fn swap_roles(evidence: &mut Evidence) {
    swap_roles_where(evidence, |_| true);
}

/// Swaps the roles that the peers claim in their checks of the last session.
pub(in crate::checks) fn swap_roles_after_restart(evidence: &mut Evidence) {
    let last = evidence.descriptions.last().unwrap().credentials().remove(0).ufrag;
    swap_roles_where(evidence, |username| username.split(':').any(|ufrag| ufrag == last));
}

/// Whoever controls now nominates every pair.
fn swap_roles_where(evidence: &mut Evidence, wanted: impl Fn(&str) -> bool) {
    const CONTROLLED: u16 = 0x8029;
    const CONTROLLING: u16 = 0x802a;
    const USE_CANDIDATE: u16 = 0x0025;
    let packets = evidence.wire.iter().flat_map(|wire| &wire.packets);
    let checks = packets.filter(|packet| {
        let username = |message: stun::Message<'_>| {
            message.text(AttributeType::Username).is_some_and(|username| wanted(username.value))
        };
        packet.bytes[..2] == [0, 1] && stun::view(&packet.bytes).is_ok_and(username)
    });
    for frame in checks.map(|packet| packet.frame).collect::<Vec<_>>() {
        let swap = |attributes: &mut Attributes| {
            attributes.retain(|(kind, _)| *kind != USE_CANDIDATE);
            if let Some(role) = attributes.iter_mut().find(|(kind, _)| *kind == CONTROLLING) {
                role.0 = CONTROLLED;
            } else if let Some(role) = attributes.iter_mut().find(|(kind, _)| *kind == CONTROLLED) {
                role.0 = CONTROLLING;
                attributes.push((USE_CANDIDATE, Vec::new()));
            }
        };
        edit_message(evidence, |packet, _| packet.frame == frame, swap, |_| {});
    }
}

/// Has the last check of the first peer bear the username fragments of its first session, signed by that, and nominate nothing.
pub(in crate::checks) fn check_as_before_restart(evidence: &mut Evidence) {
    let [alice, bob] = [Peer(0), Peer(1)].map(|peer| evidence.credentials(peer).remove(0));
    let packets = &mut evidence.wire.as_mut().unwrap().packets;
    let own = |it: &&mut Packet| it.bytes[..2] == [0, 1] && it.sender == Peer(0) && it.tap == Peer(0);
    let check = packets.iter_mut().rfind(own).unwrap();
    let mut attributes = attributes(&check.bytes).unwrap();
    let (_, username) = attributes.iter_mut().find(|(kind, _)| *kind == 0x0006).unwrap();
    let before = format!("{}:{}", bob.ufrag, alice.ufrag).into_bytes();
    assert_ne!(*username, before);
    *username = before;
    attributes.retain(|(kind, _)| *kind != 0x0025);
    put_together(check.bytes.to_mut(), attributes, Some(bob.password.as_bytes()));
}

/// Frames of [`ask_again`] have greater numbers.
pub(in crate::checks) const AGAIN: u64 = 1_000_000;

/// Has a peer send its last check eleven times more, each with a transaction of its own and a given time after the last one.
pub(in crate::checks) fn ask_again(evidence: &mut Evidence, peer: Peer, after_us: impl Fn(u64) -> u64) {
    let packets = &evidence.wire.as_ref().unwrap().packets;
    let own = |it: &&Packet| it.bytes[..2] == [0, 1] && it.sender == peer && it.tap == peer;
    let last = packets.iter().rfind(own).unwrap().clone();
    let end = packets.last().unwrap().t_us;
    for n in 1..=11 {
        let mut again = last.clone();
        again.frame = AGAIN + n;
        again.t_us = end + after_us(n);
        evidence.wire.as_mut().unwrap().packets.push(again);
        let number =
            |bytes: &mut Vec<u8>| bytes[8..12].copy_from_slice(&(n as u32 * 0x1234_5679).to_be_bytes());
        edit_header_of(evidence, AGAIN + n, number);
    }
}

/// Puts FINGERPRINT before MESSAGE-INTEGRITY in the first check: each is right for what is before it.
pub(in crate::checks) fn swap_fingerprint(evidence: &mut Evidence) {
    edit_first_check(evidence, |_| {});
    let (at, key) = first_check(evidence);
    let bytes = evidence.wire.as_mut().unwrap().packets[at].bytes.to_mut();
    bytes.truncate(bytes.len() - 32);
    add_fingerprint(bytes);
    add_integrity(bytes, key.as_bytes());
}

/// The index of the first check, and the password that signs it.
fn first_check(evidence: &Evidence) -> (usize, String) {
    let packets = &evidence.wire.as_ref().unwrap().packets;
    let at = packets.iter().position(|packet| packet.bytes[..2] == [0, 1]).unwrap();
    let receiver = Peer(1 - packets[at].sender.0);
    let bytes = &packets[at].bytes;
    let password = evidence.credentials(receiver).into_iter().map(|it| it.password);
    let signed = |it: &String| stun::view(bytes).unwrap().integrity_matches(it.as_bytes()) == Some(true);
    (at, password.into_iter().find(signed).unwrap())
}

/// Puts a byte into the padding of USERNAME of the first check, signed again.
pub(in crate::checks) fn pad_username(evidence: &mut Evidence, byte: u8) {
    let (at, key) = first_check(evidence);
    let bytes = evidence.wire.as_mut().unwrap().packets[at].bytes.to_mut();
    let username = bytes.windows(2).position(|it| it == [0, 6]).unwrap();
    let length = usize::from(u16::from_be_bytes([bytes[username + 2], bytes[username + 3]]));
    assert_ne!(length % 4, 0, "USERNAME needs no padding");
    bytes[username + 4 + length] = byte;
    bytes.truncate(bytes.len() - 32);
    sign(bytes, key.as_bytes());
}

/// Signs the first message of a type, as seen where it was sent, with another key or none. FINGERPRINT is right again.
pub(in crate::checks) fn sign_first(evidence: &mut Evidence, kind: [u8; 2], key: Option<&str>) {
    let packets = &mut evidence.wire.as_mut().unwrap().packets;
    let is = |it: &&mut Packet| it.bytes[..2] == kind && it.tap == it.sender;
    let bytes = packets.iter_mut().find(is).unwrap().bytes.to_mut();
    let attributes = attributes(bytes).unwrap();
    put_together(bytes, attributes, None);
    match key {
        Some(key) => sign(bytes, key.as_bytes()),
        None => add_fingerprint(bytes),
    }
}

/// Has a peer send its first check once more, with another attribute (of those that may be ignored) and the same transaction.
pub(in crate::checks) fn ask_otherwise(evidence: &mut Evidence, peer: Peer) {
    let packets = &mut evidence.wire.as_mut().unwrap().packets;
    let own = |it: &Packet| it.bytes[..2] == [0, 1] && it.sender == peer && it.tap == peer;
    let at = packets.iter().position(own).unwrap();
    let mut again = packets[at].clone();
    again.frame = AGAIN;
    packets.insert(at + 1, again);
    edit_message(
        evidence,
        |packet, _| packet.frame == AGAIN,
        |attributes| attributes.insert(0, (0xc0de, vec![1, 2, 3, 4])),
        |_| {},
    );
}

fn edit_message(
    evidence: &mut Evidence,
    wanted: impl Fn(&Packet, &Attributes) -> bool,
    edit: impl Fn(&mut Attributes),
    edit_header: impl Fn(&mut Vec<u8>),
) {
    let credentials = [Peer(0), Peer(1)].map(|peer| evidence.credentials(peer));
    let packets = &mut evidence.wire.as_mut().unwrap().packets;
    let (packet, mut attributes) = packets
        .iter_mut()
        .filter(|packet| packet.bytes[0] < 2)
        .find_map(|packet| attributes(&packet.bytes).filter(|it| wanted(packet, it)).map(|it| (packet, it)))
        .unwrap();
    // Requests are keyed by the password of who gets them, responses by that of who sends them: the server's.
    let request = packet.bytes[0] == 0;
    let Peer(server) = if request { Peer(1 - packet.sender.0) } else { packet.sender };
    let signed = |it: &&Credentials| {
        stun::view(&packet.bytes).unwrap().integrity_matches(it.password.as_bytes()) == Some(true)
    };
    let key = credentials[server].iter().find(signed).unwrap().password.clone();
    edit(&mut attributes);
    edit_header(packet.bytes.to_mut());
    put_together(packet.bytes.to_mut(), attributes, Some(key.as_bytes()));
}

/// Puts attributes behind the header of a message, and signs it.
pub(super) fn put_together(bytes: &mut Vec<u8>, attributes: Attributes, key: Option<&[u8]>) {
    bytes.truncate(20);
    for (kind, value) in attributes {
        if ![INTEGRITY, FINGERPRINT].contains(&kind) {
            append(bytes, kind, &value);
        }
    }
    let length = bytes.len();
    set_length(bytes, length);
    if let Some(key) = key {
        sign(bytes, key);
    }
}

fn attributes(bytes: &[u8]) -> Option<Attributes> {
    let message = stun::view(bytes).ok()?;
    message.attribute(AttributeType::MessageIntegrity)?;
    Some(
        message
            .attributes()
            .filter_map(Result::ok)
            .map(|it| (it.kind.value.raw(), it.value.value.to_vec()))
            .collect(),
    )
}

fn append(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    bytes.extend_from_slice(&kind.to_be_bytes());
    bytes.extend_from_slice(&(value.len() as u16).to_be_bytes());
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

fn set_length(bytes: &mut [u8], length: usize) {
    bytes[2..4].copy_from_slice(&(length as u16 - 20).to_be_bytes());
}

fn sign(bytes: &mut Vec<u8>, key: &[u8]) {
    add_integrity(bytes, key);
    add_fingerprint(bytes);
}

fn add_integrity(bytes: &mut Vec<u8>, key: &[u8]) {
    let length = bytes.len();
    set_length(bytes, length + 24);
    let mut hmac = Hmac::<Sha1>::new_from_slice(key).unwrap();
    hmac.update(bytes);
    append(bytes, INTEGRITY, &hmac.finalize().into_bytes());
}

fn add_fingerprint(bytes: &mut Vec<u8>) {
    let length = bytes.len();
    set_length(bytes, length + 8);
    let crc = crc32fast::hash(bytes) ^ 0x5354_554e;
    append(bytes, FINGERPRINT, &crc.to_be_bytes());
}
