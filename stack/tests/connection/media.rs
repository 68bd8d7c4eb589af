//! Audio and video between two connections in one process.

use crate::common::{Side, loopback, negotiate};
use peerproof_stack::connection::{Direction, Event, LocalTrack};
use peerproof_stack::media::{Kind, Seen, Source};

fn camera(id: &str) -> LocalTrack {
    let source = Source::numbered(320, 240, 15.0).unwrap();
    LocalTrack { id: id.to_owned(), stream: "stream".to_owned(), source }
}

fn microphone(id: &str, tone_hz: u32) -> LocalTrack {
    LocalTrack { id: id.to_owned(), stream: "stream".to_owned(), source: Source::tone(tone_hz) }
}

async fn seen(side: &mut Side, track: &str, enough: impl Fn(&Seen) -> bool) -> Seen {
    side.until(&format!("media of {track}"), |event| match event {
        Event::MediaSeen { id, seen, .. } if id == track && enough(seen) => Some(seen.clone()),
        _ => None,
    })
    .await
}

async fn track(side: &mut Side, kind: Kind) -> String {
    side.until("track", |event| match event {
        Event::Track { id, kind: k, mid, .. } if *k == kind => {
            assert!(mid.is_some());
            Some(id.clone())
        }
        _ => None,
    })
    .await
}

#[tokio::test]
async fn numbered_pictures_and_tones_arrive_in_both_directions() {
    let (mut alice, mut bob) = (Side::new(loopback()).await, Side::new(loopback()).await);
    alice.pc.add_track(&microphone("a-mic", 440)).await.unwrap();
    alice.pc.add_track(&camera("a-cam")).await.unwrap();
    let offer = alice.pc.create_offer(false).await.unwrap();
    alice.pc.set_local_description(Some(offer)).await.unwrap();
    alice.gathered().await;
    bob.pc.set_remote_description(alice.pc.local_description().await.unwrap()).await.unwrap();
    assert_eq!(track(&mut bob, Kind::Audio).await, "a-mic");
    assert_eq!(track(&mut bob, Kind::Video).await, "a-cam");
    bob.pc.add_track(&microphone("b-mic", 880)).await.unwrap();
    bob.pc.add_track(&camera("b-cam")).await.unwrap();
    bob.pc.set_local_description(None).await.unwrap();
    bob.gathered().await;
    alice.pc.set_remote_description(bob.pc.local_description().await.unwrap()).await.unwrap();
    assert_eq!(track(&mut alice, Kind::Audio).await, "b-mic");
    for (side, theirs) in [(&mut alice, "b"), (&mut bob, "a")] {
        side.pc.watch(&format!("{theirs}-mic")).unwrap();
        side.pc.watch(&format!("{theirs}-cam")).unwrap();
    }
    let near = |wanted: u32| move |seen: &Seen| seen.tone_hz.is_some_and(|hz| hz.abs_diff(wanted) <= 10);
    seen(&mut alice, "b-mic", near(880)).await;
    seen(&mut bob, "a-mic", near(440)).await;
    for (side, cam) in [(&mut alice, "b-cam"), (&mut bob, "a-cam")] {
        let picture = seen(side, cam, |seen| seen.number.is_some()).await;
        assert_eq!((picture.width, picture.height), (Some(320), Some(240)));
    }
    let all = alice.pc.transceivers().await.unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(all[1].current_direction, Some(Direction::Sendrecv));
    assert_eq!((all[1].sender.as_deref(), all[1].receiver.as_deref()), (Some("a-cam"), Some("b-cam")));
    alice.pc.close().await.unwrap();
    bob.pc.close().await.unwrap();
}

#[tokio::test]
async fn directions_are_negotiated_and_a_removed_track_is_muted() {
    let (mut alice, mut bob) = (Side::new(loopback()).await, Side::new(loopback()).await);
    alice
        .pc
        .add_transceiver(Kind::Audio, Direction::Sendonly, Some(microphone("mic", 440)), Vec::new())
        .await
        .unwrap();
    alice.pc.add_transceiver(Kind::Video, Direction::Recvonly, None, Vec::new()).await.unwrap();
    negotiate(&mut alice, &mut bob, false).await;
    let directions = |infos: Vec<peerproof_stack::connection::TransceiverInfo>| {
        infos.into_iter().map(|t| (t.kind, t.current_direction)).collect::<Vec<_>>()
    };
    let at_alice = directions(alice.pc.transceivers().await.unwrap());
    let at_bob = directions(bob.pc.transceivers().await.unwrap());
    assert_eq!(at_alice[0], (Kind::Audio, Some(Direction::Sendonly)));
    assert_eq!(at_bob[0], (Kind::Audio, Some(Direction::Recvonly)));
    assert!(at_alice[1].0 == Kind::Video && at_bob[1].0 == Kind::Video);
    bob.until("unmute", |event| matches!(event, Event::TrackUnmute(id) if id == "mic").then_some(())).await;
    alice.pc.remove_track("mic").await.unwrap();
    negotiate(&mut alice, &mut bob, false).await;
    bob.until("mute", |event| matches!(event, Event::TrackMute(id) if id == "mic").then_some(())).await;
    alice.pc.close().await.unwrap();
    bob.pc.close().await.unwrap();
}

#[tokio::test]
async fn a_replaced_track_is_seen_without_another_negotiation() {
    let (mut alice, mut bob) = (Side::new(loopback()).await, Side::new(loopback()).await);
    alice.pc.add_track(&microphone("one", 440)).await.unwrap();
    negotiate(&mut alice, &mut bob, false).await;
    bob.pc.watch("one").unwrap();
    seen(&mut bob, "one", |seen| seen.tone_hz.is_some_and(|hz| hz.abs_diff(440) <= 10)).await;
    alice.pc.replace_track("one", Some(microphone("two", 1000))).await.unwrap();
    seen(&mut bob, "one", |seen| seen.tone_hz.is_some_and(|hz| hz.abs_diff(1000) <= 10)).await;
    assert!(alice.pc.replace_track("one", None).await.is_err());
    assert!(alice.pc.replace_track("two", Some(camera("cam"))).await.is_err());
    alice.pc.close().await.unwrap();
    bob.pc.close().await.unwrap();
}
