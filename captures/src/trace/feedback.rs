//! What receivers ask of a source and report about it: RTCP.

use super::at::At;
use crate::wire::rtcp::ReportBlock;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::VecDeque;

/// Sender reports remembered of a source: a report block names the newest that its sender had.
const REMEMBERED: usize = 16;

/// RTCP about one source.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Feedback {
    /// NACK messages (RFC 4585 §6.2.1).
    pub nacks: u64,
    /// Packets that they ask for.
    pub nacked_packets: u64,
    /// Picture loss indications (RFC 4585 §6.3.1).
    pub plis: u64,
    /// Full intra requests (RFC 5104 §4.3.1).
    pub firs: u64,
    /// The first request for a key frame.
    pub first_key_frame_request: Option<At>,
    /// Requests for a key frame that one followed, repetitions not counted.
    pub key_frame_requests_met: u64,
    /// The longest time from such a request to the key frame, in nanoseconds.
    pub slowest_key_frame_ns: Option<u64>,
    /// The request that no key frame has followed.
    pub key_frame_awaited_since: Option<At>,
    /// Sender reports of the source.
    pub sender_reports: u64,
    /// Report blocks about the source.
    pub reports: u64,
    /// Packets lost by the newest report.
    pub reported_lost: Option<i32>,
    /// The largest fraction lost in a report, in percent.
    pub worst_reported_loss_percent: Option<f64>,
    /// The newest report.
    pub last_report: Option<At>,
    /// The middle 32 bits of the NTP timestamps of the newest sender reports, and when they passed, in nanoseconds.
    #[serde(skip)]
    sent: VecDeque<(u32, u64)>,
}

impl Feedback {
    pub(super) fn nack(&mut self, packets: u64) {
        self.nacks += 1;
        self.nacked_packets += packets;
    }

    pub(super) fn key_frame_request(&mut self, at: At, fir: bool) {
        if fir {
            self.firs += 1;
        } else {
            self.plis += 1;
        }
        self.first_key_frame_request.get_or_insert(at);
        self.key_frame_awaited_since.get_or_insert(at);
    }

    pub(super) fn key_frame(&mut self, at: At) {
        if let Some(since) = self.key_frame_awaited_since.take() {
            self.key_frame_requests_met += 1;
            self.slowest_key_frame_ns = self.slowest_key_frame_ns.max(Some(at.since(since)));
        }
    }

    pub(super) fn sender_report(&mut self, at: At, ntp: u64) {
        self.sender_reports += 1;
        if self.sent.len() >= REMEMBERED {
            self.sent.pop_front();
        }
        // The middle of its 64 bits (RFC 3550 §6.4.1).
        self.sent.push_back(((ntp >> 16) as u32, at.ns));
    }

    /// The round trip that a report block shows (RFC 3550 §6.4.1), from the place of observation to the receiver and back, in nanoseconds.
    pub(super) fn round_trip(&self, at: At, block: &ReportBlock) -> Option<u64> {
        // Zero: no SR was received. It must not match the NTP timestamp of a sender without a clock, which is zero too.
        let last_sr = Some(block.last_sr.value).filter(|last_sr| *last_sr != 0)?;
        let (_, sent_ns) = self.sent.iter().rev().find(|(ntp, _)| *ntp == last_sr)?;
        let held_ns = u64::from(block.delay_since_last_sr.value) * 1_000_000_000 / 65_536;
        at.ns.checked_sub(*sent_ns)?.checked_sub(held_ns)
    }

    pub(super) fn report(&mut self, at: At, block: &ReportBlock) {
        self.reports += 1;
        self.reported_lost = Some(block.lost.value);
        let percent = f64::from(block.fraction_lost.value) * 100.0 / 256.0;
        let worst = self.worst_reported_loss_percent.unwrap_or(0.0);
        self.worst_reported_loss_percent = Some(worst.max(percent));
        self.last_report = Some(at);
    }
}
