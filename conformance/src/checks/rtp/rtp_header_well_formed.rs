//! RFC 3550 §5.1: the header of an RTP packet adds up: version 2, contributing sources, extension and padding within it.

use crate::checks::media::{OtherVersion, other_versions};
use crate::checks::rtcp::nacks;
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
    let others = other_versions(evidence, peer);
    if let Some((_, first)) = others.first_key_value() {
        let OtherVersion { version, payload_type, ssrc, .. } = first;
        let nacks = evidence.other(peer).map_or(0, |other| nacks(evidence, other).count());
        let count = others.len();
        tally.fail(
            Fault("taken-for-another-protocol"),
            format!(
                "RTP of payload type {payload_type} and source {ssrc:#010x} has the version {version}, not 2, so that receivers demultiplex \
                 it as another protocol (packets: {count}; NACKs of the other side: {nacks})"
            ),
            others.keys().map(|frame| Place::Frame(*frame)),
        );
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtp};
    use crate::evidence::Peer;

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
        Mutation::new(Recording::Call, "receivers demultiplex it as another protocol", |evidence| {
            let own =
                |it: &&mut crate::evidence::Packet| rtp::is(it) && it.sender == Peer(0) && it.tap == Peer(0);
            let last = rtp::packets(evidence).filter(own).last().unwrap();
            last.bytes[0] &= 0x3f;
            last.clear.clear();
        })
        .also_breaks(&["mux-sent-datagram-first-byte-class"]),
    ]);
}
