//! The verdict on a recorded case.

use super::check::{self, Checked, Failure, Mismatch};
use super::record::CaseRecord;
use super::view::PeerView;
use crate::api::Views;
use crate::case_file::{CasePeer, FORMAT, NotPlayed, Runs, SnapshotResult};
use crate::catalogue::Catalogue;
use crate::checks::{self, Finding};
use crate::explain::{self, Diagnosis, Recorded, Session};
use crate::verdict::{Layer, Outcome, Place, RecordedFile, Verdict};
use peerproof_captures::event::DtlsState;
use peerproof_captures::timeline::{Answer, Entry, StepOutcome, What};

/// Judges a case from its recording alone.
///
/// In this order; the first that applies is the verdict:
///
/// 1. `harness-error`: the case could not be set up, a step broke, the recording has gaps or no capture, or a peer in a
///    process of ours ([`Runs::Driven`]) was lost. A browser's crash cannot be told from our losing it, so it is ours to
///    look at; the sentence names the side. A peer that the scenario ends on purpose ([`CaseFile::ends`]) does not count.
///    A peer that [runs by itself](Runs::ByItself) and dies has failed: `fail`, on its side; before the first step too.
/// 2. `unsupported`: a peer said that it cannot do a step, and is known to say so of a command that does not exist. Without
///    that its word proves nothing: `inconclusive`. The same of a peer that cannot watch a track, if nothing but the media failed.
/// 3. `fail`: a step did not end as the scenario wants. [`explain`](crate::explain) names the first layer that diverged.
/// 4. `fail`: an expectation does not hold, or something arrived that was not sent. The lowest layer comes first.
/// 5. `fail`: a [finding](super::CaseFile::findings) says that an absolute requirement is broken, and no known deviation covers
///    it. The lowest layer comes first. A control is judged by what it expects alone.
/// 6. `fail`: the snapshot differs although the peers have the versions of the record.
/// 7. `unsupported`: an expectation is about what a peer said that it cannot tell.
/// 8. `inconclusive`: an expectation cannot be decided from this recording.
/// 9. `pass`.
///
/// [`CaseFile::ends`]: super::CaseFile::ends
#[must_use]
pub fn judge(record: &CaseRecord) -> Verdict {
    let views: Views = record
        .file
        .peers
        .iter()
        .map(|peer| (peer.name.clone(), PeerView::of(&record.timeline, &peer.name)))
        .collect();
    if let Some(verdict) = broken(record, &views).or_else(|| unsupported(record)) {
        return verdict;
    }
    if let Some(verdict) = lost(record, &views) {
        return verdict;
    }
    if let Some(verdict) = step(record, &views) {
        return unless_unwatched(record, verdict);
    }
    let checked = check::all(record, &views);
    expectations(record, &views, &checked)
        .map(|verdict| unless_unwatched(record, verdict))
        .or_else(|| requirement(record))
        .or_else(|| snapshot(record))
        .or_else(|| undecided(record, &checked))
        .unwrap_or_else(|| pass(record, &views, &checked))
}

/// The note by which a timeline tells that the user stopped the run in the middle of the case.
pub const INTERRUPTED: &str = "stopped by the user";

fn verdict(outcome: Outcome, sentence: String) -> Verdict {
    Verdict { outcome, layer: None, side: None, sentence, evidence: Vec::new() }
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
    let interrupted = |entry: &&Entry| matches!(&entry.what, What::Note { text } if text == INTERRUPTED);
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
    if let Some((gap, name)) = gap(&record.timeline) {
        return ours(format!("an event of {name} is missing from the recording"), Some(gap));
    }
    if record.wire.is_none() {
        return ours("the recording has no readable capture".to_owned(), None);
    }
    if !record.timeline.iter().any(|entry| matches!(entry.what, What::StepEnded { .. })) {
        return ours("the recording holds no step that ended".to_owned(), None);
    }
    None
}

fn dead_on_purpose(record: &CaseRecord, views: &Views) -> bool {
    record.file.ends.iter().any(|name| views.get(name).is_some_and(|view| view.lost.is_some()))
}

/// The first event whose number does not follow the one before.
fn gap(timeline: &[Entry]) -> Option<(u64, &str)> {
    let mut next: indexmap::IndexMap<&str, u64> = indexmap::IndexMap::new();
    for entry in timeline {
        if let What::Event { peer, seq, .. } = &entry.what {
            let expected = next.entry(peer).or_insert(0);
            if seq != expected {
                return Some((entry.n, peer));
            }
            *expected += 1;
        }
    }
    None
}

