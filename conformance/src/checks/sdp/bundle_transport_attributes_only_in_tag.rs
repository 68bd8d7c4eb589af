//! RFC 9143 §7.1.3, RFC 9429 §5.2.2 and §5.3.1: in answers and later offers the attributes of the transport stand in
//! the tagged section of a BUNDLE group alone.

use super::look;
use crate::checks::{Check, Fault, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::SdpType;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "bundle-transport-attributes-only-in-tag",
    layer: Layer::Sdp,
    subject: "bundled sections",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    const TRANSPORT: [&str; 9] = [
        "ice-ufrag",
        "ice-pwd",
        "candidate",
        "end-of-candidates",
        "fingerprint",
        "setup",
        "tls-id",
        "rtcp-mux",
        "rtcp-rsize",
    ];
    let initial: BTreeSet<u64> = look::initial_offers(evidence, peer).map(|offer| offer.entry).collect();
    for made in evidence.generated_by(peer) {
        // Of a capture that may have begun late no offer is known to be a later one.
        if made.kind == SdpType::Offer && (initial.contains(&made.entry) || !evidence.whole) {
            continue;
        }
        for section in made.sdp.media().filter(|section| !section.is_rejected()) {
            let Some(index) = section.index().filter(|it| look::transport_of(&made.sdp, *it) != *it) else {
                continue;
            };
            match section.attributes().find(|it| TRANSPORT.contains(&it.name)) {
                None => tally.pass(look::media_line(made, &section)),
                Some(own) => tally.fail(
                    Fault("own-transport-attributes"),
                    format!(
                        "section {index} of the {} is bundled, and has a={} of its own",
                        made.kind, own.name
                    ),
                    [look::line(made, own.line)],
                ),
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, sdp};
    use crate::evidence::Evidence;

    /// Takes the transport away from the second section of the answer.
    fn bundle(evidence: &mut Evidence) {
        let transport =
            ["a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "a=setup", "a=rtcp-mux", "a=rtcp-rsize"];
        sdp::edit_section(&mut evidence.descriptions[1].sdp, 1, |section| sdp::without(section, &transport));
    }

    /// Copies the credentials of the tagged section into it.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, bundle, |evidence| {
        let credentials = "a=ice-ufrag:sKQj\r\na=ice-pwd:KjurfvHf/G6dG0SZ4p5CHJDI\r\na=mid:1\r\n";
        sdp::edit_section(&mut evidence.descriptions[1].sdp, 1, |section| {
            section.replace("a=mid:1\r\n", credentials)
        });
    });
}
