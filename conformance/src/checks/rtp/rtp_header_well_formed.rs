//! RFC 3550 §5.1: the header of an RTP packet adds up: version 2, contributing sources, extension and padding within it.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::rtp;

pub(super) const CHECK: Check = Check {
    id: "rtp-header-well-formed",
    layer: Layer::Media,
    subject: "RTP packets",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for (packet, bytes) in evidence.wire.iter().flat_map(|wire| wire.rtp(peer)) {
        let place = Place::Frame(packet.frame);
        match rtp::view(bytes) {
            Err(stop) => tally.fail(
                Fault("header-does-not-fit"),
                format!("the header does not fit the packet: {stop}"),
                [place],
            ),
            Ok(read) if read.header.version() != 2 => {
                tally.fail(
                    Fault("version"),
                    format!("the version is {}, not 2", read.header.version()),
                    [place],
                );
            }
            Ok(read) if read.has_wrong_padding() => {
                tally.fail(
                    Fault("padding-missing"),
                    "the header announces padding that is not there",
                    [place],
                );
            }
            Ok(_) => tally.pass(place),
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtp};

    /// Announces padding on a packet whose last byte is zero.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        let bytes = rtp::first(evidence);
        bytes[0] |= 0x20;
        *bytes.last_mut().unwrap() = 0;
    })
    .and(&[
        Mutation::new(Recording::Media, "the header does not fit", |evidence| {
            let bytes = rtp::first(evidence);
            bytes[14] = 0xff;
        }),
        Mutation::new(Recording::Media, "the version is 1", |evidence| {
            let bytes = rtp::first(evidence);
            bytes[0] ^= 0xc0;
        }),
    ]);
}
