//! The tap, the secrets, and what is known of DTLS from the wire.

use crate::common::{Side, chat, connected, loopback, negotiate};
use peerproof_stack::connection::{
    ChannelEvent, Event, Faults, Options, RTCDtlsTransportState, RTCPeerConnectionState,
};
use peerproof_stack::tap::{Action, Datagram, Direction, SecretSink, Tap};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Debug, Default)]
struct Kept {
    lines: Mutex<Vec<String>>,
    material: Mutex<Vec<Vec<u8>>>,
    application_data: AtomicU32,
}

impl SecretSink for Kept {
    fn key_log(&self, line: &str) {
        self.lines.lock().unwrap().push(line.to_owned());
    }
    fn srtp_keying_material(&self, material: &[u8]) {
        self.material.lock().unwrap().push(material.to_vec());
    }
    fn application_data(&self, _: Direction, payload: &[u8]) {
        assert_eq!(payload.get(..4), Some(&[0x13, 0x88, 0x13, 0x88][..]), "SCTP ports 5000");
        self.application_data.fetch_add(1, Ordering::Relaxed);
    }
}

/// Decides by a function.
struct By<F>(F);

impl<F> std::fmt::Debug for By<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("By")
    }
}

impl<F: Fn(&Datagram<'_>) -> Action + Send + Sync> Tap for By<F> {
    fn on_datagram(&self, datagram: &Datagram<'_>) -> Action {
        (self.0)(datagram)
    }
}

