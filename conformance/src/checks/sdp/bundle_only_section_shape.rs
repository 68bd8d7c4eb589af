//! RFC 9143 §7.2 and §7.1.3: in an initial offer a bundle-only section has port zero and no transport of its own, and
//! does not come first in its group.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "bundle-only-section-shape",
    layer: Layer::Sdp,
    subject: "bundle-only sections of initial offers",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    const TRANSPORT: [&str; 8] =
        ["ice-ufrag", "ice-pwd", "candidate", "fingerprint", "setup", "tls-id", "rtcp", "rtcp-mux"];
    for offer in look::first_offers(evidence, peer) {
        let first: Vec<_> =
            look::groups(offer).into_iter().filter_map(|(group, _)| group.tags.into_iter().next()).collect();
        for section in offer.sdp.media().filter(|section| section.has("bundle-only")) {
            let place: Place = look::media_line(offer, &section);
            let own = section.attributes().find(|it| TRANSPORT.contains(&it.name));
            if !look::has_port_zero(&section) {
                tally.fail(
                    Fault("port-not-zero"),
                    "a bundle-only section is offered with another port than 0",
                    [place],
                );
            } else if let Some(own) = own {
                tally.fail(
                    Fault("own-transport-attributes"),
                    format!("a bundle-only section has a={} of its own", own.name),
                    [look::line(offer, own.line)],
                );
            } else {
                let mid = section.mid().unwrap_or_default();
                tally.judge(Fault("first-of-group"), !first.contains(&mid), place, || {
                    format!("the bundle-only section {mid} comes first in its group")
                });
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace, sdp};
    use crate::evidence::Evidence;

    /// Offers a second video section, bundle-only.
    fn offer_two(evidence: &mut Evidence) {
        sdp::add_bundle_only_section(&mut evidence.descriptions[0].sdp);
    }

    /// Sets a port.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, offer_two, |evidence| {
        sdp::edit_section(&mut evidence.descriptions[0].sdp, 2, |section| {
            section.replace("m=video 0 ", "m=video 9 ")
        });
    })
    .also_breaks(&["jsep-balanced-bundle-only"])
    .and(&[
        Mutation::new(Recording::Descriptions, "has a=setup of its own", |evidence| {
            sdp::edit_section(&mut evidence.descriptions[0].sdp, 2, |section| {
                format!("{section}a=setup:actpass\r\n")
            });
        })
        .prepared(offer_two),
        Mutation::new(Recording::Descriptions, "comes first in its group", |evidence| {
            replace(&mut evidence.descriptions[0].sdp, "a=group:BUNDLE 0 1 2", "a=group:BUNDLE 2 0 1");
        })
        .prepared(offer_two)
        .also_breaks(&[
            "ice-credentials-wellformed",
            "sec-dtls-srtp-offered-for-every-media",
            "trickle-option-announced",
        ]),
    ]);
}
