//! Edits of what peers ask of their TURN servers, signed again with the password that the recording holds.

use super::stun::{Attributes, put_together};
use crate::evidence::Evidence;
use peerproof_captures::wire::stun::{self, AttributeType, long_term_key_md5};
use serde_json::Value;

/// Methods, as the second byte of a request has them.
pub(in crate::checks) const ALLOCATE: u8 = 0x03;
pub(in crate::checks) const REFRESH: u8 = 0x04;
pub(in crate::checks) const CHANNEL_BIND: u8 = 0x09;

/// Edits a request of that method to a server, the `nth` from one on.
pub(in crate::checks) fn edit(
    evidence: &mut Evidence,
    method: u8,
    nth: usize,
    edit: impl Fn(&mut Attributes),
) {
    let password = evidence.calls(crate::evidence::Peer(0)).into_iter().find_map(|call| {
        let credential = call.args.pointer("/configuration/iceServers/0/credential");
        credential.and_then(Value::as_str).map(str::to_owned)
    });
    let servers = &mut evidence.wire.as_mut().unwrap().servers;
    let mut requests = servers.iter_mut().filter(|it| it.sent && it.bytes[..2] == [0, method]);
    let message = requests.nth(nth - 1).unwrap();
    let read = stun::view(&message.bytes).unwrap();
    let text = |kind| read.text(kind).map(|text| text.value);
    let key = text(AttributeType::Username)
        .zip(text(AttributeType::Realm))
        .map(|(username, realm)| long_term_key_md5(username, realm, password.as_ref().unwrap()).to_vec());
    let mut attributes: Attributes = read
        .attributes()
        .filter_map(Result::ok)
        .map(|it| (it.kind.value.raw(), it.value.value.to_vec()))
        .collect();
    edit(&mut attributes);
    put_together(&mut message.bytes, attributes, key.as_deref());
}
