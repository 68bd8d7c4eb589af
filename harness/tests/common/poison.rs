//! Recordings and reports that say hostile things.

use serde_json::Value;

/// Adds `hostile` to every string, one after the other, that the format allows to be any.
pub(crate) fn poisoned(value: &mut Value, hostile: &str, allowed: &dyn Fn(&Value) -> bool) -> usize {
    let mut paths = Vec::new();
    strings(value, &mut String::new(), &mut paths);
    let mut count = 0;
    for path in paths {
        let before = value.pointer(&path).unwrap().clone();
        let poisoned = format!("{}{hostile}", before.as_str().unwrap());
        *value.pointer_mut(&path).unwrap() = Value::String(poisoned);
        if allowed(value) {
            count += 1;
        } else {
            *value.pointer_mut(&path).unwrap() = before;
        }
    }
    count
}

fn strings(value: &Value, at: &mut String, found: &mut Vec<String>) {
    let length = at.len();
    let mut within = |key: &str, value: &Value| {
        at.push('/');
        at.push_str(&key.replace('~', "~0").replace('/', "~1"));
        strings(value, at, found);
        at.truncate(length);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| within(key, value)),
        Value::Array(list) => list.iter().enumerate().for_each(|(n, value)| within(&n.to_string(), value)),
        Value::String(_) => found.push(at.clone()),
        _ => {}
    }
}
