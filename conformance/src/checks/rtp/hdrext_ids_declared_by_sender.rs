//! RFC 8285 §4.2, §5: the identifier of each header extension is declared by an `a=extmap` of the sender's description, for a section of the
//! transport that the packet takes.

use crate::checks::media::is_among;
use crate::checks::transports::{Apart, Indices};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::SessionDescription;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "hdrext-ids-declared-by-sender",
    layer: Layer::Media,
    subject: "RTP packets with header extensions",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let Some(other) = evidence.other(peer) else { return };
    let declared = Apart::new(evidence, |among| -> [BTreeSet<u16>; 2] {
        let own = evidence.made_by(peer).flat_map(|made| ids(&made.sdp, among));
        let remote = evidence.made_by(other).flat_map(|made| ids(made.received(), among));
        [own.collect(), remote.collect()]
    });
    for (packet, rtp) in evidence.wire.iter().flat_map(|wire| wire.rtp_read(peer)) {
        let place = Place::Frame(packet.frame);
        let [own, remote] = declared.of(packet);
        for element in rtp.header.elements() {
            let id = u16::from(element.id);
            if own.is_empty() && remote.is_empty() {
                tally.inconclusive("no description with header extensions is in the recording", [place]);
            } else if !own.contains(&id) {
                tally.fail(
                    Fault("not-of-sender"),
                    format!("header extension {id} is in no description of the sender"),
                    [place],
                );
            } else if !remote.contains(&id) {
                tally.warn(
                    Fault("not-of-receiver"),
                    format!("header extension {id} is in no description of the receiver"),
                    [place],
                );
            } else {
                tally.pass(place);
            }
        }
    }
}

/// The identifiers of the session and of those of its sections.
fn ids(sdp: &SessionDescription, among: Option<&Indices>) -> Vec<u16> {
    let sections = sdp.media().filter(|section| is_among(section, among));
    let sections = sections.flat_map(|section| section.extmaps());
    sdp.session().extmaps().into_iter().chain(sections).map(|map| map.id).collect()
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtp};
    use crate::evidence::Peer;
    use peerproof_captures::sdp::SessionDescription;

    /// Gives an element an identifier that is not mapped.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        let bytes = rtp::first(evidence);
        assert_eq!(bytes[12..14], [0xbe, 0xde]);
        bytes[16] = 13 << 4 | bytes[16] & 0x0f;
    })
    .and(&[Mutation::new(Recording::Media, "is in no description of the receiver", |evidence| {
        let id = rtp::first(evidence)[16] >> 4;
        for made in evidence.descriptions.iter_mut().filter(|made| made.by == Peer(1)) {
            let without = made
                .sdp
                .as_str()
                .split_inclusive('\n')
                .filter(|line| !line.starts_with(&format!("a=extmap:{id} ")))
                .collect::<String>();
            made.sdp = SessionDescription::parse(without);
        }
    })]);
}
