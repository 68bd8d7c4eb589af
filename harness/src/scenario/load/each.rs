//! `each`: one file that stands for several scenarios, which differ in a word here and there.

use super::super::document::{Document, Segment, ValuePath};
use super::super::error::{ScenarioError, nearest};
use serde_json::{Map, Value, json};

/// Keys of texts that may hold anything.
const TEXTS: [&str; 5] = ["text", "with", "regex", "title", "protocol"];
/// The key that lists the words.
const EACH: &str = "each";
/// Name of the schema of a word.
pub(super) const WORD: &str = "EachWord";
/// Most scenarios of one file.
const MOST: usize = 64;
/// Most lists of words.
const MOST_LISTS: usize = 8;
/// Longest word: it becomes a part of the scenario's name.
const LONGEST_WORD: usize = 64;
/// How much text the words may add to a scenario, in bytes.
const MOST_ADDED: usize = 1 << 20;

/// One of the scenarios of a file.
pub(super) struct Variant {
    /// What its name ends with, behind a hyphen; nothing if the file stands for itself alone.
    pub(super) suffix: Option<String>,
    /// The file with its words in place.
    pub(super) document: Document,
}

/// The scenarios that a file stands for: one for each combination of the words that it lists.
///
/// # Errors
/// The list is none, a word stands nowhere, or two scenarios would have one name.
pub(super) fn variants(document: Document) -> Result<Vec<Variant>, ScenarioError> {
    let Some(each) = document.value.get(EACH) else {
        unknown(&document, &document.value, &mut ValuePath::default(), &[])?;
        return Ok(vec![Variant { suffix: None, document }]);
    };
    let at = ValuePath::default().key(EACH);
    let lists = lists(&document, each, &at)?;
    let known: Vec<&str> = lists.iter().map(|(key, _)| key.as_str()).collect();
    unknown(&document, &document.value, &mut ValuePath::default(), &known)?;
    let mut chosen: Vec<Vec<(String, Value)>> = vec![Vec::new()];
    for (key, words) in &lists {
        chosen = chosen
            .into_iter()
            .flat_map(|before| {
                words.iter().map(move |word| {
                    let mut choice = before.clone();
                    choice.push((key.clone(), word.clone()));
                    choice
                })
            })
            .take(MOST + 1)
            .collect();
    }
    if chosen.len() > MOST {
        return Err(document.error(&at, format!("a file can define at most {MOST} scenarios"), None));
    }
    let mut variants: Vec<Variant> = Vec::new();
    for choice in &chosen {
        let suffix = choice.iter().map(|(_, word)| kebab(&text_of(word))).collect::<Vec<_>>().join("-");
        if variants.iter().any(|variant| variant.suffix.as_ref() == Some(&suffix)) {
            return Err(document.error(&at, format!("two scenarios would be named `…-{suffix}`"), None));
        }
        let mut used = vec![false; choice.len()];
        let mut document = document.clone();
        if let Value::Object(map) = &mut document.value {
            map.shift_remove(EACH);
        }
        let mut room = MOST_ADDED;
        put_in(&mut document.value, choice, &mut used, &mut room);
        if room == 0 {
            let message = format!("too large: the words add more than {MOST_ADDED} bytes to a scenario");
            return Err(document.error(&at, message, None));
        }
        if let Some((key, _)) = choice.iter().zip(&used).find(|(_, used)| !**used).map(|(choice, _)| choice) {
            return Err(document.error(&at.key(key), format!("`${key}` is not used"), None));
        }
        variants.push(Variant { suffix: Some(suffix), document });
    }
    Ok(variants)
}

fn lists(
    document: &Document,
    each: &Value,
    at: &ValuePath,
) -> Result<Vec<(String, Vec<Value>)>, ScenarioError> {
    let wrong = |at: &ValuePath| {
        let help = Some(
            "write `each: { message: [ClientHello, ServerHello] }`, and `$message` where it belongs"
                .to_owned(),
        );
        Err(document.error(at, "expected words by name", help))
    };
    let Some(map) = each.as_object().filter(|map| !map.is_empty()) else { return wrong(at) };
    if map.len() > MOST_LISTS {
        return Err(document.error(at, format!("too large: at most {MOST_LISTS} lists of words"), None));
    }
    let mut lists = Vec::new();
    for (key, words) in map {
        let named = key.bytes().all(|byte| byte.is_ascii_lowercase());
        let words = words.as_array().filter(|words| !words.is_empty() && named);
        let Some(words) = words else { return wrong(&at.key(key)) };
        if let Some(n) = words.iter().position(|word| !(word.is_string() || word.is_number())) {
            return wrong(&at.key(key).index(n));
        }
        if let Some(n) = words.iter().position(|word| text_of(word).len() > LONGEST_WORD) {
            let message = format!("too large: a word has at most {LONGEST_WORD} bytes");
            return Err(document.error(&at.key(key).index(n), message, None));
        }
        lists.push((key.clone(), words.clone()));
    }
    // The longest name first, so that none is taken for the beginning of another.
    lists.sort_by_key(|(key, _): &(String, Vec<Value>)| std::cmp::Reverse(key.len()));
    Ok(lists)
}

