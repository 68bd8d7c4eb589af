//! What caused a failure, where the recording names it: a requirement that was broken before, or something that a peer did.
//!
//! Where a step or an expectation failed, it says at which peer it showed. Who is to blame is often another: a peer refuses a
//! certificate since the other's description has a forged fingerprint. A [finding](crate::finding::Finding) of the same case then
//! names that one, and it decides layer and side; the failure is named as its consequence.

use super::failed_step::wants_failure;
use super::unrelated::is_unrelated;
use super::{ended_allocation, released, stale_pair, still_offered, without};
use crate::api::Views;
use crate::catalogue::{Catalogue, Effect};
use crate::checks;
use crate::claims::{Contradiction, Fault};
use crate::finding::{Finding, Status};
use crate::record::CaseRecord;
use crate::verdict::{ContradictedClaim, Layer, Outcome, Place, Verdict};
use peerproof_captures::event::{Description, IceState, PeerEvent};
use peerproof_captures::sdp::{MaxMessageSize, SessionDescription};
use peerproof_captures::timeline::{Answer, Entry, StepOutcome, What};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// What caused a failure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cause {
    /// When, in microseconds since the case began.
    pub(super) t_us: u64,
    pub(super) layer: Layer,
    pub(super) side: String,
    /// In one sentence.
    pub(super) sentence: String,
    pub(super) evidence: Vec<Place>,
}

impl Cause {
    /// The verdict: the failure is its consequence.
    pub(super) fn verdict(self, failure: Verdict) -> Verdict {
        let Self { layer, side, sentence, mut evidence, .. } = self;
        evidence.extend(failure.evidence);
        let sentence = format!("{sentence}; as a consequence, {}", failure.sentence);
        Verdict {
            outcome: Outcome::Fail,
            layer: Some(layer),
            side: Some(side),
            sentence,
            evidence,
            claim: None,
        }
    }
}

/// A failure with what caused it: the first claim that something contradicts, or what [`of`] names, whichever was earlier.
pub(super) fn because(
    record: &CaseRecord,
    views: &Views,
    contradicted: Option<Contradiction>,
    failure: Verdict,
) -> Verdict {
    // What a peer claims after a step has failed did not make it fail.
    let contradicted =
        contradicted.filter(|claimed| ended(record, &failure).is_none_or(|end| claimed.t_us <= end));
    match (contradicted, of(record, views, &failure)) {
        (Some(claimed), Some(cause)) if (cause.t_us, cause.layer) < (claimed.t_us, claimed.layer) => {
            cause.verdict(failure)
        }
        (Some(claimed), _) => contradiction(claimed, Some(failure)),
        (None, Some(cause)) => cause.verdict(failure),
        (None, None) => failure,
    }
}

/// The entries of the timeline that a failure names.
fn named<'a>(record: &'a CaseRecord, failure: &'a Verdict) -> impl Iterator<Item = &'a Entry> {
    failure.evidence.iter().filter_map(|place| match place {
        Place::Entry(n) => record.timeline.iter().find(|entry| entry.n == *n),
        _ => None,
    })
}

/// When the step ended that failed, if one did.
fn ended(record: &CaseRecord, failure: &Verdict) -> Option<u64> {
    named(record, failure).find(|entry| matches!(entry.what, What::StepEnded { .. })).map(|entry| entry.t_us)
}

/// A peer claims what is not so; and what followed from that, if a step or an expectation failed.
pub(super) fn contradiction(cause: Contradiction, consequence: Option<Verdict>) -> Verdict {
    let mut sentence = cause.sentence();
    let mut evidence = cause.evidence;
    let claim = ContradictedClaim { name: cause.claim.to_owned(), is_less: cause.is_less };
    let claim = consequence.is_none().then_some(claim);
    if let Some(consequence) = consequence {
        sentence = format!("{sentence}; besides, {}", consequence.sentence);
        evidence.extend(consequence.evidence.into_iter().filter(|_| consequence.outcome == Outcome::Fail));
    }
    let side = match cause.fault {
        Fault::Peer(name) => Some(name),
        Fault::Undecided | Fault::Recording => None,
    };
    Verdict { outcome: Outcome::Fail, layer: Some(cause.layer), side, sentence, evidence, claim }
}

