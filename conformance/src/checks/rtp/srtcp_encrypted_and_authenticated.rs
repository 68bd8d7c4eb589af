//! RFC 8827 §6.5: media "MUST be … encrypted", and RTCP with it (RFC 3711 §3.4): the E flag of each SRTCP packet is set. What a peer makes of forged
//! RTCP needs somebody who sends it.

use super::srtcp_index_increments::word;
use crate::checks::dtls::{of_all, srtp_profile};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "srtcp-encrypted-and-authenticated",
    layer: Layer::Srtp,
    subject: "SRTCP packets",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

const ENCRYPTED: u32 = 1 << 31;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let Some(profile) = of_all(evidence, peer, srtp_profile) else { return };
    for packet in evidence.wire.iter().flat_map(|wire| wire.sent(peer)) {
        let Some((ssrc, word)) = word(packet, profile) else { continue };
        if evidence.is_faulted(packet.frame) {
            continue;
        }
        tally.judge(Fault("not-encrypted"), word & ENCRYPTED != 0, Place::Frame(packet.frame), || {
            format!("an SRTCP packet of source {ssrc:#010x} is not encrypted: its E flag is zero")
        });
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use crate::evidence::Kind;

    /// Clears the E flag of a packet.
    pub(super) const CONTROL: Control = Control::new(Recording::Video, |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let is = |it: &&mut crate::evidence::Packet| it.clear.iter().any(|clear| clear.kind == Kind::Rtcp);
        let bytes = packets.iter_mut().find(is).unwrap().bytes.to_mut();
        let at = bytes.len() - 14;
        bytes[at] &= 0x7f;
    });
}
