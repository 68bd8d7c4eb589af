//! One direction of a link: rate and queue, delay, jitter, loss, reordering, duplication, corruption, MTU.
//!
//! Pure: time is given, chance is seeded. A packet's whole fate is decided when it is offered.

use super::packet::IpPacket;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How packets are lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Loss {
    /// None.
    #[default]
    None,
    /// Each by itself with this probability in percent.
    Random(f64),
    /// In bursts: a chain of a good and a bad state (Gilbert-Elliott). Probabilities in percent, of each packet.
    Bursts {
        /// From good to bad.
        into: f64,
        /// From bad to good.
        out_of: f64,
        /// Loss within the bad state.
        within: f64,
    },
}

/// What one direction of a link is like. The default is a perfect one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LinkQuality {
    /// Rate in kbit/s; unlimited if absent.
    pub rate_kbit: Option<u64>,
    /// Longest queue in milliseconds at that rate; what does not fit is lost. Thousands are a bufferbloat.
    pub queue_ms: u64,
    /// Propagation in milliseconds.
    pub delay_ms: u64,
    /// The most milliseconds that are added, evenly spread; order is kept.
    pub jitter_ms: u64,
    /// Loss.
    pub loss: Loss,
    /// Percentage of packets that are overtaken.
    pub reorder: f64,
    /// By how many milliseconds.
    pub reorder_by_ms: u64,
    /// Percentage of packets that come twice.
    pub duplicate: f64,
    /// Percentage of packets with one bit flipped.
    pub corrupt: f64,
    /// Longest packet in bytes.
    pub mtu: usize,
}

impl Default for LinkQuality {
    fn default() -> Self {
        Self {
            rate_kbit: None,
            queue_ms: 200,
            delay_ms: 0,
            jitter_ms: 0,
            loss: Loss::None,
            reorder: 0.0,
            reorder_by_ms: 20,
            duplicate: 0.0,
            corrupt: 0.0,
            mtu: 1500,
        }
    }
}

/// One direction of a link with its state.
#[derive(Debug)]
pub struct Link {
    quality: LinkQuality,
    up: bool,
    chance: StdRng,
    in_burst: bool,
    sent_until: Duration,
    last_arrival: Duration,
}

/// Why a link lost a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkLoss {
    /// The link is down.
    Down,
    /// By the link's loss.
    Chance,
    /// The queue is full.
    QueueFull,
    /// The packet is longer than the MTU.
    TooLong(usize),
}

/// A packet's arrival at the other end.
#[derive(Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When.
    pub at: Duration,
    /// What.
    pub packet: IpPacket,
    /// What the link did to it besides carrying it, for the recording.
    pub done: &'static str,
}

impl Link {
    /// A link that is up and idle.
    #[must_use]
    pub fn new(quality: LinkQuality, seed: u64) -> Self {
        Self {
            quality,
            up: true,
            chance: StdRng::seed_from_u64(seed),
            in_burst: false,
            sent_until: Duration::ZERO,
            last_arrival: Duration::ZERO,
        }
    }

    /// Changes the link under way; packets already on it arrive as decided.
    pub fn change(&mut self, quality: LinkQuality) {
        self.quality = quality;
    }

    /// Takes the link up or down.
    pub fn set_up(&mut self, up: bool) {
        self.up = up;
    }

    /// What it is like now.
    #[must_use]
    pub fn quality(&self) -> &LinkQuality {
        &self.quality
    }

    /// Puts a packet on the link. Gives its arrivals: one, or two for a duplicated one.
    ///
    /// # Errors
    /// When the packet is lost, with the cause.
    pub fn offer(&mut self, now: Duration, mut packet: IpPacket) -> Result<Vec<Arrival>, LinkLoss> {
        if !self.up {
            return Err(LinkLoss::Down);
        }
        if packet.bytes().len() > self.quality.mtu {
            return Err(LinkLoss::TooLong(self.quality.mtu));
        }
        let sent = self.transmit(now, packet.bytes().len())?;
        // Chance is asked in the same order and number for each packet, so that one setting does not move another's dice.
        let lost = self.loses();
        let overtaken = self.happens(self.quality.reorder);
        let doubled = self.happens(self.quality.duplicate);
        let broken = self.happens(self.quality.corrupt);
        let jitter = self.chance.random_range(0.0..=1.0) * self.quality.jitter_ms as f64 / 1000.0;
        let bit = self.chance.random::<u64>();
        if lost {
            return Err(LinkLoss::Chance);
        }
        let mut done = "";
        if broken {
            packet.flip(bit);
            done = "corrupted";
        }
        let mut at = sent + Duration::from_millis(self.quality.delay_ms) + Duration::from_secs_f64(jitter);
        if overtaken {
            at += Duration::from_millis(self.quality.reorder_by_ms);
            done = "overtaken";
        } else {
            at = at.max(self.last_arrival);
            self.last_arrival = at;
        }
        let mut arrivals = Vec::with_capacity(1 + usize::from(doubled));
        if doubled {
            arrivals.push(Arrival { at, packet: packet.clone(), done: "duplicated" });
        }
        arrivals.push(Arrival { at, packet, done });
        Ok(arrivals)
    }

    /// When the last bit has left, given the queue.
    fn transmit(&mut self, now: Duration, bytes: usize) -> Result<Duration, LinkLoss> {
        let Some(rate) = self.quality.rate_kbit else { return Ok(now) };
        let begins = self.sent_until.max(now);
        if begins - now > Duration::from_millis(self.quality.queue_ms) {
            return Err(LinkLoss::QueueFull);
        }
        let nanoseconds = (bytes as u64 * 8).saturating_mul(1_000_000) / rate.max(1);
        self.sent_until = begins + Duration::from_nanos(nanoseconds);
        Ok(self.sent_until)
    }

