//! RFC 9143 §9.1: a source sends payload types of one bundled section only. One that left by a BYE may come again for another one after a while.

use crate::checks::media::{extensions, headers, mids};
use crate::checks::rtcp::byes;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::rtp::ExtensionKind;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const CHECK: Check = Check {
    id: "rtp-ssrc-not-shared-across-bundled-sections",
    layer: Layer::Media,
    subject: "RTP packets of one section",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let (listed, extensions) = (mids(evidence, peer), extensions(evidence, peer));
    // The sections that are left for each source, and the packet that left them.
    let mut sources: BTreeMap<u32, (BTreeSet<String>, u64)> = BTreeMap::new();
    let left_by = byes(evidence, peer);
    for (packet, header) in headers(evidence, peer) {
        let Some(sections) =
            listed.of(packet).get(&header.payload_type()).filter(|sections| !sections.is_empty())
        else {
            continue;
        };
        let ssrc = header.ssrc.value;
        let mut elements = header.elements();
        let named = elements.find(|element| extensions.of(packet).get(element.id) == ExtensionKind::Mid);
        let named = named.map(|element| String::from_utf8_lossy(element.value.value).into_owned());
        // A name that none of them has is judged by `hdrext-mid-sent-and-correct`.
        let here: BTreeSet<String> = match named.filter(|mid| sections.contains(mid)) {
            Some(mid) => BTreeSet::from([mid]),
            None => sections.clone(),
        };
        let place = Place::Frame(packet.frame);
        let (left, frame) = sources.entry(ssrc).or_insert_with(|| (here.clone(), packet.frame));
        if left.iter().any(|mid| here.contains(mid)) {
            left.retain(|mid| here.contains(mid));
            tally.pass(place);
        } else if !evidence.is_faulted(packet.frame) {
            let [then, now] =
                [&*left, &here].map(|mids| mids.iter().cloned().collect::<Vec<_>>().join(" or "));
            let places = [place, Place::Frame(*frame)];
            if left_by.get(&ssrc).is_some_and(|bye| *bye < packet.frame) {
                tally.inconclusive("the source left by a BYE: another may have its number", places);
            } else if evidence.exchanges().len() > 1 {
                tally.inconclusive(
                    "sections were negotiated again, and may have changed their payload types",
                    places,
                );
            } else {
                tally.fail(
                    Fault("source-of-two-sections"),
                    format!("source {ssrc:#010x} sends for section {now}, and sent for section {then}"),
                    places,
                );
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, rtp};
    use crate::evidence::Peer;

    /// Sends a packet of Chrome's video from the source of its audio.
    pub(super) const CONTROL: Control = Control::new(Recording::Video, |evidence| {
        let of = |kind: u8| {
            move |it: &&mut crate::evidence::Packet| {
                rtp::is(it) && it.sender == Peer(0) && rtp::payload_type(it) == kind
            }
        };
        let audio = rtp::packets(evidence).find(of(rtp::OPUS)).unwrap().clear[0].bytes[8..12].to_vec();
        let packet = rtp::packets(evidence).filter(of(rtp::VP8)).last().unwrap();
        packet.clear[0].bytes[8..12].copy_from_slice(&audio);
    });
}