fn tapped(tap: impl Fn(&Datagram<'_>) -> Action + Send + Sync + 'static) -> Options {
    Options { tap: Arc::new(By(tap)), ..loopback() }
}

#[tokio::test]
async fn both_sides_report_the_same_secrets() {
    let (near, far) = (Arc::new(Kept::default()), Arc::new(Kept::default()));
    let with = |kept: &Arc<Kept>| Options { secrets: kept.clone(), ..loopback() };
    let (alice, bob, ..) = connected(with(&near), with(&far), chat()).await;
    let lines = near.lines.lock().unwrap().clone();
    assert_eq!(lines, *far.lines.lock().unwrap());
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    let parts: Vec<&str> = line.split(' ').collect();
    let is_hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    assert_eq!((parts[0], parts[1].len(), parts[2].len()), ("CLIENT_RANDOM", 64, 96));
    assert!(is_hex(parts[1]) && is_hex(parts[2]));
    let material = near.material.lock().unwrap().clone();
    assert_eq!(material, *far.material.lock().unwrap());
    assert_eq!(material.len(), 1);
    assert!(matches!(material[0].len(), 56 | 60 | 88), "{}", material[0].len());
    assert!(near.application_data.load(Ordering::Relaxed) > 3);
    alice.pc.close().await.unwrap();
    bob.pc.close().await.unwrap();
}

#[tokio::test]
async fn the_tap_sees_both_directions_and_each_datagram_once() {
    let seen = Arc::new(Mutex::new([Vec::new(), Vec::new()]));
    let keep = |side: usize| {
        let seen = seen.clone();
        tapped(move |datagram| {
            let outward = usize::from(datagram.direction == Direction::Out);
            if side == outward {
                seen.lock().unwrap()[side].push(datagram.payload.to_vec());
            }
            Action::Pass
        })
    };
    // What alice sends is what bob gets.
    let (alice, bob, near, _far) = connected(keep(1), keep(0), chat()).await;
    near.send(&[7; 100_000]).await.unwrap();
    let mut bob = bob;
    bob.until_message("chat").await;
    let (sent, got) = {
        let mut seen = seen.lock().unwrap();
        let got = std::mem::take(&mut seen[0]);
        (std::mem::take(&mut seen[1]), got)
    };
    assert!(got.len() > 80);
    assert_eq!(sent.get(..got.len()), Some(got.as_slice()));
    alice.pc.close().await.unwrap();
    bob.pc.close().await.unwrap();
}

/// Does something to the first DTLS handshake datagrams that go out.
fn first_flights(count: u32, fault: impl Fn(&[u8]) -> Action + Send + Sync + 'static) -> Options {
    let left = AtomicU32::new(count);
    tapped(move |datagram| {
        let is_handshake = datagram.payload.first() == Some(&22) && datagram.direction == Direction::Out;
        let is_chosen = is_handshake
            && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok();
        if is_chosen { fault(datagram.payload) } else { Action::Pass }
    })
}

#[tokio::test]
async fn a_lost_flight_is_sent_again() {
    let drop = |_: &[u8]| Action::Drop;
    let cases = [1, 2, 3]
        .into_iter()
        .flat_map(|lost| [(first_flights(lost, drop), loopback()), (loopback(), first_flights(lost, drop))]);
    let played = cases.map(|(alice, bob)| async move {
        let (alice, bob, ..) = connected(alice, bob, chat()).await;
        alice.pc.close().await.unwrap();
        bob.pc.close().await.unwrap();
    });
    futures::future::join_all(played).await;
}

#[tokio::test]
async fn duplicated_and_delayed_datagrams_do_no_harm() {
    let twice = tapped(|datagram| {
        let payload = datagram.payload.to_vec();
        Action::Deliver(vec![(Duration::ZERO, payload.clone()), (Duration::from_millis(3), payload)])
    });
    let (alice, mut bob, near, _far) = connected(twice, loopback(), chat()).await;
    for text in ["one", "two", "three"] {
        near.send_text(text).await.unwrap();
        assert_eq!(bob.until_message("chat").await.1, text);
    }
    alice.pc.close().await.unwrap();
    bob.pc.close().await.unwrap();
}

#[tokio::test]
async fn a_tampered_record_is_repaired_by_retransmission() {
    let count = AtomicU32::new(0);
    let tamper = tapped(move |datagram| {
        let is_data = datagram.payload.first() == Some(&23) && datagram.direction == Direction::Out;
        if !is_data || count.fetch_add(1, Ordering::Relaxed) % 7 != 5 {
            return Action::Pass;
        }
        let mut payload = datagram.payload.to_vec();
        if let Some(last) = payload.last_mut() {
            *last ^= 1;
        }
        Action::Deliver(vec![(Duration::ZERO, payload)])
    });
    let (alice, mut bob, near, _far) = connected(tamper, loopback(), chat()).await;
    let message: Vec<u8> = (0..20_000_u32).map(|i| (i % 256) as u8).collect();
    near.send(&message).await.unwrap();
    assert_eq!(bob.until_message("chat").await.1, message);
    alice.pc.close().await.unwrap();
    bob.pc.close().await.unwrap();
}

async fn fails_at_both(alice: Options, bob: Options) {
    let (mut alice, mut bob) = (Side::new(alice).await, Side::new(bob).await);
    alice.pc.create_data_channel(&chat()).await.unwrap();
    negotiate(&mut alice, &mut bob, false).await;
    for side in [&mut alice, &mut bob] {
        let reason = side
            .until("failed DTLS", |event| match event {
                Event::DtlsState { state: RTCDtlsTransportState::Failed, reason } => reason.clone(),
                _ => None,
            })
            .await;
        assert!(reason.contains("certificate"), "{reason}");
        side.until("failed connection", |event| {
            matches!(event, Event::ConnectionState(RTCPeerConnectionState::Failed)).then_some(())
        })
        .await;
        assert!(!side.seen.iter().any(|e| matches!(e, Event::Channel(_, ChannelEvent::Open))));
    }
    alice.pc.close().await.unwrap();
    bob.pc.close().await.unwrap();
}

fn forged() -> Options {
    let fingerprint = ["00"; 32].join(":");
    Options { faults: Faults { fingerprint: Some(fingerprint), ..Faults::default() }, ..loopback() }
}

#[tokio::test]
async fn a_server_certificate_that_was_not_announced_fails_at_both_sides() {
    fails_at_both(forged(), loopback()).await;
}

#[tokio::test]
async fn a_client_certificate_that_was_not_announced_fails_at_both_sides() {
    fails_at_both(loopback(), forged()).await;
}

#[tokio::test]
async fn a_handshake_that_nobody_answers_fails_and_the_dead_event_loop_is_reported() {
    peerproof_stack::install_log();
    let deaf = tapped(|datagram| {
        let is_dtls = datagram.payload.first().is_some_and(|first| (20..=63).contains(first));
        if is_dtls && datagram.direction == Direction::In { Action::Drop } else { Action::Pass }
    });
    let (mut alice, mut bob) = (Side::new(loopback()).await, Side::new(deaf).await);
    alice.pc.create_data_channel(&chat()).await.unwrap();
    negotiate(&mut alice, &mut bob, false).await;
    // The answerer is the client, and the one whose handshake times out.
    bob.until("failed connection", |event| {
        matches!(event, Event::ConnectionState(RTCPeerConnectionState::Failed)).then_some(())
    })
    .await;
    let reason =
        bob.until("death", |event| {
            if let Event::DriverDied { reason } = event { Some(reason.clone()) } else { None }
        })
        .await;
    assert!(reason.contains("state machine"), "{reason}");
    alice.pc.close().await.unwrap();
    bob.pc.close().await.unwrap();
}

#[tokio::test]
async fn an_injected_datagram_reaches_the_other_side() {
    let at = Arc::new(Mutex::new(None));
    let marked = Arc::new(AtomicU32::new(0));
    let (noted, count) = (at.clone(), marked.clone());
    let note = tapped(move |datagram| {
        if datagram.payload.first() == Some(&23) {
            *noted.lock().unwrap() = Some((datagram.local, datagram.remote));
        }
        Action::Pass
    });
    let look = tapped(move |datagram| {
        if datagram.payload == b"\x7fhello" {
            count.fetch_add(1, Ordering::Relaxed);
        }
        Action::Pass
    });
    let (alice, mut bob, near, _far) = connected(note, look, chat()).await;
    let (local, remote) = at.lock().unwrap().unwrap();
    assert!(alice.pc.inject(Direction::Out, local, remote, b"\x7fhello"));
    near.send_text("after it").await.unwrap();
    assert_eq!(bob.until_message("chat").await.1, "after it");
    assert_eq!(marked.load(Ordering::Relaxed), 1);
    assert!(!alice.pc.inject(Direction::Out, ([192, 0, 2, 1], 9).into(), remote, b"x"));
    alice.pc.close().await.unwrap();
    bob.pc.close().await.unwrap();
}
