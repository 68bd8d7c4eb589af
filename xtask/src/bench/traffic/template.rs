//! A real call, taken apart: what opens it, and the plaintext of its media.

use super::seal::keying_material;
use anyhow::{Context, Result, ensure};
use peerproof_captures::decrypt::{Content, Datagram, Session};
use peerproof_captures::file::{CaptureReader, Item};
use peerproof_captures::link::Network;
use peerproof_captures::wire::demux::{self, Class};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;

/// Packets among which a capture on all interfaces shows copies.
const COPIES: usize = 64;

/// A packet of the call.
pub(super) struct Shape {
    /// Nanoseconds after the call's first packet.
    pub(super) after: u64,
    /// Indices of its addresses.
    pub(super) ends: (usize, usize),
    pub(super) bytes: Vec<u8>,
}

/// A media packet in the clear.
pub(super) struct Media {
    pub(super) shape: Shape,
    /// Whether it is the DTLS server who sends.
    pub(super) server: bool,
    pub(super) rtcp: bool,
}

/// How far a stream goes on in one round of the call.
#[derive(Clone, Copy)]
pub(super) struct Advance {
    pub(super) packets: u64,
    pub(super) ticks: u32,
}

/// What one end of the association sends in.
#[derive(Clone, Copy, Default)]
pub(super) struct Association {
    pub(super) header: [u8; 8],
    pub(super) next_tsn: u32,
}

/// The call.
pub(super) struct Template {
    /// STUN and DTLS as they were on the wire.
    pub(super) opening: Vec<Shape>,
    pub(super) media: Vec<Media>,
    pub(super) streams: BTreeMap<u32, Advance>,
    pub(super) associations: [Association; 2],
    /// How long the media goes, in nanoseconds.
    pub(super) length: u64,
    /// Indices of the addresses of DTLS client and server.
    pub(super) selected: (usize, usize),
    pub(super) client_random: [u8; 32],
    /// Code point of the SRTP profile.
    pub(super) profile: u16,
    pub(super) key_log: String,
    pub(super) material: Vec<u8>,
    /// Traffic secrets of client and server.
    pub(super) traffic: [Vec<u8>; 2],
}

impl Template {
    /// Reads a call from a capture that holds its own secrets.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| path.display().to_string())?;
        let mut reader = CaptureReader::new(file);
        let (mut network, mut session) = (Network::new(), Session::new());
        let mut addresses: Vec<SocketAddr> = Vec::new();
        let mut recent: VecDeque<(SocketAddr, Vec<u8>)> = VecDeque::new();
        let (mut opening, mut clear, mut key_log, mut first) = (Vec::new(), Vec::new(), String::new(), None);
        while let Some(item) = reader.next_item() {
            let frame = match item {
                Item::Secrets(secrets) => {
                    session.key_log(secrets.data, &mut |_| {});
                    key_log += &String::from_utf8_lossy(secrets.data);
                    continue;
                }
                Item::Frame(frame) => frame,
                _ => continue,
            };
            let ns = frame.time_ns.unwrap_or(0);
            let after = ns - *first.get_or_insert(ns);
            network.frame(&frame, &mut |packet| {
                let copy = (packet.from, packet.payload.to_vec());
                if recent.contains(&copy) {
                    return;
                }
                recent.push_back(copy);
                if recent.len() > COPIES {
                    recent.pop_front();
                }
                let mut index = |address: SocketAddr| {
                    addresses.iter().position(|known| *known == address).unwrap_or_else(|| {
                        addresses.push(address);
                        addresses.len() - 1
                    })
                };
                let ends = (index(packet.from), index(packet.to));
                let shape = |bytes: &[u8]| Shape { after, ends, bytes: bytes.to_vec() };
                if matches!(demux::class(packet.payload), Class::Stun | Class::Dtls) {
                    opening.push(shape(packet.payload));
                }
                let (from, to, payload) = (packet.from, packet.to, packet.payload);
                let datagram = Datagram { time_ns: ns, frame: frame.number, from, to, payload };
                session.datagram(&datagram, &mut |found| {
                    let server = found.sender == Some(peerproof_captures::decrypt::Side::Server);
                    clear.push((found.content, server, shape(found.bytes)));
                });
            });
        }
        let association = session.associations().next().context("the call has no handshake")?;
        let profile = association.srtp_profile.context("the call has no SRTP profile")?;
        // The exporter's output depends on its length.
        let mut material = vec![0; keying_material(profile)?];
        ensure!(session.srtp_keying_material(association.id, &mut material), "the call has no secrets");
        let selected = clear
            .iter()
            .find_map(|(content, server, shape)| {
                let (from, to) = shape.ends;
                (*content == Content::Rtp).then_some(if *server { (to, from) } else { (from, to) })
            })
            .context("the call has no media")?;
        let associations =
            [false, true].map(|side| association_of(clear.iter().filter(|(_, server, _)| *server == side)));
        let media: Vec<Media> = clear
            .into_iter()
            .filter(|(content, ..)| matches!(content, Content::Rtp | Content::Rtcp))
            .map(|(content, server, shape)| Media { shape, server, rtcp: content == Content::Rtcp })
            .collect();
        let begins = media.first().map_or(0, |media| media.shape.after);
        let length = media.last().map_or(0, |media| media.shape.after - begins) + 20_000_000;
        let streams = streams(&media)?;
        let traffic = ["CLIENT_TRAFFIC_SECRET_0 ", "SERVER_TRAFFIC_SECRET_0 "].map(|label| {
            let line = key_log.lines().find(|line| line.starts_with(label)).unwrap_or_default();
            from_hex(line.rsplit(' ').next().unwrap_or_default())
        });
        Ok(Self {
            opening,
            media,
            streams,
            associations,
            length,
            selected,
            client_random: association.client_random,
            profile,
            key_log,
            material,
            traffic,
        })
    }
}

