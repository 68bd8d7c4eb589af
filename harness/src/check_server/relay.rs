//! What a TURN server owes (RFC 8656): credentials, allocations, lifetimes.

use super::Reach;
use super::report::{Check, Topic};
use super::session::{Response, Session, Unanswered};
use super::traffic;
use peerproof_captures::wire::stun::{AttributeType, long_term_key_md5};
use peerproof_conformance::checks::Status as Standing;
use peerproof_stack::client::{Attribute, Login, Method};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const CHALLENGE: Topic = Topic::new("challenge").id("turn-auth-handshake").by("RFC 8656 §5; RFC 8489 §9.2.4");
const WRONG: Topic = Topic::new("wrong-password").id("turn-no-auth-retry-loop").by("RFC 8489 §9.2.4");
const CREDENTIALS: Topic =
    Topic::new("credentials").id("turn-requests-bear-credentials").by("RFC 8489 §9.2.4; RFC 8656 §7.2");
const INTEGRITY: Topic = Topic::new("integrity").id("stun-response-integrity").by("RFC 8489 §9.2.4");
const RELAYED: Topic = Topic::new("relayed-address").by("RFC 8656 §7.2");
const LIFETIME: Topic = Topic::new("lifetime").id("turn-refresh-before-expiry").by("RFC 8656 §7.2");
const SECOND: Topic = Topic::new("second-allocation").by("RFC 8656 §7.2");
const NONCE: Topic = Topic::new("stale-nonce").id("turn-stale-nonce-retry").by("RFC 8489 §9.2.4");
const REFRESH: Topic = Topic::new("refresh").id("turn-refresh-before-expiry").by("RFC 8656 §8.2");
const RELEASE: Topic = Topic::new("release").id("turn-allocation-released").by("RFC 8656 §8.2");
const IPV6: Topic = Topic::new("ipv6-relay").by("RFC 8656 §7.2");
const LOOPBACK: Topic = Topic::new("loopback-peer");

/// The lifetime that a server grants where a client asks for none or less, in seconds (RFC 8656 §7.2).
const DEFAULT_LIFETIME: u64 = 600;

/// REQUESTED-TRANSPORT: UDP (RFC 8656 §18.8).
pub(super) fn requested_udp() -> Attribute {
    Attribute::Bytes(AttributeType::RequestedTransport.raw(), vec![17, 0, 0, 0])
}

/// LIFETIME in seconds (RFC 8656 §18.2).
fn lifetime(seconds: u32) -> Attribute {
    Attribute::Bytes(AttributeType::Lifetime.raw(), seconds.to_be_bytes().to_vec())
}

/// An allocation with what it was granted.
pub(super) struct Allocation {
    pub(super) session: Session,
    pub(super) relayed: SocketAddr,
}

/// Asks for all that a TURN server owes.
pub(super) async fn check(mut session: Session, reach: &Reach<'_>, checks: &mut Vec<Check>) {
    let Some(challenge) = challenge(&mut session, checks).await else { return };
    let (Some(username), Some(password)) = (&reach.credentials.username, &reach.credentials.password) else {
        checks.push(
            CREDENTIALS
                .open("none were given (--username and --password, or --secret): no relay was checked"),
        );
        return;
    };
    let login = |password: &str| Login {
        username: username.clone(),
        realm: challenge.realm.clone(),
        nonce: challenge.nonce.clone(),
        key: long_term_key_md5(username, &challenge.realm, password).to_vec(),
    };
    session.login = Some(login(&format!("{password}, but wrong")));
    checks.push(wrong_password(&mut session).await);
    session.login = Some(login(password));
    let response = match session.ask_signed(Method::Allocate, &[requested_udp()]).await {
        Ok(response) if response.is_success() => response,
        Ok(response) => return checks.push(CREDENTIALS.fail(refusal(&response))),
        Err(error) => return checks.push(CREDENTIALS.fail(format!("Allocate with credentials: {error}"))),
    };
    checks.push(CREDENTIALS.pass(format!("{username} may allocate in the realm {}", challenge.realm)));
    checks.push(integrity(&session, &response));
    let Some(relayed) = relayed_address(&response, reach.server, checks) else {
        return give_up(&mut session).await;
    };
    checks.push(granted(&response));
    let mut allocation = Allocation { session, relayed };
    checks.push(second_allocation(&mut allocation.session).await);
    checks.push(stale_nonce(&mut allocation.session).await);
    match another(&allocation, reach).await {
        Ok(mut other) => {
            traffic::check(&mut allocation, &mut other, checks).await;
            give_up(&mut other.session).await;
        }
        Err(reason) => {
            checks.push(traffic::PERMISSION.open(format!("no second allocation for a test: {reason}")));
        }
    }
    checks.push(loopback(&mut allocation).await);
    checks.push(ipv6(&allocation, reach).await);
    checks.push(refresh(&mut allocation.session).await);
    checks.push(release(&mut allocation.session).await);
    checks.push(super::binding::form(&allocation.session));
}

