//! What is wrong with expectations although all their types are right.

use super::known_peer;
use crate::scenario::document::{Document, ValuePath};
use crate::scenario::error::{ScenarioError, nearest};
use crate::scenario::model::Scenario;
use peerproof_conformance::expect::WireMatch;

/// Most words that a help lists.
const MOST_WORDS: usize = 16;

/// Checks what must have been on the wire.
pub(super) fn wire(
    document: &Document,
    scenario: &Scenario,
    expected: &[WireMatch],
    path: &ValuePath,
) -> Vec<ScenarioError> {
    let mut errors = Vec::new();
    for (n, expected) in expected.iter().enumerate() {
        let path = path.index(n);
        errors.extend(known_peer(document, scenario, &expected.from, &path.key("from")).err());
        for trouble in expected.troubles() {
            let place = if trouble.key.is_empty() { path.clone() } else { path.key(trouble.key) };
            let written = match trouble.key {
                "stun" => expected.stun.as_deref(),
                "dtls" => expected.dtls.as_deref(),
                "srtp" => expected.srtp.as_deref(),
                "srtcp" => expected.srtcp.as_deref(),
                "rtcp" => expected.rtcp.as_deref(),
                "sctp" => expected.sctp.as_deref(),
                "dcep" => expected.dcep.as_deref(),
                "level" => expected.level.as_deref(),
                _ => None,
            };
            let words = || trouble.words.iter().map(String::as_str);
            let near = written.and_then(|written| nearest(written, words()));
            let help = match near {
                Some(near) => Some(format!("did you mean `{near}`?")),
                None if trouble.words.is_empty() => None,
                None => {
                    let listed: Vec<&str> = words().take(MOST_WORDS).collect();
                    let more = if trouble.words.len() > MOST_WORDS { ", …" } else { "" };
                    Some(format!("known: {}{more}", listed.join(", ")))
                }
            };
            errors.push(document.error(&place, trouble.message, help));
        }
    }
    errors
}