/// The layer of a finding's requirement.
pub(super) fn at_layer(finding: &Finding) -> Layer {
    checks::of(&finding.requirement).map_or(Layer::Media, |check| check.layer)
}

/// The first cause of a failure that the recording names: not above the layer of the failure, and before it.
pub(super) fn of(record: &CaseRecord, views: &Views, failure: &Verdict) -> Option<Cause> {
    let top = failure.layer.filter(|_| failure.outcome == Outcome::Fail)?;
    let last = failure.evidence.iter().filter_map(|place| time(record, *place)).max().unwrap_or(u64::MAX);
    let by = lost(record, failure).map_or(last, |lost| lost.min(last));
    let broken = record.file.findings.iter().filter_map(|finding| of_finding(record, finding, top, failure));
    let others = [refused(record, top), too_long(record, top, failure)];
    // What takes a path away is no reason that it stays.
    let gone = if should_end(record, failure) {
        Default::default()
    } else {
        [
            ended_allocation::cause(record, views, top),
            without::cause(record, views, top),
            taken_down(record, views, top, failure),
            stale_pair::cause(record, top, by),
            released::cause(record, top, failure),
        ]
    };
    let others = others.into_iter().chain(gone).flatten();
    let all = still_offered::cause(record).into_iter().chain(broken).chain(others);
    all.filter(|cause| cause.layer <= top && cause.t_us <= by).min_by_key(|cause| (cause.t_us, cause.layer))
}

/// Whether the step that failed awaited that something fails or ends.
fn should_end(record: &CaseRecord, failure: &Verdict) -> bool {
    named(record, failure).any(|entry| match &entry.what {
        What::StepEnded { outcome: StepOutcome::TimedOut { awaited: expected, .. }, .. }
        | What::StepEnded { outcome: StepOutcome::Wrong { expected, .. }, .. } => wants_failure(expected),
        _ => false,
    })
}

/// When at the latest a peer lost what it had, if the failure names the report of that and no description came later, which could have
/// mended it: nothing later made it lose it, however long the step waited.
fn lost(record: &CaseRecord, failure: &Verdict) -> Option<u64> {
    let is_lost = |event: &PeerEvent| {
        matches!(
            event,
            PeerEvent::IceConnectionStateChange { state: IceState::Disconnected | IceState::Failed }
                | PeerEvent::IceTransportStateChange { state: IceState::Disconnected | IceState::Failed }
        )
    };
    let (lost, t_us) = named(record, failure).find_map(|entry| match &entry.what {
        What::Event { peer, event, .. } if is_lost(event) => {
            Some((entry.n, entry.t_us.saturating_add(clock_error(record, peer))))
        }
        _ => None,
    })?;
    let is_mended = |entry: &Entry| entry.n > lost && matches!(entry.what, What::Carried { .. });
    (!record.timeline.iter().any(is_mended)).then_some(t_us)
}

/// By how much the times of a peer's events may be off, in microseconds.
fn clock_error(record: &CaseRecord, of: &str) -> u64 {
    let error = record.timeline.iter().rev().find_map(|entry| match &entry.what {
        What::PeerClock { peer, error_us, .. } if peer == of => Some(*error_us),
        _ => None,
    });
    error.unwrap_or(0)
}

/// When something in a recording was, in microseconds since the case began.
pub(super) fn time(record: &CaseRecord, place: Place) -> Option<u64> {
    match place {
        Place::Frame(frame) => {
            let wire = record.wire.as_ref()?;
            // Both stand in the order of their frames.
            let packet = wire.packets.partition_point(|packet| packet.frame < frame);
            let server = wire.servers.partition_point(|message| message.frame < frame);
            let packet = wire.packets.get(packet).filter(|packet| packet.frame == frame);
            let server = wire.servers.get(server).filter(|message| message.frame == frame);
            packet.map(|packet| packet.t_us).or(server.map(|message| message.t_us))
        }
        Place::Entry(n) | Place::Line { entry: n, .. } => {
            record.timeline.iter().find(|entry| entry.n == n).map(|entry| entry.t_us)
        }
        Place::File { .. } => None,
    }
}

