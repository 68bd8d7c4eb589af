//! RFC 5246 §7.2.1: "The other party MUST respond with a close_notify alert of its own and close down the connection immediately, discarding
//! any pending writes". In 1.3 only what comes after it is discarded (RFC 8446 §6.1).

use super::{OF_SEVERAL_VERSIONS, Share, alerts, has_application_data, with_version};
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Packet, Peer};
use crate::verdict::Layer;
use peerproof_captures::timeline::What;
use peerproof_captures::wire::dtls::Version;

pub(super) const CHECK: Check = Check {
    id: "dtls-close-notify-answered",
    layer: Layer::Dtls,
    subject: "close_notify alerts of the other side",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Within which an answer has to come that comes immediately, in microseconds: a choice of ours.
const WITHIN_US: u64 = 1_000_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let (Some(wire), Some(other)) = (&evidence.wire, evidence.other(peer)) else { return };
    match with_version(evidence, peer, &[Version::Dtls12]) {
        Share::None => return tally.not_applicable("DTLS 1.2 was not negotiated"),
        Share::Some => return tally.inconclusive(OF_SEVERAL_VERSIONS, []),
        Share::All => {}
    }
    if !wire.is_tapped(peer) {
        tally.not_applicable("it is not known when something reached the peer");
        return;
    }
    let closes = |it: &super::Said<'_>| it.epoch > 0 && it.is_close_notify();
    let received =
        alerts(evidence, peer, other).find(|it| closes(it) && !evidence.is_faulted(it.packet.frame));
    let Some(received) = received else { return };
    let (since, place) = (received.packet.t_us, Place::Frame(received.packet.frame));
    if let Some(own) = alerts(evidence, peer, peer).find(closes) {
        tally.pass(Place::Frame(own.packet.frame));
    } else {
        let end = wire.at(peer).map(|packet| packet.t_us).max().unwrap_or_default().min(ends(evidence, peer));
        match Off::late(since, WITHIN_US, end) {
            Some(off) if evidence.whole => {
                tally.warn_off(
                    Fault("not-answered"),
                    evidence,
                    off,
                    "a close_notify is not answered by one",
                    [place],
                );
            }
            _ => tally.inconclusive("the recording ends before an answer was due", [place]),
        }
    }
    let late = |packet: &&Packet| has_application_data(packet) && !evidence.is_faulted(packet.frame);
    let data = wire.sent(peer).filter(|packet| packet.t_us > since).filter(late);
    for packet in data {
        if let Some(off) = Off::late(since, WITHIN_US, packet.t_us) {
            let text = "application data goes on after a close_notify of the other side";
            tally.off(Fault("data-goes-on"), evidence, off, text, [Place::Frame(packet.frame), place]);
        }
    }
}

/// When the peer is asked to close, or is lost: after that it need not answer.
fn ends(evidence: &Evidence, peer: Peer) -> u64 {
    let own = evidence.name(peer);
    let is = |what: &What| matches!(what, What::Command { peer, name, .. } if peer == own && name == "close");
    evidence.timeline.iter().find(|entry| is(&entry.what)).map_or(u64::MAX, |entry| entry.t_us)
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, dtls};
    use crate::evidence::{Clear, Evidence, Packet, Peer};

    const ALERT: u8 = 21;
    const CLOSE_NOTIFY: &[u8] = &[1, 0];
    const ALICE: Peer = Peer(0);
    const BOB: Peer = Peer(1);

    fn remove_alerts(evidence: &mut Evidence) {
        let is = |it: &Packet| (20..32).contains(&it.bytes[0]) && it.bytes[0] == ALERT;
        evidence.wire.as_mut().unwrap().packets.retain(|it| !is(it));
    }

    /// Both close, Bob first.
    fn close(evidence: &mut Evidence) {
        remove_alerts(evidence);
        dtls::say(evidence, BOB, ALERT, CLOSE_NOTIFY, 1_000);
        dtls::say(evidence, ALICE, ALERT, CLOSE_NOTIFY, 1_000);
    }

    fn last_data(evidence: &Evidence) -> Vec<u8> {
        let packets = &evidence.wire.as_ref().unwrap().packets;
        let own = |it: &&Packet| it.sender == ALICE && it.clear.iter().any(Clear::is_application_data);
        packets.iter().rfind(own).unwrap().clear.last().unwrap().bytes.as_slice().to_vec()
    }

    /// Has the side that is not the first to close go on sending.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Data, close, |evidence| {
        let content = last_data(evidence);
        dtls::say(evidence, ALICE, 23, &content, 5_000_000);
    })
    .also_breaks(&["dtls-nothing-after-close-notify"])
    .and(&[Mutation::new(Recording::Data, "is not answered", |evidence| {
        evidence.wire.as_mut().unwrap().packets.pop();
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let end = packets.last().unwrap().t_us + 5_000_000;
        let mut check = packets.iter().find(|it| it.bytes[0] == 0).unwrap().clone();
        check.t_us = end;
        packets.push(check);
    })
    .prepared(close)]);
}
