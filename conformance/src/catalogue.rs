//! The catalogue: what the RFCs and the W3C ask of a peer, and how each requirement is decided.
//!
//! The entries stand in `requirements/*.yaml` and are compiled in. A requirement says where it stands, whom it binds, what is
//! observed, by which rule it is decided, and which edit of a passing recording must turn it red: its control.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

const FILES: [&str; 4] = [
    include_str!("../requirements/signalling-and-ice.yaml"),
    include_str!("../requirements/security-media-data.yaml"),
    include_str!("../requirements/security-media-data.extra.yaml"),
    include_str!("../requirements/transport.yaml"),
];

/// How much a requirement demands, by the words of BCP 14.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Level {
    /// Absolute.
    #[serde(rename = "MUST")]
    Must,
    /// An absolute prohibition.
    #[serde(rename = "MUST NOT")]
    MustNot,
    /// Recommended.
    #[serde(rename = "SHOULD")]
    Should,
    /// Not recommended.
    #[serde(rename = "SHOULD NOT")]
    ShouldNot,
}

impl Level {
    /// Whether breaking it is a failure, not a warning.
    #[must_use]
    pub const fn is_absolute(self) -> bool {
        matches!(self, Self::Must | Self::MustNot)
    }

    /// The words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::MustNot => "MUST NOT",
            Self::Should => "SHOULD",
            Self::ShouldNot => "SHOULD NOT",
        }
    }
}

/// Which endpoint a requirement binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AppliesTo {
    /// Each endpoint.
    Both,
    /// Who makes an offer.
    Offerer,
    /// Who answers one.
    Answerer,
    /// The ICE agent that nominates.
    Controlling,
    /// The other one.
    Controlled,
    /// A STUN or TURN client: who sends the request.
    Client,
    /// Who answers it.
    Server,
    /// The client of the DTLS handshake.
    DtlsClient,
    /// Its server.
    DtlsServer,
    /// Who sends the packets in question.
    Sender,
    /// Who receives them.
    Receiver,
    /// An endpoint with the W3C API.
    BrowserApi,
}

/// What a requirement is about: the protocol, or the part of the API. A breach shows at a layer of the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// Descriptions, offer and answer.
    Sdp,
    /// Candidates, checks, nomination, consent.
    Ice,
    /// STUN messages.
    Stun,
    /// TURN clients.
    Turn,
    /// States and events of the W3C API.
    ApiState,
    /// What keeps a session confidential and authentic.
    Security,
    /// The handshake and its records.
    Dtls,
    /// Protection of RTP and RTCP.
    Srtp,
    /// RTP.
    Rtp,
    /// RTCP.
    Rtcp,
    /// What RTP carries.
    Codec,
    /// The association.
    Sctp,
    /// Data channels and their messages.
    Datachannel,
}

/// What decides a requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Observe {
    /// Descriptions.
    Sdp,
    /// Packets.
    Wire,
    /// Events of the API.
    Events,
    /// A provocation, in a scenario of its own. A check of it says that it does not apply where nothing was provoked.
    Active,
}

/// What a breach does to a session, where that decides whether a failure may follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// The other side does not notice it, or must tolerate it: a failure in the same case has another cause.
    Tolerated,
    /// The other side waits for what never comes. A failure at the same layer shows that it was not only late under load.
    Missing,
}

/// One requirement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// Its name: lower case, hyphens, unique and stable.
    pub id: String,
    /// Document and section.
    pub source: String,
    /// What it demands.
    pub level: Level,
    /// Why that level, where the text has no word of BCP 14 at that place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level_basis: Option<String>,
    /// Whom it binds.
    pub applies_to: AppliesTo,
    /// What it is about.
    pub topic: Topic,
    /// What it asks, in one sentence of ours: the source is what counts.
    pub summary: String,
    /// The words of the source that are judged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quotes: Vec<Quote>,
    /// What decides it.
    pub observe: Observe,
    /// Everything that the check reads, if that is more than `observe`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Observe>,
    /// The decision rule.
    pub check: String,
    /// What the harness does to bring it about, if it is observed `active`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provoke: Option<String>,
    /// The edit of a passing recording that must turn it red.
    pub mutation: String,
    /// What a breach does to a session; nothing if it may cause any failure at its layer or above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    /// Whether the source was read when the entry was written.
    pub verified: bool,
    /// A known divergence, or how the text was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Requirement {
    /// Whether it judges what the W3C API reports, its states and events, and not what stands in descriptions or on the wire.
    #[must_use]
    pub fn judges_the_api(&self) -> bool {
        let of_the_api = self.applies_to == AppliesTo::BrowserApi || self.topic == Topic::ApiState;
        of_the_api && !matches!(self.observe, Observe::Wire | Observe::Sdp)
    }
}

