//! The pass itself.

use super::defects::{Defect, Watch};
use super::observation::{Ends, Follow, Layer, Observation, Opened, Path};
use super::servers::{Between, LearnedAddresses, Servers};
use crate::decrypt::secrets::{Label, Secret};
use crate::decrypt::srtp::MasterKey;
use crate::decrypt::{Clear, Datagram, Outcome, Session, Tried};
use crate::ends::BothEnds;
use crate::file::{Direction, Frame, LinkType, SECRETS_TLS_KEY_LOG, Secrets, Stop};
use crate::hash::Ordered;
use crate::link::{self, Network, TransportPacket};
use crate::tap::{IN_CLEAR, Tap};
use crate::wire::demux::{self, Class};
use crate::wire::field::Span;
use indexmap::IndexMap;
use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};

/// Most places of observation (interfaces) that are kept apart.
pub const PLACES: usize = 64;

/// So soon after a packet the same bytes are its copy and no retransmission, in nanoseconds. Retransmissions of STUN come after 500 ms
/// (RFC 8489 §6.2.1), those of DTLS after 50 ms at the earliest in WebRTC; SRTP and protected records are never the same.
const COPY_WITHIN: u64 = 8_000_000;
/// Most packets among which copies are looked for.
const RECENT: usize = 4_096;
/// Most bytes of key logs kept for places of observation that come up later.
const KEY_LOG: usize = 16 << 20;

