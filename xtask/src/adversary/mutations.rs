//! Mutations of a recording by chance: one entry of its timeline, one packet of its capture, or one digit of a secret.

use super::value::{change, leaves, one};
use peerproof::peers::liar::Fields;
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Type of a pcapng block that holds a packet (Enhanced Packet Block).
const PACKET: u32 = 6;
/// Type of a pcapng block that holds secrets (Decryption Secrets Block).
const SECRETS: u32 = 10;
/// Bytes of an Enhanced Packet Block before its packet.
const PACKET_HEADER: usize = 28;

/// The files of a recording that are mutated.
#[derive(Clone)]
pub(super) struct Files {
    pub(super) timeline: Vec<u8>,
    pub(super) capture: Vec<u8>,
}

/// A recording in which one thing is otherwise, and what; nothing if what chance chose is not in it. The kind is the first part.
pub(super) fn any(chance: &mut StdRng, files: &Files) -> Option<(Files, String, String)> {
    match chance.random_range(0..8) {
        0..=4 => {
            let (timeline, kind, what) = timeline(chance, &files.timeline)?;
            Some((Files { timeline, capture: files.capture.clone() }, kind, what))
        }
        5 | 6 => {
            let (capture, kind, what) = packet(chance, &files.capture)?;
            Some((Files { timeline: files.timeline.clone(), capture }, kind, what))
        }
        _ => {
            let (capture, what) = secret(chance, &files.capture)?;
            Some((Files { timeline: files.timeline.clone(), capture }, "secret altered".to_owned(), what))
        }
    }
}

fn timeline(chance: &mut StdRng, bytes: &[u8]) -> Option<(Vec<u8>, String, String)> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let mut entries: Vec<Value> = lines.map(serde_json::from_slice).collect::<Result<_, _>>().ok()?;
    let at = chance.random_range(0..entries.len().max(1));
    let entry = entries.get(at)?.clone();
    let name = name_of(&entry);
    let (action, detail) = match chance.random_range(0..6) {
        0 => {
            entries.remove(at);
            ("dropped", String::new())
        }
        1 => {
            entries.insert(at, entry);
            ("doubled", String::new())
        }
        2 => {
            let to = chance.random_range(0..entries.len());
            let mut entry = entries.remove(at);
            // It takes the time of the place.
            if let Some(other) = entries.get(to.min(entries.len().saturating_sub(1))) {
                entry["t_us"] = other["t_us"].clone();
            }
            entries.insert(to, entry);
            ("moved", format!(" to {to}"))
        }
        _ => {
            let whole = leaves(&entry["what"]);
            let (path, value) = one(chance, &whole)?;
            let change = change(chance, value);
            let fields = Fields([(format!("what.{path}"), change)].into_iter().collect());
            let detail = format!(": {fields}");
            fields.apply(entries.get_mut(at)?);
            ("altered", detail)
        }
    };
    number(&mut entries);
    let mut text = Vec::new();
    for entry in &entries {
        text.extend(serde_json::to_vec(entry).ok()?);
        text.push(b'\n');
    }
    Some((text, format!("{name} {action}"), format!("entry {at}, {name}, {action}{detail}")))
}

fn name_of(entry: &Value) -> String {
    let what = entry["what"].as_object().and_then(|what| what.iter().next());
    let Some((name, inner)) = what else { return entry["what"].as_str().unwrap_or("entry").to_owned() };
    let event = inner.pointer("/event/event").or(inner.get("name")).and_then(Value::as_str);
    event.map_or_else(|| name.clone(), |event| format!("{name} {event}"))
}

/// Numbers entries, and the events of each peer, so that no gap shows what was done.
fn number(entries: &mut [Value]) {
    let mut events: BTreeMap<String, u64> = BTreeMap::new();
    for (n, entry) in entries.iter_mut().enumerate() {
        entry["n"] = json!(n);
        let Some(event) = entry.pointer_mut("/what/event") else { continue };
        let count = events.entry(event["peer"].as_str().unwrap_or_default().to_owned()).or_default();
        event["seq"] = json!(*count);
        *count += 1;
    }
}