struct Challenge {
    realm: String,
    nonce: String,
}

async fn challenge(session: &mut Session, checks: &mut Vec<Check>) -> Option<Challenge> {
    let response = match session.ask(Method::Allocate, &[requested_udp()]).await {
        Ok(response) => response,
        Err(error) => {
            checks.push(CHALLENGE.fail(format!("Allocate without credentials: {error}")));
            return None;
        }
    };
    let (realm, nonce) = (response.text(AttributeType::Realm), response.text(AttributeType::Nonce));
    let (check, challenge) = match (response.code(), realm, nonce) {
        (Some(401), Some(realm), Some(nonce)) => {
            let detail = format!("Allocate without credentials is answered by 401 with the realm {realm}");
            (CHALLENGE.pass(detail), Some(Challenge { realm, nonce }))
        }
        (Some(401), realm, _) => {
            let lacks = if realm.is_none() { "REALM" } else { "NONCE" };
            (CHALLENGE.fail(format!("the 401 has no {lacks}, so no client can sign its request")), None)
        }
        (Some(300), ..) => {
            let elsewhere = response.address(AttributeType::AlternateServer);
            let elsewhere = elsewhere.map_or("no address".to_owned(), |address| address.to_string());
            let detail = format!("300 Try Alternate: it sends clients to {elsewhere}; check that server");
            (CHALLENGE.open(detail), None)
        }
        (None, ..) if response.is_success() => {
            (CHALLENGE.fail("Allocate without credentials succeeds: anybody may relay through it"), None)
        }
        _ => {
            let detail = format!(
                "Allocate without credentials is answered by {} instead of 401: is this a TURN server?",
                response.outcome()
            );
            (CHALLENGE.fail(detail), None)
        }
    };
    checks.push(check);
    challenge
}

async fn wrong_password(session: &mut Session) -> Check {
    match session.ask_signed(Method::Allocate, &[requested_udp()]).await {
        Ok(response) if response.code() == Some(401) => WRONG.pass("a wrong password is answered by 401"),
        Ok(response) => WRONG.fail(format!("a wrong password is answered by {}", response.outcome())),
        Err(error) => WRONG.fail(format!("a wrong password: {error}")),
    }
}

fn refusal(response: &Response) -> String {
    let outcome = response.outcome();
    match response.code() {
        Some(401 | 441) => format!(
            "{outcome}: the name or the password is wrong, or the time in a name made of a secret has passed"
        ),
        Some(486) => format!("{outcome}: this user has too many allocations"),
        Some(508) => format!("{outcome}: the server has no relayed address left"),
        _ => format!("Allocate with credentials is answered by {outcome}"),
    }
}

fn integrity(session: &Session, response: &Response) -> Check {
    let key = session.login.as_ref().map(|login| login.key.as_slice()).unwrap_or_default();
    match response.integrity(key) {
        Some(true) => INTEGRITY.pass("the success response is signed with the password"),
        Some(false) => {
            INTEGRITY.fail("MESSAGE-INTEGRITY of the success response is not made with the password")
        }
        None => INTEGRITY.fail("the success response has no MESSAGE-INTEGRITY, so clients must ignore it"),
    }
}