    fn loses(&mut self) -> bool {
        match self.quality.loss {
            Loss::None => {
                self.happens(0.0);
                false
            }
            Loss::Random(percent) => self.happens(percent),
            Loss::Bursts { into, out_of, within } => {
                let turn = if self.in_burst { out_of } else { into };
                if self.happens(turn) {
                    self.in_burst = !self.in_burst;
                }
                self.in_burst && self.happens(within)
            }
        }
    }

    fn happens(&mut self, percent: f64) -> bool {
        self.chance.random_range(0.0..100.0) < percent
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::udp;
    use super::*;

    fn packet(number: u32) -> IpPacket {
        let (a, b) = ("10.0.0.2:5000".parse().unwrap(), "10.0.0.3:5000".parse().unwrap());
        // 1000 bytes with the headers.
        let mut payload = vec![0; 972];
        payload[..4].copy_from_slice(&number.to_be_bytes());
        udp(a, b, &payload).unwrap()
    }

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_perfect_link_delivers_at_once() {
        let arrivals = Link::new(LinkQuality::default(), 1).offer(ms(5), packet(0)).unwrap();
        assert_eq!(arrivals, [Arrival { at: ms(5), packet: packet(0), done: "" }]);
    }

    #[test]
    fn the_rate_spaces_packets_and_a_full_queue_drops_them() {
        // 1000 bytes at 800 kbit/s take 10 ms; a queue of 50 ms holds what begins within 50 ms.
        let quality =
            LinkQuality { rate_kbit: Some(800), queue_ms: 50, delay_ms: 3, ..LinkQuality::default() };
        let mut link = Link::new(quality, 1);
        let fates: Vec<_> = (0..10).map(|n| link.offer(ms(0), packet(n)).map(|a| a[0].at)).collect();
        let expected: Vec<_> =
            (1..=10).map(|n| if n <= 6 { Ok(ms(n * 10 + 3)) } else { Err(LinkLoss::QueueFull) }).collect();
        assert_eq!(fates, expected);
    }

    #[test]
    fn loss_comes_near_its_probability_and_bursts_come_in_runs() {
        let lost = |loss| {
            let mut link = Link::new(LinkQuality { loss, ..LinkQuality::default() }, 3);
            (0..20_000).map(|n| link.offer(ms(n), packet(0)).is_err()).collect::<Vec<_>>()
        };
        let share = |lost: &[bool]| lost.iter().filter(|l| **l).count() as f64 / lost.len() as f64;
        let runs = |lost: &[bool]| lost.windows(2).filter(|w| w[0] && w[1]).count();
        let random = lost(Loss::Random(10.0));
        assert!((share(&random) - 0.1).abs() < 0.01);
        // A tenth of the time in the bad state, all lost there: the same share, in long runs.
        let bursts = lost(Loss::Bursts { into: 1.0, out_of: 9.0, within: 100.0 });
        assert!((share(&bursts) - 0.1).abs() < 0.02);
        assert!(runs(&bursts) > 5 * runs(&random));
    }

    #[test]
    fn jitter_keeps_the_order_and_reordering_breaks_it() {
        let order = |quality| {
            let mut link = Link::new(quality, 3);
            let mut arrivals: Vec<_> = (0..500)
                .flat_map(|n| link.offer(ms(u64::from(n)), packet(n)).unwrap())
                .map(|a| (a.at, a.packet))
                .collect();
            arrivals.sort_by_key(|(at, _)| *at);
            arrivals
                .into_iter()
                .map(|(_, p)| u32::from_be_bytes(p.payload()[..4].try_into().unwrap()))
                .collect::<Vec<_>>()
        };
        let sorted: Vec<u32> = (0..500).collect();
        assert_eq!(order(LinkQuality { jitter_ms: 50, ..LinkQuality::default() }), sorted);
        assert_ne!(order(LinkQuality { reorder: 10.0, ..LinkQuality::default() }), sorted);
    }

    #[test]
    fn a_link_that_is_down_or_too_narrow_says_so() {
        let mut link = Link::new(LinkQuality { mtu: 999, ..LinkQuality::default() }, 1);
        assert_eq!(link.offer(ms(0), packet(0)), Err(LinkLoss::TooLong(999)));
        link.set_up(false);
        assert_eq!(link.offer(ms(0), packet(0)), Err(LinkLoss::Down));
    }

    #[test]
    fn duplicates_come_twice_and_corrupted_ones_differ_by_one_bit() {
        let mut link = Link::new(LinkQuality { duplicate: 100.0, ..LinkQuality::default() }, 1);
        assert_eq!(link.offer(ms(0), packet(0)).unwrap().len(), 2);
        let mut link = Link::new(LinkQuality { corrupt: 100.0, ..LinkQuality::default() }, 1);
        let arrival = link.offer(ms(0), packet(0)).unwrap().remove(0).packet;
        let whole = packet(0);
        let bits: u32 = arrival.bytes().iter().zip(whole.bytes()).map(|(a, b)| (a ^ b).count_ones()).sum();
        assert_eq!(bits, 1);
    }

    #[test]
    fn the_same_seed_gives_the_same_losses() {
        let lost = |seed| {
            let mut link =
                Link::new(LinkQuality { loss: Loss::Random(30.0), ..LinkQuality::default() }, seed);
            (0..200).map(|n| link.offer(ms(n), packet(0)).is_err()).collect::<Vec<_>>()
        };
        assert_eq!(lost(5), lost(5));
        assert_ne!(lost(5), lost(6));
    }
}
