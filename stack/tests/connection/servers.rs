//! The reference STUN and TURN server before the crate's client.

use crate::common::{Side, chat, connected, loopback};
use peerproof_stack::connection::{Configuration, Event, IceServer, Options, TransportPolicy};
use peerproof_stack::server::{Config, Credentials, Observed, Server, Transport};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tokio::sync::mpsc;

fn user() -> Credentials {
    Credentials { username: "alice".to_owned(), password: "secret".to_owned() }
}

async fn serve(reflexive: Option<SocketAddr>) -> (Server, mpsc::UnboundedReceiver<Observed>) {
    let (observer, observed) = mpsc::unbounded_channel();
    let config = Config { reflexive, ..Config::on(IpAddr::V4(Ipv4Addr::LOCALHOST), user()) };
    (Server::start(config, Some(observer)).await.unwrap(), observed)
}

fn options(server: &Server, scheme: &str, transport_policy: TransportPolicy) -> Options {
    let address = server.address(Transport::Udp).unwrap();
    let server = IceServer {
        urls: vec![format!("{scheme}:{address}")],
        username: Some(user().username),
        credential: Some(user().password),
    };
    let configuration =
        Configuration { ice_servers: vec![server], transport_policy, ..Configuration::default() };
    Options { configuration, ..loopback() }
}

#[tokio::test]
async fn a_reflexive_candidate_is_gathered_through_it() {
    let address = SocketAddr::from((Ipv4Addr::new(198, 51, 100, 7), 40000));
    let (server, _observed) = serve(Some(address)).await;
    let mut alice = Side::new(options(&server, "stun", TransportPolicy::All)).await;
    alice.pc.create_data_channel(&chat()).await.unwrap();
    let offer = alice.pc.create_offer(false).await.unwrap();
    alice.pc.set_local_description(Some(offer)).await.unwrap();
    let line = alice.until("a reflexive candidate", |event| match event {
        Event::IceCandidate(Some(candidate)) => {
            candidate.candidate.contains("typ srflx").then(|| candidate.candidate.clone())
        }
        _ => None,
    });
    assert!(line.await.contains("198.51.100.7 40000"));
    alice.pc.close().await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn two_connections_of_policy_relay_meet_through_it() {
    let (server, mut observed) = serve(None).await;
    let options = || options(&server, "turn", TransportPolicy::Relay);
    let (alice, mut bob, near, _far) = connected(options(), options(), chat()).await;
    near.send_text("hello").await.unwrap();
    assert_eq!(bob.until_message("chat").await, (true, "hello".into()));
    assert!(server.allocations().len() >= 2);
    alice.pc.close().await.unwrap();
    bob.pc.close().await.unwrap();
    server.stop().await;
    let mut relayed = 0;
    while let Some(said) = observed.recv().await {
        if let Observed::Ended { sent, received, .. } = said {
            relayed += sent.min(received);
        }
    }
    assert!(relayed > 0, "packets went through the server both ways");
}
