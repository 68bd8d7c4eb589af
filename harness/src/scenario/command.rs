//! Commands as a scenario writes them: the peer protocol's, with short forms and with names for results of earlier steps.
//!
//! - `send: { channel: chat, text: Hello }` stands for `message: { text: Hello }`; likewise `binary` and `pattern`.
//! - `track`, `with`, `description` and `candidate` may hold the name that an earlier step gave with `as`.
//! - `description: { of: offer, rewrite: { fingerprint: flip-one-digit } }` is such a description, changed; with
//!   `mids-of: other` its media sections have the MIDs of that one.

use super::document::{ValuePath, read_value};
use super::rewrite::{DescriptionRewrite, with_mids_of};
use crate::peers::protocol::Command;
use peerproof_captures::event::{Description, MediaKind, SdpType};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::fmt;

/// Keys of arguments whose string value is the name of an earlier result.
const REFERENCES: [&str; 4] = ["track", "with", "description", "candidate"];

/// A named description, changed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Changed {
    of: String,
    /// A named description whose MIDs it takes, section by section (RFC 9429 §5.3.1: an answer has those of the offer).
    #[serde(default, rename = "mids-of")]
    mids_of: Option<String>,
    #[serde(default)]
    rewrite: DescriptionRewrite,
}

/// What an earlier step left under a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    /// Track, description or candidate as the command takes it.
    pub value: Value,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// A session description.
    Description,
    /// An ICE candidate.
    Candidate,
    /// A track, of this kind if that is certain.
    Track(Option<MediaKind>),
    /// The result of a step that cannot be read.
    Unclear,
}

impl Named {
    /// What the argument of this key is.
    fn wanted(key: &str) -> Self {
        match key {
            "description" => Self::Description,
            "candidate" => Self::Candidate,
            _ => Self::Track(None),
        }
    }

    /// Whether it can be that argument.
    fn fits(self, wanted: Self) -> bool {
        self == Self::Unclear || std::mem::discriminant(&self) == std::mem::discriminant(&wanted)
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Description => "a description",
            Self::Candidate => "a candidate",
            Self::Track(_) => "a track",
            Self::Unclear => "unclear",
        })
    }
}

/// Why a command cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// There is no such command.
    #[error("unknown command `{0}`")]
    Unknown(String),
    /// An argument is wrong.
    #[error("{message}")]
    Argument {
        /// Where in the arguments.
        path: ValuePath,
        /// What is wrong, in serde's words.
        message: String,
    },
    /// A name stands for something else than the argument is.
    #[error("`{name}` is {named}, not {wanted}")]
    Unfit {
        /// Where in the arguments.
        path: ValuePath,
        /// The name.
        name: String,
        /// What it stands for.
        named: Named,
        /// What the argument is.
        wanted: Named,
    },
    /// A name stands for nothing.
    #[error("no earlier result is named `{name}`")]
    Unbound {
        /// Where in the arguments.
        path: ValuePath,
        /// The name.
        name: String,
    },
}

/// The names of all commands that a scenario may use, as the protocol names them.
#[must_use]
pub fn names() -> Vec<String> {
    variants(&schemars::schema_for!(Command).to_value()).into_iter().map(|(name, _)| name).collect()
}

/// Whether a command does something that a connection which is closed refuses (webrtc-pc §4.4, §6.2).
#[must_use]
pub fn changes(name: &str) -> bool {
    matches!(
        name,
        "createOffer"
            | "createAnswer"
            | "setLocalDescription"
            | "setRemoteDescription"
            | "createDataChannel"
            | "addTrack"
            | "addTransceiver"
            | "setConfiguration"
            | "send"
    )
}

