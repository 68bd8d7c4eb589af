//! How a peer introduces itself: its answer to `hello`.

use super::line::quote;
use super::protocol::{Command, VERSIONS};
use peerproof_captures::feature::Feature;
use peerproof_captures::timeline::Answer;
use schemars::JsonSchema;
use serde::Deserialize;

/// Longest version, and longest name of an implementation or feature, that is taken, in bytes.
const LONGEST: usize = 120;
/// Most features that are taken.
pub const MOST_FEATURES: usize = 64;

/// The answer to `hello`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct Greeting {
    /// The version of the protocol that it speaks.
    pub protocol: u32,
    /// What is under test, or serves as its counterpart.
    pub implementation: String,
    /// The exact version of that.
    pub version: String,
    /// The commands that it has.
    pub commands: Vec<String>,
    /// What the implementation has. Names that this version does not know are left out of judgements.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub features: Option<Vec<String>>,
    /// Events of the protocol that it never reports, since the implementation does not let anybody know of them: by their names, or with a
    /// state (`dtlsstatechange:connecting`).
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub unreported: Vec<String>,
}

impl Greeting {
    /// Reads the answer to `hello`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of(answer: &Answer) -> Result<Self, String> {
        let Answer::Ok(answered) = answer else {
            return Err(format!("hello was answered {}", quote(&format!("{answer:?}"))));
        };
        let greeting: Self = serde_json::from_value(answered.clone())
            .map_err(|error| format!("the answer to hello is malformed: {error}"))?;
        if !VERSIONS.contains(&greeting.protocol) {
            return Err(format!(
                "it has version {} of the protocol; supported are {VERSIONS:?}",
                greeting.protocol
            ));
        }
        let good =
            |text: &str| !text.is_empty() && text.len() <= LONGEST && !text.chars().any(char::is_control);
        for (what, text) in [("version", &greeting.version), ("implementation", &greeting.implementation)] {
            if text.is_empty() {
                return Err(format!("the answer to hello has no {what}"));
            }
            if !good(text) {
                return Err(format!(
                    "the {what} in the answer to hello is longer than {LONGEST} bytes or has control characters"
                ));
            }
        }
        let impossible = Command::Impossible.name();
        if greeting.commands.contains(&impossible) {
            return Err(format!("it lists the command `{impossible}`, which every peer must reject"));
        }
        let features = greeting.features.as_deref().unwrap_or_default();
        if features.len() > MOST_FEATURES {
            return Err(format!("it names {} features; at most {MOST_FEATURES} are allowed", features.len()));
        }
        if !features.iter().all(|name| good(name)) {
            return Err(format!(
                "a feature is empty, longer than {LONGEST} bytes, or has control characters"
            ));
        }
        if greeting.unreported.len() > MOST_FEATURES || !greeting.unreported.iter().all(|name| good(name)) {
            return Err(format!(
                "`unreported` has more than {MOST_FEATURES} names, or one that is not an event"
            ));
        }
        Ok(greeting)
    }

    /// The features that this version knows, sorted; nothing if the peer reports none at all.
    #[must_use]
    pub fn features(&self) -> Option<Vec<Feature>> {
        let mut known: Vec<Feature> =
            self.features.as_ref()?.iter().filter_map(|name| Feature::named(name)).collect();
        known.sort_unstable();
        known.dedup();
        Some(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn greeting(features: &Value) -> Result<Greeting, String> {
        let mut answered = json!({
            "protocol": 2, "implementation": "example", "version": "1.0", "commands": ["hello"],
        });
        if !features.is_null() {
            answered["features"] = features.clone();
        }
        Greeting::of(&Answer::Ok(answered))
    }

    #[test]
    fn features_are_known_sorted_and_once_and_others_are_no_error() {
        let answered = json!(["video", "teleport", "w3c-api", "video"]);
        assert_eq!(greeting(&answered).unwrap().features(), Some(vec![Feature::W3cApi, Feature::Video]));
        assert_eq!(greeting(&json!([])).unwrap().features(), Some(Vec::new()));
        assert_eq!(greeting(&Value::Null).unwrap().features(), None);
    }

    #[test]
    fn unreported_events_are_bounded() {
        let of = |unreported: Value| {
            let answered = json!({
                "protocol": 2, "implementation": "example", "version": "1.0", "commands": ["hello"], "unreported": unreported,
            });
            Greeting::of(&Answer::Ok(answered)).map(|greeting| greeting.unreported)
        };
        let answered = ["icecandidateerror", "dtlsstatechange:connecting"];
        assert_eq!(of(json!(answered)).unwrap(), answered);
        for wrong in [
            json!(["a\u{1b}[2J"]),
            json!([""]),
            json!(vec!["track"; MOST_FEATURES + 1]),
            json!(7),
            Value::Null,
        ] {
            assert!(of(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn features_are_bounded() {
        let many = |count: usize| json!(vec!["video"; count]);
        assert!(greeting(&many(MOST_FEATURES)).is_ok());
        assert!(greeting(&many(MOST_FEATURES + 1)).unwrap_err().contains("65 features"));
        for wrong in
            [json!([""]), json!(["a".repeat(LONGEST + 1)]), json!(["a\u{1b}[2J"]), json!([5]), json!("video")]
        {
            assert!(greeting(&wrong).is_err(), "{wrong}");
        }
    }
}
