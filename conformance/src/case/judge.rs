//! The verdict on a recorded case.

use super::broken::broken_by_control;
use super::cause::{at_layer, because, contradiction, time};
use super::check::{self, Checked, Failure, Mismatch};
use super::early::sent_outside_open;
use super::failed_step::{
    closed, explains, idle_rule, layer_of, should_lose_its_path, wants_failure, wants_message,
    wants_no_connection, wants_refusal,
};
use super::lacking::{lacking, unless_unwatched, unreported, unsupported};
use super::lost::lost;
use super::rewritten::rewritten;
use super::sockets::alone;
use super::unnegotiated::{Unnegotiated, unnegotiated};
use super::unserved::unserved;
use crate::api::Views;
use crate::case_file::{CasePeer, FORMAT, NotPlayed, Runs, SnapshotResult};
use crate::catalogue::Catalogue;
use crate::claims::{self, Contradiction, Fault};
use crate::explain::{self, Diagnosis, Recorded, Session};
use crate::finding::Finding;
use crate::record::CaseRecord;
use crate::verdict::{Layer, NETWORK, Outcome, Place, RecordedFile, Verdict};
use peerproof_captures::timeline::words;
use peerproof_captures::timeline::{Condition, Entry, Expected, Note, Seen, Step, StepOutcome, What};

/// Judges a case from its recording alone.
///
/// In this order; the first that applies is the verdict:
///
/// 1. `harness-error`: the case could not be set up, a step broke, the recording has no capture, or a peer in a
///    process of ours ([`Runs::Driven`]) was lost. A browser's crash cannot be distinguished from our losing it, so it is ours to
///    look at; the sentence names the side. A peer that the scenario ends on purpose ([`CaseFile::ends`]) does not count.
///    A peer that [runs independently](Runs::Independent) and dies has failed: `fail`, on its side; before the first step too.
///    So is a recording that is not [whole](crate::evidence::Evidence::examined): it decides nothing.
/// 2. `unsupported`: a peer said that it cannot do a step, and is known to say so of a command that does not exist. Without
///    that its answers prove nothing: `inconclusive`. The same of a peer that cannot watch a track, if nothing but the media failed.
/// 3. `harness-error`: the recording lacks what both peers' reports prove to have happened ([`Fault::Recording`]): it decides nothing.
/// 4. `fail`: a peer [claims](crate::claims) what something else contradicts. The first such claim decides layer and side; a step
///    or an expectation that failed besides is named as the consequence.
/// 5. `fail`: a step did not end as the scenario wants. [`explain`](crate::explain) names the first layer that diverged. What the
///    recording names as the cause of that ([`because`]) decides layer and side. `inconclusive` if it asked a peer to send by a channel
///    that was not open yet, or not any more.
/// 6. `fail`: an expectation does not hold, or something arrived that was not sent. The lowest layer comes first. The same holds of its
///    cause.
/// 7. `fail`: a [finding](super::CaseFile::findings) says that an absolute requirement is broken, and no known deviation covers
///    it. The lowest layer comes first. A control is judged by what it expects alone, unless a peer lies in it.
/// 8. `fail`: the snapshot differs although the peers have the versions of the record.
/// 9. `unsupported`: an expectation is about what a peer said that it cannot report.
/// 10. `inconclusive`: an expectation cannot be decided from this recording.
/// 11. `pass`.
///
/// [`CaseFile::ends`]: super::CaseFile::ends
#[must_use]
pub fn judge(record: &CaseRecord) -> Verdict {
    let views = views(record);
    let flawed = || incomplete(&claims::flaws(record));
    if let Some(verdict) = broken(record, &views).or_else(flawed).or_else(|| unsupported(record)) {
        return verdict;
    }
    if let Some(verdict) = lost(record, &views) {
        return verdict;
    }
    let contradictions = claims::contradictions(record, &views);
    if let Some(verdict) = incomplete(&contradictions) {
        return verdict;
    }
    let contradicted = contradictions.into_iter().next();
    if contradicted.is_none()
        && let Some(early) = sent_outside_open(record)
    {
        return early;
    }
    if let Some(verdict) = step(record, &views) {
        return caused(record, &views, contradicted, verdict);
    }
    let checked = check::all(record, &views);
    if let Some(verdict) = expectations(record, &views, &checked) {
        return caused(record, &views, contradicted, verdict);
    }
    if let Some(cause) = contradicted {
        return contradiction(cause, None);
    }
    requirement(record)
        .or_else(|| snapshot(record))
        .or_else(|| undecided(record, &checked))
        .unwrap_or_else(|| pass(record, &views, &checked))
}

