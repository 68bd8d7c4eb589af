//! What makes a capture less than what was on the wire, as far as it shows that itself: a snap length, frames that were recorded
//! twice, a clock that runs back, an end before the end.

use crate::file::{Frame, Stop};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How far times may run back from one frame to a later one, in nanoseconds: frames of several queues of a device, and plaintext that is
/// written behind what carried it, do not stand in the order of their times.
const DISORDER: u64 = 500_000_000;

/// Something that makes a capture less than what was on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "defect")]
pub enum Defect {
    /// Of some frames the capture holds only the beginning, as its snap length has it.
    Cut {
        /// How many.
        frames: u64,
        /// The first.
        first: u64,
    },
    /// Some frames are there twice.
    Copies {
        /// How many are copies.
        frames: u64,
        /// The first that is one.
        first: u64,
    },
    /// The file breaks off.
    Ends {
        /// Packets before.
        frames: u64,
        /// Why it cannot be read further.
        cause: String,
    },
    /// Times run back: the clock of an interface was set, or differs from that of another.
    ClockRunsBack {
        /// The first frame that is earlier than one before it.
        frame: u64,
        /// By how much, in microseconds: the most of all frames.
        by_us: u64,
    },
    /// The clocks of two interfaces differ: a packet arrived at one before it left the other.
    ClocksDiffer {
        /// The frame of its arrival.
        frame: u64,
        /// By how much it is too early, in microseconds: the most of all packets.
        by_us: u64,
    },
    /// Frames are missing, or were added: one refers to another that is not what it should be.
    Renumbered {
        /// The frame that refers to another, or that is referred to.
        frame: u64,
        /// What does not fit.
        reason: String,
    },
    /// Nothing that this side sent is there, though the other side received answers.
    OneDirection {
        /// The side of which nothing is there.
        silent: String,
    },
    /// DTLS records of a side are missing by their numbers (RFC 6347 §4.1): the network or the capture lost them.
    Lost {
        /// Whose they are.
        of: String,
        /// How many.
        records: u64,
        /// The frame of the record behind the first that is missing.
        frame: u64,
    },
    /// It begins in the middle of the session.
    Late {
        /// Frame that shows it.
        frame: u64,
    },
    /// The secrets in it do not open what they should.
    WrongSecrets {
        /// What they should open, of whom.
        of: String,
        /// How many records or packets they fail to open.
        units: u64,
    },
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |frames: &u64, one: &str, many: &str| match frames {
            1 => format!("1 {one}"),
            _ => format!("{frames} {many}"),
        };
        match self {
            Self::Cut { frames, first } => write!(
                f,
                "{} cut off by the snap length of the capture, the first is frame {first}: the rest of them is missing",
                count(frames, "frame", "frames")
            ),
            Self::Copies { frames, first } => write!(
                f,
                "{} a copy of another, the first is frame {first}: they count once",
                count(frames, "frame is", "frames are")
            ),
            Self::Ends { frames, cause } => {
                write!(f, "the capture breaks off after {}: {cause}", count(frames, "packet", "packets"))
            }
            Self::ClockRunsBack { frame, by_us } => {
                write!(f, "frame {frame} is {} earlier than one before it: a clock is wrong", Time(*by_us))
            }
            Self::ClocksDiffer { frame, by_us } => write!(
                f,
                "frame {frame} is the arrival of a packet {} before it left: the clocks of the interfaces differ",
                Time(*by_us)
            ),
            Self::Renumbered { frame, reason } => {
                write!(f, "frames are missing or were added: frame {frame} {reason}")
            }
            Self::OneDirection { silent } => {
                write!(f, "only one direction: nothing that {silent} sent is there")
            }
            Self::Lost { of, records, frame } => write!(
                f,
                "{} of {of} missing by their numbers, the first before frame {frame}: the network or the capture lost them",
                count(records, "record", "records")
            ),
            Self::Late { frame } => {
                write!(f, "the capture begins in the middle of the session, as frame {frame} shows")
            }
            Self::WrongSecrets { of, units } => write!(
                f,
                "the secrets are missing or not those of the session: they open none of {} of {of}",
                count(units, "protected unit", "protected units")
            ),
        }
    }
}

impl Defect {
    /// Whether packets, or parts of them, may be missing that were on the wire.
    #[must_use]
    pub const fn hides_packets(&self) -> bool {
        !matches!(self, Self::Copies { .. } | Self::WrongSecrets { .. })
    }
}

/// Microseconds in words.
struct Time(u64);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            us @ 0..10_000 => write!(f, "{us} µs"),
            us @ 10_000..10_000_000 => write!(f, "{} ms", us / 1_000),
            us => write!(f, "{} s", us / 1_000_000),
        }
    }
}

/// A count, and where it began.
#[derive(Debug, Default)]
struct Count {
    frames: u64,
    first: u64,
}

impl Count {
    const fn add(&mut self, frame: u64) {
        if self.frames == 0 {
            self.first = frame;
        }
        self.frames += 1;
    }
}

/// Looks for defects frame by frame.
#[derive(Debug, Default)]
pub(super) struct Watch {
    cut: Count,
    copies: Count,
    newest_ns: u64,
    /// The first frame that runs back, and by how much the worst does.
    back: Option<(u64, u64)>,
}

impl Watch {
    pub(super) fn frame(&mut self, frame: &Frame<'_>) {
        if frame.is_cut() {
            self.cut.add(frame.number);
        }
        let Some(time) = frame.time_ns else { return };
        let by = self.newest_ns.saturating_sub(time);
        if by > DISORDER {
            let (_, worst) = self.back.get_or_insert((frame.number, by));
            *worst = by.max(*worst);
        }
        self.newest_ns = self.newest_ns.max(time);
    }

