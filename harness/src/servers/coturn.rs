//! coturn as a program of its own, under a supervisor, with a configuration made for the case.

use super::log::Log;
use super::{Identity, ServerError, ServerHost};
use crate::process::{Owned, Spec};
use crate::scenario::server::ServerSpec;
use crate::span::Span;
use crate::tools::Tool;
use peerproof_captures::server::ServerEvent;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// How long it may take to listen: generous, since machines may be busy.
const START_DEADLINE: Duration = Duration::from_secs(30);
/// The file that contains its version beside its configuration.
const CONFIGURATION: &str = "turnserver.conf";

/// coturn, running.
pub(super) struct Coturn(Owned);

impl Coturn {
    pub(super) async fn start(
        spec: &ServerSpec,
        identity: &mut Identity,
        place: &ServerHost,
        log: &Log,
    ) -> Result<Self, ServerError> {
        let Some(program) = Tool::Turnserver.find() else {
            return Err(ServerError::Missing(
                "coturn is not installed (Debian has it as `coturn`; PEERPROOF_TURNSERVER may name its turnserver)"
                    .to_owned(),
            ));
        };
        let broken = |error: &dyn std::fmt::Display| ServerError::Broken(format!("coturn: {error}"));
        let address = place.address()?;
        let tls = place.certificate()?;
        let tls_address = place.tls_name.as_ref().map_or(address, |(_, address)| *address);
        let scratch = Spec::fresh_scratch();
        let (known, wanted) = ((identity.port, identity.tls_port), identity.clone());
        let (spec, peerproof) = (spec.clone(), place.peerproof.clone());
        // Where the place is: ports are looked for, and the program started, on its runtime's threads.
        let starting = place.runtime.spawn(async move {
            let ports = (chosen_or_free(known.0, address)?, chosen_or_free(known.1, tls_address)?);
            let configuration = configuration(&spec, &wanted, ports, (address, tls_address), &scratch);
            let spec = Spec {
                peerproof,
                program,
                args: vec!["-c".into(), scratch.join(CONFIGURATION).into_os_string()],
                env: Vec::new(),
                files: vec![
                    (CONFIGURATION.to_owned(), configuration),
                    ("certificate.pem".to_owned(), tls.certificate_pem().to_owned()),
                    ("key.pem".to_owned(), tls.key_pem().to_owned()),
                ],
                scratch,
                talks: false,
                directory: None,
            };
            Owned::spawn(&spec).map(|process| (process, ports)).map_err(std::io::Error::other)
        });
        let started = starting.await.map_err(|error| broken(&error))?;
        let (mut process, (port, tls_port)) = started.map_err(|error| broken(&error))?;
        (identity.port, identity.tls_port) = (port, tls_port);
        // In which order it opens them depends on its threads.
        let main = SocketAddr::new(address, port);
        for listener in [
            format!("UDP listener opened on: {main}"),
            format!("TCP listener opened on : {main}"),
            format!("TCP listener opened on : {}", SocketAddr::new(tls_address, tls_port)),
        ] {
            let ready = process.ready(START_DEADLINE, |line| line.ends_with(&listener).then_some(())).await;
            if let Err(error) = ready {
                process.end().await;
                return Err(broken(&error));
            }
        }
        let reachable = place.reachable(identity)?;
        log.push(ServerEvent::Started { software: "coturn".to_owned(), urls: reachable.urls() });
        Ok(Self(process))
    }

    pub(super) async fn stop(self) {
        self.0.end().await;
    }
}

/// `chosen`, or if that is zero a port that is free now for UDP and TCP. coturn cannot choose one itself, and opens it a while
/// later: so it comes from below those that kernels hand out by themselves (Linux's `ip_local_port_range`), and in turn, so that
/// neither another socket of this run nor its next coturn takes it in between.
fn chosen_or_free(chosen: u16, address: IpAddr) -> std::io::Result<u16> {
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 20_000;
    static TURN: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(rand::random()));
    if chosen != 0 {
        return Ok(chosen);
    }
    let next = || FIRST + TURN.fetch_add(1, Ordering::Relaxed) % COUNT;
    let is_free = |port: u16| {
        let tcp = TcpListener::bind((address, port));
        tcp.is_ok() && UdpSocket::bind((address, port)).is_ok()
    };
    let found = std::iter::repeat_with(next).take(usize::from(COUNT)).find(|port| is_free(*port));
    found.ok_or_else(|| std::io::Error::new(ErrorKind::AddrInUse, "no port is free"))
}

/// turnserver.conf(5).
fn configuration(
    spec: &ServerSpec,
    identity: &Identity,
    (port, tls_port): (u16, u16),
    (address, tls_address): (IpAddr, IpAddr),
    scratch: &Path,
) -> String {
    let Identity { username, password, .. } = identity;
    let scratch = scratch.display();
    let mut text = format!(
        "listening-ip={address}\nrelay-ip={address}\nlistening-port={port}\ntls-listening-port={tls_port}\n\
         lt-cred-mech\nrealm=peerproof\nuser={username}:{password}\nfingerprint\n\
         cert={scratch}/certificate.pem\npkey={scratch}/key.pem\nno-dtls\nno-cli\nno-rfc5780\n\
         log-file=stdout\nsimple-log\nverbose\npidfile={scratch}/turnserver.pid\nuserdb={scratch}/turndb\n\
         relay-threads=1\n"
    );
    if tls_address != address {
        // Writing to a string never fails.
        let _ = writeln!(text, "listening-ip={tls_address}");
    }
    let lifetimes: [(&str, Option<Span>); 4] = [
        ("max-allocate-lifetime", spec.allocation_lifetime),
        ("permission-lifetime", spec.permission_lifetime),
        ("channel-lifetime", spec.channel_lifetime),
        ("stale-nonce", spec.nonce_lifetime),
    ];
    for (key, lifetime) in lifetimes {
        if let Some(lifetime) = lifetime {
            let _ = writeln!(text, "{key}={}", lifetime.0.as_secs());
        }
    }
    text
}
