//! What a report must have: the dictionaries that an implementation has to give (webrtc-pc §8.6), and the time at which it was made.

use super::wire::{Flow, OLDEST_US, Seen};
use super::{Contradiction, Reading, Session};
use crate::api::{At, PeerView};
use crate::case_file::{CasePeer, MILLISECONDS, Runs};
use crate::verdict::Layer;
use peerproof_captures::event::{ConnectionState, Description, IceState, PeerEvent};
use peerproof_captures::sdp::{Section, SessionDescription};
use peerproof_captures::timeline::What;

/// With as many packets of RTP before a reading there is a stream in it.
const MANY: u64 = 20;
/// By how much the time of a report may be off, in microseconds, beside what the clocks and the machine leave open: a choice of ours.
const OFF_US: f64 = 5_000_000.0;

pub(super) fn check(
    session: &Session<'_>,
    peer: &CasePeer,
    reading: &Reading<'_>,
    seen: Option<&Seen>,
    found: &mut Vec<Contradiction>,
) {
    let is_over = session.ended_us(&peer.name).is_some_and(|ended| ended <= reading.answered_us);
    if !session.reports_all(peer) || is_over {
        return;
    }
    of_now(session, peer, reading, found);
    if let Some(view) = session.views.get(&peer.name) {
        dictionaries(session, peer, view, reading, seen, found);
    }
}

/// The time of a report is that at which it was asked for (webrtc-stats §4.1), by the peer's clock. What the other side sent has times of its own.
fn of_now(session: &Session<'_>, peer: &CasePeer, reading: &Reading<'_>, found: &mut Vec<Contradiction>) {
    let clock = session.record.timeline.iter().find_map(|entry| match &entry.what {
        What::PeerClock { peer: of, offset_us, .. } if *of == peer.name => Some(*offset_us as f64),
        _ => None,
    });
    let epoch_us = session.record.file.epoch_us as f64;
    if epoch_us == 0.0 {
        return;
    }
    // A peer on another machine has another clock.
    let offsets: Vec<f64> = std::iter::once(-epoch_us).chain(clock).collect();
    let error = session.clock_error(&peer.name);
    let delay = session.stalled(reading.asked_us, reading.answered_us).saturating_add(error) as f64;
    let (from, by) = (reading.asked_us as f64 - OFF_US - delay, reading.answered_us as f64 + OFF_US + delay);
    // The stack gave those of its crate, which are in seconds.
    let is_earlier = session.record.file.format < MILLISECONDS && peer.runs == Runs::Independent;
    let units: &[f64] = if is_earlier { &[1e3, 1e6] } else { &[1e3] };
    let local = reading.stats().filter(|stat| !stat.kind.starts_with("remote-"));
    let wrong = local.filter_map(|stat| stat.number("timestamp")).find(|time| {
        !units.iter().any(|unit| offsets.iter().any(|offset| (from..=by).contains(&(time * unit + offset))))
    });
    if let Some(time) = wrong {
        let off_ms = (time * 1e3 - epoch_us) / 1e3;
        let claimed = format!("statistics of {time}, which is {off_ms:.0} ms after the case began");
        let seen = format!(
            "it was asked for them after {} ms and answered after {} ms",
            reading.asked_us / 1_000,
            reading.answered_us / 1_000
        );
        found.push(reading.contradicts("stat/timestamp", Layer::Media, claimed, seen, None));
    }
}

fn dictionaries(
    session: &Session<'_>,
    peer: &CasePeer,
    view: &PeerView,
    reading: &Reading<'_>,
    seen: Option<&Seen>,
    found: &mut Vec<Contradiction>,
) {
    let off = session.stalled(reading.asked_us.saturating_sub(OLDEST_US), reading.answered_us);
    let off = off.saturating_add(session.clock_error(&peer.name)).saturating_add(OLDEST_US);
    let long_before = |t_us: u64| t_us.saturating_add(off) < reading.asked_us;
    let until = reading.answered_us.saturating_add(off);
    let connection = view.connection.iter().rfind(|at| at.t_us <= until);
    let ice = view.ice.iter().rfind(|at| at.t_us <= until);
    let is_up = connection.is_some_and(|at| at.is == ConnectionState::Connected && long_before(at.t_us))
        && ice.is_some_and(|at| {
            matches!(at.is, IceState::Connected | IceState::Completed) && long_before(at.t_us)
        });
    let mut needed: Vec<(&str, &str)> = vec![("peer-connection", "the connection is open")];
    if is_up {
        // Of a transport Firefox before version 141 has none.
        let why = "it was connected long before";
        needed.extend(["local-candidate", "candidate-pair"].map(|kind| (kind, why)));
    }
    let opens = |(entry, event): (&peerproof_captures::timeline::Entry, &PeerEvent)| {
        matches!(event, PeerEvent::ChannelOpen { .. }) && long_before(entry.t_us)
    };
    let closes = |event: &PeerEvent| {
        matches!(event, PeerEvent::ChannelClosing { .. } | PeerEvent::ChannelClose { .. })
    };
    if session.events(&peer.name).any(opens) && !session.events(&peer.name).any(|(_, event)| closes(event)) {
        needed.push(("data-channel", "it has an open channel"));
    }
    if let Some(seen) = seen.filter(|seen| is_up && !seen.faulted) {
        if seen.sent(reading).is_some_and(has_stream) && is_agreed(view, reading.answered_us, true) {
            needed.push(("outbound-rtp", "it had sent a stream of RTP"));
        }
        // What nobody recognises, such as RTP of another payload type, is no stream.
        let recognises = |event: &PeerEvent| matches!(event, PeerEvent::MediaSeen { frames: 1.., .. });
        let recognised =
            session.events(&peer.name).any(|(entry, event)| recognises(event) && entry.n < reading.n);
        let is_agreed = || is_agreed(view, reading.answered_us, false);
        if recognised && seen.received(reading).is_some_and(has_stream) && is_agreed() {
            needed.push(("inbound-rtp", "a stream of RTP had arrived"));
        }
    }
    if reading.report.is_empty() {
        return;
    }
    for (kind, why) in needed {
        if reading.of_kind(kind).next().is_none() {
            let claimed = format!("statistics without any of the type {kind}");
            let contradiction =
                reading.contradicts("answer/getStats", Layer::Media, claimed, why.to_owned(), None);
            found.push(contradiction);
            return;
        }
    }
}

/// Whether media may still go out of a peer, or come to it, by the last descriptions: the statistics of a stream end with the stream
/// (webrtc-stats §8.1). Where they are not known, it may.
fn is_agreed(view: &PeerView, until_us: u64, goes_out: bool) -> bool {
    let last = |all: &[At<Description>]| {
        let last = all.iter().rfind(|at| at.t_us <= until_us);
        last.map(|at| SessionDescription::parse(at.is.sdp.as_str()))
    };
    let (Some(local), Some(remote)) = (last(&view.local), last(&view.remote)) else { return true };
    let (from, to) = if goes_out { (&local, &remote) } else { (&remote, &local) };
    let is_live = |section: &Section<'_>| {
        let line = section.media_line().and_then(|line| line.value.ok());
        line.is_some_and(|line| line.is_rtp()) && !section.is_rejected()
    };
    let mut pairs = from.media().zip(to.media()).filter(|(from, to)| is_live(from) && is_live(to));
    pairs.any(|(from, to)| from.direction().sends() && to.direction().receives())
}

fn has_stream(flow: &Flow) -> bool {
    flow.streams.values().any(|span| span.least.packets > MANY)
}