/// Type, begin and end of each block of a pcapng file in little endian.
fn blocks(capture: &[u8]) -> Vec<(u32, usize, usize)> {
    let word = |at: usize| {
        let bytes = capture.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes))
    };
    let mut found = Vec::new();
    let mut at = 0;
    while let (Some(kind), Some(length)) = (word(at), word(at + 4)) {
        let length = length as usize;
        if length < 12 || at + length > capture.len() {
            break;
        }
        found.push((kind, at, at + length));
        at += length;
    }
    found
}

fn packet(chance: &mut StdRng, capture: &[u8]) -> Option<(Vec<u8>, String, String)> {
    let packets: Vec<(usize, usize)> = blocks(capture)
        .into_iter()
        .filter(|(kind, begin, end)| *kind == PACKET && end - begin > PACKET_HEADER + 4)
        .map(|(_, begin, end)| (begin, end))
        .collect();
    let n = chance.random_range(0..packets.len().max(1));
    let (begin, end) = *packets.get(n)?;
    let frame = format!("frame {}{}", n + 1, about(capture, begin));
    let mut changed = capture.to_vec();
    let (kind, what) = match chance.random_range(0..4) {
        0 => {
            changed.drain(begin..end);
            ("packet dropped", format!("{frame} dropped"))
        }
        1 => {
            changed.splice(end..end, capture.get(begin..end)?.iter().copied());
            ("packet doubled", format!("{frame} doubled"))
        }
        _ => {
            let length =
                capture.get(begin + 20..begin + 24)?.try_into().map(u32::from_le_bytes).ok()? as usize;
            let offset = chance.random_range(0..length.max(1));
            let bit = 1u8 << chance.random_range(0..8);
            let byte = changed.get_mut(begin + PACKET_HEADER + offset)?;
            *byte ^= bit;
            let place = if offset < headers(capture.get(begin + PACKET_HEADER..end).unwrap_or_default()) {
                "in its headers, "
            } else {
                ""
            };
            ("packet altered", format!("{frame}, {place}byte {offset}, bit {bit:#04x}"))
        }
    };
    Some((changed, kind.to_owned(), what))
}

/// The length of the headers in front of what a packet of IP holds, in bytes.
fn headers(packet: &[u8]) -> usize {
    const UDP: u8 = 17;
    let byte = |at: usize| packet.get(at).copied().unwrap_or_default();
    let (ip, protocol) = match byte(0) >> 4 {
        4 => (usize::from(byte(0) & 15) * 4, byte(9)),
        6 => (40, byte(6)),
        _ => return 0,
    };
    ip + if protocol == UDP { 8 } else { usize::from(byte(ip + 12) >> 4) * 4 }
}

/// What a packet holds, for what is printed: `, STUN`. Opened plaintext has a link type of its own, LINKTYPE_WIRESHARK_UPPER_PDU.
fn about(capture: &[u8], begin: usize) -> &'static str {
    const PLAINTEXT: u16 = 252;
    const INTERFACE: u32 = 1;
    let word =
        |at: usize| capture.get(at..at + 4).and_then(|it| it.try_into().ok()).map_or(0, u32::from_le_bytes);
    let interfaces = blocks(capture).into_iter().filter(|(kind, ..)| *kind == INTERFACE);
    let link = interfaces.map(|(_, at, _)| word(at + 8) as u16).nth(word(begin + 8) as usize);
    if link == Some(PLAINTEXT) {
        return ", opened";
    }
    let packet = capture.get(begin + PACKET_HEADER..).unwrap_or_default();
    match packet.get(headers(packet)).copied() {
        Some(0..=3) => ", STUN",
        Some(20..=63) => ", DTLS",
        Some(64..=79) => ", ChannelData",
        Some(128..=191) => ", RTP",
        _ => "",
    }
}

/// Another digit in the last field of one line of the key log: a secret.
fn secret(chance: &mut StdRng, capture: &[u8]) -> Option<(Vec<u8>, String)> {
    // Of a session without packets nothing needs them.
    if blocks(capture).iter().all(|(kind, ..)| *kind != PACKET) {
        return None;
    }
    let secrets: Vec<(usize, usize)> = blocks(capture)
        .into_iter()
        .filter(|(kind, ..)| *kind == SECRETS)
        .map(|(_, begin, end)| (begin + 16, end - 4))
        .collect();
    let (begin, end) = *one(chance, &secrets)?;
    let text = capture.get(begin..end)?;
    let digits: Vec<usize> = (0..text.len()).filter(|at| is_of_a_secret(text, *at)).collect();
    let at = *one(chance, &digits)?;
    let mut changed = capture.to_vec();
    let digit = changed.get_mut(begin + at)?;
    *digit = if *digit == b'0' { b'1' } else { b'0' };
    Some((changed, format!("byte {at} of the secrets")))
}