/// A finding as the cause: an absolute requirement is broken that nobody knew of; or one at the very layer of the failure by what never
/// came, at the other peer than the one at which the failure showed.
fn of_finding(record: &CaseRecord, finding: &Finding, top: Layer, failure: &Verdict) -> Option<Cause> {
    let layer = at_layer(finding);
    let required = Catalogue::get().requirement(&finding.requirement);
    let effect = required.and_then(|it| it.effect);
    let doubtful = finding.result == Status::Inconclusive
        && finding.timing
        && layer == top
        && effect == Some(Effect::Missing)
        && failure.side.as_deref().is_some_and(|side| side != finding.endpoint);
    let broken = finding.is_unexpected_failure() && effect != Some(Effect::Tolerated);
    if !broken && !doubtful {
        return None;
    }
    if layer == Layer::Sdp && is_unrelated(record, finding, top, failure) {
        return None;
    }
    let t_us = time(record, *finding.evidence.first()?)?;
    let source = required.map_or("", |it| it.source.as_str());
    let Finding { endpoint, requirement, sentence, .. } = finding;
    let says = if doubtful { "seems to violate" } else { "violates" };
    Some(Cause {
        t_us,
        layer,
        side: endpoint.clone(),
        sentence: format!("{endpoint} {says} {requirement} ({source}): {sentence}"),
        evidence: finding.evidence.clone(),
    })
}

/// A description that was rejected since it contradicts itself, its offer or what is in force: it has attributes of a payload type that
/// its section does not list (RFC 4585 §4.2, RFC 8866 §6.6 and §6.15), or breaks a rule by which it must be rejected.
fn refused(record: &CaseRecord, top: Layer) -> Option<Cause> {
    if top != Layer::Sdp {
        return None;
    }
    let mut asked: Vec<(&str, u64, Description)> = Vec::new();
    for entry in &record.timeline {
        match &entry.what {
            What::Command { peer, id, name, args } if name == "setRemoteDescription" => {
                let description = args.get("description").map(Description::deserialize);
                asked
                    .extend(description.and_then(std::result::Result::ok).map(|it| (peer.as_str(), *id, it)));
            }
            What::Answer { peer, id, answer: Answer::Rejected { .. } } => {
                let at = asked.iter().position(|(of, number, _)| of == peer && number == id);
                let Some(at) = at else { continue };
                let description = asked.swap_remove(at).2;
                let cause = misfit(record, peer, &description).or_else(|| amiss(record, peer, &description));
                if cause.is_some() {
                    return cause;
                }
            }
            _ => {}
        }
    }
    None
}

/// What makes a description an error for who sets it: an answer with other sections than those of the offer, or a DTLS role that it cannot
/// take (RFC 9429 §5.11); a number of a header extension that stood for another one (RFC 8285 §7).
const UNACCEPTABLE: [&str; 7] = [
    "oa-answer-mline-count",
    "oa-answer-mline-type-order",
    "oa-zero-port-offer-answered-zero",
    "jsep-answer-mid-echo",
    "dtls-answer-setup-valid",
    "dtls-role-kept-on-renegotiation",
    "extmap-no-remap-on-renegotiation",
];

/// The finding, known or not, that a description as its maker sent it is unacceptable.
fn amiss(record: &CaseRecord, to: &str, description: &Description) -> Option<Cause> {
    let (entry, from) = as_sent(record, to, description)?;
    let is_of_it = |place: &Place| match place {
        Place::Entry(n) | Place::Line { entry: n, .. } => {
            record.timeline.iter().any(|it| it.n == *n && describes(&it.what, &description.sdp))
        }
        _ => false,
    };
    let broken = record.file.findings.iter().find(|finding| {
        finding.result == Status::Fail
            && finding.endpoint == *from
            && UNACCEPTABLE.contains(&finding.requirement.as_str())
            && finding.evidence.iter().any(is_of_it)
    })?;
    let source = Catalogue::get().requirement(&broken.requirement).map_or("", |it| it.source.as_str());
    Some(Cause {
        t_us: entry.t_us,
        layer: Layer::Sdp,
        side: from.clone(),
        sentence: format!("{from} violates {} ({source}): {}", broken.requirement, broken.sentence),
        evidence: broken.evidence.clone(),
    })
}

/// Whether an entry of the timeline holds that description.
fn describes(what: &What, sdp: &str) -> bool {
    match what {
        What::Carried { sent, .. } => sent.sdp == sdp,
        What::Answer { answer: Answer::Ok(value), .. } => {
            value.get("sdp").is_some_and(|it| it.as_str() == Some(sdp))
        }
        What::Event { event: PeerEvent::Acted { description: Some(it), .. }, .. } => it.sdp == sdp,
        _ => false,
    }
}