/// Whether an address is of the inside of a network (RFC 1918, RFC 6598, RFC 4193).
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            ip.is_private() || ip.is_link_local() || (ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64)
        }
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

fn relayed_address(response: &Response, server: SocketAddr, checks: &mut Vec<Check>) -> Option<SocketAddr> {
    let Some(relayed) = response.address(AttributeType::XorRelayedAddress) else {
        checks.push(RELAYED.fail("the success response has no XOR-RELAYED-ADDRESS"));
        return None;
    };
    let ip = relayed.ip();
    checks.push(if ip.is_unspecified() || relayed.port() == 0 {
        RELAYED.fail(format!("{relayed} is no address that a peer can send to"))
    } else if ip.is_loopback() && !server.ip().is_loopback() {
        RELAYED.fail(format!("{relayed} is an address of the server's loopback; no peer can send to it"))
    } else if is_private(ip) && !is_private(server.ip()) && !server.ip().is_loopback() {
        RELAYED.warn(format!(
            "{relayed} is private, while the server has the public address {}: peers elsewhere cannot send to it \
             (coturn: external-ip)",
            server.ip()
        ))
    } else {
        RELAYED.pass(relayed.to_string())
    });
    Some(relayed)
}

fn granted(response: &Response) -> Check {
    match response.number(AttributeType::Lifetime) {
        None => LIFETIME.fail("the success response has no LIFETIME"),
        Some(seconds) if seconds < DEFAULT_LIFETIME => LIFETIME.warn(format!(
            "an allocation lives {seconds} s, less than the default of {DEFAULT_LIFETIME} s: clients have to refresh often"
        )),
        Some(seconds) => LIFETIME.pass(format!("an allocation lives {seconds} s")),
    }
}

async fn second_allocation(session: &mut Session) -> Check {
    match session.ask_signed(Method::Allocate, &[requested_udp()]).await {
        Ok(response) if response.code() == Some(437) => {
            SECOND.pass("a second Allocate of the same client is answered by 437")
        }
        Ok(response) => SECOND.fail(format!(
            "a second Allocate of the same client is answered by {} instead of 437",
            response.outcome()
        )),
        Err(error) => SECOND.fail(format!("a second Allocate of the same client: {error}")),
    }
}

async fn stale_nonce(session: &mut Session) -> Check {
    let Some(login) = session.login.clone() else { return NONCE.open("no credentials") };
    let mut nonce = login.nonce.clone();
    // The last character is none of the nonce cookie's (RFC 8489 §9.2).
    let last = if nonce.pop() == Some('0') { '1' } else { '0' };
    nonce.push(last);
    let stale = Login { nonce, ..login };
    let asked = async {
        let request = session.client().request(Method::Refresh, &[], Some(&stale))?;
        session.exchange(&request).await
    };
    match asked.await {
        Ok(response) if response.code() == Some(438) => match response.text(AttributeType::Nonce) {
            Some(_) => NONCE.pass("a nonce that the server did not give is answered by 438 with a new one"),
            None => NONCE.fail("the 438 has no NONCE, so clients cannot go on"),
        },
        Ok(response) => NONCE.fail(format!(
            "a nonce that the server did not give is answered by {} instead of 438",
            response.outcome()
        )),
        Err(error) => NONCE.fail(format!("a nonce that the server did not give: {error}")),
    }
}

/// A second allocation of the same user, from another address.
async fn another(first: &Allocation, reach: &Reach<'_>) -> Result<Allocation, String> {
    let mut session = reach.session().await?;
    session.login.clone_from(&first.session.login);
    let response =
        session.ask_signed(Method::Allocate, &[requested_udp()]).await.map_err(|error| error.to_string())?;
    let relayed = response.address(AttributeType::XorRelayedAddress).filter(|_| response.is_success());
    relayed.map(|relayed| Allocation { session, relayed }).ok_or_else(|| response.outcome())
}

/// Ends an allocation that served a check, so that it does not count against the user's quota until it expires.
async fn give_up(session: &mut Session) {
    // Whether a Refresh with lifetime 0 works is another check.
    let _ = session.ask_signed(Method::Refresh, &[lifetime(0)]).await;
}

