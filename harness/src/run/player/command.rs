//! Commands to peers, and their answers.

use super::outcome::{Ended, broken, rejection, success, unanswered, wrong};
use super::{Part, Player};
use crate::peers::protocol::Command;
use crate::scenario::Step;
use crate::scenario::command::{self, CommandError};
use crate::scenario::reference;
use peerproof_captures::timeline::{Answer, Expected, Key, Seen, StepOutcome};
use serde_json::Value;

impl Player {
    /// Gives a peer a command; its answer must be the one that the step asks for.
    pub(super) async fn command(&self, step: &Step, peer: &str, name: &str, args: &Value) -> Ended {
        let mut args = args.clone();
        if name == "join"
            && let Some(address) = self.signalling_address
        {
            command::fill_join(&mut args, &format!("ws://{address}/"), "case");
        }
        reference::resolve_arguments(&mut args, &self.servers.reachable())
            .map_err(|(_, error)| broken(error.to_string()))?;
        let command = command::build(name, &args, |name| self.bound(name)).map_err(|error| match error {
            CommandError::Unbound { name, .. } => {
                broken(format!("no earlier step left anything named {name}"))
            }
            error => broken(error.to_string()),
        })?;
        let answer = self.part(peer)?.actor.call(command).await;
        match (answer, &step.rejects) {
            (Answer::Ok(value), None) => {
                if let Some(wanted) = &step.answers
                    && let Some((path, wanted, seen)) = differs(wanted, &value)
                {
                    let (peer, command) = (peer.to_owned(), name.to_owned());
                    let seen =
                        Seen::AnswerValue { command: command.clone(), path: path.clone(), value: seen };
                    return Err(wrong(Expected::AnswerValue { peer, command, path, value: wanted }, seen));
                }
                if let Some(binds) = &step.binds {
                    self.bind_answer(binds, &value);
                }
                Ok(())
            }
            (Answer::Ok(_), Some(wanted)) => {
                Err(wrong(rejection(peer, name, wanted), Seen::Performed { command: name.to_owned() }))
            }
            (Answer::Rejected { name: exception, .. }, Some(wanted)) if exception == *wanted => Ok(()),
            (Answer::Rejected { name: exception, message }, wanted) => {
                let expected = match wanted {
                    Some(wanted) => rejection(peer, name, wanted),
                    None => success(peer, name),
                };
                Err(wrong(expected, Seen::Exception { name: exception, message }))
            }
            (answer, _) => Err(unanswered(peer, answer)),
        }
    }

    /// Keeps a result under a name: a description whole; of tracks the first, and each by its kind.
    fn bind_answer(&self, name: &str, value: &Value) {
        let Some(tracks) = value.get("tracks").and_then(Value::as_array) else {
            self.bind(name, value.clone());
            return;
        };
        for track in tracks.iter().rev() {
            let Some(id) = track.get("id") else { continue };
            self.bind(name, id.clone());
            if let Some(kind) = track.get("kind").and_then(Value::as_str) {
                self.bind(&format!("{name}.{kind}"), id.clone());
            }
        }
    }

    /// Does an operation that must succeed.
    pub(super) async fn must(&self, part: &Part, command: Command) -> Result<Value, Box<StepOutcome>> {
        let (peer, name) = (part.actor.name(), command.name());
        match part.actor.call(command).await {
            Answer::Ok(value) => Ok(value),
            Answer::Rejected { name: exception, message } => {
                Err(wrong(success(peer, &name), Seen::Exception { name: exception, message }))
            }
            answer => Err(unanswered(peer, answer)),
        }
    }

    /// Takes the statistics of both peers, as far as they give any.
    pub async fn stats(&self) {
        let actors = self.parts.values().map(|part| &part.actor).filter(|actor| actor.lost().is_none());
        futures::future::join_all(actors.map(|actor| actor.call(Command::GetStats))).await;
    }
}

/// The first place at which `seen` lacks what `wanted` has, with the value of both there.
pub(super) fn differs(wanted: &Value, seen: &Value) -> Option<(Vec<Key>, Value, Value)> {
    let below = |key: Key, wanted, seen| {
        let (mut path, wanted, seen) = differs(wanted, seen)?;
        path.insert(0, key);
        Some((path, wanted, seen))
    };
    match (wanted, seen) {
        (Value::Object(wanted), Value::Object(seen)) => wanted.iter().find_map(|(key, wanted)| {
            below(Key::Name(key.clone()), wanted, seen.get(key).unwrap_or(&Value::Null))
        }),
        (Value::Array(wanted), Value::Array(seen)) if wanted.len() == seen.len() => wanted
            .iter()
            .zip(seen)
            .enumerate()
            .find_map(|(n, (wanted, seen))| below(Key::Index(n), wanted, seen)),
        (Value::Number(wanted), Value::Number(seen)) if wanted.as_f64() == seen.as_f64() => None,
        _ if wanted == seen => None,
        _ => Some((Vec::new(), wanted.clone(), seen.clone())),
    }
}
