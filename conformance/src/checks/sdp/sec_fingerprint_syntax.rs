//! RFC 8122 §5: a digest is written in upper-case hexadecimal bytes with colons between them, as many as the hash
//! function yields.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::Fingerprint;

pub(super) const CHECK: Check = Check {
    id: "sec-fingerprint-syntax",
    layer: Layer::Sdp,
    subject: "fingerprints",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        for section in std::iter::once(made.sdp.session()).chain(made.sdp.media()) {
            for attribute in section.named("fingerprint") {
                let place: Place = look::line(made, attribute.line);
                let Some((hash, digest)) = attribute.value.and_then(|value| value.split_once(' ')) else {
                    tally.fail(
                        Fault("no-digest"),
                        "a fingerprint is not a hash function and a digest",
                        [place],
                    );
                    continue;
                };
                let bytes = digest.split(':').count();
                if let Some(fault) = fault(digest) {
                    tally.fail(Fault("digest-syntax"), format!("a {hash} fingerprint {fault}"), [place]);
                } else if let Some(length) = Fingerprint::digest_length(hash) {
                    tally.judge(Fault("digest-length"), bytes == length, place, || {
                        format!("a {hash} fingerprint has {bytes} bytes, not {length}")
                    });
                } else {
                    tally.inconclusive(format!("how long a digest of {hash} is, is not known"), [place]);
                }
            }
        }
    }
}

fn fault(digest: &str) -> Option<&'static str> {
    let is_pair = |pair: &str| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !digest.split(':').all(is_pair) {
        Some("is not bytes of two hexadecimal digits with colons between them")
    } else if digest.bytes().any(|byte| byte.is_ascii_lowercase()) {
        Some("has lower-case digits")
    } else {
        None
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, line_of, replace_all, sdp};

    /// Writes the digits in lower case, which is not the grammar either.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        sdp::edit_fingerprints(&mut evidence.descriptions[0].sdp, |hash, digest| {
            (hash.to_owned(), digest.to_ascii_lowercase())
        });
    })
    .also_breaks(&["sdp-grammar-strict"])
    .and(&[
        Mutation::new(Recording::Descriptions, "is not a hash function and a digest", |evidence| {
            let offer = &mut evidence.descriptions[0].sdp;
            let (_, line) = line_of(offer, "a=fingerprint:");
            replace_all(offer, &line, "a=fingerprint:sha-256");
        })
        .also_breaks(&["sdp-grammar-strict"]),
        Mutation::new(Recording::Descriptions, "has 31 bytes, not 32", |evidence| {
            sdp::edit_fingerprints(&mut evidence.descriptions[0].sdp, |hash, digest| {
                (hash.to_owned(), digest[3..].to_owned())
            });
        })
        .also_breaks(&["sdp-grammar-strict"]),
        Mutation::new(Recording::Descriptions, "is not bytes of two hexadecimal digits", |evidence| {
            sdp::edit_fingerprints(&mut evidence.descriptions[0].sdp, |hash, digest| {
                (hash.to_owned(), digest.replacen(':', "", 1))
            });
        })
        .also_breaks(&["sdp-grammar-strict"]),
    ]);
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn a_digest_is_bytes_in_upper_case_with_colons() {
        assert_eq!(fault("0A:FF"), None);
        assert_eq!(fault("0a:FF"), Some("has lower-case digits"));
        for broken in ["", "0A:", "0AFF", "0A:F", "0A FF", "0A:GG"] {
            assert!(fault(broken).is_some_and(|fault| fault.starts_with("is not")), "{broken}");
        }
    }
}