/// Sequence numbers and timestamps that each stream uses up.
fn streams(media: &[Media]) -> Result<BTreeMap<u32, Advance>> {
    let mut seen: BTreeMap<u32, (BTreeSet<u16>, BTreeSet<u32>)> = BTreeMap::new();
    for packet in media.iter().filter(|packet| !packet.rtcp) {
        let header = Rtp::read(&packet.shape.bytes).context("an RTP packet")?;
        let (sequences, timestamps) = seen.entry(header.ssrc).or_default();
        sequences.insert(header.sequence);
        timestamps.insert(header.timestamp);
    }
    let span = |low: Option<u64>, high: Option<u64>| high.unwrap_or(0) - low.unwrap_or(0) + 1;
    Ok(seen
        .into_iter()
        .map(|(ssrc, (sequences, timestamps))| {
            let packets = span(sequences.first().map(|s| (*s).into()), sequences.last().map(|s| (*s).into()));
            let ticks = span(timestamps.first().map(|t| (*t).into()), timestamps.last().map(|t| (*t).into()));
            // One more step of the mean length.
            let ticks = ticks + ticks / timestamps.len().max(1) as u64;
            (ssrc, Advance { packets, ticks: ticks as u32 })
        })
        .collect())
}

/// The fields of an RTP header that change, and its length.
pub(super) struct Rtp {
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) ssrc: u32,
    pub(super) length: usize,
}

impl Rtp {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let [first, _, s0, s1, t0, t1, t2, t3, i0, i1, i2, i3] = *bytes.first_chunk()?;
        let fixed = 12 + 4 * usize::from(first & 0x0f);
        let extension = match first & 0x10 {
            0 => 0,
            _ => 4 + 4 * usize::from(u16::from_be_bytes([*bytes.get(fixed + 2)?, *bytes.get(fixed + 3)?])),
        };
        Some(Self {
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([i0, i1, i2, i3]),
            length: fixed + extension,
        })
    }
}

/// Ports, tag and newest TSN of a side, from its SCTP packets.
fn association_of<'a>(clear: impl Iterator<Item = &'a (Content, bool, Shape)>) -> Association {
    let mut found = Association::default();
    for (_, _, shape) in clear.filter(|(content, ..)| content.is_application_data()) {
        let (Some(header), Some(kind)) = (shape.bytes.first_chunk::<8>(), shape.bytes.get(12)) else {
            continue;
        };
        const DATA: u8 = 0;
        const INIT: u8 = 1;
        const INIT_ACK: u8 = 2;
        if *kind != INIT {
            found.header = *header;
        }
        let tsn_at = match *kind {
            DATA => 16,
            INIT | INIT_ACK => 28,
            _ => continue,
        };
        if let Some(tsn) = shape.bytes.get(tsn_at..).and_then(|rest| rest.first_chunk()) {
            found.next_tsn = u32::from_be_bytes(*tsn).wrapping_add(u32::from(*kind == DATA));
        }
    }
    found
}

fn from_hex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
