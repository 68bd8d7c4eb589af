//! What is read from and done to descriptions on their way out.

use crate::workarounds::{Workaround, Workarounds};

/// The value of the first `a=name:` line.
pub(super) fn attribute<'a>(sdp: &'a str, name: &str) -> Option<&'a str> {
    sdp.lines().find_map(|line| line.trim_end().strip_prefix("a=")?.strip_prefix(name)?.strip_prefix(':'))
}

/// The media sections' MIDs, in order.
pub(super) fn mids(sdp: &str) -> Vec<&str> {
    sdp.split("\nm=").skip(1).map(|section| attribute(section, "mid").unwrap_or_default()).collect()
}

/// The DTLS role that a description takes: `active` or `passive`; nothing if it leaves the choice.
pub(super) fn own_setup(sdp: &str) -> Option<&'static str> {
    match attribute(sdp, "setup") {
        Some("active") => Some("active"),
        Some("passive") => Some("passive"),
        _ => None,
    }
}

/// The DTLS role that a description leaves to its receiver.
pub(super) fn other_setup(sdp: &str) -> Option<&'static str> {
    own_setup(sdp).map(|role| if role == "active" { "passive" } else { "active" })
}

/// A description that takes this DTLS role.
pub(super) fn with_setup(sdp: &str, role: &str) -> String {
    let line = |line: &str| {
        if line.starts_with("a=setup:") { format!("a=setup:{role}\r\n") } else { line.to_owned() }
    };
    sdp.split_inclusive("\r\n").map(line).collect()
}

/// The component of a candidate-attribute.
pub(super) fn component(candidate: &str) -> Option<u16> {
    candidate.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// A description of the crate as it is handed out.
pub(super) fn outward(raw: &str, workarounds: &Workarounds, fingerprint: Option<&str>) -> String {
    let mut lines: Vec<String> = Vec::new();
    let filter = workarounds.has(Workaround::RtcpComponentFilter);
    let trickle = workarounds.has(Workaround::TrickleOption) && attribute(raw, "ice-options").is_none();
    let mut in_media = false;
    for line in raw.lines() {
        if line.starts_with("m=") && !in_media {
            in_media = true;
            if trickle {
                lines.push("a=ice-options:trickle".to_owned());
            }
        }
        let is_second = line.strip_prefix("a=candidate:").is_some_and(|rest| component(rest) == Some(2));
        if filter && is_second {
            continue;
        }
        lines.push(match (line.strip_prefix("a=fingerprint:"), fingerprint) {
            (Some(_), Some(other)) => format!("a=fingerprint:sha-256 {other}"),
            _ => line.to_owned(),
        });
    }
    lines.push(String::new());
    lines.join("\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SDP: &str = "v=0\r\ns=-\r\na=fingerprint:sha-256 AA\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n\
                       a=mid:0\r\na=ice-ufrag:abcd\r\na=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n\
                       a=candidate:1 2 udp 1 192.0.2.1 1 typ host\r\n";

    #[test]
    fn attributes_are_found() {
        assert_eq!(attribute(SDP, "ice-ufrag"), Some("abcd"));
        assert_eq!(attribute(SDP, "ice"), None);
        assert_eq!(mids(SDP), ["0"]);
        assert_eq!(mids("v=0\r\nm=audio 9 X 0\r\na=mid:a\r\nm=video 9 X 0\r\na=mid:b\r\n"), ["a", "b"]);
    }

    #[test]
    fn the_dtls_role_is_read_and_written() {
        let offer = "v=0\r\nm=audio 9 X 0\r\na=setup:actpass\r\n";
        assert_eq!((own_setup(offer), other_setup(offer)), (None, None));
        let active = with_setup(offer, "active");
        assert_eq!((own_setup(&active), other_setup(&active)), (Some("active"), Some("passive")));
        assert_eq!(active.len(), offer.len() - 1);
    }

    #[test]
    fn a_description_goes_out_with_trickle_and_without_the_second_component() {
        let out = outward(SDP, &Workarounds::all(), Some("BB"));
        assert!(out.contains("a=ice-options:trickle\r\nm=application"), "{out}");
        assert_eq!(out.matches("a=candidate:").count(), 1);
        assert!(out.contains("sha-256 BB\r\n") && out.ends_with("host\r\n"));
    }

    #[test]
    fn without_work_arounds_a_description_goes_out_as_it_is() {
        assert_eq!(outward(SDP, &Workarounds::none(), None), SDP);
    }
}
