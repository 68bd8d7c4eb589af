//! The five verdicts, the layers in the order in which they come up, and the places in a recording that decide.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How a case ended. There is no sixth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything expected was seen, by both peers and on the wire.
    Pass,
    /// Something else was seen than the standard or the scenario wants.
    Fail,
    /// A peer said, and proved, that it lacks the feature; or this machine cannot run the case.
    Unsupported,
    /// The evidence does not decide.
    Inconclusive,
    /// Ours to fix.
    HarnessError,
}

/// The layers of a WebRTC session in the order in which they come up. The order is that of the variants: the first layer that
/// diverged is the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// What a peer says by the peer protocol: its clock, its answers.
    PeerProtocol,
    /// Carrying descriptions and candidates.
    Signalling,
    /// Descriptions, offer and answer.
    Sdp,
    /// Gathering candidates, STUN and TURN servers.
    Gathering,
    /// Connectivity checks.
    Checks,
    /// Nomination, and the consent to send on the nominated pair (RFC 7675).
    Nomination,
    /// The DTLS handshake.
    Dtls,
    /// Protection of RTP and RTCP.
    Srtp,
    /// The SCTP association.
    Sctp,
    /// Data channels and their messages.
    #[serde(alias = "data channel")]
    DataChannel,
    /// Sources, codecs, what is seen and heard.
    Media,
}

impl Layer {
    /// Its name for people: `DTLS`, `data channel`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PeerProtocol => "peer protocol",
            Self::Signalling => "signalling",
            Self::Sdp => "SDP",
            Self::Gathering => "gathering",
            Self::Checks => "checks",
            Self::Nomination => "nomination",
            Self::Dtls => "DTLS",
            Self::Srtp => "SRTP",
            Self::Sctp => "SCTP",
            Self::DataChannel => "data channel",
            Self::Media => "media",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The side of what neither peer did: the packets left one and did not arrive at the other.
pub const NETWORK: &str = "network";

/// In what is expected of a verdict: no side is named, since nothing shows which peer is at fault.
pub const NEITHER: &str = "neither";

/// One case's verdict. A failing one names layer, side and the deciding event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// Which of the five.
    pub outcome: Outcome,
    /// First layer that diverged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<Layer>,
    /// The peer at fault or at which it showed, or `network`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<String>,
    /// What was expected and what was seen, in one sentence.
    pub sentence: String,
    /// What decided it, the deciding place first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Place>,
    /// The claim of that peer (`docs/claims.md`) that something contradicts, where nothing else failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<ContradictedClaim>,
}

/// The claim of a peer that decides a verdict alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContradictedClaim {
    /// Its name in `docs/claims.md`.
    pub name: String,
    /// Whether it is a counter that is less than what was counted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_less: bool,
}

/// The known deviation that covers a verdict or a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// Why the peer deviates.
    pub reason: String,
    /// The rule that it breaks, or where the deviation is known.
    pub link: String,
}

/// A place in a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Place {
    /// A frame of the capture, from one as Wireshark numbers them.
    Frame(u64),
    /// An entry of the timeline, from zero.
    Entry(u64),
    /// A line of the description that an entry of the timeline holds.
    Line {
        /// The entry, from zero.
        entry: u64,
        /// The line, from one.
        line: usize,
    },
    /// A line of another file of the recording.
    File {
        /// The file.
        path: RecordedFile,
        /// The line, from one.
        line: u32,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(frame) => write!(f, "frame {frame}"),
            Self::Entry(entry) => write!(f, "entry {entry}"),
            Self::Line { entry, line } => write!(f, "line {line} of the description in entry {entry}"),
            Self::File { path, line } => write!(f, "{path} line {line}"),
        }
    }
}

/// A file of a recording beside the capture and the timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "&'static str")]
#[schemars(with = "String")]
pub enum RecordedFile {
    /// `snapshot.txt`: what is compared with the recorded snapshot.
    Snapshot,
    /// `stats`: the folder of the statistics reports. The report is that of the verdict's side.
    Stats,
}

impl RecordedFile {
    /// Its path in the case's folder.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot.txt",
            Self::Stats => "stats",
        }
    }
}

impl fmt::Display for RecordedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<RecordedFile> for &'static str {
    fn from(file: RecordedFile) -> Self {
        file.as_str()
    }
}

impl TryFrom<String> for RecordedFile {
    type Error = NoSuchFile;

    /// Reads the path, that of a single report (`stats/alice.json`) too.
    fn try_from(path: String) -> Result<Self, NoSuchFile> {
        match path.split_once('/').map_or(path.as_str(), |(folder, _)| folder) {
            "snapshot.txt" => Ok(Self::Snapshot),
            "stats" => Ok(Self::Stats),
            _ => Err(NoSuchFile(path)),
        }
    }
}

/// A path names no file of a recording.
#[derive(Debug, thiserror::Error)]
#[error("a recording has no file `{0}`")]
pub struct NoSuchFile(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written_and_as_they_were() {
        let line = Place::Line { entry: 3, line: 7 };
        let snapshot = Place::File { path: RecordedFile::Snapshot, line: 2 };
        let stats = Place::File { path: RecordedFile::Stats, line: 1 };
        for (place, json) in [
            (Place::Frame(17), r#"{"frame":17}"#),
            (Place::Entry(0), r#"{"entry":0}"#),
            (line, r#"{"line":{"entry":3,"line":7}}"#),
            (snapshot, r#"{"file":{"path":"snapshot.txt","line":2}}"#),
            (stats, r#"{"file":{"path":"stats","line":1}}"#),
        ] {
            assert_eq!(serde_json::to_string(&place).unwrap(), json);
            assert_eq!(serde_json::from_str::<Place>(json).unwrap(), place);
        }
        let before = r#"{"file":{"path":"stats/alice.json","line":1}}"#;
        assert_eq!(serde_json::from_str::<Place>(before).unwrap(), stats);
        assert!(serde_json::from_str::<Place>(r#"{"file":{"path":"passwd","line":1}}"#).is_err());
    }
}
