//! Captures put together from bytes, without the readers that are tested with them.

use aes::cipher::{BlockEncrypt, KeyInit};
use hmac::{Hmac, Mac};
use sha1::Sha1;

/// A peer: address and port, ufrag and password.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) ip: [u8; 4],
    pub(crate) port: u16,
    pub(crate) ufrag: &'static str,
    pub(crate) password: &'static str,
}

pub(crate) const ALICE: Peer =
    Peer { ip: [192, 0, 2, 10], port: 50_000, ufrag: "aLiC", password: "alicealicealicealice12" };
pub(crate) const BOB: Peer =
    Peer { ip: [192, 0, 2, 20], port: 60_000, ufrag: "bObB", password: "bobbobbobbobbobbobbob1" };

const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// A capture in the making. Its time begins at some second of 2025 and is moved on by hand.
pub(crate) struct Capture {
    link: u32,
    us: u64,
    frames: Vec<(u64, Vec<u8>)>,
    ids: u8,
}

impl Capture {
    /// Of IPv4 without a link layer.
    pub(crate) fn new() -> Self {
        Self { link: 101, us: 1_760_000_000_000_000, frames: Vec::new(), ids: 0 }
    }

    /// Of SCTP without a network layer.
    pub(crate) fn of_sctp() -> Self {
        Self { link: 248, ..Self::new() }
    }

    pub(crate) fn wait(&mut self, ms: u64) -> &mut Self {
        self.us += ms * 1_000;
        self
    }

    /// A frame as it is.
    pub(crate) fn frame(&mut self, bytes: Vec<u8>) -> &mut Self {
        self.frames.push((self.us, bytes));
        self.us += 1_000;
        self
    }