fn unsupported(record: &CaseRecord) -> Option<Verdict> {
    let (peer, reason, entry) = match &record.file.not_played {
        Some(NotPlayed::Unsupported { peer: None, reason }) => {
            return Some(verdict(Outcome::Unsupported, format!("not possible here: {reason}")));
        }
        Some(NotPlayed::Unsupported { peer: Some(peer), reason }) => (peer, reason, None),
        Some(NotPlayed::Broken { .. } | NotPlayed::Failed { .. }) => return None,
        None => record.timeline.iter().find_map(|entry| match &entry.what {
            What::StepEnded { outcome: StepOutcome::Unsupported { peer, reason }, .. } => {
                Some((peer, reason, Some(entry.n)))
            }
            _ => None,
        })?,
    };
    Some(lacking(record, peer, reason, entry))
}

/// A peer said that it cannot do what the case needs.
fn lacking(record: &CaseRecord, peer: &str, reason: &str, entry: Option<u64>) -> Verdict {
    // A peer that was not even opened was not asked anything; that it cannot be is the harness's finding.
    let proved =
        record.file.not_played.is_some() || record.peer(peer).is_some_and(|peer| peer.refuses_the_impossible);
    let (outcome, sentence) = if proved {
        (Outcome::Unsupported, format!("{peer} lacks what the case needs: {reason}"))
    } else {
        let sentence =
            format!("{peer} says unsupported ({reason}), but was not seen to refuse what cannot be");
        (Outcome::Inconclusive, sentence)
    };
    let evidence = entry.map(Place::Entry).into_iter().collect();
    Verdict { side: Some(peer.to_owned()), evidence, ..verdict(outcome, sentence) }
}

/// Media that a peer did not see since it cannot watch a track are not missing. What failed below them is a failure all the same.
fn unless_unwatched(record: &CaseRecord, failure: Verdict) -> Verdict {
    let of_media = matches!(failure.layer, Some(Layer::Srtp | Layer::Media));
    match unwatched(record) {
        Some((peer, reason, n)) if of_media && failure.side.as_ref().is_none_or(|side| side == peer) => {
            lacking(record, peer, reason, Some(n))
        }
        _ => failure,
    }
}

/// A peer that was to watch a track, beside the steps, and said that it cannot.
fn unwatched(record: &CaseRecord) -> Option<(&String, &String, u64)> {
    let watch = |of: &str, number: u64| {
        record.timeline.iter().any(|entry| {
            matches!(&entry.what, What::Command { peer, id, name, .. }
                if peer == of && *id == number && name == WATCH)
        })
    };
    record.timeline.iter().find_map(|entry| match &entry.what {
        What::Answer { peer, id, answer: Answer::Unsupported { reason } } if watch(peer, *id) => {
            Some((peer, reason, entry.n))
        }
        _ => None,
    })
}

/// The command to watch a track.
const WATCH: &str = "watch";

/// A peer that runs by itself and died.
fn lost(record: &CaseRecord, views: &Views) -> Option<Verdict> {
    if let Some(NotPlayed::Failed { peer, reason }) = &record.file.not_played {
        return Some(Verdict {
            outcome: Outcome::Fail,
            layer: Some(Layer::Signalling),
            side: Some(peer.clone()),
            sentence: format!("{peer} should be there, but it failed before the first step: {reason}"),
            evidence: Vec::new(),
        });
    }
    let (name, lost) = views.iter().find_map(|(name, view)| {
        let lost = view.lost.as_ref()?;
        (!record.file.ends.contains(name)).then_some((name, lost))
    })?;
    let reached = first_diverged(record, views, Layer::Media);
    Some(Verdict {
        outcome: Outcome::Fail,
        layer: Some(reached.map_or(Layer::Signalling, |diverged| diverged.layer)),
        side: Some(name.clone()),
        sentence: format!("{name} should last to the end of the case, but it died: {}", lost.is),
        evidence: vec![Place::Entry(lost.n)],
    })
}

/// The first layer up to `top` at which the session diverged.
fn first_diverged(record: &CaseRecord, views: &Views, top: Layer) -> Option<Diagnosis> {
    let CaseRecord { timeline, stats, .. } = record;
    let recorded = Recorded { views, timeline, stats: Some(stats), wire: record.packets() };
    explain::first_diverged(&Session::of_case(recorded), top)
}

