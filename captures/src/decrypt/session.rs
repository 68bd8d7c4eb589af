//! Following what passes a place of observation, and giving the plaintext as soon as the secrets allow.

use super::associations::Associations;
use super::data::{AssociationId, AssociationInfo, Clear, Content, Datagram, Failure, Limits, Outcome};
use super::dtls::{ClientHello, NotOpened, Opened, ServerHello, Side, Tried};
use super::orphans::Orphans;
use super::path::{Link, Meta, Path, PathKey};
use super::secrets::{Label, Secrets};
use super::srtp::{Context, MasterKey};
use crate::hash::Ordered;
use crate::wire::demux::{self, Class};
use crate::wire::dtls::handshake::{Body, Fragments, HandshakeType, Pushed};
use crate::wire::dtls::{self, Record};
use crate::wire::turn;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Associations whose keys are tried on a path that has none of its own, newest first.
const ADOPTION_TRIES: usize = 8;
/// How often a packet that waits is tried: what waits through more secrets and hellos than this is given up.
const MOST_TRIES: u32 = 1_024;
/// Failed packets after which that is given up on a path.
const MOST_MISSES: u32 = 1_024;

/// Decrypts what passes one place of observation: any number of paths and associations. See the [module](super).
pub struct Session {
    limits: Limits,
    secrets: Secrets,
    associations: Associations,
    paths: Ordered<PathKey, Path>,
    orphans: Orphans,
    /// The SRTP keys given directly, in their order.
    direct: Vec<Direct>,
    /// Packets of SRTP and SRTCP that these were tried on.
    direct_tried: u64,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    dropped: u64,
    evicted: usize,
    /// How often what is being tried has been tried before.
    tries: u32,
    scratch: Vec<u8>,
}

/// An SRTP key given directly.
struct Direct {
    context: Context,
    /// Packets that it opened.
    opened: u64,
}

struct Waiting {
    meta: Meta,
    bytes: Box<[u8]>,
    /// How often it has been tried.
    tries: u32,
}

