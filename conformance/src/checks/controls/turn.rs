//! Edits of what peers ask of their TURN servers, signed again with the password that the recording holds.

use super::stun::{Attributes, put_together};
use crate::evidence::{Evidence, Peer};
use peerproof_captures::wire::stun::{self, AttributeType, long_term_key_md5};
use serde_json::Value;
use std::collections::BTreeMap;

/// Methods, as the second byte of a request has them.
pub(in crate::checks) const ALLOCATE: u8 = 0x03;
pub(in crate::checks) const REFRESH: u8 = 0x04;
pub(in crate::checks) const CREATE_PERMISSION: u8 = 0x08;
pub(in crate::checks) const CHANNEL_BIND: u8 = 0x09;

/// Edits a request of that method to a server, the `nth` from one on.
pub(in crate::checks) fn edit(
    evidence: &mut Evidence,
    method: u8,
    nth: usize,
    edit: impl Fn(&mut Attributes),
) {
    edit_at(evidence, nth_request(evidence, method, nth), edit, |_| {});
}

/// Has the second Allocate request take the transaction of the first.
pub(in crate::checks) fn reuse_transaction(evidence: &mut Evidence) {
    let [first, second] = [1, 2].map(|nth| nth_request(evidence, ALLOCATE, nth));
    let id = evidence.wire.as_ref().unwrap().servers[first].bytes[8..20].to_vec();
    edit_at(evidence, second, |_| {}, |bytes| bytes[8..20].copy_from_slice(&id));
}

/// Signs a request of that method to a server with another key, the `nth` from one on.
pub(in crate::checks) fn sign_otherwise(evidence: &mut Evidence, method: u8, nth: usize) {
    let at = nth_request(evidence, method, nth);
    let bytes = evidence.wire.as_mut().unwrap().servers[at].bytes.to_mut();
    let all = attributes(bytes);
    put_together(bytes, all, Some(b"another"));
}

/// Has the first request of that method to a server come once more, in a transaction of its own, and edited.
pub(in crate::checks) fn repeat(evidence: &mut Evidence, method: u8, edit: impl Fn(&mut Attributes)) {
    repeat_as(evidence, method, |bytes| bytes[19] ^= 0x55);
    edit_at(evidence, nth_request(evidence, method, 1) + 1, edit, |_| {});
}

/// The same as something else: `edit` makes it that.
pub(in crate::checks) fn repeat_as(evidence: &mut Evidence, method: u8, edit: impl Fn(&mut Vec<u8>)) {
    let at = nth_request(evidence, method, 1);
    let servers = &mut evidence.wire.as_mut().unwrap().servers;
    let mut again = servers[at].clone();
    again.t_us += 1_000_000;
    edit(again.bytes.to_mut());
    servers.insert(at + 1, again);
}

/// Edits the messages that have a nonce.
pub(in crate::checks) fn edit_nonces(evidence: &mut Evidence, edit: impl Fn(&mut Attributes)) {
    const NONCE: u16 = 0x0015;
    for at in 0..evidence.wire.as_ref().unwrap().servers.len() {
        let message = &evidence.wire.as_ref().unwrap().servers[at];
        if attributes(&message.bytes).iter().any(|(kind, _)| *kind == NONCE) {
            edit_at(evidence, at, &edit, |_| {});
        }
    }
}

/// Edits the error responses of servers.
pub(in crate::checks) fn edit_errors(evidence: &mut Evidence, edit: impl Fn(&mut Attributes)) {
    for at in 0..evidence.wire.as_ref().unwrap().servers.len() {
        let message = &evidence.wire.as_ref().unwrap().servers[at];
        if !message.sent && message.bytes[0] == 1 && message.bytes[1] & 0x10 != 0 {
            edit_at(evidence, at, &edit, |_| {});
        }
    }
}

/// Takes out what comes after the first error response to the client that got it, from the same client.
pub(in crate::checks) fn forget_after_first_error(evidence: &mut Evidence) {
    let servers = &mut evidence.wire.as_mut().unwrap().servers;
    let is_error = |it: &crate::evidence::ServerMessage| !it.sent && it.bytes[..2] == [1, 0x13];
    let at = servers.iter().position(is_error).unwrap();
    let (client, mut n) = (servers[at].client, 0);
    servers.retain(|it| {
        n += 1;
        n <= at + 1 || it.client != client
    });
}

/// As if the first request with credentials had been refused by that error, with another attribute if there is one, and nothing had come after
/// that from the same client.
pub(in crate::checks) fn refuse_first(evidence: &mut Evidence, code: [u8; 2], with: Option<(u16, Vec<u8>)>) {
    let at = nth_request(evidence, ALLOCATE, 2);
    let servers = &mut evidence.wire.as_mut().unwrap().servers;
    let (client, transaction) = (servers[at].client, servers[at].bytes[8..20].to_vec());
    let is_error = |it: &&crate::evidence::ServerMessage| !it.sent && it.bytes[..2] == [1, 0x13];
    let mut refusal = servers.iter().find(is_error).unwrap().clone();
    refusal.client = client;
    refusal.server = servers[at].server;
    refusal.t_us = servers[at].t_us + 1_000;
    refusal.bytes[8..20].copy_from_slice(&transaction);
    let mut n = 0;
    servers.retain(|it| {
        n += 1;
        n <= at + 1 || it.client != client
    });
    servers.insert(at + 1, refusal);
    let edit = |attributes: &mut Attributes| {
        for (_, value) in attributes.iter_mut().filter(|(kind, _)| *kind == 0x0009) {
            value[2..4].copy_from_slice(&code);
        }
        attributes.extend(with.clone());
    };
    edit_at(evidence, at + 1, edit, |_| {});
}

