//! Edits of descriptions.

use crate::evidence::{Description, Evidence};
use peerproof_captures::sdp::SessionDescription;

/// Says everything again, with higher session versions: a renegotiation that changes nothing.
pub(in crate::checks) fn renegotiate(evidence: &mut Evidence) {
    let last = evidence.timeline.last().unwrap().n;
    let again: Vec<Description> = evidence.descriptions.clone();
    for (n, mut made) in again.into_iter().enumerate() {
        made.entry = last + 1 + n as u64;
        let origin = made.sdp.origin().unwrap().value.unwrap();
        let mut next = origin.clone();
        next.session_version = (origin.session_version.parse::<u64>().unwrap() + 1).to_string();
        super::replace(&mut made.sdp, &origin.to_string(), &next.to_string());
        evidence.descriptions.push(made);
    }
}

/// Changes the first digits of the fingerprints of a description on the way.
pub(in crate::checks) fn change_fingerprints(made: &mut Description) {
    let mut delivered = made.sdp.clone();
    edit_fingerprints(&mut delivered, |hash, digest| {
        let first = if digest.starts_with('0') { "1" } else { "0" };
        (hash.to_owned(), format!("{first}{}", &digest[1..]))
    });
    made.delivered = Some(delivered);
}

/// Edits one media section alone.
pub(in crate::checks) fn edit_section(
    sdp: &mut SessionDescription,
    index: usize,
    edit: impl FnOnce(&str) -> String,
) {
    let text = sdp.as_str();
    let starts: Vec<usize> = text.match_indices("\nm=").map(|(at, _)| at + 1).collect();
    let (start, end) = (starts[index], starts.get(index + 1).copied().unwrap_or(text.len()));
    let edited = edit(&text[start..end]);
    assert_ne!(edited, text[start..end], "nothing was edited");
    *sdp = SessionDescription::parse(format!("{}{edited}{}", &text[..start], &text[end..]));
}

/// Leaves out of a media section the lines that begin so.
pub(in crate::checks) fn without(section: &str, begins: &[&str]) -> String {
    let kept = |line: &&str| !begins.iter().any(|begin| line.starts_with(begin));
    section.split_inclusive("\r\n").filter(kept).collect()
}

/// Adds a second video section to the offer as the policy `balanced` wants it: bundle-only, without a transport.
pub(in crate::checks) fn add_bundle_only_section(sdp: &mut SessionDescription) {
    let text = sdp.as_str();
    let video = &text[text.find("m=video").unwrap()..];
    let second =
        video.replacen("m=video 9 ", "m=video 0 ", 1).replacen("a=mid:1", "a=bundle-only\r\na=mid:2", 1);
    let transport = [
        "a=ice-ufrag",
        "a=ice-pwd",
        "a=ice-options",
        "a=fingerprint",
        "a=setup",
        "a=rtcp:",
        "a=rtcp-mux",
        "a=ssrc",
    ];
    let text = text.replacen("a=group:BUNDLE 0 1", "a=group:BUNDLE 0 1 2", 1);
    *sdp = SessionDescription::parse(format!("{text}{}", without(&second, &transport)));
}

/// Edits the hash function and the digest of each fingerprint.
pub(in crate::checks) fn edit_fingerprints(
    sdp: &mut SessionDescription,
    edit: impl Fn(&str, &str) -> (String, String),
) {
    let lines = sdp.as_str().split_inclusive("\r\n").map(|line| {
        let value = line.strip_prefix("a=fingerprint:").map(str::trim_end);
        match value.and_then(|value| value.split_once(' ')) {
            Some((hash, digest)) => {
                let (hash, digest) = edit(hash, digest);
                format!("a=fingerprint:{hash} {digest}\r\n")
            }
            None => line.to_owned(),
        }
    });
    *sdp = SessionDescription::parse(lines.collect::<String>());
}

/// As if the first peer sent two sizes of its video, and the other took both.
pub(in crate::checks) fn simulcast(evidence: &mut Evidence) {
    let lines = |own: &str| format!("a=rid:hi {own}\r\na=rid:lo {own}\r\na=simulcast:{own} hi;lo\r\n");
    for (made, own) in evidence.descriptions.iter_mut().zip(["send", "recv"]) {
        edit_section(&mut made.sdp, 1, |section| format!("{section}{}", lines(own)));
    }
}
