//! Whether the events of the peer protocol have what a lie changes or looks for in them.

use peerproof_captures::event::PeerEvent;
use serde_json::Value;

/// Whether an event of one of these names can have a value at this path.
pub(super) fn has(events: &[String], path: &str) -> bool {
    let schema = schemars::schema_for!(PeerEvent).to_value();
    let keys: Vec<&str> = path.split('.').collect();
    let variants = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    let mut meant = variants.filter(|variant| {
        let name = variant.pointer("/properties/event/const").and_then(Value::as_str);
        name.is_some_and(|name| events.iter().any(|event| event == name))
    });
    meant.any(|variant| variant.pointer("/properties/data").is_some_and(|data| leads(&schema, data, &keys)))
}

/// Whether a value of this schema can have something at these keys.
fn leads(root: &Value, schema: &Value, keys: &[&str]) -> bool {
    let Some((key, rest)) = keys.split_first() else { return true };
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        let defined = name.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        return defined.is_some_and(|schema| leads(root, schema, keys));
    }
    for word in ["anyOf", "oneOf", "allOf"] {
        if let Some(choices) = schema.get(word).and_then(Value::as_array) {
            return choices.iter().any(|schema| leads(root, schema, keys));
        }
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    let others = schema.get("additionalProperties").filter(|others| **others != Value::Bool(false));
    if properties.is_some() || others.is_some() {
        let named = properties.into_iter().flatten().filter(|(name, _)| *key == "*" || name == key);
        return named.map(|(_, schema)| schema).chain(others).any(|schema| leads(root, schema, rest));
    }
    if let Some(items) = schema.get("items") {
        return (*key == "*" || key.parse::<usize>().is_ok()) && leads(root, items, rest);
    }
    // What is not described can be anything, but for what is described as having no parts.
    let types = schema.get("type").into_iter().flat_map(|kind| match kind {
        Value::Array(list) => list.iter().collect(),
        kind => vec![kind],
    });
    let mut types = types.peekable();
    types.peek().is_none() || types.any(|kind| kind == "object" || kind == "array")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_event_has_is_found_and_nothing_else() {
        let has = |event: &str, path: &str| has(&[event.to_owned()], path);
        for (event, path) in [
            ("datachannel", "channel.label"),
            ("connectionstatechange", "state"),
            ("icecandidate", "candidate.candidate"),
            ("channelmessage", "message.size"),
        ] {
            assert!(has(event, path), "{event} {path}");
        }
        for (event, path) in [
            ("datachannel", "channel.labl"),
            ("datachannel", "label"),
            ("connectionstatechange", "state.state"),
            ("negotiationneeded", "state"),
            ("icecandidate", "candidate.candidat"),
        ] {
            assert!(!has(event, path), "{event} {path}");
        }
    }
}