fn fail(failure: impl Into<Failure>, suffix: &str) -> Verdict {
    let Failure { layer, side, sentence, evidence } = failure.into();
    Verdict {
        outcome: Outcome::Fail,
        layer: Some(layer),
        side,
        sentence: format!("{sentence}{suffix}"),
        evidence,
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
            (awaited.as_str(), format!("{awaited} should come within {within_ms} ms"), seen.clone())
        }
        StepOutcome::Wrong { expected, seen } => (expected.as_str(), expected.clone(), seen.clone()),
        StepOutcome::Broken { cause } => ("", "the step should end".to_owned(), cause.clone()),
        StepOutcome::Done | StepOutcome::Unsupported { .. } => return None,
    };
    let text = record.timeline.iter().find_map(|began| match &began.what {
        What::StepBegan { step: began, text } if *began == step => Some(text.as_str()),
        _ => None,
    });
    let suffix = text.map_or_else(String::new, |text| format!(" (step {}: {text})", step + 1));
    let wants_failure = ["failed", "closed", "disconnected"].iter().any(|word| awaited.contains(word));

    let waits = awaited.starts_with("message");
    let anomaly = check::delivery_anomalies(record, views)
        .into_iter()
        .next()
        .or_else(|| check::missing_echo(record, views).filter(|_| waits));
    let diverged = if wants_failure { None } else { first_diverged(record, views, Layer::Media) };
    let mut failure = match (anomaly, diverged) {
        // A false message explains a message that did not come; what diverged below the channels explains both.
        (Some(anomaly), diverged) if diverged.as_ref().is_none_or(|it| it.layer >= anomaly.layer) => {
            Failure::from(anomaly)
        }
        (_, Some(diverged)) => diverged.into(),
        (_, None) => {
            let side = text.and_then(|text| {
                record.file.peers.iter().map(|peer| &peer.name).find(|name| starts_with_word(text, name))
            });
            let layer = layer_of(awaited, views);
            let mut mismatch = Mismatch::new(layer, "", expected, seen);
            mismatch.side = side.cloned().or_else(|| subject(record).map(|peer| peer.name.clone()));
            mismatch.into()
        }
    };
    failure.evidence.push(Place::Entry(entry.n));
    Some(fail(failure, &suffix))
}

fn subject(record: &CaseRecord) -> Option<&CasePeer> {
    record.file.peers.iter().find(|peer| peer.subject)
}

fn starts_with_word(text: &str, word: &str) -> bool {
    text.strip_prefix(word).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
}

/// The layer that an awaited event or a command belongs to, by its name in the W3C API.
fn layer_of(awaited: &str, views: &Views) -> Layer {
    const NAMES: [(&str, Layer); 21] = [
        ("dtls", Layer::Dtls),
        ("sctp", Layer::Sctp),
        ("selectedcandidatepair", Layer::Nomination),
        ("icegathering", Layer::Gathering),
        ("icecandidate", Layer::Gathering),
        ("iceconnection", Layer::Checks),
        ("icetransport", Layer::Checks),
        ("signaling", Layer::Sdp),
        ("negotiationneeded", Layer::Sdp),
        ("description", Layer::Sdp),
        ("createoffer", Layer::Sdp),
        ("createanswer", Layer::Sdp),
        ("datachannel", Layer::DataChannel),
        ("message", Layer::DataChannel),
        ("buffered", Layer::DataChannel),
        ("send", Layer::DataChannel),
        ("open", Layer::DataChannel),
        ("clos", Layer::DataChannel),
        ("acted", Layer::Signalling),
        ("join", Layer::Signalling),
        ("acts", Layer::Signalling),
    ];
    let lower = awaited.to_ascii_lowercase();
    if lower.starts_with("connectionstate") {
        // The sum of ICE and DTLS: DTLS if ICE is there.
        let ice = views.values().all(|view| view.ice_connected().is_some());
        let dtls = views.values().any(|view| view.dtls.iter().any(|at| at.is != DtlsState::New));
        return if ice || dtls { Layer::Dtls } else { Layer::Checks };
    }
    NAMES.iter().find(|(name, _)| lower.contains(name)).map_or(Layer::Media, |(_, layer)| *layer)
}

