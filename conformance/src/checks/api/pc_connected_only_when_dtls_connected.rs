//! webrtc-pc §4.3.3: connectionState is `connected` only while every DTLS transport in use is connected or closed.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::{ConnectionState, DtlsState, PeerEvent};

pub(super) const CHECK: Check = Check {
    id: "pc-connected-only-when-dtls-connected",
    layer: Layer::Dtls,
    subject: "connections",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let events = evidence.events(peer);
    if !events.iter().any(|happened| matches!(happened.event, PeerEvent::DtlsStateChange { .. })) {
        tally.not_applicable("the peer reports no states of its DTLS transports");
        return;
    }
    let mut dtls = DtlsState::New;
    for happened in events {
        let place = Place::Entry(happened.entry);
        match happened.event {
            PeerEvent::DtlsStateChange { state, .. } => dtls = *state,
            PeerEvent::ConnectionStateChange { state: ConnectionState::Connected } => {
                tally.judge(
                    Fault("connected-without-dtls"),
                    matches!(dtls, DtlsState::Connected | DtlsState::Closed),
                    place,
                    || format!("connectionState became connected while the DTLS transport was {dtls}"),
                );
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, events};
    use peerproof_captures::event::{ConnectionState, DtlsState, PeerEvent};

    /// Reports `connected` of the connection before that of the transport.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        let dtls = events::find(evidence, "bob", |event| {
            matches!(event, PeerEvent::DtlsStateChange { state: DtlsState::Connected, .. })
        });
        let connected = PeerEvent::ConnectionStateChange { state: ConnectionState::Connected };
        let connection = events::find(evidence, "bob", |event| *event == connected);
        events::swap(evidence, dtls, connection);
    });
}