    pub(crate) fn udp(&mut self, from: Peer, to: Peer, payload: &[u8]) -> &mut Self {
        let total = (28 + payload.len()) as u16;
        let mut bytes = vec![0x45, 0];
        bytes.extend(total.to_be_bytes());
        bytes.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
        bytes.extend(from.ip);
        bytes.extend(to.ip);
        bytes.extend(from.port.to_be_bytes());
        bytes.extend(to.port.to_be_bytes());
        bytes.extend((total - 20).to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(payload);
        self.frame(bytes)
    }

    /// The number of the last frame.
    pub(crate) fn last(&self) -> usize {
        self.frames.len()
    }

    /// A check of the controlling side (if `controls`), and its transaction.
    pub(crate) fn check(&mut self, from: Peer, to: Peer, controls: bool, nominates: bool) -> [u8; 12] {
        self.ids += 1;
        // Random enough that no two are alike in their first bytes.
        let mut id = [0; 12];
        id.iter_mut().enumerate().for_each(|(n, byte)| {
            *byte = self.ids.wrapping_mul(37).wrapping_add((n as u8).wrapping_mul(89)) ^ from.ip[3];
        });
        let name = format!("{}:{}", to.ufrag, from.ufrag);
        let role: u16 = if controls { 0x802a } else { 0x8029 };
        // That of the host candidate in the descriptions, with the type preference of a peer-reflexive one.
        let priority = [0x6e, 0xff, 0xff, 0xff];
        let tiebreaker = [from.ip[3]; 8];
        let mut attributes: Vec<(u16, &[u8])> =
            vec![(0x0006, name.as_bytes()), (0x0024, &priority), (role, &tiebreaker)];
        if nominates {
            attributes.push((0x0025, &[]));
        }
        let message = stun(0x0001, id, &attributes, to.password);
        self.udp(from, to, &message);
        id
    }

    /// The success response to a check of `from`.
    pub(crate) fn success(&mut self, id: [u8; 12], from: Peer, to: Peer) -> &mut Self {
        let mut mapped = vec![0, 1];
        mapped.extend((from.port ^ 0x2112).to_be_bytes());
        mapped.extend(from.ip.iter().zip(COOKIE).map(|(byte, key)| byte ^ key));
        let message = stun(0x0101, id, &[(0x0020, &mapped)], to.password);
        self.udp(to, from, &message)
    }

    /// Checks both ways, and a nomination by alice.
    pub(crate) fn connect(&mut self) -> &mut Self {
        for (from, to, controls, nominates) in
            [(ALICE, BOB, true, false), (BOB, ALICE, false, false), (ALICE, BOB, true, true)]
        {
            let id = self.check(from, to, controls, nominates);
            self.wait(20).success(id, from, to).wait(20);
        }
        self
    }

    /// The file.
    pub(crate) fn file(&self) -> Vec<u8> {
        let mut file = 0xa1b2_c3d4_u32.to_le_bytes().to_vec();
        file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        file.extend(65_535_u32.to_le_bytes());
        file.extend(self.link.to_le_bytes());
        for (us, bytes) in &self.frames {
            let (seconds, rest) = ((us / 1_000_000) as u32, (us % 1_000_000) as u32);
            let length = bytes.len() as u32;
            [seconds, rest, length, length].iter().for_each(|word| file.extend(word.to_le_bytes()));
            file.extend(bytes);
        }
        file
    }
}

/// A STUN message with MESSAGE-INTEGRITY and FINGERPRINT (RFC 8489 §14.5, §14.7).
pub(crate) fn stun(kind: u16, id: [u8; 12], attributes: &[(u16, &[u8])], password: &str) -> Vec<u8> {
    let mut message = bare_stun(kind, id, attributes);
    resize(&mut message, 24);
    let mut mac = <Hmac<Sha1> as Mac>::new_from_slice(password.as_bytes()).unwrap();
    mac.update(&message);
    message.extend([0x00, 0x08, 0, 20]);
    message.extend(mac.finalize().into_bytes());
    resize(&mut message, 8);
    let crc = crc32fast::hash(&message) ^ 0x5354_554e;
    message.extend([0x80, 0x28, 0, 4]);
    message.extend(crc.to_be_bytes());
    message
}

/// The same without these two.
pub(crate) fn bare_stun(kind: u16, id: [u8; 12], attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut message = kind.to_be_bytes().to_vec();
    message.extend([0, 0]);
    message.extend(COOKIE);
    message.extend(id);
    for (name, value) in attributes {
        message.extend(name.to_be_bytes());
        message.extend((value.len() as u16).to_be_bytes());
        message.extend(*value);
        message.resize(message.len().next_multiple_of(4), 0);
    }
    resize(&mut message, 0);
    message
}

/// Writes the length of a message to which a number of bytes is added next.
fn resize(message: &mut [u8], more: usize) {
    let length = (message.len() - 20 + more) as u16;
    message[2..4].copy_from_slice(&length.to_be_bytes());
}

/// An RTP packet; its timestamps run at 90 kHz by hundredths of a second.
pub(crate) fn rtp(payload_type: u8, ssrc: u32, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 900).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

/// A handshake message in a record of epoch 0.
pub(crate) fn handshake(
    kind: u8,
    number: u16,
    record: u8,
    body: &[u8],
    fragment: std::ops::Range<usize>,
) -> Vec<u8> {
    let three = |length: usize| (length as u32).to_be_bytes()[1..].to_vec();
    let part = &body[fragment.clone()];
    let mut message = vec![kind];
    message.extend(three(body.len()));
    message.extend(number.to_be_bytes());
    message.extend(three(fragment.start));
    message.extend(three(part.len()));
    message.extend(part);
    self::record(22, 0, record, &message)
}

/// A record.
pub(crate) fn record(kind: u8, epoch: u8, number: u8, content: &[u8]) -> Vec<u8> {
    let mut record = vec![kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, number];
    record.extend((content.len() as u16).to_be_bytes());
    record.extend(content);
    record
}

/// The body of a ClientHello, with padding of a given length in an extension (RFC 7685).
pub(crate) fn client_hello(padding: usize, with_srtp: bool) -> Vec<u8> {
    let mut body = vec![0xfe, 0xfd];
    body.extend([0x5a; 32]);
    body.extend([0, 0, 0, 2, 0xc0, 0x2b, 1, 0]);
    let mut extensions = vec![0, 10, 0, 4, 0, 2, 0, 23, 0, 13, 0, 4, 0, 2, 4, 3, 0, 23, 0, 0];
    if with_srtp {
        extensions.extend([0, 14, 0, 5, 0, 2, 0, 1, 0]);
    }
    if padding > 0 {
        extensions.extend([0, 21]);
        extensions.extend((padding as u16).to_be_bytes());
        extensions.resize(extensions.len() + padding, 0);
    }
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    body
}

/// An SCTP packet between ports 5000 with its CRC32c (bitwise, RFC 9260 Appendix A), or with zero in its place.
pub(crate) fn sctp(tag: u32, chunks: &[u8], has_checksum: bool) -> Vec<u8> {
    let mut packet = vec![0x13, 0x88, 0x13, 0x88];
    packet.extend(tag.to_be_bytes());
    packet.extend([0; 4]);
    packet.extend(chunks);
    if has_checksum {
        let mut crc = u32::MAX;
        for byte in &packet {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
            }
        }
        packet[8..12].copy_from_slice(&(!crc).to_le_bytes());
    }
    packet
}

