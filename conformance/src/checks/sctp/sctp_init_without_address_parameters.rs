//! RFC 8261 §6.1: over DTLS, INIT and INIT ACK have no parameters of IP addresses.

use super::chunks;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::sctp::{Body, ParameterType};

pub(super) const CHECK: Check = Check {
    id: "sctp-init-without-address-parameters",
    layer: Layer::Sctp,
    subject: "INITs and INIT ACKs",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for (packet, body) in chunks(evidence, peer).filter(|(packet, _)| packet.sender == peer) {
        let (Body::Init(init) | Body::InitAck(init)) = body else { continue };
        let is_init = matches!(body, Body::Init(_));
        let found = init.parameters.iter().map(|parameter| parameter.kind.value).find(|kind| match kind {
            ParameterType::Ipv4Address | ParameterType::Ipv6Address => true,
            ParameterType::SupportedAddressTypes => is_init,
            _ => false,
        });
        let place = Place::Frame(packet.frame);
        match found {
            None => tally.pass(place),
            Some(kind) => tally.fail(
                Fault("address-parameter"),
                format!("there is a parameter of type {kind}"),
                [place],
            ),
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, sctp};

    /// Adds an address.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        sctp::edit_first(evidence, sctp::INIT, |packet| {
            let end = packet.len().next_multiple_of(4);
            packet.resize(end, 0);
            packet.extend_from_slice(&[0, 5, 0, 8, 192, 0, 2, 1]);
            let length = (packet.len() - 12) as u16;
            packet[14..16].copy_from_slice(&length.to_be_bytes());
        });
    });
}
