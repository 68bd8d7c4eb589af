//! `--connection`: the frames of one connection, found by a pass over the capture before it is written.

use super::source::Given;
use super::{FileFacts, InspectError, InterfaceFacts, trace};
use peerproof_captures::file::{Frame, Item};
use peerproof_captures::link::{self, Source, Transport};
use peerproof_captures::observe::{Follow, Observation, Opened, Sink};
use peerproof_captures::trace::{Members, Trace};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// The frames of a connection, and the secrets that open it.
pub(super) struct Chosen {
    /// A bit for each frame.
    frames: Vec<u64>,
    /// TCP connections of which a message belongs to it: all segments do.
    streams: BTreeSet<(SocketAddr, SocketAddr)>,
    /// Ends of IP packets that came in fragments: all fragments between them do.
    fragmented: BTreeSet<(IpAddr, IpAddr)>,
    /// Randoms of its ClientHellos, in hexadecimal digits.
    randoms: Vec<String>,
}

impl Chosen {
    /// Those of the connection of that number, counted from one.
    pub(super) fn read(given: &Given, number: usize) -> Result<Self, InspectError> {
        let (file, trace) = trace(given)?;
        match number.checked_sub(1) {
            Some(index) => Self::of(given, &file, &trace, index),
            None => Err(no_connection(given, number, &trace)),
        }
    }

    /// The same, by the index of the connection in the trace of that capture.
    pub(super) fn of(
        given: &Given,
        file: &FileFacts,
        trace: &Trace,
        index: usize,
    ) -> Result<Self, InspectError> {
        let (Some(connection), Some(members)) = (trace.connections.get(index), trace.members(index)) else {
            return Err(no_connection(given, index + 1, trace));
        };
        let randoms = connection.handshakes.iter().map(|handshake| handshake.client_random.clone()).collect();
        let (streams, fragmented) = (BTreeSet::new(), BTreeSet::new());
        let chosen = Self { frames: Vec::new(), streams, fragmented, randoms };
        let mut choosing = Choosing { members, chosen };
        // What was said to a TURN server comes before the first packet that it relays, so a second pass finds it.
        for _ in 0..2 {
            choosing.pass(given, &file.interfaces)?;
        }
        Ok(choosing.chosen)
    }

    /// Whether a frame is one of them.
    pub(super) fn holds(&self, frame: &Frame<'_>) -> bool {
        self.has(frame.number)
            || (!(self.streams.is_empty() && self.fragmented.is_empty()) && self.is_part(frame))
    }

    /// Whether a datagram that was whole with that frame is one of its own.
    pub(super) fn has(&self, frame: u64) -> bool {
        let (word, bit) = place(frame);
        self.frames.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// Whether a frame holds a part of what belongs to the connection.
    fn is_part(&self, frame: &Frame<'_>) -> bool {
        let Some((from, to)) = link::between(frame.link, frame.data) else { return false };
        match (from.port(), to.port()) {
            (0, 0) => self.fragmented.contains(&ordered(from.ip(), to.ip())),
            _ => self.streams.contains(&ordered(from, to)),
        }
    }

    /// The lines of a key log that open the connection.
    pub(super) fn secrets(&self, key_log: &str) -> String {
        let is_of_it = |line: &&str| {
            let random = line.split_ascii_whitespace().nth(1);
            random.is_some_and(|random| self.randoms.iter().any(|known| known.eq_ignore_ascii_case(random)))
        };
        key_log.lines().filter(is_of_it).flat_map(|line| [line, "\n"]).collect()
    }

    fn add(&mut self, frame: u64) {
        let (word, bit) = place(frame);
        if self.frames.len() <= word {
            self.frames.resize(word + 1, 0);
        }
        if let Some(bits) = self.frames.get_mut(word) {
            *bits |= bit;
        }
    }
}

fn no_connection(given: &Given, number: usize, trace: &Trace) -> InspectError {
    let connections = trace.connections.len();
    InspectError::NoConnection { name: given.name.clone(), number, connections }
}

fn place(frame: u64) -> (usize, u64) {
    (usize::try_from(frame / 64).unwrap_or(usize::MAX), 1 << (frame % 64))
}

fn ordered<T: Ord>(one: T, other: T) -> (T, T) {
    if one <= other { (one, other) } else { (other, one) }
}

/// The pass.
struct Choosing {
    members: Members,
    chosen: Chosen,
}

impl Choosing {
    fn pass(&mut self, given: &Given, interfaces: &[InterfaceFacts]) -> Result<(), InspectError> {
        let mut reader = given.reader()?;
        let mut observer = given.observer(self);
        while let Some(item) = reader.next_item() {
            match item {
                // By their names the places are those of the trace.
                Item::Interface(index) => {
                    let name = interfaces.get(index).and_then(|interface| interface.name.as_deref());
                    observer.interface(index, name.unwrap_or_default());
                }
                Item::Frame(frame) => {
                    observer.frame(&frame, self);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Sink for Choosing {
    fn datagram(&mut self, seen: &Observation<'_>) -> Follow {
        if self.members.holds(seen) {
            self.chosen.add(seen.frame);
            let (from, to) = (seen.outer.ends.from, seen.outer.ends.to);
            if seen.transport == Transport::Tcp {
                self.chosen.streams.insert(ordered(from, to));
            } else if seen.source == Source::Reassembled {
                self.chosen.fragmented.insert(ordered(from.ip(), to.ip()));
            }
        }
        Follow::No
    }

    fn opened(&mut self, _: &Opened<'_>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_secrets_of_the_connection_are_kept() {
        let chosen = Chosen {
            frames: Vec::new(),
            streams: BTreeSet::new(),
            fragmented: BTreeSet::new(),
            randoms: vec!["0aff".to_owned()],
        };
        let log =
            "# comment\nCLIENT_RANDOM 0AFF 11\nCLIENT_RANDOM 0afe 22\n\nEXPORTER_SECRET 0aff 33\n0aff\n";
        assert_eq!(chosen.secrets(log), "CLIENT_RANDOM 0AFF 11\nEXPORTER_SECRET 0aff 33\n");
    }

    #[test]
    fn frames_are_kept_as_bits() {
        let (streams, fragmented) = (BTreeSet::new(), BTreeSet::new());
        let mut chosen = Chosen { frames: Vec::new(), streams, fragmented, randoms: Vec::new() };
        for frame in [1, 63, 64, 1_000] {
            chosen.add(frame);
        }
        let there: Vec<u64> = (0..2_000).filter(|frame| chosen.has(*frame)).collect();
        assert_eq!(there, [1, 63, 64, 1_000]);
        assert_eq!(chosen.frames.len(), 16);
    }
}
