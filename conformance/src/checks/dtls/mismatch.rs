//! What a peer does that was presented a certificate which its description of the other side does not have (RFC 8122 §6.2).

use super::{associations, has_application_data};
use crate::checks::Place;
use crate::evidence::{Description, Evidence, Handshake, Peer, digest};
use peerproof_captures::event::{DtlsState, PeerEvent};
use peerproof_captures::sdp::Fingerprint;
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::dtls::handshake::Body;
use std::collections::BTreeSet;

/// What a peer did after it had got another certificate.
pub(super) struct Mismatch {
    /// The frame with which the certificate was whole.
    pub(super) certificate: Place,
    /// Its event that the DTLS transport is connected.
    pub(super) connected: Option<Place>,
    /// The first media or data that it sent afterwards.
    pub(super) sent: Option<Place>,
    /// What shows that it refused: an alert, or the failure of its transport.
    pub(super) refused: Option<Place>,
}

/// Which side of the handshake judges the certificate of the other one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Judge {
    Client,
    Server,
}

/// What a peer did as this side of a handshake, if the certificate of the other side has none of the fingerprints that the peer received. Of
/// several handshakes the first counts in which it is so.
pub(super) fn of(evidence: &Evidence, peer: Peer, judge: Judge) -> Option<Mismatch> {
    let other = evidence.other(peer)?;
    let received: BTreeSet<Fingerprint> =
        evidence.made_by(other).flat_map(Description::fingerprints).collect();
    if received.is_empty() {
        return None;
    }
    let mut handshakes = associations(evidence, peer).into_iter().enumerate();
    handshakes.find_map(|(n, (handshake, frames))| {
        let is_client = handshake.client()? == peer;
        let (frame, t_us) = foreign(&handshake, other, &received)?;
        let got = Got { frame, t_us, is_first: n == 0, until: frames.end };
        (is_client == (judge == Judge::Client)).then(|| got.then(evidence, peer))
    })
}

/// Where a handshake has a certificate of that peer with none of these fingerprints.
fn foreign(handshake: &Handshake, of: Peer, known: &BTreeSet<Fingerprint>) -> Option<(u64, u64)> {
    let presented = handshake.bodies().filter(|(message, _)| message.sender == of);
    let mut certificates = presented.filter_map(|(message, body)| match body {
        Body::Certificate(all) => Some((message.frame, message.t_us, all.entries().next()?.data.value)),
        _ => None,
    });
    let (frame, t_us, leaf) = certificates.next()?;
    let is_known = known.iter().any(|it| digest(&it.hash, leaf).as_deref() == Some(&it.bytes[..]));
    (!is_known).then_some((frame, t_us))
}

/// The certificate of another, as it came.
struct Got {
    frame: u64,
    t_us: u64,
    /// Whether it is that of the first handshake.
    is_first: bool,
    /// The frame with which the next handshake begins.
    until: u64,
}

impl Got {
    /// What the peer did then. Before a later handshake is done the association before it still carries data, so what is sent says nothing.
    fn then(&self, evidence: &Evidence, peer: Peer) -> Mismatch {
        let events = evidence.events(peer);
        let state = |wanted: &[DtlsState]| {
            let is = |event: &PeerEvent| matches!(event, PeerEvent::DtlsStateChange { state, .. } if wanted.contains(state));
            let mut after = events.iter().filter(|it| self.is_first || it.t_us >= self.t_us);
            after.find(|it| is(it.event)).map(|it| Place::Entry(it.entry))
        };
        let is_sent = |packet: &&crate::evidence::Packet| {
            packet.t_us > self.t_us
                && packet.frame < self.until
                && (has_application_data(packet) || matches!(packet.class(), Class::Rtp | Class::Rtcp))
        };
        let sent =
            evidence.wire.iter().filter(|_| self.is_first).flat_map(|wire| wire.sent(peer)).find(is_sent);
        let mut alerts = super::alerts(evidence, peer, peer);
        let alert = alerts.find(|it| it.packet.t_us >= self.t_us && it.packet.frame < self.until);
        Mismatch {
            certificate: Place::Frame(self.frame),
            connected: state(&[DtlsState::Connected]),
            sent: sent.map(|packet| Place::Frame(packet.frame)),
            refused: state(&[DtlsState::Failed]).or(alert.map(|it| Place::Frame(it.packet.frame))),
        }
    }
}

/// Edits for the controls.
#[cfg(test)]
pub(super) mod edits {
    use super::Judge;
    use crate::checks::controls::{Recording, dtls, events};
    use crate::evidence::{Clear, Evidence, Packet, Peer};
    use peerproof_captures::event::{DtlsState, PeerEvent};
    use peerproof_captures::sdp::SessionDescription;

    fn is_beyond(packet: &Packet) -> bool {
        packet.bytes[0] >= 128 || matches!(packet.bytes[0], 21 | 23)
    }

    fn peer(evidence: &Evidence, judge: Judge) -> Peer {
        let client = evidence.first_handshake(Peer(0)).client().unwrap();
        if judge == Judge::Client { client } else { evidence.other(client).unwrap() }
    }

    /// As if the descriptions that `judge` got had other fingerprints, and it refused.
    pub(in super::super) fn refuse(evidence: &mut Evidence, judge: Judge) {
        let judge = peer(evidence, judge);
        let name = evidence.name(judge).to_owned();
        for made in evidence.descriptions.iter_mut().filter(|it| it.by != judge) {
            let text = made.sdp.as_str();
            let at = text.find("a=fingerprint:sha-256 ").unwrap() + 22;
            let flipped = if text.as_bytes()[at] == b'0' { "1" } else { "0" };
            // All of them: in the sections, too.
            let digest = text[at..at + 95].to_owned();
            let other = format!("{flipped}{}", &digest[1..]);
            made.delivered = Some(SessionDescription::parse(text.replace(&digest, &other)));
        }
        evidence.wire.as_mut().unwrap().packets.retain(|it| !is_beyond(it));
        events::edit_each(evidence, &name, |event| {
            if let PeerEvent::DtlsStateChange { state: state @ DtlsState::Connected, .. } = event {
                *state = DtlsState::Failed;
            }
        });
    }

    /// It reports that the transport is connected all the same.
    pub(in super::super) fn connect(evidence: &mut Evidence, judge: Judge) {
        let judge = peer(evidence, judge);
        let name = evidence.name(judge).to_owned();
        events::edit_each(evidence, &name, |event| {
            if let PeerEvent::DtlsStateChange { state: state @ DtlsState::Failed, .. } = event {
                *state = DtlsState::Connected;
            }
        });
    }

    /// It sends data all the same.
    pub(in super::super) fn send(evidence: &mut Evidence, judge: Judge) {
        let judge = peer(evidence, judge);
        let whole = Recording::Data.evidence();
        let own = |it: &&Packet| it.sender == judge && it.clear.iter().any(Clear::is_application_data);
        let last = whole.wire.as_ref().unwrap().packets.iter().rfind(own).unwrap();
        dtls::say(evidence, judge, 23, last.clear[0].bytes.as_slice(), 1_000);
    }
}
