//! Descriptions, rollback, restart and renegotiation between two connections in one process.

use crate::common::{Side, chat, connected, loopback, negotiate};
use peerproof_stack::connection::{
    Candidate, ChannelEvent, Configuration, Description, ErrorName, Event, Options, RTCIceGatheringState,
    RTCSdpType, RTCSignalingState, TransportPolicy,
};
use peerproof_stack::media::{Kind, Source};

fn rollback() -> Description {
    Description { kind: RTCSdpType::Rollback, sdp: String::new() }
}

fn line<'a>(sdp: &'a str, prefix: &str) -> &'a str {
    sdp.lines().find(|line| line.starts_with(prefix)).unwrap_or_default()
}

#[tokio::test]
async fn an_offer_is_rolled_back_at_either_side() {
    let (alice, bob) = (Side::new(loopback()).await, Side::new(loopback()).await);
    alice.pc.create_data_channel(&chat()).await.unwrap();
    let offer = alice.pc.create_offer(false).await.unwrap();
    alice.pc.set_local_description(Some(offer.clone())).await.unwrap();
    assert_eq!(alice.pc.signaling_state().await, RTCSignalingState::HaveLocalOffer);
    alice.pc.set_local_description(Some(rollback())).await.unwrap();
    assert_eq!(alice.pc.signaling_state().await, RTCSignalingState::Stable);
    bob.pc.set_remote_description(offer).await.unwrap();
    bob.pc.set_remote_description(rollback()).await.unwrap();
    assert_eq!(bob.pc.signaling_state().await, RTCSignalingState::Stable);
    let again = bob.pc.set_local_description(Some(rollback())).await.unwrap_err();
    assert_eq!(again.name, ErrorName::InvalidState);
    alice.pc.close().await.unwrap();
    bob.pc.close().await.unwrap();
}

#[tokio::test]
async fn a_remote_offer_rolls_a_local_one_back() {
    let (mut alice, mut bob) = (Side::new(loopback()).await, Side::new(loopback()).await);
    for side in [&alice, &bob] {
        side.pc.create_data_channel(&chat()).await.unwrap();
        side.pc.set_local_description(None).await.unwrap();
    }
    alice.gathered().await;
    let offer = alice.pc.local_description().await.unwrap();
    bob.pc.set_remote_description(offer).await.unwrap();
    bob.pc.set_local_description(None).await.unwrap();
    bob.gathered().await;
    alice.pc.set_remote_description(bob.pc.local_description().await.unwrap()).await.unwrap();
    alice.until_channel("chat", &ChannelEvent::Open).await;
    bob.until_channel("chat", &ChannelEvent::Open).await;
    alice.pc.close().await.unwrap();
    bob.pc.close().await.unwrap();
}

#[tokio::test]
async fn a_restart_brings_new_credentials_and_the_channel_survives() {
    let (mut alice, mut bob, near, _far) = connected(loopback(), loopback(), chat()).await;
    let before = alice.pc.local_description().await.unwrap().sdp;
    alice.pc.restart_ice().await.unwrap();
    negotiate(&mut alice, &mut bob, false).await;
    let after = alice.pc.local_description().await.unwrap().sdp;
    assert_ne!(line(&before, "a=ice-ufrag:"), line(&after, "a=ice-ufrag:"));
    near.send_text("still here").await.unwrap();
    assert_eq!(bob.until_message("chat").await.1, "still here");
    alice.pc.close().await.unwrap();
    bob.pc.close().await.unwrap();
}

#[tokio::test]
async fn media_is_added_to_a_data_connection_and_gathering_is_reported_once() {
    let (mut alice, mut bob, ..) = connected(loopback(), loopback(), chat()).await;
    let source = Source::tone(440);
    let track = peerproof_stack::connection::LocalTrack { id: "mic".into(), stream: "s".into(), source };
    alice.pc.add_track(&track).await.unwrap();
    negotiate(&mut alice, &mut bob, false).await;
    bob.until("track", |e| matches!(e, Event::Track { kind: Kind::Audio, .. }).then_some(())).await;
    bob.until("unmute", |e| matches!(e, Event::TrackUnmute(_)).then_some(())).await;
    for side in [&alice, &bob] {
        let states: Vec<_> = side
            .seen
            .iter()
            .filter_map(|e| if let Event::IceGatheringState(state) = e { Some(*state) } else { None })
            .collect();
        assert_eq!(states, [RTCIceGatheringState::Gathering, RTCIceGatheringState::Complete]);
    }
    alice.pc.close().await.unwrap();
    bob.pc.close().await.unwrap();
}

