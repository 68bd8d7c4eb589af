//! The degraded copy of a capture.

use super::kind::Kind;
use anyhow::bail;
use peerproof_captures::file::{CaptureReader, Direction, Frame, Interface, Item, Secrets};
use peerproof_captures::recording::{About, InterfaceId, Recorder};
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// A capture as `kind` has it.
pub(super) fn degraded(capture: &[u8], kind: &Kind) -> anyhow::Result<Vec<u8>> {
    match kind {
        Kind::End(percent) => Ok(capture.get(..capture.len() * percent / 100).unwrap_or(capture).to_vec()),
        Kind::Tail(bytes) => {
            Ok(capture.get(..capture.len().saturating_sub(*bytes)).unwrap_or_default().to_vec())
        }
        _ => rewritten(capture, kind),
    }
}

/// What is known of the whole capture before it is copied.
struct Whole {
    frames: u64,
    /// The first interface with a frame.
    first: Option<usize>,
}

impl Whole {
    fn of(capture: &[u8]) -> Self {
        let (mut reader, mut first) = (CaptureReader::new(capture), None);
        while let Some(item) = reader.next_item() {
            if let Item::Frame(frame) = item {
                first = first.or(frame.interface);
            }
        }
        Self { frames: reader.frames(), first }
    }
}

fn rewritten(capture: &[u8], kind: &Kind) -> anyhow::Result<Vec<u8>> {
    let whole = Whole::of(capture);
    let mut reader = CaptureReader::new(capture);
    let mut writer =
        Recorder::new(Vec::new(), About { application: "peerproof xtask degrade", comment: "" })?;
    let (mut interfaces, mut ids): (Vec<Interface>, Vec<InterfaceId>) = (Vec::new(), Vec::new());
    while let Some(item) = reader.next_item() {
        match item {
            Item::Secrets(secrets) => {
                if let Some(log) = key_log(&secrets, kind) {
                    writer.secrets(&log)?;
                }
            }
            Item::Frame(frame) => {
                let Some(id) = frame.interface.and_then(|index| ids.get(index)) else {
                    bail!("frame {} is of no interface", frame.number);
                };
                for (mut copy, time_ns) in copies(frame, kind, &whole, &interfaces) {
                    copy.time_ns = Some(time_ns);
                    writer.copy(*id, &copy, time_ns)?;
                }
            }
            _ => {}
        }
        for interface in reader.interfaces().iter().skip(ids.len()) {
            ids.push(writer.interface_like(interface.name.as_deref().unwrap_or_default(), interface)?);
            interfaces.push(interface.clone());
        }
    }
    Ok(writer.into_inner())
}

fn key_log(secrets: &Secrets<'_>, kind: &Kind) -> Option<String> {
    let log = String::from_utf8_lossy(secrets.data).into_owned();
    match kind {
        Kind::NoSecrets => None,
        Kind::WrongSecret => Some(log.lines().map(|line| another_digit(line) + "\n").collect()),
        _ => Some(log),
    }
}

/// A line of a key log with another last digit.
fn another_digit(line: &str) -> String {
    let mut line = line.trim_end().to_owned();
    let last = line.pop().map(|last| if last == '0' { '1' } else { '0' });
    line.extend(last);
    line
}

/// What becomes of a frame, with the time of each copy.
fn copies<'a>(
    frame: Frame<'a>,
    kind: &Kind,
    whole: &Whole,
    interfaces: &[Interface],
) -> Vec<(Frame<'a>, u64)> {
    let time = frame.time_ns.unwrap_or_default();
    let name = frame.interface.and_then(|index| interfaces.get(index)?.name.as_deref()).unwrap_or_default();
    let is_of = |peer: &str| name.split(" (").next() == Some(peer);
    let one = |keep: bool| if keep { vec![(frame, time)] } else { Vec::new() };
    match kind {
        Kind::Snap(length) => {
            let mut cut = frame;
            cut.data = frame.data.get(..*length).unwrap_or(frame.data);
            vec![(cut, time)]
        }
        Kind::Duplicate(later) => vec![(frame, time), (frame, time.saturating_add(later * 1_000))],
        Kind::Late(percent) => one(frame.number > whole.frames * (*percent as u64) / 100),
        Kind::Loss(percent) => one(lot(&frame) % 100 >= *percent),
        Kind::OneWay(peer) => {
            let sent = frame.direction == Some(Direction::Outbound);
            one(is_of(peer) == sent)
        }
        Kind::Clock(peer, by) => {
            let moved = match peer {
                Some(peer) => is_of(peer),
                None => frame.interface == whole.first,
            };
            vec![(frame, if moved { time.saturating_add_signed(*by) } else { time })]
        }
        Kind::NoSecrets | Kind::WrongSecret | Kind::End(_) | Kind::Tail(_) => one(true),
    }
}

