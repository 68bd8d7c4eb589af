//! Each misbehaviour is what it says, and behaving well follows it.

use super::super::{Fault, Observed};
use super::client::{Client, config, peer, serve, until};
use rtc::stun::attributes::{ATTR_ALTERNATE_SERVER, ATTR_XOR_PEER_ADDRESS, ATTR_XORMAPPED_ADDRESS};
use rtc::stun::message::{METHOD_ALLOCATE, METHOD_BINDING, METHOD_CREATE_PERMISSION, METHOD_REFRESH};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

#[tokio::test]
async fn unauthorized_without_end_refuses_the_right_password() {
    let (server, _observed) = serve(super::super::Config { fault: Fault::Unauthorized, ..config() }).await;
    let mut client = Client::new(&server).await;
    for _ in 0..3 {
        let answered = client.allocate(None).await;
        assert_eq!(answered.code, 401);
        client.learn(&answered);
    }
    server.misbehave(Fault::None);
    assert_eq!(client.allocate(None).await.code, 0);
    server.stop().await;
}

#[tokio::test]
async fn a_nonce_is_stale_once_or_for_ever() {
    let (server, _observed) = serve(super::super::Config { fault: Fault::StaleNonceOnce, ..config() }).await;
    let mut client = Client::new(&server).await;
    let stale = client.allocate(None).await;
    assert_eq!(stale.code, 438);
    client.learn(&stale);
    assert_eq!(client.allocate(None).await.code, 0);
    server.misbehave(Fault::StaleNonceForever);
    for _ in 0..3 {
        let stale = client.ask(METHOD_REFRESH, &[]).await;
        assert_eq!(stale.code, 438);
        assert_ne!(stale.message.get(rtc::stun::attributes::ATTR_NONCE).unwrap(), client.nonce.as_bytes());
        client.learn(&stale);
    }
    server.misbehave(Fault::None);
    let stale = client.ask(METHOD_REFRESH, &[]).await;
    client.learn(&stale);
    assert_eq!(client.ask(METHOD_REFRESH, &[]).await.code, 0);
    // In the middle of a call: what is known is no good any more, what is learned then is.
    server.renew_nonce();
    let stale = client.ask(METHOD_REFRESH, &[]).await;
    assert_eq!(stale.code, 438);
    client.learn(&stale);
    assert_eq!(client.ask(METHOD_REFRESH, &[]).await.code, 0);
    server.stop().await;
}

#[tokio::test]
async fn allocations_are_refused_by_the_wanted_code() {
    let alternate = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 9), 3478));
    let faults =
        [(Fault::QuotaReached, 486), (Fault::InsufficientCapacity, 508), (Fault::Alternate(alternate), 300)];
    let (server, _observed) = serve(config()).await;
    for (fault, code) in faults {
        server.misbehave(fault);
        let mut client = Client::new(&server).await;
        let answered = client.allocate(None).await;
        assert_eq!(answered.code, code, "{fault:?}");
        if code == 300 {
            let address = answered.message.get(ATTR_ALTERNATE_SERVER).unwrap();
            assert_eq!(address, [0, 1, 0x0D, 0x96, 192, 0, 2, 9]);
        }
        server.misbehave(Fault::None);
        assert_eq!(client.allocate(None).await.code, 0, "after {fault:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn forbidden_is_about_permissions_only() {
    let (server, _observed) = serve(super::super::Config { fault: Fault::Forbidden, ..config() }).await;
    let mut client = Client::new(&server).await;
    assert_eq!(client.allocate(None).await.code, 0);
    let wanted = [(ATTR_XOR_PEER_ADDRESS, peer(SocketAddr::from((Ipv4Addr::LOCALHOST, 9))))];
    assert_eq!(client.ask(METHOD_CREATE_PERMISSION, &wanted).await.code, 403);
    server.misbehave(Fault::None);
    assert_eq!(client.ask(METHOD_CREATE_PERMISSION, &wanted).await.code, 0);
    server.stop().await;
}

#[tokio::test]
async fn silence_answers_nothing_and_says_so_to_the_observer() {
    let (server, mut observed) = serve(super::super::Config { fault: Fault::Silent, ..config() }).await;
    let client = Client::new(&server).await;
    client.socket.send(&client.request(METHOD_ALLOCATE, &[]).raw).await.unwrap();
    until(&mut observed, |said| matches!(said, Observed::Ignored { .. }).then_some(())).await;
    server.misbehave(Fault::None);
    // The first answer is to the second request.
    assert_eq!(client.exchange(&client.request(METHOD_BINDING, &[])).await.code, 0);
    server.stop().await;
}

#[tokio::test]
async fn a_slow_answer_comes_when_its_time_has_come() {
    let by = Duration::from_millis(200);
    let (server, _observed) = serve(super::super::Config { fault: Fault::Slow(by), ..config() }).await;
    let client = Client::new(&server).await;
    let asked = tokio::time::Instant::now();
    assert_eq!(client.exchange(&client.request(METHOD_BINDING, &[])).await.code, 0);
    assert!(asked.elapsed() >= by);
    server.stop().await;
}

#[tokio::test]
async fn a_reflexive_address_can_be_made_up() {
    let address = SocketAddr::from((Ipv4Addr::new(198, 51, 100, 7), 40000));
    let (server, _observed) = serve(super::super::Config { reflexive: Some(address), ..config() }).await;
    let client = Client::new(&server).await;
    let answered = client.exchange(&client.request(METHOD_BINDING, &[])).await;
    assert_eq!(answered.address(ATTR_XORMAPPED_ADDRESS), address);
    server.stop().await;
}
