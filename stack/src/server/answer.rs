//! Answers to requests.

use super::allocation::Allocation;
use super::auth::Checked;
use super::core::{Answer, Core, ServerState};
use super::fault::Fault;
use super::message::{self, ADDITIONAL_ADDRESS_FAMILY};
use super::observed::{Client, Ending, Method, Observed};
use super::relay::{self, Sink};
use rtc::stun::attributes::{
    ATTR_ALTERNATE_SERVER, ATTR_CHANNEL_NUMBER, ATTR_EVEN_PORT, ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING,
    ATTR_LIFETIME, ATTR_MESSAGE_INTEGRITY, ATTR_MESSAGE_INTEGRITY_SHA256, ATTR_NONCE, ATTR_PRIORITY,
    ATTR_REALM, ATTR_REQUESTED_ADDRESS_FAMILY, ATTR_REQUESTED_TRANSPORT, ATTR_RESERVATION_TOKEN,
    ATTR_SOFTWARE, ATTR_UNKNOWN_ATTRIBUTES, ATTR_USE_CANDIDATE, ATTR_USERNAME, ATTR_XOR_PEER_ADDRESS,
    ATTR_XOR_RELAYED_ADDRESS, ATTR_XORMAPPED_ADDRESS, AttrType,
};
use rtc::stun::message::Message;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// REQUESTED-TRANSPORT: UDP (RFC 8656 §18.7).
const UDP: u8 = 17;

/// Comprehension-required attributes that are understood, or harmless in a request.
const UNDERSTOOD: [AttrType; 15] = [
    ATTR_USERNAME,
    ATTR_MESSAGE_INTEGRITY,
    ATTR_MESSAGE_INTEGRITY_SHA256,
    ATTR_REALM,
    ATTR_NONCE,
    ATTR_CHANNEL_NUMBER,
    ATTR_LIFETIME,
    ATTR_XOR_PEER_ADDRESS,
    ATTR_EVEN_PORT,
    ATTR_REQUESTED_TRANSPORT,
    ATTR_REQUESTED_ADDRESS_FAMILY,
    ATTR_RESERVATION_TOKEN,
    // Of connectivity checks; a server ignores them.
    ATTR_PRIORITY,
    ATTR_USE_CANDIDATE,
    // What follows is comprehension-optional and stands here for the reader only.
    ATTR_SOFTWARE,
];

/// A refusal with what the response holds beside its code.
enum Refusal {
    Code(u16),
    Unknown(Vec<AttrType>),
    Alternate(SocketAddr),
}

impl Core {
    /// The answer to a request, if there is to be one.
    pub(super) fn answer(
        self: &Arc<Self>,
        client: Client,
        method: Method,
        request: &Message,
        sink: &Sink,
    ) -> Option<Answer> {
        let now = Instant::now();
        let mut state = self.state();
        let after = match state.fault {
            Fault::Silent => {
                self.observe(Observed::Ignored { client, method });
                return None;
            }
            Fault::Slow(by) => by,
            _ => Duration::ZERO,
        };
        let bytes = match method {
            Method::Binding => self.bound(client, request),
            _ => self.turn(&mut state, client, method, request, sink, now),
        }?;
        Some(Answer { bytes, after })
    }

    fn bound(&self, client: Client, request: &Message) -> Option<Vec<u8>> {
        let unknown = unknown_attributes(request);
        if !unknown.is_empty() {
            return self.refuse(client, Method::Binding, request, &Refusal::Unknown(unknown), None);
        }
        let mapped = self.reflexive.filter(|address| address.is_ipv4() == client.address.is_ipv4());
        let mapped = mapped.unwrap_or(client.address);
        let mut response = message::success(request);
        message::add_address(&mut response, ATTR_XORMAPPED_ADDRESS, mapped);
        self.observe(Observed::Bound { client, mapped });
        message::finish(response, None, self.crypto.crypto())
    }

