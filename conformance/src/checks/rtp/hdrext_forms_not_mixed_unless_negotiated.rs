//! RFC 8285 §4.1.2, §6: a source does not mix one-byte and two-byte header extensions unless both descriptions have `a=extmap-allow-mixed`.

use crate::checks::media::headers;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Exchange, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::rtp::Form;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "hdrext-forms-not-mixed-unless-negotiated",
    layer: Layer::Media,
    subject: "sources with header extensions",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    // The first packet of a source in each form.
    let mut sources: BTreeMap<u32, [Option<u64>; 2]> = BTreeMap::new();
    for (packet, header) in headers(evidence, peer) {
        let index = match header.extension.map(|it| it.form()) {
            Some(Form::OneByte) => 0,
            Some(Form::TwoByte) => 1,
            _ => continue,
        };
        if let Some(first) = sources.entry(header.ssrc.value).or_default().get_mut(index) {
            first.get_or_insert(packet.frame);
        }
    }
    let mixes = allows_mixing(evidence);
    for (ssrc, forms) in sources {
        match (forms, mixes) {
            ([Some(one), Some(two)], Some(false)) => tally.fail(
                Fault("forms-mixed"),
                format!("source {ssrc:#010x} has both forms, which was not negotiated"),
                [Place::Frame(one.max(two)), Place::Frame(one.min(two))],
            ),
            ([Some(one), Some(two)], None) => tally
                .inconclusive("what was negotiated is not in the recording", [Place::Frame(one.max(two))]),
            ([Some(frame), _] | [None, Some(frame)], _) => tally.pass(Place::Frame(frame)),
            ([None, None], _) => {}
        }
    }
}

/// Whether an offer and its answer allow it, for all or for some sections.
fn allows_mixing(evidence: &Evidence) -> Option<bool> {
    const ALLOWED: &str = "extmap-allow-mixed";
    let allows = |made: &crate::evidence::Description| {
        let sdp = made.received();
        sdp.session().has(ALLOWED) || sdp.media().any(|section| section.has(ALLOWED))
    };
    let all = evidence.exchanges();
    let any = all.iter().any(|Exchange { offer, answer }| allows(offer) && allows(answer));
    (!all.is_empty()).then_some(any)
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace_all, rtp};
    use crate::evidence::{Evidence, Packet};

    fn forbid(evidence: &mut Evidence) {
        for made in &mut evidence.descriptions {
            replace_all(&mut made.sdp, "a=extmap-allow-mixed\r\n", "");
        }
    }

    /// Writes the extensions of one packet in the other form.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Media, forbid, |evidence| {
        let is = |it: &&mut Packet| rtp::is(it) && it.clear[0].bytes[0] & 0x10 != 0;
        let packet = rtp::packets(evidence).find(is).unwrap();
        let bytes = packet.clear[0].bytes.to_mut();
        let header = peerproof_captures::wire::rtp::view(bytes).unwrap().header;
        let mut data = Vec::new();
        for element in header.elements() {
            data.extend([element.id, element.value.value.len() as u8]);
            data.extend_from_slice(element.value.value);
        }
        data.resize(data.len().next_multiple_of(4), 0);
        let range = header.extension.unwrap().data.range.range();
        let more = data.len() - range.len();
        bytes[12..14].copy_from_slice(&[0x10, 0]);
        bytes[14..16].copy_from_slice(&((data.len() / 4) as u16).to_be_bytes());
        drop(bytes.splice(range.clone(), data));
        drop(packet.bytes.to_mut().splice(range.end..range.end, std::iter::repeat_n(0, more)));
    });
}
