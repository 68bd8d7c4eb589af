//! What browsers print of a description that is no JSON: objects in the console, and the lines of webrtc-internals.

use peerproof_captures::event::SdpType;
use serde::Deserialize;
use serde::de::value::{Error, StrDeserializer};

/// How the console names the object.
const CLASS: &str = "RTCSessionDescription";

/// Whether a text begins as an object of the console.
pub(super) fn begins(text: &str) -> bool {
    text.strip_prefix(CLASS).is_some_and(|rest| rest.trim_start().starts_with('{'))
}

/// `type: offer, sdp: v=0…`, as webrtc-internals shows descriptions: the type, and the rest.
pub(super) fn internals(text: &str) -> Option<(SdpType, &str)> {
    let (kind, rest) = text.strip_prefix("type:")?.split_once(',')?;
    let kind: StrDeserializer<'_, Error> = StrDeserializer::new(kind.trim());
    let sdp = rest.trim_start().strip_prefix("sdp:")?.trim_start();
    Some((SdpType::deserialize(kind).ok()?, sdp))
}

/// The JSON of objects as the console prints them: `RTCSessionDescription {type: 'offer', sdp: '…'}`. Nothing if a string does not end.
pub(super) fn json(text: &str) -> Option<String> {
    let mut json = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\'' | '"' | '`' => {
                json.push('"');
                string(c, &mut rest, &mut json)?;
                json.push('"');
            }
            c if c.is_ascii_alphabetic() => {
                let mut word = String::from(c);
                while let Some(c) = rest.next_if(|c| c.is_ascii_alphanumeric()) {
                    word.push(c);
                }
                if word != CLASS {
                    json.push('"');
                    json.push_str(&word);
                    json.push('"');
                }
            }
            c => json.push(c),
        }
    }
    Some(json)
}

/// Copies a string up to its quotation mark as JSON writes it.
fn string(mark: char, rest: &mut impl Iterator<Item = char>, json: &mut String) -> Option<()> {
    loop {
        match rest.next()? {
            c if c == mark => return Some(()),
            '\\' => match rest.next()? {
                c @ ('\'' | '`') => json.push(c),
                c => json.extend(['\\', c]),
            },
            '"' => json.push_str("\\\""),
            '\r' => json.push_str("\\r"),
            '\n' => json.push_str("\\n"),
            c => json.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_of_the_console_become_json() {
        for (text, expected) in [
            (r"{type: 'offer', sdp: 'v=0\r\n'}", r#"{"type": "offer", "sdp": "v=0\r\n"}"#),
            (r#"RTCSessionDescription { sdp: "it's" }"#, r#" { "sdp": "it's" }"#),
            (r#"{sdp: 'say "a" and \'b\''}"#, r#"{"sdp": "say \"a\" and 'b'"}"#),
            ("{sdp: `v=0\r\n`}", r#"{"sdp": "v=0\r\n"}"#),
        ] {
            assert_eq!(json(text).unwrap(), expected);
        }
        assert_eq!(json("{sdp: 'v=0"), None);
    }

    #[test]
    fn lines_of_webrtc_internals_have_type_and_description() {
        assert_eq!(internals("type: answer, sdp: v=0\r\n"), Some((SdpType::Answer, "v=0\r\n")));
        assert_eq!(internals("type: other, sdp: v=0"), None);
        assert_eq!(internals("type: answer"), None);
    }
}
