//! What the frames of a recording of ours say of each other and of the timeline: which frame carried a plaintext, which step began, on
//! which packet a rule acted. If frames are missing or were added, it does not fit.

use super::Peer;
use peerproof_captures::file::{Direction, Frame, LinkType};
use peerproof_captures::link::Network;
use peerproof_captures::observe::Defect;
use std::collections::{BTreeSet, VecDeque};

/// Most frames behind a plaintext among which the frame that carried it is looked for: what waited longer for its secret is not checked.
const MOST: usize = 1 << 16;
/// Most packets with the comment of a rule that are remembered.
const MOST_RULED: usize = 1 << 20;

/// The comment on the first packet of a step: `step 3: …`.
const STEP: &str = "step ";
/// The comment on a packet on which a rule acted.
const RULE: &str = "rule: ";

/// What is known of a frame.
#[derive(Debug, Clone, Copy)]
struct Known {
    owner: Option<Peer>,
    direction: Option<Direction>,
    is_plaintext: bool,
}

/// Follows the references.
#[derive(Debug, Default)]
pub(super) struct References {
    network: Network,
    recent: VecDeque<Known>,
    /// The step whose comment comes next, from one.
    next_step: u64,
    defect: Option<Defect>,
    /// The frames with the comment of a rule.
    ruled: BTreeSet<u64>,
    steps: Vec<StepSeen>,
    newest_ns: u64,
    /// The frames whose plaintext was recorded.
    carriers: BTreeSet<u64>,
}

/// What the frames say.
pub(super) struct Referred {
    pub(super) defect: Option<Defect>,
    pub(super) ruled: BTreeSet<u64>,
    pub(super) steps: Vec<StepSeen>,
    pub(super) carriers: BTreeSet<u64>,
}

/// The packet with the comment of a step: the first one after the step began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepSeen {
    /// Which step, from one.
    pub step: u64,
    /// The frame.
    pub frame: u64,
    /// Its time in nanoseconds since 1970.
    pub time_ns: u64,
    /// The latest time of the frames before it.
    pub before_ns: u64,
}

impl References {
    pub(super) fn frame(&mut self, frame: &Frame<'_>, owner: Option<Peer>) {
        let is_plaintext = frame.link == LinkType::WIRESHARK_UPPER_PDU;
        let known = Known { owner, direction: frame.direction, is_plaintext };
        if is_plaintext {
            let mut carried_by = None;
            self.network.frame(frame, &mut |packet| carried_by = packet.carried_by);
            if let Some(carrier) = carried_by {
                self.carried(frame.number, carrier.into(), known);
                if self.carriers.len() < MOST_RULED {
                    self.carriers.insert(carrier.into());
                }
            }
        }
        if self.recent.len() >= MOST {
            self.recent.pop_front();
        }
        self.recent.push_back(known);
        for comment in frame.comments() {
            let comment = String::from_utf8_lossy(comment);
            if comment.starts_with(RULE) && self.ruled.len() < MOST_RULED {
                self.ruled.insert(frame.number);
            }
            self.comment(frame, &comment);
        }
        self.newest_ns = self.newest_ns.max(frame.time_ns.unwrap_or_default());
    }

    /// A plaintext is at the tap of the packet that carried it, in the same direction.
    fn carried(&mut self, frame: u64, carrier: u64, plaintext: Known) {
        // The newest of the recent ones is the frame before this one.
        let behind = frame.checked_sub(carrier).and_then(|it| usize::try_from(it).ok());
        let fits = match behind {
            None | Some(0) => false,
            Some(behind) if behind > self.recent.len() => return,
            Some(behind) => self.recent.get(self.recent.len() - behind).is_some_and(|it| {
                !it.is_plaintext && it.owner == plaintext.owner && it.direction == plaintext.direction
            }),
        };
        if !fits {
            let reason =
                format!("was carried by frame {carrier}, which is no packet of that tap and direction");
            self.defect.get_or_insert(Defect::Renumbered { frame, reason });
        }
    }

    /// The comments of steps come in order, and each comes once.
    fn comment(&mut self, frame: &Frame<'_>, comment: &str) {
        let number = comment.strip_prefix(STEP).and_then(|it| it.split(':').next()?.parse::<u64>().ok());
        let Some(number) = number else { return };
        let expected = self.next_step + 1;
        if self.steps.len() < MOST_RULED {
            let time_ns = frame.time_ns.unwrap_or_default();
            self.steps.push(StepSeen {
                step: number,
                frame: frame.number,
                time_ns,
                before_ns: self.newest_ns,
            });
        }
        let frame = frame.number;
        if number != expected {
            let reason = format!("has the comment of step {number}, and that of step {expected} is missing");
            let reason =
                if number < expected { format!("has the comment of step {number} again") } else { reason };
            self.defect.get_or_insert(Defect::Renumbered { frame, reason });
        }
        self.next_step = number;
    }

