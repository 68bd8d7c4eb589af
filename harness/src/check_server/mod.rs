//! `peerproof check-server`: whether STUN and TURN servers do what clients need, asked by a client of our own.

mod binding;
mod connection;
mod relay;
mod report;
mod session;
mod tls;
mod traffic;
mod url;

pub use report::{Address, Check, Report, Server};
pub use tls::TrustError;
pub use url::{ServerUrl, Transport, UrlError};

use crate::terminal::Style;
use base64::Engine;
use connection::Connection;
use hmac::{Hmac, Mac};
use report::Topic;
use session::Session;
use sha1::Sha1;
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tls::{Certificate, Trust};

const RESOLVE: Topic = Topic::new("address");
const CONNECT: Topic = Topic::new("connect");
const CERTIFICATE: Topic =
    Topic::new("certificate").id("turn-tls-server-verified").by("RFC 8489 §6.2.3; RFC 9525");
const TLS: Topic = Topic::new("tls").id("turn-tcp-and-tls-transports").by("RFC 8489 §6.2.3");

/// A certificate that ends sooner than this is warned of, in seconds.
const SOON: i64 = 14 * 24 * 3600;
/// How long credentials made of a secret are good, in seconds.
const SECRET_LIFETIME: u64 = 3600;

/// What is to be checked.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  peerproof check-server stun:stun.example.org
  peerproof check-server turn:turn.example.org 'turn:turn.example.org?transport=tcp' turns:turn.example.org:443 \\
      --username alice --password secret
  peerproof check-server turn:10.0.0.5 --secret SECRET    time-limited credentials (coturn: use-auth-secret)
  peerproof check-server turns:10.0.0.5 --ca ca.pem --username alice --password secret --json

Two allocations relay to each other, so it does not matter where this machine is. Nothing is sent to anybody but the servers.

Exit codes: 0 nothing failed, 1 something failed, 2 usage, 3 harness error.")]
pub struct CheckServerArgs {
    /// stun:HOST[:PORT], stuns:…, turn:HOST[:PORT][?transport=udp|tcp], turns:…, as in `iceServers`
    #[arg(required = true, value_name = "URL")]
    pub urls: Vec<ServerUrl>,
    /// The name of a user of the TURN servers
    #[arg(long, value_name = "NAME", requires = "password")]
    pub username: Option<String>,
    /// The password of that user
    #[arg(long, value_name = "WORD", env = "PEERPROOF_TURN_PASSWORD", hide_env_values = true)]
    pub password: Option<String>,
    /// The secret of the TURN servers from which time-limited credentials are made
    #[arg(long, value_name = "WORD", env = "PEERPROOF_TURN_SECRET", hide_env_values = true, conflicts_with_all = ["username", "password"])]
    pub secret: Option<String>,
    /// Trusted authorities in PEM [default: SSL_CERT_FILE, else those of the system]
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Go on although a certificate is refused; browsers do not
    #[arg(long)]
    pub insecure: bool,
    /// How long an answer may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=120))]
    pub timeout: u64,
    /// Print JSON (see `peerproof schema check-server`)
    #[arg(long)]
    pub json: bool,
}

/// Who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Credentials {
    username: Option<String>,
    password: Option<String>,
}

impl Credentials {
    fn of(args: &CheckServerArgs) -> Self {
        let Some(secret) = &args.secret else {
            // A password in the environment is nobody's without a name.
            let username = args.username.clone();
            return Self { password: args.password.clone().filter(|_| username.is_some()), username };
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let (username, password) = time_limited(secret, now + SECRET_LIFETIME);
        Self { username: Some(username), password: Some(password) }
    }
}

/// The credentials that servers with a shared secret accept until then, in seconds since 1970
/// (draft-uberti-behave-turn-rest-00 §2.2).
fn time_limited(secret: &str, until: u64) -> (String, String) {
    let username = format!("{until}:peerproof");
    let mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes());
    let signed = mac.map(|mac| mac.chain_update(&username).finalize().into_bytes());
    // A key of HMAC may have any length.
    let password = signed.map(|signed| base64::engine::general_purpose::STANDARD.encode(signed));
    (username, password.unwrap_or_default())
}

/// How a server is reached at one of its addresses.
struct Reach<'a> {
    server: SocketAddr,
    url: &'a ServerUrl,
    credentials: &'a Credentials,
    trust: &'a Trust,
    patience: Duration,
}

impl Reach<'_> {
    /// A connection, or why there is none; its checks were reported before.
    async fn session(&self) -> Result<Session, String> {
        let mut ignored = Vec::new();
        match self.open(&mut ignored).await {
            Some(session) => Ok(session),
            None => Err(ignored.pop().map_or("no connection".to_owned(), |check| check.detail)),
        }
    }

    /// A connection; what was seen on the way is added to the checks.
    async fn open(&self, checks: &mut Vec<Check>) -> Option<Session> {
        let connection = match self.url.transport {
            Transport::Udp => Connection::udp(self.server).await.map_err(|error| unconnected(&error)),
            Transport::Tcp | Transport::Tls => self.stream(checks).await,
        };
        match connection {
            Ok(connection) => Session::new(connection, self.patience)
                .map_err(|error| checks.push(CONNECT.open(error.to_string())))
                .ok(),
            Err(check) => {
                checks.push(check);
                None
            }
        }
    }

    async fn stream(&self, checks: &mut Vec<Check>) -> Result<Connection, Check> {
        let late = || CONNECT.fail(format!("no TCP connection within {:?}", self.patience));
        let connected = tokio::time::timeout(self.patience, Connection::tcp(self.server)).await;
        let (stream, local) = connected.map_err(|_| late())?.map_err(|error| unconnected(&error))?;
        checks.push(CONNECT.pass("a TCP connection is accepted"));
        if self.url.transport == Transport::Tcp {
            return Ok(Connection::over(stream, Transport::Tcp, local));
        }
        let handshake = tls::handshake(self.trust, stream, &self.url.host);
        let Ok(handshake) = tokio::time::timeout(self.patience, handshake).await else {
            return Err(TLS.fail(format!("the TLS handshake takes longer than {:?}", self.patience)));
        };
        if let Some(certificate) = &handshake.certificate {
            checks.push(judged(certificate));
        }
        match handshake.stream {
            Ok(stream) => {
                checks.push(TLS.pass(handshake.negotiated.unwrap_or_default()));
                Ok(Connection::over(stream, Transport::Tls, local))
            }
            Err(error) => Err(TLS.fail(format!("the TLS handshake fails: {error}"))),
        }
    }
}

