//! A DTLS association: what its hellos agreed, its keys as they become known, and the SRTP keys that follow from it.

use super::hello::{ClientHello, ConnectionId, ServerHello, srtp_profile};
use super::{v12, v13};
use crate::decrypt::secrets::{Label, Secrets};
use crate::decrypt::srtp::{Context, MasterKey, Profile};
use crate::decrypt::suite::Suite;
use crate::wire::dtls::handshake::{self, Body, Fragments, HandshakeType, Pushed, Reassembly};
use crate::wire::dtls::{self, ContentType, Record};
use crate::wire::field::{Field, Span};

/// The exporter's label of RFC 5764 §4.2.
const SRTP_LABEL: &[u8] = b"EXTRACTOR-dtls_srtp";
/// Answers of a server that are believed, should they differ.
const MOST_ANSWERS: u32 = 16;
/// Bounds of what is put together of the server's encrypted handshake.
const ENCRYPTED: handshake::Limits = handshake::Limits { message: 32 << 10, incomplete: 4, parts: 64 };

/// Who of the two sends, by its role in the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The DTLS client.
    Client = 0,
    /// The DTLS server.
    Server = 1,
}

impl Side {
    /// The other.
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// The version agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// DTLS 1.2 (RFC 6347), or an older one that is read alike.
    V12,
    /// DTLS 1.3 (RFC 9147).
    V13,
}

/// A record that was opened; its plaintext is elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decrypt) struct Opened {
    pub(in crate::decrypt) content: ContentType,
    pub(in crate::decrypt) epoch: u64,
    pub(in crate::decrypt) sequence: u64,
}

/// Why something was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decrypt) enum NotOpened {
    /// The secret for it is not known (yet).
    NoSecret,
    /// The suite of this code point cannot be decrypted.
    Suite(u16),
    /// It does not authenticate.
    Authentication,
}

/// What was tried with a secret: how many records or packets it opened, and how many not. What the network damaged is among the latter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tried {
    /// It opened these.
    pub opened: u64,
    /// Of these it authenticates none.
    pub failed: u64,
}

impl Tried {
    const fn add(&mut self, opened: bool) {
        if opened { self.opened += 1 } else { self.failed += 1 }
    }
}

impl std::ops::AddAssign for Tried {
    fn add_assign(&mut self, other: Self) {
        self.opened = self.opened.saturating_add(other.opened);
        self.failed = self.failed.saturating_add(other.failed);
    }
}

/// How far the SRTP keys are.
pub(in crate::decrypt) enum SrtpState {
    /// Something is missing, perhaps only for now.
    Waiting,
    /// By profile, the contexts of client and server. More than one until the profile is known or one fits.
    Ready(Vec<[Context; 2]>),
}

/// One association.
pub(in crate::decrypt) struct Association {
    pub(in crate::decrypt) client_random: [u8; 32],
    server: Option<ServerHello>,
    /// Connection IDs in what each side sends.
    connection_ids: [ConnectionId; 2],
    keys_12: Option<[v12::Keys; 2]>,
    keys_13: [v13::Keys; 2],
    /// Handshake messages that the server sends encrypted (1.3).
    messages: Reassembly,
    profile: Option<u16>,
    pub(in crate::decrypt) srtp: SrtpState,
    /// [`Secrets::changes`] when keys were last looked for.
    looked: Option<u64>,
    proven: bool,
    /// By secret.
    tried: [Tried; Label::COUNT],
    /// Answers of the server that differed from the one before.
    answers: u32,
}

impl Association {
    pub(in crate::decrypt) fn new(hello: &ClientHello) -> Self {
        Self {
            client_random: hello.random,
            server: None,
            connection_ids: [ConnectionId::default(), hello.connection_id],
            keys_12: None,
            keys_13: Default::default(),
            messages: Reassembly::of_several(ENCRYPTED),
            profile: None,
            srtp: SrtpState::Waiting,
            looked: None,
            proven: false,
            tried: Default::default(),
            answers: 0,
        }
    }

    /// The version, once the server has chosen it.
    pub(in crate::decrypt) fn version(&self) -> Option<Version> {
        let server = self.server.as_ref()?;
        Some(if server.version == dtls::Version::Dtls13 { Version::V13 } else { Version::V12 })
    }

    /// The code point of the cipher suite, once the server has chosen it.
    pub(in crate::decrypt) fn suite(&self) -> Option<u16> {
        Some(self.server.as_ref()?.suite)
    }

    /// The code point of the SRTP profile, once it is known.
    pub(in crate::decrypt) fn profile(&self) -> Option<u16> {
        self.profile
    }

