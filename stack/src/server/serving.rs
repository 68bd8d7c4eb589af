//! Starting and stopping.

use super::config::Config;
use super::core::Core;
use super::fault::Fault;
use super::listen;
use super::observed::{Client, Observed, Transport};
use super::socket::Udp;
use super::tls::TlsError;
use rtc::crypto::default_provider;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};

/// Tries for a port that is free for both UDP and TCP.
const TRIES: usize = 16;

/// Why the server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("failed to listen on {address} for STUN and TURN: {cause}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// There is no cryptography that the server could use.
    #[error("there is no cryptography provider for STUN")]
    Crypto,
}

/// A running server. Dropping it stops it too, without waiting.
pub struct Server {
    core: Arc<Core>,
    address: SocketAddr,
    tls_address: Option<SocketAddr>,
    has_tcp: bool,
    stop: watch::Sender<bool>,
    all_gone: mpsc::Receiver<()>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Server {
    /// Starts a server. All its sockets are made, and all its tasks run, where the calling runtime's threads live: in their
    /// network namespace if they have one of their own.
    ///
    /// # Errors
    /// An address cannot be listened on, or the certificate cannot be used.
    pub async fn start(
        config: Config,
        observer: Option<mpsc::UnboundedSender<Observed>>,
    ) -> Result<Self, StartError> {
        let crypto = default_provider().map_err(|_| StartError::Crypto)?;
        let acceptor = config.listen.tls.as_ref().map(|tls| tls.acceptor()).transpose()?;
        let (udp, tcp) = listeners(&config).await?;
        let address = udp.local_addr().map_err(|cause| failed(&config, cause))?;
        let tls = match acceptor {
            None => None,
            Some(acceptor) => {
                let address = config.listen.tls_address.unwrap_or(config.listen.address);
                let wanted = SocketAddr::new(address, config.listen.tls_port);
                let failed = |cause| StartError::Listen { address: wanted, cause };
                let listener = TcpListener::bind(wanted).await.map_err(failed)?;
                let address = listener.local_addr().map_err(failed)?;
                Some((listener, acceptor, address))
            }
        };
        let (stop, stopping) = watch::channel(false);
        let (alive, all_gone) = mpsc::channel(1);
        let core = Core::new(&config, crypto, observer, stopping, alive).ok_or(StartError::Crypto)?;
        let core = Arc::new(core);
        let connections = Arc::new(Semaphore::new(config.limits.connections));
        tokio::spawn(listen::udp(Arc::clone(&core), Arc::new(udp)));
        let has_tcp = tcp.is_some();
        if let Some(tcp) = tcp {
            tokio::spawn(listen::tcp(Arc::clone(&core), tcp, None, Arc::clone(&connections)));
        }
        let tls_address = tls.as_ref().map(|(_, _, address)| *address);
        if let Some((listener, acceptor, _)) = tls {
            tokio::spawn(listen::tcp(Arc::clone(&core), listener, Some(acceptor), connections));
        }
        Ok(Self { core, address, tls_address, has_tcp, stop, all_gone })
    }

    /// Where it listens for this transport, if it does.
    #[must_use]
    pub fn address(&self, transport: Transport) -> Option<SocketAddr> {
        match transport {
            Transport::Udp => Some(self.address),
            Transport::Tcp => self.has_tcp.then_some(self.address),
            Transport::Tls => self.tls_address,
        }
    }

    /// From now on it misbehaves so.
    pub fn misbehave(&self, fault: Fault) {
        self.core.misbehave(fault);
    }

    /// Ends all allocations, as if their time had come. Their clients are not notified; they learn it by 437.
    pub fn end_allocations(&self) {
        self.core.end_all();
    }

    /// Makes all nonces given out stale, as if their time had come.
    pub fn renew_nonce(&self) {
        self.core.state().nonce.renew(tokio::time::Instant::now());
    }

    /// Who has allocations, oldest first.
    #[must_use]
    pub fn allocations(&self) -> Vec<Client> {
        self.core.state().allocations.keys().copied().collect()
    }

    /// Stops: connections are closed, allocations end. Returns when all is gone and the ports are free.
    pub async fn stop(mut self) {
        let _before = self.stop.send_replace(true);
        self.core.stop();
        while self.all_gone.recv().await.is_some() {}
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _before = self.stop.send_replace(true);
        self.core.stop();
    }
}

fn failed(config: &Config, cause: std::io::Error) -> StartError {
    StartError::Listen { address: SocketAddr::new(config.listen.address, config.listen.port), cause }
}

/// UDP and TCP on the same port.
async fn listeners(config: &Config) -> Result<(Udp, Option<TcpListener>), StartError> {
    let wanted = SocketAddr::new(config.listen.address, config.listen.port);
    let mut trouble = None;
    for _ in 0..TRIES {
        let udp = Udp::bind(wanted).map_err(|cause| failed(config, cause))?;
        if !config.listen.tcp {
            return Ok((udp, None));
        }
        let address = udp.local_addr().map_err(|cause| failed(config, cause))?;
        match TcpListener::bind(address).await {
            Ok(tcp) => return Ok((udp, Some(tcp))),
            Err(cause) => trouble = Some(cause),
        }
        if config.listen.port != 0 {
            break;
        }
    }
    Err(failed(config, trouble.unwrap_or_else(|| std::io::Error::other("no port is free"))))
}
