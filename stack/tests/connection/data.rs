//! Data channels between two connections in one process.

use crate::common::{chat, connected, loopback};
use peerproof_stack::connection::{ChannelEvent, ChannelInit, ErrorName, RTCDataChannelState};

#[tokio::test]
async fn text_binary_and_the_largest_message_arrive_as_they_were_sent() {
    let (mut alice, mut bob, near, far) = connected(loopback(), loopback(), chat()).await;
    assert_eq!(near.info().id, far.info().id);
    let large: Vec<u8> = (0..262_144_u32).map(|i| (i % 251) as u8).collect();
    near.send_text("hello").await.unwrap();
    near.send_text("").await.unwrap();
    near.send(&[]).await.unwrap();
    near.send(&large).await.unwrap();
    assert_eq!(bob.until_message("chat").await, (true, "hello".into()));
    assert_eq!(bob.until_message("chat").await, (true, "".into()));
    assert_eq!(bob.until_message("chat").await, (false, "".into()));
    assert_eq!(bob.until_message("chat").await.1, large);
    far.send(&large).await.unwrap();
    assert_eq!(alice.until_message("chat").await.1, large);
    alice.pc.close().await.unwrap();
    bob.pc.close().await.unwrap();
}

#[tokio::test]
async fn a_message_larger_than_the_other_takes_is_refused() {
    let (alice, bob, near, _far) = connected(loopback(), loopback(), chat()).await;
    let error = near.send(&vec![0; 262_145]).await.unwrap_err();
    assert_eq!(error.name, ErrorName::Type);
    alice.pc.close().await.unwrap();
    bob.pc.close().await.unwrap();
}

#[tokio::test]
async fn options_reach_the_other_side() {
    let init = ChannelInit {
        ordered: Some(false),
        max_retransmits: Some(3),
        protocol: "proto".to_owned(),
        ..chat()
    };
    let (alice, bob, near, far) = connected(loopback(), loopback(), init).await;
    assert_eq!(near.info().max_retransmits, Some(3));
    assert_eq!(far.info().max_retransmits, Some(3));
    assert!(!far.info().ordered);
    assert_eq!(far.info().protocol, "proto");
    alice.pc.close().await.unwrap();
    bob.pc.close().await.unwrap();
}

#[tokio::test]
async fn a_negotiated_channel_opens_without_an_announcement() {
    let init = ChannelInit { negotiated: true, id: Some(7), ..chat() };
    let (alice, mut bob, near, far) = connected(loopback(), loopback(), init).await;
    assert_eq!((near.info().id, far.info().id), (Some(7), Some(7)));
    near.send_text("hello").await.unwrap();
    assert_eq!(bob.until_message("chat").await, (true, "hello".into()));
    alice.pc.close().await.unwrap();
    bob.pc.close().await.unwrap();
}

#[tokio::test]
async fn a_closed_channel_closes_at_both_sides() {
    let (mut alice, mut bob, near, far) = connected(loopback(), loopback(), chat()).await;
    near.close().await.unwrap();
    bob.until_channel("chat", &ChannelEvent::Close).await;
    alice.until_channel("chat", &ChannelEvent::Close).await;
    assert_eq!(far.ready_state().await, RTCDataChannelState::Closed);
    assert_eq!(near.send_text("late").await.unwrap_err().name, ErrorName::InvalidState);
    alice.pc.close().await.unwrap();
    bob.pc.close().await.unwrap();
}

#[tokio::test]
async fn bad_channel_options_are_refused_by_name() {
    let side = crate::common::Side::new(loopback()).await;
    let both = ChannelInit { max_retransmits: Some(1), max_packet_life_time: Some(1), ..chat() };
    let no_id = ChannelInit { negotiated: true, ..chat() };
    let long = ChannelInit { label: "x".repeat(65536), ..chat() };
    for init in [both, no_id, long] {
        assert_eq!(side.pc.create_data_channel(&init).await.unwrap_err().name, ErrorName::Type);
    }
    let taken = ChannelInit { negotiated: true, id: Some(1), ..chat() };
    side.pc.create_data_channel(&taken).await.unwrap();
    assert_eq!(side.pc.create_data_channel(&taken).await.unwrap_err().name, ErrorName::Operation);
    side.pc.close().await.unwrap();
    assert_eq!(side.pc.create_data_channel(&chat()).await.unwrap_err().name, ErrorName::InvalidState);
}
