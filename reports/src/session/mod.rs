//! The page for a session: one self-contained HTML file that shows a case or a capture.
//!
//! [`Page`] is its data, made from the models that are there ([`Trace`], [`Diagnosis`], [`CaseReport`]); nothing is parsed here.
//! [`Page::html`] puts it into the file. The [`Head`] stands in it as JSON, [`Body`] and [`Packets`] as compressed JSON, and each block of
//! packets ([`Packets::blocks`]) for itself, so that a browser opens only those that are looked at. `docs/reports.md` is the prose.

mod file;
mod packets;

pub use crate::document::{DocumentError, Packed, pack};
pub use packets::{Arrival, Block, Detail, Line, PacketRow, Packets, Tree};

use crate::case::CaseReport;
use crate::findings::{Breach, Requirements};
use peerproof_captures::trace::{Slice, Trace};
use peerproof_conformance::explain::Diagnosis;
use schemars::JsonSchema;
use serde::Serialize;

/// Version of the format of [`Head`], [`Body`] and [`Packets`].
pub const FORMAT: u32 = 1;

/// A page.
#[derive(Debug, JsonSchema)]
pub struct Page<'a> {
    /// What it begins with.
    pub head: Head<'a>,
    /// What its views show.
    pub body: Body<'a>,
    /// The packets.
    pub packets: Packets,
}

/// What a page begins with. Times are microseconds; those without another origin are counted from [`Head::origin_us`].
#[derive(Debug, Serialize, JsonSchema)]
pub struct Head<'a> {
    /// Version of the format of a page's data.
    pub format: u32,
    /// Name and version of the tool.
    pub tool: String,
    /// The case's name, or the file's.
    pub title: String,
    /// Zero of the page's time axis, since 1970-01-01 00:00 UTC.
    pub origin_us: u64,
    /// Where the time axis begins and ends.
    pub axis_us: [i64; 2],
    /// The capture.
    pub file: File,
    /// The peers: of a case its own, else the sides of the connections.
    pub peers: Vec<PeerHead>,
    /// The seed of the case, in digits: a number of JavaScript does not hold it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// The case, if the capture belongs to one that was judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<CaseReport>,
    /// How the requirements stand in a capture that belongs to no case that was judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requirements: Option<CaptureRequirements>,
    /// What was recognised as trouble, the worst first.
    pub diagnosis: &'a [Diagnosis],
    /// Of a case that failed: what was seen besides, at other layers than its verdict's.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub besides: &'a [Diagnosis],
    /// The words of the filter of packets: each protocol with its layer, as `peerproof inspect --packets` calls them.
    pub words: Vec<[String; 2]>,
    /// What is not in the page, and which command shows it.
    pub left_out: Vec<String>,
}

/// How the requirements stand in a capture.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CaptureRequirements {
    /// How many stand how.
    pub counts: Requirements,
    /// Those that are violated and the recommendations that were not followed. Entries of their places are indices of the descriptions
    /// given.
    pub violations: Vec<Breach>,
    /// Why they were not judged, and the command that judges them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

/// The capture.
#[derive(Debug, Serialize, JsonSchema)]
pub struct File {
    /// Its name.
    pub name: String,
    /// `pcap` or `pcapng`.
    pub format: String,
    /// Its size in bytes; unknown for standard input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The program that wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// Its interfaces, by their names.
    pub interfaces: Vec<String>,
    /// Frames in it.
    pub frames: u64,
    /// Handshakes and SRTP keys whose secrets are known.
    pub secrets: u64,
    /// What makes it less than what was on the wire, in words.
    pub defects: Vec<String>,
}

/// A peer.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PeerHead {
    /// Its name.
    pub name: String,
    /// What it is, with its version: `chrome 156.0.8078.108`; empty if that is not known.
    pub version: String,
    /// `offerer`, `answerer`, or empty.
    pub role: String,
}

