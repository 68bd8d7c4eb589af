//! Statistics: counters against the wire, candidates and pairs against what was gathered and used, one reading against the next.
//!
//! A reading is compared with what had happened when it was asked for and what had happened when its answer was there. Between the two a
//! counter may have any value. What a peer does not report is not wrong.

mod channels;
mod claims;
mod counted;
mod ice;
mod media;
mod names;
mod others;
mod present;
mod readings;
mod required;
mod transport;
mod wire;
mod within;

pub(super) use claims::CLAIMS;
pub(super) use others::OTHERS;

use super::observed::against;
use super::session::Asked;
use super::{Contradiction, Fault, Session};
use crate::case_file::CasePeer;
use crate::verdict::{Layer, Place};
use peerproof_captures::timeline::{Answer, What};
use serde_json::{Map, Value};

/// A report of a peer, with the command that asked for it.
#[derive(Debug, Clone, Copy)]
struct Reading<'a> {
    peer: &'a str,
    /// The entry of its answer.
    n: u64,
    asked_us: u64,
    answered_us: u64,
    report: &'a Map<String, Value>,
}

/// A dictionary of a report.
#[derive(Debug, Clone, Copy)]
struct Stat<'a> {
    fields: &'a Map<String, Value>,
    kind: &'a str,
}

impl<'a> Stat<'a> {
    fn of(value: &'a Value) -> Option<Self> {
        let fields = value.as_object()?;
        Some(Self { fields, kind: fields.get("type")?.as_str()? })
    }

    /// A text; nothing if it is absent or empty, which says nothing.
    fn text(&self, name: &str) -> Option<&'a str> {
        self.fields.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// A word of an enumeration, which is never empty.
    fn word(&self, name: &str) -> Option<&'a str> {
        self.fields.get(name)?.as_str()
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.fields.get(name)?.as_f64().filter(|number| number.is_finite())
    }
}

impl<'a> Reading<'a> {
    fn stats(&self) -> impl Iterator<Item = Stat<'a>> + use<'a> {
        self.report.values().filter_map(Stat::of)
    }

    fn of_kind<'k>(&self, kind: &'k str) -> impl Iterator<Item = Stat<'a>> + use<'a, 'k> {
        self.stats().filter(move |stat| stat.kind == kind)
    }

    /// Those readings of the other peer that were asked for before this one was answered: later ones count what came after it.
    fn by_then<'r>(&self, others: &'r [Reading<'a>]) -> impl Iterator<Item = &'r Reading<'a>> + use<'r, 'a> {
        let answered_us = self.answered_us;
        others.iter().filter(move |other| other.asked_us <= answered_us)
    }

    /// The dictionary of that identifier.
    fn by_id(&self, id: &str) -> Option<Stat<'a>> {
        Stat::of(self.report.get(id)?)
    }

    /// A contradiction of something that it reports.
    fn contradicts(
        &self,
        claim: &'static str,
        layer: Layer,
        claimed: String,
        seen: String,
        more: Option<Place>,
    ) -> Contradiction {
        Contradiction {
            claim,
            layer,
            fault: Fault::Peer(self.peer.to_owned()),
            t_us: self.answered_us,
            claimed: format!("{} reports {claimed}", self.peer),
            seen,
            evidence: std::iter::once(Place::Entry(self.n)).chain(more).collect(),
            is_less: false,
        }
    }
}

/// Most readings of a peer that are looked at, and most dictionaries of each: a recording is foreign input.
const MOST_READINGS: usize = 32;
const MOST_STATS: usize = 10_000;
/// Packets that are looked at for all readings.
const MOST_COMPARED: usize = 20_000_000;