    fn turn(
        self: &Arc<Self>,
        state: &mut ServerState,
        client: Client,
        method: Method,
        request: &Message,
        sink: &Sink,
        now: Instant,
    ) -> Option<Vec<u8>> {
        let nonce = state.nonce.current(now).to_owned();
        let (user, key) = match self.users.check(request, &nonce, self.crypto.crypto()) {
            Checked::User(user, key) if state.fault != Fault::Unauthorized => (user, key),
            Checked::User(..) => return self.challenge(state, client, method, request, 401, now),
            Checked::Refused(code) => return self.challenge(state, client, method, request, code, now),
        };
        let done = self.granted(state, client, method, request, (&user, &key), sink, now);
        match done {
            Ok(response) => response,
            Err(refusal) => self.refuse(client, method, request, &refusal, Some(&key)),
        }
    }

    /// 401 and 438 say realm and nonce, 400 does not (RFC 8489 §9.2.4). None of them is signed.
    fn challenge(
        &self,
        state: &mut ServerState,
        client: Client,
        method: Method,
        request: &Message,
        code: u16,
        now: Instant,
    ) -> Option<Vec<u8>> {
        let mut response = message::error(request, code);
        if code != 400 {
            // A nonce that was never good is as stale as one that is no more.
            let stale = match state.fault {
                Fault::StaleNonceOnce => code == 401,
                Fault::StaleNonceForever => true,
                _ => false,
            };
            let nonce = match stale {
                true => format!("{:032x}", rand::random::<u128>()),
                false => state.nonce.current(now).to_owned(),
            };
            response.add(ATTR_REALM, self.users.realm().as_bytes());
            response.add(ATTR_NONCE, nonce.as_bytes());
        }
        self.observe(Observed::Refused { client, method, code });
        message::finish(response, None, self.crypto.crypto())
    }

    fn refuse(
        &self,
        client: Client,
        method: Method,
        request: &Message,
        refusal: &Refusal,
        key: Option<&[u8]>,
    ) -> Option<Vec<u8>> {
        let code = match refusal {
            Refusal::Code(code) => *code,
            Refusal::Unknown(_) => 420,
            Refusal::Alternate(_) => 300,
        };
        let mut response = message::error(request, code);
        match refusal {
            Refusal::Code(_) => {}
            Refusal::Unknown(unknown) => {
                let list: Vec<u8> = unknown.iter().flat_map(|kind| kind.value().to_be_bytes()).collect();
                response.add(ATTR_UNKNOWN_ATTRIBUTES, &list);
            }
            Refusal::Alternate(server) => {
                message::add_plain_address(&mut response, ATTR_ALTERNATE_SERVER, *server);
            }
        }
        self.observe(Observed::Refused { client, method, code });
        message::finish(response, key, self.crypto.crypto())
    }

