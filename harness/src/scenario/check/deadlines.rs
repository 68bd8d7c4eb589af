//! How long steps may take.

use super::super::document::ValuePath;
use super::super::step::{Action, DEFAULT_WITHIN, NetworkStep, Step};
use super::facts::Facts;
use super::found::Found;
use crate::span::Span;

/// Each has some time, and no step may take longer than all of them.
pub(super) fn check(facts: &Facts<'_>, step: &Step, path: &ValuePath, found: &mut Found<'_>) {
    let actor = path.key(step.actor());
    let mut given = vec![(actor.key("within"), "within", step.within)];
    match &step.action {
        Action::Never { never, .. } => given.push((actor.key("never").key("for"), "for", Some(never.span))),
        Action::Connect(connect) => given.push((actor.key("within"), "within", connect.within)),
        Action::Negotiate(negotiate) => given.push((actor.key("within"), "within", negotiate.within)),
        Action::Quiet(quiet) => {
            given.push((actor.key("within"), "within", quiet.within));
            given.push((actor.key("for"), "for", Some(quiet.span)));
            if quiet.span.is_zero() {
                found.add(&actor.key("for"), "`for` must be longer than 0");
            } else if quiet.span > quiet.within.unwrap_or(DEFAULT_WITHIN) {
                found.help(
                    &actor.key("for"),
                    "`for` must not be longer than `within`",
                    "`within` defaults to 10s",
                );
            }
        }
        Action::Network(NetworkStep::Acts(acts)) => {
            given.push((actor.key("acts").key("within"), "within", acts.within));
        }
        Action::Network(NetworkStep::Bitrate(rate)) => {
            given.push((actor.key("bitrate").key("within"), "within", rate.within));
        }
        Action::Network(NetworkStep::Streams(streams)) => {
            given.push((actor.key("streams").key("within"), "within", streams.within));
        }
        _ => {}
    }
    let timeout = facts.scenario.timeout;
    for (at, key, span) in given {
        if key == "within" && span.is_some_and(Span::is_zero) {
            found.add(&at, "`within` must be longer than 0");
        }
        if let Some(span) = span.filter(|span| *span > timeout && !timeout.is_zero()) {
            let message =
                format!("`{key}: {span}` is longer than all steps may take: `timeout` is {timeout}");
            found.help(&at, message, format!("write `timeout: {span}` or more"));
        }
    }
}
