//! RFC 8852 §3: an RtpStreamId and a RepairedRtpStreamId consist of letters and digits, of at least one.

use crate::checks::media::{extensions, headers};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::rtp::ExtensionKind;

pub(super) const CHECK: Check = Check {
    id: "hdrext-rid-charset",
    layer: Layer::Media,
    subject: "stream identifiers",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let extensions = extensions(evidence, peer);
    for (packet, header) in headers(evidence, peer) {
        for element in header.elements() {
            if !matches!(
                extensions.of(packet).get(element.id),
                ExtensionKind::Rid | ExtensionKind::RepairedRid
            ) {
                continue;
            }
            let rid = element.value.value;
            let valid = !rid.is_empty() && rid.iter().all(u8::is_ascii_alphanumeric);
            tally.judge(Fault("other-characters"), valid, Place::Frame(packet.frame), || {
                format!("a stream identifier is {:?}", String::from_utf8_lossy(rid))
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, rtp};
    use crate::evidence::Peer;

    /// Begins one with a line.
    pub(super) const CONTROL: Control = Control::new(Recording::Simulcast, |evidence| {
        let mut once = true;
        rtp::edit_elements(evidence, Peer(0), 10, |rid| {
            if std::mem::take(&mut once) {
                rid[0] = b'_';
            }
        });
    })
    .also_breaks(&["hdrext-rid-sent-for-rid-streams"]);
}