    /// Does what an authenticated request wants.
    #[expect(clippy::too_many_arguments, reason = "they are the request")]
    fn granted(
        self: &Arc<Self>,
        state: &mut ServerState,
        client: Client,
        method: Method,
        request: &Message,
        (user, key): (&str, &[u8]),
        sink: &Sink,
        now: Instant,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        let unknown = unknown_attributes(request);
        if !unknown.is_empty() {
            return Err(Refusal::Unknown(unknown));
        }
        if method == Method::Allocate {
            return self.allocate(state, client, request, (user, key), sink, now);
        }
        // RFC 8656 §5: a request for an allocation that is not there, or of another user.
        let Some(allocation) = state.allocations.get_mut(&client) else { return Err(Refusal::Code(437)) };
        if allocation.username != user {
            return Err(Refusal::Code(441));
        }
        let mut response = message::success(request);
        match method {
            Method::Binding | Method::Allocate => {}
            Method::Refresh => {
                let lifetime = self.lifetime(request, true);
                response.add(ATTR_LIFETIME, &seconds(lifetime).to_be_bytes());
                if lifetime.is_zero() {
                    if let Some(ended) = state.allocations.shift_remove(&client) {
                        self.observe_end(client, &ended, Ending::Released);
                    }
                } else {
                    allocation.expires.send_replace(now + lifetime);
                    self.observe(Observed::Refreshed { client, lifetime });
                }
            }
            Method::CreatePermission => {
                let peers = peers(request)?;
                if state.fault == Fault::Forbidden {
                    return Err(Refusal::Code(403));
                }
                let permitted = allocation.permit(&peers, now, &self.lifetimes, &self.limits);
                permitted.map_err(|denied| Refusal::Code(denied.code()))?;
                self.observe(Observed::Permitted { client, peers });
            }
            Method::ChannelBind => {
                let channel = channel(request)?;
                let peers = peers(request)?;
                let [peer] = *peers.as_slice() else { return Err(Refusal::Code(400)) };
                if state.fault == Fault::Forbidden {
                    return Err(Refusal::Code(403));
                }
                let bound = allocation.bind(channel, peer, now, &self.lifetimes, &self.limits);
                bound.map_err(|denied| Refusal::Code(denied.code()))?;
                self.observe(Observed::ChannelBound { client, channel, peer });
            }
        }
        Ok(message::finish(response, Some(key), self.crypto.crypto()))
    }

    /// RFC 8656 §7.2, in its order.
    fn allocate(
        self: &Arc<Self>,
        state: &mut ServerState,
        client: Client,
        request: &Message,
        (user, key): (&str, &[u8]),
        sink: &Sink,
        now: Instant,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        let refused = |code| Err(Refusal::Code(code));
        if let Some(Allocation { made_by: (transaction, response), .. }) = state.allocations.get(&client) {
            // A retransmission, whose answer may have been lost.
            return match *transaction == request.transaction_id.0 {
                true => Ok(Some(response.clone())),
                false => refused(437),
            };
        }
        match message::value(request, ATTR_REQUESTED_TRANSPORT) {
            Some([UDP, _, _, _]) => {}
            Some([_, _, _, _]) => return refused(442),
            _ => return refused(400),
        }
        let family = family(request, ATTR_REQUESTED_ADDRESS_FAMILY)?;
        let additional = family_opt(request, ADDITIONAL_ADDRESS_FAMILY)?;
        let even = message::value(request, ATTR_EVEN_PORT);
        if message::value(request, ATTR_RESERVATION_TOKEN).is_some()
            || even.and_then(<[u8]>::first).is_some_and(|flags| flags & 0x80 != 0)
        {
            return refused(508);
        }
        match state.fault {
            Fault::Alternate(server) => return Err(Refusal::Alternate(server)),
            Fault::QuotaReached => return refused(486),
            Fault::InsufficientCapacity => return refused(508),
            _ => {}
        }
        let mine = state.allocations.values().filter(|allocation| allocation.username == user).count();
        if mine >= self.limits.allocations_per_user {
            return refused(486);
        }
        if state.allocations.len() >= self.limits.allocations {
            return refused(508);
        }
        let mut relays = Vec::new();
        for (ipv4, wanted) in [(family, true), (!family, additional)] {
            if !wanted {
                continue;
            }
            let Some(address) = self.relay.iter().find(|address| address.is_ipv4() == ipv4) else {
                // The additional one is a wish (RFC 8656 §7.2).
                if relays.is_empty() {
                    return refused(440);
                } else {
                    continue;
                };
            };
            match relay::open(*address, even.is_some()) {
                Ok(opened) => relays.push(opened),
                Err(_) => return refused(508),
            }
        }
        let lifetime = self.lifetime(request, false);
        let mut response = message::success(request);
        let relayed: Vec<SocketAddr> = relays.iter().map(|relay| relay.address).collect();
        for address in &relayed {
            message::add_address(&mut response, ATTR_XOR_RELAYED_ADDRESS, *address);
        }
        let mapped = self.reflexive.filter(|address| address.is_ipv4() == client.address.is_ipv4());
        message::add_address(&mut response, ATTR_XORMAPPED_ADDRESS, mapped.unwrap_or(client.address));
        response.add(ATTR_LIFETIME, &seconds(lifetime).to_be_bytes());
        let Some(response) = message::finish(response, Some(key), self.crypto.crypto()) else {
            return refused(500);
        };
        let (expires, expiring) = watch::channel(now + lifetime);
        for relay in &relays {
            let Some(alive) = self.alive() else { return refused(508) };
            let relaying = relay::Relaying {
                core: Arc::clone(self),
                client,
                socket: Arc::clone(&relay.socket),
                sink: sink.clone(),
                expires: expiring.clone(),
                alive,
            };
            tokio::spawn(relaying.run());
        }
        let made_by = (request.transaction_id.0, response.clone());
        let allocation = Allocation::new(user.to_owned(), made_by, relays, expires);
        state.allocations.insert(client, allocation);
        self.observe(Observed::Allocated { client, username: user.to_owned(), relayed, lifetime });
        Ok(Some(response))
    }