/// A recording that lacks what happened.
fn incomplete(contradictions: &[Contradiction]) -> Option<Verdict> {
    let first = contradictions.iter().find(|it| it.fault == Fault::Recording)?;
    let sentence = format!("the recording is incomplete: {}", first.sentence());
    Some(Verdict { evidence: first.evidence.clone(), ..verdict(Outcome::HarnessError, sentence) })
}

/// A failure with its cause: what a control broke, a claim of a peer, or what the recording names.
fn caused(
    record: &CaseRecord,
    views: &Views,
    contradicted: Option<Contradiction>,
    failure: Verdict,
) -> Verdict {
    let failure = unless_unwatched(record, failure);
    match (contradicted, broken_by_control(record, &failure)) {
        (None, Some(broken)) => broken,
        (contradicted, _) => because(record, views, contradicted, failure),
    }
}

pub(super) fn views(record: &CaseRecord) -> Views {
    crate::api::views(&record.timeline, record.file.peers.iter().map(|peer| &peer.name))
}

pub(super) fn verdict(outcome: Outcome, sentence: String) -> Verdict {
    Verdict { outcome, layer: None, side: None, sentence, evidence: Vec::new(), claim: None }
}

fn broken(record: &CaseRecord, views: &Views) -> Option<Verdict> {
    let ours = |sentence: String, entry: Option<u64>| {
        let evidence = entry.map(Place::Entry).into_iter().collect();
        Some(Verdict { evidence, ..verdict(Outcome::HarnessError, sentence) })
    };
    if record.file.format > FORMAT {
        return ours(
            format!("the recording has format {}, this version reads {FORMAT}", record.file.format),
            None,
        );
    }
    let interrupted = |entry: &&Entry| matches!(&entry.what, What::Note(Note::Interrupted));
    if let Some(entry) = record.timeline.iter().find(interrupted) {
        return ours("the run was stopped before the case had ended".to_owned(), Some(entry.n));
    }
    if let Some(NotPlayed::Broken { cause }) = &record.file.not_played {
        return ours(format!("the case could not be set up: {cause}"), None);
    }
    if record.file.not_played.is_some() {
        return None;
    }
    for entry in &record.timeline {
        if let What::StepEnded { step, outcome: StepOutcome::Broken { cause } } = &entry.what
            && !dead_on_purpose(record, views)
        {
            return ours(format!("step {} broke: {cause}", step + 1), Some(entry.n));
        }
    }
    for (name, view) in views {
        let driven = record.peer(name).is_none_or(|peer| peer.runs == Runs::Driven);
        if let Some(lost) = view.lost.as_ref().filter(|_| driven && !record.file.ends.contains(name)) {
            let mut found = ours(format!("{name} was lost: {}", lost.is), Some(lost.n))?;
            found.side = Some(name.clone());
            return Some(found);
        }
    }
    if record.wire.is_none() {
        return ours("the recording has no readable capture".to_owned(), None);
    }
    if !record.timeline.iter().any(|entry| matches!(entry.what, What::StepEnded { .. })) {
        return ours("no step of the recording ended".to_owned(), None);
    }
    None
}

fn dead_on_purpose(record: &CaseRecord, views: &Views) -> bool {
    record.file.ends.iter().any(|name| views.get(name).is_some_and(|view| view.lost.is_some()))
}

/// The first layer up to `top` at which the session diverged.
pub(super) fn first_diverged(record: &CaseRecord, views: &Views, top: Layer) -> Option<Diagnosis> {
    explain::first_diverged(&session(record, views), top)
}

/// What a peer that waits for something of a layer could not get, as the network let nothing of that through.
fn cut_off(record: &CaseRecord, views: &Views, layer: Layer, awaited: &Expected) -> Option<(String, Place)> {
    let Expected::Condition { peer, condition } = awaited else { return None };
    let sent_us = match condition {
        // A description makes it fire, and no packet (webrtc-pc §4.4.1.5).
        Condition::Track(_) => return None,
        Condition::Message(message) => sent_last(record, record.other(peer)?, &message.channel),
        _ => None,
    };
    explain::cut_off(&session(record, views), layer, peer, sent_us)
}

/// When a peer was last asked to send by a channel, in microseconds.
fn sent_last(record: &CaseRecord, by: &str, label: &str) -> Option<u64> {
    record.timeline.iter().rev().find_map(|entry| match &entry.what {
        What::Command { peer, name, args, .. } => {
            let is_it = peer == by && name == "send" && args.get("channel").is_some_and(|it| it == label);
            is_it.then_some(entry.t_us)
        }
        _ => None,
    })
}

