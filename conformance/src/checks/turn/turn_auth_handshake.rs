//! RFC 8489 §9.2.3.1, §9.2.5: the first request to a server bears no credentials; the one after a 401 bears the realm and the nonce of
//! that, the username, and an integrity made with the password, under a new transaction.

use super::{Ends, Said, said};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use peerproof_captures::wire::stun::{
    AttributeType, Class, Method, TransactionId, long_term_key_md5, long_term_key_sha256,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

pub(super) const CHECK: Check = Check {
    id: "turn-auth-handshake",
    layer: Layer::Gathering,
    subject: "Allocate requests",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// What an authenticated request carries, each in one of these attributes (§9.2.5).
const CREDENTIALS: [&[AttributeType]; 4] = [
    &[AttributeType::Username, AttributeType::Userhash],
    &[AttributeType::Realm],
    &[AttributeType::Nonce],
    &[AttributeType::MessageIntegrity, AttributeType::MessageIntegritySha256],
];

/// What a nonce begins with that says which features the server has (§9.2): four characters follow, the Base64 of 24 bits.
const NONCE_COOKIE: &str = "obMatJos2";
/// The bit of "Username anonymity" in the first byte of them (§18.1).
const ANONYMITY: u8 = 0x40;

/// What the errors of a server gave a client to use.
#[derive(Default)]
struct Given<'a> {
    /// Realm and nonce of each error with both.
    challenges: BTreeSet<(&'a str, &'a str)>,
    /// The requests without credentials.
    bare: BTreeSet<TransactionId>,
}

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let passwords = passwords(evidence, peer);
    let mut asked: BTreeSet<SocketAddr> = BTreeSet::new();
    let mut given: BTreeMap<Ends, Given<'_>> = BTreeMap::new();
    let mut stated: BTreeSet<(&str, &str)> = BTreeSet::new();
    for said in said(evidence, peer) {
        let given = given.entry(said.ends()).or_default();
        if said.at.sent {
            if said.is_sent(Method::Allocate, Class::Request) {
                // The RFC identifies a server by its name, which may have several addresses.
                let is_told = challenge(&said).is_some_and(|it| stated.contains(&it));
                let first = asked.insert(said.at.server) && evidence.whole && !is_told;
                let place = Place::Frame(said.at.frame);
                if hides_its_name_unasked(&said) {
                    tally.warn(
                        Fault("userhash-unasked"),
                        "USERHASH is used, although the nonce does not say that it is understood",
                        [place],
                    );
                }
                match fault(&said, given, first, &passwords) {
                    Some((fault, sentence)) => tally.fail(fault, sentence, [place]),
                    None => tally.pass(place),
                }
            }
        } else if said.message.kind.value.class() == Class::Error {
            given.challenges.extend(challenge(&said));
            stated.extend(challenge(&said));
        }
    }
}

/// Realm and nonce of a message, if it has both.
fn challenge<'a>(said: &Said<'a>) -> Option<(&'a str, &'a str)> {
    let text = |kind| said.message.text(kind).map(|text| text.value);
    text(AttributeType::Realm).zip(text(AttributeType::Nonce))
}

/// Whether a request has USERHASH, and its nonce does not ask for it: "else, the USERNAME attribute MUST be used" (§9.2.5). A server that
/// understands it without saying so answers all the same.
fn hides_its_name_unasked(said: &Said<'_>) -> bool {
    let asks = |nonce: &str| {
        let features = nonce.strip_prefix(NONCE_COOKIE).and_then(|rest| rest.get(..4));
        let features = features.and_then(|it| STANDARD.decode(it).ok());
        features.and_then(|bytes| bytes.first().copied()).is_some_and(|first| first & ANONYMITY != 0)
    };
    let nonce = said.message.text(AttributeType::Nonce).map(|text| text.value);
    said.message.attribute(AttributeType::Userhash).is_some() && !nonce.is_some_and(asks)
}

