//! Session descriptions as people keep them: the text, or what a browser prints (JSON, its console, webrtc-internals), with whatever an editor
//! or a paste made of line ends, indentation and encoding.

mod console;

use peerproof_captures::event::{Description, SdpType};
use peerproof_captures::sdp::{Excess, SessionDescription};
use serde::de::Error as _;
use serde_json::{Deserializer, Error, Value};
use std::borrow::Cow;
use std::io::{self, ErrorKind};

/// How deep descriptions may lie in lists, objects and strings of JSON.
const DEEPEST: usize = 4;
/// Most values of JSON that stand one behind the other.
const MOST_VALUES: usize = 10_000;
/// The names under which an object holds descriptions that may not say what they are.
const NAMES: [(&str, SdpType); 3] =
    [("offer", SdpType::Offer), ("answer", SdpType::Answer), ("pranswer", SdpType::Pranswer)];

/// A description out of a file.
#[derive(Debug, Clone)]
pub(crate) struct Described {
    /// Offer or answer, if the file says so.
    pub(crate) kind: Option<SdpType>,
    pub(crate) sdp: SessionDescription,
    /// Changes that an editor or a paste is assumed to have made. They are no faults of the description.
    pub(crate) taken: Vec<&'static str>,
}

/// What a file holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    pub(crate) described: Vec<Described>,
    /// What is there and describes nothing.
    pub(crate) nothing: Vec<&'static str>,
}

/// What a file holds: a description, or several, as text, JSON, or as a browser prints them.
///
/// # Errors
/// If it begins as none of these, or is JSON that is something else.
pub(crate) fn read(bytes: &[u8]) -> Result<Found, Error> {
    let mut found = Found::default();
    found.text(&text(bytes), None, 0)?;
    Ok(found)
}

/// Whether a description is within the limits of what is judged.
///
/// # Errors
/// The limit that it exceeds.
pub(crate) fn fits(sdp: &SessionDescription) -> io::Result<()> {
    Excess::of(sdp.as_str()).map_or(Ok(()), |excess| Err(io::Error::new(ErrorKind::FileTooLarge, excess)))
}

/// Whether something begins as a description, or as something that may hold some.
pub(crate) fn looks_like_one(start: &[u8]) -> bool {
    let start = text(start);
    let start = start.trim_start_matches('\u{feff}').trim_start();
    let inner = start.strip_prefix('"').unwrap_or(start);
    // Logs of browsers begin with a bracket too.
    let is_list = inner.strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with('{'));
    inner.starts_with("v=")
        || inner.starts_with('{')
        || is_list
        || start.starts_with("type:")
        || console::begins(start)
}

/// The text of a file. An editor of Windows may have written UTF-16 (with a byte order mark).
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    let unit: fn([u8; 2]) -> u16 = match bytes {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return String::from_utf8_lossy(bytes),
    };
    let (units, _) = bytes.as_chunks::<2>();
    String::from_utf16_lossy(&units.iter().map(|it| unit(*it)).collect::<Vec<u16>>()).into()
}