async fn loopback(allocation: &mut Allocation) -> Check {
    // An address of the other family is refused for that (443).
    let ip = match allocation.relayed {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    let peer = Attribute::Peer(SocketAddr::new(ip, 9));
    match allocation.session.ask_signed(Method::CreatePermission, &[peer]).await {
        Ok(response) if response.is_success() => LOOPBACK.warn(format!(
            "a permission for {ip} is granted: clients may reach what listens on the server's own loopback \
             (coturn refuses it unless allow-loopback-peers is set)"
        )),
        Ok(response) => LOOPBACK.pass(format!("a permission for {ip} is answered by {}", response.outcome())),
        Err(error) => LOOPBACK.open(format!("a permission for {ip}: {error}")),
    }
}

async fn ipv6(first: &Allocation, reach: &Reach<'_>) -> Check {
    if first.relayed.is_ipv6() {
        return IPV6.pass("an IPv6 address is relayed by default");
    }
    let asked = async {
        let mut session = reach.session().await?;
        session.login.clone_from(&first.session.login);
        // REQUESTED-ADDRESS-FAMILY: IPv6 (RFC 8656 §18.6).
        let family = Attribute::Bytes(AttributeType::RequestedAddressFamily.raw(), vec![2, 0, 0, 0]);
        let response = session.ask_signed(Method::Allocate, &[requested_udp(), family]).await;
        if response.as_ref().is_ok_and(Response::is_success) {
            give_up(&mut session).await;
        }
        response.map_err(|error| error.to_string())
    };
    match asked.await {
        Ok(response) if response.is_success() => match response.address(AttributeType::XorRelayedAddress) {
            Some(relayed) if relayed.is_ipv6() => IPV6.pass(relayed.to_string()),
            Some(relayed) => IPV6.fail(format!("{relayed} is relayed where IPv6 was asked for")),
            None => IPV6.fail("the success response has no XOR-RELAYED-ADDRESS"),
        },
        Ok(response) if response.code() == Some(440) => {
            IPV6.is(Standing::NotApplicable, "the server relays no IPv6 (440)")
        }
        Ok(response) => IPV6.warn(format!(
            "Allocate with REQUESTED-ADDRESS-FAMILY IPv6 is answered by {}; a server without IPv6 answers 440",
            response.outcome()
        )),
        Err(error) => IPV6.open(format!("Allocate with REQUESTED-ADDRESS-FAMILY IPv6: {error}")),
    }
}

async fn refresh(session: &mut Session) -> Check {
    let response = session.ask_signed(Method::Refresh, &[lifetime(3600)]).await;
    match response {
        Ok(response) if response.is_success() => match response.number(AttributeType::Lifetime) {
            Some(0) => REFRESH.fail("a Refresh that asks for 3600 s is granted 0 s"),
            Some(seconds) => REFRESH.pass(format!("a Refresh that asks for 3600 s is granted {seconds} s")),
            None => REFRESH.fail("the success response to a Refresh has no LIFETIME"),
        },
        Ok(response) => REFRESH.fail(format!("a Refresh is answered by {}", response.outcome())),
        Err(error) => REFRESH.fail(format!("a Refresh: {error}")),
    }
}

async fn release(session: &mut Session) -> Check {
    let asked = async {
        let released = session.ask_signed(Method::Refresh, &[lifetime(0)]).await?;
        if !released.is_success() {
            return Ok(
                RELEASE.fail(format!("a Refresh with lifetime 0 is answered by {}", released.outcome()))
            );
        }
        let after = session.ask_signed(Method::Refresh, &[lifetime(600)]).await?;
        Ok::<_, Unanswered>(match after.code() {
            Some(437) => {
                RELEASE.pass("a Refresh with lifetime 0 ends the allocation; the next one is answered by 437")
            }
            // It may end a moment later (coturn: a second), but must not come to life again.
            _ => RELEASE.warn(format!(
                "after a Refresh with lifetime 0 the next one is answered by {} instead of 437: the allocation is still there",
                after.outcome()
            )),
        })
    };
    asked.await.unwrap_or_else(|error| RELEASE.fail(format!("a Refresh with lifetime 0: {error}")))
}
