//! One case in a report.

use crate::escape::shortened;
use crate::findings::{Breach, Requirements};
use crate::time::span;
use peerproof_captures::timeline::{Answer, Entry, LinkRate, What, words};
use peerproof_conformance::case::{
    Bitrate, CasePeer, CaseRecord, ConnectingStep, Meeting, Missing, SnapshotResult, Standing, Time, Waiver,
    standing, steps,
};
use peerproof_conformance::verdict::{Place, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One case of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseReport {
    /// `family/scenario/offerer-answerer`.
    pub name: String,
    /// What the scenario shows, in one sentence.
    pub title: String,
    /// The statements that it bears on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<String>,
    /// Who played, with exact versions.
    pub peers: Vec<CasePeer>,
    /// The verdict.
    pub verdict: Verdict,
    /// What the case needs and did not find, if it is unsupported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Missing>,
    /// How it stands to what was to be expected.
    pub standing: Standing,
    /// The deciding evidence in words, in the order of the verdict's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Deciding>,
    /// The eight steps of connecting, each with its time.
    pub steps: Vec<ConnectingStep>,
    /// How long the case took, in microseconds.
    pub duration_us: u64,
    /// What clock it was played by.
    #[serde(default, skip_serializing_if = "Time::is_real")]
    pub time: Time,
    /// Which attempt this is, from one.
    pub attempt: u32,
    /// Seed of all its randomness.
    pub seed: u64,
    /// For a control: the scenario of which it is a broken form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_of: Option<String>,
    /// The known deviation that covers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiver: Option<Waiver>,
    /// How many requirements stand how.
    #[serde(default)]
    pub requirements: Requirements,
    /// The requirements that are broken and the recommendations that were not followed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breaches: Vec<Breach>,
    /// How peers behind NATs met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meeting: Option<Meeting>,
    /// How much media peers sent over time, where the scenario expects something of that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bitrates: Vec<Bitrate>,
    /// How its snapshot compares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotResult>,
    /// The snapshot's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_text: Option<String>,
    /// The case's folder, relative to the report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// The files in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

/// A piece of evidence in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deciding {
    /// Where it is.
    pub place: Place,
    /// What it says, in one line.
    pub text: String,
}

impl CaseReport {
    /// Reports a case with its verdict. Folder, files and snapshot's text are left empty.
    #[must_use]
    pub fn of(record: &CaseRecord, verdict: &Verdict) -> Self {
        let file = &record.file;
        Self {
            name: file.name.clone(),
            title: file.title.clone(),
            rows: file.rows.clone(),
            peers: file.peers.clone(),
            verdict: verdict.clone(),
            missing: Missing::of(record, verdict),
            standing: standing(file, verdict),
            evidence: verdict.evidence.iter().map(|place| deciding(record, *place)).collect(),
            steps: steps(record),
            duration_us: file.duration_us,
            time: file.time,
            attempt: file.attempt,
            seed: file.seed,
            control_of: file.control_of.clone(),
            waiver: file.waiver.clone(),
            requirements: Requirements::of(&file.findings),
            breaches: Breach::of(file),
            meeting: Meeting::of(record).filter(|_| file.expect.path.is_some()),
            bitrates: Bitrate::of(record),
            snapshot: file.snapshot.clone(),
            snapshot_text: None,
            folder: None,
            files: Vec::new(),
        }
    }

    /// The first part of the name.
    #[must_use]
    pub fn family(&self) -> &str {
        self.name.split_once('/').map_or(self.name.as_str(), |(family, _)| family)
    }

    /// The last part of the name: who plays.
    #[must_use]
    pub fn pair(&self) -> &str {
        self.name.rsplit_once('/').map_or("", |(_, pair)| pair)
    }
}

fn deciding(record: &CaseRecord, place: Place) -> Deciding {
    let text = match place {
        Place::Entry(n) | Place::Line { entry: n, .. } => record
            .timeline
            .iter()
            .find(|entry| entry.n == n)
            .map_or_else(|| "not in the timeline".to_owned(), describe),
        Place::Frame(frame) => {
            let units = record.wire.iter().flat_map(|wire| wire.units()).filter(|seen| seen.frame == frame);
            let mut text = String::new();
            for seen in units.take(8) {
                if text.is_empty() {
                    let way = if seen.out { "out of" } else { "into" };
                    let peer = record.file.peers.get(seen.tap.0).map_or("", |peer| peer.name.as_str());
                    text = format!("{}, {way} {peer}:", span(seen.t_us));
                }
                text.push_str(&format!(" {} {}", seen.unit.protocol(), seen.unit.name()));
            }
            text
        }
        Place::File { .. } => String::new(),
    };
    Deciding { place, text }
}

/// Longest line that a piece of evidence gives.
const LONGEST: usize = 240;

/// A line of the timeline in words, with its time.
fn describe(entry: &Entry) -> String {
    one_line(&format!("{}: {}", span(entry.t_us), said(&entry.what)))
}

/// What a line of the timeline says, in words.
#[must_use]
pub fn describe_what(what: &What) -> String {
    one_line(&said(what))
}

fn one_line(text: &str) -> String {
    let line = text.replace(['\r', '\n'], " ");
    shortened(&line, LONGEST).into_owned()
}

fn said(what: &What) -> String {
    match what {
        What::StepBegan { step, definition, .. } => format!("step {}: {definition}", step.saturating_add(1)),
        What::StepEnded { step, outcome } => format!("step {} {outcome}", step.saturating_add(1)),
        What::Command { peer, name, args, .. } => format!("{peer}: {name} {}", json(args)),
        What::Answer { peer, answer, .. } => match answer {
            Answer::Ok(value) => format!("{peer} answers {}", json(value)),
            Answer::Rejected { name, message } => format!("{peer} rejects with {name}: {message}"),
            Answer::Unsupported { reason } => format!("{peer} says unsupported: {reason}"),
            Answer::Lost { reason } => format!("{peer} does not answer: {reason}"),
        },
        What::Event { peer, event, .. } => format!("{peer} reports {}", json(event)),
        What::Carried { from, to, sent, delivered } => {
            let changed = if delivered.is_some() { ", changed on the way" } else { "" };
            format!("the {} of {from} is delivered to {to}{changed}", sent.kind)
        }
        What::CarriedCandidate { from, to, sent, delivered } => {
            let candidate = sent.as_ref().map_or("the end of candidates", |sent| sent.candidate.as_str());
            let how = if sent.is_some() && delivered.is_none() { "withheld from" } else { "carried to" };
            format!("{from}: {candidate} is {how} {to}")
        }
        What::Signalled { from, message } => format!("{from} signals {}", json(message)),
        What::Server { server, event } => format!("{server}: {}", json(event)),
        What::Faulted { peer, rule, action, .. } => {
            format!("rule {:?} at {peer}: {action}", words::rule(rule.as_ref()))
        }
        What::Lost { frame, place, cause } => {
            let packet =
                frame.map_or_else(|| "a packet".to_owned(), |frame| format!("the packet of frame {frame}"));
            format!("{packet} was {}", words::loss(place, *cause))
        }
        What::Link { of, up, down, .. } => {
            let rate = |way: &str, rate: &Option<LinkRate>| match rate {
                None => String::new(),
                Some(LinkRate { kbit: None }) => format!(" {way} unlimited"),
                Some(LinkRate { kbit: Some(kbit) }) => format!(" {way} {kbit} kbit/s"),
            };
            format!("the link of {of} is now{}{}", rate("up", up), rate("down", down))
        }
        What::Stats { peer, .. } => format!("statistics of {peer}"),
        What::PeerClock { peer, error_us, .. } => {
            format!("the clock of {peer} is known to within {}", span(*error_us))
        }
        What::Stalls { waited_us, .. } => {
            let total = waited_us.iter().fold(0_u64, |sum, waited| sum.saturating_add(*waited));
            format!("the machine may have delayed the case by {} in total", span(total))
        }
        What::Note(note) => note.to_string(),
    }
}

/// A value on one line.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
