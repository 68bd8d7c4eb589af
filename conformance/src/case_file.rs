//! `case.json`: which case it was, who played, what is expected, and the verdict.

use crate::expect::Expectations;
use crate::finding::Finding;
use crate::nat::Nat;
use crate::verdict::{Verdict, Waiver};
use peerproof_captures::feature::Feature;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the format of [`CaseFile`] and of the timeline beside it. A reader refuses a newer one. Format 1 had no findings; up to
/// [`SENTENCES`] the timeline had steps, conditions and rules as sentences ([`peerproof_captures::timeline::read_earlier`]); since
/// [`DIGESTS`] `case.json` has the digest of each other file, and since [`OWN_DIGEST`] its own; before [`MILLISECONDS`] the times in the
/// statistics of the stack were in seconds; since format 6 there are the frames of each interface ([`CaseFile::captured`]). What an earlier
/// format cannot have is not missed in it.
pub const FORMAT: u32 = 6;
/// The last format whose timelines had sentences.
pub const SENTENCES: u32 = 2;
/// The first format whose [`CaseFile::files`] has every file of the recording. Without them a recording counts as changed.
pub const DIGESTS: u32 = 3;
/// The first format with [`CaseFile::sha256`].
pub const OWN_DIGEST: u32 = 4;
/// The first format in which the times in statistics of every peer are in milliseconds, as the API has them.
pub const MILLISECONDS: u32 = 5;

/// The content of `case.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseFile {
    /// Version of the format of `case.json`.
    pub format: u32,
    /// `family/scenario/offerer-answerer`, such as `data/echo/stack-chrome`.
    pub name: String,
    /// What the scenario shows, in one sentence.
    pub title: String,
    /// The statements (rows of the mission) that it bears on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<String>,
    /// The peers, offerer first.
    pub peers: Vec<CasePeer>,
    /// Seed of all randomness of the case.
    pub seed: u64,
    /// SHA-256 of the scenario's file, in hexadecimal.
    pub scenario_hash: String,
    /// Zero of the case's clock, in microseconds since 1970-01-01 00:00 UTC.
    pub epoch_us: u64,
    /// How long the case took, in microseconds of its own clock.
    pub duration_us: u64,
    /// What that clock is.
    #[serde(default, skip_serializing_if = "Time::is_real")]
    pub time: Time,
    /// Which attempt this is, from one.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub attempt: u32,
    /// What the scenario expects.
    #[serde(default)]
    pub expect: Expectations,
    /// Family, file and line of `expect` in the scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_place: Option<String>,
    /// For a control: the scenario of which it is a broken form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_of: Option<String>,
    /// For a control: the peers that lie in it. It does not say about what, and decides nothing: such a control is judged by requirements
    /// too, as every case is that is no control.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub liars: Vec<String>,
    /// Peers whose process the case ends on purpose. Their loss is no fault of the harness.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ends: Vec<String>,
    /// Why the steps were not played at all, if they were not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_played: Option<NotPlayed>,
    /// How the snapshot compares, if the scenario wants one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotResult>,
    /// The known deviation that covers this case, from `expected.toml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiver: Option<Waiver>,
    /// The files of the recording by their path below its folder, as they were when the case ended. Nothing in recordings of before.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, FileDigest>,
    /// What each interface of the capture recorded, by its name, when the case ended. Nothing in recordings of before.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub captured: BTreeMap<String, Counted>,
    /// How the requirements stand that apply, once judged; those that do not apply are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// The verdict, once judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// SHA-256 of this file as it was written, in hexadecimal, with zeros in the place of these 64 digits. Nothing before [`OWN_DIGEST`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// A file as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileDigest {
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
}

/// What an interface of the capture recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// How many frames.
    pub frames: u64,
    /// The earliest time of one, in microseconds since the case began.
    pub first_us: u64,
    /// The latest.
    pub last_us: u64,
}

impl CaseFile {
    /// Reads `case.json`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

fn first() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_first(attempt: &u32) -> bool {
    *attempt == 1
}

/// The clock of a case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Time {
    /// The machine's.
    #[default]
    Real,
    /// One that stands still while there is work and jumps to the next timer otherwise. Nothing is ever late by it.
    Virtual,
}

impl Time {
    /// Whether it is the machine's clock.
    #[must_use]
    pub fn is_real(&self) -> bool {
        *self == Self::Real
    }
}

/// The role of a peer in the first offer/answer exchange (RFC 3264).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Makes the first offer.
    Offerer,
    /// Answers it.
    Answerer,
}

/// Where a peer runs: what its sudden end means depends on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Runs {
    /// In a process that the harness owns and drives (a browser): its loss cannot be distinguished from a fault of ours.
    #[default]
    Driven,
    /// In the harness's own process, or as a program under test (the stack, an adapter): its loss is its own.
    #[serde(rename = "by-itself")]
    Independent,
}

/// The reference stack, which reports its own version and, in parentheses, the crate on which it is built: `0.1.0 (webrtc 0.21.1)`.
const REFERENCE: &str = "stack";

/// The version that counts of one that an implementation reported: of the reference stack the crate, `webrtc 0.21.1`; of others all of it.
#[must_use]
pub fn shown<'a>(implementation: &str, version: &'a str) -> &'a str {
    let inner =
        version.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(inner, _)| inner.trim());
    inner.filter(|inner| implementation == REFERENCE && inner.contains(' ')).unwrap_or(version)
}