    /// The connection ID in what `sender` sends.
    pub(in crate::decrypt) fn connection_id(&self, sender: Side) -> ConnectionId {
        match sender {
            Side::Client => self.connection_ids[0],
            Side::Server => self.connection_ids[1],
        }
    }

    /// The server has answered. Once records were opened by what an earlier answer said, later ones are not believed. Whether
    /// this adds something new.
    pub(in crate::decrypt) fn server_hello(&mut self, hello: ServerHello) -> bool {
        if self.proven || self.server == Some(hello) || self.answers >= MOST_ANSWERS {
            return false;
        }
        self.answers += 1;
        match hello.connection_id {
            Some(id) => self.connection_ids[0] = id,
            None => self.connection_ids = Default::default(),
        }
        self.profile = hello.srtp;
        self.server = Some(hello);
        self.keys_12 = None;
        self.keys_13 = Default::default();
        self.srtp = SrtpState::Waiting;
        self.looked = None;
        true
    }

    /// Whether records were opened by what the server answered.
    pub(in crate::decrypt) fn proven(&self) -> bool {
        self.proven
    }

    /// What was tried with one of its secrets.
    pub(in crate::decrypt) fn tried(&self, label: Label) -> Tried {
        self.tried.get(label as usize).copied().unwrap_or_default()
    }

    /// Counts what was tried with the secret that belongs to it.
    fn count(&mut self, label: Label, opened: bool) {
        if let Some(tried) = self.tried.get_mut(label as usize) {
            tried.add(opened);
        }
    }

    /// An answer that may be this server's: what it opens has to prove it. Gives what is to be put back if it does not.
    pub(in crate::decrypt) fn suppose(&mut self, hello: ServerHello) -> Self {
        let mut supposed =
            Self::new(&ClientHello { random: self.client_random, connection_id: self.connection_ids[1] });
        supposed.server_hello(hello);
        std::mem::replace(self, supposed)
    }

    /// Looks for keys among the secrets unless there is nothing new.
    fn look(&mut self, secrets: &Secrets) {
        if self.looked == Some(secrets.changes()) {
            return;
        }
        self.looked = Some(secrets.changes());
        let Some(server) = self.server else { return };
        let Some(suite) = Suite::of(server.suite) else { return };
        let secret = |label| secrets.get(&self.client_random, label).map(|secret| secret.bytes());
        match self.version() {
            Some(Version::V13) => {
                for (side, epoch, label) in [
                    (0, v13::HANDSHAKE, Label::ClientHandshake),
                    (1, v13::HANDSHAKE, Label::ServerHandshake),
                    (0, v13::APPLICATION, Label::ClientTraffic),
                    (1, v13::APPLICATION, Label::ServerTraffic),
                ] {
                    if let (Some(secret), Some(keys)) = (secret(label), self.keys_13.get_mut(side)) {
                        keys.add(suite, epoch, secret);
                    }
                }
            }
            _ if self.keys_12.is_none() => {
                self.keys_12 = secret(Label::Master).and_then(|master| {
                    let etm = server.encrypt_then_mac;
                    v12::Keys::expand(suite, etm, master, &self.client_random, &server.random)
                });
            }
            _ => {}
        }
        if matches!(self.srtp, SrtpState::Waiting) {
            self.look_for_srtp(secrets);
        }
    }

    fn look_for_srtp(&mut self, secrets: &Secrets) {
        if self.export_srtp(secrets, &mut []).is_none() {
            return;
        }
        let of_13 = self.version() == Some(Version::V13);
        let profiles = match self.profile {
            Some(code) => Profile::of(code).into_iter().collect(),
            // In 1.3 the profile is in a message that may have been lost; in 1.2 there is none then.
            None if of_13 => Profile::ALL.to_vec(),
            None => Vec::new(),
        };
        let contexts = profiles.into_iter().filter_map(|profile| {
            let mut material = [0; 2 * (32 + 14)];
            let material = material.get_mut(..profile.keying_material_length())?;
            self.export_srtp(secrets, material)?;
            let (client, server) = MasterKey::pair(profile, material)?;
            Some([Context::new(&client)?, Context::new(&server)?])
        });
        let contexts = contexts.collect();
        self.srtp = SrtpState::Ready(contexts);
    }

    /// The keying material of RFC 5764 §4.2, as much of it as `out` holds. Nothing while its secret is not known.
    pub(in crate::decrypt) fn export_srtp(&self, secrets: &Secrets, out: &mut [u8]) -> Option<()> {
        let server = self.server?;
        let hash = Suite::of(server.suite)?.hash;
        if self.version() == Some(Version::V13) {
            let secret = secrets.get(&self.client_random, Label::Exporter)?;
            hash.export(secret.bytes(), SRTP_LABEL, out).then_some(())
        } else {
            let secret = secrets.get(&self.client_random, Label::Master)?;
            hash.prf(secret.bytes(), SRTP_LABEL, &[&self.client_random, &server.random], out);
            Some(())
        }
    }