/// What the views of a page show.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Body<'a> {
    /// What the packets add up to; its times are nanoseconds since 1970.
    pub trace: &'a Trace,
    /// The messages of each connection.
    pub ladders: Vec<Ladder>,
    /// The steps of the scenario.
    pub steps: Vec<Step>,
    /// The states that the peers reported.
    pub states: Vec<StateChange>,
    /// The timeline.
    pub entries: Vec<LogEntry>,
    /// What rules and the network did to packets.
    pub acts: Vec<Act>,
    /// The descriptions.
    pub descriptions: Vec<Described>,
    /// The normal form of the case beside the recorded snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotBeside>,
    /// The candidates, those in descriptions given beside a capture among them.
    pub candidates: Vec<Gathered>,
    /// The RTP streams over time.
    pub streams: Vec<StreamOverTime>,
    /// What the peers' statistics said over time.
    pub stats: Vec<Series>,
    /// Data channel messages as the peers reported them, or those of a capture that were decrypted.
    pub messages: Vec<Message>,
}

/// The messages of a connection.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Ladder {
    /// The connection, an index into the trace's.
    pub connection: usize,
    /// Names of the sides.
    pub sides: Vec<String>,
    /// Their addresses on the pair that was selected, else on the first flow.
    pub addresses: Vec<String>,
    /// Rows in order of time.
    pub rows: Vec<Rung>,
    /// Rows that are left out.
    pub more: usize,
}

/// A row of a ladder.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Rung {
    /// When.
    pub t_us: i64,
    /// The (first) frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame: Option<u64>,
    /// What it is.
    pub what: RungKind,
}

/// What a row of a ladder is.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum RungKind {
    /// A message from a side.
    Message {
        /// The side, 0 or 1.
        from: usize,
        /// What it says.
        text: String,
        /// How often.
        times: usize,
        /// Whether it is known that it did not arrive.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        lost: bool,
        /// Whether it says that something failed: a fatal alert, an error, an ABORT.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        trouble: bool,
    },
    /// What flows both ways, counted from either side.
    Flow {
        /// Names and counts.
        counts: Vec<(String, [u64; 2])>,
    },
    /// Something happened at a side.
    Event {
        /// The side.
        at: usize,
        /// What.
        text: String,
        /// Entry of the timeline.
        entry: u64,
        /// Whether something failed or was lost.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        trouble: bool,
    },
    /// Nothing for this time.
    Silence {
        /// How long, in microseconds.
        us: i64,
    },
}

/// A step of the scenario.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Step {
    /// Its number, from one.
    pub number: usize,
    /// Who acts; nothing for the harness.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// What is done.
    pub text: String,
    /// Where it stands in the scenario.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// When it began.
    pub from_us: i64,
    /// When it ended, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_us: Option<i64>,
    /// How it ended, if not as the scenario wants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Entry of the timeline with which it began.
    pub entry: u64,
}

/// A state that a peer reported.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StateChange {
    /// The peer.
    pub peer: String,
    /// `iceConnectionState`, `dtlsState`, …
    pub machine: &'static str,
    /// The state.
    pub state: String,
    /// When.
    pub t_us: i64,
    /// Entry of the timeline.
    pub entry: u64,
}

/// An entry of the timeline.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LogEntry {
    /// Its number, from zero.
    pub entry: u64,
    /// When.
    pub t_us: i64,
    /// `step`, `command`, `answer`, `event`, `signalling`, `server`, `network`, `stats`, `note`.
    pub kind: &'static str,
    /// What, in words.
    pub text: String,
    /// Whether something failed or was lost.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trouble: bool,
}

/// What a rule or the network did.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Act {
    /// When.
    pub t_us: i64,
    /// The packet, if it was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame: Option<u64>,
    /// `rule`, `loss`, `link`.
    pub kind: &'static str,
    /// What, in words.
    pub text: String,
    /// Entry of the timeline.
    pub entry: u64,
}

