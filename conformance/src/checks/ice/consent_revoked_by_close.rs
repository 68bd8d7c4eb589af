//! RFC 7675 §5.2: "Consent for sending application data is immediately revoked by receipt of an authenticated message that closes the connection (e.g., a TLS
//! fatal alert)".

use crate::checks::dtls;
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Packet, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::demux::Class;

pub(super) const CHECK: Check = Check {
    id: "consent-revoked-by-close",
    layer: Layer::Nomination,
    subject: "alerts that close the connection",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// What is on its way out when the alert comes, in microseconds: a choice of ours.
const ON_ITS_WAY_US: u64 = 500_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("no media was sent that an alert of the other side would end");
    let (Some(wire), Some(other)) = (&evidence.wire, evidence.other(peer)) else { return };
    if !wire.is_tapped(peer) {
        return;
    }
    let Some(closing) = dtls::closing_alert(evidence, peer, other) else { return };
    let is_media = |packet: &&Packet| {
        matches!(packet.class(), Class::Rtp | Class::Rtcp) && !evidence.is_faulted(packet.frame)
    };
    if !wire.sent(peer).filter(is_media).any(|packet| packet.t_us < closing.t_us) {
        return;
    }
    let place = Place::Frame(closing.frame);
    let late = |packet: &Packet| Off::late(closing.t_us, ON_ITS_WAY_US, packet.t_us);
    let end_us = wire.at(peer).map(|packet| packet.t_us).max().unwrap_or_default();
    let after = wire.sent(peer).filter(is_media).filter_map(|packet| Some((packet, late(packet)?))).last();
    match after {
        Some((packet, off)) => {
            let text = "media goes on after an alert of the other side that closes the connection";
            tally.off(Fault("media-goes-on"), evidence, off, text, [Place::Frame(packet.frame), place]);
        }
        None if end_us > closing.t_us.saturating_add(ON_ITS_WAY_US) => tally.pass(place),
        // It closes too, and sends nothing after that.
        None if dtls::closing_alert(evidence, peer, peer).is_some_and(|own| {
            own.t_us >= closing.t_us && !wire.sent(peer).filter(is_media).any(|it| it.t_us > own.t_us)
        }) =>
        {
            tally.pass(place);
        }
        None => tally.inconclusive("the recording ends soon after the alert", [place]),
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, dtls};
    use crate::evidence::{Evidence, Packet, Peer};
    use peerproof_captures::wire::demux::Class;

    const ALICE: Peer = Peer(0);
    const BOB: Peer = Peer(1);

    /// The tapped side gets a close_notify after everything else, and the recording goes on.
    fn close(evidence: &mut Evidence) {
        let tapped = tapped(evidence);
        let other = if tapped == ALICE { BOB } else { ALICE };
        dtls::say(evidence, other, 21, &[1, 0], 1_000);
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let mut check = packets.iter().find(|it| it.bytes[0] == 0).unwrap().clone();
        check.t_us = packets.last().unwrap().t_us + 3_000_000;
        packets.push(check);
    }

    fn tapped(evidence: &Evidence) -> Peer {
        evidence.wire.as_ref().unwrap().packets[0].tap
    }

    /// Sends a packet of media two seconds later.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Video, close, |evidence| {
        let tapped = tapped(evidence);
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let own = |it: &&Packet| it.sender == tapped && it.class() == Class::Rtcp;
        let mut media = packets.iter().rfind(own).unwrap().clone();
        media.t_us = packets.last().unwrap().t_us - 1_000_000;
        media.clear.clear();
        packets.push(media);
    })
    .also_breaks(&["ice-data-only-on-selected-pair"]);
}