/// Words of a standard that a requirement judges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quote {
    /// One document and the innermost section that has the words: `RFC 9260 §3.2`.
    #[serde(rename = "in")]
    pub place: String,
    /// The words as they stand there, white space apart; `[...]` where some are left out.
    pub text: String,
}

/// A place where documents contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conflict {
    /// What about.
    pub topic: String,
    /// Who says what, and what is done here.
    pub detail: String,
}

/// A requirement that is left for later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deferred {
    /// Its name.
    pub id: String,
    /// Document and section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What it demands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Why it waits.
    pub reason: String,
    /// The sentences that demand it, in part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quotes: Vec<Quote>,
}

/// One file, with the parts that only some have.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the headers are for readers; that they parse keeps the files in their form")]
struct File {
    schema_version: Option<u32>,
    scope: Option<String>,
    meta: Option<Meta>,
    conventions: Option<IndexMap<String, String>>,
    #[serde(default)]
    spec_conflicts: Vec<Conflict>,
    overlaps: Option<Overlaps>,
    requirements: Vec<Requirement>,
    #[serde(default)]
    deferred: Vec<Deferred>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the headers are for readers; that they parse keeps the files in their form")]
struct Meta {
    title: String,
    schema: IndexMap<String, serde_yaml::Value>,
    verdicts: IndexMap<String, String>,
    conventions: Vec<String>,
    counts: Counts,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(test), expect(dead_code, reason = "the tests count"))]