fn session<'a>(record: &'a CaseRecord, views: &'a Views) -> Session<'a> {
    let CaseRecord { timeline, stats, .. } = record;
    Session::of_case(Recorded { views, timeline, stats: Some(stats), wire: record.packets() })
}

fn fail(failure: impl Into<Failure>, suffix: &str) -> Verdict {
    let Failure { layer, side, sentence, evidence } = failure.into();
    Verdict {
        outcome: Outcome::Fail,
        layer: Some(layer),
        side,
        sentence: format!("{sentence}{suffix}"),
        evidence,
        claim: None,
    }
}

fn step(record: &CaseRecord, views: &Views) -> Option<Verdict> {
    let (entry, step, outcome) = record.timeline.iter().find_map(|entry| match &entry.what {
        What::StepEnded { step, outcome }
            if matches!(outcome, StepOutcome::TimedOut { .. } | StepOutcome::Wrong { .. }) =>
        {
            Some((entry, *step, outcome))
        }
        What::StepEnded { step, outcome: outcome @ StepOutcome::Broken { .. } } => {
            Some((entry, *step, outcome))
        }
        _ => None,
    })?;
    let (awaited, expected, seen) = match outcome {
        StepOutcome::TimedOut { awaited, within_ms, seen } => {
            let (should, but) = words::mismatch(awaited, Some(*within_ms), seen);
            (Some(awaited), should, but)
        }
        StepOutcome::Wrong { expected, seen } => {
            let (should, but) = words::mismatch(expected, None, seen);
            (Some(expected), should, but)
        }
        StepOutcome::Broken { cause } => (None, "the step should end".to_owned(), cause.clone()),
        StepOutcome::Done | StepOutcome::Unsupported { .. } => return None,
    };
    let began = record.timeline.iter().find_map(|began| match &began.what {
        What::StepBegan { step: began, definition, place } if *began == step => Some((definition, place)),
        _ => None,
    });
    let suffix = began.map_or_else(String::new, |(definition, place)| {
        let place = place.as_ref().map_or_else(String::new, |place| format!(", {place}"));
        format!(" (step {}{place}: {definition})", step + 1)
    });
    let definition = began.map(|(definition, _)| definition);
    let wants_failure = awaited.is_some_and(wants_failure);
    let waits = awaited.is_some_and(wants_message);
    let anomaly = check::delivery_anomalies(record, views)
        .into_iter()
        .next()
        .or_else(|| check::missing_echo(record, views).filter(|_| waits));
    let diverged = if wants_failure { None } else { first_diverged(record, views, Layer::Media) };
    let unread = diverged.is_none() && anomaly.is_none() && !is_readable(outcome);
    let acting = definition.and_then(|Step { peer, .. }| record.peer(peer.as_deref()?));
    let alone = awaited.and_then(|awaited| alone(record, awaited, acting, entry.n));
    let rule = awaited.and_then(|awaited| idle_rule(record, awaited));
    let own = awaited.map_or(Layer::Media, |awaited| match should_lose_its_path(record, views, awaited) {
        true => Layer::Checks,
        false => layer_of(awaited, views),
    });
    let own = rule.as_ref().map_or(own, |rule| rule.layer);
    let diverged =
        diverged.filter(|it| awaited.is_none_or(|awaited| explains(awaited, it.layer, own, views)));
    let unnegotiated = awaited.and_then(|awaited| unnegotiated(record, views, awaited));
    // What no description provides for does not come, however well the layers below work.
    let diverged = diverged.filter(|it| unnegotiated.is_none() || it.layer < own);
    let diverged = diverged.filter(|it| match alone {
        Some(alone) => {
            it.layer < Layer::Gathering || (it.layer == Layer::Gathering && it.side.as_deref() == Some(alone))
        }
        None => it.layer < Layer::Gathering || !awaited.is_some_and(wants_refusal),
    });
    let is_false = |anomaly: &Mismatch| diverged.as_ref().is_none_or(|it| it.layer >= anomaly.layer);
    let comes_false = anomaly.as_ref().is_some_and(is_false);
    let mut failure = match (anomaly, diverged) {
        // A false message explains a message that did not come; what diverged below the channels explains both.
        (Some(anomaly), _) if comes_false => Failure::from(anomaly),
        (_, Some(diverged)) => diverged.into(),
        (_, None) => {
            let sender = rule.and_then(|rule| rule.sender);
            let mut mismatch = Mismatch::new(own, "", expected, seen);
            let unsent = awaited.and_then(|awaited| claims::never_sent(record, views, awaited));
            if let Some((_, sizes)) = &unsent {
                mismatch.seen = format!("{}; the key frames on the wire have {sizes}", mismatch.seen);
            }
            let sender = sender.or(alone).or(unsent.as_ref().map(|(sender, _)| *sender));
            let awaiting = awaited.and_then(|awaited| match awaited {
                Expected::Condition { peer, .. } => record.peer(peer),
                _ => None,
            });
            let acting = sender.and_then(|name| record.peer(name)).or(acting).or(awaiting);
            mismatch.side = acting.or_else(|| subject(record)).map(|peer| peer.name.clone());
            if let Some(awaited) = awaited.filter(|_| !wants_failure)
                && let Some((stated, first)) = cut_off(record, views, own, awaited)
            {
                mismatch.seen = format!("{}; {stated}", mismatch.seen);
                mismatch.side = Some(NETWORK.to_owned());
                mismatch.evidence = vec![first];
            }
            if let Some((other, n)) = awaited.and_then(|awaited| closed(record, awaited, entry.n)) {
                mismatch.seen = format!("{}; the scenario had closed {other} before", mismatch.seen);
                mismatch.side = Some(other.to_owned());
                mismatch.evidence = vec![Place::Entry(n)];
            }
            if let Some(Unnegotiated { sentence, evidence }) = unnegotiated {
                mismatch.seen = format!("{}; {sentence}", mismatch.seen);
                mismatch.side = None;
                mismatch.evidence = evidence;
            }
            mismatch.into()
        }
    };
    let comes_about = matches!(awaited, Some(Expected::Condition { .. })) && !wants_failure && !comes_false;
    let side = failure.side.clone().filter(|side| comes_about && side != NETWORK);
    let elsewhere = side.zip(awaited).and_then(|(side, awaited)| {
        let unserved = || unserved(record, views, awaited, (failure.layer, &side));
        rewritten(record, failure.layer).or_else(unserved)
    });
    failure.attribute(elsewhere);
    failure.evidence.push(Place::Entry(entry.n));
    let verdict = fail(failure, &suffix);
    Some(if unread { Verdict { outcome: Outcome::Inconclusive, side: None, ..verdict } } else { verdict })
}

