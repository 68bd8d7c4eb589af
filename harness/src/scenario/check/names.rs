//! Names that steps give with `as`, and what they stand for.

use super::super::command::Named;
use super::super::document::{Document, ValuePath};
use super::super::error::{ScenarioError, nearest};
use super::super::step::{Action, Step};
use crate::scenario::condition::Condition;
use peerproof_captures::event::MediaKind;
use serde_json::Value;
use std::collections::BTreeMap;

/// What the names stand for at a step.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<String, Named>);

impl Names {
    /// The names that these steps give.
    pub(super) fn of<'a>(steps: impl IntoIterator<Item = &'a Step>) -> Self {
        let mut names = Self::default();
        steps.into_iter().for_each(|step| names.take(step));
        names
    }

    /// Those that a step gives.
    pub(super) fn take(&mut self, step: &Step) {
        let Some(name) = &step.binds else { return };
        let given = given(step);
        // Of several tracks the name alone is the first, and each goes by its kind, too.
        let first = given.first().copied().unwrap_or(Named::Unclear);
        self.0.insert(name.clone(), first);
        if matches!(step.action, Action::Command { .. }) {
            for named in given {
                if let Named::Track(Some(kind)) = named {
                    self.0.insert(format!("{name}.{kind}"), named);
                }
            }
        }
    }

    /// What a name stands for.
    pub(super) fn get(&self, name: &str) -> Option<Named> {
        let whole = || self.0.get(name.split('.').next()?).filter(|named| **named == Named::Unclear);
        self.0.get(name).or_else(whole).copied()
    }

    /// That a name stands for nothing.
    pub(super) fn unknown(&self, document: &Document, name: &str, path: &ValuePath) -> ScenarioError {
        let known = self.0.keys().map(String::as_str);
        let help = match nearest(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "an earlier step has to name it with `as`".to_owned(),
        };
        document.error(path, format!("no earlier step is named `{name}`"), Some(help))
    }

    /// A name stands for a track.
    pub(super) fn track(
        &self,
        document: &Document,
        name: &str,
        path: &ValuePath,
    ) -> Result<(), ScenarioError> {
        match self.get(name) {
            None => Err(self.unknown(document, name, path)),
            Some(Named::Track(_) | Named::Unclear) => Ok(()),
            Some(other) => Err(document.error(path, format!("`{name}` is {other}, not a track"), None)),
        }
    }
}

/// What a step results in, if that can be named.
fn given(step: &Step) -> Vec<Named> {
    match &step.action {
        Action::Command { name, args, .. } => match name.as_str() {
            "createOffer" | "createAnswer" | "setLocalDescription" => vec![Named::Description],
            "createSource" => {
                let kind = args.get("kind").and_then(|kind| serde_json::from_value(kind.clone()).ok());
                vec![Named::Track(kind)]
            }
            "getUserMedia" => {
                let asked = |key: &str| {
                    args.pointer(&format!("/constraints/{key}")).is_some_and(|it| *it != Value::Bool(false))
                };
                let kinds = [(MediaKind::Audio, asked("audio")), (MediaKind::Video, asked("video"))];
                let tracks: Vec<Named> = kinds
                    .into_iter()
                    .filter(|(_, asked)| *asked)
                    .map(|(kind, _)| Named::Track(Some(kind)))
                    .collect();
                // Of two kinds it is not certain which comes first.
                if tracks.len() == 1 {
                    tracks
                } else {
                    std::iter::once(Named::Track(None)).chain(tracks).collect()
                }
            }
            _ => Vec::new(),
        },
        Action::Await { condition: Condition::Track(track), .. } => vec![Named::Track(track.kind)],
        Action::Await { condition: Condition::Icecandidate(_), .. } => vec![Named::Candidate],
        _ => Vec::new(),
    }
}

/// A step that is named has a result that can be named.
pub(super) fn binds(document: &Document, step: &Step, path: &ValuePath) -> Result<(), ScenarioError> {
    if step.binds.is_none() || !given(step).is_empty() {
        return Ok(());
    }
    let help = "descriptions, sources and awaited tracks and candidates can".to_owned();
    let path = path.key(step.actor()).key("as");
    Err(document.error(&path, "this step has no result that could be named", Some(help)))
}
