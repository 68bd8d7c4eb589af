//! Rules and what they do, as the timeline holds them.

use super::{Deed, RuleSpec};
use peerproof_captures::timeline::{Rule, RuleAction};
use serde_json::Value;
use std::time::Duration;

/// The rule as the timeline holds it.
pub(super) fn rule(spec: &RuleSpec, deed: &Deed) -> Rule {
    Rule { action: deed.into(), matches: serde_json::to_value(spec).unwrap_or_default() }
}

impl From<&Deed> for RuleAction {
    fn from(deed: &Deed) -> Self {
        let by_ms = |by: &Duration| u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        match deed {
            Deed::Drop => Self::Drop,
            Deed::Delay(by) => Self::Delay { by_ms: by_ms(by) },
            Deed::Duplicate => Self::Duplicate,
            Deed::Replay(by) => Self::Replay { by_ms: by_ms(by) },
            Deed::Corrupt(byte) => Self::Corrupt { byte: *byte },
            Deed::CorruptField(field) => {
                let name = serde_json::to_value(field).ok();
                let name = name.as_ref().and_then(Value::as_str).unwrap_or_default();
                Self::CorruptField { field: name.to_owned() }
            }
            Deed::Reorder => Self::Reorder,
            Deed::Inject(bytes) => Self::Inject { bytes: bytes.len() },
            Deed::Fragment(pieces) => Self::Fragment { pieces: *pieces },
            Deed::Become(datagrams) => match datagrams.len() {
                1 => Self::Renumber,
                datagrams => Self::Split { datagrams },
            },
        }
    }
}
