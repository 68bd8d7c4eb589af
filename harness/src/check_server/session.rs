//! Requests to a server and its responses.

use super::connection::Connection;
use peerproof_captures::wire::stun::{self, AttributeType, Class, Content, Message, TransactionId};
use peerproof_captures::wire::turn::{Peer, relayed};
use peerproof_stack::client::{Attribute, Client, Login, Method, Unable};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The first pause before a request is retransmitted over UDP; it doubles each time (RFC 8489 §6.2.1).
const RTO: Duration = Duration::from_millis(500);
/// Most messages that are kept while another one is waited for.
const MOST_ASIDE: usize = 256;
/// Most faults of form that are kept.
const MOST_FAULTS: usize = 8;

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Response {
    bytes: Vec<u8>,
    /// Since the request was sent first.
    pub(super) after: Duration,
}

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unanswered {
    #[error("no answer within {0:?}")]
    Silence(Duration),
    #[error("{0}")]
    Broken(String),
    #[error(transparent)]
    Unable(#[from] Unable),
}

impl Response {
    /// As the dissector of captures reads it; it was read when it came.
    fn message(&self) -> Option<Message<'_>> {
        stun::view(&self.bytes).ok()
    }

    pub(super) fn is_success(&self) -> bool {
        self.message().is_some_and(|message| message.kind.value.class() == Class::Success)
    }

    /// Of an error response, 0 where it has none.
    pub(super) fn code(&self) -> Option<u16> {
        let message = self.message()?;
        if message.kind.value.class() != Class::Error {
            return None;
        }
        match message.content(AttributeType::ErrorCode).map(|field| field.value) {
            Some(Content::Error(error)) => Some(error.code.value.raw()),
            _ => Some(0),
        }
    }

    pub(super) fn address(&self, kind: AttributeType) -> Option<SocketAddr> {
        Some(self.message()?.address(kind)?.value)
    }

    pub(super) fn number(&self, kind: AttributeType) -> Option<u64> {
        Some(self.message()?.number(kind)?.value)
    }

    pub(super) fn text(&self, kind: AttributeType) -> Option<String> {
        Some(self.message()?.text(kind)?.value.to_owned())
    }

    pub(super) fn unknown_attributes(&self) -> Vec<u16> {
        let content = self.message().and_then(|message| message.content(AttributeType::UnknownAttributes));
        match content.map(|field| field.value) {
            Some(Content::Types(types)) => types.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// Whether MESSAGE-INTEGRITY is right; `None` if there is none.
    pub(super) fn integrity(&self, key: &[u8]) -> Option<bool> {
        self.message()?.integrity_matches(key)
    }

    /// What it says, for a sentence: `success`, `401 Unauthenticated`.
    pub(super) fn outcome(&self) -> String {
        match self.code() {
            Some(0) => "an error response without ERROR-CODE".to_owned(),
            Some(code) => {
                stun::Code::from(code).name().map_or(code.to_string(), |name| format!("{code} {name}"))
            }
            None if self.is_success() => "success".to_owned(),
            None => "a message that is no response".to_owned(),
        }
    }
}

/// A connection to a server and what is known of it.
pub(super) struct Session {
    connection: Connection,
    client: Client,
    patience: Duration,
    /// What came while something else was waited for.
    aside: VecDeque<Vec<u8>>,
    /// The credentials, once realm and nonce are known.
    pub(super) login: Option<Login>,
    /// What was wrong with the form of messages.
    pub(super) faults: Vec<String>,
}

impl Session {
    pub(super) fn new(connection: Connection, patience: Duration) -> Result<Self, Unable> {
        let (aside, faults) = (VecDeque::new(), Vec::new());
        Ok(Self { connection, client: Client::new()?, patience, aside, login: None, faults })
    }

    pub(super) const fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    /// How many messages came that answer nothing that was asked.
    pub(super) fn others(&self) -> usize {
        self.aside.len()
    }

    pub(super) async fn send(&mut self, message: &[u8]) -> Result<(), Unanswered> {
        let sent = tokio::time::timeout(self.patience, self.connection.send(message)).await;
        sent.map_err(|_| Unanswered::Silence(self.patience))?
            .map_err(|error| Unanswered::Broken(error.to_string()))
    }

    /// Sends a request without credentials and waits for its response.
    pub(super) async fn ask(
        &mut self,
        method: Method,
        attributes: &[Attribute],
    ) -> Result<Response, Unanswered> {
        let request = self.client.request(method, attributes, None)?;
        self.exchange(&request).await
    }

    /// The same with credentials; a stale nonce is renewed once (RFC 8489 §9.2.5).
    pub(super) async fn ask_signed(
        &mut self,
        method: Method,
        attributes: &[Attribute],
    ) -> Result<Response, Unanswered> {
        let request = self.client.request(method, attributes, self.login.as_ref())?;
        let response = self.exchange(&request).await?;
        let nonce = response.text(AttributeType::Nonce).filter(|_| response.code() == Some(438));
        let (Some(nonce), Some(login)) = (nonce, &mut self.login) else { return Ok(response) };
        login.nonce = nonce;
        let request = self.client.request(method, attributes, self.login.as_ref())?;
        self.exchange(&request).await
    }

    /// Sends a request, over UDP again and again, until its response comes.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<Response, Unanswered> {
        let unreadable = || Unanswered::Broken("the request cannot be read".to_owned());
        let asked = stun::view(request).map_err(|_| unreadable())?;
        let (transaction, method) = (asked.transaction.value, asked.kind.value.method());
        let began = Instant::now();
        let end = began + self.patience;
        let mut pause = RTO;
        self.send(request).await?;
        let mut next = began + pause;
        loop {
            let until = if self.connection.is_stream() { end } else { next.min(end) };
            match timeout_at(until, self.connection.receive()).await {
                Err(_) if until >= end => return Err(Unanswered::Silence(self.patience)),
                Err(_) => {
                    self.send(request).await?;
                    pause *= 2;
                    next += pause;
                }
                Ok(Err(error)) => return Err(Unanswered::Broken(error.to_string())),
                Ok(Ok(bytes)) if answers(&bytes, transaction) => {
                    self.examine(&bytes, method);
                    return Ok(Response { bytes, after: began.elapsed() });
                }
                Ok(Ok(bytes)) => self.put_aside(bytes),
            }
        }
    }

    fn put_aside(&mut self, bytes: Vec<u8>) {
        if self.aside.len() < MOST_ASIDE {
            self.aside.push_back(bytes);
        }
    }

    /// Whether a response to this message came so far.
    pub(super) fn was_answered(&self, message: &[u8]) -> bool {
        let Ok(sent) = stun::view(message) else { return false };
        self.aside.iter().any(|bytes| answers(bytes, sent.transaction.value))
    }

    /// The form of a response: RFC 8489 §5, §14.7, §6.3.1.1.
    fn examine(&mut self, bytes: &[u8], asked: stun::Method) {
        let mut fault = |what: String| {
            if self.faults.len() < MOST_FAULTS {
                self.faults.push(what);
            }
        };
        let Ok(message) = stun::view(bytes) else { return };
        let kind = message.kind.value;
        if !stun::looks_like_stun(bytes) {
            fault(format!("{kind}: its length is not that of the message, or no multiple of four"));
        }
        if message.attributes().any(|attribute| attribute.is_err()) {
            fault(format!("{kind}: its attributes do not end where the message ends"));
        }
        if kind.method() != asked {
            fault(format!("{kind} answers a {asked} request"));
        }
        if message.fingerprint_matches() == Some(false) {
            fault(format!("{kind}: FINGERPRINT is wrong"));
        }
        let mut kinds = message.attributes().map_while(Result::ok).map(|attribute| attribute.kind.value);
        if kinds.any(|kind| kind == AttributeType::Fingerprint) && kinds.next().is_some() {
            fault(format!("{kind}: FINGERPRINT is not the last attribute"));
        }
    }

    /// What was relayed to this session so far, oldest first.
    pub(super) fn take_relayed(&mut self) -> Vec<(Peer, Vec<u8>)> {
        let read = |bytes: &Vec<u8>| relayed(bytes).map(|it| (it.peer.value, it.data.value.to_vec()));
        let found = self.aside.iter().filter_map(read).collect();
        self.aside.retain(|bytes| relayed(bytes).is_none());
        found
    }

    /// Waits until this data is relayed to this session, at most until then; by whom it came.
    pub(super) async fn relayed(&mut self, data: &[u8], until: Instant) -> Result<Option<Peer>, Unanswered> {
        loop {
            if let Some((peer, _)) = self.take_relayed().into_iter().find(|(_, came)| came == data) {
                return Ok(Some(peer));
            }
            match timeout_at(until, self.connection.receive()).await {
                Err(_) => return Ok(None),
                Ok(Err(error)) => return Err(Unanswered::Broken(error.to_string())),
                Ok(Ok(bytes)) => self.put_aside(bytes),
            }
        }
    }

    /// Sends a message, again and again since datagrams get lost, until `data` is relayed to `other`; by whom it came.
    pub(super) async fn relay(
        &mut self,
        message: &[u8],
        other: &mut Self,
        data: &[u8],
    ) -> Result<Peer, Unanswered> {
        let end = Instant::now() + self.patience;
        loop {
            self.send(message).await?;
            let until = end.min(Instant::now() + RTO);
            if let Some(peer) = other.relayed(data, until).await? {
                return Ok(peer);
            }
            if Instant::now() >= end {
                return Err(Unanswered::Silence(self.patience));
            }
        }
    }
}

fn answers(bytes: &[u8], transaction: TransactionId) -> bool {
    stun::view(bytes).is_ok_and(|message| {
        message.transaction.value == transaction
            && matches!(message.kind.value.class(), Class::Success | Class::Error)
    })
}
