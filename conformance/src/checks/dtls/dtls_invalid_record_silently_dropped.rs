//! RFC 6347 §4.1.2.7: "In general, invalid records SHOULD be silently discarded, thus preserving the association"; RFC 9147 §4.5.2 says so of 1.3.

use super::{alerts, has_application_data};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Packet, Peer, Protection};
use crate::verdict::Layer;
use peerproof_captures::event::{DtlsState, PeerEvent};
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::dtls::alert::{Description, Level};

pub(super) const CHECK: Check = Check {
    id: "dtls-invalid-record-silently-dropped",
    layer: Layer::Dtls,
    subject: "records that do not authenticate",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// The alerts of who does not accept a record. Others have other reasons, such as a certificate.
const OF_RECORDS: &[Description] = &[
    Description::BadRecordMac,
    Description::DecryptError,
    Description::DecodeError,
    Description::RecordOverflow,
    Description::UnexpectedMessage,
];

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("no record that does not authenticate reached the peer");
    let Some(wire) = &evidence.wire else { return };
    if !wire.is_tapped(peer) {
        return;
    }
    let is_forged = |packet: &&Packet| {
        packet.sender != peer && packet.class() == Class::Dtls && packet.protection == Protection::Forged
    };
    let Some(forged) = wire.at(peer).find(is_forged) else { return };
    let (since, place) = (forged.t_us, Place::Frame(forged.frame));
    let is_fatal = |it: &super::Said<'_>| {
        let alert = it.alert();
        alert.is_some_and(|alert| {
            alert.level.value == Level::Fatal && OF_RECORDS.contains(&alert.description.value)
        })
    };
    if let Some(said) = alerts(evidence, peer, peer).find(|it| it.packet.t_us >= since && is_fatal(it)) {
        tally.warn(
            Fault("alert"),
            "a fatal alert follows a record that does not authenticate",
            [Place::Frame(said.packet.frame), place],
        );
        return;
    }
    let ends = |event: &PeerEvent| {
        matches!(event, PeerEvent::DtlsStateChange { state: DtlsState::Failed | DtlsState::Closed, .. })
    };
    let ended = evidence.events(peer).into_iter().find(|it| it.t_us >= since && ends(it.event));
    let later = |packet: &&Packet| packet.t_us > since && has_application_data(packet);
    match (wire.sent(peer).find(later), ended) {
        (Some(packet), _) => tally.pass(Place::Frame(packet.frame)),
        (None, Some(ended)) => {
            tally.inconclusive("the association ended soon after", [Place::Entry(ended.entry)]);
        }
        (None, None) => tally.inconclusive("nothing is sent after it in the recording", [place]),
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, dtls};
    use crate::evidence::{Evidence, Packet, Peer, Protection};

    const STACK: Peer = Peer(0);

    /// A record of Bob's comes that does not authenticate, before the last one of the stack.
    fn forge(evidence: &mut Evidence) {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let is_data = |it: &Packet| it.bytes[0] == 23;
        let at = packets.iter().position(|it| is_data(it) && it.sender == STACK).unwrap();
        let mut forged = packets.iter().find(|it| is_data(it) && it.sender != STACK).unwrap().clone();
        (forged.t_us, forged.protection) = (packets[at].t_us, Protection::Forged);
        forged.clear.clear();
        // Its number is its own.
        forged.bytes[9] ^= 0x70;
        packets.insert(at, forged);
    }

    /// Answers it by bad_record_mac.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Data, forge, |evidence| {
        dtls::say(evidence, STACK, 21, &[2, 20], 1_000);
    });
}
