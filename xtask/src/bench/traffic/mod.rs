//! A large capture of mixed traffic with its key log, the same bytes each time.
//!
//! Two real calls between browsers are multiplied, in turn: each copy has addresses, a client random and so secrets of its own, opens as
//! the call did, and goes on with media of its shape and data of one record each, protected anew. A quarter goes over IPv6, an
//! eighth through a TURN channel; what WebRTC does not run on is among it.

mod file;
mod seal;
mod template;

use anyhow::{Context, Result};
use file::PcapFile;
use seal::Sender;
use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use template::{Rtp, Template};

/// The calls, in the corpus.
const TEMPLATES: [&str; 2] = ["chrome-firefox", "firefox-firefox"];
/// Copies of each at once.
const CALLS: usize = 250;
/// Bytes of a message on the data channel.
const MESSAGE: usize = 1_100;
/// Messages of each side in a round.
const MESSAGES: usize = 6;
/// What the record numbers of the call itself stay below.
const RECORDS: u64 = 1_000;
/// Counts up when the traffic changes, so that an older file is not taken for it.
const VERSION: u32 = 1;

/// A capture and the secrets that open it.
pub(super) struct Traffic {
    pub(super) capture: PathBuf,
    pub(super) key_log: PathBuf,
}

/// Makes a capture of at least that many bytes in `folder`, unless it is there.
pub(super) fn make(root: &Path, folder: &Path, bytes: u64) -> Result<Traffic> {
    fs::create_dir_all(folder)?;
    let capture = folder.join(format!("mixed-{VERSION}-{bytes}.pcap"));
    let key_log = capture.with_extension("keys");
    if !capture.exists() || !key_log.exists() {
        let mut templates = Vec::new();
        for (index, name) in TEMPLATES.into_iter().enumerate() {
            let path = root.join(format!("captures/corpus/calls/{name}.pcapng"));
            templates.push(Calls { template: Template::read(&path)?, first: index * CALLS });
        }
        fs::write(&key_log, templates.iter().map(key_logs).collect::<String>())?;
        // Under another name until it is whole.
        let unfinished = capture.with_extension("unfinished");
        let mut file = PcapFile::create(&unfinished)?;
        write(&templates, &mut file, bytes)?;
        file.close()?;
        fs::rename(&unfinished, &capture).context("naming the capture")?;
    }
    Ok(Traffic { capture, key_log })
}

/// Copies of a call.
struct Calls {
    template: Template,
    /// The number of the first of them.
    first: usize,
}

impl Calls {
    fn each(&self) -> std::ops::Range<usize> {
        self.first..self.first + CALLS
    }
}

fn write(all: &[Calls], file: &mut PcapFile, bytes: u64) -> Result<()> {
    let mut senders = Vec::new();
    for calls in all {
        let template = &calls.template;
        let [client, server] = &template.traffic;
        senders.push([
            Sender::new(template.profile, 0, &template.material, client)?,
            Sender::new(template.profile, 1, &template.material, server)?,
        ]);
        for shape in &template.opening {
            for call in calls.each() {
                let payload = with_random(template, &shape.bytes, call);
                send(file, shape.after, call, shape.ends, &payload)?;
            }
        }
    }
    let mut round = 0;
    while file.bytes < bytes {
        for (calls, senders) in all.iter().zip(&senders) {
            media(calls, file, senders, round)?;
            between(calls, file, senders, round)?;
        }
        round += 1;
    }
    Ok(())
}

/// A round of media.
fn media(calls: &Calls, file: &mut PcapFile, senders: &[Sender; 2], round: u64) -> Result<()> {
    let template = &calls.template;
    let mut sealed = Vec::new();
    for (index, media) in template.media.iter().enumerate() {
        let after = round * template.length + media.shape.after;
        let sender = senders.get(usize::from(media.server)).context("a side")?;
        // Copies share their secrets, so that what is sealed is the same for all.
        if media.rtcp {
            let packets = template.media.len() as u64 * round + index as u64;
            sender.rtcp(&media.shape.bytes, packets as u32 & 0x7fff_ffff, &mut sealed)?;
        } else {
            let (packet, length, extended) = advanced(template, &media.shape.bytes, round)?;
            sender.rtp(&packet, length, extended, &mut sealed)?;
        }
        for call in calls.each() {
            send(file, after, call, media.shape.ends, &sealed)?;
        }
    }
    Ok(())
}

