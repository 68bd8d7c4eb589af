//! Changes to a value: what a liar says instead of what is so.

use indexmap::IndexMap;
use regex_lite::{Captures, Regex};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};
use std::fmt;

/// What a value becomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Change {
    /// Another one of its kind: the last letter or digit of a text becomes the next one, a number grows by one, `true` is `false`.
    Flip,
    /// In a text, the first group of a regular expression (or what it matches as a whole) becomes another one of its kind, wherever
    /// it matches.
    FlipIn(String),
    /// In a text, what a regular expression matches becomes this; `$1` is the first group.
    Replace {
        /// The regular expression.
        regex: String,
        /// What stands there instead.
        with: String,
    },
    /// This value.
    To(Value),
    /// A number grows by this.
    Plus(f64),
    /// A number is multiplied by this.
    Times(f64),
    /// It is absent.
    Without,
    /// The size or the CRC-32 that fits the `value` beside it.
    Fitting,
}

impl Change {
    /// What is wrong with it, if something is.
    pub(super) fn trouble(&self) -> Option<String> {
        match self {
            Self::FlipIn(regex) | Self::Replace { regex, .. } => {
                Regex::new(regex).err().map(|error| format!("invalid regular expression: {error}"))
            }
            _ => None,
        }
    }

    /// Changes a text.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        match self.value(&Value::String(text.to_owned())) {
            Some(Value::String(changed)) => changed,
            _ => text.to_owned(),
        }
    }

    /// The value that it becomes; nothing if it is absent then.
    fn value(&self, value: &Value) -> Option<Value> {
        let number =
            |change: &dyn Fn(f64) -> f64| value.as_f64().map(|number| numeric(value, change(number)));
        Some(match (self, value) {
            (Self::Without, _) => return None,
            (Self::To(other), _) => other.clone(),
            (Self::Flip, Value::String(text)) => Value::String(flipped(text)),
            (Self::Flip, Value::Bool(is)) => Value::Bool(!is),
            (Self::Flip, Value::Number(_)) => number(&|number| number + 1.0)?,
            (Self::Plus(more), Value::Number(_)) => number(&|number| number + more)?,
            (Self::Times(factor), Value::Number(_)) => number(&|number| number * factor)?,
            (Self::FlipIn(regex), Value::String(text)) => {
                let Ok(regex) = Regex::new(regex) else { return Some(value.clone()) };
                let flip = |found: &Captures<'_>| {
                    let whole = found.get(0).map_or("", |whole| whole.as_str());
                    let start = found.get(0).map_or(0, |whole| whole.start());
                    let part = found.get(1).or(found.get(0));
                    let Some(part) = part else { return whole.to_owned() };
                    let (before, rest) = whole.split_at(part.start() - start);
                    let (inner, after) = rest.split_at(part.as_str().len());
                    format!("{before}{}{after}", flipped(inner))
                };
                Value::String(regex.replace_all(text, flip).into_owned())
            }
            (Self::Replace { regex, with }, Value::String(text)) => {
                let Ok(regex) = Regex::new(regex) else { return Some(value.clone()) };
                Value::String(regex.replace_all(text, with.as_str()).into_owned())
            }
            _ => value.clone(),
        })
    }

    /// In words, of a field of this name.
    pub(super) fn of<'a>(&'a self, name: &'a str) -> impl fmt::Display + 'a {
        Named { name, change: self }
    }
}

/// A number of the same kind, as far as it can be one.
fn numeric(before: &Value, number: f64) -> Value {
    if before.is_f64() || number.fract() != 0.0 {
        return Number::from_f64(number).map_or(Value::Null, Value::Number);
    }
    if number < 0.0 { Value::from(number as i64) } else { Value::from(number as u64) }
}

/// A text whose last letter or digit is another one of its kind; hexadecimal digits stay hexadecimal digits.
fn flipped(text: &str) -> String {
    let Some(at) = text.rfind(|c: char| c.is_ascii_alphanumeric()) else { return format!("{text}x") };
    let (before, rest) = text.split_at(at);
    let (last, after) = rest.split_at(1);
    let other = match last.as_bytes().first().copied().unwrap_or(b'0') {
        b'9' => b'0',
        b'f' => b'a',
        b'F' => b'A',
        b'z' => b'g',
        b'Z' => b'G',
        other => other + 1,
    };
    format!("{before}{}{after}", char::from(other))
}

struct Named<'a> {
    name: &'a str,
    change: &'a Change,
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name;
        match self.change {
            Change::Flip => write!(f, "another {name}"),
            Change::FlipIn(regex) => write!(f, "another `{regex}` in {name}"),
            Change::Replace { regex, with } => write!(f, "`{with}` for `{regex}` in {name}"),
            Change::To(value) => write!(f, "{name} {value}"),
            Change::Plus(more) => write!(f, "{name} {more:+}"),
            Change::Times(factor) => write!(f, "{name} × {factor}"),
            Change::Without => write!(f, "no {name}"),
            Change::Fitting => write!(f, "{name} that fits"),
        }
    }
}

/// Changes by the path of the value: keys and indices with dots between, `*` for all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Fields(pub IndexMap<String, Change>);

