//! RFC 4585 §6.2.1: a generic NACK reports packets that did not arrive. What comes just before it, out of order, may cross it.

use super::{arrivals, nacks};
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "avpf-nack-reports-real-loss",
    layer: Layer::Media,
    subject: "NACKs",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// How long before a NACK a packet may have come and still be asked for, in microseconds: the catalogue's choice.
const CROSSES_US: u64 = 50_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let mut arrived: BTreeMap<(u32, u16), Vec<(u64, u64)>> = BTreeMap::new();
    for (packet, header) in arrivals(evidence, peer).filter(|(it, _)| !evidence.is_faulted(it.frame)) {
        let of = (header.ssrc.value, header.sequence.value);
        arrived.entry(of).or_default().push((packet.frame, packet.t_us));
    }
    for (packet, media, entries) in nacks(evidence, peer) {
        let place = Place::Frame(packet.frame);
        for number in entries.iter().flat_map(|entry| entry.sequences()) {
            let mut came = arrived.get(&(media, number)).into_iter().flatten();
            let came = came.rfind(|(frame, _)| *frame < packet.frame);
            let off =
                came.and_then(|(frame, t_us)| Some((*frame, Off::late(*t_us, CROSSES_US, packet.t_us)?)));
            match off {
                None => tally.pass(place),
                Some((frame, off)) => {
                    let text =
                        format!("packet {number} of source {media:#010x} is asked for and has arrived");
                    tally.off(Fault("has-arrived"), evidence, off, text, [place, Place::Frame(frame)]);
                }
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, rtcp, rtp};
    use crate::evidence::{Evidence, Packet, Peer};

    /// Asks for a packet of the video that nobody sent.
    fn ask(evidence: &mut Evidence) {
        let media = [0xe8, 0x05, 0x27, 0x41];
        let number = first(evidence).wrapping_sub(2_000).to_be_bytes();
        let nack = [&[0x81, 205, 0, 3, 0, 0, 0, 1][..], &media, &number, &[0, 0]].concat();
        rtcp::append(evidence, Peer(1), &nack);
    }

    fn first(evidence: &mut Evidence) -> u16 {
        let media = [0xe8, 0x05, 0x27, 0x41];
        let is = |it: &&mut Packet| rtp::is(it) && it.tap == Peer(1) && it.clear[0].bytes[8..12] == media;
        let bytes = &rtp::packets(evidence).find(is).unwrap().clear[0].bytes;
        u16::from_be_bytes([bytes[2], bytes[3]])
    }

    /// Asks for the first one.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Call, ask, |evidence| {
        let number = first(evidence).to_be_bytes();
        rtcp::edit_last(evidence, Peer(1), |bytes| {
            let at = bytes.len() - 4;
            bytes[at..at + 2].copy_from_slice(&number);
        });
    });
}