/// An implementation with its version, in full: `webrtc 0.21.1`, `chrome 156.0.8078.108`.
#[must_use]
pub fn versioned(implementation: &str, version: &str) -> String {
    let shown = shown(implementation, version);
    if shown == version {
        format!("{implementation} {version}").trim_end().to_owned()
    } else {
        shown.to_owned()
    }
}

/// One of the peers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CasePeer {
    /// Name in the scenario (`alice`).
    pub name: String,
    /// The implementation (`stack`, `chrome`, `firefox`), as it reported itself.
    pub implementation: String,
    /// What it is called in the configuration and in the case's name, if otherwise (`chrome@150`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named: Option<String>,
    /// Its exact version, as it reported itself.
    pub version: String,
    /// Offerer or answerer.
    pub role: Role,
    /// Where it runs.
    #[serde(default)]
    pub runs: Runs,
    /// Whether it is the subject: deviations are reported against it.
    #[serde(default)]
    pub subject: bool,
    /// The NAT behind which it is, if there is one and nobody else is behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nat: Option<Nat>,
    /// What its implementation has, as it reported itself, sorted. Nothing if it did not report them, and in recordings of before: then
    /// all of it is judged as an implementation of the W3C API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<Feature>>,
    /// Events of the peer protocol that it never reports, as it reported itself: `icecandidateerror`, or with a state,
    /// `dtlsstatechange:connecting`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreported: Vec<String>,
    /// Whether it was asked for a command that does not exist and answered `unsupported`. Without that its answer
    /// `unsupported` proves nothing, nor does its answer that something worked.
    pub refuses_the_impossible: bool,
}

impl CasePeer {
    /// Whether its states and events are produced by an adapter: it lists its features, and
    /// [`Feature::W3cApi`] is not among them.
    #[must_use]
    pub fn is_translated(&self) -> bool {
        self.lacks(Feature::W3cApi)
    }

    /// Whether it said that it never reports this event of the peer protocol, or never with this state.
    #[must_use]
    pub fn never_reports(&self, event: &str, state: &str) -> bool {
        self.unreported.iter().any(|name| match name.split_once(':') {
            Some((of, only)) => of == event && only == state,
            None => name == event,
        })
    }

    /// The implementation in the words of tables: `webrtc 0.21.1`, `chrome 156`, `pion 3.1.56`. Of a browser, which is driven, people know the major
    /// version; that of a library is often 0.
    #[must_use]
    pub fn called(&self) -> String {
        let version = shown(&self.implementation, &self.version);
        let cut = |ends: &[char]| version.split(ends).next().unwrap_or_default().to_owned();
        match (version == self.version, self.runs) {
            (false, _) => version.to_owned(),
            (true, Runs::Driven) => format!("{} {}", self.implementation, cut(&['.'])).trim_end().to_owned(),
            (true, Runs::Independent) => {
                format!("{} {}", self.implementation, cut(&['-', '+', ' '])).trim_end().to_owned()
            }
        }
    }

    /// Whether it reports its features, and this one is not among them.
    #[must_use]
    pub fn lacks(&self, feature: Feature) -> bool {
        self.features.as_ref().is_some_and(|features| !features.contains(&feature))
    }
}

impl std::fmt::Display for CasePeer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.name, self.called())
    }
}

/// Why a case's steps were not played.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum NotPlayed {
    /// A peer or the machine cannot do this.
    Unsupported {
        /// The peer, if it is one that cannot.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peer: Option<String>,
        /// Why.
        reason: String,
    },
    /// It should have worked.
    Broken {
        /// What broke.
        cause: String,
    },
    /// A peer failed before the first step: it ended, or it is not what it should be.
    Failed {
        /// The peer.
        peer: String,
        /// How.
        reason: String,
    },
}

/// How a case's snapshot compares with the recorded one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SnapshotResult {
    /// It is the same.
    Same,
    /// There was none.
    New,
    /// It differs.
    Differs {
        /// The section: `sdp`, `ice` or `dtls`.
        section: String,
        /// The first line that differs, from one, in the text of the case.
        line: u32,
        /// The recorded line.
        expected: String,
        /// The line of this case.
        seen: String,
        /// Whether the record was made by the same versions of the peers. If not, this is a change, not a failure.
        same_versions: bool,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn versions_are_those_that_people_know() {
        for (implementation, version, runs, full, short) in [
            ("stack", "0.1.0 (webrtc 0.21.1)", "by-itself", "webrtc 0.21.1", "webrtc 0.21.1"),
            ("stack", "7", "by-itself", "stack 7", "stack 7"),
            ("chrome", "156.0.8078.108", "driven", "chrome 156.0.8078.108", "chrome 156"),
            (
                "libdatachannel",
                "0.24.5 (node-datachannel 0.33.4)",
                "by-itself",
                "libdatachannel 0.24.5 (node-datachannel 0.33.4)",
                "libdatachannel 0.24.5",
            ),
            ("pion", "3.1.56-2", "by-itself", "pion 3.1.56-2", "pion 3.1.56"),
            ("mine", "", "by-itself", "mine", "mine"),
        ] {
            let peer = json!({"name": "alice", "implementation": implementation, "version": version,
                "role": "offerer", "runs": runs, "refuses_the_impossible": true});
            let peer: CasePeer = serde_json::from_value(peer).unwrap();
            assert_eq!(versioned(implementation, version), full);
            assert_eq!((peer.called(), peer.to_string()), (short.to_owned(), format!("alice ({short})")));
        }
    }
}