    pub(super) fn close(self) -> Referred {
        let Self { defect, ruled, steps, carriers, .. } = self;
        Referred { defect, ruled, steps, carriers }
    }
}

#[cfg(test)]
mod tests {
    use crate::evidence::{InMemory, Wire};
    use peerproof_captures::file::CaptureReader;
    use peerproof_captures::observe::Defect;
    use peerproof_captures::recording::{About, Content, Direction, Observes, PacketRecord, Recorder};

    /// What the references of a recording show: of the stack's taps, `keep` says which of its ten packets are there. Every second one is plaintext of
    /// the one before, the third and the seventh have the comments of steps.
    fn all_defects(keep: impl Fn(u64) -> bool, clock_of_bob: u64) -> Vec<Defect> {
        let peers = ["alice", "bob"].map(str::to_owned);
        let mut writer = Recorder::new(Vec::new(), About::default()).unwrap();
        let alice = writer.interface("alice (stack)", "", Observes::Wire).unwrap();
        let clear = writer.interface("alice (stack) in clear", "", Observes::Plaintext).unwrap();
        let bob = writer.interface("bob (stack)", "", Observes::Wire).unwrap();
        for number in 1..=20 {
            let packet = PacketRecord {
                interface: alice,
                time_ns: number * 1_000_000,
                direction: Direction::Outbound,
                local: "192.0.2.1:1".parse().unwrap(),
                remote: "192.0.2.2:2".parse().unwrap(),
                content: Content::Udp(&[0x80; 20]),
                carried_by: None,
                comment: match number {
                    3 => Some("step 1: connect"),
                    7 => Some("step 2: alice: close"),
                    9 => Some("rule: drop"),
                    _ => None,
                },
            };
            let plaintext = PacketRecord {
                interface: clear,
                content: Content::Rtp(&[0x80; 12]),
                carried_by: Some(number - 1),
                ..packet
            };
            let arrives = PacketRecord {
                interface: bob,
                direction: Direction::Inbound,
                time_ns: packet.time_ns.wrapping_add(clock_of_bob),
                content: Content::Udp(&[0x80, 1, 2, 3]),
                ..packet
            };
            let leaves = PacketRecord { content: Content::Udp(&[0x80, 1, 2, 3]), ..packet };
            let wanted = match number {
                11 => leaves,
                12 => arrives,
                _ if number % 2 == 0 => plaintext,
                _ => packet,
            };
            if keep(number) {
                writer.packet(&wanted).unwrap();
            }
        }
        let file = writer.into_inner();
        let wire = Wire::read(CaptureReader::new(&*file), &peers, 0, Box::<InMemory>::default()).unwrap();
        assert_eq!(wire.ruled.len(), usize::from(keep(9)));
        wire.defects
    }

    /// The same, but for the secrets, of which the recording has none.
    fn defects(keep: impl Fn(u64) -> bool, clock_of_bob: u64) -> Vec<Defect> {
        let mut all = all_defects(keep, clock_of_bob);
        all.retain(|it| !matches!(it, Defect::WrongSecrets { .. }));
        all
    }

    #[test]
    fn what_was_opened_when_it_was_recorded_opens_again_or_secrets_are_missing() {
        let found = all_defects(|_| true, 0);
        assert_eq!(found, [Defect::WrongSecrets { of: "alice".to_owned(), units: 9 }]);
        assert_eq!(all_defects(|number| number % 2 == 1, 0), [], "nothing was opened");
    }

    #[test]
    fn frames_that_are_missing_show_by_what_refers_to_them() {
        assert_eq!(defects(|_| true, 0), []);
        for missing in 1..=19 {
            let found = defects(|number| number != missing, 0);
            assert!(matches!(&found[..], [Defect::Renumbered { .. }]), "without {missing}: {found:?}");
        }
        let comments = defects(|number| number % 2 == 1 && number != 3, 0);
        assert!(comments[0].to_string().contains("that of step 1 is missing"), "{comments:?}");
    }

    #[test]
    fn a_packet_that_arrives_before_it_left_shows_that_clocks_differ() {
        // It arrives a millisecond after it left.
        assert_eq!(defects(|_| true, 100_000_000), []);
        let early = defects(|_| true, 0_u64.wrapping_sub(5_000_000));
        assert_eq!(early, [Defect::ClocksDiffer { frame: 12, by_us: 4_000 }]);
    }
}
