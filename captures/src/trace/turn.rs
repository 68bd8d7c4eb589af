//! What goes between a client and STUN and TURN servers: addresses gathered, allocations, permissions, channels (RFC 8656).

use super::at::At;
use super::limits;
use crate::wire::stun::{AttributeType, Class, Message, Method};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Binding requests to a server, by which a client learns its server-reflexive address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Gathering {
    /// The client.
    pub client: SocketAddr,
    /// The server.
    pub server: SocketAddr,
    /// Requests, retransmissions included.
    pub requests: u64,
    /// The first request.
    pub first: At,
    /// The last request.
    pub last: At,
    /// The first success response.
    pub answered: Option<At>,
    /// The client's address as the server sees it.
    pub mapped: Option<SocketAddr>,
    /// The first error response and its code.
    pub error: Option<(At, u16)>,
}

/// An error response of a TURN server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TurnError {
    /// Its frame.
    pub at: At,
    /// What had been asked for.
    pub method: String,
    /// The error code.
    pub code: u16,
    /// The reason phrase.
    pub reason: String,
    /// Whether the request bore MESSAGE-INTEGRITY: a 401 to one that does not is only the challenge.
    pub authenticated: bool,
    /// The peer in question, for permissions and channels.
    pub peer: Option<SocketAddr>,
}

/// A permission or channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Bound {
    /// The peer.
    pub peer: SocketAddr,
    /// The channel; none for a permission.
    pub channel: Option<u16>,
    /// The request.
    pub requested: At,
    /// The success response.
    pub granted: Option<At>,
}

/// What a client asked of a TURN server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Allocation {
    /// The client.
    pub client: SocketAddr,
    /// The server.
    pub server: SocketAddr,
    /// The first Allocate request.
    pub requested: At,
    /// Requests of all methods, retransmissions not counted.
    pub requests: u64,
    /// Allocate requests among them.
    pub allocates: u64,
    /// Requests that are not answered (yet).
    pub unanswered: u64,
    /// The success response to Allocate.
    pub granted: Option<At>,
    /// The relayed address.
    pub relayed: Option<SocketAddr>,
    /// The client's address as the server sees it.
    pub mapped: Option<SocketAddr>,
    /// The lifetime granted, in seconds.
    pub lifetime_s: Option<u32>,
    /// Successful Refresh requests.
    pub refreshes: u64,
    /// The Refresh with lifetime zero that ended it.
    pub released: Option<At>,
    /// Error responses by code.
    pub error_counts: BTreeMap<u16, u64>,
    /// The first of them, one by one.
    pub errors: Vec<TurnError>,
    /// The longest run of 438 responses without a success between.
    pub longest_stale_nonce_run: u64,
    /// Permissions and channels.
    pub bound: Vec<Bound>,
    #[serde(skip)]
    stale_run: u64,
}

/// A request as far as its response needs it.
#[derive(Debug, Clone, Copy)]
pub(super) struct TurnRequest {
    pub(super) allocation: usize,
    method: Method,
    authenticated: bool,
    releases: bool,
    bound: Option<usize>,
    peer: Option<SocketAddr>,
}

impl Allocation {
    pub(super) const fn new(client: SocketAddr, server: SocketAddr, at: At) -> Self {
        Self {
            client,
            server,
            requested: at,
            requests: 0,
            allocates: 0,
            unanswered: 0,
            granted: None,
            relayed: None,
            mapped: None,
            lifetime_s: None,
            refreshes: 0,
            released: None,
            error_counts: BTreeMap::new(),
            errors: Vec::new(),
            longest_stale_nonce_run: 0,
            bound: Vec::new(),
            stale_run: 0,
        }
    }

    pub(super) fn request(&mut self, index: usize, at: At, message: &Message<'_>) -> TurnRequest {
        self.requests += 1;
        self.unanswered += 1;
        let method = message.kind.value.method();
        self.allocates += u64::from(method == Method::Allocate);
        let peer = message.address(AttributeType::XorPeerAddress).map(|peer| peer.value);
        let channel = message.number(AttributeType::ChannelNumber).map(|number| number.value as u16);
        let authenticated = message.attribute(AttributeType::MessageIntegrity).is_some()
            || message.attribute(AttributeType::MessageIntegritySha256).is_some();
        let lifetime = message.number(AttributeType::Lifetime).map(|lifetime| lifetime.value);
        let bound = peer.and_then(|peer| {
            let same = |bound: &Bound| bound.peer == peer && bound.channel == channel;
            if let Some(index) = self.bound.iter().position(same) {
                return Some(index);
            }
            let room = self.bound.len() < limits::TURN_DETAILS;
            room.then(|| self.bound.push(Bound { peer, channel, requested: at, granted: None }));
            room.then(|| self.bound.len() - 1)
        });
        let releases = method == Method::Refresh && lifetime == Some(0);
        TurnRequest { allocation: index, method, authenticated, releases, bound, peer }
    }

    pub(super) fn response(&mut self, at: At, request: &TurnRequest, message: &Message<'_>) {
        self.unanswered = self.unanswered.saturating_sub(1);
        if message.kind.value.class() == Class::Error {
            return self.error(at, request, message);
        }
        self.stale_run = 0;
        match request.method {
            Method::Allocate => {
                self.granted.get_or_insert(at);
                self.relayed = message.address(AttributeType::XorRelayedAddress).map(|found| found.value);
                self.mapped = message.address(AttributeType::XorMappedAddress).map(|found| found.value);
                self.lifetime_s = message.number(AttributeType::Lifetime).map(|found| found.value as u32);
            }
            Method::Refresh if request.releases => self.released = Some(at),
            Method::Refresh => self.refreshes += 1,
            _ => {
                if let Some(bound) = request.bound.and_then(|index| self.bound.get_mut(index)) {
                    bound.granted.get_or_insert(at);
                }
            }
        }
    }

    fn error(&mut self, at: At, request: &TurnRequest, message: &Message<'_>) {
        use crate::wire::stun::Content;
        let Some(Content::Error(error)) = message.content(AttributeType::ErrorCode).map(|found| found.value)
        else {
            return;
        };
        let code = error.code.value.raw();
        *self.error_counts.entry(code).or_default() += 1;
        self.stale_run = if code == 438 { self.stale_run + 1 } else { 0 };
        self.longest_stale_nonce_run = self.longest_stale_nonce_run.max(self.stale_run);
        if self.errors.len() < limits::TURN_DETAILS {
            self.errors.push(TurnError {
                at,
                method: request.method.to_string(),
                code,
                reason: super::channel::text(error.reason.value),
                authenticated: request.authenticated,
                peer: request.peer,
            });
        }
    }
}
