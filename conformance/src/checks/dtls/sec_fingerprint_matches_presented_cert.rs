//! RFC 8842 §5.1, RFC 8122 §6.2: the certificate that a peer presents has a fingerprint of its description.

use crate::checks::media::is_among;
use crate::checks::sdp::look;
use crate::checks::transports::{Apart, Indices};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Handshake, Peer, digest};
use crate::verdict::Layer;
use peerproof_captures::sdp::{Fingerprint, SessionDescription};
use peerproof_captures::wire::dtls::Version;
use peerproof_captures::wire::dtls::handshake::{Body, HandshakeType};
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "sec-fingerprint-matches-presented-cert",
    layer: Layer::Dtls,
    subject: "certificates",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for handshake in evidence.handshakes(peer) {
        of_one(evidence, peer, &handshake, tally);
    }
}

fn of_one(evidence: &Evidence, peer: Peer, handshake: &Handshake, tally: &mut Tally) {
    let stated = Apart::new(evidence, |among| -> Vec<Fingerprint> {
        evidence.made_by(peer).flat_map(|made| fingerprints(&made.sdp, among)).collect()
    });
    let mut presented = false;
    for (message, body) in handshake.bodies().filter(|(message, _)| message.sender == peer) {
        let Body::Certificate(certificate) = body else { continue };
        presented = true;
        let place = Place::Frame(message.frame);
        let Some(leaf) = certificate.entries().next() else {
            tally.inconclusive("the peer presented an empty list of certificates", [place]);
            continue;
        };
        if stated.is_empty() {
            tally.inconclusive("no description with the peer's fingerprints is in the recording", [place]);
            continue;
        }
        let matches = |it: &Fingerprint| digest(&it.hash, leaf.data.value).as_deref() == Some(&it.bytes[..]);
        tally.judge(Fault("other-certificate"), stated.iter().any(matches), place, || {
            "the certificate presented has none of the fingerprints of the peer's descriptions".to_owned()
        });
    }
    let encrypted = handshake.version == Some(Version::Dtls13);
    let verified = handshake.messages.iter().find(|it| it.kind() == HandshakeType::ServerHello);
    if let (true, false, Some(hello)) = (encrypted, presented, verified) {
        tally.inconclusive("the certificate of DTLS 1.3 could not be decrypted", [Place::Frame(hello.frame)]);
    }
}

/// The fingerprints that hold for these sections: those of the tagged section hold for all of its BUNDLE group.
fn fingerprints(sdp: &SessionDescription, among: Option<&Indices>) -> Vec<Fingerprint> {
    let tags: Option<BTreeSet<usize>> =
        among.map(|among| among.iter().flat_map(|index| [*index, look::transport_of(sdp, *index)]).collect());
    let sections = sdp.media().filter(|section| is_among(section, tags.as_ref()));
    let sections = sections.flat_map(|section| section.fingerprints());
    sdp.session().fingerprints().into_iter().chain(sections).collect()
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, line_of};

    /// Changes one digit of the fingerprint in the offer.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        let offer = &mut evidence.descriptions[0].sdp;
        let (number, mut line) = line_of(offer, "a=fingerprint:sha-256");
        let last = if line.ends_with('0') { '1' } else { '0' };
        line.pop();
        line.push(last);
        *offer = offer.with_line_replaced(number, &line);
    })
    .also_breaks(&["sec-fingerprint-mismatch-server-cert-rejected"]);
}
