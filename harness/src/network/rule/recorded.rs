//! Rules and what they do, as the timeline holds them.

use super::{RuleAction, RuleSpec};
use peerproof_captures::timeline;
use serde_json::Value;
use std::time::Duration;

/// The rule as the timeline holds it.
pub(super) fn rule(spec: &RuleSpec, action: &RuleAction) -> timeline::Rule {
    timeline::Rule { action: action.into(), matches: serde_json::to_value(spec).unwrap_or_default() }
}

impl From<&RuleAction> for timeline::RuleAction {
    fn from(action: &RuleAction) -> Self {
        let by_ms = |by: &Duration| u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        match action {
            RuleAction::Drop => Self::Drop,
            RuleAction::Delay(by) => Self::Delay { by_ms: by_ms(by) },
            RuleAction::Duplicate => Self::Duplicate,
            RuleAction::Replay(by) => Self::Replay { by_ms: by_ms(by) },
            RuleAction::Corrupt(byte) => Self::Corrupt { byte: *byte },
            RuleAction::CorruptField(field) => {
                let name = serde_json::to_value(field).ok();
                let name = name.as_ref().and_then(Value::as_str).unwrap_or_default();
                Self::CorruptField { field: name.to_owned() }
            }
            RuleAction::Reorder => Self::Reorder,
            RuleAction::Inject(bytes) => Self::Inject { bytes: bytes.len() },
            RuleAction::Fragment(pieces) => Self::Fragment { pieces: *pieces },
            RuleAction::Become(datagrams) => match datagrams.len() {
                1 => Self::Renumber,
                datagrams => Self::Split { datagrams },
            },
        }
    }
}
