//! The five verdicts, the layers in the order in which they come up, and what a verdict has to tell.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

/// The layers of a WebRTC session in the order in which they come up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// Carrying descriptions and candidates.
    Signalling,
    /// Descriptions, offer and answer.
    Sdp,
    /// Gathering candidates, STUN and TURN servers.
    Gathering,
    /// Connectivity checks.
    Checks,
    /// Nomination and consent.
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

/// One case's verdict. A failing one names layer, side and the deciding event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// Which of the five.
    pub outcome: Outcome,
    /// First layer that diverged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<Layer>,
    /// The peer at fault or at which it showed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<String>,
    /// What was expected and what was seen, in one sentence.
    pub sentence: String,
    /// The deciding evidence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// A place in the recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Evidence {
    /// A packet of the capture, numbered from one as Wireshark does.
    Frame(u64),
    /// A line of the timeline, numbered from zero.
    Entry(u64),
    /// A file of the recording and a line in it, from one.
    File {
        /// Path within the case's folder.
        path: String,
        /// The line.
        line: u32,
    },
}