/// Makes a command. `bound` gives what stands under a name.
///
/// # Errors
/// The command is unknown, an argument is wrong, or a name stands for nothing.
pub fn build(
    name: &str,
    args: &Value,
    bound: impl Fn(&str) -> Option<Value>,
) -> Result<Command, CommandError> {
    let mut args = match args {
        Value::Object(map) => map.clone(),
        Value::Null => Map::new(),
        _ => {
            return Err(CommandError::Argument {
                path: ValuePath::default(),
                message: "the arguments of a command are a mapping".to_owned(),
            });
        }
    };
    if name == "send" {
        lift_payload(&mut args);
    }
    for key in REFERENCES {
        let path = ValuePath::default().key(key);
        match args.get(key) {
            Some(Value::String(reference)) => {
                let value = bound(reference)
                    .ok_or_else(|| CommandError::Unbound { path, name: reference.clone() })?;
                args.insert(key.to_owned(), value);
            }
            Some(changed @ Value::Object(map)) if map.contains_key("of") => {
                let changed: Changed = read_value(changed).map_err(|(inner, message)| {
                    CommandError::Argument { path: join(&path, inner), message }
                })?;
                let wrong = |message: String| CommandError::Argument { path: path.clone(), message };
                let named = |name: &String| -> Result<Description, CommandError> {
                    let value = bound(name)
                        .ok_or_else(|| CommandError::Unbound { path: path.clone(), name: name.clone() })?;
                    serde_json::from_value(value).map_err(|_| wrong(format!("`{name}` is not a description")))
                };
                let mut description = named(&changed.of)?;
                if let Some(other) = &changed.mids_of {
                    description.sdp = with_mids_of(&description.sdp, &named(other)?.sdp);
                }
                let changed =
                    changed.rewrite.apply(&description, None).map_err(|error| wrong(error.to_string()))?;
                args.insert(key.to_owned(), json!(changed));
            }
            _ => {}
        }
    }
    let whole = if args.is_empty() && !needs_args(name) {
        json!({ "command": name })
    } else {
        json!({ "command": name, "args": args })
    };
    read_value(&whole).map_err(|(path, message)| {
        if message.starts_with("unknown variant")
            && path.0.len() <= 1
            && message.contains(&format!("`{name}`, "))
        {
            return CommandError::Unknown(name.to_owned());
        }
        let path = match path.0.split_first() {
            Some((_, rest)) => ValuePath(rest.to_vec()),
            None => ValuePath::default(),
        };
        CommandError::Argument { path, message }
    })
}

/// Stand-ins for results of earlier steps, to check a command before anything is played.
#[must_use]
pub fn stand_in(key_hint: &str) -> Value {
    match key_hint {
        "description" => json!(Description { kind: SdpType::Offer, sdp: String::new() }),
        "candidate" => json!({ "candidate": "" }),
        _ => json!("track"),
    }
}

/// Checks a command without results of earlier steps: `named` says what a name stands for, with the kind of the argument.
///
/// # Errors
/// As [`build`], and a name stands for something of another kind.
pub fn check(
    name: &str,
    args: &Value,
    named: &dyn Fn(&str, Named) -> Option<Named>,
) -> Result<Command, CommandError> {
    // The stand-in depends on the key under which the name stands, so the keys are tried one by one.
    let mut args = args.clone();
    if let Value::Object(map) = &mut args {
        for key in REFERENCES {
            let path = ValuePath::default().key(key);
            let references = match map.get(key) {
                Some(Value::String(reference)) => vec![reference.clone()],
                Some(Value::Object(inner)) if inner.contains_key("of") => {
                    let changed: Changed =
                        read_value(&Value::Object(inner.clone())).map_err(|(inner, message)| {
                            CommandError::Argument { path: join(&path, inner), message }
                        })?;
                    std::iter::once(changed.of).chain(changed.mids_of).collect()
                }
                _ => Vec::new(),
            };
            if !references.is_empty() {
                let wanted = Named::wanted(key);
                for name in references {
                    match named(&name, wanted) {
                        None => return Err(CommandError::Unbound { path, name }),
                        Some(named) if !named.fits(wanted) => {
                            return Err(CommandError::Unfit { path, name, named, wanted });
                        }
                        Some(_) => {}
                    }
                }
                map.insert(key.to_owned(), stand_in(key));
            }
        }
    }
    build(name, &args, |name| Some(Value::String(name.to_owned())))
}

/// Puts server and room into the arguments of `join`, where the scenario leaves them out.
pub fn fill_join(args: &mut Value, url: &str, room: &str) {
    if !args.is_object() {
        *args = Value::Object(Map::new());
    }
    if let Value::Object(args) = args {
        args.entry("url").or_insert_with(|| json!(url));
        args.entry("room").or_insert_with(|| json!(room));
    }
}

fn join(path: &ValuePath, inner: ValuePath) -> ValuePath {
    ValuePath(path.0.iter().cloned().chain(inner.0).collect())
}

