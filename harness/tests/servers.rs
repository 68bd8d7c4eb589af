//! coturn as a server of a case: it listens when it is said to, and nothing of it is left. Where it is not installed, the test says
//! so and proves the refusal instead; if `PEERPROOF_REQUIRE` names `coturn`, it fails.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and one that is skipped says so")]

use indexmap::IndexMap;
use peerproof::peers::CaseClock;
use peerproof::recording::Journal;
use peerproof::run::peers::is_required;
use peerproof::scenario::server::{ServerAction, ServerKind, ServerSpec, ServerWord};
use peerproof::servers::{ServerError, ServerHost, Servers};
use peerproof::tools::Tool;
use peerproof_captures::server::ServerEvent;
use peerproof_captures::timeline::What;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

/// A Binding request with a transaction id of its own (RFC 8489 §5).
const BINDING: [u8; 20] = *b"\x00\x01\x00\x00\x21\x12\xA4\x42peerproof-tx";

fn journal(folder: &std::path::Path) -> Arc<Journal> {
    Arc::new(Journal::create(&folder.join("timeline.jsonl"), CaseClock::start()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn coturn_answers_comes_back_at_its_address_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path());
    let spec = ServerSpec { kind: ServerKind::Coturn, ..ServerSpec::default() };
    let specs = IndexMap::from([("real".to_owned(), spec)]);
    // A runtime of its own, as a place elsewhere has one.
    let elsewhere = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let place = ServerHost {
        runtime: elsewhere.handle().clone(),
        ..ServerHost::here(env!("CARGO_BIN_EXE_peerproof"))
    };
    let servers = match Servers::start(&specs, place, &journal).await {
        Ok(servers) => servers,
        Err(error) => {
            assert!(matches!(&error, ServerError::Missing(reason) if reason.contains("coturn")), "{error}");
            assert_eq!(Tool::Turnserver.find(), None);
            assert!(!is_required("coturn"), "PEERPROOF_REQUIRE names coturn, but {error}");
            eprintln!("skipped: {error}");
            elsewhere.shutdown_background();
            return;
        }
    };
    let address = servers.reachable()["real"].address;
    let answered = || {
        let socket = UdpSocket::bind((address.ip(), 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        socket.send_to(&BINDING, address).unwrap();
        let mut answer = [0; 512];
        let (size, from) = socket.recv_from(&mut answer).unwrap();
        assert_eq!(from, address);
        // A success response to this very request.
        assert_eq!((&answer[..2], &answer[4..20], size > 20), (&[1, 1][..], &BINDING[4..], true));
    };
    answered();
    servers.act("real", &ServerAction::Word(ServerWord::Stop)).await.unwrap();
    // Its port is free: nobody holds it any more.
    drop(UdpSocket::bind(address).unwrap());
    servers.act("real", &ServerAction::Word(ServerWord::Start)).await.unwrap();
    answered();
    servers.stop().await;
    drop(UdpSocket::bind(address).unwrap());
    let recorded: Vec<&str> = journal
        .entries()
        .0
        .iter()
        .filter_map(|entry| match &entry.what {
            What::Server { event: ServerEvent::Started { .. }, .. } => Some("started"),
            What::Server { event: ServerEvent::Stopped, .. } => Some("stopped"),
            _ => None,
        })
        .collect();
    assert_eq!(recorded, ["started", "stopped", "started"]);
    elsewhere.shutdown_background();
}