/// A value that is `$word` and nothing else stands for a word, which is known. Where text is sent or replaced, it may be just that.
fn unknown(
    document: &Document,
    value: &Value,
    path: &mut ValuePath,
    known: &[&str],
) -> Result<(), ScenarioError> {
    match value {
        Value::String(text) => {
            let word = text.strip_prefix('$').unwrap_or_default();
            let is_word = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
            let is_text = matches!(path.0.last(), Some(Segment::Key(key)) if TEXTS.contains(&key.as_str()));
            if !is_word || is_text || known.iter().any(|known| word.starts_with(known)) {
                return Ok(());
            }
            let help = match nearest(word, known.iter().copied()) {
                Some(near) => format!("did you mean `${near}`?"),
                None => format!("write `{EACH}: {{ {word}: [this, that] }}`"),
            };
            Err(document.error(path, format!("`{EACH}` has no word `{word}`"), Some(help)))
        }
        Value::Array(list) => list.iter().enumerate().try_for_each(|(n, value)| {
            path.0.push(Segment::Index(n));
            let checked = unknown(document, value, path, known);
            path.0.pop();
            checked
        }),
        Value::Object(map) => map.iter().try_for_each(|(key, value)| {
            path.0.push(Segment::Key(key.clone()));
            let checked = unknown(document, value, path, known);
            path.0.pop();
            checked
        }),
        _ => Ok(()),
    }
}

fn text_of(word: &Value) -> String {
    word.as_str().map_or_else(|| word.to_string(), str::to_owned)
}

