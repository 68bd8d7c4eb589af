//! Two connections in one process.

use peerproof_stack::connection::{
    Channel, ChannelEvent, ChannelInit, Event, Options, PeerConnection, Reported,
};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// How long anything may take before a test gives up.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A connection and what it has reported.
pub(crate) struct Side {
    pub(crate) pc: PeerConnection,
    pub(crate) events: UnboundedReceiver<Reported>,
    pub(crate) seen: Vec<Event>,
}

pub(crate) fn loopback() -> Options {
    Options { addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)], ..Options::default() }
}

impl Side {
    pub(crate) async fn new(options: Options) -> Self {
        let (pc, events) = PeerConnection::new(options).await.expect("a connection");
        Self { pc, events, seen: Vec::new() }
    }

    /// Waits for the first event, from now on, that `pick` takes.
    pub(crate) async fn until<T>(&mut self, what: &str, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        loop {
            let Ok(Some(reported)) = tokio::time::timeout_at(deadline, self.events.recv()).await else {
                panic!("no {what}; seen: {:#?}", self.seen);
            };
            let picked = pick(&reported.event);
            self.seen.push(reported.event);
            if let Some(picked) = picked {
                return picked;
            }
        }
    }

    pub(crate) async fn until_channel(&mut self, label: &str, wanted: &ChannelEvent) {
        self.until(&format!("{wanted:?} at {label}"), |event| match event {
            Event::Channel(channel, event) if channel.info().label == label && event == wanted => Some(()),
            _ => None,
        })
        .await;
    }

    pub(crate) async fn until_message(&mut self, label: &str) -> (bool, bytes::Bytes) {
        self.until(&format!("message at {label}"), |event| match event {
            Event::Channel(channel, ChannelEvent::Message { text, data })
                if channel.info().label == label =>
            {
                Some((*text, data.clone()))
            }
            _ => None,
        })
        .await
    }

    pub(crate) async fn until_data_channel(&mut self) -> Arc<Channel> {
        self.until("datachannel", |event| match event {
            Event::DataChannel(channel) => Some(channel.clone()),
            _ => None,
        })
        .await
    }

    /// All local candidates up to the end.
    pub(crate) async fn gathered(&mut self) {
        self.until("end of candidates", |event| matches!(event, Event::IceCandidate(None)).then_some(()))
            .await;
    }
}

/// Offer and answer, candidates inside.
pub(crate) async fn negotiate(offerer: &mut Side, answerer: &mut Side, restart: bool) {
    let offer = offerer.pc.create_offer(restart).await.unwrap();
    offerer.pc.set_local_description(Some(offer)).await.unwrap();
    answerer_gets(offerer, answerer).await;
}

async fn answerer_gets(offerer: &mut Side, answerer: &mut Side) {
    if !offerer.seen.iter().any(|e| matches!(e, Event::IceCandidate(None))) {
        offerer.gathered().await;
    }
    answerer.pc.set_remote_description(offerer.pc.local_description().await.unwrap()).await.unwrap();
    let answer = answerer.pc.create_answer().await.unwrap();
    answerer.pc.set_local_description(Some(answer)).await.unwrap();
    if !answerer.seen.iter().any(|e| matches!(e, Event::IceCandidate(None))) {
        answerer.gathered().await;
    }
    offerer.pc.set_remote_description(answerer.pc.local_description().await.unwrap()).await.unwrap();
}

/// Two connected sides with one channel `chat`.
pub(crate) async fn connected(
    alice: Options,
    bob: Options,
    init: ChannelInit,
) -> (Side, Side, Arc<Channel>, Arc<Channel>) {
    let (mut alice, mut bob) = (Side::new(alice).await, Side::new(bob).await);
    let near = alice.pc.create_data_channel(&init).await.unwrap();
    let far = if init.negotiated { Some(bob.pc.create_data_channel(&init).await.unwrap()) } else { None };
    negotiate(&mut alice, &mut bob, false).await;
    let far = match far {
        Some(far) => far,
        None => bob.until_data_channel().await,
    };
    alice.until_channel(&init.label, &ChannelEvent::Open).await;
    bob.until_channel(&init.label, &ChannelEvent::Open).await;
    (alice, bob, near, far)
}

pub(crate) fn chat() -> ChannelInit {
    ChannelInit { label: "chat".to_owned(), ..ChannelInit::default() }
}
