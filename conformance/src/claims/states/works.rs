//! What a connection that works has passed, whatever produced its events: an adapter must not lose it.

use super::super::observed::against;
use super::super::{Contradiction, Session};
use super::machines::{Machine, Reports};
use super::parts::{ICE_UP, SAME_CHANGE_US};
use crate::case_file::CasePeer;
use crate::verdict::Place;
use peerproof_captures::event::PeerEvent;

/// `connectionState` is `connected`, or a channel is open, only over ICE transports that are connected (webrtc-pc §4.3.3, §4.3.4). Of a peer that
/// [reports all](Session::reports_all), the order of the states is judged as well.
pub(super) fn check(
    session: &Session<'_>,
    peer: &CasePeer,
    reports: &Reports,
    is_several: bool,
    found: &mut Vec<Contradiction>,
) {
    let hides = ICE_UP.iter().any(|state| peer.never_reports(Machine::Ice.event(), state));
    if hides || session.reports_all(peer) || reports.first(Machine::Ice, ICE_UP).is_some() {
        return;
    }
    let connected = reports.first(Machine::Connection, &["connected"]);
    let connected = connected.map(|it| (it.n, it.t_us, "that connectionState became connected".to_owned()));
    // Of several transports, one may be in use while others are not connected.
    let open = session.events(&peer.name).find_map(|(entry, event)| match event {
        PeerEvent::ChannelOpen { channel } if !is_several => {
            Some((entry.n, entry.t_us, format!("that the channel {:?} is open", channel.label)))
        }
        _ => None,
    });
    let Some((n, t_us, says)) = connected.or(open) else { return };
    // Its line keeps the order of what it says, whatever it answers.
    if !session.answered_later(&peer.name, t_us) && !session.had_time(&peer.name, t_us, SAME_CHANGE_US) {
        return;
    }
    let claimed = format!("{} reports {says}", peer.name);
    let seen = "it never reports that iceConnectionState became connected or completed";
    found.push(against(&peer.name, Machine::Ice.claim(), t_us, claimed, seen, [Place::Entry(n)]));
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Case;
    use crate::checks::controls::Recording;
    use peerproof_captures::event::{ConnectionState, PeerEvent};
    use peerproof_captures::feature::Feature;
    use peerproof_captures::timeline::{Answer, What};

    #[test]
    fn a_channel_is_open_over_a_transport_that_is_connected() {
        let connected = PeerEvent::ConnectionStateChange { state: ConnectionState::Connected };
        let is_blamed = |silent: &str| {
            let mut case = Case::of(Recording::Data);
            case.record.file.peers[1].features = Some(vec![Feature::DataChannels]);
            case.silence("bob", |event| {
                let state = matches!(event, PeerEvent::IceConnectionStateChange { .. });
                state || *event == connected
            });
            if silent == "channelopen" {
                case.silence("bob", |event| matches!(event, PeerEvent::ChannelOpen { .. }));
            } else if silent == "rest" {
                // Nothing more comes from it.
                let open = case.record.timeline.iter().position(
                    |entry| matches!(&entry.what, What::Event { peer, event: PeerEvent::ChannelOpen { .. }, .. } if peer == "bob"),
                );
                case.record.timeline.truncate(open.unwrap() + 1);
            }
            if silent == "results" {
                for entry in &mut case.record.timeline {
                    if let What::Answer { peer, answer, .. } = &mut entry.what
                        && peer == "bob"
                    {
                        *answer = Answer::Unsupported { reason: "it has none".to_owned() };
                    }
                }
            }
            let claim = "event/iceconnectionstatechange.state";
            case.found().iter().any(|it| it.claim == claim && it.sentence().contains("is open, but it never"))
        };
        assert!(is_blamed("nothing") && is_blamed("results"));
        assert!(!is_blamed("channelopen"), "neither says that it is connected");
        assert!(!is_blamed("rest"), "the event may have been on its way");
    }
}
