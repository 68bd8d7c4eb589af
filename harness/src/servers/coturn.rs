//! coturn as a program of its own, under a warden, with a configuration made for the case.

use super::log::Log;
use super::{Identity, Place, ServerError};
use crate::process::{Owned, Spec};
use crate::scenario::server::ServerSpec;
use crate::scenario::span::Span;
use crate::tools::Tool;
use peerproof_captures::server::ServerEvent;
use peerproof_stack::server::Tls;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::time::Duration;

/// How long it may take to listen: generous, since machines may be busy.
const START_DEADLINE: Duration = Duration::from_secs(30);
/// The file that tells its version beside its configuration.
const CONFIGURATION: &str = "turnserver.conf";

/// coturn, running.
pub(super) struct Coturn(Owned);

impl Coturn {
    pub(super) async fn start(
        spec: &ServerSpec,
        identity: &mut Identity,
        place: &Place,
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
        let tls = Tls::self_signed(&place.names()).map_err(|error| broken(&error))?;
        let tls_address = place.tls_name.as_ref().map_or(address, |(_, address)| *address);
        let scratch = Spec::fresh_scratch();
        let (known, wanted) = ((identity.port, identity.tls_port), identity.clone());
        let (spec, peerproof) = (spec.clone(), place.peerproof.clone());
        // Where the place is: ports are looked for, and the program started, on its runtime's threads.
        let starting = place.runtime.spawn(async move {
            let ports = match known {
                (0, _) => free_ports(address, tls_address)?,
                known => known,
            };
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

/// Ports that are free now, for UDP and TCP, and for TLS. coturn cannot be told to take any; another program may be faster, which
/// shows as its failing to start.
fn free_ports(address: IpAddr, tls_address: IpAddr) -> std::io::Result<(u16, u16)> {
    let tls = TcpListener::bind((tls_address, 0))?;
    let tcp = TcpListener::bind((address, 0))?;
    let port = tcp.local_addr()?.port();
    let _udp = UdpSocket::bind((address, port))?;
    Ok((port, tls.local_addr()?.port()))
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
