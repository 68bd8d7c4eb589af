//! Real WebSocket clients against the real server.

use super::message::{Description, ErrorName, FromServer, SdpType, ToServer, VERSION};
use super::{Limits, Observed, Server};
use futures::{SinkExt, StreamExt};
use serde_json::json;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    async fn connect(server: &Server) -> Self {
        Self(tokio_tungstenite::connect_async(server.url()).await.unwrap().0)
    }

    /// Connects and enters the room; gives the others there.
    async fn join(server: &Server, room: &str, name: &str) -> (Self, Vec<String>) {
        let mut client = Self::connect(server).await;
        client.send(&ToServer::Join { version: VERSION, room: room.into(), name: Some(name.into()) }).await;
        match client.next().await {
            FromServer::Joined { id, peers, .. } => {
                assert_eq!(id, name);
                (client, peers)
            }
            other => panic!("{other:?}"),
        }
    }

    async fn send(&mut self, message: &ToServer) {
        self.send_text(serde_json::to_string(message).unwrap()).await;
    }

    async fn send_text(&mut self, text: String) {
        self.0.send(Message::Text(text.into())).await.unwrap();
    }

    async fn next(&mut self) -> FromServer {
        loop {
            match self.0.next().await.unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Skips to the close frame.
    async fn closed(&mut self) -> CloseCode {
        loop {
            if let Message::Close(frame) = self.0.next().await.unwrap().unwrap() {
                return frame.unwrap().code;
            }
        }
    }

    /// The error that the server names before it closes, and the close code.
    async fn refused(&mut self) -> (ErrorName, CloseCode) {
        loop {
            if let FromServer::Error { name, .. } = self.next().await {
                return (name, self.closed().await);
            }
        }
    }
}

fn offer(sdp: &str, to: Option<&str>) -> ToServer {
    let description = Description { kind: SdpType::Offer, sdp: sdp.into() };
    ToServer::Description { description, to: to.map(Into::into) }
}

async fn server() -> (Server, mpsc::UnboundedReceiver<Observed>) {
    server_with(Limits::default()).await
}

async fn server_with(limits: Limits) -> (Server, mpsc::UnboundedReceiver<Observed>) {
    let (observer, observed) = mpsc::unbounded_channel();
    (Server::start(limits, Some(observer)).await.unwrap(), observed)
}

/// Waits until the observer saw a given number of departures.
async fn departures(observed: &mut mpsc::UnboundedReceiver<Observed>, count: usize) {
    for _ in 0..count {
        while !matches!(observed.recv().await.unwrap(), Observed::Left { .. }) {}
    }
}

#[tokio::test]
async fn descriptions_and_candidates_are_carried_both_ways_and_observed() {
    let (server, mut observed) = server().await;
    let (mut alice, before) = Client::join(&server, "r", "alice").await;
    assert_eq!(before, [""; 0]);
    let (mut bob, before) = Client::join(&server, "r", "bob").await;
    assert_eq!(before, ["alice"]);
    assert_eq!(alice.next().await, FromServer::PeerJoined { id: "bob".into() });

    alice.send(&offer("v=0", None)).await;
    let candidate = json!({"candidate": "candidate:1", "sdpMid": "0", "sdpMLineIndex": 0});
    alice.send(&ToServer::Candidate { candidate: candidate.clone(), to: Some("bob".into()) }).await;
    bob.send(&ToServer::Candidate { candidate: json!(null), to: None }).await;

    let description = Description { kind: SdpType::Offer, sdp: "v=0".into() };
    assert_eq!(bob.next().await, FromServer::Description { from: "alice".into(), description });
    assert_eq!(bob.next().await, FromServer::Candidate { from: "alice".into(), candidate });
    assert_eq!(alice.next().await, FromServer::Candidate { from: "bob".into(), candidate: json!(null) });

    let mut carried = Vec::new();
    while carried.len() < 3 {
        if let Observed::Carried { room, from, to, message } = observed.recv().await.unwrap() {
            assert_eq!(room, "r");
            carried.push((from, to, message["type"].as_str().unwrap().to_owned()));
        }
    }
    // The order between clients is that of the server; alice's own messages keep theirs.
    carried.sort_by_key(|(from, ..)| from.clone());
    let expected =
        [("alice", "bob", "description"), ("alice", "bob", "candidate"), ("bob", "alice", "candidate")];
    assert_eq!(
        carried,
        expected.map(|(from, to, kind)| (from.to_owned(), vec![to.to_owned()], kind.to_owned()))
    );
}

#[tokio::test]
async fn rooms_are_apart() {
    let (server, _observed) = server().await;
    let (mut alice, _) = Client::join(&server, "one", "alice").await;
    let (mut bob, _) = Client::join(&server, "one", "bob").await;
    let (mut carol, before) = Client::join(&server, "two", "carol").await;
    assert_eq!(before, [""; 0]);
    alice.send(&offer("for room one", None)).await;
    assert!(matches!(bob.next().await, FromServer::Description { .. }));
    // What carol sees next is her own error: nothing of the other room came before.
    carol.send(&offer("nobody", Some("bob"))).await;
    assert!(matches!(carol.next().await, FromServer::Error { name: ErrorName::NoSuchPeer, .. }));
    // And that error did not end her connection.
    let (_dave, _) = Client::join(&server, "two", "dave").await;
    assert_eq!(carol.next().await, FromServer::PeerJoined { id: "dave".into() });
}

#[tokio::test]
async fn a_third_client_is_refused_unless_more_are_allowed() {
    let (server, _observed) = server().await;
    let (_alice, _) = Client::join(&server, "r", "alice").await;
    let (_bob, _) = Client::join(&server, "r", "bob").await;
    let mut carol = Client::connect(&server).await;
    carol.send(&ToServer::Join { version: VERSION, room: "r".into(), name: None }).await;
    assert_eq!(carol.refused().await, (ErrorName::RoomFull, CloseCode::Policy));

    let (server, _observed) = server_with(Limits { clients_per_room: 3, ..Limits::default() }).await;
    let (_alice, _) = Client::join(&server, "r", "alice").await;
    let (mut bob, _) = Client::join(&server, "r", "bob").await;
    let (mut carol, before) = Client::join(&server, "r", "carol").await;
    assert_eq!(before, ["alice", "bob"]);
    assert_eq!(bob.next().await, FromServer::PeerJoined { id: "carol".into() });
    bob.send(&offer("x", Some("carol"))).await;
    assert!(matches!(carol.next().await, FromServer::Description { .. }));
}

#[tokio::test]
async fn a_name_is_taken_once_and_given_if_absent() {
    let (server, _observed) = server().await;
    let (_alice, _) = Client::join(&server, "r", "alice").await;
    let mut second = Client::connect(&server).await;
    second.send(&ToServer::Join { version: VERSION, room: "r".into(), name: Some("alice".into()) }).await;
    assert_eq!(second.refused().await, (ErrorName::NameTaken, CloseCode::Policy));
    let mut third = Client::connect(&server).await;
    third.send(&ToServer::Join { version: VERSION, room: "r".into(), name: None }).await;
    assert!(matches!(third.next().await, FromServer::Joined { id, .. } if id == "client-1"));
}

#[tokio::test]
async fn what_is_no_message_ends_the_connection_with_its_name() {
    let (server, _observed) = server().await;
    let join = r#"{"type":"join","version":1,"room":"r"}"#;
    for (texts, name) in [
        (&["{"][..], ErrorName::BadMessage),
        (&[r#"{"type":"shout"}"#], ErrorName::BadMessage),
        (&[r#"{"type":"candidate","candidate":null}"#], ErrorName::NotJoined),
        (&[r#"{"type":"join","version":2,"room":"r"}"#], ErrorName::UnsupportedVersion),
        (&[join, join], ErrorName::AlreadyJoined),
        (&[join, "no JSON"], ErrorName::BadMessage),
    ] {
        let mut client = Client::connect(&server).await;
        for text in texts {
            client.send_text((*text).to_owned()).await;
        }
        assert_eq!(client.refused().await, (name, CloseCode::Policy), "{texts:?}");
    }
    let mut client = Client::connect(&server).await;
    client.0.send(Message::Binary(vec![1, 2, 3].into())).await.unwrap();
    assert_eq!(client.refused().await, (ErrorName::BadMessage, CloseCode::Policy));
}

#[tokio::test]
async fn a_message_that_is_too_large_costs_the_sender_its_place() {
    let (server, mut observed) = server().await;
    let (mut bob, _) = Client::join(&server, "r", "bob").await;
    let most = Limits::default().message_size;
    for size in [most + 1, 100 * most] {
        let (mut alice, _) = Client::join(&server, "r", "alice").await;
        // Of a very large one the server reads the beginning only, and may have closed before the end.
        let _sent = alice.0.send(Message::Text("x".repeat(size).into())).await;
        if size == most + 1 {
            assert_eq!(alice.refused().await, (ErrorName::MessageTooLarge, CloseCode::Size));
        }
        let refused = loop {
            match observed.recv().await.unwrap() {
                Observed::Refused { name, .. } => break name,
                Observed::Carried { .. } => panic!("carried"),
                Observed::Joined { .. } | Observed::Left { .. } => {}
            }
        };
        assert_eq!(refused, ErrorName::MessageTooLarge, "{size} bytes");
        assert_eq!(bob.next().await, FromServer::PeerJoined { id: "alice".into() });
        assert_eq!(bob.next().await, FromServer::PeerLeft { id: "alice".into() });
    }
    let (mut alice, _) = Client::join(&server, "r", "alice").await;
    alice.send(&offer(&"s".repeat(most - 100), None)).await;
    assert_eq!(bob.next().await, FromServer::PeerJoined { id: "alice".into() });
    assert!(matches!(bob.next().await, FromServer::Description { .. }), "the largest message is carried");
}

#[tokio::test]
async fn a_flood_is_refused_and_the_other_client_unharmed() {
    let limits = Limits { burst: 20, messages_per_second: 1, ..Limits::default() };
    let (server, mut observed) = server_with(limits).await;
    let (mut alice, _) = Client::join(&server, "r", "alice").await;
    let (mut bob, _) = Client::join(&server, "r", "bob").await;
    for n in 0..40 {
        // The server may have closed already.
        let _closed = alice
            .0
            .send(Message::Text(serde_json::to_string(&offer(&n.to_string(), None)).unwrap().into()))
            .await;
    }
    assert_eq!(alice.refused().await, (ErrorName::RateExceeded, CloseCode::Policy));
    departures(&mut observed, 1).await;
    let mut carried = 0;
    while matches!(bob.next().await, FromServer::Description { .. }) {
        carried += 1;
    }
    assert!((19..40).contains(&carried), "{carried} carried");
    let (_again, _) = Client::join(&server, "r", "alice").await;
}

#[tokio::test]
async fn a_client_that_does_not_read_loses_its_place() {
    let limits = Limits { queue: 4, burst: 100_000, ..Limits::default() };
    let (server, mut observed) = server_with(limits).await;
    let (mut alice, _) = Client::join(&server, "r", "alice").await;
    let (_bob, _) = Client::join(&server, "r", "bob").await;
    let large = offer(&"s".repeat(60_000), Some("bob"));
    let refused = loop {
        alice.send(&large).await;
        match observed.try_recv() {
            Ok(Observed::Refused { id, name, .. }) => break (id, name),
            Ok(_) => {}
            Err(_) => tokio::task::yield_now().await,
        }
    };
    // Bob was the slow one; that he is gone alice learns as soon as he has left.
    match refused {
        (Some(id), ErrorName::TooSlow) => assert_eq!(id, "bob"),
        (Some(id), ErrorName::NoSuchPeer) => assert_eq!(id, "alice"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_client_that_vanishes_leaves_nothing_behind() {
    let (server, mut observed) = server().await;
    let (mut alice, _) = Client::join(&server, "r", "alice").await;
    let (bob, _) = Client::join(&server, "r", "bob").await;
    assert_eq!(server.population(), (1, 2));
    assert_eq!(alice.next().await, FromServer::PeerJoined { id: "bob".into() });
    drop(bob);
    assert_eq!(alice.next().await, FromServer::PeerLeft { id: "bob".into() });
    drop(alice);
    departures(&mut observed, 2).await;
    assert_eq!(server.population(), (0, 0));
}

#[tokio::test]
async fn a_client_that_leaves_is_let_go() {
    let (server, _observed) = server().await;
    let (mut alice, _) = Client::join(&server, "r", "alice").await;
    alice.send(&ToServer::Leave {}).await;
    assert_eq!(alice.closed().await, CloseCode::Normal);
    assert_eq!(server.population(), (0, 0));
}

#[tokio::test]
async fn a_client_that_falls_silent_is_taken_for_vanished() {
    let limits = Limits { ping_every: Duration::from_millis(40), ..Limits::default() };
    let (server, _observed) = server_with(limits).await;
    let (mut alice, _) = Client::join(&server, "r", "alice").await;
    // Bob's WebSocket answers pings only while it is read; it stays connected and silent.
    let (_bob, _) = Client::join(&server, "r", "bob").await;
    assert_eq!(alice.next().await, FromServer::PeerJoined { id: "bob".into() });
    assert_eq!(alice.next().await, FromServer::PeerLeft { id: "bob".into() });
}

#[tokio::test]
async fn a_client_that_never_joins_is_sent_away() {
    let limits = Limits { join_within: Duration::from_millis(20), ..Limits::default() };
    let (server, _observed) = server_with(limits).await;
    let mut client = Client::connect(&server).await;
    assert_eq!(client.refused().await, (ErrorName::NotJoined, CloseCode::Policy));
}

#[tokio::test]
async fn the_most_rooms_and_connections_are_kept_to() {
    let (server, _observed) = server_with(Limits { rooms: 1, connections: 2, ..Limits::default() }).await;
    let (_alice, _) = Client::join(&server, "one", "alice").await;
    let mut bob = Client::connect(&server).await;
    assert!(tokio_tungstenite::connect_async(server.url()).await.is_err(), "a third connection");
    bob.send(&ToServer::Join { version: VERSION, room: "two".into(), name: None }).await;
    assert_eq!(bob.refused().await, (ErrorName::TooManyRooms, CloseCode::Policy));
}

#[tokio::test]
async fn stopping_notifies_the_clients_and_frees_the_port() {
    let (server, _observed) = server().await;
    let address = server.address();
    assert!(address.ip().is_loopback());
    let (mut alice, _) = Client::join(&server, "r", "alice").await;
    let (_silent, _) = Client::join(&server, "r", "bob").await;
    let closed = tokio::spawn(async move { alice.closed().await });
    server.stop().await;
    assert_eq!(closed.await.unwrap(), CloseCode::Away);
    assert!(TcpStream::connect(address).await.is_err());
    let again = Server::start_on(address, Limits::default(), None).await.unwrap();
    let (_carol, before) = Client::join(&again, "r", "carol").await;
    assert_eq!(before, [""; 0], "nothing is left of the old rooms");
}

#[tokio::test]
async fn an_address_in_use_is_an_error_that_names_it() {
    let (server, _observed) = server().await;
    let error = Server::start_on(server.address(), Limits::default(), None).await.unwrap_err();
    assert!(error.to_string().contains(&server.address().to_string()), "{error}");
}
