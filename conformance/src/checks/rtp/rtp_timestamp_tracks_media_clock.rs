//! RFC 3550 §5.1: timestamps come from a clock that runs at the rate of the payload format.

use crate::checks::media::{codecs, headers};
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "rtp-timestamp-tracks-media-clock",
    layer: Layer::Media,
    subject: "runs of RTP packets",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// How long media must go on to be judged, in microseconds.
const LONG_ENOUGH_US: u64 = 5_000_000;

/// A silence after which it is another run.
const LONGEST_GAP_US: u64 = 500_000;

/// By how much more or less than the time that passed the timestamp may rise from one packet to the next, in seconds. No source and no pacer
/// explains more.
const LONGEST_LEAP: f64 = 30.0;

/// How far the rate may be off.
const TOLERANCE: f64 = 0.02;

/// How long packets may wait at their sender, in microseconds: libwebrtc's pacer holds them for up to two seconds.
const LONGEST_WAIT_US: u64 = 2_000_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let codecs = codecs(evidence, peer);
    let complete = evidence.sees_all_sent_by(peer);
    tally.not_applicable("no media lasts for five seconds");
    let mut runs: BTreeMap<u32, Run> = BTreeMap::new();
    let mut newest: BTreeMap<u32, Newest> = BTreeMap::new();
    for (packet, header) in headers(evidence, peer) {
        let Some(codec) = codecs.of(packet).get(&header.payload_type()).filter(|codec| !codec.is_rtx())
        else {
            continue;
        };
        let (ssrc, timestamp) = (header.ssrc.value, header.timestamp.value);
        let this = Newest {
            sequence: header.sequence.value,
            payload_type: header.payload_type(),
            timestamp,
            t_us: packet.t_us,
            frame: packet.frame,
        };
        let faulted = evidence.is_faulted(packet.frame);
        if let Some(before) = newest.insert(ssrc, this).filter(|_| !faulted && complete)
            && !evidence.is_faulted(before.frame)
            && let Some(seconds) = this.leap(&before, codec.clock_rate)
        {
            let text = format!("the timestamp leaps by {seconds:.0} seconds more than the time that passed");
            tally.fail(
                Fault("timestamp-leaps"),
                text,
                [Place::Frame(this.frame), Place::Frame(before.frame)],
            );
        }
        let run = runs.entry(ssrc).or_insert_with(|| Run::new(packet.frame, codec.clock_rate));
        if run.breaks(packet.t_us, codec.clock_rate) {
            run.judge(evidence, complete, tally);
            *run = Run::new(packet.frame, codec.clock_rate);
        }
        run.add(packet.t_us, timestamp);
    }
    for run in runs.values() {
        run.judge(evidence, complete, tally);
    }
}

/// The newest packet of a source.
#[derive(Clone, Copy)]
struct Newest {
    sequence: u16,
    payload_type: u8,
    timestamp: u32,
    t_us: u64,
    frame: u64,
}

impl Newest {
    /// By how many seconds more than the time between both the timestamp rose since the packet before, if that is a leap.
    fn leap(&self, before: &Self, clock_rate: u32) -> Option<f64> {
        let follows =
            self.sequence == before.sequence.wrapping_add(1) && self.payload_type == before.payload_type;
        let rose =
            f64::from(self.timestamp.wrapping_sub(before.timestamp) as i32) / f64::from(clock_rate.max(1));
        let passed = self.t_us.saturating_sub(before.t_us) as f64 / 1e6;
        (follows && (rose - passed).abs() > LONGEST_LEAP).then_some(rose - passed)
    }
}

/// Packets of a source without a pause, fitted by a line.
struct Run {
    frame: u64,
    clock_rate: u32,
    /// Time and timestamp of the first and the newest.
    first: Option<(u64, u32)>,
    newest: (u64, u32),
    /// Ticks since the first, beyond 32 bits.
    ticks: i64,
    count: f64,
    sums: [f64; 4],
}

impl Run {
    const fn new(frame: u64, clock_rate: u32) -> Self {
        Self { frame, clock_rate, first: None, newest: (0, 0), ticks: 0, count: 0.0, sums: [0.0; 4] }
    }

