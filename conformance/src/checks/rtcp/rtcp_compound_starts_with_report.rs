//! RFC 3550 §6.1: a compound packet begins with a report and holds the CNAME. With `a=rtcp-rsize` feedback may go alone (RFC 5506).

use super::{ReducedSize, compounds, reduced_size};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::rtcp::{Body, Compound, PacketType, SdesItemType};

pub(super) const CHECK: Check = Check {
    id: "rtcp-compound-starts-with-report",
    layer: Layer::Media,
    subject: "compound packets",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let faulted = evidence.faulted();
    let negotiated = reduced_size(evidence);
    for (packet, compound) in compounds(evidence, peer) {
        let (place, negotiated) = (Place::Frame(packet.frame), *negotiated.of(packet));
        // Feedback alone is judged by `rtcp-reduced-size-only-when-negotiated`.
        if is_reduced(&compound) || faulted.contains(&packet.frame) {
            continue;
        }
        // With a=rtcp-rsize a packet may leave out what a compound has to hold (RFC 5506 §4.1).
        if compound.begins_with_report() && !has_cname(&compound) && negotiated != ReducedSize::Nowhere {
            match negotiated {
                ReducedSize::Everywhere => tally.pass(place),
                _ => tally.inconclusive("it is not known whether the packet may leave out SDES", [place]),
            }
            continue;
        }
        if compound.begins_with_report() {
            tally.judge(Fault("no-sdes"), has_cname(&compound), place, || {
                "a compound packet has no SDES with CNAME".to_owned()
            });
        } else if negotiated != ReducedSize::Nowhere {
            // RFC 5506 §4.1 takes the order of RFC 3550 §6.1 away and does not say of a source description whether it may go alone.
            tally.inconclusive("with a=rtcp-rsize a source description may go alone", [place]);
        } else {
            let kind = compound.packets.iter().next().map(|first| first.header.kind.value);
            let kind = kind.map_or_else(String::new, |kind| kind.to_string());
            tally.fail(
                Fault("no-report-first"),
                format!("a compound packet begins with {kind}, not with SR or RR"),
                [place],
            );
        }
    }
}

/// Whether a packet has nothing of a compound packet: neither reports nor a source description.
pub(crate) fn is_reduced(compound: &Compound<'_>) -> bool {
    !compound.packets.iter().any(|packet| {
        matches!(
            packet.header.kind.value,
            PacketType::SenderReport | PacketType::ReceiverReport | PacketType::SourceDescription
        )
    })
}

fn has_cname(compound: &Compound<'_>) -> bool {
    compound.packets.iter().any(|packet| match packet.body {
        Some(Body::SourceDescription(chunks)) => {
            chunks.iter().any(|chunk| chunk.text(SdesItemType::Cname).is_some())
        }
        _ => false,
    })
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace_all, rtcp};
    use crate::evidence::{Evidence, Peer};

    /// Takes the report off the front of a compound packet.
    pub(super) const CONTROL: Control =
        Control::prepared(Recording::Call, without_reduced_size, |evidence| {
            rtcp::edit_first(evidence, Peer(0), rtcp::SR, |bytes| {
                let length = 4 + 4 * usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
                assert_eq!(bytes[length + 1], rtcp::SDES);
                bytes.drain(..length);
            });
        })
        .and(&[
            // NAME instead.
            Mutation::new(Recording::Call, "a compound packet has no SDES with CNAME", |evidence| {
                rtcp::edit_first(evidence, Peer(0), rtcp::SR, |bytes| {
                    let length = 4 + 4 * usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
                    assert_eq!(bytes[length + 8], 1);
                    bytes[length + 8] = 2;
                });
            })
            .prepared(without_reduced_size),
        ]);

    fn without_reduced_size(evidence: &mut Evidence) {
        for made in &mut evidence.descriptions {
            replace_all(&mut made.sdp, "a=rtcp-rsize", "a=x-rsize");
        }
    }
}