/// A number that is the same for the same frame whenever it is copied, and otherwise by chance.
fn lot(frame: &Frame<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (frame.number, frame.time_ns, frame.data).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use peerproof_captures::recording::{Content, Direction as Way, Observes, PacketRecord};

    const SECRET: &str = "CLIENT_RANDOM 00 0f\n";
    const FRAMES: u64 = 40;

    /// Packets of 100 bytes each, sent and received by alice and by bob in turns, a millisecond apart.
    pub(in super::super) fn capture() -> Vec<u8> {
        let mut writer = Recorder::new(Vec::new(), About::default()).unwrap();
        let taps =
            ["alice (stack)", "bob (chrome)"].map(|name| writer.interface(name, "", Observes::Wire).unwrap());
        writer.secrets(SECRET).unwrap();
        for number in 0..FRAMES {
            let packet = PacketRecord {
                interface: taps[(number % 2) as usize],
                time_ns: number * 1_000_000,
                direction: if number % 4 < 2 { Way::Outbound } else { Way::Inbound },
                local: "192.0.2.1:1".parse().unwrap(),
                remote: "192.0.2.2:2".parse().unwrap(),
                content: Content::Udp(&[number as u8; 72]),
                carried_by: None,
                comment: None,
            };
            writer.packet(&packet).unwrap();
        }
        writer.into_inner()
    }

    struct Seen {
        frames: Vec<(usize, u64, usize, bool)>,
        secrets: Vec<String>,
        whole: bool,
    }

    fn seen(kind: &str) -> Seen {
        let bytes = degraded(&capture(), &kind.parse().unwrap()).unwrap();
        let mut reader = CaptureReader::new(&*bytes);
        let mut seen = Seen { frames: Vec::new(), secrets: Vec::new(), whole: true };
        while let Some(item) = reader.next_item() {
            match item {
                Item::Frame(frame) => seen.frames.push((
                    frame.interface.unwrap(),
                    frame.time_ns.unwrap(),
                    frame.data.len(),
                    frame.is_cut(),
                )),
                Item::Secrets(secrets) => {
                    seen.secrets.push(String::from_utf8_lossy(secrets.data).into_owned());
                }
                _ => {}
            }
        }
        seen.whole = reader.stop().is_none();
        seen
    }

    #[test]
    fn each_kind_takes_away_what_it_says() {
        let all = seen("loss:0");
        assert!(all.frames.len() as u64 == FRAMES && all.whole && all.secrets == [SECRET]);
        assert!(seen("snap:64").frames.iter().all(|it| it.2 == 64 && it.3));
        assert!(seen("snap:100").frames.iter().all(|it| it.2 == 100 && !it.3));
        let twice = seen("duplicate:3").frames;
        assert!(twice.len() == 80 && twice[1] == (0, 3_000, 100, false) && twice[0].1 == 0);
        assert_eq!(seen("late:25").frames, all.frames[10..]);
        assert!((1..FRAMES).contains(&(seen("loss:40").frames.len() as u64)));
        let alice = seen("one-way:alice").frames;
        assert!(alice.len() == 20 && alice[0].1 == 0 && alice[1].1 == 3_000_000);
        let clock = seen("clock:bob:+5s").frames;
        assert!(clock[0].1 == 0 && clock[1].1 == 5_001_000_000);
        assert_eq!(seen("clock:+1s").frames[0].1, 1_000_000_000);
        assert!(seen("no-secrets").secrets.is_empty());
        assert_eq!(seen("wrong-secret").secrets, ["CLIENT_RANDOM 00 00\n"]);
        let (end, tail) = (seen("end:60"), seen("tail:7"));
        assert!(!end.whole && !tail.whole && end.frames.len() < tail.frames.len());
    }
}
