//! How much a peer may send while a link is as a scenario made it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bounds of the mean rate at which the peer sends media, from when a link was changed by the step of that `name` until a
/// link is changed again or the steps end. What counts is protected RTP as it leaves the peer, with its headers and tags,
/// retransmissions too, without the headers of UDP and IP.
///
/// ```yaml
/// bitrate:
///   - { during: narrow, lastMs: 4000, atMostKbit: 200 }
///   - { during: wide, lastMs: 4000, atLeastKbit: 250 }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BitrateMatch {
    /// The name of the step that changed the link.
    pub during: String,
    /// Only the last milliseconds of that time, this number of them; all of it if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_ms: Option<u64>,
    /// The least kilobits per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least_kbit: Option<u64>,
    /// The most kilobits per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most_kbit: Option<u64>,
}

impl BitrateMatch {
    /// What is wrong with it, and at which key.
    #[must_use]
    pub fn mistake(&self) -> Option<(&'static str, &'static str)> {
        match (self.at_least_kbit, self.at_most_kbit) {
            (None, None) => Some(("during", "needs one of `atLeastKbit` and `atMostKbit`")),
            (Some(least), Some(most)) if least > most => {
                Some(("atMostKbit", "is less than `atLeastKbit`: no rate is both"))
            }
            _ if self.last_ms == Some(0) => Some(("lastMs", "must be a millisecond at least")),
            _ => None,
        }
    }

    /// Whether this rate is within the bounds.
    #[must_use]
    pub fn allows(&self, kbit: u64) -> bool {
        self.at_least_kbit.is_none_or(|least| kbit >= least)
            && self.at_most_kbit.is_none_or(|most| kbit <= most)
    }
}
