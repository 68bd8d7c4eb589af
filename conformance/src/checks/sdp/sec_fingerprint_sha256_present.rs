//! RFC 8122 §5.1: of the fingerprints that hold for a section one is of SHA-256, or at least of something stronger.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "sec-fingerprint-sha256-present",
    layer: Layer::Sdp,
    subject: "fingerprints of media sections",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        for (index, section) in made.sdp.media().enumerate() {
            if section.is_rejected() {
                continue;
            }
            let all = made.sdp.effective_all(index, "fingerprint");
            let Some(first) = all.first() else { continue };
            let place: Place = look::line(made, first.attribute.line);
            let hashes: Vec<_> = all.iter().filter_map(|it| it.attribute.value?.split(' ').next()).collect();
            let has = |hash: &str| hashes.iter().any(|it| it.eq_ignore_ascii_case(hash));
            if has("sha-256") {
                tally.pass(place);
            } else if has("sha-384") || has("sha-512") {
                tally.warn(
                    Fault("no-sha-256"),
                    format!("no sha-256 fingerprint, only {}", hashes.join(", ")),
                    [place],
                );
            } else {
                tally.fail(
                    Fault("weak-hashes-alone"),
                    format!("the only fingerprints are of {}", hashes.join(", ")),
                    [place],
                );
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, sdp};

    /// Makes the only fingerprints ones of SHA-1.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        sdp::edit_fingerprints(&mut evidence.descriptions[0].sdp, |_, digest| {
            ("sha-1".to_owned(), digest[..20 * 3 - 1].to_owned())
        });
    })
    .and(&[Mutation::new(
        Recording::Descriptions,
        "no sha-256 fingerprint, only sha-384",
        |evidence| {
            sdp::edit_fingerprints(&mut evidence.descriptions[0].sdp, |_, digest| {
                ("sha-384".to_owned(), format!("{digest}:{}", &digest[..16 * 3 - 1]))
            });
        },
    )]);
}