/// What goes on between two rounds of media: consent, data, and other people's packets.
fn between(calls: &Calls, file: &mut PcapFile, senders: &[Sender; 2], round: u64) -> Result<()> {
    let template = &calls.template;
    let begins = template.media.first().map_or(0, |media| media.shape.after);
    let after = begins + (round + 1) * template.length;
    let (client, server) = template.selected;
    let ways = [(client, server), (server, client)];
    for shape in template.opening.iter().filter(|shape| ways.contains(&shape.ends)) {
        if peerproof_captures::wire::stun::looks_like_stun(&shape.bytes) {
            for call in calls.each() {
                let mut message = shape.bytes.clone();
                // A transaction of its own.
                message.iter_mut().skip(8).zip(round.to_be_bytes()).for_each(|(to, with)| *to ^= with);
                send(file, after, call, shape.ends, &message)?;
            }
        }
    }
    let mut sealed = Vec::new();
    for message in 0..MESSAGES as u64 {
        let number = round * MESSAGES as u64 + message;
        for (side, way) in ways.into_iter().enumerate() {
            let (Some(sender), Some(own)) = (senders.get(side), template.associations.get(side)) else {
                continue;
            };
            let other = template.associations.get(1 - side).copied().unwrap_or_default();
            let tsn = |from: u32, count: u64| from.wrapping_add(count as u32).to_be_bytes();
            let mut data = vec![0, 3];
            data.extend((16 + MESSAGE as u16).to_be_bytes());
            data.extend(tsn(own.next_tsn, number));
            data.extend([0, 1]);
            data.extend((number as u16).to_be_bytes());
            data.extend(53_u32.to_be_bytes());
            data.resize(16 + MESSAGE, 0x5a);
            let mut sack = vec![3, 0, 0, 16];
            sack.extend(tsn(other.next_tsn, number));
            sack.extend([0, 2, 0, 0, 0, 0, 0, 0]);
            for (half, chunk) in [data, sack].iter().enumerate() {
                let record = RECORDS + 2 * number + half as u64;
                sender.record(&sctp(own.header, chunk), record, &mut sealed)?;
                for call in calls.each() {
                    send(file, after, call, way, &sealed)?;
                }
            }
        }
    }
    let resolver = SocketAddr::from(([10, 255, 0, 1], 53));
    for call in calls.each() {
        let mut query = (round as u16).to_be_bytes().to_vec();
        query.extend(b"\x01\0\0\x01\0\0\0\0\0\0\x07example\x03org\0\0\x01\0\x01");
        let host = SocketAddr::from(([10, 254, (call >> 8) as u8, call as u8], 40_000));
        file.datagram(after, (host, resolver), &query)?;
        let web = SocketAddr::from(([10, 255, 0, 2], 443));
        file.datagram(after, (web, host), &[0x43; 1_200])?;
    }
    Ok(())
}

/// The packet as the stream goes on in a round: with the length of its header and its extended sequence number.
fn advanced(template: &Template, packet: &[u8], round: u64) -> Result<(Vec<u8>, usize, u64)> {
    let header = Rtp::read(packet).context("an RTP packet")?;
    let advance = template.streams.get(&header.ssrc).context("a stream")?;
    let extended = u64::from(header.sequence) + round * advance.packets;
    let timestamp = header.timestamp.wrapping_add(advance.ticks.wrapping_mul(round as u32));
    let mut packet = packet.to_vec();
    let changed = (extended as u16).to_be_bytes().into_iter().chain(timestamp.to_be_bytes());
    packet.iter_mut().skip(2).zip(changed).for_each(|(to, from)| *to = from);
    Ok((packet, header.length, extended))
}

/// Sends between two addresses of a call, perhaps through its TURN server.
fn send(file: &mut PcapFile, after: u64, call: usize, ends: (usize, usize), payload: &[u8]) -> Result<()> {
    let (from, to) = (address(call, ends.0), address(call, ends.1));
    if call % 8 != 7 {
        return file.datagram(after, (from, to), payload);
    }
    let relay = SocketAddr::from(([10, 253, 0, 1], 3_478));
    let mut framed = (0x4000 + (ends.0 + ends.1) as u16).to_be_bytes().to_vec();
    framed.extend(u16::try_from(payload.len())?.to_be_bytes());
    framed.extend_from_slice(payload);
    let (low, high) = (ends.0.min(ends.1), ends.0 > ends.1);
    let client = address(call, low);
    file.datagram(after, if high { (relay, client) } else { (client, relay) }, &framed)
}

fn address(call: usize, index: usize) -> SocketAddr {
    let [high, low] = (call as u16).to_be_bytes();
    let port = 20_000 + index as u16;
    if call % 4 == 3 && call % 8 != 7 {
        return (Ipv6Addr::new(0xfd00, 0, 0, 0, 0, call as u16, 0, index as u16 + 1), port).into();
    }
    (Ipv4Addr::new(10, high, low, index as u8 + 1), port).into()
}

/// The client random of a call.
fn random(template: &Template, call: usize) -> [u8; 32] {
    let mut random = template.client_random;
    random.iter_mut().zip((call as u64).to_be_bytes()).for_each(|(to, with)| *to ^= with);
    random
}

fn with_random(template: &Template, bytes: &[u8], call: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let found = bytes.windows(32).position(|window| *window == template.client_random);
    if let Some(place) = found.and_then(|at| bytes.get_mut(at..at + 32)) {
        place.copy_from_slice(&random(template, call));
    }
    bytes
}

/// The call's key log, once for each copy of it.
fn key_logs(calls: &Calls) -> String {
    let template = &calls.template;
    let own = hex(&template.client_random);
    calls.each().map(|call| template.key_log.replace(&own, &hex(&random(template, call)))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// An SCTP packet of one chunk.
fn sctp(header: [u8; 8], chunk: &[u8]) -> Vec<u8> {
    let mut packet = header.to_vec();
    packet.extend([0; 4]);
    packet.extend_from_slice(chunk);
    let sum = crc32c::crc32c(&packet).to_le_bytes();
    packet.iter_mut().skip(8).zip(sum).for_each(|(to, from)| *to = from);
    packet
}