/// The keys of one sender with AES in counter mode and HMAC-SHA1 (RFC 3711 §4).
pub(crate) struct Srtp {
    cipher: Vec<u8>,
    authentication: Vec<u8>,
    salt: Vec<u8>,
    rtcp: bool,
    tag: usize,
}

impl Srtp {
    /// Of 16 bytes of master key and 14 of salt; the length of the tag of RTP in bytes.
    pub(crate) fn rtp(master: &[u8; 30], tag: usize) -> Self {
        Self::of(master, 0, tag)
    }

    pub(crate) fn rtcp(master: &[u8; 30]) -> Self {
        Self::of(master, 3, 10)
    }

    fn of(master: &[u8; 30], label: u8, tag: usize) -> Self {
        let derive = |label: u8, length: usize| {
            let mut x = [0; 16];
            x[..14].copy_from_slice(&master[16..]);
            x[7] ^= label;
            stream(&master[..16], x, length)
        };
        Self {
            cipher: derive(label, 16),
            authentication: derive(label + 1, 20),
            salt: derive(label + 2, 14),
            rtcp: label == 3,
            tag,
        }
    }

    /// Protects an RTP packet without extensions, or an RTCP compound with this index.
    pub(crate) fn protect(&self, packet: &[u8], index: u32) -> Vec<u8> {
        let (clear, ssrc) = if self.rtcp { (8, &packet[4..8]) } else { (12, &packet[8..12]) };
        let mut iv = [0; 16];
        iv[..14].copy_from_slice(&self.salt);
        iv[4..8].iter_mut().zip(ssrc).for_each(|(byte, ssrc)| *byte ^= ssrc);
        // 48 bits of index: the sequence number behind a roll-over counter of zero, or that of SRTCP.
        let number = if self.rtcp { index } else { u32::from(u16::from_be_bytes([packet[2], packet[3]])) };
        iv[10..14].iter_mut().zip(number.to_be_bytes()).for_each(|(byte, index)| *byte ^= index);
        let keystream = stream(&self.cipher, iv, packet.len() - clear);
        let mut out = packet.to_vec();
        out[clear..].iter_mut().zip(keystream).for_each(|(byte, key)| *byte ^= key);
        let trailer = if self.rtcp { index | 0x8000_0000 } else { 0 }.to_be_bytes();
        let mut mac = <Hmac<Sha1> as Mac>::new_from_slice(&self.authentication).unwrap();
        mac.update(&out);
        mac.update(&trailer);
        if self.rtcp {
            out.extend(trailer);
        }
        out.extend(&mac.finalize().into_bytes()[..self.tag]);
        out
    }
}

/// AES in counter mode over zeros, from that block on.
fn stream(key: &[u8], mut counter: [u8; 16], length: usize) -> Vec<u8> {
    let cipher = aes::Aes128::new_from_slice(key).unwrap();
    let mut out = Vec::new();
    for n in 0..=u16::MAX {
        if out.len() >= length {
            break;
        }
        counter[14..].copy_from_slice(&n.to_be_bytes());
        let mut block = counter.into();
        cipher.encrypt_block(&mut block);
        out.extend(block);
    }
    out.truncate(length);
    out
}
