//! The packets of a connection as they are read: a log in the store beside their bytes. What stays in memory meanwhile does not grow with
//! the packets, so that a capture of many connections takes no more than the largest of them.

use super::bytes::{Bytes, MakeStore, Shelf, Store};
use super::wire::{Clear, Kind, Packet, Protection, ServerMessage, Way, Wire};
use peerproof_captures::decrypt::Side;
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::rtp;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

/// Something that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// A packet: the number of its way, where its bytes are.
    Packet { way: u32, frame: u64, t_us: u64, bytes: Stored },
    /// A message between a peer and a server of it.
    Server { way: u32, frame: u64, t_us: u64, bytes: Stored },
    /// What became of the protection of the last packet.
    Outcome { protection: Protection, cid_length: u8 },
    /// Plaintext of a packet of that frame.
    Clear { frame: u64, kind: Kind, key_of: Option<Side>, bytes: Stored },
}

/// Where bytes are in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) at: u64,
    pub(super) length: u32,
}

/// Words of an entry.
const WORDS: usize = 5;
/// Bytes of an entry.
const ENTRY: usize = WORDS * 8;
/// Entries that are put into the store at once.
const BLOCK: usize = 100;

impl Entry {
    fn words(&self) -> [u64; WORDS] {
        // Sixteen bits for the kind, sixteen for details, 32 for a way or length.
        let head = |kind: u64, detail: u64, rest: u32| kind | detail << 16 | u64::from(rest) << 32;
        match *self {
            Self::Packet { way, frame, t_us, bytes } => {
                [head(0, 0, way), frame, t_us, bytes.at, bytes.length.into()]
            }
            Self::Server { way, frame, t_us, bytes } => {
                [head(1, 0, way), frame, t_us, bytes.at, bytes.length.into()]
            }
            Self::Outcome { protection, cid_length } => {
                let protection = match protection {
                    Protection::None => 0,
                    Protection::Opened => 1,
                    Protection::NoSecret => 2,
                    Protection::Forged => 3,
                };
                [head(2, protection << 8 | u64::from(cid_length), 0), 0, 0, 0, 0]
            }
            Self::Clear { frame, kind, key_of, bytes } => {
                let key = match key_of {
                    None => 0,
                    Some(Side::Client) => 1,
                    Some(Side::Server) => 2,
                };
                let (kind, content_type, epoch, sequence) = match kind {
                    Kind::Rtp => (3, 0, 0, 0),
                    Kind::Rtcp => (4, 0, 0, 0),
                    Kind::Record { content_type, epoch, sequence } => (5, content_type, epoch, sequence),
                };
                let detail = key << 8 | u64::from(content_type);
                [head(kind, detail, bytes.length), frame, sequence, bytes.at, epoch]
            }
        }
    }

    /// Where its bytes are, if it has some.
    const fn stored(&self) -> Option<Stored> {
        match self {
            Self::Packet { bytes, .. } | Self::Server { bytes, .. } | Self::Clear { bytes, .. } => {
                Some(*bytes)
            }
            Self::Outcome { .. } => None,
        }
    }

    /// The same, with its bytes from there on.
    const fn moved(mut self, to: u64) -> Self {
        match &mut self {
            Self::Packet { bytes, .. } | Self::Server { bytes, .. } | Self::Clear { bytes, .. } => {
                bytes.at = to;
            }
            Self::Outcome { .. } => {}
        }
        self
    }

    fn of([head, one, two, three, four]: [u64; WORDS]) -> Self {
        let low = |word: u64| u32::try_from(word & u64::from(u32::MAX)).unwrap_or_default();
        let byte = |word: u64| u8::try_from(word & 0xff).unwrap_or_default();
        let rest = low(head >> 32);
        let bytes = Stored { at: three, length: low(four) };
        let detail = head >> 16;
        match head & 0xffff {
            0 => Self::Packet { way: rest, frame: one, t_us: two, bytes },
            1 => Self::Server { way: rest, frame: one, t_us: two, bytes },
            2 => {
                let protection = match byte(detail >> 8) {
                    0 => Protection::None,
                    1 => Protection::Opened,
                    2 => Protection::NoSecret,
                    _ => Protection::Forged,
                };
                Self::Outcome { protection, cid_length: byte(detail) }
            }
            kind => {
                let kind = match kind {
                    3 => Kind::Rtp,
                    4 => Kind::Rtcp,
                    _ => Kind::Record { content_type: byte(detail), epoch: four, sequence: two },
                };
                let key_of = match byte(detail >> 8) {
                    0 => None,
                    1 => Some(Side::Client),
                    _ => Some(Side::Server),
                };
                Self::Clear { frame: one, kind, key_of, bytes: Stored { at: three, length: rest } }
            }
        }
    }
}

