//! The words that a scenario's texts may hold, in its schema: an editor completes them, and refuses others as the check does.

use super::super::check::{CANDIDATES, EXCEPTIONS, STATISTICS};
use super::each::WORD;
use peerproof_captures::observe::unit;
use serde_json::{Value, json};

/// What stands for all of a protocol's messages, and for all types of candidates.
const ANY: &str = "any";
/// Protocols of an expectation of the wire, by their keys.
const PROTOCOLS: [&str; 7] = ["stun", "dtls", "srtp", "srtcp", "rtcp", "sctp", "dcep"];

/// Restricts the texts of a schema whose words are known.
pub(super) fn restrict(schema: &mut Value) {
    for protocol in PROTOCOLS {
        let names = unit::names(protocol).into_iter().map(String::from);
        let words: Vec<String> = std::iter::once(ANY.to_owned()).chain(names).collect();
        words_of(schema, &["WireMatch", protocol], &words);
    }
    words_of(schema, &["StatMatch", "type"], &STATISTICS);
    for key in ["types", "includes", "lacks"] {
        words_of(schema, &["CandidatesMatch", key], &CANDIDATES);
    }
    words_of(schema, &["CandidateCondition", "type"], &CANDIDATES);
    let or_any: Vec<&str> = CANDIDATES.into_iter().chain([ANY]).collect();
    words_of(schema, &["CandidateRewrite", "drop"], &or_any);
    rejected(schema);
}

/// The text at a property of a definition, or the elements of its list, is one of these words.
fn words_of<W: AsRef<str>>(schema: &mut Value, [definition, key]: &[&str; 2], words: &[W]) {
    let property = schema.pointer_mut(&format!("/$defs/{definition}/properties/{key}"));
    if let Some(property) = property {
        restrict_text(property, words);
    }
}

fn restrict_text<W: AsRef<str>>(schema: &mut Value, words: &[W]) {
    let is = |schema: &Value, name: &str| match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == name),
        kind => kind.is_some_and(|kind| kind == name),
    };
    if is(schema, "array")
        && let Some(items) = schema.get_mut("items")
    {
        return restrict_text(items, words);
    }
    let nullable = is(schema, "null");
    let words = words.iter().map(|word| json!(word.as_ref())).chain(nullable.then_some(Value::Null));
    let words: Value = words.collect();
    if nullable {
        // Whatever is not plainly a text may be a word of `each` in any case.
        schema["enum"] = words;
    } else {
        schema["anyOf"] = json!([{ "enum": words }, { "$ref": format!("#/$defs/{WORD}") }]);
    }
}

/// `rejects` names an exception, wherever a step stands.
fn rejected(schema: &mut Value) {
    match schema {
        Value::Array(list) => list.iter_mut().for_each(rejected),
        Value::Object(map) => {
            if let Some(Value::Object(properties)) = map.get_mut("properties")
                && properties.contains_key("await")
                && let Some(rejects) = properties.get_mut("rejects")
            {
                restrict_text(rejects, &EXCEPTIONS);
            }
            map.values_mut().for_each(rejected);
        }
        _ => {}
    }
}
