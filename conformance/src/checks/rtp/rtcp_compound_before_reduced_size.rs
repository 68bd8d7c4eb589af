//! RFC 5506 §4: "Reduced-Size RTCP SHALL NOT be sent until at least one compound RTCP has been sent." Any packet that begins with a report
//! counts as a compound one; whether it holds the CNAME is for `rtcp-compound-starts-with-report`.

use crate::checks::rtcp::{ReducedSize, is_reduced, reduced_size};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Packet, Peer, Protection};
use crate::verdict::Layer;
use peerproof_captures::wire::demux::Class;

pub(super) const CHECK: Check = Check {
    id: "rtcp-compound-before-reduced-size",
    layer: Layer::Media,
    subject: "RTCP packets of reduced size",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    if *reduced_size(evidence) == ReducedSize::Nowhere {
        return tally.not_applicable("a=rtcp-rsize was not negotiated");
    }
    let unsent = evidence.unsent(peer);
    let mut has_report = false;
    for (packet, compound) in evidence.wire.iter().flat_map(|wire| wire.rtcp(peer)) {
        has_report |= compound.begins_with_report();
        if !is_reduced(&compound) || evidence.is_faulted(packet.frame) {
            continue;
        }
        let place = Place::Frame(packet.frame);
        if has_report {
            tally.pass(place);
        } else if !evidence.sees_all_sent_by(peer)
            || unsent.began_by(packet.t_us)
            || has_closed(evidence, peer, packet)
        {
            tally.inconclusive("a compound packet before it may be missing in the recording", [place]);
        } else {
            tally.fail(
                Fault("before-compound"),
                "an RTCP packet of reduced size is sent before the first compound packet",
                [place],
            );
        }
    }
}

/// Whether RTCP of the peer before a packet could not be opened, and may have been a compound packet.
fn has_closed(evidence: &Evidence, peer: Peer, packet: &Packet) -> bool {
    let mut sent = evidence.wire.iter().flat_map(|wire| wire.sent(peer));
    sent.any(|it| it.frame < packet.frame && it.class() == Class::Rtcp && it.protection != Protection::Opened)
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use crate::evidence::{Evidence, Kind, Packet, Peer};

    fn is_rtcp(packet: &Packet) -> bool {
        packet.sender == Peer(1) && packet.clear.iter().any(|clear| clear.kind == Kind::Rtcp)
    }

    /// Whether it begins with a receiver report.
    fn is_report(packet: &Packet) -> bool {
        is_rtcp(packet) && packet.clear[0].bytes[1] == 201
    }

    /// As if Chrome had sent its first report before all feedback.
    pub(super) fn report_first(evidence: &mut Evidence) {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let first = packets.iter().find(|it| is_report(it)).unwrap().frame;
        packets.retain(|it| it.frame >= first || !is_rtcp(it));
    }

    /// Takes that report away.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Call, report_first, |evidence| {
        evidence.wire.as_mut().unwrap().packets.retain(|it| !is_report(it));
    })
    .also_breaks(&["srtcp-index-increments"]);

    #[test]
    fn what_may_be_missing_is_held_against_nobody() {
        use super::CHECK;
        use crate::checks::Status;
        let result = |evidence: &Evidence| CHECK.run(evidence)[1].result;
        let mut evidence = Recording::Call.evidence();
        assert_eq!(result(&evidence), Status::Fail, "feedback alone comes first");
        evidence.whole = false;
        assert_eq!(result(&evidence), Status::Inconclusive, "the capture may have begun late");
        evidence.whole = true;
        // The first of the packets could not be opened.
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        for packet in packets.iter_mut().filter(|it| is_rtcp(it)).take(2) {
            packet.protection = crate::evidence::Protection::NoSecret;
            packet.clear.clear();
        }
        assert_eq!(result(&evidence), Status::Inconclusive);
        let mut evidence = Recording::Call.evidence();
        report_first(&mut evidence);
        assert_eq!(result(&evidence), Status::Pass);
    }
}
