//! Two connections on their own: they find each other through the signalling server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use peerproof_stack::connection::{ChannelEvent, ChannelInit, Event, Options, PeerConnection};
use peerproof_stack::join::{Acted, JoinOptions, LocalEvent, Session, join};
use peerproof_stack::signalling::{Limits, Server};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use tokio::sync::mpsc;

fn loopback() -> Options {
    Options { addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)], ..Options::default() }
}

fn chat() -> ChannelInit {
    ChannelInit { label: "chat".to_owned(), ..ChannelInit::default() }
}

struct Peer {
    pc: Arc<PeerConnection>,
    session: Session,
    /// Events of the connection, all of which have been offered to the session.
    events: mpsc::UnboundedReceiver<Event>,
}

impl Peer {
    async fn join(server: &Server, name: &str, polite: bool) -> Self {
        let (pc, mut reported) = PeerConnection::new(loopback()).await.unwrap();
        let pc = Arc::new(pc);
        let (local, inbox) = mpsc::unbounded_channel();
        let (forward, events) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(reported) = reported.recv().await {
                // Either may be gone by now.
                let _ended = LocalEvent::of(&reported.event).map(|event| local.send(event));
                let _gone = forward.send(reported.event);
            }
        });
        let options = JoinOptions { url: server.url(), room: "r".into(), name: Some(name.into()), polite };
        let session = join(options, Arc::clone(&pc) as Arc<_>, inbox).await.unwrap();
        Self { pc, session, events }
    }

    async fn until<T>(&mut self, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
        loop {
            if let Some(found) = pick(&self.events.recv().await.unwrap()) {
                return found;
            }
        }
    }

    /// The steps up to and with this one; none failed.
    async fn acted(&mut self, operation: &str) -> Vec<&'static str> {
        let mut steps = Vec::new();
        loop {
            let Acted { operation: step, error, .. } = self.session.next().await.unwrap();
            steps.push(step);
            if step == operation {
                return steps;
            }
            assert_eq!(error, None, "{step}");
        }
    }
}

fn opened(event: &Event) -> Option<()> {
    matches!(event, Event::Channel(_, ChannelEvent::Open)).then_some(())
}

fn message(event: &Event) -> Option<bytes::Bytes> {
    match event {
        Event::Channel(_, ChannelEvent::Message { data, .. }) => Some(data.clone()),
        _ => None,
    }
}

#[tokio::test]
async fn a_channel_opens_and_outlives_the_signalling_server() {
    let server = Server::start(Limits::default(), None).await.unwrap();
    let mut alice = Peer::join(&server, "alice", false).await;
    let mut bob = Peer::join(&server, "bob", true).await;
    let channel = alice.pc.create_data_channel(&chat()).await.unwrap();
    let steps = alice.acted("setRemoteDescription").await;
    assert_eq!(steps, ["join", "createOffer", "setLocalDescription", "setRemoteDescription"]);
    alice.until(opened).await;
    server.stop().await;
    alice.acted("signallingClosed").await;
    bob.acted("signallingClosed").await;
    channel.send_text("still here").await.unwrap();
    assert_eq!(bob.until(message).await, "still here");
    alice.pc.close().await.unwrap();
    bob.pc.close().await.unwrap();
}

#[tokio::test]
async fn channels_of_both_open_when_both_offer_at_once() {
    let server = Server::start(Limits::default(), None).await.unwrap();
    let mut alice = Peer::join(&server, "alice", false).await;
    let mut bob = Peer::join(&server, "bob", true).await;
    // Whether the offers truly collide is up to the scheduler; the outcome is the same.
    let (of_alice, of_bob) =
        tokio::join!(async { alice.pc.create_data_channel(&chat()).await.unwrap() }, async {
            bob.pc.create_data_channel(&chat()).await.unwrap()
        },);
    for _ in 0..2 {
        alice.until(opened).await;
        bob.until(opened).await;
    }
    of_alice.send_text("from alice").await.unwrap();
    of_bob.send_text("from bob").await.unwrap();
    assert_eq!(bob.until(message).await, "from alice");
    assert_eq!(alice.until(message).await, "from bob");
    alice.pc.close().await.unwrap();
    bob.pc.close().await.unwrap();
}
