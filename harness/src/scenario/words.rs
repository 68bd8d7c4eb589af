//! What serde says of a value, in the words of the scenario language.

/// The message, if it is about a type or a value, as `expected …, not …`; any other as it is.
pub(super) fn plain(message: &str) -> String {
    let rest = ["invalid type: ", "invalid value: "].iter().find_map(|head| message.strip_prefix(head));
    // What was found may hold a comma; what was expected stands last.
    match rest.and_then(|rest| rest.rsplit_once(", expected ")) {
        Some(("unit variant", "newtype variant" | "struct variant")) => {
            "expected a value behind the word (`word: value`), not the word alone".to_owned()
        }
        Some((found, "unit")) if found != "unit variant" => {
            format!("expected the word alone, without a value, not {}", given(found))
        }
        Some((found, expected)) if expected.starts_with("unit variant ") => {
            format!("expected the word alone, without a value, not {}", given(found))
        }
        Some((found, expected)) => format!("expected {}, not {}", wanted(expected), given(found)),
        None => match message.strip_prefix("data did not match any variant of ") {
            Some(_) => "none of the forms that are allowed here".to_owned(),
            None => {
                message.replace("missing field", "missing key").replace("duplicate field", "duplicate key")
            }
        },
    }
}

fn wanted(expected: &str) -> String {
    let whole = |most: u64| format!("a whole number from 0 to {most}");
    match expected {
        "u8" => whole(u8::MAX.into()),
        "u16" => whole(u16::MAX.into()),
        "u32" => whole(u32::MAX.into()),
        "u64" | "usize" => "a whole number that is not negative".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a nonzero u8" | "a nonzero u16" | "a nonzero u32" | "a nonzero u64" | "a nonzero usize" => {
            "a whole number greater than 0".to_owned()
        }
        "a boolean" => "`true` or `false`".to_owned(),
        "a string" | "a borrowed string" | "string" => "a text".to_owned(),
        "a map" | "map" => "a mapping".to_owned(),
        "a sequence" | "sequence" => "a list".to_owned(),
        "unit" | "null" => "nothing".to_owned(),
        "string or map" => "a word or a mapping".to_owned(),
        other => match other.split_once(' ') {
            Some(("newtype", _)) => "a value behind the word".to_owned(),
            Some(("struct" | "internally" | "adjacently", _)) => "a mapping".to_owned(),
            Some(("enum" | "variant", _)) => "a word".to_owned(),
            Some(("tuple", _)) => "a list".to_owned(),
            _ => other.to_owned(),
        },
    }
}

fn given(found: &str) -> String {
    match found {
        "map" => "a mapping".to_owned(),
        "sequence" => "a list".to_owned(),
        "unit value" | "null" | "Option value" => "nothing".to_owned(),
        other => {
            let number = ["integer `", "floating point `"].iter().find_map(|head| other.strip_prefix(head));
            if let Some(number) = number {
                return number.trim_end_matches('`').to_owned();
            }
            if let Some(word) = other.strip_prefix("boolean ") {
                return word.to_owned();
            }
            other.strip_prefix("string ").map_or_else(|| other.to_owned(), |text| format!("the text {text}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Sample {
        number: Option<u16>,
        text: Option<String>,
        list: Option<Vec<u8>>,
        whether: Option<bool>,
        inner: Option<Box<Sample>>,
    }

    #[test]
    fn no_word_of_the_implementation_is_left() {
        for (value, says) in [
            (json!({ "number": "x" }), "expected a whole number from 0 to 65535, not the text \"x\""),
            (json!({ "number": 70_000 }), "expected a whole number from 0 to 65535, not 70000"),
            (json!({ "number": 1.5 }), "expected a whole number from 0 to 65535, not 1.5"),
            (json!({ "text": ["a, expected b"] }), "expected a text, not a list"),
            (json!({ "text": 5 }), "expected a text, not 5"),
            (json!({ "list": {} }), "expected a list, not a mapping"),
            (json!({ "whether": "yes" }), "expected `true` or `false`, not the text \"yes\""),
            (json!({ "inner": "x" }), "expected a mapping, not the text \"x\""),
        ] {
            let error = serde_json::from_value::<Sample>(value.clone()).unwrap_err().to_string();
            assert_eq!(plain(&error), says, "{value}");
        }
        assert_eq!(plain("missing field `from`"), "missing key `from`");
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only read")]
        enum Word {
            Alone,
            With(String),
        }
        for (value, says) in [
            (json!("With"), "expected a value behind the word (`word: value`), not the word alone"),
            (json!({ "Alone": "x" }), "expected the word alone, without a value, not the text \"x\""),
        ] {
            let error = serde_json::from_value::<Word>(value.clone()).unwrap_err().to_string();
            assert_eq!(plain(&error), says, "{value}: {error}");
        }
        let of_a_command = "invalid type: map, expected unit variant Command::RestartIce";
        assert_eq!(plain(of_a_command), "expected the word alone, without a value, not a mapping");
    }
}