/// Where a description was carried to a peer as its maker sent it, or made by the other peer where a command handed it on unchanged, and
/// who that is. Rewritten on the way, it is not its maker's.
fn as_sent<'a>(
    record: &'a CaseRecord,
    to: &str,
    description: &Description,
) -> Option<(&'a Entry, &'a String)> {
    let carried = record.timeline.iter().find_map(|entry| match &entry.what {
        What::Carried { from, to: at, sent, delivered: None } if at == to && sent == description => {
            Some((entry, from))
        }
        _ => None,
    });
    let made = || {
        record.timeline.iter().find_map(|entry| match &entry.what {
            What::Answer { peer, answer: Answer::Ok(value), .. } if peer != to => {
                let is_it = Description::deserialize(value).is_ok_and(|made| made == *description);
                is_it.then_some((entry, peer))
            }
            _ => None,
        })
    };
    carried.or_else(made)
}

/// The first attribute of a payload type that its section does not list, in a description as its maker sent it.
fn misfit(record: &CaseRecord, to: &str, description: &Description) -> Option<Cause> {
    let (entry, from) = as_sent(record, to, description)?;
    let (number, line, section) = stray_payload_type(&description.sdp)?;
    Some(Cause {
        t_us: entry.t_us,
        layer: Layer::Sdp,
        side: from.clone(),
        sentence: format!(
            "{from}'s {} should have attributes of payload types that their sections list, but section {section} has {line}",
            description.kind
        ),
        evidence: vec![Place::Line { entry: entry.n, line: number }],
    })
}

/// The first `rtpmap`, `fmtp` or `rtcp-fb` of a payload type that the section's `m=` line does not list: number and text of the line,
/// and the section's index.
fn stray_payload_type(sdp: &str) -> Option<(usize, &str, usize)> {
    let mut listed: Option<BTreeSet<&str>> = None;
    let mut sections = 0_usize;
    for (number, line) in sdp.lines().enumerate() {
        let line = line.trim_end();
        if let Some(media) = line.strip_prefix("m=") {
            sections += 1;
            let rtp = media.split(' ').nth(2).is_some_and(|profile| profile.contains("RTP/"));
            listed = rtp.then(|| media.split(' ').skip(3).collect());
        }
        let Some(listed) = &listed else { continue };
        let of = ["a=rtcp-fb:", "a=rtpmap:", "a=fmtp:"].iter().find_map(|prefix| line.strip_prefix(prefix));
        let payload_type = of.and_then(|rest| rest.split(' ').next());
        if payload_type.is_some_and(|it| it != "*" && !listed.contains(it)) {
            return Some((number + 1, line, sections.saturating_sub(1)));
        }
    }
    None
}

/// The longest message for a description that does not say it, in bytes (RFC 8841 §6.1).
const UNSTATED_MESSAGE_SIZE: u64 = 65_536;

/// How long a message may be that is sent to a peer, by its description.
struct Allowed<'a> {
    by: &'a str,
    t_us: u64,
    entry: u64,
    line: usize,
    bytes: u64,
    /// Whether the description says it.
    is_stated: bool,
}

impl<'a> Allowed<'a> {
    /// By a description that was carried; none if it sets no limit. `unless_stated` says whether one that states nothing sets the limit of the RFC.
    fn of(entry: &Entry, by: &'a str, sdp: &str, unless_stated: bool) -> Option<Self> {
        let parsed = SessionDescription::parse(sdp);
        let found = parsed.media().find_map(|section| section.typed::<MaxMessageSize>().next());
        let is_stated = found.is_some();
        let (line, bytes) = match found {
            Some(found) => (found.line, found.value.ok()?.0),
            None if unless_stated => {
                let line = sdp.lines().position(|line| line.starts_with("m=application "))?;
                (line + 1, UNSTATED_MESSAGE_SIZE)
            }
            None => return None,
        };
        (bytes > 0).then_some(Self { by, t_us: entry.t_us, entry: entry.n, line, bytes, is_stated })
    }