fn fault<'a>(
    said: &Said<'a>,
    given: &mut Given<'a>,
    first: bool,
    passwords: &BTreeMap<String, String>,
) -> Option<(Fault, String)> {
    let message = &said.message;
    let has = CREDENTIALS.map(|kinds| kinds.iter().any(|kind| message.attribute(*kind).is_some()));
    if has == [false; 4] {
        given.bare.insert(message.transaction.value);
        return None;
    }
    let text = |kind| message.text(kind).map(|text| text.value).unwrap_or_default();
    let (realm, nonce) = (text(AttributeType::Realm), text(AttributeType::Nonce));
    if first {
        return Some((
            Fault("credentials-before-challenge"),
            "the first Allocate request to a server carries credentials before they were requested"
                .to_owned(),
        ));
    }
    if let Some(missing) = has.iter().zip(CREDENTIALS).find_map(|(has, kinds)| (!has).then_some(kinds[0])) {
        return Some((
            Fault("attribute-missing"),
            format!("an authenticated Allocate request has no {missing}"),
        ));
    }
    if given.bare.contains(&message.transaction.value) {
        return Some((
            Fault("transaction-reused"),
            "an authenticated Allocate request has the transaction of one without credentials".to_owned(),
        ));
    }
    // Realm and nonce may come from another of the peer's addresses, so without any of this one nothing is known.
    if !given.challenges.is_empty() && !given.challenges.contains(&(realm, nonce)) {
        return Some((
            Fault("unknown-challenge"),
            format!("no error response of the server had realm {realm:?} with nonce {nonce:?}"),
        ));
    }
    let username = text(AttributeType::Username);
    let password = passwords.get(username)?;
    let (md5, sha256) =
        (long_term_key_md5(username, realm, password), long_term_key_sha256(username, realm, password));
    // Which algorithm makes the key is said by PASSWORD-ALGORITHM, if at all.
    let chosen = message.attribute(AttributeType::PasswordAlgorithm).is_some();
    let keys: &[&[u8]] = if chosen { &[&md5, &sha256] } else { &[&md5] };
    let sha1_fails = keys.iter().all(|key| message.integrity_matches(key) == Some(false));
    let sha256_fails = keys.iter().all(|key| message.integrity_sha256_matches(key) == Some(false));
    (sha1_fails || sha256_fails).then(|| {
        (Fault("other-password"), format!("MESSAGE-INTEGRITY is not made with the password of {username:?}"))
    })
}

/// The passwords that a peer was given for its TURN servers, by username.
fn passwords(evidence: &Evidence, peer: Peer) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for call in evidence.calls(peer) {
        let servers = call.args.pointer("/configuration/iceServers").and_then(Value::as_array);
        for server in servers.into_iter().flatten() {
            let text = |member| server.get(member).and_then(Value::as_str).map(str::to_owned);
            found.extend(text("username").zip(text("credential")));
        }
    }
    found
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, turn};

    /// Changes a byte of the nonce in an authenticated Allocate request, and signs it again.
    pub(super) const CONTROL: Control = Control::new(Recording::Relay, |evidence| {
        turn::edit(evidence, turn::ALLOCATE, 2, |attributes| {
            let (_, nonce) = attributes.iter_mut().find(|(kind, _)| *kind == 0x0015).unwrap();
            nonce[0] ^= 1;
        });
    })
    .and(&[
        Mutation::new(Recording::Relay, "carries credentials before they were requested", |evidence| {
            turn::edit(evidence, turn::ALLOCATE, 1, |attributes| attributes.push((0x0006, b"user".to_vec())));
        }),
        Mutation::new(Recording::Relay, "has no NONCE", |evidence| {
            turn::edit(evidence, turn::ALLOCATE, 2, |attributes| {
                attributes.retain(|(kind, _)| *kind != 0x0015);
            });
        }),
        Mutation::new(Recording::Relay, "has the transaction of one without credentials", |evidence| {
            turn::reuse_transaction(evidence);
        })
        .also_breaks(&["stun-transaction-id-random", "ice-rto-floor"]),
        Mutation::new(Recording::Relay, "USERHASH is used", |evidence| {
            turn::edit(evidence, turn::ALLOCATE, 2, |attributes| {
                let name = attributes.iter_mut().find(|(kind, _)| *kind == 0x0006).unwrap();
                *name = (0x001e, vec![7; 32]);
            });
        }),
        Mutation::new(Recording::Relay, "is not made with the password of", |evidence| {
            turn::sign_otherwise(evidence, turn::ALLOCATE, 2);
        }),
    ]);
}
