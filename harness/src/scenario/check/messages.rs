//! Messages that a scenario may ask for: [limits](volume), so that no peer is blamed for what no machine could do.

use super::super::document::{Document, ValuePath};
use super::super::error::ScenarioError;
use super::super::model::Scenario;
use super::super::step::Action;
use crate::peers::protocol::{Command, Payload};
use crate::scenario::command;
use peerproof_conformance::expect::volume::{self, LARGEST_MESSAGE, MOST_BYTES, MOST_TIMES};
use peerproof_conformance::expect::{MessageMatch, PeerExpectations};

/// The size of a message.
pub(super) fn size(document: &Document, size: u32, path: &ValuePath) -> Result<(), ScenarioError> {
    if size <= LARGEST_MESSAGE {
        return Ok(());
    }
    let message = format!("too large: a message has at most {LARGEST_MESSAGE} bytes");
    Err(document.error(path, message, None))
}

/// How often it is repeated.
fn times(document: &Document, times: u32, path: &ValuePath) -> Result<(), ScenarioError> {
    if times <= MOST_TIMES {
        return Ok(());
    }
    Err(document.error(path, format!("too large: `times` is at most {MOST_TIMES}"), None))
}

/// The messages of a `send`.
pub(super) fn sent(
    document: &Document,
    message: &Payload,
    repeated: Option<u32>,
    at: &impl Fn(&str) -> ValuePath,
) -> Result<(), ScenarioError> {
    if repeated == Some(0) {
        return Err(document.error(&at("times"), "`times` must be at least 1", None));
    }
    times(document, repeated.unwrap_or(1), &at("times"))?;
    match message {
        Payload::Pattern { size: bytes, .. } => size(document, *bytes, &at("pattern").key("size")),
        Payload::Text(_) | Payload::Binary(_) => Ok(()),
    }
}

/// The messages that are expected of a peer's channels.
pub(super) fn expected(
    document: &Document,
    expected: &PeerExpectations,
    path: &ValuePath,
) -> Result<(), ScenarioError> {
    for (channel, messages) in &expected.messages {
        let path = path.key(channel);
        for message in volume::lists(messages) {
            match message {
                MessageMatch::Pattern { pattern, times: repeated } => {
                    size(document, pattern.size, &path)?;
                    times(document, *repeated, &path)?;
                }
                MessageMatch::Text { times: repeated, .. } | MessageMatch::Like { times: repeated, .. } => {
                    times(document, *repeated, &path)?;
                }
            }
        }
    }
    Ok(())
}

/// All messages of a scenario together.
pub(super) fn all(document: &Document, scenario: &Scenario, root: &ValuePath) -> Result<(), ScenarioError> {
    let too_large = |path: &ValuePath| {
        let message = format!(
            "too large: the messages of a scenario, sent and expected, have at most {MOST_BYTES} bytes together"
        );
        Err(document.error(path, message, None))
    };
    let mut bytes = volume::of_expected(&scenario.expect);
    if bytes > MOST_BYTES {
        return too_large(&root.key("expect"));
    }
    for (n, step) in scenario.steps.iter().enumerate() {
        let Action::Command { name, args, .. } = &step.action else { continue };
        if name == "send"
            && let Ok(command @ Command::Send { .. }) = command::check(name, args, &|_, wanted| Some(wanted))
        {
            bytes = bytes.saturating_add(volume::of_send(&command.to_json().1));
        }
        if bytes > MOST_BYTES {
            return too_large(&root.key("steps").index(n));
        }
    }
    Ok(())
}