/// The packets of a connection so far.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Datagrams that were seen, those that are not kept among them.
    pub(super) seen: u64,
    /// The frame of the first packet that is not kept, since there are too many: what follows is not kept either.
    pub(super) cut: Option<u64>,
    /// Whether some are hidden behind a TURN server: see [`Wire`].
    pub(super) hidden: bool,
    /// Packets and messages that are kept, and the STUN messages among them.
    kept: usize,
    kept_stun: usize,
    /// The RTP sources of those that are kept.
    sources: BTreeSet<u32>,
    /// Their bytes, and those of their plaintext.
    bytes: u64,
    ways: Vec<Arc<Way>>,
    numbers: BTreeMap<Arc<Way>, u32>,
    /// Where the blocks are that are in the store, and how long.
    blocks: Vec<(u64, u32)>,
    /// The entries that are not there yet.
    last: Vec<u8>,
}

impl Log {
    /// Whether there is room for the packet of a frame, given what it holds; notes that there is none.
    pub(super) fn has_room(&mut self, frame: u64, class: Class, bytes: &[u8]) -> bool {
        let is_stun = class == Class::Stun;
        let is_over = self.kept >= Wire::MOST_PACKETS
            || (is_stun && self.kept_stun >= Wire::MOST_STUN)
            || (class == Class::Rtp && !self.has_room_for_source(bytes));
        if is_over {
            self.cut.get_or_insert(frame);
        }
        let has_room = self.cut.is_none();
        self.kept_stun += usize::from(is_stun && has_room);
        has_room
    }

    /// Whether the source of an RTP packet is one of those that are kept. SRTP leaves it in clear (RFC 3711 §3.1).
    fn has_room_for_source(&mut self, bytes: &[u8]) -> bool {
        let Ok(ssrc) = rtp::view(bytes).map(|packet| packet.header.ssrc.value) else { return true };
        let is_over = self.sources.len() >= Wire::MOST_SOURCES && !self.sources.contains(&ssrc);
        if !is_over {
            self.sources.insert(ssrc);
        }
        !is_over
    }

    /// The number of a way.
    pub(super) fn way(&mut self, way: Way) -> u32 {
        if let Some(number) = self.numbers.get(&way) {
            return *number;
        }
        let number = u32::try_from(self.ways.len()).unwrap_or(u32::MAX);
        let way = Arc::new(way);
        self.ways.push(Arc::clone(&way));
        self.numbers.insert(way, number);
        number
    }

    /// Adds what was read.
    pub(super) fn push(&mut self, entry: Entry, store: &mut dyn Store) -> io::Result<()> {
        self.kept += usize::from(matches!(entry, Entry::Packet { .. } | Entry::Server { .. }));
        self.bytes += entry.stored().map_or(0, |it| it.length.into());
        self.last.extend(entry.words().into_iter().flat_map(u64::to_le_bytes));
        if self.last.len() >= BLOCK * ENTRY { self.flush(store) } else { Ok(()) }
    }

    /// Puts into the store what is not there yet.
    pub(super) fn flush(&mut self, store: &mut dyn Store) -> io::Result<()> {
        if let (length, false) = (u32::try_from(self.last.len()).unwrap_or_default(), self.last.is_empty()) {
            self.blocks.push((store.put(&self.last)?, length));
            self.last.clear();
        }
        Ok(())
    }

    /// The packets, once all are in the store.
    pub(super) fn wire(self, shelf: &Shelf) -> Wire {
        let mut wire = self.empty();
        for entry in self.entries(shelf) {
            self.replay(entry, shelf, &mut wire);
        }
        wire
    }

    /// The same, with its bytes moved to a store of its own: between them are those of other connections, and whoever goes through the
    /// packets would have to go through these too, again and again.
    ///
    /// # Errors
    /// If there is no room.
    pub(super) fn wire_apart(self, shelf: &Shelf, make: MakeStore) -> io::Result<Wire> {
        let mut own = make(Some(self.bytes));
        for bytes in self.entries(shelf).filter_map(|entry| entry.stored()) {
            own.put(shelf.get(bytes.at, usize::try_from(bytes.length).unwrap_or_default()))?;
        }
        let own = Shelf::new(own.close()?);
        let (mut wire, mut at) = (self.empty(), 0);
        for entry in self.entries(shelf) {
            self.replay(entry.moved(at), &own, &mut wire);
            at += entry.stored().map_or(0, |it| u64::from(it.length));
        }
        Ok(wire)
    }

    fn empty(&self) -> Wire {
        // Growing step by step would take twice the room.
        let packets = Vec::with_capacity(self.kept);
        Wire { packets, seen: self.seen, cut: self.cut.is_some(), hidden: self.hidden, ..Wire::default() }
    }

