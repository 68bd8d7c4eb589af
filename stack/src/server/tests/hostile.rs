//! Whatever arrives, the server goes on, and keeps no more than it may.

use super::super::Transport;
use super::super::message::{self, Incoming};
use super::client::{Client, allocation, config, peer, serve, within};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rtc::stun::attributes::{ATTR_XOR_PEER_ADDRESS, AttrType};
use rtc::stun::message::{METHOD_ALLOCATE, METHOD_BINDING, METHOD_CREATE_PERMISSION, Message};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A well-formed request, some of its bytes changed, its end cut off or something added.
fn mutated(random: &mut StdRng, base: &[u8]) -> Vec<u8> {
    let mut bytes = base.to_vec();
    for _ in 0..random.random_range(0..6) {
        let at = random.random_range(0..bytes.len());
        bytes[at] = random.random();
    }
    match random.random_range(0..4) {
        0 => bytes.truncate(random.random_range(0..=bytes.len())),
        1 => bytes.extend((0..random.random_range(0..40)).map(|_| random.random::<u8>())),
        2 => {
            // The length that fits, so that more of it is read.
            let length = u16::try_from(bytes.len() - 20).unwrap();
            bytes[2..4].copy_from_slice(&length.to_be_bytes());
        }
        _ => {}
    }
    bytes
}

#[tokio::test]
async fn mutated_requests_never_panic() {
    let (server, _observed) = serve(config()).await;
    let mut client = Client::new(&server).await;
    client.relayed().await;
    let mut random = StdRng::seed_from_u64(7);
    let all = [ATTR_XOR_PEER_ADDRESS, AttrType(0x000C), AttrType(0x000D), AttrType(0x0013), AttrType(0x0017)];
    for n in 0..40_000 {
        let attributes: Vec<_> = all
            .into_iter()
            .map(|kind| (kind, (0..random.random_range(0..24)).map(|_| random.random()).collect()))
            .collect();
        let method = [METHOD_ALLOCATE, METHOD_BINDING, METHOD_CREATE_PERMISSION][n % 3];
        let bytes = mutated(&mut random, &client.request(method, &attributes).raw);
        if let Some(Incoming::Request(_, message) | Incoming::Send(message)) = message::read(&bytes) {
            for kind in all {
                let _ = message::addresses(&message, kind);
                let _ = message::number(&message, kind);
                let _ = message::text(&message, kind);
            }
        }
        if n % 20 == 0 {
            client.socket.send(&bytes).await.unwrap();
        }
        // Not more at once than the socket's buffer holds.
        if n % 400 == 0 {
            still_answers(&client).await;
        }
    }
    server.stop().await;
}

/// Answers to what was well-formed by chance may come before the one that is waited for.
async fn still_answers(client: &Client) {
    let request = client.request(METHOD_BINDING, &[]);
    client.socket.send(&request.raw).await.unwrap();
    within(async {
        loop {
            let mut message = Message::new();
            if message.unmarshal_binary(&client.datagram().await).is_ok()
                && message.transaction_id == request.transaction_id
            {
                return;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_stream_of_rubbish_is_closed() {
    let (server, _observed) = serve(config()).await;
    let mut stream = TcpStream::connect(server.address(Transport::Tcp).unwrap()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: turn\r\n\r\n").await.unwrap();
    // "GE" looks like ChannelData of a length that never comes; an end in the middle of it ends the connection.
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    within(stream.read_to_end(&mut rest)).await.unwrap();
    let mut stream = TcpStream::connect(server.address(Transport::Tcp).unwrap()).await.unwrap();
    stream.write_all(&[0xFF; 64]).await.unwrap();
    // The close may come as a reset, since bytes are unread.
    let _closed = within(stream.read_to_end(&mut rest)).await;
    assert!(rest.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn what_a_client_can_make_the_server_keep_is_bounded() {
    let mut config = config();
    config.limits.permissions = 3;
    config.limits.channels = 2;
    config.limits.allocations = 2;
    let (server, _observed) = serve(config).await;
    let mut client = Client::new(&server).await;
    client.relayed().await;
    let permission = |last: u8| {
        let there = SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 9));
        [(ATTR_XOR_PEER_ADDRESS, peer(there))]
    };
    for last in 1..=3 {
        assert_eq!(client.ask(METHOD_CREATE_PERMISSION, &permission(last)).await.code, 0);
    }
    assert_eq!(client.ask(METHOD_CREATE_PERMISSION, &permission(4)).await.code, 508);
    assert_eq!(client.ask(METHOD_CREATE_PERMISSION, &permission(3)).await.code, 0, "a refresh");
    let channel = |number: u8, last: u8| {
        let [there] = permission(last);
        [(rtc::stun::attributes::ATTR_CHANNEL_NUMBER, vec![0x40, number, 0, 0]), there]
    };
    for n in 1..=2 {
        let bound = client.ask(rtc::stun::message::METHOD_CHANNEL_BIND, &channel(n, n)).await;
        assert_eq!(bound.code, 0);
    }
    let bound = client.ask(rtc::stun::message::METHOD_CHANNEL_BIND, &channel(3, 3)).await;
    assert_eq!(bound.code, 508);
    Client::new(&server).await.relayed().await;
    let mut third = Client::new(&server).await;
    assert_eq!(third.ask(METHOD_ALLOCATE, &allocation(None)).await.code, 508);
    server.stop().await;
}