    /// Opens a record of `sender` into `out`.
    pub(in crate::decrypt) fn open(
        &mut self,
        sender: Side,
        record: &Record<'_>,
        secrets: &Secrets,
        out: &mut Vec<u8>,
    ) -> Result<Opened, NotOpened> {
        self.look(secrets);
        let Some(server) = self.server else { return Err(NotOpened::NoSecret) };
        if Suite::of(server.suite).is_none() {
            return Err(NotOpened::Suite(server.suite));
        }
        let opened = match record {
            Record::Plain(plain) => {
                let keys = self.keys_12.as_ref().ok_or(NotOpened::NoSecret)?;
                keys.get(sender as usize).and_then(|keys| keys.open(plain, out))
            }
            Record::Unified(unified) => {
                let keys = self.keys_13.get_mut(sender as usize).ok_or(NotOpened::NoSecret)?;
                let known = match u64::from(unified.epoch_bits()) {
                    v13::HANDSHAKE => keys.has(v13::HANDSHAKE) || keys.has(v13::APPLICATION),
                    _ => keys.has(v13::APPLICATION),
                };
                if !known {
                    return Err(NotOpened::NoSecret);
                }
                keys.open(unified, out)
            }
        };
        self.count(label_of(sender, record), opened.is_some());
        let opened = opened.ok_or(NotOpened::Authentication)?;
        self.proven = true;
        if opened.content == ContentType::Handshake
            && opened.epoch == v13::HANDSHAKE
            && self.version() == Some(Version::V13)
            && sender == Side::Server
        {
            self.encrypted_handshake(out, secrets);
        }
        Ok(opened)
    }

    fn encrypted_handshake(&mut self, plaintext: &[u8], secrets: &Secrets) {
        let mut profile = None;
        let content = Field::new(Span::new(0, plaintext.len()), plaintext);
        for fragment in Fragments::new(content).map_while(Result::ok) {
            if fragment.kind.value == HandshakeType::EncryptedExtensions
                && let Pushed::Whole(message) = self.messages.push(&fragment)
                && let Ok(Body::EncryptedExtensions(extensions)) = message.read(dtls::Version::Dtls13)
            {
                profile = srtp_profile(extensions);
            }
        }
        if profile.is_some() && profile != self.profile {
            self.profile = profile;
            self.look_for_srtp(secrets);
        }
    }

    /// Decrypts an SRTP (or SRTCP) packet of `sender` into `out`.
    pub(in crate::decrypt) fn open_srtp(
        &mut self,
        sender: Side,
        packet: &[u8],
        rtcp: bool,
        secrets: &Secrets,
        out: &mut Vec<u8>,
    ) -> Result<(), NotOpened> {
        self.look(secrets);
        let SrtpState::Ready(contexts) = &mut self.srtp else { return Err(NotOpened::NoSecret) };
        let fits = contexts.iter_mut().position(|sides| {
            let context = match sender {
                Side::Client => &mut sides[0],
                Side::Server => &mut sides[1],
            };
            let opened = if rtcp { context.rtcp(packet, out) } else { context.rtp(packet, out) };
            opened.is_ok()
        });
        // What was not negotiated may be no SRTP, and what is of an unknown profile is not tried.
        if self.profile.is_some_and(|profile| Profile::of(profile).is_some()) {
            let label = if self.version() == Some(Version::V13) { Label::Exporter } else { Label::Master };
            self.count(label, fits.is_some());
        }
        let SrtpState::Ready(contexts) = &mut self.srtp else { return Err(NotOpened::NoSecret) };
        let index = fits.ok_or(NotOpened::Authentication)?;
        if contexts.len() > 1 {
            contexts.swap(0, index);
            contexts.truncate(1);
        }
        Ok(())
    }
}

/// The secret that protects a record.
fn label_of(sender: Side, record: &Record<'_>) -> Label {
    match record {
        Record::Plain(_) => Label::Master,
        Record::Unified(unified) => match (sender, u64::from(unified.epoch_bits()) == v13::HANDSHAKE) {
            (Side::Client, true) => Label::ClientHandshake,
            (Side::Client, false) => Label::ClientTraffic,
            (Side::Server, true) => Label::ServerHandshake,
            (Side::Server, false) => Label::ServerTraffic,
        },
    }
}
