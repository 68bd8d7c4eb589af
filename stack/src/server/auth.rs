//! The long-term credential mechanism (RFC 8489 §9.2).

use super::config::Credentials;
use super::message;
use rtc::crypto::RTCCrypto;
use rtc::stun::attributes::{ATTR_MESSAGE_INTEGRITY, ATTR_NONCE, ATTR_REALM, ATTR_USERNAME};
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::Message;
use std::time::Duration;
use tokio::time::Instant;

/// The one nonce that is good at a time. A client with an older one learns the new one by 438, so nothing is kept per client.
#[derive(Debug)]
pub(super) struct Nonce {
    text: String,
    born: Instant,
    lifetime: Duration,
}

impl Nonce {
    pub(super) fn new(lifetime: Duration, now: Instant) -> Self {
        Self { text: fresh(), born: now, lifetime }
    }

    /// The nonce for a client that has none.
    pub(super) fn current(&mut self, now: Instant) -> &str {
        if now.duration_since(self.born) >= self.lifetime {
            self.renew(now);
        }
        &self.text
    }

    /// All nonces given out are stale from now on.
    pub(super) fn renew(&mut self, now: Instant) {
        self.text = fresh();
        self.born = now;
    }
}

fn fresh() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// What a request says about its sender.
pub(super) enum Checked {
    /// It knows the password: its name and the key.
    User(String, Vec<u8>),
    /// It has to be answered with this code (400, 401, 438).
    Refused(u16),
}

/// The keys of all users.
#[derive(Debug)]
pub(super) struct Users {
    realm: String,
    keys: Vec<(String, Vec<u8>)>,
}

impl Users {
    /// Computes the keys: MD5 of name, realm and password (RFC 8489 §18.5.1.1).
    pub(super) fn new(realm: &str, users: &[Credentials], crypto: &dyn RTCCrypto) -> Option<Self> {
        let key = |user: &Credentials| {
            let key = MessageIntegrity::long_term_integrity_key(
                user.username.clone(),
                realm.to_owned(),
                user.password.clone(),
                crypto,
            );
            Some((user.username.clone(), key.ok()?))
        };
        Some(Self { realm: realm.to_owned(), keys: users.iter().map(key).collect::<Option<_>>()? })
    }

    /// The realm.
    pub(super) fn realm(&self) -> &str {
        &self.realm
    }

    /// Checks a request in the order of RFC 8489 §9.2.4.
    pub(super) fn check(&self, request: &Message, nonce: &str, crypto: &dyn RTCCrypto) -> Checked {
        if message::value(request, ATTR_MESSAGE_INTEGRITY).is_none() {
            return Checked::Refused(401);
        }
        let (Some(name), Some(realm), Some(theirs)) = (
            message::text(request, ATTR_USERNAME),
            message::text(request, ATTR_REALM),
            message::text(request, ATTR_NONCE),
        ) else {
            return Checked::Refused(400);
        };
        let Some((name, key)) = self.keys.iter().find(|(known, _)| known == name) else {
            return Checked::Refused(401);
        };
        if realm != self.realm || !message::is_signed_with(request, key, crypto) {
            return Checked::Refused(401);
        }
        if theirs != nonce {
            return Checked::Refused(438);
        }
        Checked::User(name.clone(), key.clone())
    }
}