    /// How long an allocation lives that asks for LIFETIME, or does not. Zero is a wish in a Refresh only.
    fn lifetime(&self, request: &Message, refresh: bool) -> Duration {
        let asked = message::number(request, ATTR_LIFETIME).map(|asked| Duration::from_secs(asked.into()));
        match asked {
            Some(Duration::ZERO) if refresh => Duration::ZERO,
            Some(asked) => {
                asked.clamp(self.lifetimes.allocation.min(self.lifetimes.most), self.lifetimes.most)
            }
            None => self.lifetimes.allocation,
        }
    }
}

fn seconds(lifetime: Duration) -> u32 {
    u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX)
}

/// Comprehension-required attributes (RFC 8489 §14) that are not understood.
fn unknown_attributes(request: &Message) -> Vec<AttrType> {
    let of_checks = [ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING];
    let kinds = request.attributes.0.iter().map(|attribute| attribute.typ);
    kinds
        .filter(|kind| kind.value() < 0x8000 && !UNDERSTOOD.contains(kind) && !of_checks.contains(kind))
        .collect()
}

/// Whether IPv4 is wanted (RFC 8656 §18.6); it is the default.
fn family(request: &Message, kind: AttrType) -> Result<bool, Refusal> {
    match message::value(request, kind) {
        None | Some([1, _, _, _]) => Ok(true),
        Some([2, _, _, _]) => Ok(false),
        Some([_, _, _, _]) => Err(Refusal::Code(440)),
        Some(_) => Err(Refusal::Code(400)),
    }
}

/// Whether the other family is wanted too. Only IPv6 may be added, and not to a family asked for (RFC 8656 §7.2).
fn family_opt(request: &Message, kind: AttrType) -> Result<bool, Refusal> {
    match message::value(request, kind) {
        None => Ok(false),
        Some([2, _, _, _]) if message::value(request, ATTR_REQUESTED_ADDRESS_FAMILY).is_none() => Ok(true),
        Some(_) => Err(Refusal::Code(400)),
    }
}

fn peers(request: &Message) -> Result<Vec<SocketAddr>, Refusal> {
    match message::addresses(request, ATTR_XOR_PEER_ADDRESS) {
        Some(peers) if !peers.is_empty() => Ok(peers),
        _ => Err(Refusal::Code(400)),
    }
}

/// 0x4000 to 0x4FFF (RFC 8656 §12.2).
fn channel(request: &Message) -> Result<u16, Refusal> {
    match message::value(request, ATTR_CHANNEL_NUMBER) {
        Some([high, low, _, _]) if (0x40..=0x4F).contains(high) => Ok(u16::from_be_bytes([*high, *low])),
        _ => Err(Refusal::Code(400)),
    }
}