/// Puts the words in, into keys too, as long as there is room for the text that they add.
fn put_in(value: &mut Value, choice: &[(String, Value)], used: &mut [bool], room: &mut usize) {
    match value {
        Value::String(text) => {
            for ((key, word), used) in choice.iter().zip(used) {
                let variable = format!("${key}");
                if *text == variable {
                    *used = true;
                    *value = word.clone();
                    return;
                }
                if text.contains(&variable) {
                    *used = true;
                    let word = text_of(word);
                    *room = room.saturating_sub(text.matches(&variable).count().saturating_mul(word.len()));
                    if *room > 0 {
                        *text = text.replace(&variable, &word);
                    }
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| put_in(value, choice, used, room)),
        Value::Object(map) => {
            let entries: Map<String, Value> = std::mem::take(map)
                .into_iter()
                .map(|(key, mut value)| {
                    put_in(&mut value, choice, used, room);
                    let mut key = Value::String(key);
                    put_in(&mut key, choice, used, room);
                    (text_of(&key), value)
                })
                .collect();
            *map = entries;
        }
        _ => {}
    }
}

/// Has a schema of scenarios know `each`, and its words wherever a value is.
pub fn extend_schema(schema: &mut Value) {
    // Registered for what its variants refer to; steps write commands in another form.
    if let Some(Value::Object(defs)) = schema.get_mut("$defs") {
        defs.shift_remove("Command");
    }
    super::vocabulary::restrict(schema);
    describe_variants(schema);
    words_in_properties(schema);
    let word = json!({ "type": "string", "pattern": "\\$[a-z]+", "description": "A word of `each`." });
    let list = json!({
        "description": "Words by name. The file defines one scenario for each combination of them, in which `$name` is replaced by the word.",
        "type": "object",
        "minProperties": 1,
        "propertyNames": { "pattern": "^[a-z]+$" },
        "additionalProperties": { "type": "array", "items": { "type": ["string", "number"] }, "minItems": 1 },
    });
    if let Some(Value::Object(defs)) = schema.get_mut("$defs") {
        defs.insert(WORD.to_owned(), word);
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.insert(EACH.to_owned(), list);
    }
}

/// A variant with one property is described by its type: editors look at the property.
fn describe_variants(schema: &mut Value) {
    match schema {
        Value::Array(list) => list.iter_mut().for_each(describe_variants),
        Value::Object(map) => {
            let description = map.get("description").cloned();
            if let (Some(description), Some(Value::Object(properties))) =
                (description, map.get_mut("properties"))
                && properties.len() == 1
                && let Some(property) = properties.values_mut().next().filter(|it| it.is_object())
                && property.get("description").is_none()
            {
                property["description"] = description;
            }
            map.values_mut().for_each(describe_variants);
        }
        _ => {}
    }
}

fn words_in_properties(schema: &mut Value) {
    match schema {
        Value::Array(list) => list.iter_mut().for_each(words_in_properties),
        Value::Object(map) => {
            for (key, value) in map {
                words_in_properties(value);
                match (key.as_str(), value) {
                    ("properties", Value::Object(properties)) => {
                        // Text takes a word anyhow, and no word is a list or a mapping.
                        let takes_none = |property: &&mut Value| {
                            !["string", "object", "array"].iter().any(|kind| property["type"] == **kind)
                        };
                        properties.values_mut().filter(takes_none).for_each(or_word);
                    }
                    ("additionalProperties", of_any_name) if of_any_name.get("$ref").is_some() => {
                        or_word(of_any_name);
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

/// The same, or a word of `each`. Its description stays outside, where editors look for it.
fn or_word(schema: &mut Value) {
    let mut inner = schema.take();
    let description = inner.as_object_mut().and_then(|inner| inner.shift_remove("description"));
    *schema = json!({ "anyOf": [inner, { "$ref": format!("#/$defs/{WORD}") }] });
    if let Some(description) = description {
        schema["description"] = description;
    }
}

/// A word as a part of a name: `ClientHello` is `client-hello`.
fn kebab(word: &str) -> String {
    let mut name = String::new();
    let mut was_lower = false;
    for c in word.chars() {
        if c.is_ascii_alphanumeric() {
            if c.is_ascii_uppercase() && was_lower {
                name.push('-');
            }
            name.push(c.to_ascii_lowercase());
        } else if !name.ends_with('-') {
            name.push('-');
        }
        was_lower = c.is_ascii_lowercase();
    }
    name.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn of(text: &str) -> Result<Vec<(String, Value)>, ScenarioError> {
        let variants = variants(Document::parse(Path::new("t.yaml"), text).unwrap())?;
        Ok(variants.into_iter().map(|v| (v.suffix.unwrap_or_default(), v.document.value)).collect())
    }

    #[test]
    fn a_file_stands_for_each_combination_of_its_words() {
        let text = "each: { message: [ClientHello, INIT-ACK], action: [drop, delay], n: [2] }\n\
                    title: $message is lost\nsteps: [{ $action: { x: $message, times: $n } }]";
        let variants = of(text).unwrap();
        let names: Vec<&str> = variants.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            ["client-hello-drop-2", "client-hello-delay-2", "init-ack-drop-2", "init-ack-delay-2"]
        );
        assert_eq!(variants[3].1["title"], "INIT-ACK is lost");
        assert_eq!(variants[3].1["steps"][0]["delay"], serde_json::json!({ "x": "INIT-ACK", "times": 2 }));
        assert_eq!(variants[0].1.get(EACH), None);
    }

    #[test]
    fn a_file_without_it_stands_for_itself() {
        assert_eq!(
            of("title: costs $5").unwrap(),
            [(String::new(), serde_json::json!({ "title": "costs $5" }))]
        );
    }

    #[test]
    fn a_word_that_is_not_listed_is_refused() {
        let refused = |text: &str| of(text).unwrap_err();
        let error = refused("title: t\ntags: [$x]");
        assert_eq!((error.message.as_str(), error.place.unwrap().line), ("`each` has no word `x`", 2));
        let error = refused("each: { message: [a] }\ntitle: $message\nsteps: [{ $message: $mesage }]");
        assert_eq!(error.message, "`each` has no word `mesage`");
        assert_eq!(error.help.as_deref(), Some("did you mean `$message`?"));
        of("title: $x\nsteps: [{ send: { text: $x } }, { replace: { regex: $x, with: $y } }]").unwrap();
    }

    #[test]
    fn words_do_not_blow_a_file_up() {
        let refused = |text: &str| of(text).unwrap_err().message;
        let long = "x".repeat(LONGEST_WORD + 1);
        assert_eq!(refused(&format!("each: {{ a: [{long}] }}")), "too large: a word has at most 64 bytes");
        let many = "$a ".repeat(100_000);
        let message = refused(&format!("each: {{ a: [{}] }}\ntitle: {many}", "x".repeat(LONGEST_WORD)));
        assert_eq!(message, "too large: the words add more than 1048576 bytes to a scenario");
        let lists: Vec<String> = ('a'..'j').map(|key| format!("{key}: [x]")).collect();
        assert_eq!(
            refused(&format!("each: {{ {} }}", lists.join(", "))),
            "too large: at most 8 lists of words"
        );
    }

    #[test]
    fn what_is_no_list_of_words_is_refused_at_its_place() {
        let place = |text: &str| {
            let error = of(text).unwrap_err();
            (error.place.map(|at| (at.line, at.column)).unwrap_or_default(), error.message)
        };
        assert_eq!(place("title: t\neach: { word: a }").0, (2, 9));
        assert_eq!(place("title: t\neach: { word: [[a]] }").0, (2, 16));
        assert_eq!(place("title: t\neach: { word: [a] }"), ((2, 9), "`$word` is not used".to_owned()));
        assert_eq!(
            place("title: $word\neach: { word: [a b, a-b] }").1,
            "two scenarios would be named `…-a-b`"
        );
    }
}
