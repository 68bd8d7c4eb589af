//! RFC 8851 §4, RFC 8853 §5.5: each stream of a simulcast names itself by its RtpStreamId, and its retransmissions by their
//! RepairedRtpStreamId (RFC 8852), so that the receiver can distinguish them.

use super::streams::{FIRST, agreed, sources};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "hdrext-rid-sent-for-rid-streams",
    layer: Layer::Media,
    subject: "sources of simulcast",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let Some(agreed) = agreed(evidence, peer) else {
        tally.inconclusive("later descriptions changed what streams are sent", []);
        return;
    };
    if agreed.values().all(|streams| streams.kept.is_empty()) {
        tally.not_applicable("no simulcast was negotiated");
        return;
    }
    for (ssrc, source) in sources(evidence, peer) {
        let Some(streams) = agreed.get(&source.mid).filter(|streams| !streams.kept.is_empty()) else {
            continue;
        };
        let (what, is_mapped) = match source.repairs {
            true => ("RepairedRtpStreamId", streams.repair_is_named),
            false => ("RtpStreamId", streams.is_named),
        };
        let place = Place::Frame(source.frame);
        // One that was offered and not taken is judged by `simulcast-only-answered-rids-sent`.
        if let Some((rid, frame)) = source.rids.iter().find(|(rid, _)| !streams.offered.contains(*rid)) {
            tally.fail(
                Fault("unknown-rid"),
                format!("source {ssrc:#010x} carries the {what} {rid:?}, which its descriptions do not have"),
                [Place::Frame(*frame)],
            );
        } else if source.rids.len() > 1 {
            let frames = source.rids.values().map(|frame| Place::Frame(*frame));
            tally.fail(Fault("several-rids"), format!("source {ssrc:#010x} carries several {what}"), frames);
        } else if source.named {
            tally.pass(place);
        } else if !is_mapped {
            let answer = Place::Entry(streams.entry);
            tally.inconclusive(
                format!("the header extension of the {what} was not negotiated, SDES is left"),
                [place, answer],
            );
        } else if source.packets < FIRST || !evidence.whole {
            tally.inconclusive(
                format!("few packets of source {ssrc:#010x} are in the recording, none with its {what}"),
                [place],
            );
        } else {
            tally.fail(
                Fault("rid-missing"),
                format!("none of the first {FIRST} packets of source {ssrc:#010x} carries its {what}"),
                [place],
            );
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtp};
    use crate::checks::media::extensions;
    use crate::evidence::Peer;
    use peerproof_captures::wire::rtp::ExtensionKind;

    /// Gives the packets of one stream another identifier, which no description has.
    pub(super) const CONTROL: Control = Control::new(Recording::Simulcast, |evidence| {
        let id = extensions(evidence, Peer(0)).id_of(ExtensionKind::Rid).unwrap();
        let mut renamed = 0;
        rtp::edit_elements(evidence, Peer(0), id, |value| {
            if value == b"h" {
                value[0] = b'z';
                renamed += 1;
            }
        });
        assert!(renamed > 0);
    })
    .and(&[
        Mutation::new(Recording::Simulcast, "carries several RtpStreamId", |evidence| {
            let id = extensions(evidence, Peer(0)).id_of(ExtensionKind::Rid).unwrap();
            let mut seen = 0;
            rtp::edit_elements(evidence, Peer(0), id, |value| {
                if value == b"h" {
                    seen += 1;
                    if seen > 1 {
                        value[0] = b'm';
                    }
                }
            });
            assert!(seen > 1);
        }),
        Mutation::new(Recording::Simulcast, "none of the first", |evidence| {
            let id = extensions(evidence, Peer(0)).id_of(ExtensionKind::RepairedRid).unwrap();
            rtp::erase_elements(evidence, Peer(0), id);
        }),
    ]);
}