/// Has the client that was refused ask once more, with the same credentials.
pub(in crate::checks) fn ask_again_refused(evidence: &mut Evidence) {
    let at = nth_request(evidence, ALLOCATE, 2);
    let servers = &mut evidence.wire.as_mut().unwrap().servers;
    let mut again = servers[at].clone();
    again.t_us = servers.iter().map(|it| it.t_us).max().unwrap() + 2_000_000;
    again.frame += 1_000_000;
    servers.push(again);
    edit_at(evidence, servers_len(evidence) - 1, |_| {}, |bytes| bytes[19] ^= 0x33);
}

fn servers_len(evidence: &Evidence) -> usize {
    evidence.wire.as_ref().unwrap().servers.len()
}

/// Has the last request of that method to a server come once more, 200 ms later.
pub(in crate::checks) fn repeat_soon(evidence: &mut Evidence, method: u8) {
    repeat_after(evidence, method, 200_000);
}

/// The same, 600 ms later.
pub(in crate::checks) fn repeat_late(evidence: &mut Evidence, method: u8) {
    repeat_after(evidence, method, 600_000);
}

fn repeat_after(evidence: &mut Evidence, method: u8, by_us: u64) {
    let servers = &mut evidence.wire.as_mut().unwrap().servers;
    let at = servers.iter().rposition(|it| it.sent && it.bytes[..2] == [0, method]).unwrap();
    let mut again = servers[at].clone();
    again.t_us += by_us;
    servers.insert(at + 1, again);
}

fn nth_request(evidence: &Evidence, method: u8, nth: usize) -> usize {
    let servers = evidence.wire.as_ref().unwrap().servers.iter().enumerate();
    let mut requests = servers.filter(|(_, it)| it.sent && it.bytes[..2] == [0, method]);
    requests.nth(nth - 1).unwrap().0
}

fn attributes(bytes: &[u8]) -> Attributes {
    let all = stun::view(bytes).unwrap();
    all.attributes().filter_map(Result::ok).map(|it| (it.kind.value.raw(), it.value.value.to_vec())).collect()
}

/// Edits a message between a peer and a server, and signs it again if it says by whose password.
fn edit_at(
    evidence: &mut Evidence,
    at: usize,
    edit: impl Fn(&mut Attributes),
    edit_header: impl Fn(&mut Vec<u8>),
) {
    let password = evidence.calls(Peer(0)).into_iter().find_map(|call| {
        let credential = call.args.pointer("/configuration/iceServers/0/credential");
        credential.and_then(Value::as_str).map(str::to_owned)
    });
    let bytes = evidence.wire.as_mut().unwrap().servers[at].bytes.to_mut();
    let read = stun::view(bytes).unwrap();
    let text = |kind| read.text(kind).map(|text| text.value);
    let key = text(AttributeType::Username)
        .zip(text(AttributeType::Realm))
        .map(|(username, realm)| long_term_key_md5(username, realm, password.as_ref().unwrap()).to_vec());
    let mut all = attributes(bytes);
    edit(&mut all);
    edit_header(bytes);
    put_together(bytes, all, key.as_deref());
}

/// Gives the requests of the second peer, to the first and to its servers, transactions that count up, and their answers the same.
pub(in crate::checks) fn count_transactions(evidence: &mut Evidence) {
    renumber(evidence, |id, number| {
        id[4..].copy_from_slice(&number.to_be_bytes());
        id[..4].fill(0);
    });
}

/// Gives the requests of the second peer, to the first and to its servers, other transactions, and their answers the same. `edit` gets the
/// transaction and how many others came before it.
pub(in crate::checks) fn renumber(evidence: &mut Evidence, edit: impl Fn(&mut [u8], u64)) {
    const BOB: Peer = Peer(1);
    let wire = evidence.wire.as_ref().unwrap();
    let between = wire.sent(BOB).map(|packet| &packet.bytes);
    let servers = wire.servers.iter().filter(|it| it.peer == BOB && it.sent).map(|it| &it.bytes);
    let mut counted: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    for bytes in between.chain(servers).filter(|bytes| bytes[0] == 0 && bytes.len() >= 20) {
        let next = counted.len() as u64;
        counted.entry(bytes[8..20].to_vec()).or_insert(next);
    }
    let number = |bytes: &mut Vec<u8>| {
        if let Some(number) = counted.get(&bytes[8..20]) {
            edit(&mut bytes[8..20], *number);
        }
    };
    let frames: Vec<u64> = wire.packets.iter().filter(|it| it.bytes[0] < 2).map(|it| it.frame).collect();
    for frame in frames {
        super::stun::edit_header_of(evidence, frame, number);
    }
    for at in 0..evidence.wire.as_ref().unwrap().servers.len() {
        edit_at(evidence, at, |_| {}, number);
    }
}