/// What is protected.
#[derive(Clone, Copy)]
enum Protected<'a> {
    Record(&'a Record<'a>),
    Srtp { packet: &'a [u8], rtcp: bool },
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("associations", &self.associations.len())
            .field("paths", &self.paths.len())
            .field("waiting", &self.waiting.len())
            .field("dropped", &self.dropped)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A session with the default limits.
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// A session.
    pub fn with_limits(limits: Limits) -> Self {
        Self {
            limits: Limits { paths: limits.paths.max(1), ..limits },
            secrets: Secrets::new(),
            associations: Associations::with_limit(limits.associations),
            paths: Ordered::default(),
            orphans: Orphans::default(),
            direct: Vec::new(),
            direct_tried: 0,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            dropped: 0,
            evicted: 0,
            tries: 0,
            scratch: Vec::new(),
        }
    }

    /// The secrets it has.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// What was tried with a secret of the handshake with this client random; nothing if there was no such handshake.
    pub fn tried(&self, client_random: &[u8; 32], label: Label) -> Option<Tried> {
        Some(self.associations.with_random(client_random)?.tried(label))
    }

    /// Packets that wait for secrets.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Packets that would have waited but had no room, or waited through too many secrets and hellos.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The associations that it follows, oldest first.
    pub fn associations(&self) -> impl Iterator<Item = AssociationInfo> + '_ {
        self.associations.infos()
    }

    /// What is known of an association.
    pub fn association(&self, id: AssociationId) -> Option<AssociationInfo> {
        self.associations.info(id)
    }

    /// The SRTP keying material of an association (RFC 5764 §4.2). `out` must have the length that the profile asks for: with
    /// DTLS 1.3 all of the output depends on how much of it there is. False while the secret that it follows from is not known.
    pub fn srtp_keying_material(&self, id: AssociationId, out: &mut [u8]) -> bool {
        self.associations
            .get(id)
            .is_some_and(|association| association.export_srtp(&self.secrets, out).is_some())
    }

    /// Takes in lines of a key log and gives what waited for them. Returns how many secrets were new.
    pub fn key_log(&mut self, log: &[u8], sink: &mut dyn FnMut(Clear<'_>)) -> usize {
        let (added, _) = self.secrets.add_key_log(log);
        if added > 0 {
            self.flush(sink);
        }
        added
    }

    /// Takes in an SRTP master key that came by another way than DTLS. False if there is no room for it.
    pub fn srtp_key(&mut self, key: MasterKey) -> bool {
        let known = self.secrets.srtp().len();
        let room = self.secrets.add_srtp(key);
        if self.secrets.srtp().len() > known {
            self.direct.extend(Context::new(&key).map(|context| Direct { context, opened: 0 }));
        }
        room
    }

    /// How many packets each SRTP key given directly opened, in their order, and on how many they were tried.
    pub fn srtp_keys_used(&self) -> (impl Iterator<Item = u64>, u64) {
        (self.direct.iter().map(|direct| direct.opened), self.direct_tried)
    }

    /// Takes in a datagram, in the order of time, and gives what can be opened of it (and of those that waited for it).
    pub fn datagram(&mut self, datagram: &Datagram<'_>, sink: &mut dyn FnMut(Clear<'_>)) -> Outcome {
        let Datagram { time_ns, frame, from, to, payload } = *datagram;
        let mut meta = Meta { time_ns, frame, from, to, relayed: None };
        let mut payload = payload;
        if matches!(demux::class(payload), Class::TurnChannel | Class::Stun) {
            let Some(relayed) = turn::relayed(payload) else { return Outcome::NotProtected };
            meta.relayed = Some(relayed.peer.value);
            payload = relayed.data.value;
        }
        self.protected(&meta, payload, sink)
    }

    fn protected(&mut self, meta: &Meta, payload: &[u8], sink: &mut dyn FnMut(Clear<'_>)) -> Outcome {
        match demux::class(payload) {
            Class::Dtls => self.dtls(meta, payload, sink),
            class @ (Class::Rtp | Class::Rtcp) => {
                let what = Protected::Srtp { packet: payload, rtcp: class == Class::Rtcp };
                self.open(meta, what, payload, sink)
            }
            _ => Outcome::NotProtected,
        }
    }

    fn dtls(&mut self, meta: &Meta, payload: &[u8], sink: &mut dyn FnMut(Clear<'_>)) -> Outcome {
        let mut outcome = Outcome::NotProtected;
        let records = dtls::Datagram::at(payload, 0, self.connection_id(meta, payload)).records();
        for record in records.map_while(Result::ok) {
            if record.is_plaintext() {
                if let Some(fragments) = record.fragments()
                    && self.hello(meta, fragments)
                {
                    self.flush(sink);
                }
                continue;
            }
            let bytes = payload.get(record.range().range()).unwrap_or_default();
            outcome = outcome.max(self.open(meta, Protected::Record(&record), bytes, sink));
        }
        outcome
    }

    /// Length of the connection IDs in a datagram of DTLS that goes this way, in bytes: what its receiver asked for in its hello
    /// (RFC 9146 §3, RFC 9147 §9). Zero while no handshake was seen, and for what is no DTLS.
    pub fn connection_id_length(&self, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> usize {
        if demux::class(payload) != Class::Dtls {
            return 0;
        }
        self.connection_id(&Meta { time_ns: 0, frame: 0, from, to, relayed: None }, payload)
    }

    fn connection_id(&self, meta: &Meta, payload: &[u8]) -> usize {
        let link = self.paths.get(&meta.key()).and_then(|path| path.link);
        let known = link.and_then(|link| {
            let association = self.associations.get(link.association)?;
            Some(association.connection_id(link.sender(meta)).length)
        });
        match known {
            None | Some(0) => self.connection_id_in(payload),
            Some(length) => length,
        }
    }

    /// The same where the handshake, or the server's answer, took another path: connection IDs show by themselves whose they are
    /// (RFC 9146 §6).
    fn connection_id_in(&self, payload: &[u8]) -> usize {
        let Some(bytes) = dtls::record::from_connection_id(payload) else { return 0 };
        let ids = self.associations.connection_ids(ADOPTION_TRIES);
        let mut ids = ids.chain(self.orphans.connection_ids());
        ids.find(|id| id.begins(bytes)).map_or(0, |id| id.length)
    }

    /// Reads hello messages from a plaintext handshake record. Whether something may be opened now that could not before.
    fn hello(&mut self, meta: &Meta, fragments: Fragments<'_>) -> bool {
        let path = self.path(meta.key());
        let [low, high] = &mut path.hellos;
        let reassembly = if meta.sent_by_low() { low } else { high };
        let (mut client, mut server) = (None, None);
        for fragment in fragments.map_while(Result::ok) {
            let is_hello =
                matches!(fragment.kind.value, HandshakeType::ClientHello | HandshakeType::ServerHello);
            if is_hello && let Pushed::Whole(message) = reassembly.push(&fragment) {
                match message.read(dtls::Version::Dtls12) {
                    Ok(Body::ClientHello(hello)) => client = Some(ClientHello::of(&hello)),
                    Ok(Body::ServerHello(hello)) => server = ServerHello::of(&hello),
                    _ => {}
                }
            }
        }
        if let Some(hello) = client {
            let association = self.associations.of(&hello);
            self.path(meta.key()).link = Some(Link { association, client_is_low: meta.sent_by_low() });
        }
        let Some(hello) = server else { return false };
        let changed = match self.path(meta.key()).link {
            Some(link) if link.sender(meta) == Side::Client => return false,
            Some(link) => self.answered(link.association, hello),
            None => self.orphans.keep(meta, hello),
        };
        // All that waits is tried again, so only when that may help.
        changed && !self.waiting.is_empty()
    }

    /// The server of an association has answered. Whether its secrets are known and may now be of use.
    fn answered(&mut self, id: AssociationId, hello: ServerHello) -> bool {
        let Some(association) = self.associations.get_mut(id) else { return false };
        let (changed, random) = (association.server_hello(hello), association.client_random);
        changed && self.secrets.know(&random)
    }

    fn path(&mut self, key: PathKey) -> &mut Path {
        if self.paths.len() >= self.limits.paths && !self.paths.contains_key(&key) {
            self.evicted = (self.evicted + 1) % self.paths.len();
            self.paths.swap_remove_index(self.evicted);
        }
        self.paths.entry(key).or_default()
    }

    /// Opens something and hands it on, or lets it wait.
    fn open(
        &mut self,
        meta: &Meta,
        what: Protected<'_>,
        bytes: &[u8],
        sink: &mut dyn FnMut(Clear<'_>),
    ) -> Outcome {
        // Nothing can be opened, and enough waits already.
        if self.secrets.are_none() && !self.waiting.is_empty() && !self.has_room(bytes) {
            self.dropped += 1;
            return Outcome::Failed(Failure::NoSecret);
        }
        let mut out = std::mem::take(&mut self.scratch);
        let opened = self.find_and_open(meta, what, &mut out);
        let outcome = match opened {
            Ok((content, by)) => {
                sink(Clear {
                    time_ns: meta.time_ns,
                    frame: meta.frame,
                    from: meta.from,
                    to: meta.to,
                    relayed: meta.relayed,
                    association: by.map(|(association, _)| association),
                    sender: by.map(|(_, side)| side),
                    content,
                    bytes: &out,
                });
                Outcome::Opened
            }
            Err(Failure::NoSecret) => self.wait(meta, bytes),
            Err(failure) => Outcome::Failed(failure),
        };
        self.scratch = out;
        outcome
    }

    fn find_and_open(
        &mut self,
        meta: &Meta,
        what: Protected<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(Content, Option<(AssociationId, Side)>), Failure> {
        let key = meta.key();
        let (link, misses) = self.paths.get(&key).map_or((None, 0), |path| (path.link, path.misses));
        let mut failure = Failure::NoHandshake;
        if let Some(link) = link {
            let sender = link.sender(meta);
            match self.open_by(link.association, sender, what, out) {
                Some(Ok(content)) => return Ok((content, Some((link.association, sender)))),
                Some(Err(NotOpened::Suite(suite))) => failure = Failure::Suite(suite),
                Some(Err(NotOpened::Authentication)) => failure = Failure::Authentication,
                Some(Err(NotOpened::NoSecret)) => failure = Failure::NoSecret,
                None => {}
            }
            if let Some(content) = self.open_by_orphan(link.association, sender, what, out) {
                return Ok((content, Some((link.association, sender))));
            }
            if let Some(content) = self.open_directly(what, out) {
                return Ok((content, None));
            }
            if failure == Failure::NoSecret {
                return Err(failure);
            }
            // Who takes the other side's write key (RFC 5764 §4.2) has to be distinguished from who has none.
            if matches!(what, Protected::Srtp { .. })
                && let Some(Ok(content)) = self.open_by(link.association, sender.other(), what, out)
            {
                return Ok((content, Some((link.association, sender.other()))));
            }
        } else {
            if let Some(content) = self.open_directly(what, out) {
                return Ok((content, None));
            }
            if self.orphans.on(&key) {
                failure = Failure::NoSecret;
            }
        }
        // An association may move to another path, and its handshake may not have been on this one.
        if misses < MOST_MISSES {
            let linked = link.map(|link| link.association);
            for id in self.associations.newest(ADOPTION_TRIES) {
                if Some(id) == linked {
                    continue;
                }
                for sender in [Side::Client, Side::Server] {
                    let content = match self.open_by(id, sender, what, out) {
                        Some(Ok(content)) => Some(content),
                        _ => self.open_by_orphan(id, sender, what, out),
                    };
                    if let Some(content) = content {
                        let client_is_low = meta.sent_by_low() == (sender == Side::Client);
                        self.path(key).link = Some(Link { association: id, client_is_low });
                        return Ok((content, Some((id, sender))));
                    }
                }
            }
            if self.associations.len() > 0 {
                self.path(key).misses = misses + 1;
            }
        }
        Err(failure)
    }

    /// Opens SRTP with a key that was given directly, whatever the handshake says: that its secret is not known may be why it was given.
    fn open_directly(&mut self, what: Protected<'_>, out: &mut Vec<u8>) -> Option<Content> {
        let Protected::Srtp { packet, rtcp } = what else { return None };
        // What waits is tried again, and counts once.
        self.direct_tried += u64::from(self.tries == 0 && !self.direct.is_empty());
        for Direct { context, opened } in &mut self.direct {
            let tried = if rtcp { context.rtcp(packet, out) } else { context.rtp(packet, out) };
            if tried.is_ok() {
                *opened += 1;
                return Some(if rtcp { Content::Rtcp } else { Content::Rtp });
            }
        }
        None
    }

    fn open_by(
        &mut self,
        id: AssociationId,
        sender: Side,
        what: Protected<'_>,
        out: &mut Vec<u8>,
    ) -> Option<Result<Content, NotOpened>> {
        let association = self.associations.get_mut(id)?;
        Some(match what {
            Protected::Record(record) => association.open(sender, record, &self.secrets, out).map(
                |Opened { content, epoch, sequence }| Content::Dtls {
                    content_type: content.raw(),
                    epoch,
                    sequence,
                },
            ),
            Protected::Srtp { packet, rtcp } => association
                .open_srtp(sender, packet, rtcp, &self.secrets, out)
                .map(|()| if rtcp { Content::Rtcp } else { Content::Rtp }),
        })
    }

    /// Opens something if one of the answers without an association is that of this one.
    fn open_by_orphan(
        &mut self,
        id: AssociationId,
        sender: Side,
        what: Protected<'_>,
        out: &mut Vec<u8>,
    ) -> Option<Content> {
        let association = self.associations.get_mut(id)?;
        let (proven, random) = (association.proven(), association.client_random);
        if proven || !self.secrets.know(&random) {
            return None;
        }
        for nth in 0.. {
            let orphan = self.orphans.attempt(nth)?;
            let before = self.associations.get_mut(id)?.suppose(orphan.hello);
            if let Some(Ok(content)) = self.open_by(id, sender, what, out) {
                self.orphans.adopted(nth);
                let link = Link { association: id, client_is_low: !orphan.server_is_low };
                self.path(orphan.path).link = Some(link);
                return Some(content);
            }
            *self.associations.get_mut(id)? = before;
        }
        None
    }

    /// Whether a packet of these bytes may wait.
    fn has_room(&self, bytes: &[u8]) -> bool {
        self.waiting.len() < self.limits.waiting
            && bytes.len() <= self.limits.waiting_bytes.saturating_sub(self.waiting_bytes)
    }

    fn wait(&mut self, meta: &Meta, bytes: &[u8]) -> Outcome {
        if !self.has_room(bytes) || self.tries >= MOST_TRIES {
            self.dropped += 1;
            return Outcome::Failed(Failure::NoSecret);
        }
        self.waiting_bytes += bytes.len();
        self.waiting.push_back(Waiting { meta: *meta, bytes: bytes.into(), tries: self.tries });
        Outcome::Waiting
    }

    /// Tries again what waits, in its order.
    fn flush(&mut self, sink: &mut dyn FnMut(Clear<'_>)) {
        self.waiting_bytes = 0;
        for Waiting { meta, bytes, tries } in std::mem::take(&mut self.waiting) {
            self.tries = tries + 1;
            self.protected(&meta, &bytes, sink);
        }
        self.tries = 0;
    }
}