/// `text`, `binary` and `pattern` of `send` become its `message`.
fn lift_payload(args: &mut Map<String, Value>) {
    for key in ["text", "binary", "pattern"] {
        if let Some(value) = args.shift_remove(key) {
            let message = args.entry("message").or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(message) = message {
                message.insert(key.to_owned(), value);
            }
        }
    }
}

/// Whether the protocol has arguments for this command (unit commands must not be given any).
fn needs_args(name: &str) -> bool {
    variants(&schemars::schema_for!(Command).to_value())
        .iter()
        .any(|(known, args)| known == name && args.is_some())
}

/// Name and schema of the arguments of each command in the schema of [`Command`].
fn variants(schema: &Value) -> Vec<(String, Option<Value>)> {
    let alternatives = schema.get("oneOf").and_then(Value::as_array).cloned().unwrap_or_default();
    alternatives
        .iter()
        .filter_map(|variant| {
            let properties = variant.get("properties")?;
            let name = properties.get("command")?.get("const")?.as_str()?;
            Some((name.to_owned(), properties.get("args").cloned()))
        })
        .collect()
}

/// The schema of the commands that a step can give a peer.
pub(super) fn action_schema(generator: &mut SchemaGenerator) -> Schema {
    let condition = generator.subschema_for::<super::condition::Condition>();
    let never = generator.subschema_for::<super::step::Never>();
    // Registers the types that the commands' arguments refer to.
    let _ = generator.subschema_for::<Command>();
    let own = generator.subschema_for::<super::server::ScenarioConfiguration>();
    let mut properties = Map::new();
    let mut words = Vec::new();
    let within = generator.subschema_for::<crate::span::Span>().to_value();
    let described = [
        ("await", "A state or an event that must come.", condition.to_value()),
        ("never", "An event that must not come for a while.", never.to_value()),
        ("within", "How long the step may take: `5s`, `300ms`.", within),
        ("rejects", "The command must be rejected, with an error of this name.", json!({ "type": "string" })),
        (
            "as",
            "The name by which later steps refer to what this step results in.",
            json!({ "type": "string" }),
        ),
        ("answers", "What the command must answer: of a mapping the members named here.", json!({})),
    ];
    for (key, description, mut schema) in described {
        schema["description"] = json!(description);
        properties.insert(key.to_owned(), schema);
    }
    let commands = schemars::schema_for!(Command).to_value();
    for (name, args) in variants(&commands) {
        if args.is_none() {
            words.push(name.clone());
        }
        let mut args = relaxed(args);
        if name == "join" {
            // Server and room are those of the case.
            args.as_object_mut().map(|args| args.shift_remove("required"));
        }
        // Scenarios may name their own servers.
        if let Some(configuration) = args.pointer_mut("/properties/configuration") {
            replace(configuration, own.clone().to_value());
        }
        args["description"] = described_as(&commands, &name);
        properties.insert(name, args);
    }
    json_schema!({
        "anyOf": [
            { "type": "string", "enum": words },
            { "type": "object", "properties": properties, "minProperties": 1, "additionalProperties": false },
        ]
    })
}

/// The schema of a message that both sides can compute ([`Payload::Pattern`](crate::peers::protocol::Payload)).
fn pattern() -> Value {
    let payload = schemars::schema_for!(crate::peers::protocol::Payload).to_value();
    let mut kinds = payload["oneOf"].as_array().into_iter().flatten();
    let pattern = kinds.find_map(|kind| kind["properties"].get("pattern").cloned());
    pattern.unwrap_or_else(|| json!({ "type": "object" }))
}

/// Another schema of the same description.
fn replace(schema: &mut Value, mut by: Value) {
    if let Some(description) = schema.get("description") {
        by["description"] = description.clone();
    }
    *schema = by;
}

/// The description of a command in the schema of [`Command`].
fn described_as(commands: &Value, name: &str) -> Value {
    let mut all = commands["oneOf"].as_array().into_iter().flatten();
    let is = |variant: &&Value| variant.pointer("/properties/command/const").is_some_and(|it| it == name);
    all.find(is).map(|variant| variant["description"].clone()).unwrap_or_default()
}

