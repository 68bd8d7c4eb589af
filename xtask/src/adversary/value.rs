//! Values within values, picked by chance.

use peerproof::peers::liar::Change;
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

/// The plain values in a value with the paths to them. Keys with a dot have no path.
pub(super) fn leaves(value: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    walk(value, String::new(), &mut found);
    found
}

fn walk(value: &Value, path: String, found: &mut Vec<(String, Value)>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Object(map) => {
            for (key, inner) in map.iter().filter(|(key, _)| !key.contains('.')) {
                walk(inner, below(key), found);
            }
        }
        Value::Array(list) => {
            for (n, inner) in list.iter().enumerate() {
                walk(inner, below(&n.to_string()), found);
            }
        }
        Value::Null => {}
        plain => found.push((path, plain.clone())),
    }
}

/// One of several.
pub(super) fn one<'a, T>(chance: &mut StdRng, of: &'a [T]) -> Option<&'a T> {
    if of.is_empty() { None } else { of.get(chance.random_range(0..of.len())) }
}

/// A change that makes another value of a plain one.
pub(super) fn change(chance: &mut StdRng, value: &Value) -> Change {
    let whole = f64::from(chance.random_range(1..2000_i32)) * if chance.random() { 1.0 } else { -1.0 };
    match (value, chance.random_range(0..6)) {
        (_, 0) => Change::Without,
        (Value::Number(_), 1) => Change::To(json!(0)),
        (Value::Number(_), 2) => Change::Times(10.0),
        (Value::Number(_), 3 | 4) => Change::Plus(whole),
        (Value::String(_), 1) => Change::To(json!("")),
        (Value::String(_), 2) => Change::To(json!("another")),
        _ => Change::Flip,
    }
}
