//! What RFC 8489 and RFC 8656 ask of a server.

use super::super::{Authority, Ending, Observed, Transport};
use super::client::{Client, allocation, config, peer, read, serve, until, within};
use rtc::stun::attributes::{
    ATTR_CHANNEL_NUMBER, ATTR_DATA, ATTR_LIFETIME, ATTR_REQUESTED_ADDRESS_FAMILY, ATTR_REQUESTED_TRANSPORT,
    ATTR_UNKNOWN_ATTRIBUTES, ATTR_XOR_PEER_ADDRESS, ATTR_XOR_RELAYED_ADDRESS, ATTR_XORMAPPED_ADDRESS,
    AttrType,
};
use rtc::stun::message::{
    CLASS_INDICATION, METHOD_ALLOCATE, METHOD_BINDING, METHOD_CHANNEL_BIND, METHOD_CREATE_PERMISSION,
    METHOD_REFRESH, METHOD_SEND, Message, MessageType,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

#[tokio::test]
async fn a_binding_request_is_answered_with_the_senders_address() {
    let (server, _observed) = serve(config()).await;
    let client = Client::new(&server).await;
    let answered = client.exchange(&client.request(METHOD_BINDING, &[])).await;
    assert_eq!(answered.code, 0);
    assert_eq!(answered.address(ATTR_XORMAPPED_ADDRESS), client.socket.local_addr().unwrap());
    server.stop().await;
}

#[tokio::test]
async fn an_allocation_needs_the_password_and_lives_as_long_as_it_says() {
    let (server, mut observed) = serve(config()).await;
    let mut stranger = Client::new(&server).await;
    stranger.user.password = "guess".to_owned();
    assert_eq!(stranger.allocate(None).await.code, 401);
    stranger.user.username = "nobody".to_owned();
    assert_eq!(stranger.allocate(None).await.code, 401);
    let mut client = Client::new(&server).await;
    let answered = client.allocate(Some(900)).await;
    assert_eq!((answered.code, answered.number(ATTR_LIFETIME)), (0, 900));
    assert_eq!(client.allocate(None).await.code, 437, "a second one for the same 5-tuple");
    let refreshed = client.ask(METHOD_REFRESH, &[(ATTR_LIFETIME, 0_u32.to_be_bytes().to_vec())]).await;
    assert_eq!((refreshed.code, refreshed.number(ATTR_LIFETIME)), (0, 0));
    let ending = until(&mut observed, |said| match said {
        Observed::Ended { ending, .. } => Some(*ending),
        _ => None,
    });
    assert_eq!(ending.await, Ending::Released);
    assert_eq!(client.ask(METHOD_REFRESH, &[]).await.code, 437);
    server.stop().await;
}

#[tokio::test]
async fn a_retransmitted_allocate_gets_the_same_answer() {
    let (server, _observed) = serve(config()).await;
    let mut client = Client::new(&server).await;
    let challenged = client.exchange(&client.request(METHOD_ALLOCATE, &allocation(None))).await;
    client.learn(&challenged);
    let request = client.request(METHOD_ALLOCATE, &allocation(None));
    let (first, second) = (client.exchange(&request).await, client.exchange(&request).await);
    assert_eq!(first.message.raw, second.message.raw);
    assert_eq!(first.code, 0);
    assert_eq!(server.allocations().len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn only_permitted_peers_are_relayed_and_by_channel_once_bound() {
    let (server, mut observed) = serve(config()).await;
    let mut client = Client::new(&server).await;
    let relayed = client.relayed().await;
    let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let there = other.local_addr().unwrap();
    other.send_to(b"too early", relayed).await.unwrap();
    let permission = [(ATTR_XOR_PEER_ADDRESS, peer(there))];
    let denied = until(&mut observed, |said| match said {
        Observed::Unpermitted { peer, .. } => Some(*peer),
        _ => None,
    });
    assert_eq!(denied.await, there);
    assert_eq!(client.ask(METHOD_CREATE_PERMISSION, &permission).await.code, 0);
    other.send_to(b"in time", relayed).await.unwrap();
    let mut indication = Message::new();
    indication.unmarshal_binary(&within(client.datagram()).await).unwrap();
    assert_eq!(indication.get(ATTR_DATA).unwrap(), b"in time");
    let mut send = Message::new();
    send.new_transaction_id().unwrap();
    send.set_type(MessageType::new(METHOD_SEND, CLASS_INDICATION));
    send.write_header();
    send.add(ATTR_XOR_PEER_ADDRESS, &peer(there));
    send.add(ATTR_DATA, b"out");
    client.socket.send(&send.raw).await.unwrap();
    let mut buffer = [0; 64];
    let (size, from) = within(other.recv_from(&mut buffer)).await.unwrap();
    assert_eq!((&buffer[..size], from), (&b"out"[..], relayed));

    let channel = |number: u16, there| {
        [(ATTR_CHANNEL_NUMBER, [number.to_be_bytes(), [0, 0]].concat()), (ATTR_XOR_PEER_ADDRESS, peer(there))]
    };
    assert_eq!(client.ask(METHOD_CHANNEL_BIND, &channel(0x5000, there)).await.code, 400, "reserved");
    assert_eq!(client.ask(METHOD_CHANNEL_BIND, &channel(0x4001, there)).await.code, 0);
    assert_eq!(client.ask(METHOD_CHANNEL_BIND, &channel(0x4001, there)).await.code, 0, "a refresh");
    assert_eq!(client.ask(METHOD_CHANNEL_BIND, &channel(0x4002, there)).await.code, 400, "bound otherwise");
    other.send_to(b"abcde", relayed).await.unwrap();
    assert_eq!(within(client.datagram()).await, b"\x40\x01\x00\x05abcde");
    client.socket.send(b"\x40\x01\x00\x02hi\x00\x00").await.unwrap();
    let (size, _) = within(other.recv_from(&mut buffer)).await.unwrap();
    assert_eq!(&buffer[..size], b"hi");
    server.stop().await;
    let counts = until(&mut observed, |said| match said {
        Observed::Ended { ending, sent, received, .. } => Some((*ending, *sent, *received)),
        _ => None,
    });
    let (ending, sent, received) = counts.await;
    assert_eq!((ending, sent, received), (Ending::Ended, 2, 2));
}

#[tokio::test]
async fn what_is_not_refreshed_expires() {
    let mut config = config();
    config.lifetimes.allocation = Duration::from_secs(1);
    let (server, mut observed) = serve(config).await;
    let mut client = Client::new(&server).await;
    client.relayed().await;
    assert_eq!(client.ask(METHOD_REFRESH, &[]).await.number(ATTR_LIFETIME), 1);
    let ending = until(&mut observed, |said| match said {
        Observed::Ended { ending, .. } => Some(*ending),
        _ => None,
    });
    assert_eq!(ending.await, Ending::Expired);
    assert_eq!(client.ask(METHOD_REFRESH, &[]).await.code, 437);
    server.stop().await;
}

#[tokio::test]
async fn a_nonce_that_is_too_old_is_stale_and_the_next_one_is_good() {
    let mut config = config();
    config.lifetimes.nonce = Duration::from_millis(300);
    let (server, _observed) = serve(config).await;
    let mut client = Client::new(&server).await;
    // One that was learned and has become too old before it was used.
    let (mut good, mut stale) = (0, 0);
    within(async {
        while stale < 2 {
            let answered = client.ask(METHOD_REFRESH, &[]).await;
            match answered.code {
                // There is no allocation; the nonce was good.
                437 => good += 1,
                code => {
                    assert_eq!(code, 438);
                    stale += 1;
                    client.learn(&answered);
                }
            }
        }
    })
    .await;
    assert!(good > 0);
    server.stop().await;
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_by_its_code() {
    let mut config = config();
    config.limits.allocations_per_user = 2;
    config.limits.allocations = 3;
    let (server, _observed) = serve(config).await;
    let mut client = Client::new(&server).await;
    let tcp = [(ATTR_REQUESTED_TRANSPORT, vec![6, 0, 0, 0])];
    assert_eq!(client.ask(METHOD_ALLOCATE, &tcp).await.code, 442);
    assert_eq!(client.ask(METHOD_ALLOCATE, &[]).await.code, 400);
    let mut ipv6 = allocation(None);
    ipv6.push((ATTR_REQUESTED_ADDRESS_FAMILY, vec![2, 0, 0, 0]));
    assert_eq!(client.ask(METHOD_ALLOCATE, &ipv6).await.code, 440, "no IPv6 here");
    let mut odd = allocation(None);
    odd.push((AttrType(0x7FFF), vec![1]));
    let unknown = client.ask(METHOD_ALLOCATE, &odd).await;
    assert_eq!(unknown.code, 420);
    assert_eq!(unknown.message.get(ATTR_UNKNOWN_ATTRIBUTES).unwrap(), [0x7F, 0xFF]);
    for _ in 0..2 {
        Client::new(&server).await.relayed().await;
    }
    assert_eq!(client.allocate(None).await.code, 486);
    server.stop().await;
}

#[tokio::test]
async fn ipv6_relayed_addresses_are_given_where_there_are_any() {
    let mut config = config();
    config.relay = vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let (server, mut observed) = serve(config).await;
    let mut client = Client::new(&server).await;
    let mut attributes = allocation(None);
    attributes.push((ATTR_REQUESTED_ADDRESS_FAMILY, vec![2, 0, 0, 0]));
    let answered = client.ask(METHOD_ALLOCATE, &attributes).await;
    assert!(answered.address(ATTR_XOR_RELAYED_ADDRESS).is_ipv6());
    let mut both = Client::new(&server).await;
    let mut attributes = allocation(None);
    attributes.push((super::super::message::ADDITIONAL_ADDRESS_FAMILY, vec![2, 0, 0, 0]));
    assert_eq!(both.ask(METHOD_ALLOCATE, &attributes).await.code, 0);
    let mut counts = Vec::new();
    for _ in 0..2 {
        let relayed = until(&mut observed, |said| match said {
            Observed::Allocated { relayed, .. } => Some(relayed.len()),
            _ => None,
        });
        counts.push(relayed.await);
    }
    assert_eq!(counts, [1, 2]);
    server.stop().await;
}

#[tokio::test]
async fn tcp_and_tls_carry_the_same_and_pad_channel_data() {
    let mut config = config();
    config.listen.tls = Some(Authority::new().unwrap().issue(&["127.0.0.1".to_owned()]).unwrap());
    let (server, mut observed) = serve(config).await;
    let tcp = TcpStream::connect(server.address(Transport::Tcp).unwrap()).await.unwrap();
    over(tcp, &server, &mut observed, Transport::Tcp).await;
    let tcp = TcpStream::connect(server.address(Transport::Tls).unwrap()).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(trusting_all()));
    let name = IpAddr::V4(Ipv4Addr::LOCALHOST).into();
    let tls = connector.connect(name, tcp).await.unwrap();
    over(tls, &server, &mut observed, Transport::Tls).await;
    server.stop().await;
}

async fn over(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    server: &super::super::Server,
    observed: &mut tokio::sync::mpsc::UnboundedReceiver<Observed>,
    transport: Transport,
) {
    let mut client = Client::new(server).await;
    let mut exchange = async |message: &Message| {
        stream.write_all(&message.raw).await.unwrap();
        let mut head = [0; 20];
        within(stream.read_exact(&mut head)).await.unwrap();
        let mut bytes = head.to_vec();
        bytes.resize(20 + usize::from(u16::from_be_bytes([head[2], head[3]])), 0);
        within(stream.read_exact(&mut bytes[20..])).await.unwrap();
        read(&bytes, message)
    };
    client.learn(&exchange(&client.request(METHOD_ALLOCATE, &allocation(None))).await);
    let answered = exchange(&client.request(METHOD_ALLOCATE, &allocation(None))).await;
    let relayed: SocketAddr = answered.address(ATTR_XOR_RELAYED_ADDRESS);
    let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let bind = [
        (ATTR_CHANNEL_NUMBER, vec![0x40, 0, 0, 0]),
        (ATTR_XOR_PEER_ADDRESS, peer(other.local_addr().unwrap())),
    ];
    assert_eq!(exchange(&client.request(METHOD_CHANNEL_BIND, &bind)).await.code, 0);
    other.send_to(b"abcde", relayed).await.unwrap();
    let mut data = [0; 12];
    within(stream.read_exact(&mut data)).await.unwrap();
    assert_eq!(&data, b"\x40\x00\x00\x05abcde\x00\x00\x00");
    stream.write_all(b"\x40\x00\x00\x02hi\x00\x00").await.unwrap();
    let mut buffer = [0; 64];
    let (size, _) = within(other.recv_from(&mut buffer)).await.unwrap();
    assert_eq!(&buffer[..size], b"hi");
    drop(stream);
    let ending = until(observed, |said| match said {
        Observed::Ended { client, ending, .. } if client.transport == transport => Some(*ending),
        _ => None,
    });
    assert_eq!(ending.await, Ending::Disconnected);
}

/// A client that takes any certificate: what it says is not what is tested.
fn trusting_all() -> tokio_rustls::rustls::ClientConfig {
    use tokio_rustls::rustls::client::danger::{
        HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
    };
    use tokio_rustls::rustls::crypto::ring::default_provider;
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
    #[derive(Debug)]
    struct Any;
    impl ServerCertVerifier for Any {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }
        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }
        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }
        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            default_provider().signature_verification_algorithms.supported_schemes()
        }
    }
    ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Any))
        .with_no_client_auth()
}

#[tokio::test]
async fn a_stopped_server_frees_its_port_and_its_relayed_addresses() {
    let (server, _observed) = serve(config()).await;
    let address = server.address(Transport::Udp).unwrap();
    let relayed = Client::new(&server).await.relayed().await;
    let _idle = TcpStream::connect(address).await.unwrap();
    within(server.stop()).await;
    UdpSocket::bind(relayed).await.unwrap();
    let mut again = config();
    again.listen.port = address.port();
    let (server, _observed) = serve(again).await;
    assert_eq!(server.address(Transport::Tcp), Some(address));
    server.stop().await;
}