/// A description.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Described {
    /// Who made it.
    pub by: String,
    /// `offer`, `answer`, `pranswer`; empty if that is not known.
    pub kind: String,
    /// When it was made; nothing for one that was given beside a capture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub t_us: Option<i64>,
    /// Entry of the timeline, or the index of the description given.
    pub entry: u64,
    /// Of an answer: its offer, an index into [`Body::descriptions`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<usize>,
    /// Whether the scenario had another text set than the peer had created.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub munged: bool,
    /// Its text.
    pub text: String,
    /// As it was handed over, if that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered: Option<String>,
    /// Its sections by what they mean, that of the session first.
    pub sections: Vec<DescribedSection>,
}

/// The normal form of a case, and the recorded one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SnapshotBeside {
    /// The peers with the recorded versions.
    pub versions: String,
    /// What is recorded.
    pub on_record: String,
    /// What this case gives.
    pub seen: String,
    /// Where they differ by what they mean.
    pub meaning: Vec<Meant>,
}

/// What differs in a fact of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Meant {
    /// The description, or the peer.
    pub of: String,
    /// The section of the description, or of the snapshot.
    pub section: String,
    /// The fact.
    pub fact: String,
    /// What is recorded, and not in this case.
    pub removed: Vec<String>,
    /// What this case has, and is not recorded.
    pub added: Vec<String>,
    /// The order in this case, where only that differs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<String>,
}

/// A section of a description by what it means.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DescribedSection {
    /// `audio`, `video`, `application`; empty for the session.
    pub media: String,
    /// The MID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mid: Option<String>,
    /// Facts by their names, each a list of values, in an order that means something or not.
    pub facts: Vec<(String, Vec<String>)>,
    /// Candidates, as they are written.
    pub candidates: Vec<String>,
}

/// A candidate.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Gathered {
    /// Whose it is.
    pub peer: String,
    /// When its peer signaled it; nothing for one of a description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub t_us: Option<i64>,
    /// Entry of the timeline, or the index of the description given.
    pub entry: u64,
    /// `host`, `srflx`, `prflx`, `relay`, …
    pub kind: String,
    /// `udp`, `tcp`.
    pub transport: String,
    /// Address and port.
    pub address: String,
    /// Its priority.
    pub priority: u64,
    /// The MID of its section.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mid: Option<String>,
    /// What became of it on the way, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fate: Option<String>,
}

/// An RTP stream over time.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StreamOverTime {
    /// The connection.
    pub connection: usize,
    /// Index into the streams of that connection.
    pub stream: usize,
    /// Where the first slice begins.
    pub from_us: i64,
    /// Width of a slice.
    pub width_us: u64,
    /// Slices: packets, bytes, growth of what is missing, marked packets, key frames, packets asked for by NACK, key frame requests, jitter
    /// and round trip in microseconds (−1 if not known).
    pub slices: Vec<[i64; 9]>,
}

impl StreamOverTime {
    /// The numbers of a slice.
    #[must_use]
    pub fn slice(of: &Slice) -> [i64; 9] {
        let us = |ns: Option<u64>| ns.map_or(-1, |ns| i64::try_from(ns / 1_000).unwrap_or(i64::MAX));
        [
            of.packets.into(),
            of.bytes.into(),
            of.missing.into(),
            of.marked.into(),
            of.key_frames.into(),
            of.nacked.into(),
            of.key_frame_requests.into(),
            us(of.jitter_ns),
            us(of.round_trip_ns),
        ]
    }
}

/// A number of a peer's statistics over time.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Series {
    /// The peer.
    pub peer: String,
    /// `inbound-rtp`, `candidate-pair`, …
    pub kind: String,
    /// The id of the object.
    pub id: String,
    /// The SSRC that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssrc: Option<u64>,
    /// The member.
    pub name: String,
    /// Times and values.
    pub points: Vec<(i64, f64)>,
}

/// A message on a data channel, as the peer that received it reported or as it was captured.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Message {
    /// When.
    pub t_us: i64,
    /// Who received it.
    pub peer: String,
    /// The channel's label.
    pub channel: String,
    /// Its length in bytes.
    pub size: u64,
    /// Whether it is text.
    pub is_text: bool,
    /// The text, if it is short; of a captured one its beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Entry of the timeline, if the peer reported it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
    /// The frame that made it whole, if it was captured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame: Option<u64>,
}