    fn breaks(&self, t_us: u64, clock_rate: u32) -> bool {
        let late = t_us.saturating_sub(self.newest.0) > LONGEST_GAP_US;
        self.first.is_some() && (late || clock_rate != self.clock_rate)
    }

    fn add(&mut self, t_us: u64, timestamp: u32) {
        let (begin_us, _) = *self.first.get_or_insert((t_us, timestamp));
        if self.count > 0.0 {
            self.ticks += i64::from(timestamp.wrapping_sub(self.newest.1) as i32);
        }
        self.newest = (t_us, timestamp);
        let (x, y) = (t_us.saturating_sub(begin_us) as f64 / 1e6, self.ticks as f64);
        self.count += 1.0;
        for (sum, value) in self.sums.iter_mut().zip([x, y, x * x, x * y]) {
            *sum += value;
        }
    }

    fn judge(&self, evidence: &Evidence, complete: bool, tally: &mut Tally) {
        let (Some((begin_us, _)), (end_us, _)) = (self.first, self.newest) else { return };
        let lasts_us = end_us.saturating_sub(begin_us);
        if lasts_us < LONG_ENOUGH_US {
            return;
        }
        let [x, y, xx, xy] = self.sums;
        let rate = (self.count * xy - x * y) / (self.count * xx - x * x);
        let expected = f64::from(self.clock_rate);
        let place = Place::Frame(self.frame);
        if (rate - expected).abs() <= expected * TOLERANCE {
            tally.pass(place);
            return;
        }
        let ahead_us = (self.ticks as f64 / expected * 1e6 - lasts_us as f64).abs() as u64;
        match Off::between(ahead_us, LONGEST_WAIT_US, begin_us, end_us) {
            None => tally.inconclusive("packets may have waited at their sender", [place]),
            Some(off) if complete => {
                let text = format!("the timestamps rise by {rate:.0} a second, not by {expected:.0}");
                tally.off(Fault("rate-off"), evidence, off, text, [place]);
            }
            Some(_) => tally.inconclusive("when the packets were sent is not recorded", [place]),
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtp};
    use crate::evidence::{Evidence, Kind, Peer};

    /// Leaves the media alone (SRs and retransmissions have the same timestamps), and has it sent as soon as it was captured:
    /// the link is slow, and this Firefox makes its packets wait.
    fn prepare(evidence: &mut Evidence) {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        packets.retain(|it| {
            let is_rtcp = it.clear.iter().any(|clear| clear.kind == Kind::Rtcp);
            !(is_rtcp || rtp::is(it) && rtp::payload_type(it) == rtp::FIREFOX_RTX)
        });
        let mut first = None;
        for packet in packets.iter_mut().filter(|it| rtp::is(it)) {
            let timestamp = u32::from_be_bytes(*packet.clear[0].bytes[4..].first_chunk().unwrap());
            let (t_us, begin) = *first.get_or_insert((packet.t_us, timestamp));
            packet.t_us = t_us + u64::from(timestamp.wrapping_sub(begin)) * 100 / 9;
        }
    }

    /// Has the timestamps rise twice as fast.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Call, prepare, |evidence| {
        let sender = Peer(0);
        for packet in rtp::packets(evidence).filter(|it| rtp::is(it) && it.sender == sender) {
            let bytes = &mut packet.clear[0].bytes;
            let timestamp = u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]).wrapping_mul(2);
            bytes[4..8].copy_from_slice(&timestamp.to_be_bytes());
        }
    })
    .and(&[LEAP]);

    /// Has all timestamps from the middle on leap by 1,000 seconds.
    const LEAP: Mutation = Mutation::new(Recording::Call, "leaps by 1000 seconds", |evidence| {
        let sender = Peer(0);
        let is_video = |it: &crate::evidence::Packet| {
            rtp::is(it) && it.sender == sender && rtp::payload_type(it) != rtp::FIREFOX_RTX
        };
        let middle = rtp::packets(evidence).filter(|it| is_video(it)).count() / 2;
        for packet in rtp::packets(evidence).filter(|it| is_video(it)).skip(middle) {
            let bytes = &mut packet.clear[0].bytes;
            let timestamp = u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
            bytes[4..8].copy_from_slice(&timestamp.wrapping_add(90_000_000).to_be_bytes());
        }
    })
    .prepared(prepare);
}