/// Takes in what an [`Observer`] sees.
pub trait Sink {
    /// A datagram. What is to be done about its protection.
    fn datagram(&mut self, seen: &Observation<'_>) -> Follow;

    /// Plaintext, of the last datagram or of one before.
    fn opened(&mut self, opened: &Opened<'_>);

    /// What became of the protection of the last datagram, if it was to be opened. `connection_id` is the length of the connection
    /// IDs in its DTLS records in bytes, as far as the handshake was seen.
    fn outcome(&mut self, seen: &Observation<'_>, outcome: Outcome, connection_id: usize) {
        let _ = (seen, outcome, connection_id);
    }
}

/// A place of observation.
#[derive(Debug)]
struct ObservedPlace {
    session: Session,
    servers: Servers,
}

/// Follows the frames of a capture. See the [module](super).
#[derive(Debug, Default)]
pub struct Observer {
    network: Network,
    last_ns: u64,
    places: Places,
    watch: Watch,
}

/// All places of observation.
#[derive(Debug, Default)]
struct Places {
    /// Whether each interface is a peer's own, so that the direction distinguishes a client from its server.
    taps: bool,
    ends: Option<BothEnds>,
    all: Vec<ObservedPlace>,
    place_of: Ordered<Option<usize>, usize>,
    names: IndexMap<usize, String>,
    key_log: Vec<u8>,
    srtp_keys: Vec<MasterKey>,
    recent: Recent,
}

/// The newest packets, by time and hash: some captures show packets twice.
#[derive(Debug, Default)]
struct Recent {
    order: VecDeque<(u64, u64)>,
    hashes: HashSet<u64>,
}

impl Recent {
    /// Whether what has that hash was there shortly before.
    fn has(&mut self, ns: u64, hash: u64) -> bool {
        while let Some((seen, oldest)) = self.order.front()
            && (ns.saturating_sub(*seen) > COPY_WITHIN || self.order.len() >= RECENT)
        {
            self.hashes.remove(oldest);
            self.order.pop_front();
        }
        let is_known = !self.hashes.insert(hash);
        if !is_known {
            self.order.push_back((ns, hash));
        }
        is_known
    }
}

impl Observer {
    /// An observer of any capture, without secrets yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// An observer of a capture each of whose interfaces is at one peer, with directions: what leaves, leaves that peer.
    pub fn of_taps() -> Self {
        Self { places: Places { taps: true, ..Places::default() }, ..Self::default() }
    }

    /// Names the interface with that index. One that is called like another with ` in clear` behind holds the plaintext of
    /// what the other one saw: both are one place, and so are all taps of one peer ([`Tap`]), since its connection may go from one
    /// to the other.
    pub fn interface(&mut self, index: usize, name: &str) {
        if self.places.names.len() < PLACES {
            self.places.names.insert(index, name.to_owned());
        }
    }

    /// Says which interfaces are at the ends of connections: their packets have directions then, whatever the capture says.
    pub fn at_both_ends(&mut self, ends: BothEnds) {
        self.places.ends = Some(ends);
    }

    /// Says that an interface is at the place of that number. Without it each is a place of its own.
    pub fn at_place(&mut self, interface: usize, place: usize) {
        if place < PLACES && self.places.place_of.len() < PLACES {
            while self.places.all.len() <= place {
                self.places.begin();
            }
            self.places.place_of.insert(Some(interface), place);
        }
    }

    /// Takes in lines of a key log (NSS format). Best before the packets that they open; later ones open what waits.
    pub fn key_log(&mut self, log: &[u8], sink: &mut dyn Sink) {
        let known = &mut self.places.key_log;
        if known.len() + log.len() < KEY_LOG {
            known.extend_from_slice(log);
            known.push(b'\n');
        }
        for (index, place) in self.places.all.iter_mut().enumerate() {
            let ObservedPlace { session, servers } = place;
            session.key_log(log, &mut |clear| sink.opened(&opened(index, servers, &clear)));
        }
    }

    /// Takes in a secrets block of the capture. Whether it is of a type that is understood.
    pub fn secrets(&mut self, secrets: &Secrets<'_>, sink: &mut dyn Sink) -> bool {
        let is_understood = secrets.kind == SECRETS_TLS_KEY_LOG;
        if is_understood {
            self.key_log(secrets.data, sink);
        }
        is_understood
    }

    /// Takes in an SRTP master key that came by another way than DTLS.
    pub fn srtp_key(&mut self, key: MasterKey) {
        for place in &mut self.places.all {
            place.session.srtp_key(key);
        }
        self.places.srtp_keys.push(key);
    }

    /// Handshakes and SRTP keys whose secrets are known.
    pub fn secrets_known(&self) -> u64 {
        self.places.all.first().map_or(0, |place| {
            let secrets = place.session.secrets();
            (secrets.handshakes() + secrets.srtp().len()) as u64
        })
    }

    /// The secret with which the handshake with this client random is opened, and what was tried with it at all places; nothing if there was
    /// no such handshake.
    pub fn tried(&self, client_random: &[u8; 32], label: Label) -> Option<(Secret, Tried)> {
        let mut all = self.places.all.iter().filter_map(|place| place.session.tried(client_random, label));
        let mut sum = all.next()?;
        all.for_each(|tried| sum += tried);
        let secret = self.places.all.first()?.session.secrets().get(client_random, label)?;
        Some((*secret, sum))
    }

    /// How many packets each SRTP key opened, in the order in which they were given, and on how many they were tried.
    pub fn srtp_keys_used(&self) -> (Vec<u64>, u64) {
        let (mut opened, mut tried) = (Vec::new(), 0);
        for place in &self.places.all {
            let (of_place, tried_there) = place.session.srtp_keys_used();
            tried += tried_there;
            for (n, count) in of_place.enumerate() {
                match opened.get_mut(n) {
                    Some(sum) => *sum += count,
                    None => opened.push(count),
                }
            }
        }
        (opened, tried)
    }

    /// The addresses that the clients at a place of observation learned of servers.
    pub fn learned(&self, place: usize) -> Option<&LearnedAddresses> {
        self.places.all.get(place).map(|place| place.servers.learned())
    }

    /// Takes in a frame of a capture file.
    pub fn frame(&mut self, frame: &Frame<'_>, sink: &mut dyn Sink) -> link::Outcome {
        let time_ns = frame.time_ns.unwrap_or(self.last_ns);
        let seen = Seen {
            frame: frame.number,
            time_ns,
            interface: frame.interface,
            direction: frame.direction,
            is_cooked: matches!(frame.link, LinkType::LINUX_SLL | LinkType::LINUX_SLL2),
        };
        self.watch.frame(frame);
        self.bytes(frame.link, seen, frame.data, sink)
    }

    /// What makes the capture less than what was on the wire, as far as its frames show it and where reading stopped.
    pub fn defects(&self, stop: Option<&Stop>) -> Vec<Defect> {
        self.watch.defects(stop)
    }

    /// Takes in the bytes of a frame, by its number and time in nanoseconds since 1970.
    pub fn packet(
        &mut self,
        frame: u64,
        time_ns: u64,
        link: LinkType,
        bytes: &[u8],
        sink: &mut dyn Sink,
    ) -> link::Outcome {
        let is_cooked = matches!(link, LinkType::LINUX_SLL | LinkType::LINUX_SLL2);
        let seen = Seen { frame, time_ns, interface: None, direction: None, is_cooked };
        self.bytes(link, seen, bytes, sink)
    }

    fn bytes(&mut self, link: LinkType, seen: Seen, bytes: &[u8], sink: &mut dyn Sink) -> link::Outcome {
        self.last_ns = seen.time_ns;
        let (places, watch) = (&mut self.places, &mut self.watch);
        self.network.bytes(link, seen.interface, bytes, &mut |packet| {
            if places.take(&seen, packet, sink) {
                watch.copy(seen.frame);
            }
        })
    }

    /// Takes in a packet without the headers around it.
    #[cfg(test)]
    pub(crate) fn bare(
        &mut self,
        frame: u64,
        time_ns: u64,
        interface: Option<usize>,
        packet: &TransportPacket<'_>,
        sink: &mut dyn Sink,
    ) {
        self.last_ns = time_ns;
        let seen = Seen { frame, time_ns, interface, direction: None, is_cooked: false };
        self.places.take(&seen, packet, sink);
    }
}

impl Places {
    /// Takes in a packet. Whether it is a copy of one before.
    fn take(&mut self, seen: &Seen, packet: &TransportPacket<'_>, sink: &mut dyn Sink) -> bool {
        // At a tap a packet that is there twice was sent or came twice.
        let is_copy = !self.taps && self.is_copy(seen, packet);
        let index = self.place(seen.interface);
        let sent = match seen.direction {
            Some(direction) if self.taps => Some(direction == Direction::Outbound),
            _ => None,
        };
        let Some(ObservedPlace { session, servers }) = self.all.get_mut(index) else { return is_copy };
        let (from, to, bytes) = (packet.from, packet.to, packet.payload);
        let ends = Ends { from, to, via: None };
        let range = Span::new(0, bytes.len());
        let outer = Layer { ends, class: demux::class(bytes), range, bytes };
        let mut observation = Observation {
            frame: seen.frame,
            time_ns: seen.time_ns,
            interface: seen.interface,
            place: index,
            direction: self
                .ends
                .as_ref()
                .and_then(|it| it.direction(seen.interface, from.ip(), to.ip()))
                .or(seen.direction),
            transport: packet.transport,
            outer,
            inner: outer,
            path: Path::Direct,
            source: packet.source,
            is_cut: packet.cut,
            is_copy,
            connection_id: 0,
            carried_by: packet.carried_by,
        };
        if observation.is_plaintext() || is_copy {
            sink.datagram(&observation);
            return is_copy;
        }
        match servers.pass(sent, ends, outer.class, bytes) {
            Between::Peers => {}
            Between::Server => observation.path = Path::Server,
            Between::Relayed(relayed) => {
                observation.path = Path::Relayed(relayed.relay);
                let bytes = relayed.data.value;
                let class = demux::class(bytes);
                observation.inner = Layer { ends: relayed.ends, class, range: relayed.data.range, bytes };
            }
        }
        if observation.inner.class == Class::Dtls {
            observation.connection_id = session.connection_id_length(from, to, observation.inner.bytes);
        }
        let datagram =
            |from, to, payload| Datagram { time_ns: seen.time_ns, frame: seen.frame, from, to, payload };
        let datagram = match sink.datagram(&observation) {
            Follow::No => return is_copy,
            Follow::ByAddress => datagram(from, to, bytes),
            Follow::As { path, forth } => {
                let (from, to) = ends_of(path, forth);
                datagram(from, to, observation.inner.bytes)
            }
        };
        let connection_id = match observation.inner.class {
            Class::Dtls => session.connection_id_length(datagram.from, datagram.to, observation.inner.bytes),
            _ => 0,
        };
        let outcome = session.datagram(&datagram, &mut |clear| sink.opened(&opened(index, servers, &clear)));
        sink.outcome(&observation, outcome, connection_id);
        is_copy
    }

    /// Whether a packet is the second sight of one: by a capture on all interfaces of a machine, which shows packets to its own
    /// address when they leave and when they arrive, or by one that records frames twice, as a mirrored port does, in one direction or both.
    fn is_copy(&mut self, seen: &Seen, packet: &TransportPacket<'_>) -> bool {
        // Interfaces that are described one by one are places of their own.
        let place = (!seen.is_cooked).then_some(seen.interface);
        let mut hasher = DefaultHasher::new();
        (place, packet.from, packet.to, packet.payload, packet.carried_by).hash(&mut hasher);
        self.recent.has(seen.time_ns, hasher.finish())
    }

    /// Adds a place that knows all secrets so far.
    fn begin(&mut self) {
        let mut session = Session::new();
        session.key_log(&self.key_log, &mut |_| {});
        for key in &self.srtp_keys {
            session.srtp_key(*key);
        }
        self.all.push(ObservedPlace { session, servers: Servers::default() });
    }

    fn place(&mut self, interface: Option<usize>) -> usize {
        if let Some(place) = self.place_of.get(&interface) {
            return *place;
        }
        let wire = interface.and_then(|index| {
            let name = self.names.get(&index)?.strip_suffix(IN_CLEAR)?;
            self.names.iter().find(|(_, other)| other.as_str() == name).map(|(index, _)| *index)
        });
        let known = wire.and_then(|index| self.place_of.get(&Some(index)).copied());
        let place = match known.or_else(|| self.of_same_peer(interface?)) {
            Some(place) => place,
            None if self.all.len() >= PLACES => self.all.len() - 1,
            None => {
                self.begin();
                self.all.len() - 1
            }
        };
        if self.place_of.len() < PLACES {
            self.place_of.insert(interface, place);
            if let Some(wire) = wire {
                self.place_of.insert(Some(wire), place);
            }
        }
        place
    }
}

impl Places {
    /// The place of another tap of the peer whose tap that interface is.
    fn of_same_peer(&self, interface: usize) -> Option<usize> {
        let name = self.names.get(&interface)?;
        let owner = Tap::of(name)?.owner;
        // Interfaces of the same name are of several recordings in one file.
        let others = self.names.iter().filter(|(_, other)| *other != name);
        let mut same = others.filter(|(_, other)| Tap::of(other).is_some_and(|tap| tap.owner == owner));
        same.find_map(|(index, _)| self.place_of.get(&Some(*index)).copied())
    }
}

/// Where and when a frame was seen.
#[derive(Debug, Clone, Copy)]
struct Seen {
    frame: u64,
    time_ns: u64,
    interface: Option<usize>,
    direction: Option<Direction>,
    is_cooked: bool,
}

/// Addresses for a path that is followed whatever its addresses are. Their scope distinguishes them from those of packets, which have none.
fn ends_of(path: u32, forth: bool) -> (SocketAddr, SocketAddr) {
    let [one, other] =
        [1, 2].map(|port| SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::from(u128::from(path)), port, 0, PATH)));
    if forth { (one, other) } else { (other, one) }
}

/// The scope of such addresses.
const PATH: u32 = 1;

fn path_of(address: SocketAddr) -> Option<u32> {
    match address {
        SocketAddr::V6(address) if address.scope_id() == PATH => {
            u32::try_from(u128::from(*address.ip())).ok()
        }
        _ => None,
    }
}

fn opened<'a>(place: usize, servers: &Servers, clear: &Clear<'a>) -> Opened<'a> {
    let outer = Ends { from: clear.from, to: clear.to, via: None };
    Opened {
        frame: clear.frame,
        time_ns: clear.time_ns,
        place,
        path: path_of(clear.from),
        outer: (clear.from, clear.to),
        ends: clear.relayed.map_or(outer, |peer| servers.behind(outer, peer)),
        association: clear.association,
        sender: clear.sender,
        content: clear.content,
        bytes: clear.bytes,
    }
}