    pub(super) const fn copy(&mut self, frame: u64) {
        self.copies.add(frame);
    }

    pub(super) fn defects(&self, stop: Option<&Stop>) -> Vec<Defect> {
        let Self { cut, copies, back, .. } = self;
        let mut all = Vec::new();
        if cut.frames > 0 {
            all.push(Defect::Cut { frames: cut.frames, first: cut.first });
        }
        if copies.frames > 0 {
            all.push(Defect::Copies { frames: copies.frames, first: copies.first });
        }
        if let Some((frame, by)) = *back {
            all.push(Defect::ClockRunsBack { frame, by_us: by / 1_000 });
        }
        if let Some(stop) = stop {
            all.push(Defect::Ends { frames: stop.frames, cause: stop.cause.to_string() });
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Follow, Observation, Observer, Opened, Sink};
    use super::*;
    use crate::file::{CaptureReader, Item};
    use crate::recording::{About, Content, Direction, Observes, PacketRecord, Recorder};

    #[derive(Default)]
    struct Copies(Vec<u64>);

    impl Sink for Copies {
        fn datagram(&mut self, seen: &Observation<'_>) -> Follow {
            self.0.extend(seen.is_copy.then_some(seen.frame));
            Follow::No
        }

        fn opened(&mut self, _: &Opened<'_>) {}
    }

    /// A capture of packets with these contents at these times in microseconds, at interfaces by turns if there are two.
    fn capture(interfaces: usize, packets: &[(u64, u8)]) -> Vec<u8> {
        let mut writer = Recorder::new(Vec::new(), About::default()).unwrap();
        let taps: Vec<_> = (0..interfaces)
            .map(|n| writer.interface(&format!("eth{n}"), "", Observes::Wire).unwrap())
            .collect();
        for (n, (t_us, content)) in packets.iter().enumerate() {
            let packet = PacketRecord {
                interface: taps[n % interfaces],
                time_ns: t_us * 1_000,
                direction: Direction::Outbound,
                local: "192.0.2.1:1".parse().unwrap(),
                remote: "192.0.2.2:2".parse().unwrap(),
                content: Content::Udp(&[*content; 20]),
                carried_by: None,
                comment: None,
            };
            writer.packet(&packet).unwrap();
        }
        writer.into_inner()
    }

    /// The defects that are found in a file, and the frames that are taken for copies.
    fn look(file: &[u8], mut observer: Observer) -> (Vec<Defect>, Vec<u64>) {
        let (mut reader, mut copies) = (CaptureReader::new(file), Copies::default());
        while let Some(item) = reader.next_item() {
            if let Item::Frame(frame) = item {
                observer.frame(&frame, &mut copies);
            }
        }
        (observer.defects(reader.stop()), copies.0)
    }

    #[test]
    fn what_is_there_twice_at_one_interface_and_one_time_is_a_copy() {
        let twice = [(0, 1), (5, 1), (9, 2), (10_004, 1), (90_000, 2)];
        let (defects, copies) = look(&capture(1, &twice), Observer::new());
        assert_eq!(copies, [2], "and nothing that comes again later");
        assert_eq!(defects, [Defect::Copies { frames: 1, first: 2 }]);
        assert_eq!(
            look(&capture(2, &twice[..2]), Observer::new()).1,
            [0; 0],
            "two interfaces see it once each"
        );
        assert_eq!(look(&capture(1, &twice), Observer::of_taps()).1, [0; 0], "at a tap it was sent twice");
    }

    #[test]
    fn copies_may_come_behind_many_other_packets_and_in_the_other_direction() {
        let burst: Vec<(u64, u8)> = (0..200).map(|n| (n * 20, (n % 100) as u8)).collect();
        let copies = look(&capture(1, &burst), Observer::new()).1;
        assert_eq!(copies, (101..=200).collect::<Vec<u64>>());
        let mut writer = Recorder::new(Vec::new(), About::default()).unwrap();
        let mirror = writer.interface("eth0", "", Observes::Wire).unwrap();
        let [here, there] = ["192.0.2.1:1", "192.0.2.2:2"].map(|it| it.parse().unwrap());
        for (time_ns, direction, local, remote) in
            [(0, Direction::Inbound, there, here), (300_000, Direction::Outbound, here, there)]
        {
            let content = Content::Udp(&[1; 20]);
            let packet = PacketRecord {
                interface: mirror,
                time_ns,
                direction,
                local,
                remote,
                content,
                carried_by: None,
                comment: None,
            };
            writer.packet(&packet).unwrap();
        }
        assert_eq!(look(&writer.into_inner(), Observer::new()).1, [2]);
    }

    #[test]
    fn a_clock_that_runs_back_is_found_and_disorder_is_none() {
        let back = |by: u64| {
            look(&capture(1, &[(5_000_000, 1), (5_000_000 - by, 2), (5_100_000, 3)]), Observer::new()).0
        };
        assert_eq!(back(400_000), []);
        assert_eq!(back(5_000_000), [Defect::ClockRunsBack { frame: 2, by_us: 5_000_000 }]);
    }

    #[test]
    fn an_end_before_the_end_is_found() {
        let mut file = capture(1, &[(0, 1), (1, 2), (2, 3)]);
        assert_eq!(look(&file, Observer::new()).0, []);
        file.truncate(file.len() - 7);
        let defects = look(&file, Observer::new()).0;
        assert!(matches!(&defects[..], [Defect::Ends { frames: 2, .. }]), "{defects:?}");
        assert!(defects[0].to_string().starts_with("the capture breaks off after 2 packets: "));
    }

    #[test]
    fn what_hides_packets_is_known() {
        assert!(Defect::Cut { frames: 1, first: 1 }.hides_packets());
        assert!(!Defect::Copies { frames: 1, first: 1 }.hides_packets());
    }
}
