//! draft-holmer-rmcat-transport-wide-cc-extensions-01 §2: the transport-wide number rises by one for each packet that bears it,
//! whatever its source. Each transport has a counter.

use crate::checks::media::{Rising, extensions, headers, transport_sequence};
use crate::checks::transports::Transports;
use crate::checks::{Check, Fault, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "twcc-sequence-shared-counter",
    layer: Layer::Media,
    subject: "transport-wide sequence numbers",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let extensions = extensions(evidence, peer);
    let rising = Rising::of(evidence, peer);
    let transports = Transports::of(evidence);
    let mut newest = BTreeMap::new();
    for (packet, header) in headers(evidence, peer) {
        let Some(number) = transport_sequence(&header, extensions.of(packet)) else { continue };
        let now = (number, packet);
        rising.judge(
            Fault("numbers-skip"),
            newest.insert(transports.of_packet(packet), now),
            now,
            || format!("transport-wide number {number}"),
            tally,
        );
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, rtp};
    use crate::checks::media::extensions;
    use crate::evidence::Peer;
    use peerproof_captures::wire::rtp::ExtensionKind;

    /// Gives the last packet the number of the one before it.
    pub(super) const CONTROL: Control = Control::new(Recording::Call, |evidence| {
        let id = extensions(evidence, Peer(0)).id_of(ExtensionKind::TransportSequence).unwrap();
        let mut numbers = Vec::new();
        rtp::edit_elements(evidence, Peer(0), id, |value| numbers.push(value.to_vec()));
        let (last, before) = (numbers[numbers.len() - 1].clone(), numbers[numbers.len() - 2].clone());
        rtp::edit_elements(evidence, Peer(0), id, |value| {
            if *value == *last {
                value.copy_from_slice(&before);
            }
        });
    });
}
