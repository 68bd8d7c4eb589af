//! draft-holmer-rmcat-transport-wide-cc-extensions-01 §2: the transport-wide number rises by one for each packet that bears it,
//! whatever its source.

use crate::checks::media::{extensions, headers};
use crate::checks::{Check, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::rtp::ExtensionValue;

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
    let complete = evidence.sees_all_sent_by(peer);
    let faulted = evidence.faulted();
    let mut newest: Option<(u16, u64)> = None;
    for (packet, header) in headers(evidence, peer) {
        let number = header.elements().find_map(|element| {
            let kind = extensions.get(element.id);
            match ExtensionValue::of(kind, element.value.value)? {
                ExtensionValue::TransportSequence(number, _) => Some(number),
                _ => None,
            }
        });
        let Some(number) = number else { continue };
        let place = Place::Frame(packet.frame);
        match newest.replace((number, packet.frame)) {
            Some((before, frame)) if number != before.wrapping_add(1) => {
                if complete && !faulted.contains(&packet.frame) && !faulted.contains(&frame) {
                    tally.fault(
                        format!("transport-wide number {number} follows {before}"),
                        [place, Place::Frame(frame)],
                    );
                } else {
                    tally.doubt("packets may have been lost or repeated before the recording", [place]);
                }
            }
            _ => tally.good(place),
        }
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
