//! DTLS handshakes: flights with their retransmissions, what was negotiated, certificates, alerts.

use super::at::{At, Side, Sides};
use super::context::hex;
use super::limits;
use crate::wire::dtls::alert;
use crate::wire::dtls::extension::{Content, ExtensionType};
use crate::wire::dtls::handshake::{Body, Fragments, HandshakeType, Pushed, Reassembly};
use crate::wire::dtls::{ContentType, Record, Version};
use crate::wire::field::Field;
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The epoch of application data in 1.3, by its two low bits.
const EPOCH_OF_DATA: u8 = 3;

/// What a side sent before the other answered (RFC 9147 §5.7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Flight {
    /// Who sent it.
    pub from: Side,
    /// The first record of it.
    pub first: At,
    /// The last record of it, retransmissions included.
    pub last: At,
    /// Its messages; those that could not be decrypted are known by what their record shows.
    pub messages: Vec<String>,
    /// How often its first message was retransmitted.
    pub retransmissions: u64,
    #[serde(skip)]
    first_sequence: Option<u16>,
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AlertSeen {
    /// Its frame.
    pub at: At,
    /// Who sent it.
    pub from: Side,
    /// 1 warning, 2 fatal; unknown if it is encrypted and could not be decrypted.
    pub level: Option<u8>,
    /// The number of its description, if that is known.
    pub code: Option<u8>,
    /// The description in words.
    pub description: Option<String>,
}

impl AlertSeen {
    /// Whether it ends the connection because of an error; unknown ones are not counted.
    pub fn is_fatal(&self) -> bool {
        self.level == Some(2) && !self.is_closing()
    }

    /// Whether it only says goodbye: `close_notify` or `user_canceled`.
    pub const fn is_closing(&self) -> bool {
        matches!(self.code, Some(0 | 90))
    }
}

/// A certificate that a side showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Certificate {
    /// Its frame.
    pub at: At,
    /// Who showed it.
    pub from: Side,
    /// SHA-256 of its DER encoding, in lower-case hexadecimal digits.
    pub sha256: String,
    /// The same as the fingerprint that a description gives for this side; nothing if no description has one.
    pub matches_description: Option<bool>,
}

/// A handshake and what followed under its keys.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Handshake {
    /// The DTLS client.
    pub client: Side,
    /// The flow on which it began.
    pub flow: usize,
    /// The random of the ClientHello, in hexadecimal digits.
    pub client_random: String,
    /// The first ClientHello.
    pub client_hello: At,
    /// Whether it came in several fragments (RFC 6347 §4.2.3).
    #[serde(skip)]
    pub hello_is_fragmented: bool,
    /// The ServerHello.
    pub server_hello: Option<At>,
    /// The version chosen.
    pub version: Option<String>,
    /// The cipher suite chosen.
    pub cipher_suite: Option<String>,
    /// SRTP protection profiles offered by the client.
    pub srtp_offered: Vec<String>,
    /// The profile chosen. In 1.3 it is known only if the handshake could be decrypted.
    pub srtp_profile: Option<String>,
    /// Flights in order.
    pub flights: Vec<Flight>,
    /// Handshake messages retransmitted.
    pub retransmissions: u64,
    /// When both sides had finished, as far as the records show.
    pub complete: Option<At>,
    /// The last handshake record.
    pub last: At,
    /// Certificates, that of the side itself first.
    pub certificates: Vec<Certificate>,
    /// Alerts.
    pub alerts: Vec<AlertSeen>,
    /// Records of application data.
    pub application_records: Sides<u64>,
    /// The first of them.
    pub first_application_record: Option<At>,
    /// Whether anything of it was decrypted.
    pub decrypted: bool,
    /// Whether the message was read in which the server chooses a profile, or none.
    #[serde(skip)]
    srtp_told: bool,
    #[serde(skip)]
    random: [u8; 32],
    #[serde(skip)]
    chosen: Option<Version>,
    #[serde(skip)]
    reassembly: Sides<Assembly>,
    #[serde(skip)]
    finished: Sides<bool>,
    #[serde(skip)]
    epoch_one: Sides<BTreeMap<u64, ()>>,
}

/// The messages of a side in the making, and which have begun.
#[derive(Debug, Default)]
struct Assembly {
    fragments: Reassembly,
    begun: BTreeMap<u16, ()>,
}

/// Most message numbers remembered of a side: a handshake has about ten.
const MOST_NUMBERS: usize = 256;

