//! A TURN client for tests: it sends what a test wants, right or wrong.

use super::super::{Config, Credentials, Observed, Server, Transport};
use rtc::crypto::{RTCCryptoProvider, default_provider};
use rtc::stun::attributes::{
    ATTR_ERROR_CODE, ATTR_LIFETIME, ATTR_NONCE, ATTR_REALM, ATTR_REQUESTED_TRANSPORT, ATTR_USERNAME,
    ATTR_XOR_RELAYED_ADDRESS, AttrType,
};
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{CLASS_REQUEST, METHOD_ALLOCATE, Message, MessageType, Method, Setter};
use rtc::stun::xoraddr::XorMappedAddress;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

pub(super) const DEADLINE: Duration = Duration::from_secs(20);

pub(super) fn user() -> Credentials {
    Credentials { username: "alice".to_owned(), password: "secret".to_owned() }
}

pub(super) fn config() -> Config {
    Config::on(IpAddr::V4(Ipv4Addr::LOCALHOST), user())
}

/// A server and what it says.
pub(super) async fn serve(config: Config) -> (Server, mpsc::UnboundedReceiver<Observed>) {
    let (observer, observed) = mpsc::unbounded_channel();
    (Server::start(config, Some(observer)).await.unwrap(), observed)
}

pub(super) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("in time")
}

/// Waits for something that the server says.
pub(super) async fn until<T>(
    observed: &mut mpsc::UnboundedReceiver<Observed>,
    mut pick: impl FnMut(&Observed) -> Option<T>,
) -> T {
    within(async {
        loop {
            let said = observed.recv().await.expect("the server says it");
            if let Some(picked) = pick(&said) {
                return picked;
            }
        }
    })
    .await
}

pub(super) struct Client {
    pub(super) socket: UdpSocket,
    crypto: Arc<dyn RTCCryptoProvider>,
    pub(super) user: Credentials,
    pub(super) realm: String,
    pub(super) nonce: String,
}

/// What came back: the error code (0 for success) and the message.
pub(super) struct Answered {
    pub(super) code: u16,
    pub(super) message: Message,
}

impl Client {
    pub(super) async fn new(server: &Server) -> Self {
        let address = server.address(Transport::Udp).unwrap();
        let socket = UdpSocket::bind((address.ip(), 0)).await.unwrap();
        socket.connect(address).await.unwrap();
        let crypto = default_provider().unwrap();
        Self { socket, crypto, user: user(), realm: String::new(), nonce: String::new() }
    }

    /// A request, signed if a nonce is known.
    pub(super) fn request(&self, method: Method, attributes: &[(AttrType, Vec<u8>)]) -> Message {
        let mut message = Message::new();
        message.new_transaction_id().unwrap();
        message.set_type(MessageType::new(method, CLASS_REQUEST));
        message.write_header();
        for (kind, value) in attributes {
            message.add(*kind, value);
        }
        if !self.nonce.is_empty() {
            message.add(ATTR_USERNAME, self.user.username.as_bytes());
            message.add(ATTR_REALM, self.realm.as_bytes());
            message.add(ATTR_NONCE, self.nonce.as_bytes());
            let integrity = MessageIntegrity::new_long_term_integrity_with_provider(
                self.user.username.clone(),
                self.realm.clone(),
                self.user.password.clone(),
                self.crypto.crypto(),
            );
            integrity.unwrap().add_to(&mut message).unwrap();
        }
        message
    }

    pub(super) async fn exchange(&self, message: &Message) -> Answered {
        self.socket.send(&message.raw).await.unwrap();
        self.answer(message).await
    }

    pub(super) async fn answer(&self, request: &Message) -> Answered {
        let bytes = within(self.datagram()).await;
        read(&bytes, request)
    }

    pub(super) async fn datagram(&self) -> Vec<u8> {
        let mut buffer = vec![0; 65536];
        let size = self.socket.recv(&mut buffer).await.unwrap();
        buffer.truncate(size);
        buffer
    }

    /// Learns realm and nonce from a 401 or 438.
    pub(super) fn learn(&mut self, answered: &Answered) {
        let text = |kind| String::from_utf8(answered.message.get(kind).unwrap()).unwrap();
        self.realm = text(ATTR_REALM);
        self.nonce = text(ATTR_NONCE);
    }

    /// Asks without credentials, learns, and asks again.
    pub(super) async fn ask(&mut self, method: Method, attributes: &[(AttrType, Vec<u8>)]) -> Answered {
        if self.nonce.is_empty() {
            let challenged = self.exchange(&self.request(method, attributes)).await;
            assert_eq!(challenged.code, 401);
            self.learn(&challenged);
        }
        self.exchange(&self.request(method, attributes)).await
    }

    pub(super) async fn allocate(&mut self, lifetime: Option<u32>) -> Answered {
        self.ask(METHOD_ALLOCATE, &allocation(lifetime)).await
    }

    /// A relayed address.
    pub(super) async fn relayed(&mut self) -> SocketAddr {
        let answered = self.allocate(None).await;
        assert_eq!(answered.code, 0);
        answered.address(ATTR_XOR_RELAYED_ADDRESS)
    }
}

pub(super) fn allocation(lifetime: Option<u32>) -> Vec<(AttrType, Vec<u8>)> {
    let mut attributes = vec![(ATTR_REQUESTED_TRANSPORT, vec![17, 0, 0, 0])];
    attributes.extend(lifetime.map(|lifetime| (ATTR_LIFETIME, lifetime.to_be_bytes().to_vec())));
    attributes
}

pub(super) fn read(bytes: &[u8], request: &Message) -> Answered {
    let mut message = Message::new();
    message.unmarshal_binary(bytes).unwrap();
    assert_eq!(message.transaction_id, request.transaction_id, "the answer to this request");
    let code =
        message.get(ATTR_ERROR_CODE).map_or(0, |value| u16::from(value[2]) * 100 + u16::from(value[3]));
    Answered { code, message }
}

impl Answered {
    pub(super) fn address(&self, kind: AttrType) -> SocketAddr {
        let mut address = XorMappedAddress::default();
        address.get_from_as(&self.message, kind).unwrap();
        SocketAddr::new(address.ip, address.port)
    }

    pub(super) fn number(&self, kind: AttrType) -> u32 {
        u32::from_be_bytes(self.message.get(kind).unwrap().try_into().unwrap())
    }
}

/// XOR-PEER-ADDRESS of an IPv4 peer.
pub(super) fn peer(address: SocketAddr) -> Vec<u8> {
    let IpAddr::V4(ip) = address.ip() else { panic!("IPv4 only: {address}") };
    let mut value = vec![0, 1];
    value.extend((address.port() ^ 0x2112).to_be_bytes());
    value.extend((u32::from(ip) ^ 0x2112_A442).to_be_bytes());
    value
}
