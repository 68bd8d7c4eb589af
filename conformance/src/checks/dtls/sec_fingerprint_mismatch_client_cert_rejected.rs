//! RFC 8122 §6.2: "If the certificate … does not match the fingerprint, … the media connection MUST be terminated": here by the DTLS server, of the
//! client's certificate.

use super::mismatch::{self, Judge};
use crate::checks::{Check, Fault, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "sec-fingerprint-mismatch-client-cert-rejected",
    layer: Layer::Dtls,
    subject: "certificates of clients that do not match",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally
        .not_applicable("the client's certificate has a fingerprint that the peer received, or is not known");
    let Some(mismatch) = mismatch::of(evidence, peer, Judge::Server) else { return };
    if let Some(place) = mismatch.connected {
        tally.fail(
            Fault("connected"),
            "the DTLS transport is connected, although the certificate has none of the fingerprints",
            [place, mismatch.certificate],
        );
    }
    if let Some(place) = mismatch.sent {
        tally.fail(
            Fault("sent"),
            "media or data is sent, although the certificate has none of the fingerprints",
            [place, mismatch.certificate],
        );
    }
    match mismatch.refused {
        _ if mismatch.connected.or(mismatch.sent).is_some() => {}
        Some(place) => tally.pass(place),
        None => tally.inconclusive("the recording ends before the peer refuses", [mismatch.certificate]),
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording};
    use crate::checks::dtls::mismatch::{Judge, edits};
    use crate::evidence::Evidence;

    fn refuse(evidence: &mut Evidence) {
        edits::refuse(evidence, Judge::Server);
    }

    /// Has the server connect all the same.
    pub(super) const CONTROL: Control =
        Control::prepared(Recording::Data, refuse, |evidence| edits::connect(evidence, Judge::Server)).and(
            &[Mutation::new(Recording::Data, "media or data is sent", |evidence| {
                edits::send(evidence, Judge::Server);
            })
            .prepared(refuse)
            .also_breaks(&["sctp-both-sides-initiate"])],
        );
}