struct Counts {
    total: usize,
    by_topic: IndexMap<Topic, usize>,
    by_level: IndexMap<Level, usize>,
    by_observe: IndexMap<Observe, usize>,
    unverified: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the headers are for readers; that they parse keeps the files in their form")]
struct Overlaps {
    note: String,
    pairs: IndexMap<String, String>,
}

/// The whole catalogue.
#[derive(Debug, Default)]
pub struct Catalogue {
    requirements: IndexMap<String, Requirement>,
    aliases: IndexMap<String, Vec<String>>,
    conflicts: Vec<Conflict>,
    deferred: Vec<Deferred>,
}

/// Why the catalogue's files cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// A file has another form.
    #[error("a file of the catalogue has another form: {0}")]
    Form(#[from] serde_yaml::Error),
    /// An id stands twice.
    #[error("the requirement {0} is in the catalogue twice")]
    Twice(String),
    /// An overlap names something that is not there.
    #[error("an overlap names {0}, which is not a requirement")]
    NoSuch(String),
}

impl Catalogue {
    /// The catalogue of this version. Empty if it cannot be read, which the tests of this crate exclude.
    #[must_use]
    pub fn get() -> &'static Self {
        static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::read(&FILES).unwrap_or_default());
        &CATALOGUE
    }

    /// Reads files of the catalogue, each a YAML document.
    ///
    /// # Errors
    /// If a file has another form, an id stands twice, or an overlap names no requirement.
    pub fn read(files: &[&str]) -> Result<Self, CatalogueError> {
        let mut catalogue = Self::default();
        let mut overlaps = Vec::new();
        for text in files {
            let file: File = serde_yaml::from_str(text)?;
            for requirement in file.requirements {
                let id = requirement.id.clone();
                if catalogue.requirements.insert(id.clone(), requirement).is_some() {
                    return Err(CatalogueError::Twice(id));
                }
            }
            catalogue.conflicts.extend(file.spec_conflicts);
            catalogue.deferred.extend(file.deferred);
            overlaps.extend(file.overlaps.map(|overlaps| overlaps.pairs).unwrap_or_default());
        }
        for (one, other) in overlaps {
            for one in one.split(", ") {
                let others: Vec<_> = other.split(", ").map(str::to_owned).collect();
                let unknown = std::iter::once(one)
                    .chain(others.iter().map(String::as_str))
                    .find(|id| !catalogue.requirements.contains_key(*id));
                if let Some(unknown) = unknown {
                    return Err(CatalogueError::NoSuch(unknown.to_owned()));
                }
                catalogue.aliases.insert(one.to_owned(), others);
            }
        }
        Ok(catalogue)
    }

    /// All requirements, in the order of the files.
    pub fn requirements(&self) -> impl ExactSizeIterator<Item = &Requirement> {
        self.requirements.values()
    }

    /// The requirement of that name.
    #[must_use]
    pub fn requirement(&self, id: &str) -> Option<&Requirement> {
        self.requirements.get(id)
    }

    /// The requirements that together say the same as this one: a check of each of them is a check of this one.
    #[must_use]
    pub fn same_as(&self, id: &str) -> &[String] {
        self.aliases.get(id).map_or(&[], Vec::as_slice)
    }

    /// Where documents contradict each other.
    #[must_use]
    pub fn conflicts(&self) -> &[Conflict] {
        &self.conflicts
    }

    /// What is left for later.
    #[must_use]
    pub fn deferred(&self) -> &[Deferred] {
        &self.deferred
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::hash::Hash;

    #[test]
    fn the_files_have_their_form_and_every_id_is_unique() {
        let catalogue = Catalogue::read(&FILES).unwrap();
        assert_eq!(catalogue.requirements().len(), 467);
        assert_eq!(catalogue.requirements().len(), Catalogue::get().requirements().len());
        let hyphenated =
            |id: &str| id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        for requirement in catalogue.requirements() {
            assert!(hyphenated(&requirement.id), "{}", requirement.id);
            assert!(catalogue.deferred().iter().all(|deferred| deferred.id != requirement.id));
        }
    }

    #[test]
    fn an_id_that_stands_twice_is_refused() {
        let twice = Catalogue::read(&[FILES[1], FILES[1]]);
        assert!(matches!(twice, Err(CatalogueError::Twice(_))), "{twice:?}");
    }

    #[test]
    fn an_overlap_with_nothing_is_refused() {
        let lonely = Catalogue::read(&[FILES[0]]);
        assert!(matches!(lonely, Err(CatalogueError::NoSuch(_))), "{lonely:?}");
    }

    #[test]
    fn active_requirements_say_how_they_are_provoked_and_no_others() {
        for requirement in Catalogue::get().requirements() {
            let active = requirement.observe == Observe::Active;
            assert_eq!(active, requirement.provoke.is_some(), "{}", requirement.id);
        }
    }

    #[test]
    fn overlaps_lead_to_requirements_that_are_no_overlaps_themselves() {
        let catalogue = Catalogue::get();
        assert_eq!(catalogue.aliases.len(), 19);
        for (id, others) in &catalogue.aliases {
            for other in others {
                assert_ne!(id, other);
                assert!(catalogue.same_as(other).is_empty(), "{other}");
            }
        }
    }

    #[test]
    fn the_counts_in_the_headers_are_right() {
        fn count<K: Hash + Eq + Ord + Copy>(
            file: &File,
            key: impl Fn(&Requirement) -> K,
        ) -> BTreeMap<K, usize> {
            let mut counts = BTreeMap::new();
            for requirement in &file.requirements {
                *counts.entry(key(requirement)).or_default() += 1;
            }
            counts
        }
        for text in &FILES[1..] {
            let file: File = serde_yaml::from_str(text).unwrap();
            let counts = &file.meta.as_ref().unwrap().counts;
            assert_eq!(counts.total, file.requirements.len());
            let sorted =
                |map: &IndexMap<Topic, usize>| map.iter().map(|(k, v)| (*k, *v)).collect::<BTreeMap<_, _>>();
            assert_eq!(sorted(&counts.by_topic), count(&file, |r| r.topic));
            assert_eq!(
                counts.by_level.iter().map(|(k, v)| (*k, *v)).collect::<BTreeMap<_, _>>(),
                count(&file, |r| r.level)
            );
            assert_eq!(
                counts.by_observe.iter().map(|(k, v)| (*k, *v)).collect::<BTreeMap<_, _>>(),
                count(&file, |r| r.observe)
            );
            let unverified: Vec<_> =
                file.requirements.iter().filter(|r| !r.verified).map(|r| r.id.as_str()).collect();
            assert_eq!(counts.unverified, unverified);
        }
    }
}