pub(super) fn check(session: &Session<'_>, found: &mut Vec<Contradiction>) {
    let all = session.peers().map(|(peer, _)| {
        let readings = readings_of(session, &peer.name);
        kept(session, &peer.name, &readings, found);
        rejected(session, peer, found);
        (peer, some_of(session, readings))
    });
    let all: Vec<(&CasePeer, Vec<Reading<'_>>)> = all.collect();
    for (place, (peer, readings)) in all.iter().enumerate() {
        let others = all.iter().find(|(other, _)| other.name != peer.name).map(|(_, readings)| readings);
        let others = others.map(Vec::as_slice).unwrap_or_default();
        if readings.is_empty() {
            continue;
        }
        let named = names::Named::of(session, peer);
        let seen = wire::Seen::of(session, place, readings);
        for reading in readings {
            media::check(session, peer, reading, others, seen.as_ref(), found);
            ice::check(session, peer, (reading, others), seen.as_ref(), found);
            transport::check(session, peer, reading, found);
            channels::check(session, peer, reading, found);
            counted::check(session, peer, reading, seen.as_ref(), found);
            present::check(session, peer, reading, seen.as_ref(), found);
            names::check(session, peer, reading, (&named, seen.as_ref()), found);
            within::check(session, peer, reading, found);
            required::check(session, peer, reading, found);
            empty(session, peer, reading, found);
        }
        readings::check(session, peer, readings, seen.as_ref(), found);
    }
}

/// The reports that a peer gave, in the order of its answers.
fn readings_of<'a>(session: &Session<'a>, name: &'a str) -> Vec<Reading<'a>> {
    let asked = session.asked(name);
    let readings =
        asked.iter().filter(|asked| asked.name == "getStats").filter_map(|asked| match asked.answer {
            Some((answer, Answer::Ok(Value::Object(report)))) if report.len() <= MOST_STATS => {
                Some(Reading {
                    peer: name,
                    n: answer.n,
                    asked_us: asked.entry.t_us,
                    answered_us: answer.t_us,
                    report,
                })
            }
            _ => None,
        });
    let mut readings: Vec<_> = readings.collect();
    readings.sort_by_key(|reading| reading.n);
    readings
}

/// As many of them as can be looked at, each being compared with all packets: the first, the last and some of those between.
fn some_of<'a>(session: &Session<'_>, readings: Vec<Reading<'a>>) -> Vec<Reading<'a>> {
    let packets = session.record.packets().map_or(0, |wire| wire.packets.len());
    let most = MOST_READINGS.min(MOST_COMPARED / packets.max(1)).max(2);
    let last = readings.len().saturating_sub(1);
    if last < most {
        return readings;
    }
    (0..most).filter_map(|n| readings.get(n * last / (most - 1)).copied()).collect()
}

/// The connection itself is in each report (webrtc-stats §8.10), until it is closed.
fn empty(session: &Session<'_>, peer: &CasePeer, reading: &Reading<'_>, found: &mut Vec<Contradiction>) {
    let is_closed = session.closed_us(&peer.name).is_some_and(|closed| closed <= reading.answered_us);
    if reading.report.is_empty() && !is_closed && !peer.is_translated() {
        let seen = "the connection itself has statistics at any time".to_owned();
        let claimed = "no statistics at all".to_owned();
        found.push(reading.contradicts("answer/getStats", Layer::Media, claimed, seen, None));
    }
}

/// Of a connection there are statistics at any time: `getStats` is rejected for a selector alone, and the harness gives none (webrtc-pc §8.2).
fn rejected(session: &Session<'_>, peer: &CasePeer, found: &mut Vec<Contradiction>) {
    if !session.reports_all(peer) {
        return;
    }
    let asked = session.asked(&peer.name);
    let is_made = |asked: &&Asked<'_>| {
        asked.name == "createPeerConnection" && matches!(asked.answer, Some((_, Answer::Ok(_))))
    };
    let Some(made) = asked.iter().find(is_made).map(|asked| asked.entry.n) else { return };
    for asked in asked.iter().filter(|asked| asked.name == "getStats" && asked.entry.n > made) {
        let Some((entry, Answer::Rejected { name, .. })) = asked.answer else { continue };
        let claimed = format!("{} rejects getStats with {name}", peer.name);
        let seen = "it has a connection, which has statistics at any time";
        let claim = ("answer/getStats", Layer::Media);
        found.push(against(&peer.name, claim, entry.t_us, claimed, seen, [Place::Entry(entry.n)]));
    }
}

/// What was kept of a report is what the peer answered: the recording contains it twice.
fn kept(session: &Session<'_>, name: &str, readings: &[Reading<'_>], found: &mut Vec<Contradiction>) {
    for entry in &session.record.timeline {
        let What::Stats { peer, report } = &entry.what else { continue };
        if peer != name {
            continue;
        }
        // A reading without answer in the recording says nothing of another one.
        let before = readings.partition_point(|reading| reading.n < entry.n);
        let Some(last) = before.checked_sub(1).and_then(|last| readings.get(last)) else { continue };
        if report.as_object() != Some(last.report) {
            found.push(Contradiction {
                claim: "",
                layer: Layer::Media,
                fault: Fault::Recording,
                t_us: entry.t_us,
                claimed: format!("the statistics of {name} that were kept should be those that it answered"),
                seen: "they differ".to_owned(),
                evidence: vec![Place::Entry(entry.n), Place::Entry(last.n)],
                is_less: false,
            });
        }
    }
}

#[cfg(test)]
mod tests;