/// Whether a byte is a digit of the third field of its line.
fn is_of_a_secret(text: &[u8], at: usize) -> bool {
    let Some(before) = text.get(..at) else { return false };
    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    text.get(at).is_some_and(u8::is_ascii_hexdigit) && line.iter().filter(|byte| **byte == b' ').count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn files() -> Files {
        let entry = |n: u64, event: &str| {
            let event = json!({ "peer": "bob", "seq": n, "event": { "event": event } });
            json!({ "n": n, "t_us": n * 10, "what": { "event": event } }).to_string() + "\n"
        };
        let block = |kind: u32, body: &[u8]| {
            let length = (body.len() + 12) as u32;
            [&kind.to_le_bytes()[..], &length.to_le_bytes(), body, &length.to_le_bytes()].concat()
        };
        let packet = |byte: u8| {
            let length = 4u32.to_le_bytes();
            block(PACKET, &[&[0; 12][..], &length, &length, &[byte; 4]].concat())
        };
        let secret = block(SECRETS, &[&[0; 8][..], b"LABEL 00ff 1234\n"].concat());
        Files {
            timeline: [entry(0, "negotiationneeded"), entry(1, "negotiationneeded")].concat().into_bytes(),
            capture: [secret, packet(1), packet(2)].concat(),
        }
    }

    #[test]
    fn every_kind_is_drawn_and_changes_one_file() {
        let files = files();
        let mut kinds = std::collections::BTreeSet::new();
        for seed in 0..300 {
            let Some((mutant, kind, what)) = any(&mut StdRng::seed_from_u64(seed), &files) else { continue };
            let timeline = mutant.timeline != files.timeline;
            let capture = mutant.capture != files.capture;
            assert!(!(timeline && capture), "{what}");
            let again = any(&mut StdRng::seed_from_u64(seed), &files).map(|(mutant, ..)| mutant.capture);
            assert_eq!(again, Some(mutant.capture), "the same seed gives the same");
            if timeline || capture {
                kinds.insert(kind);
            }
        }
        let wanted = ["dropped", "doubled", "altered"].map(|action| format!("packet {action}"));
        assert!(wanted.iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
        assert!(
            kinds.contains("secret altered") && kinds.contains("event negotiationneeded dropped"),
            "{kinds:?}"
        );
    }

    #[test]
    fn what_a_packet_holds_is_named() {
        let packet = |first: u8| {
            let mut packet = vec![0; 40];
            packet[0] = 0x45;
            packet[9] = 17;
            packet[28] = first;
            packet
        };
        let of = |link: u16, packet: &[u8]| {
            let interface = [
                &1u32.to_le_bytes()[..],
                &20u32.to_le_bytes(),
                &link.to_le_bytes(),
                &[0; 6],
                &20u32.to_le_bytes(),
            ]
            .concat();
            let body = [&[0; 12][..], &40u32.to_le_bytes(), &40u32.to_le_bytes(), packet].concat();
            let length = (body.len() + 12) as u32;
            let frame =
                [&PACKET.to_le_bytes()[..], &length.to_le_bytes(), &body, &length.to_le_bytes()].concat();
            about(&[interface.clone(), frame].concat(), interface.len())
        };
        assert_eq!(headers(&packet(0)), 28);
        assert_eq!(
            [1, 22, 64, 128].map(|first| of(101, &packet(first))),
            [", STUN", ", DTLS", ", ChannelData", ", RTP"]
        );
        assert_eq!(of(252, &packet(1)), ", opened");
        assert_eq!((headers(&[]), headers(&[0x60])), (0, 40));
    }

    #[test]
    fn only_digits_of_the_secret_itself_are_altered() {
        let text = b"LABEL 00ff 12\n";
        let of: Vec<usize> = (0..text.len()).filter(|at| is_of_a_secret(text, *at)).collect();
        assert_eq!(of, [11, 12]);
    }
}
