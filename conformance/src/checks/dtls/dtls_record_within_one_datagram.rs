//! RFC 6347 §4.1.1, RFC 9147 §4.3: each record ends within the datagram that it begins in, and the last one ends with it.

use super::records;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::Packet;
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::demux::{self, Class};
use peerproof_captures::wire::dtls::record;

pub(super) const CHECK: Check = Check {
    id: "dtls-record-within-one-datagram",
    layer: Layer::Dtls,
    subject: "records",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for (packet, record) in records(evidence, peer) {
        let place = Place::Frame(packet.frame);
        match record {
            Ok(_) => tally.pass(place),
            // Bytes that begin no record are judged by `mux-dtls-and-srtp-separate-datagrams`.
            Err(_) if left_over(packet).is_some_and(|rest| demux::class(rest) != Class::Dtls) => {}
            Err(_) if evidence.is_faulted(packet.frame) => {}
            Err(stop) if record::lacks_cid_length(&stop) => {
                tally.inconclusive(
                    "the length of its connection ID is in a hello that was not recorded",
                    [place],
                );
            }
            Err(stop) => tally.fail(
                Fault("record-cut"),
                format!("a record does not end within its datagram: {stop}"),
                [place],
            ),
        }
    }
}

/// What is behind the last record of a datagram that can be read.
pub(super) fn left_over(packet: &Packet) -> Option<&[u8]> {
    let mut end = 0;
    for record in packet.records() {
        match record {
            Ok(record) => end = record.range().end,
            Err(_) => return packet.bytes.get(end as usize..),
        }
    }
    None
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use peerproof_captures::wire::demux::Class;

    /// Makes the length of the last record of the recording a byte more.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let packet = packets.iter_mut().rfind(|it| it.class() == Class::Dtls).unwrap();
        packet.bytes[12] += 1;
    });
}