/// The arguments' schema with the short forms of scenarios: names of results, and nothing required that they replace.
fn relaxed(args: Option<Value>) -> Value {
    let Some(Value::Object(mut args)) = args else { return json!({ "type": "object", "maxProperties": 0 }) };
    let mut references = false;
    if let Some(Value::Object(properties)) = args.get_mut("properties") {
        for key in REFERENCES {
            if let Some(property) = properties.get_mut(key) {
                references = true;
                replace(property, json!({ "type": ["string", "object"] }));
            }
        }
        if properties.contains_key("message") {
            references = true;
            let short = [
                (
                    "text",
                    "The message as a string; short for `message: { text: … }`.",
                    json!({ "type": "string" }),
                ),
                (
                    "binary",
                    "Bytes in base64; short for `message: { binary: … }`.",
                    json!({ "type": "string" }),
                ),
                (
                    "pattern",
                    "Bytes that both sides can compute; short for `message: { pattern: … }`.",
                    pattern(),
                ),
            ];
            for (key, description, mut schema) in short {
                schema["description"] = json!(description);
                properties.insert(key.to_owned(), schema);
            }
        }
    }
    if references {
        args.shift_remove("required");
    }
    Value::Object(args)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::protocol::Payload;

    fn none(_: &str) -> Option<Value> {
        None
    }

    #[test]
    fn commands_without_arguments_and_with_defaults_are_made_from_nothing() {
        assert_eq!(build("restartIce", &json!({}), none), Ok(Command::RestartIce));
        assert_eq!(build("createOffer", &json!({}), none), Ok(Command::CreateOffer { ice_restart: false }));
        assert_eq!(
            build("setLocalDescription", &json!({}), none),
            Ok(Command::SetLocalDescription { description: None, as_type: None })
        );
    }

    #[test]
    fn a_payload_may_stand_beside_its_channel() {
        let made = build("send", &json!({"channel": "chat", "text": "Hello!"}), none);
        assert_eq!(
            made,
            Ok(Command::Send {
                channel: "chat".to_owned(),
                message: Payload::Text("Hello!".to_owned()),
                times: None
            })
        );
    }

    #[test]
    fn names_of_results_are_replaced_by_the_results() {
        let bound = |name: &str| (name == "camera").then(|| json!("id-7"));
        assert_eq!(
            build("addTrack", &json!({"track": "camera"}), bound),
            Ok(Command::AddTrack { track: "id-7".to_owned() })
        );
        assert!(matches!(
            build("addTrack", &json!({"track": "microphone"}), bound),
            Err(CommandError::Unbound { .. })
        ));
    }

    #[test]
    fn a_named_description_takes_the_mids_of_another_one() {
        let bound = |name: &str| {
            let sdp = match name {
                "first" => {
                    "v=0\r\na=group:BUNDLE a b\r\nm=audio 9 X 0\r\na=mid:a\r\nm=video 9 X 0\r\na=mid:b\r\n"
                }
                "second" => {
                    "v=0\r\na=group:BUNDLE 0 1\r\nm=audio 9 X 0\r\na=mid:0\r\nm=video 9 X 0\r\na=mid:1\r\n"
                }
                _ => return None,
            };
            Some(json!({"type": "offer", "sdp": sdp}))
        };
        let args =
            json!({"description": {"of": "second", "mids-of": "first", "rewrite": {"type": "answer"}}});
        let Ok(Command::SetRemoteDescription { description }) = build("setRemoteDescription", &args, bound)
        else {
            panic!("it is a command");
        };
        assert_eq!(description.kind, SdpType::Answer);
        assert_eq!(Some(json!(description.sdp)), bound("first").map(|first| first["sdp"].clone()));
        let known = |name: &str, wanted: Named| (name == "second").then_some(wanted);
        let unknown = check("setRemoteDescription", &args, &known);
        assert!(
            matches!(&unknown, Err(CommandError::Unbound { name, .. }) if name == "first"),
            "{unknown:?}"
        );
    }

    #[test]
    fn an_unknown_command_and_an_unknown_argument_are_distinguished() {
        assert_eq!(
            build("createOfer", &json!({}), none),
            Err(CommandError::Unknown("createOfer".to_owned()))
        );
        let wrong = build("createDataChannel", &json!({"label": "a", "orderd": true}), none);
        assert!(
            matches!(&wrong, Err(CommandError::Argument { message, .. }) if message.contains("orderd")),
            "{wrong:?}"
        );
    }

    #[test]
    fn every_command_is_known_by_name() {
        let names = names();
        assert!(
            names.contains(&"createDataChannel".to_owned()) && names.contains(&"close".to_owned()),
            "{names:?}"
        );
    }
}