impl Handshake {
    /// Begins with a ClientHello, which is taken in by [`Self::record`] afterwards.
    pub(super) fn new(client: Side, flow: usize, at: At, random: [u8; 32]) -> Self {
        Self {
            client,
            flow,
            client_random: hex(&random),
            client_hello: at,
            hello_is_fragmented: false,
            server_hello: None,
            version: None,
            cipher_suite: None,
            srtp_offered: Vec::new(),
            srtp_profile: None,
            srtp_told: false,
            flights: Vec::new(),
            retransmissions: 0,
            complete: None,
            last: at,
            certificates: Vec::new(),
            alerts: Vec::new(),
            application_records: Sides::default(),
            first_application_record: None,
            decrypted: false,
            random,
            chosen: None,
            reassembly: Sides { a: Assembly::default(), b: Assembly::default() },
            finished: Sides::default(),
            epoch_one: Sides::default(),
        }
    }

    pub(super) const fn has_random(&self, random: &[u8; 32]) -> bool {
        let (mut index, mut same) = (0, true);
        while index < 32 {
            same &= self.random[index] == random[index];
            index += 1;
        }
        same
    }

    /// Whether it was refused, ended or given up rather than being used.
    pub fn is_complete(&self) -> bool {
        self.complete.is_some()
    }

    /// Whether the version chosen is 1.3.
    pub fn is_13(&self) -> bool {
        self.chosen == Some(Version::Dtls13)
    }

    /// Takes in a record as it was on the wire.
    pub(super) fn record(&mut self, at: At, from: Side, record: &Record<'_>) {
        match record {
            Record::Unified(unified) => {
                self.last = self.last.max(at);
                if unified.epoch_bits() == EPOCH_OF_DATA {
                    // Data of the client's follows its Finished; data of the server's may come before.
                    let done = from == self.client || *self.finished.of(self.client);
                    self.application(at, from, done);
                } else if unified.epoch_bits() == 2 && !*self.finished.of(from) {
                    *self.finished.of_mut(from) = true;
                    self.stated(at, from, "encrypted handshake", None);
                }
            }
            Record::Plain(plain) => match (plain.kind.value, plain.epoch.value) {
                (ContentType::Handshake, 0) => self.messages(at, from, plain.fragment),
                (ContentType::Handshake, _) => self.encrypted(at, from, plain.sequence.value),
                // Nothing of 1.2 is protected before the Finished (RFC 5246 §7.4.9), which hides behind a connection ID too.
                (ContentType::Tls12Cid, _) if plain.sequence.value == 0 => self.encrypted(at, from, 0),
                (ContentType::Alert, 0) => self.alert(at, from, Some(plain.fragment.value)),
                (ContentType::Alert, _) => self.alert(at, from, None),
                (ContentType::ApplicationData, epoch) if epoch > 0 => self.application(at, from, true),
                // What it holds is encrypted; behind the handshake that is data, a closing alert apart.
                (ContentType::Tls12Cid, _) if self.is_complete() => self.application(at, from, true),
                _ => {}
            },
        }
    }

    /// Takes in the plaintext of a record that was encrypted.
    pub(super) fn opened(&mut self, at: At, from: Side, content_type: u8, bytes: &[u8]) {
        self.decrypted = true;
        match ContentType::from(content_type) {
            ContentType::Handshake => {
                self.messages(
                    at,
                    from,
                    Field { range: crate::wire::Span::new(0, bytes.len()), value: bytes },
                );
            }
            ContentType::Alert => {
                let unread =
                    |alert: &&mut AlertSeen| alert.at == at && alert.from == from && alert.code.is_none();
                if let Some(index) = self.alerts.iter_mut().rev().find(unread) {
                    *index = alert_seen(at, from, Some(bytes));
                } else {
                    self.alert(at, from, Some(bytes));
                }
            }
            _ => {}
        }
    }

    fn application(&mut self, at: At, from: Side, complete: bool) {
        *self.application_records.of_mut(from) += 1;
        if complete {
            self.complete.get_or_insert(at);
            self.first_application_record.get_or_insert(at);
        }
    }

    /// An encrypted handshake record of 1.2: Finished.
    fn encrypted(&mut self, at: At, from: Side, sequence: u64) {
        let seen = self.epoch_one.of_mut(from);
        if seen.is_empty() {
            seen.insert(sequence, ());
            self.stated(at, from, "Finished (encrypted)", None);
        } else if seen.len() < MOST_NUMBERS && seen.insert(sequence, ()).is_none() {
            self.retransmissions += 1;
            self.last = at;
        }
        *self.finished.of_mut(from) = true;
        if self.finished.a && self.finished.b {
            self.complete.get_or_insert(at);
        }
    }