/// Whether every packet could be read of which a rule had to know the content. One that could not may have been the rule's.
fn is_readable(outcome: &StepOutcome) -> bool {
    !matches!(outcome, StepOutcome::TimedOut { seen: Seen::RuleActed { undecrypted: 1.., .. }, .. })
}

fn subject(record: &CaseRecord) -> Option<&CasePeer> {
    record.file.peers.iter().find(|peer| peer.subject)
}

fn expectations(record: &CaseRecord, views: &Views, checked: &Checked) -> Option<Verdict> {
    let lowest = checked
        .mismatches
        .iter()
        .filter(|mismatch| !mismatch.undecided)
        .min_by_key(|mismatch| mismatch.layer)?
        .clone();
    // A case that wants a failure below must not read that the failure is the cause.
    let wanted = record.file.expect.peers.values().any(wants_no_connection);
    let is_own = wanted || lowest.excess;
    let cause = if is_own { None } else { first_diverged(record, views, lowest.layer) };
    let cause = cause.filter(|cause| cause.layer < lowest.layer);
    let place =
        record.file.expect_place.as_ref().map_or_else(String::new, |place| format!(" (expect, {place})"));
    Some(match cause {
        Some(cause) => {
            let reason = rewritten(record, cause.layer);
            let mut failure = Failure::from(cause);
            failure.attribute(reason);
            fail(failure, &format!("; so {} was not met{place}", lowest.expected))
        }
        None => fail(lowest, &place),
    })
}

/// An absolute requirement that is broken and of which that was not known.
fn requirement(record: &CaseRecord) -> Option<Verdict> {
    if record.file.control_of.is_some() && record.file.liars.is_empty() {
        return None;
    }
    let broken = record.file.findings.iter().filter(|finding| finding.is_unexpected_failure());
    // Of one layer the first decides: what follows from it comes later.
    let when = |finding: &Finding| {
        let place = finding.evidence.first();
        let entry = place.and_then(|place| match place {
            Place::Entry(n) | Place::Line { entry: n, .. } => Some(*n),
            _ => None,
        });
        (place.and_then(|place| time(record, *place)).unwrap_or(u64::MAX), entry)
    };
    let first = broken.min_by_key(|finding| (at_layer(finding), when(finding)))?;
    let source = Catalogue::get().requirement(&first.requirement).map_or("", |it| it.source.as_str());
    Some(Verdict {
        outcome: Outcome::Fail,
        layer: Some(at_layer(first)),
        side: Some(first.endpoint.clone()),
        sentence: format!("{} violates {} ({source}): {}", first.endpoint, first.requirement, first.sentence),
        evidence: first.evidence.clone(),
        claim: None,
    })
}

