//! RFC 8841 §5.1, RFC 8261 §5: the ports of each SCTP packet are those that the descriptions announce.

use super::packets;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::SctpPort;

pub(super) const CHECK: Check = Check {
    id: "sctp-ports-match-signalling",
    layer: Layer::Sctp,
    subject: "SCTP packets",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let Some(other) = evidence.other(peer) else { return };
    let own: Vec<u16> = evidence.made_by(peer).flat_map(|made| ports(&made.sdp)).collect();
    let remote: Vec<u16> = evidence.made_by(other).flat_map(|made| ports(made.received())).collect();
    for (packet, sctp) in packets(evidence, peer).filter(|(packet, _)| packet.sender == peer) {
        let place = Place::Frame(packet.frame);
        if own.is_empty() || remote.is_empty() {
            tally.inconclusive("no descriptions with a=sctp-port are in the recording", [place]);
            continue;
        }
        let (from, to) = (sctp.source_port.value, sctp.destination_port.value);
        tally.judge(Fault("other-port"), own.contains(&from) && remote.contains(&to), place, || {
            format!("a packet goes from port {from} to {to}, not as announced from {own:?} to {remote:?}")
        });
    }
}

fn ports(sdp: &peerproof_captures::sdp::SessionDescription) -> Vec<u16> {
    sdp.media().filter_map(|section| section.first::<SctpPort>()).map(|port| port.0).collect()
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};

    /// Announces another port in the answer.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        replace(&mut evidence.descriptions[1].sdp, "a=sctp-port:5000", "a=sctp-port:5001");
    });
}