/// Why there is no connection. That this machine has no IPv6, or no IPv4, is not the server's fault.
fn unconnected(error: &io::Error) -> Check {
    let lacks_family = matches!(error.kind(), ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable)
        || error.raw_os_error() == Some(nix::libc::EAFNOSUPPORT);
    if lacks_family {
        return CONNECT.open(format!("this machine has no route to the address: {error}"));
    }
    CONNECT.fail(error.to_string())
}

/// A certificate as a check.
fn judged(certificate: &Certificate) -> Check {
    let Certificate { names, issuer, until, refused } = certificate;
    let names = if names.is_empty() { "no name".to_owned() } else { names.join(", ") };
    let until_text = until.as_ref().map_or_else(String::new, |(_, text)| format!(", valid until {text}"));
    let about = format!("for {names}, issued by {issuer}{until_text}");
    if let Some(reason) = refused {
        return CERTIFICATE.fail(format!("clients refuse it: {reason}. It is {about}"));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let left = until.as_ref().map(|(end, _)| end.saturating_sub(i64::try_from(now).unwrap_or(i64::MAX)));
    match left {
        Some(left) if left < SOON => {
            CERTIFICATE.warn(format!("{about}, which is in {} days", left / (24 * 3600)))
        }
        _ => CERTIFICATE.pass(about),
    }
}

/// Checks the servers, one after the other, and writes what was found. 0 if nothing failed, else 1.
///
/// # Errors
/// There are no authorities, or the writer fails.
pub async fn main(args: &CheckServerArgs, out: &mut dyn Write) -> Result<u8, CheckError> {
    let trust = Trust::load(args.ca.as_deref(), args.insecure)?;
    let (credentials, patience) = (Credentials::of(args), Duration::from_secs(args.timeout));
    let mut servers = Vec::new();
    for url in &args.urls {
        servers.push(server(url, &credentials, &trust, patience).await);
    }
    let report = Report { servers };
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &report).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        report.write(&Style::of_stdout(), out)?;
    }
    Ok(u8::from(report.has_failed()))
}

/// Why nothing could be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// There are no authorities.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The report cannot be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}

async fn server(url: &ServerUrl, credentials: &Credentials, trust: &Trust, patience: Duration) -> Server {
    let mut found =
        Server { url: url.text.clone(), transport: url.transport, checks: Vec::new(), addresses: Vec::new() };
    let resolved =
        tokio::time::timeout(patience, tokio::net::lookup_host((url.host.as_str(), url.port))).await;
    let resolved: Vec<SocketAddr> = match resolved {
        Ok(Ok(resolved)) => resolved.collect(),
        Ok(Err(error)) => {
            found.checks.push(RESOLVE.fail(format!("{} has no address: {error}", url.host)));
            return found;
        }
        Err(_) => {
            found
                .checks
                .push(RESOLVE.fail(format!("the address of {} is not known within {patience:?}", url.host)));
            return found;
        }
    };
    let first = |wanted: fn(&SocketAddr) -> bool| resolved.iter().copied().find(wanted);
    let of_families = [first(SocketAddr::is_ipv4), first(SocketAddr::is_ipv6)];
    if of_families.iter().all(Option::is_none) {
        found.checks.push(RESOLVE.fail(format!("{} has no address", url.host)));
    }
    for server in of_families.into_iter().flatten() {
        let reach = Reach { server, url, credentials, trust, patience };
        let mut checks = Vec::new();
        at(&reach, &mut checks).await;
        found.addresses.push(Address { address: server, checks });
    }
    // One address is enough for clients; without any, nothing was checked.
    let unreached =
        |it: &Address| it.checks.iter().all(|check| check.name == CONNECT.name && check.is_open());
    if !found.addresses.is_empty() && found.addresses.iter().all(unreached) {
        found.checks.push(CONNECT.fail(format!("no address of {} was reached", url.host)));
    }
    found
}

async fn at(reach: &Reach<'_>, checks: &mut Vec<Check>) {
    let Some(mut session) = reach.open(checks).await else { return };
    if !binding::check(&mut session, reach.url.turn, checks).await {
        return;
    }
    if reach.url.turn {
        relay::check(session, reach, checks).await;
    } else {
        checks.push(binding::form(&session));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_that_this_machine_lacks_is_not_the_fault_of_the_server() {
        let of = |kind: ErrorKind| unconnected(&io::Error::from(kind));
        assert!(of(ErrorKind::NetworkUnreachable).is_open());
        assert!(!of(ErrorKind::ConnectionRefused).is_open());
    }

    #[test]
    fn credentials_of_a_secret_are_those_that_coturn_computes() {
        // printf %s 1700000000:peerproof | openssl dgst -sha1 -hmac north -binary | base64
        let (username, password) = time_limited("north", 1_700_000_000);
        assert_eq!(
            (username.as_str(), password.as_str()),
            ("1700000000:peerproof", "BcNDGMDJgQDobp+UtsK06LT1SZo=")
        );
    }
}
