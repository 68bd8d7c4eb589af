//! Codecs are set on a transceiver of their kind.

use super::super::command::Named;
use super::super::document::{Document, ValuePath};
use super::super::error::ScenarioError;
use super::super::model::Scenario;
use super::super::step::{Action, Step};
use super::arguments::kind_of_type;
use super::names::Names;
use peerproof_captures::event::MediaKind;
use serde_json::Value;
use std::collections::BTreeMap;

/// The transceivers of the peers by index, as far as they are certain: those made before the first exchange of descriptions.
pub(super) struct Transceivers<'a>(BTreeMap<&'a str, Made>);

#[derive(Default)]
struct Made {
    kinds: Vec<MediaKind>,
    /// Kinds of those that `addTrack` may take instead of making one (webrtc-pc §5.1).
    free: Vec<MediaKind>,
    /// What comes behind them is not certain.
    over: bool,
}

impl Made {
    fn push(&mut self, kind: Option<MediaKind>) {
        match kind {
            Some(kind) if !self.over => self.kinds.push(kind),
            _ => self.over = true,
        }
    }
}

impl<'a> Transceivers<'a> {
    /// Before the first step.
    pub(super) fn new(scenario: &'a Scenario) -> Self {
        let by_hand = |name: &str| {
            scenario.steps.iter().any(|step| {
                matches!(&step.action, Action::Command { peer, name: command, .. }
                    if peer == name && command == "createPeerConnection")
            })
        };
        let made = scenario.peers.iter().map(|(name, peer)| {
            let over = by_hand(name) && !peer.media.send.is_empty();
            let kinds = if over { Vec::new() } else { peer.media.send.clone() };
            (name.as_str(), Made { kinds, over, ..Made::default() })
        });
        Self(made.collect())
    }

    /// Takes a step. Codecs of another kind than their transceiver's are an error.
    pub(super) fn step(
        &mut self,
        document: &Document,
        step: &Step,
        names: &Names,
        path: &ValuePath,
    ) -> Result<(), ScenarioError> {
        match &step.action {
            Action::Command { peer, name, args } if step.rejects.is_none() => {
                let Some(made) = self.0.get_mut(peer.as_str()) else { return Ok(()) };
                match name.as_str() {
                    "addTransceiver" => {
                        let kind = args.get("kind").and_then(|it| serde_json::from_value(it.clone()).ok());
                        made.push(kind);
                        made.free.extend(kind.filter(|_| args.get("track").is_none()));
                    }
                    "addTrack" => {
                        let named = args.get("track").and_then(Value::as_str).and_then(|it| names.get(it));
                        let kind = match named {
                            Some(Named::Track(kind)) => kind.filter(|kind| !made.free.contains(kind)),
                            _ => None,
                        };
                        made.push(kind);
                    }
                    "setRemoteDescription" | "join" => made.over = true,
                    "setCodecPreferences" => {
                        return codecs(document, made, args, &path.key(peer).key(name));
                    }
                    _ => {}
                }
            }
            Action::Connect(_) | Action::Negotiate(_) => {
                self.0.values_mut().for_each(|made| made.over = true);
            }
            _ => {}
        }
        Ok(())
    }
}

fn codecs(document: &Document, made: &Made, args: &Value, path: &ValuePath) -> Result<(), ScenarioError> {
    let index = args.get("transceiver").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    let Some(kind) = index.and_then(|n| made.kinds.get(n)) else { return Ok(()) };
    let types = args.get("mimeTypes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let other = |name: &Value| name.as_str().and_then(kind_of_type).is_some_and(|other| other != *kind);
    match types.iter().position(other) {
        Some(n) => {
            let message = format!("the transceiver is of {kind}");
            Err(document.error(&path.key("mimeTypes").index(n), message, None))
        }
        None => Ok(()),
    }
}