fn expectations(record: &CaseRecord, views: &Views, checked: &Checked) -> Option<Verdict> {
    let lowest = checked
        .mismatches
        .iter()
        .filter(|mismatch| !mismatch.undecided)
        .min_by_key(|mismatch| mismatch.layer)?
        .clone();
    // A case that wants a failure below must not be told that the failure is the cause.
    let wanted = record.file.expect.peers.values().any(|peer| {
        let failed =
            |text: String| ["failed", "closed", "disconnected", "new"].iter().any(|word| text.contains(word));
        peer.dtls_state.as_ref().is_some_and(|state| failed(state.to_string()))
            || peer.connection_state.as_ref().is_some_and(|state| failed(state.to_string()))
            || peer.ice_connection_state.as_ref().is_some_and(|state| failed(state.to_string()))
    });
    let cause = if wanted { None } else { first_diverged(record, views, lowest.layer) };
    let cause = cause.filter(|cause| cause.layer < lowest.layer);
    Some(match cause {
        Some(cause) => {
            let suffix = format!("; so {} was not met", lowest.expected);
            fail(cause, &suffix)
        }
        None => fail(lowest, ""),
    })
}

/// An absolute requirement that is broken and of which that was not known.
fn requirement(record: &CaseRecord) -> Option<Verdict> {
    if record.file.control_of.is_some() {
        return None;
    }
    let broken = record.file.findings.iter().filter(|finding| finding.is_unexpected_failure());
    let of = |finding: &Finding| checks::of(&finding.requirement).map_or(Layer::Media, |check| check.layer);
    let first = broken.min_by_key(|finding| of(finding))?;
    let source = Catalogue::get().requirement(&first.requirement).map_or("", |it| it.source.as_str());
    Some(Verdict {
        outcome: Outcome::Fail,
        layer: Some(of(first)),
        side: Some(first.endpoint.clone()),
        sentence: format!(
            "{} should keep {} ({source}), but {}",
            first.endpoint, first.requirement, first.sentence
        ),
        evidence: first.evidence.clone(),
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
    })
}

/// Whether the packets between the peers could have been seen at all: at a tap of a peer in the harness's own process.
fn could_see(record: &CaseRecord) -> bool {
    record.file.peers.iter().any(|peer| peer.runs == Runs::ByItself)
}

fn undecided(record: &CaseRecord, checked: &Checked) -> Option<Verdict> {
    let unknown = checked.mismatches.iter().find_map(|mismatch| Some((mismatch, mismatch.lacks.as_ref()?)));
    if let Some((Mismatch { side: Some(side), evidence, .. }, reason)) = unknown {
        let told = lacking(record, side, reason, None);
        return Some(Verdict { evidence: evidence.clone(), ..told });
    }
    let blind = record.packets().is_none() && !could_see(record);
    let mut open = checked.mismatches.iter().filter(|mismatch| mismatch.undecided);
    let first = open.find(|mismatch| !(blind && mismatch.seen.starts_with("no packets")))?;
    Some(Verdict {
        layer: Some(first.layer),
        side: first.side.clone(),
        evidence: first.evidence.clone(),
        ..verdict(Outcome::Inconclusive, first.sentence())
    })
}

fn pass(record: &CaseRecord, views: &Views, checked: &Checked) -> Verdict {
    if let Some(peer) = record.file.peers.iter().find(|peer| !peer.refuses_the_impossible) {
        let sentence =
            format!("{peer} was not seen to refuse a command that does not exist: its word proves nothing");
        return Verdict { side: Some(peer.name.clone()), ..verdict(Outcome::Inconclusive, sentence) };
    }
    let mut parts = Vec::new();
    for (name, view) in views {
        let count: usize = view.received.values().map(Vec::len).sum();
        if let Some(other) = record.other(name).filter(|_| count > 0) {
            let noun = if count == 1 { "message" } else { "messages" };
            parts.push(format!("{name} received {count} {noun} as {other} sent them"));
        }
        let frames = view.glimpses.iter().map(|at| at.is.frames).max().unwrap_or(0);
        if let Some(other) = record.other(name).filter(|_| frames > 0) {
            parts.push(format!("{name} recognised {other}'s media"));
        }
    }
    let blind = checked.mismatches.iter().filter(|mismatch| mismatch.undecided).count();
    let held = checked.count - blind;
    let noun = if held == 1 { "expectation" } else { "expectations" };
    parts.push(format!("every step ended as wanted and {held} {noun} held"));
    match record.packets() {
        Some(wire) => parts.push(format!("{} packets were seen", wire.seen)),
        None if could_see(record) => parts.push("no packets were sent".to_owned()),
        None if blind > 0 => {
            parts.push(format!("no packets were seen, so {blind} expectations on the wire were not checked"));
        }
        None => parts.push("no packets were seen, both peers' word is all there is".to_owned()),
    }
    verdict(Outcome::Pass, parts.join("; "))
}