impl Fields {
    /// The paths of what is changed.
    pub(super) fn paths(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn trouble(&self, wanted: bool) -> Option<String> {
        if wanted && self.is_empty() {
            return Some("no field is changed".to_owned());
        }
        self.0.values().find_map(Change::trouble)
    }

    /// Makes the changes, one after the other.
    pub fn apply(&self, value: &mut Value) {
        for (path, change) in &self.0 {
            let keys: Vec<&str> = path.split('.').collect();
            at(value, &keys, change);
        }
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (path, change)) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str(" and ")?;
            }
            change.of(path).fmt(f)?;
        }
        Ok(())
    }
}

/// Changes what stands at a path. A value can be put where there was none, if there is an object to put it in.
fn at(value: &mut Value, path: &[&str], change: &Change) {
    let Some((key, rest)) = path.split_first() else {
        *value = change.value(value).unwrap_or(Value::Null);
        return;
    };
    match value {
        Value::Object(map) if *key == "*" => map.values_mut().for_each(|inner| at(inner, rest, change)),
        Value::Array(list) if *key == "*" => list.iter_mut().for_each(|inner| at(inner, rest, change)),
        Value::Array(list) => {
            if let Some(inner) = key.parse().ok().and_then(|n: usize| list.get_mut(n)) {
                at(inner, rest, change);
            }
        }
        Value::Object(map) if rest.is_empty() => member(map, key, change),
        Value::Object(map) => {
            if let Some(inner) = map.get_mut(*key) {
                at(inner, rest, change);
            }
        }
        _ => {}
    }
}

fn member(map: &mut Map<String, Value>, key: &str, change: &Change) {
    let fitting = |map: &Map<String, Value>| {
        let text = map.get("value").and_then(Value::as_str)?.as_bytes();
        Some(if key == "size" { Value::from(text.len()) } else { Value::from(crc32fast::hash(text)) })
    };
    let changed = match (change, map.get(key)) {
        (Change::Fitting, _) => fitting(map),
        (Change::To(value), _) => Some(value.clone()),
        (change, Some(value)) => change.value(value),
        (_, None) => return,
    };
    match changed {
        Some(changed) => map.insert(key.to_owned(), changed),
        None => map.remove(key),
    };
}

/// What stands at a path.
pub(super) fn look<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, key| match value {
        Value::Object(map) => map.get(key),
        Value::Array(list) => list.get(key.parse::<usize>().ok()?),
        _ => None,
    })
}

/// Whether a value has all these values at their paths.
pub(super) fn has(value: &Value, wanted: &Map<String, Value>) -> bool {
    wanted.iter().all(|(path, wanted)| look(value, path) == Some(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn changed(fields: Value, mut value: Value) -> Value {
        serde_json::from_value::<Fields>(fields).unwrap().apply(&mut value);
        value
    }

    #[test]
    fn each_change_makes_another_value_of_the_same_kind() {
        let before = json!({"a": "f9.", "b": true, "c": 3, "d": 0.5, "e": [{"g": 1}, {"g": 2}], "h": "x"});
        let fields = json!({
            "a": "flip", "b": "flip", "c": {"times": 10}, "d": {"plus": -1},
            "e.*.g": "flip", "e.0.g": {"plus": 5}, "h": "without", "i": {"to": null}, "nowhere.x": "flip"
        });
        let after = json!({"a": "f0.", "b": false, "c": 30, "d": -0.5, "e": [{"g": 7}, {"g": 3}], "i": null});
        assert_eq!(changed(fields, before), after);
    }

    #[test]
    fn a_part_of_a_text_is_flipped_wherever_it_is() {
        let change = Change::FlipIn("a=fingerprint:.*(.)\r".to_owned());
        let sdp = "a=fingerprint:sha-256 AA:BF\r\na=x:BF\r\na=fingerprint:sha-256 A0\r\n";
        assert_eq!(change.text(sdp), "a=fingerprint:sha-256 AA:BA\r\na=x:BF\r\na=fingerprint:sha-256 A1\r\n");
        let replace =
            Change::Replace { regex: "a=setup:(act)(pass)".to_owned(), with: "a=setup:${1}ive".to_owned() };
        assert_eq!(replace.text("a=setup:actpass\r\n"), "a=setup:active\r\n");
    }

    #[test]
    fn size_and_checksum_can_fit_a_changed_text() {
        let message = json!({"message": {"value": "Hello", "size": 5, "crc32": 1}});
        let fields =
            json!({"message.value": {"to": "Hallo!"}, "message.size": "fitting", "message.crc32": "fitting"});
        let after = changed(fields, message);
        assert_eq!(after["message"]["size"], 6);
        assert_eq!(after["message"]["crc32"], crc32fast::hash(b"Hallo!"));
    }

    #[test]
    fn what_has_a_value_is_found_by_its_path() {
        let value = json!({"channel": {"label": "chat"}, "list": [1, 2]});
        let wanted = |wanted: Value| has(&value, wanted.as_object().unwrap());
        assert!(wanted(json!({"channel.label": "chat", "list.1": 2})));
        assert!(!wanted(json!({"channel.label": "x"})) && !wanted(json!({"channel.id": null})));
    }
}