    fn messages(&mut self, at: At, from: Side, content: Field<&[u8]>) {
        for fragment in Fragments::new(content).map_while(Result::ok) {
            let number = fragment.message_seq.value;
            let name = fragment.kind.value.to_string();
            self.hello_is_fragmented |=
                fragment.kind.value == HandshakeType::ClientHello && !fragment.is_whole();
            if fragment.fragment_offset.value == 0 {
                let begun = &mut self.reassembly.of_mut(from).begun;
                let again = begun.contains_key(&number);
                if !again && begun.len() < MOST_NUMBERS {
                    begun.insert(number, ());
                }
                if again {
                    self.repeated(at, from, number);
                } else {
                    self.stated(at, from, &name, Some(number));
                }
            }
            if let Pushed::Whole(message) = self.reassembly.of_mut(from).fragments.push(&fragment)
                && let Ok(body) = message.read(self.chosen.unwrap_or(Version::Dtls12))
            {
                self.message(at, from, &body);
            }
        }
    }

    fn stated(&mut self, at: At, from: Side, name: &str, number: Option<u16>) {
        self.last = self.last.max(at);
        if let Some(flight) = self.flights.last_mut().filter(|flight| flight.from == from) {
            flight.last = at;
            if flight.messages.len() < limits::MESSAGES {
                flight.messages.push(name.to_owned());
            }
        } else if self.flights.len() < limits::FLIGHTS {
            self.flights.push(Flight {
                from,
                first: at,
                last: at,
                messages: vec![name.to_owned()],
                retransmissions: 0,
                first_sequence: number,
            });
        }
    }

    fn repeated(&mut self, at: At, from: Side, number: u16) {
        self.retransmissions += 1;
        self.last = self.last.max(at);
        let first = |flight: &&mut Flight| flight.from == from && flight.first_sequence == Some(number);
        if let Some(flight) = self.flights.iter_mut().rev().find(first) {
            flight.retransmissions += 1;
            flight.last = at;
        }
    }

    fn message(&mut self, at: At, from: Side, body: &Body<'_>) {
        match body {
            Body::ClientHello(hello) => {
                let extension = hello.extensions.and_then(|all| all.content(ExtensionType::UseSrtp));
                if let Some(Content::UseSrtp(offered)) = extension {
                    self.srtp_offered =
                        offered.profiles.iter().take(16).map(|profile| profile.to_string()).collect();
                }
            }
            Body::ServerHello(hello) if !hello.is_hello_retry_request() => {
                self.server_hello.get_or_insert(at);
                let version = hello.version().value;
                self.chosen = Some(version);
                self.version = Some(version.to_string());
                self.cipher_suite = Some(hello.cipher_suite.value.to_string());
                self.chose_srtp(hello.extension(ExtensionType::UseSrtp));
                self.srtp_told = !self.is_13();
            }
            Body::EncryptedExtensions(extensions) => {
                self.chose_srtp(extensions.content(ExtensionType::UseSrtp));
                self.srtp_told = true;
            }
            Body::Certificate(certificate) => {
                for entry in certificate.entries() {
                    if self.certificates.len() >= limits::CERTIFICATES {
                        break;
                    }
                    let sha256 = hex(&Sha256::digest(entry.data.value));
                    self.certificates.push(Certificate { at, from, sha256, matches_description: None });
                }
            }
            Body::Finished(_) => {
                *self.finished.of_mut(from) = true;
                let both = self.finished.a && self.finished.b;
                // In 1.3 the client's Finished is the last of the handshake.
                if if self.is_13() { from == self.client } else { both } {
                    self.complete.get_or_insert(at);
                }
            }
            _ => {}
        }
    }

    /// Whether the server is known to have chosen no SRTP profile.
    pub const fn is_without_srtp(&self) -> bool {
        self.srtp_told && self.srtp_profile.is_none()
    }

    fn chose_srtp(&mut self, extension: Option<Content<'_>>) {
        if let Some(Content::UseSrtp(chosen)) = extension {
            self.srtp_profile = chosen.profiles.iter().next().map(|profile| profile.to_string());
        }
    }

    fn alert(&mut self, at: At, from: Side, bytes: Option<&[u8]>) {
        if self.alerts.len() < limits::ALERTS {
            self.alerts.push(alert_seen(at, from, bytes));
        }
    }
}

fn alert_seen(at: At, from: Side, bytes: Option<&[u8]>) -> AlertSeen {
    let alert = bytes.and_then(|bytes| alert::view(bytes).ok());
    AlertSeen {
        at,
        from,
        level: alert.map(|alert| alert.level.value.raw()),
        code: alert.map(|alert| alert.description.value.raw()),
        description: alert.map(|alert| alert.description.value.to_string()),
    }
}