    fn entries<'a>(&'a self, shelf: &'a Shelf) -> impl Iterator<Item = Entry> + 'a {
        self.blocks.iter().flat_map(|(at, length)| {
            let block = shelf.get(*at, usize::try_from(*length).unwrap_or_default());
            let (words, _) = block.as_chunks::<8>();
            words.as_chunks::<WORDS>().0.iter().map(|words| Entry::of(words.map(u64::from_le_bytes)))
        })
    }

    fn replay(&self, entry: Entry, shelf: &Shelf, wire: &mut Wire) {
        let kept =
            |bytes: Stored| Bytes::stored(shelf, bytes.at, usize::try_from(bytes.length).unwrap_or_default());
        let way = |number: u32| usize::try_from(number).ok().and_then(|number| self.ways.get(number));
        match entry {
            Entry::Packet { way: number, frame, t_us, bytes } => {
                let Some(way) = way(number) else { return };
                wire.packets.push(Packet {
                    frame,
                    t_us,
                    way: Arc::clone(way),
                    bytes: kept(bytes),
                    cid_length: 0,
                    protection: Protection::None,
                    clear: Vec::new(),
                });
            }
            Entry::Server { way: number, frame, t_us, bytes } => {
                let Some(way) = way(number) else { return };
                let sent = way.sender == way.tap;
                let (client, server) = if sent { (way.from, way.to) } else { (way.to, way.from) };
                let (peer, bytes) = (way.tap, kept(bytes));
                wire.servers.push(ServerMessage { frame, t_us, peer, sent, client, server, bytes });
            }
            Entry::Outcome { protection, cid_length } => {
                let Some(packet) = wire.packets.last_mut() else { return };
                packet.cid_length = cid_length;
                if protection != Protection::None {
                    packet.protection = protection;
                }
            }
            Entry::Clear { frame, kind, key_of, bytes } => {
                let Some(packet) = wire.of_frame(frame) else { return };
                packet.protection = Protection::Opened;
                packet.clear.reserve_exact(1);
                packet.clear.push(Clear { kind, key_of, bytes: kept(bytes) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Peer;
    use super::super::bytes::InMemory;
    use super::*;

    fn way() -> Way {
        let [from, to] = ["192.0.2.1:1", "192.0.2.2:2"].map(|it| it.parse().unwrap());
        Way { tap: Peer(0), sender: Peer(0), from, to, via: None, tcp: false }
    }

    /// The wire of `packets` packets of `length` bytes, each with plaintext, and the bytes that its log kept in memory.
    fn logged(packets: u64, length: usize) -> (Wire, usize) {
        let (mut store, mut log) = (InMemory::default(), Log::default());
        let payload = vec![7; length];
        for frame in 0..packets {
            let way = log.way(way());
            let mut put = || {
                let at = store.put(&payload).unwrap();
                Stored { at, length: length as u32 }
            };
            let (packet, clear) = (put(), put());
            let entries = [
                Entry::Packet { way, frame, t_us: frame, bytes: packet },
                Entry::Clear { frame, kind: Kind::Rtp, key_of: Some(Side::Server), bytes: clear },
            ];
            for entry in entries {
                log.push(entry, &mut store).unwrap();
            }
        }
        log.flush(&mut store).unwrap();
        let kept = log.last.capacity() + log.blocks.capacity() * 16 + log.ways.len() * size_of::<Way>();
        let shelf = Shelf::new(Box::new(store).close().unwrap());
        (log.wire(&shelf), kept)
    }

    #[test]
    fn memory_grows_with_the_packets_of_a_connection_and_not_with_their_bytes() {
        const PACKETS: u64 = 10_000;
        let retained = |wire: &Wire| {
            let of = |packet: &Packet| packet.clear.capacity() * size_of::<Clear>();
            let rows = wire.packets.capacity() * size_of::<Packet>();
            assert!(wire.packets.iter().all(|it| it.bytes.is_stored() && it.clear[0].bytes.is_stored()));
            rows + wire.packets.iter().map(of).sum::<usize>()
        };
        let [(short, _), (long, log)] = [20, 1_400].map(|length| logged(PACKETS, length));
        assert_eq!(retained(&short), retained(&long));
        assert!(retained(&long) <= 160 * PACKETS as usize, "{}", retained(&long));
        assert!(log < 16 << 10, "{log}");
        let last = long.packets.last().unwrap();
        assert_eq!(
            (last.frame, last.bytes.len(), last.clear[0].key_of),
            (PACKETS - 1, 1_400, Some(Side::Server))
        );
    }

    #[test]
    fn packets_are_the_same_in_a_store_of_their_own() {
        let mut store = InMemory::default();
        let mut logs = [Log::default(), Log::default()];
        for frame in 1..=255_u64 {
            let log = &mut logs[usize::from(frame % 3 == 0)];
            let way = log.way(way());
            let stored = |text: String, store: &mut InMemory| {
                let at = store.put(text.as_bytes()).unwrap();
                Stored { at, length: text.len() as u32 }
            };
            let bytes = stored(format!("packet {frame}"), &mut store);
            let clear = stored(format!("plaintext {frame}"), &mut store);
            let entries = [
                Entry::Packet { way, frame, t_us: frame, bytes },
                Entry::Outcome { protection: Protection::None, cid_length: 1 },
                Entry::Clear { frame, kind: Kind::Rtp, key_of: None, bytes: clear },
                Entry::Server { way, frame, t_us: frame, bytes },
            ];
            for entry in entries {
                log.push(entry, &mut store).unwrap();
            }
        }
        logs.iter_mut().for_each(|log| log.flush(&mut store).unwrap());
        let shelf = Shelf::new(Box::new(store).close().unwrap());
        for log in logs {
            let bytes = log.bytes;
            let wire = log.wire_apart(&shelf, |bytes| {
                let bytes = bytes.unwrap();
                Box::new(InMemory::with_capacity(bytes as usize))
            });
            let wire = wire.unwrap();
            let (mut length, mut number) = (0, 0);
            for packet in &wire.packets {
                assert_eq!(packet.bytes.as_slice(), format!("packet {}", packet.frame).as_bytes());
                assert_eq!(
                    packet.clear[0].bytes.as_slice(),
                    format!("plaintext {}", packet.frame).as_bytes()
                );
                assert_eq!(packet.cid_length, 1);
                length += 2 * packet.bytes.len() + packet.clear[0].bytes.len();
                number += 1;
            }
            assert!(number >= 85 && wire.servers.len() == number);
            assert_eq!(bytes, length as u64);
        }
    }

    #[test]
    fn entries_read_as_they_were_written() {
        let bytes = Stored { at: 1 << 40, length: 1_200 };
        let record = Kind::Record { content_type: 23, epoch: u64::MAX, sequence: 1 << 60 };
        let entries = [
            Entry::Packet { way: u32::MAX, frame: 1 << 50, t_us: u64::MAX, bytes },
            Entry::Server { way: 0, frame: 0, t_us: 0, bytes: Stored { at: 0, length: 0 } },
            Entry::Outcome { protection: Protection::Forged, cid_length: 255 },
            Entry::Outcome { protection: Protection::NoSecret, cid_length: 0 },
            Entry::Clear { frame: 7, kind: record, key_of: None, bytes },
            Entry::Clear { frame: 8, kind: Kind::Rtcp, key_of: Some(Side::Client), bytes },
        ];
        for entry in entries {
            assert_eq!(Entry::of(entry.words()), entry);
        }
    }

    #[test]
    fn a_connection_of_more_packets_than_are_kept_is_cut() {
        let mut log = Log { kept: Wire::MOST_PACKETS - 1, ..Log::default() };
        assert!(log.has_room(7, Class::Rtp, &[]) && log.cut.is_none());
        log.kept += 1;
        assert!(!log.has_room(8, Class::Rtp, &[]) && log.cut == Some(8));
        log.kept = 0;
        assert!(
            !log.has_room(9, Class::Rtp, &[]) && log.cut == Some(8),
            "what follows would have a gap before it"
        );
        assert!(log.wire(&Shelf::new(Box::new(InMemory::default()).close().unwrap())).cut);
    }

    #[test]
    fn checks_of_a_stun_message_take_more_room_so_that_fewer_are_kept() {
        let mut log = Log::default();
        let kept = (0..).take_while(|frame| log.has_room(*frame, Class::Stun, &[])).count();
        assert_eq!(kept, Wire::MOST_STUN);
        assert_eq!(log.cut, Some(Wire::MOST_STUN as u64));
        assert!(!log.has_room(1 << 20, Class::Dtls, &[]));
    }

    #[test]
    fn checks_know_something_of_each_source_so_that_they_are_limited() {
        let rtp = |ssrc: u32| [&[0x80, 96, 0, 1, 0, 0, 0, 1][..], &ssrc.to_be_bytes()].concat();
        let mut log = Log::default();
        let kept = (0..).take_while(|ssrc| log.has_room(u64::from(*ssrc), Class::Rtp, &rtp(*ssrc))).count();
        assert_eq!(kept, Wire::MOST_SOURCES);
        assert_eq!(log.cut, Some(Wire::MOST_SOURCES as u64));
        // Many packets of few sources are all kept.
        let mut log = Log::default();
        assert!((0..100_000).all(|frame| log.has_room(frame.into(), Class::Rtp, &rtp(frame % 64))));
    }

    #[test]
    fn a_packet_takes_little_memory() {
        // Most of what `judge` takes for a capture of many small packets.
        assert!(size_of::<Packet>() <= 72, "{}", size_of::<Packet>());
        assert!(size_of::<Clear>() <= 48, "{}", size_of::<Clear>());
    }
}