/// What there is to say of how a file was taken.
pub(crate) fn notices(file: &str, taken: &[&'static str]) -> impl Iterator<Item = String> {
    taken.iter().map(move |taken| format!("{file}: {taken}"))
}

impl Found {
    fn text(&mut self, text: &str, kind: Option<SdpType>, depth: usize) -> Result<(), Error> {
        let text = text.trim_start_matches('\u{feff}');
        let inner = text.trim_start();
        // A paste between quotation marks that is no JSON.
        let quoted = inner.strip_prefix('"').filter(|it| it.trim_start().starts_with("v="));
        let is_json = || serde_json::from_str::<String>(inner.trim_end()).is_ok();
        if inner.is_empty() {
            self.nothing.push("empty: it describes nothing");
        } else if inner.starts_with("v=") {
            self.described.push(pasted(kind, text));
        } else if let Some(inner) = quoted.filter(|_| !is_json()) {
            self.described.push(pasted(kind, inner.trim_end().trim_end_matches('"')));
        } else if let Some((kind, sdp)) = console::internals(inner) {
            self.text(sdp, Some(kind), depth + 1)?;
        } else {
            for value in values(inner)? {
                let read = self.value(value, kind, depth);
                read.map_err(|error| if depth == 0 { placed(error, text) } else { error })?;
            }
        }
        Ok(())
    }

    fn value(&mut self, value: Value, kind: Option<SdpType>, depth: usize) -> Result<(), Error> {
        if depth >= DEEPEST {
            return Err(Error::custom("descriptions lie too deep in it"));
        }
        match value {
            Value::String(text) => self.text(&text, kind, depth + 1),
            Value::Array(all) => all.into_iter().try_for_each(|one| self.value(one, kind, depth + 1)),
            Value::Object(all)
                if !all.is_empty() && all.keys().all(|key| NAMES.iter().any(|(name, _)| name == key)) =>
            {
                all.into_iter().try_for_each(|(key, one)| {
                    let kind = NAMES.iter().find(|(name, _)| *name == key).map(|(_, kind)| *kind);
                    self.value(one, kind, depth + 1)
                })
            }
            Value::Object(mut one) => {
                if let (Some(kind), false) = (kind, one.contains_key("type")) {
                    one.insert("type".to_owned(), serde_json::to_value(kind)?);
                }
                let has_sdp = one.contains_key("sdp");
                let one: Description = serde_json::from_value(Value::Object(one))?;
                if one.kind == SdpType::Rollback {
                    self.nothing.push("a rollback describes nothing");
                } else if !has_sdp {
                    return Err(Error::custom("it has a `type` and no `sdp`"));
                } else {
                    self.described.push(printed(one.kind, &one.sdp));
                }
                Ok(())
            }
            other => serde_json::from_value::<Description>(other).map(drop),
        }
    }
}

/// An error of a value, with the place in the text of what it names in backquotes, else of the first value.
fn placed(error: Error, text: &str) -> Error {
    if error.line() > 0 {
        return error;
    }
    let error = error.to_string();
    let named = error.split('`').nth(1).and_then(|name| text.find(&format!("\"{name}\"")));
    let at = named.unwrap_or(text.len() - text.trim_start().len());
    let before = text.get(..at).unwrap_or_default();
    let (line, column) = (before.matches('\n').count() + 1, before.rsplit('\n').next().unwrap_or_default());
    // This is how serde_json reads a place back.
    Error::custom(format!("{error} at line {line} column {}", column.chars().count() + 1))
}

/// The values of JSON in a text, one behind the other, or those of a browser's console.
fn values(text: &str) -> Result<Vec<Value>, Error> {
    let read = |text: &str| -> Result<Vec<Value>, Error> {
        let all = Deserializer::from_str(text).into_iter::<Value>().take(MOST_VALUES);
        all.collect()
    };
    read(text).or_else(|error| console::json(text).and_then(|json| read(&json).ok()).ok_or(error))
}

const OTHER_ENDS: &str = "its lines do not end with CR LF (RFC 8866 §5); it is read as if they did";
const INDENTED: &str = "its lines are indented; it is read as if they were not";
const ESCAPED: &str = "its line ends are written as \\r\\n; it is read as if they were line ends";

/// A description as a browser printed it, in which nothing but line ends can be another's doing.
fn printed(kind: SdpType, text: &str) -> Described {
    let (text, other_ends) = with_line_ends(text);
    let taken = other_ends.into_iter().collect();
    Described { kind: Some(kind), sdp: SessionDescription::parse(text), taken }
}

/// A description as it was pasted into a file.
fn pasted(kind: Option<SdpType>, text: &str) -> Described {
    let mut taken = Vec::new();
    let mut text = Cow::Borrowed(text);
    if !text.trim().contains(['\n', '\r']) && text.contains("\\n") {
        text = text.replace("\\r", "\r").replace("\\n", "\n").into();
        taken.push(ESCAPED);
    }
    let blank = |line: &str| line.trim().is_empty();
    let mut lines = text.lines().filter(|line| !blank(line));
    if lines.clone().count() > 1 && lines.all(|line| line.starts_with([' ', '\t'])) {
        let end = |line: &str| line.len() - line.trim_end_matches(['\r', '\n']).len();
        let bare = |line: &str| format!("{}{}", line.trim(), &line[line.len() - end(line)..]);
        text = text.split_inclusive('\n').map(bare).collect::<String>().into();
        taken.push(INDENTED);
    }
    let text = text.trim_start();
    // Blank lines behind it are the editor's. The end of the last line is the description's.
    let blank_from = text.trim_end().len();
    let end = text.get(blank_from..).unwrap_or_default();
    let kept = match end.find(['\r', '\n']) {
        Some(at) if end[at..].starts_with("\r\n") => at + 2,
        Some(at) => at + 1,
        None => end.len(),
    };
    let (text, other_ends) = with_line_ends(text.get(..blank_from + kept).unwrap_or(text));
    taken.extend(other_ends);
    Described { kind, sdp: SessionDescription::parse(text), taken }
}

/// The text with CR LF behind each line, if no line ends so.
fn with_line_ends(text: &str) -> (String, Option<&'static str>) {
    if text.contains("\r\n") {
        return (text.to_owned(), None);
    }
    let mut lines = text.trim_end().replace(['\r', '\n'], "\r\n");
    lines.push_str("\r\n");
    (lines, Some(OTHER_ENDS))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The descriptions of a text by type and lines, with what was taken for another's doing.
    fn all(text: &str) -> Vec<(Option<SdpType>, String, Vec<&'static str>)> {
        let found = read(text.as_bytes()).unwrap();
        found.described.into_iter().map(|one| (one.kind, one.sdp.as_str().to_owned(), one.taken)).collect()
    }

    const SDP: &str = "v=0\r\ns=-\r\n";

    #[test]
    fn descriptions_are_recognised_and_captures_are_not() {
        for text in [
            "v=0\r\n",
            "\u{feff}v=0",
            " {\"type\":",
            "[{",
            "\"v=0\\r\\n",
            "\"{\\\"type\\\"",
            "type: offer, sdp: v=0",
            "RTCSessionDescription {type: 'offer'",
            "RTCSessionDescription { type:",
        ] {
            assert!(looks_like_one(text.as_bytes()), "{text}");
        }
        assert!(looks_like_one(b"\xff\xfev\0=\x000\0"), "UTF-16");
        let log = b"[12896:12926:1129/044445.206157:VERBOSE1:srtp_session.cc:549]";
        let captures = [&[0x0a, 0x0d, 0x0d, 0x0a][..], &[0xd4, 0xc3, 0xb2, 0xa1], &[0xa1, 0xb2, 0xc3, 0xd4]];
        for bytes in captures.into_iter().chain([&b""[..], b"CLIENT_RANDOM", log, b"\"a,b\"", b"\xff\xfe"]) {
            assert!(!looks_like_one(bytes), "{bytes:?}");
        }
    }

    #[test]
    fn what_an_editor_did_is_no_fault_of_the_description() {
        for (text, taken) in [
            (SDP, None),
            ("v=0\ns=-\n", Some(OTHER_ENDS)),
            ("v=0\rs=-", Some(OTHER_ENDS)),
            ("\r\n\r\nv=0\r\ns=-\r\n\r\n \r\n", None),
            ("    v=0\r\n    s=-\r\n", Some(INDENTED)),
            ("v=0\\r\\ns=-\\r\\n", Some(ESCAPED)),
            ("\"v=0\r\ns=-\r\n\"", None),
        ] {
            assert_eq!(all(text), [(None, SDP.to_owned(), taken.into_iter().collect())], "{text:?}");
        }
        let utf16: Vec<u8> = "\u{feff}v=0\r\ns=-\r\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(read(&utf16).unwrap().described[0].sdp.as_str(), SDP);
    }

    #[test]
    fn what_may_be_a_fault_stays_one() {
        // The last line does not end; one line is indented; a browser printed a blank line.
        for text in ["v=0\r\ns=-", "v=0\r\n s=-\r\n"] {
            assert_eq!(all(text), [(None, text.to_owned(), Vec::new())]);
        }
        let blank = r#"{"type":"offer","sdp":"v=0\r\ns=-\r\n\r\n"}"#;
        assert_eq!(all(blank)[0].1, "v=0\r\ns=-\r\n\r\n");
    }

    #[test]
    fn what_browsers_print_is_read_with_its_type() {
        let (offer, answer) = (Some(SdpType::Offer), Some(SdpType::Answer));
        let one = r#"{"type":"offer","sdp":"v=0\r\ns=-\r\n"}"#;
        let other = r#"{"type":"answer","sdp":"v=0\r\ns=-\r\n"}"#;
        let console = r"{type: 'offer', sdp: 'v=0\r\ns=-\r\n'}";
        let kinds = |text: &str| -> Vec<Option<SdpType>> {
            let all = all(text);
            assert!(all.iter().all(|(_, sdp, _)| sdp == SDP), "{text}: {all:?}");
            all.into_iter().map(|(kind, ..)| kind).collect()
        };
        for text in [
            one.to_owned(),
            serde_json::to_string(one).unwrap(),
            console.to_owned(),
            format!("RTCSessionDescription {console}"),
            format!("type: offer, sdp: {SDP}"),
            format!(r#"{{"offer":{one}}}"#),
            r#"{"offer":"v=0\r\ns=-\r\n"}"#.to_owned(),
            r#"{"offer":{"sdp":"v=0\r\ns=-\r\n"}}"#.to_owned(),
        ] {
            assert_eq!(kinds(&text), [offer], "{text}");
        }
        for text in [
            format!("[{one},{other}]"),
            format!("{one}\n{other}\n"),
            format!(r#"{{"offer":{one},"answer":{other}}}"#),
            format!("{console}\n{}", console.replace("offer", "answer")),
        ] {
            assert_eq!(kinds(&text), [offer, answer], "{text}");
        }
        assert_eq!(kinds(&serde_json::to_string(SDP).unwrap()), [None]);
    }

    #[test]
    fn what_describes_nothing_is_named() {
        let nothing = |text: &str| read(text.as_bytes()).unwrap().nothing;
        assert_eq!(nothing(r#"[{"type":"rollback","sdp":""},{"type":"rollback"}]"#).len(), 2);
        assert_eq!(nothing(" \r\n"), ["empty: it describes nothing"]);
        assert_eq!(nothing(r#"{"type":"offer","sdp":"v=0\r\n"}"#), [""; 0]);
    }

    #[test]
    fn what_is_something_else_is_refused() {
        let deep = "[".repeat(6) + &"]".repeat(6);
        for (text, why) in [
            (r#"{"a":1}"#, "unknown field `a`"),
            ("m=audio", "expected value"),
            (r#"{"type":"offer"}"#, "no `sdp`"),
            (r#"{"type":"ofer","sdp":"v=0\r\n"}"#, "unknown variant `ofer`"),
            (r#"{"sdp":"v=0\r\n"}"#, "missing field `type`"),
            ("7", "invalid type"),
            (&deep, "too deep"),
            ("{type: 'offer", "key must be a string"),
        ] {
            let error = read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
        let place = |text: &str| {
            let error = read(text.as_bytes()).unwrap_err();
            (error.line(), error.column())
        };
        assert_eq!(place("{\n  \"type\": \"offer\",\n  \"description\": {}\n}"), (3, 3));
        assert_eq!(place("\n {\"sdp\":\"v=0\\r\\n\"}"), (2, 2));
    }
}