    fn cause(&self, length: u64) -> Cause {
        let Self { by, bytes, .. } = self;
        let announced = if self.is_stated {
            format!("a=max-message-size:{bytes}")
        } else {
            format!("no a=max-message-size, which stands for {bytes}")
        };
        Cause {
            t_us: self.t_us,
            layer: Layer::DataChannel,
            side: (*by).to_owned(),
            sentence: format!("{by} should take a message of {length} bytes, but announces {announced}"),
            evidence: vec![Place::Line { entry: self.entry, line: self.line }],
        }
    }
}

/// The other peer, where a message of the scenario is longer than its description allows: `send` must reject it then (webrtc-pc §6.2).
fn too_long(record: &CaseRecord, top: Layer, failure: &Verdict) -> Option<Cause> {
    let sender = failure.side.as_deref().filter(|_| top == Layer::DataChannel)?;
    // Some answer an offer of less without any: what the sender itself takes says whether it means more.
    let takes_more = |sdp: &str| {
        let sdp = SessionDescription::parse(sdp);
        let mut all = sdp.media().filter_map(|section| section.typed::<MaxMessageSize>().next()?.value.ok());
        all.any(|it| it.0 == 0 || it.0 > UNSTATED_MESSAGE_SIZE)
    };
    let unless_stated = record.timeline.iter().any(|entry| {
        matches!(&entry.what, What::Carried { from, sent, .. } if from == sender && takes_more(&sent.sdp))
    });
    let mut allowed: Option<Allowed<'_>> = None;
    let mut asked: BTreeMap<u64, u64> = BTreeMap::new();
    let mut cause = None;
    for entry in &record.timeline {
        match &entry.what {
            // What was rewritten on the way is not what that peer announced.
            What::Carried { from, to, sent, delivered } if to == sender => {
                let of_it = || Allowed::of(entry, from, &sent.sdp, unless_stated);
                allowed = delivered.is_none().then(of_it).flatten();
            }
            What::Command { peer, id, name, args } if peer == sender && name == "send" => {
                asked.extend(crate::claims::message_length(args).map(|length| (*id, length)));
            }
            What::Answer { peer, id, answer: Answer::Rejected { .. } } if peer == sender => {
                if let (Some(length), Some(allowed)) = (asked.get(id), &allowed)
                    && *length > allowed.bytes
                    && cause.is_none()
                {
                    cause = Some(allowed.cause(*length));
                }
            }
            // The scenario wants the rejection.
            What::StepEnded { outcome: StepOutcome::Done, .. } => cause = None,
            _ => {}
        }
    }
    cause
}

/// The peer that was the first to begin another ICE transport in a renegotiation, without a restart, where the one at which the failure
/// showed did so after it: what was on the way is lost.
fn taken_down(record: &CaseRecord, views: &Views, top: Layer, failure: &Verdict) -> Option<Cause> {
    // It has the layer of what failed: the transport that follows may work.
    if top < Layer::Nomination || !views.values().all(|view| view.ice_connected().is_some()) {
        return None;
    }
    let asked = |what: &What| match what {
        What::Command { name, args, .. } => {
            matches!(name.as_str(), "restartIce" | "close" | "createPeerConnection" | "setConfiguration")
                || args.get("iceRestart").is_some_and(|it| it == true)
        }
        _ => false,
    };
    let mut connected: BTreeSet<&str> = BTreeSet::new();
    let mut first: Option<(&str, u64, u64)> = None;
    for entry in &record.timeline {
        if !connected.is_empty() && asked(&entry.what) {
            return None;
        }
        let What::Event { peer, event: PeerEvent::IceConnectionStateChange { state }, .. } = &entry.what
        else {
            continue;
        };
        match (state, first) {
            (IceState::Connected | IceState::Completed, _) => {
                connected.insert(peer);
            }
            (IceState::New, None) if connected.contains(peer.as_str()) => {
                first = Some((peer, entry.t_us, entry.n));
            }
            (IceState::New, Some((side, t_us, n))) if failure.side.as_ref() == Some(peer) && side != peer => {
                return Some(Cause {
                    t_us,
                    layer: top,
                    side: side.to_owned(),
                    sentence: format!(
                        "the ICE transport of {side} should stay without a restart, but its iceConnectionState went from connected to new"
                    ),
                    evidence: vec![Place::Entry(n)],
                });
            }
            _ => {}
        }
    }
    None
}
