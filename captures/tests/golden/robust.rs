//! No truncation and no change of a golden capture makes anything panic, on the whole way from the file to the trace.

use super::protocols::dissect;
use super::{Capture, captures, trace};
use peerproof_captures::file::{CaptureReader, Item, LinkType};
use peerproof_captures::trace::Builder;

/// Files up to this length are cut at every byte, longer ones at as many places.
const CUTS: usize = 400;
/// Changed files, and files of random bytes.
const TRIES: usize = 2_000;

/// Random numbers that are the same in each run (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 16) as usize % limit.max(1)
    }
}

/// Calls as long as they are say the same thing over and over.
fn short() -> Vec<Capture> {
    let all = [
        "stun",
        "turn",
        "dtls",
        "dtls12",
        "dtls13",
        "rtp",
        "rtcp",
        "sctp",
        "srtp",
        "mdns",
        "tcp",
        "link",
        "diagnosis",
    ];
    all.into_iter().flat_map(captures).filter(|capture| capture.bytes.len() < 8_000).collect()
}

#[test]
fn every_truncation_of_every_packet_is_borne() {
    for capture in captures(".") {
        let mut reader = CaptureReader::new(capture.bytes.as_slice());
        let mut builder = Builder::new();
        while let Some(item) = reader.next_item() {
            match item {
                Item::Secrets(secrets) => {
                    builder.secrets(&secrets);
                }
                Item::Frame(frame) => {
                    let ns = frame.time_ns.unwrap_or(0);
                    for length in 0..frame.data.len() {
                        builder.packet(frame.number, ns, frame.link, &frame.data[..length]);
                    }
                    builder.frame(&frame);
                }
                _ => {}
            }
        }
        builder.finish();
    }
}

#[test]
fn every_truncation_of_a_file_is_borne_and_says_where_it_ends() {
    for capture in short() {
        let length = capture.bytes.len();
        let step = length.div_ceil(CUTS);
        let (_, whole) = trace(&capture, &capture.bytes);
        for end in (0..length).step_by(step) {
            let (_, stop) = trace(&capture, &capture.bytes[..end]);
            if let (Some(stop), None) = (stop, &whole) {
                assert!(stop <= end as u64 || capture.name.ends_with(".gz"), "{} at {end}", capture.name);
            }
        }
    }
}

#[test]
fn changed_files_are_borne() {
    let captures = short();
    let mut random = Random(7);
    for _ in 0..TRIES {
        let capture = &captures[random.below(captures.len())];
        let mut bytes = capture.bytes.clone();
        for _ in 0..=random.below(6) {
            let at = random.below(bytes.len());
            match random.below(4) {
                0 => bytes[at] = random.next() as u8,
                1 => bytes[at] ^= 1 << random.below(8),
                2 => bytes[at] = if random.below(2) == 0 { 0 } else { 0xff },
                _ => drop(bytes.remove(at)),
            }
        }
        trace(capture, &bytes);
        dissect(capture, &bytes, true);
    }
}

#[test]
fn random_bytes_are_borne() {
    let mut random = Random(11);
    let capture = Capture { name: "random".into(), bytes: Vec::new(), descriptions: Vec::new() };
    let magics: [&[u8]; 5] = [
        &[0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0, 4],
        &[0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0],
        &[0x0a, 0x0d, 0x0d, 0x0a, 0x1c, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0],
        &[0x1f, 0x8b, 8, 0],
        &[],
    ];
    for magic in magics.iter().cycle().take(TRIES) {
        let length = random.below(400);
        let noise = std::iter::repeat_with(|| random.next() as u8).take(length);
        let bytes: Vec<u8> = magic.iter().copied().chain(noise).collect();
        trace(&capture, &bytes);
        dissect(&capture, &bytes, true);
    }
    // Random packets behind each kind of link, in one trace.
    let mut builder = Builder::new();
    let firsts = [0, 16, 20, 22, 25, 26, 32, 47, 64, 79, 128, 144, 200];
    for number in 0..TRIES as u64 {
        let length = random.below(200);
        let mut payload: Vec<u8> = std::iter::repeat_with(|| random.next() as u8).take(length).collect();
        if let Some(first) = payload.first_mut() {
            *first = firsts[number as usize % firsts.len()];
        }
        let length = (28 + payload.len()) as u16;
        let [high, low] = length.to_be_bytes();
        let [udp_high, udp_low] = (length - 20).to_be_bytes();
        let mut packet =
            vec![0x45, 0, high, low, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, (number % 7) as u8];
        packet.extend([0x13, 0x88, 0x17, 0x70, udp_high, udp_low, 0, 0]);
        packet.extend(payload);
        builder.packet(number, number * 1_000_000, LinkType::RAW, &packet);
        let link = [
            LinkType::NULL,
            LinkType::ETHERNET,
            LinkType::LINUX_SLL,
            LinkType::LINUX_SLL2,
            LinkType::WIRESHARK_UPPER_PDU,
        ];
        builder.packet(number, number * 1_000_000, link[number as usize % link.len()], &packet);
    }
    builder.finish();
}
