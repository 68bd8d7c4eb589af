//! What the frames of a recording of ours say of each other and of the timeline: which frame carried a plaintext, which step began, on
//! which packet a rule acted. If frames are missing, were added or stand in another order, it does not fit.

use super::Peer;
use peerproof_captures::file::{Direction, Frame, LinkType};
use peerproof_captures::link::Network;
use peerproof_captures::observe::Defect;
use std::collections::{BTreeSet, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

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
    /// Whether it came over the links of the network lab, which may make two of one.
    is_linked: bool,
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
    /// The time of the newest frame that is no plaintext.
    packet_ns: u64,
    /// The packets of that time, by what identifies them.
    newest: HashSet<u64>,
    /// The first frame that is the same as one before it.
    repeated: Option<u64>,
    /// The first packet that is earlier than one before it, and by how much.
    back: Option<(u64, u64)>,
    /// The frames whose plaintext was recorded.
    carriers: BTreeSet<u64>,
}

/// What the frames say.
pub(super) struct Referred {
    /// The first frame that is the same as one before it.
    pub(super) repeated: Option<u64>,
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
    /// Takes in a frame of an interface of that peer, which may be a host of the network lab.
    pub(super) fn frame(&mut self, frame: &Frame<'_>, owner: Option<Peer>, is_host: bool) {
        let is_plaintext = frame.link == LinkType::WIRESHARK_UPPER_PDU;
        let is_linked = is_host && frame.direction != Some(Direction::Outbound);
        let known = Known { owner, direction: frame.direction, is_plaintext, is_linked };
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
        if !known.is_plaintext {
            self.order(frame, known);
        }
        self.newest_ns = self.newest_ns.max(frame.time_ns.unwrap_or_default());
    }

    /// Packets are recorded one after the other, so none is earlier than one before it; only plaintext has the time when it was opened. None is
    /// recorded twice, and no peer sends the same packet twice within a microsecond, unless a rule or a link of the lab makes two of one.
    fn order(&mut self, frame: &Frame<'_>, known: Known) {
        let Some(time_ns) = frame.time_ns else { return };
        if time_ns < self.packet_ns {
            self.back.get_or_insert((frame.number, self.packet_ns - time_ns));
            return;
        }
        if time_ns > self.packet_ns {
            self.newest.clear();
        }
        self.packet_ns = time_ns;
        let mut hasher = DefaultHasher::new();
        (frame.interface, known.direction.map(|it| it == Direction::Outbound), frame.data).hash(&mut hasher);
        let is_new = self.newest.len() >= MOST || self.newest.insert(hasher.finish());
        if !is_new && !known.is_linked {
            self.repeated.get_or_insert(frame.number);
        }
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
        let Self { defect, ruled, steps, carriers, repeated, back, .. } = self;
        let back = back.map(|(frame, by_ns)| {
            let reason = format!("is {} µs earlier than one before it", by_ns / 1_000);
            Defect::Renumbered { frame, reason }
        });
        let defect = defect.or(back);
        Referred { repeated, defect, ruled, steps, carriers }
    }
}

#[cfg(test)]
mod tests {
    use crate::evidence::{InMemory, Wire};
    use peerproof_captures::file::CaptureReader;
    use peerproof_captures::observe::Defect;
    use peerproof_captures::recording::{About, Content, Direction, Observes, PacketRecord, Recorder};
    use peerproof_captures::tap::AT_INTERFACE;

    /// What the references of a recording show: of the stack's taps, `keep` says which of its ten packets are there. Every second one is plaintext of
    /// the one before, the third and the seventh have the comments of steps.
    fn all_defects(keep: impl Fn(u64) -> bool, clock_of_bob: u64) -> Vec<Defect> {
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
        let wire = read(&writer.into_inner());
        assert_eq!(wire.ruled.len(), usize::from(keep(9)));
        wire.defects
    }

    fn read(file: &[u8]) -> Wire {
        let peers = ["alice", "bob"].map(str::to_owned);
        Wire::read(CaptureReader::new(file), &peers, 0, Box::<InMemory>::default()).unwrap()
    }

    /// What a recording shows that has packets of these contents at these times in microseconds, in this direction at an interface of that
    /// description.
    fn of_packets(packets: &[(u64, u8)], direction: Direction, at: &str) -> Wire {
        let mut writer = Recorder::new(Vec::new(), About::default()).unwrap();
        let interface = writer.interface("alice (stack)", at, Observes::Wire).unwrap();
        for (t_us, content) in packets {
            let packet = PacketRecord {
                interface,
                time_ns: t_us * 1_000,
                direction,
                local: "192.0.2.1:1".parse().unwrap(),
                remote: "192.0.2.2:2".parse().unwrap(),
                content: Content::Udp(&[*content; 20]),
                carried_by: None,
                comment: None,
            };
            writer.packet(&packet).unwrap();
        }
        read(&writer.into_inner())
    }

    #[test]
    fn frames_stand_in_the_order_of_their_times() {
        let of = |packets: &[(u64, u8)]| of_packets(packets, Direction::Outbound, "").defects;
        assert_eq!(of(&[(1, 1), (2, 2), (2, 3)]), []);
        let back = of(&[(1, 1), (3, 2), (2, 3)]);
        assert!(back[0].to_string().ends_with("frame 3 is 1 µs earlier than one before it"), "{back:?}");
    }

    #[test]
    fn a_frame_that_is_there_twice_is_found() {
        let twice = [(1, 1), (2, 2), (2, 2)];
        for direction in [Direction::Outbound, Direction::Inbound] {
            assert_eq!(of_packets(&[(1, 1), (2, 2), (2, 3), (3, 3)], direction, "").repeated, None);
            assert_eq!(of_packets(&twice, direction, "").repeated, Some(3));
        }
        assert_eq!(of_packets(&twice, Direction::Inbound, AT_INTERFACE).repeated, None, "a link did");
        assert_eq!(of_packets(&twice, Direction::Outbound, AT_INTERFACE).repeated, Some(3));
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
        assert_eq!(defects(|_| true, 900_000), []);
        let early = defects(|_| true, 0_u64.wrapping_sub(5_000_000));
        let differs = Defect::ClocksDiffer { frame: 12, by_us: 4_000 };
        assert!(matches!(&early[..], [Defect::Renumbered { .. }, it] if *it == differs), "{early:?}");
    }
}
