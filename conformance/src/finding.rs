//! What a check found at an endpoint.

use crate::verdict::{Place, Waiver};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a requirement stands at an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Met.
    Pass,
    /// Broken.
    Fail,
    /// A recommendation was not followed, or a demand was half met.
    Warn,
    /// There was nothing that it is about.
    NotApplicable,
    /// The evidence is missing or ambiguous.
    Inconclusive,
}

impl Status {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::NotApplicable => "not-applicable",
            Self::Inconclusive => "inconclusive",
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// How a requirement stands at an endpoint, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The requirement.
    pub requirement: String,
    /// The peer that it binds.
    pub endpoint: String,
    /// How it stands.
    pub result: Status,
    /// The kinds of fault of one that fails or warns: words of its check, listed in `conformance/faults.txt`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// Why, in one sentence.
    pub sentence: String,
    /// What decided it, the deciding place first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Place>,
    /// Whether it is inconclusive because of the clocks or the load of the machine, at least in part.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub timing: bool,
    /// The known deviation that covers it, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiver: Option<Waiver>,
}

impl Finding {
    /// Whether an absolute requirement is broken, and nobody knew that it would be.
    #[must_use]
    pub fn is_unexpected_failure(&self) -> bool {
        self.result == Status::Fail && self.waiver.is_none()
    }
}
