//! RFC 5576 §6.1: the CNAME that `a=ssrc` gives for a source is the one that is sent.

use super::cnames;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "rtcp-cname-equals-signalled",
    layer: Layer::Media,
    subject: "canonical names of sources with a=ssrc",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let mut signalled: BTreeMap<u32, Vec<(String, u64)>> = BTreeMap::new();
    for made in evidence.made_by(peer) {
        for ssrc in made.sdp.media().flat_map(|section| section.ssrcs()) {
            if let (true, Some(value)) = (ssrc.attribute == "cname", ssrc.value) {
                signalled.entry(ssrc.ssrc).or_default().push((value, made.entry));
            }
        }
    }
    for (packet, ssrc, name) in cnames(evidence, peer) {
        let Some(names) = signalled.get(&ssrc) else { continue };
        let place = Place::Frame(packet.frame);
        if names.iter().any(|(stated, _)| stated.as_bytes() == name) {
            tally.pass(place);
        } else if let Some((stated, entry)) = names.first() {
            let name = String::from_utf8_lossy(name);
            tally.fail(
                Fault("cname-differs"),
                format!("source {ssrc:#010x} has the CNAME {name:?}, but {stated:?} in the description"),
                [place, Place::Entry(*entry)],
            );
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use peerproof_captures::sdp::SessionDescription;

    /// Changes the name in the description.
    pub(super) const CONTROL: Control = Control::new(Recording::Video, |evidence| {
        let made = &mut evidence.descriptions[0].sdp;
        let changed = made.as_str().replace(" cname:", " cname:x");
        assert_ne!(changed, made.as_str());
        *made = SessionDescription::parse(changed);
    });
}
