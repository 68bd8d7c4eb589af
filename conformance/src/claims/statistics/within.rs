//! What a report says twice: identifiers name dictionaries that it has, and members repeat each other.
//!
//! Only where all that a peer reports is its implementation's own.

use super::claims::CLAIMS;
use super::{Contradiction, Reading, Session, Stat};
use crate::case_file::{CasePeer, MILLISECONDS, Runs};
use crate::claims::{By, Claim};
use crate::verdict::Layer;
use serde_json::{Map, Value};

/// By how much times of one clock may seem to be in the other order, in milliseconds: implementations round them, to no more than the
/// millisecond that is the unit of `DOMHighResTimeStamp` (HR-TIME §4).
const ROUNDING_MS: f64 = 1.0;

/// A member that names another dictionary: its claim, and the types that one may have.
struct Pointer {
    claim: &'static str,
    to: &'static [&'static str],
    layer: Layer,
    /// Whether the report has what it names, if it has any of that type. Of candidates and sources implementations leave out some; of transports
    /// Firefox before version 141 has none.
    must_be_there: bool,
}

const fn names(claim: &'static str, layer: Layer, to: &'static [&'static str]) -> Pointer {
    Pointer { claim, to, layer, must_be_there: true }
}

const fn may_name(claim: &'static str, layer: Layer, to: &'static [&'static str]) -> Pointer {
    Pointer { claim, to, layer, must_be_there: false }
}

const POINTERS: &[Pointer] = &[
    may_name("stat/candidate-pair.localCandidateId", Layer::Checks, &["local-candidate"]),
    may_name("stat/candidate-pair.remoteCandidateId", Layer::Checks, &["remote-candidate"]),
    names("stat/candidate-pair.transportId", Layer::Checks, &["transport"]),
    names("stat/certificate.issuerCertificateId", Layer::Dtls, &["certificate"]),
    names("stat/codec.transportId", Layer::Media, &["transport"]),
    names("stat/inbound-rtp.codecId", Layer::Media, &["codec"]),
    names("stat/inbound-rtp.playoutId", Layer::Media, &["media-playout"]),
    names("stat/inbound-rtp.remoteId", Layer::Media, &["remote-outbound-rtp"]),
    names("stat/inbound-rtp.transportId", Layer::Media, &["transport"]),
    names("stat/local-candidate.transportId", Layer::Gathering, &["transport"]),
    names("stat/outbound-rtp.codecId", Layer::Media, &["codec"]),
    may_name("stat/outbound-rtp.mediaSourceId", Layer::Media, &["media-source"]),
    names("stat/outbound-rtp.remoteId", Layer::Media, &["remote-inbound-rtp"]),
    names("stat/outbound-rtp.transportId", Layer::Media, &["transport"]),
    names("stat/remote-candidate.transportId", Layer::Gathering, &["transport"]),
    names("stat/remote-inbound-rtp.codecId", Layer::Media, &["codec"]),
    names("stat/remote-inbound-rtp.localId", Layer::Media, &["outbound-rtp"]),
    names("stat/remote-inbound-rtp.transportId", Layer::Media, &["transport"]),
    names("stat/remote-outbound-rtp.codecId", Layer::Media, &["codec"]),
    names("stat/remote-outbound-rtp.localId", Layer::Media, &["inbound-rtp"]),
    names("stat/remote-outbound-rtp.transportId", Layer::Media, &["transport"]),
    names("stat/transport.localCertificateId", Layer::Dtls, &["certificate"]),
    names("stat/transport.remoteCertificateId", Layer::Dtls, &["certificate"]),
];

/// A member that repeats another one of its dictionary, or of the one that a third names: claim, member, the third.
const REPEATED: &[(&str, &str, Option<&str>, Layer)] = &[
    ("stat/inbound-rtp.mediaType", "kind", None, Layer::Media),
    ("stat/outbound-rtp.mediaType", "kind", None, Layer::Media),
    ("stat/remote-inbound-rtp.mediaType", "kind", None, Layer::Media),
    ("stat/remote-outbound-rtp.mediaType", "kind", None, Layer::Media),
    ("stat/remote-inbound-rtp.kind", "kind", Some("localId"), Layer::Media),
    ("stat/remote-outbound-rtp.kind", "kind", Some("localId"), Layer::Media),
    ("stat/remote-inbound-rtp.ssrc", "ssrc", Some("localId"), Layer::Media),
    ("stat/remote-outbound-rtp.ssrc", "ssrc", Some("localId"), Layer::Media),
    ("stat/local-candidate.ip", "address", None, Layer::Gathering),
    ("stat/remote-candidate.ip", "address", None, Layer::Gathering),
];

/// Times of packets.
const TIMES: &[(&str, Layer)] = &[
    ("stat/candidate-pair.lastPacketSentTimestamp", Layer::Checks),
    ("stat/candidate-pair.lastPacketReceivedTimestamp", Layer::Checks),
    ("stat/inbound-rtp.lastPacketReceivedTimestamp", Layer::Media),
];

/// The type and the member of a claim.
fn parts(claim: &'static str) -> (&'static str, &'static str) {
    claim.strip_prefix("stat/").and_then(|it| it.split_once('.')).unwrap_or_default()
}

pub(super) fn check(
    session: &Session<'_>,
    peer: &CasePeer,
    reading: &Reading<'_>,
    found: &mut Vec<Contradiction>,
) {
    let is_over = session.ended_us(&peer.name).is_some_and(|ended| ended <= reading.answered_us);
    if !session.reports_all(peer) || is_over {
        return;
    }
    for (key, fields) in reading.report.iter().filter_map(|(key, value)| Some((key, value.as_object()?))) {
        required(reading, key, fields, found);
        negative(reading, fields, found);
    }
    // Before that the stack had times in seconds.
    let has_times = session.record.file.format >= MILLISECONDS || peer.runs == Runs::Driven;
    for stat in reading.stats() {
        POINTERS.iter().for_each(|pointer| pointer.check(reading, &stat, found));
        repeated(reading, &stat, found);
        sides(reading, &stat, found);
        if has_times {
            times(session, peer, reading, &stat, found);
        }
    }
}

/// Each dictionary has an `id`, which is its key in the report, a `type` and a `timestamp` (webrtc-pc §8.4, §8.5).
fn required(reading: &Reading<'_>, key: &str, fields: &Map<String, Value>, found: &mut Vec<Contradiction>) {
    let text = |field: &str| fields.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    let of = |claim, claimed: String, seen: &str| {
        reading.contradicts(claim, Layer::Media, claimed, seen.to_owned(), None)
    };
    if text("id") != Some(key) {
        let id = text("id").map_or_else(|| "no id".to_owned(), |id| format!("the id {id:?}"));
        let seen = format!("their key in the report is {key:?}");
        found.push(of("stat/id", format!("statistics with {id}"), &seen));
    }
    let missing = "all statistics have one";
    if text("type").is_none() {
        found.push(of("stat/type", format!("statistics {key:?} without a type"), missing));
    }
    if fields.get("timestamp").and_then(Value::as_f64).is_none() {
        found.push(of("stat/timestamp", format!("statistics {key:?} without a timestamp"), missing));
    }
}

/// What is counted or measured is not negative, but for packets that were lost: of these, some come later than once (RFC 3550 §A.3).
fn negative(reading: &Reading<'_>, fields: &Map<String, Value>, found: &mut Vec<Contradiction>) {
    let Some(kind) = fields.get("type").and_then(Value::as_str) else { return };
    let is_negative = |value: &Value| value.as_f64().is_some_and(|number| number < 0.0);
    for (field, value) in fields.iter().filter(|(field, value)| *field != "packetsLost" && is_negative(value))
    {
        let of = |claim: &&Claim| parts(claim.name) == (kind, field.as_str());
        let mut checked = CLAIMS.iter().filter(|claim| matches!(claim.by, By::Evidence(_)));
        if let Some(claim) = checked.find(of) {
            let claimed = format!("{field} {value} of statistics of the type {kind}");
            let seen = "it cannot be less than zero".to_owned();
            found.push(reading.contradicts(claim.name, claim.layer, claimed, seen, None));
            return;
        }
    }
}

impl Pointer {
    fn check(&self, reading: &Reading<'_>, stat: &Stat<'_>, found: &mut Vec<Contradiction>) {
        let (kind, field) = parts(self.claim);
        let Some(id) = stat.text(field).filter(|_| stat.kind == kind) else { return };
        let seen = match reading.by_id(id) {
            Some(named) if self.to.contains(&named.kind) => return,
            Some(named) => format!("what it names is of the type {}", named.kind),
            None if self.must_be_there
                && self.to.iter().any(|kind| reading.of_kind(kind).next().is_some()) =>
            {
                "the report has nothing of that name".to_owned()
            }
            None => return,
        };
        let claimed = format!("{field} {id:?} of statistics of the type {kind}");
        found.push(reading.contradicts(self.claim, self.layer, claimed, seen, None));
    }
}

fn repeated(reading: &Reading<'_>, stat: &Stat<'_>, found: &mut Vec<Contradiction>) {
    let is_empty = |value: &Value| value.is_null() || value.as_str() == Some("");
    for (claim, other, of, layer) in REPEATED {
        let (kind, field) = parts(claim);
        let Some(says) = stat.fields.get(field).filter(|it| stat.kind == kind && !is_empty(it)) else {
            continue;
        };
        let named = match of {
            None => Some(*stat),
            Some(pointer) => stat.text(pointer).and_then(|id| reading.by_id(id)),
        };
        let is = named.and_then(|it| it.fields.get(*other)).filter(|it| !is_empty(it));
        if let Some(is) = is.filter(|is| *is != says) {
            let claimed = format!("{field} {says} of statistics of the type {kind}");
            let seen = match of {
                None => format!("its {other} is {is}"),
                Some(pointer) => format!("the {other} of its {pointer} is {is}"),
            };
            found.push(reading.contradicts(claim, *layer, claimed, seen, None));
        }
    }
}

/// A remote candidate is remote, and the selected pair is the one that its transport says.
fn sides(reading: &Reading<'_>, stat: &Stat<'_>, found: &mut Vec<Contradiction>) {
    let says = |field: &str| stat.fields.get(field).and_then(Value::as_bool);
    let of = |claim, layer, claimed: String, seen: &str| {
        reading.contradicts(claim, layer, claimed, seen.to_owned(), None)
    };
    let remote = [("local-candidate", false), ("remote-candidate", true)];
    let remote = remote.into_iter().find(|(kind, _)| *kind == stat.kind);
    if let (Some((kind, is_remote)), Some(says)) = (remote, says("isRemote"))
        && says != is_remote
    {
        let claim =
            if is_remote { "stat/remote-candidate.isRemote" } else { "stat/local-candidate.isRemote" };
        let claimed = format!("isRemote {says} of a candidate");
        found.push(of(claim, Layer::Gathering, claimed, &format!("its type is {kind}")));
    }
    let selected = reading.stats().find_map(|it| it.text("selectedCandidatePairId"));
    if let (Some(says), Some(selected), Some(id)) = (says("selected"), selected, stat.text("id"))
        && stat.kind == "candidate-pair"
        && reading.of_kind("transport").count() == 1
        && says != (selected == id)
    {
        let claimed = format!("selected {says} of the pair {id:?}");
        let seen = format!("its transport has the pair {selected:?}");
        found.push(of("stat/candidate-pair.selected", Layer::Nomination, claimed, &seen));
    }
}

/// The last packet was sent or received in the session, and not after the report. A report is collected between the question and the answer, each
/// of which the machine may delay; beside that, its timestamp and the times of the session are as far apart as the clock of the peer is not known.
fn times(
    session: &Session<'_>,
    peer: &CasePeer,
    reading: &Reading<'_>,
    stat: &Stat<'_>,
    found: &mut Vec<Contradiction>,
) {
    let Some(now) = stat.number("timestamp") else { return };
    let Reading { asked_us, answered_us, .. } = *reading;
    let collects_us =
        answered_us.saturating_sub(asked_us).saturating_add(session.stalled(asked_us, answered_us));
    let off = collects_us.saturating_add(session.clock_error(&peer.name)) as f64 / 1e3 + ROUNDING_MS;
    let begun = now - answered_us as f64 / 1e3 - off;
    for (claim, layer) in TIMES {
        let (kind, field) = parts(claim);
        let says = stat.number(field).filter(|says| stat.kind == kind && *says != 0.0);
        let Some(says) = says.filter(|says| !(begun..=now + off).contains(says)) else { continue };
        let claimed = format!("{field} {says}");
        let seen = format!("its timestamp is {now}, {} ms after the case began", answered_us / 1_000);
        found.push(reading.contradicts(claim, *layer, claimed, seen, None));
    }
}