fn snapshot(record: &CaseRecord) -> Option<Verdict> {
    let Some(SnapshotResult::Differs { section, line, expected, seen, same_versions: true }) =
        &record.file.snapshot
    else {
        return None;
    };
    let layer = match section.as_str() {
        "sdp" => Layer::Sdp,
        "dtls" => Layer::Dtls,
        _ => Layer::Checks,
    };
    Some(Verdict {
        outcome: Outcome::Fail,
        layer: Some(layer),
        side: None,
        sentence: format!("the snapshot's [{section}] should say {expected:?}, but it says {seen:?}"),
        evidence: vec![Place::File { path: RecordedFile::Snapshot, line: *line }],
        claim: None,
    })
}

/// Whether the packets between the peers could have been seen at all: in the network lab, or at the tap of a peer in the harness's own
/// process. Nobody sees the sockets of a program outside a lab. A peer outside the process is known by its own clock.
fn could_see(record: &CaseRecord) -> bool {
    let outside = |name: &String| {
        record
            .timeline
            .iter()
            .any(|entry| matches!(&entry.what, What::PeerClock { peer, .. } if peer == name))
    };
    let in_process = |peer: &CasePeer| peer.runs == Runs::Independent && !outside(&peer.name);
    record.wire.as_ref().is_some_and(|wire| !wire.hosts.is_empty())
        || record.file.peers.iter().any(in_process)
}

fn undecided(record: &CaseRecord, checked: &Checked) -> Option<Verdict> {
    if let Some((mismatch, side, reason)) = unreported(checked) {
        let verdict = lacking(record, side, reason, None);
        return Some(Verdict { evidence: mismatch.evidence.clone(), ..verdict });
    }
    let blind = record.packets().is_none() && !could_see(record);
    let mut open = checked.mismatches.iter().filter(|mismatch| mismatch.undecided);
    let first = open.find(|mismatch| !(blind && mismatch.without_packets))?;
    Some(Verdict {
        layer: Some(first.layer),
        side: first.side.clone(),
        evidence: first.evidence.clone(),
        ..verdict(Outcome::Inconclusive, first.sentence())
    })
}

fn pass(record: &CaseRecord, views: &Views, checked: &Checked) -> Verdict {
    if let Some(peer) = record.file.peers.iter().find(|peer| !peer.refuses_the_impossible) {
        let sentence = format!("{peer} did not reject the unknown command: its answers prove nothing");
        return Verdict { side: Some(peer.name.clone()), ..verdict(Outcome::Inconclusive, sentence) };
    }
    let mut parts = Vec::new();
    for (name, view) in views {
        let count: usize = view.received.values().map(Vec::len).sum();
        if let Some(other) = record.other(name).filter(|_| count > 0) {
            parts.push(match count {
                1 => format!("{name} received 1 message as {other} sent it"),
                _ => format!("{name} received {count} messages as {other} sent them"),
            });
        }
        let frames = view.media_samples.iter().map(|at| at.is.frames).max().unwrap_or(0);
        if let Some(other) = record.other(name).filter(|_| frames > 0) {
            parts.push(format!("{name} recognised {other}'s media"));
        }
    }
    let blind = checked.mismatches.iter().filter(|mismatch| mismatch.undecided).count();
    let held = checked.count - blind;
    let noun = if held == 1 { "expectation" } else { "expectations" };
    parts.push(format!("all steps and {held} {noun} passed"));
    match record.packets() {
        Some(wire) => parts.push(format!("{} packets were captured", wire.seen)),
        None if could_see(record) => parts.push("no packets were sent".to_owned()),
        None if blind > 0 => {
            let were =
                if blind == 1 { "expectation on the wire was" } else { "expectations on the wire were" };
            parts.push(format!("no packets captured: {blind} {were} not checked"));
        }
        None => parts.push("no packets captured; based on API events only".to_owned()),
    }
    verdict(Outcome::Pass, parts.join("; "))
}