#[tokio::test]
async fn operations_in_the_wrong_state_are_refused_by_name() {
    let side = Side::new(loopback()).await;
    let refused =
        |result: Result<Description, peerproof_stack::connection::Rejection>| result.unwrap_err().name;
    assert_eq!(refused(side.pc.create_answer().await), ErrorName::InvalidState);
    let answer = Description { kind: RTCSdpType::Answer, sdp: "v=0\r\n".to_owned() };
    let result = side.pc.set_remote_description(answer).await.unwrap_err();
    assert_ne!(result.name, ErrorName::Type);
    let bare = Candidate {
        candidate: "candidate:1 1 udp 1 192.0.2.1 9 typ host".to_owned(),
        ..Candidate::default()
    };
    assert_eq!(side.pc.add_ice_candidate(Some(bare.clone())).await.unwrap_err().name, ErrorName::Type);
    let early = Candidate { sdp_mid: Some("0".to_owned()), ..bare };
    assert_eq!(side.pc.add_ice_candidate(Some(early)).await.unwrap_err().name, ErrorName::InvalidState);
    let garbage = Description { kind: RTCSdpType::Offer, sdp: "not a description".to_owned() };
    assert_eq!(side.pc.set_remote_description(garbage).await.unwrap_err().name, ErrorName::Operation);
    side.pc.create_data_channel(&chat()).await.unwrap();
    let offer = side.pc.create_offer(false).await.unwrap();
    let altered = Description { sdp: offer.sdp.replace("actpass", "active"), ..offer };
    let result = side.pc.set_local_description(Some(altered)).await.unwrap_err();
    assert_eq!(result.name, ErrorName::InvalidModification);
    side.pc.close().await.unwrap();
    assert_eq!(refused(side.pc.create_offer(false).await), ErrorName::InvalidState);
}

#[tokio::test]
async fn descriptions_offer_trickle_and_candidates_name_their_section() {
    let mut side = Side::new(loopback()).await;
    side.pc.create_data_channel(&chat()).await.unwrap();
    side.pc.set_local_description(None).await.unwrap();
    let candidate = side
        .until("candidate", |e| if let Event::IceCandidate(Some(c)) = e { Some(c.clone()) } else { None })
        .await;
    side.gathered().await;
    let sdp = side.pc.local_description().await.unwrap().sdp;
    assert!(sdp.contains("a=ice-options:trickle"), "{sdp}");
    assert_eq!(sdp.matches("a=candidate:").count(), 1, "{sdp}");
    assert_eq!(candidate.sdp_m_line_index, Some(0));
    assert_eq!(candidate.sdp_mid.as_deref(), Some("0"));
    assert!(line(&sdp, "a=ice-ufrag:").ends_with(&candidate.username_fragment.unwrap()));
    side.pc.close().await.unwrap();
}

#[tokio::test]
async fn an_answer_takes_the_role_that_the_offer_leaves() {
    let (mut alice, mut bob) = (Side::new(loopback()).await, Side::new(loopback()).await);
    alice.pc.create_data_channel(&chat()).await.unwrap();
    alice.pc.set_local_description(None).await.unwrap();
    alice.gathered().await;
    let offer = alice.pc.local_description().await.unwrap();
    let active = Description { sdp: offer.sdp.replace("a=setup:actpass", "a=setup:active"), ..offer };
    bob.pc.set_remote_description(active).await.unwrap();
    bob.pc.set_local_description(None).await.unwrap();
    bob.gathered().await;
    let answer = bob.pc.local_description().await.unwrap();
    assert!(answer.sdp.contains("a=setup:passive"), "{}", answer.sdp);
    alice.pc.set_remote_description(answer).await.unwrap();
    alice.until_channel("chat", &ChannelEvent::Open).await;
    bob.until_channel("chat", &ChannelEvent::Open).await;
    // The other way round the roles stay, RFC 8842 §5.5.
    negotiate(&mut bob, &mut alice, false).await;
    let answer = alice.pc.local_description().await.unwrap();
    assert!(answer.sdp.contains("a=setup:active"), "{}", answer.sdp);
    alice.pc.close().await.unwrap();
    bob.pc.close().await.unwrap();
}

#[tokio::test]
async fn relay_only_without_a_relay_gathers_nothing() {
    let configuration =
        Configuration { transport_policy: TransportPolicy::Relay, ..Configuration::default() };
    let mut side = Side::new(Options { configuration, ..loopback() }).await;
    side.pc.create_data_channel(&chat()).await.unwrap();
    side.pc.set_local_description(None).await.unwrap();
    side.gathered().await;
    assert!(!side.seen.iter().any(|e| matches!(e, Event::IceCandidate(Some(_)))));
    assert!(!side.pc.local_description().await.unwrap().sdp.contains("a=candidate"));
    side.pc.close().await.unwrap();
}
