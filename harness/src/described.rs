//! Session descriptions as people keep them: the text, or the JSON that a browser prints, with whatever line ends an editor left.

use peerproof_captures::event::{Description, SdpType};
use peerproof_captures::sdp::SessionDescription;
use serde_json::Value;

/// A description out of a file.
#[derive(Debug, Clone)]
pub(crate) struct Described {
    /// Offer or answer, if the file says so.
    pub(crate) kind: Option<SdpType>,
    pub(crate) sdp: SessionDescription,
    /// Whether its lines ended otherwise than by CR LF (RFC 8866 §5). They are taken as if they did: that is the editor's doing.
    pub(crate) has_other_ends: bool,
}

/// What a text holds: a description, or JSON with one (`{"type", "sdp"}`) or several, without rollbacks.
///
/// # Errors
/// If it begins as neither, or the JSON is something else.
pub(crate) fn read(text: &str) -> Result<Vec<Described>, serde_json::Error> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with("v=") {
        return Ok(vec![described(None, text)]);
    }
    let value: Value = serde_json::from_str(text)?;
    let all: Vec<Description> = match value.is_array() {
        true => serde_json::from_value(value)?,
        false => vec![serde_json::from_value(value)?],
    };
    let given = all.iter().filter(|one| one.kind != SdpType::Rollback);
    Ok(given.map(|one| described(Some(one.kind), &one.sdp)).collect())
}

/// Whether something begins as a description, or as JSON that may hold some.
pub(crate) fn looks_like_one(start: &[u8]) -> bool {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    // Logs of browsers begin with a bracket too.
    let is_list = start.strip_prefix(b"[").is_some_and(|rest| rest.trim_ascii_start().starts_with(b"{"));
    start.starts_with(b"v=") || start.starts_with(b"{") || is_list
}

fn described(kind: Option<SdpType>, text: &str) -> Described {
    if text.contains("\r\n") {
        return Described { kind, sdp: SessionDescription::parse(text), has_other_ends: false };
    }
    let mut lines = text.trim_end().replace(['\r', '\n'], "\r\n");
    lines.push_str("\r\n");
    Described { kind, sdp: SessionDescription::parse(lines), has_other_ends: true }
}

/// What there is to say of the line ends of a file.
pub(crate) fn other_ends(file: &str) -> String {
    format!("{file}: its lines do not end with CR LF (RFC 8866 §5); it is read as if they did")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_recognised_and_captures_are_not() {
        for text in ["v=0\r\n", "\u{feff}v=0", " {\"type\":", "[{"] {
            assert!(looks_like_one(text.as_bytes()), "{text}");
        }
        let log = b"[12896:12926:1129/044445.206157:VERBOSE1:srtp_session.cc:549]";
        for bytes in [&[0x0a, 0x0d, 0x0d, 0x0a][..], &[0xd4, 0xc3, 0xb2, 0xa1], b"", b"CLIENT_RANDOM", log] {
            assert!(!looks_like_one(bytes));
        }
    }

    #[test]
    fn line_ends_of_an_editor_are_no_fault_of_the_description() {
        for (text, other) in [("v=0\ns=-\n", true), ("v=0\r\ns=-\r\n", false), ("v=0\rs=-", true)] {
            let read = read(text).unwrap().remove(0);
            assert_eq!(read.sdp.session().lines_of('s').count(), 1, "{text:?}");
            assert_eq!(read.has_other_ends, other, "{text:?}");
        }
    }

    #[test]
    fn json_says_what_is_an_offer() {
        let kinds =
            |text: &str| -> Vec<Option<SdpType>> { read(text).unwrap().iter().map(|one| one.kind).collect() };
        assert_eq!(kinds(r#"{"type":"answer","sdp":"v=0\r\n"}"#), [Some(SdpType::Answer)]);
        let both = r#"[{"type":"offer","sdp":"v=0\r\n"},{"type":"rollback","sdp":""},{"type":"answer","sdp":"v=0\n"}]"#;
        assert_eq!(kinds(both), [Some(SdpType::Offer), Some(SdpType::Answer)]);
        assert!(read("{\"a\":1}").is_err() && read("m=audio").is_err());
    }
}
