//! Listening, accepting, and stopping.

use super::client;
use super::hub::{Hub, Observed};
use crate::latest::Latest;
use crate::simulation;
use axum::Router;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::response::Response;
use axum::routing::any;
use axum::serve::Listener;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How long HTTP requests may take to end when the server stops.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// What the server allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Clients in one room.
    pub clients_per_room: usize,
    /// Rooms.
    pub rooms: usize,
    /// Connections, joined or not.
    pub connections: usize,
    /// Bytes of one message.
    pub message_size: usize,
    /// Messages a second that a client may send for long.
    pub messages_per_second: u32,
    /// Messages that it may send at once.
    pub burst: u32,
    /// Messages that may wait for a client that does not read.
    pub queue: usize,
    /// Until `join` must have come.
    pub join_within: Duration,
    /// Between pings; a client that is silent for twice as long has vanished.
    pub ping_every: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            clients_per_room: 2,
            rooms: 1024,
            connections: 4096,
            message_size: 64 * 1024,
            messages_per_second: 50,
            burst: 200,
            queue: 256,
            join_within: Duration::from_secs(10),
            ping_every: Duration::from_secs(15),
        }
    }
}

/// Why the server could not be started.
#[derive(Debug, thiserror::Error)]
#[error("failed to listen on {address} for signalling: {cause}")]
pub struct StartError {
    /// Where.
    address: SocketAddr,
    /// Why.
    #[source]
    cause: std::io::Error,
}

/// What all connections share.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) hub: Arc<Hub>,
    pub(super) stopping: Arc<Latest<bool>>,
    /// Held by every connection, so that stopping can wait for the last.
    pub(super) alive: mpsc::Sender<()>,
    connections: Arc<tokio::sync::Semaphore>,
}

/// A running server. Dropping it stops it too, without waiting for the clients to be notified.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    hub: Arc<Hub>,
    stop: Arc<Latest<bool>>,
    all_gone: mpsc::Receiver<()>,
    listening: JoinHandle<()>,
}

impl Server {
    /// Starts a server on a free port of loopback.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn start(
        limits: Limits,
        observer: Option<mpsc::UnboundedSender<Observed>>,
    ) -> Result<Self, StartError> {
        Self::start_on((Ipv4Addr::LOCALHOST, 0).into(), limits, observer).await
    }

    /// Starts a server on this address. Anybody who can reach it can use it.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start_on(
        address: SocketAddr,
        limits: Limits,
        observer: Option<mpsc::UnboundedSender<Observed>>,
    ) -> Result<Self, StartError> {
        let failed = |cause| StartError { address, cause };
        let connections = Arc::new(tokio::sync::Semaphore::new(limits.connections));
        let hub = Arc::new(Hub::new(limits, observer));
        let stop = Arc::new(Latest::new(false));
        let (alive, all_gone) = mpsc::channel(1);
        let shared = Shared { hub: Arc::clone(&hub), stopping: Arc::clone(&stop), alive, connections };
        let router = Router::new().route("/", any(upgrade)).with_state(shared);
        let (address, listening) = if simulation::is_running() {
            listen(simulation::Listener::bind(address).map_err(failed)?, router, &stop)
        } else {
            listen(TcpListener::bind(address).await.map_err(failed)?, router, &stop)
        }
        .map_err(failed)?;
        Ok(Self { address, hub, stop, all_gone, listening })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where clients connect to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// How many rooms there are, and clients in all of them.
    #[must_use]
    pub fn population(&self) -> (usize, usize) {
        self.hub.population()
    }

    /// Stops: no new clients, and those that are there are notified (1001, going away). Returns when all are gone and the port is
    /// free.
    pub async fn stop(mut self) {
        self.stop.update(|stop| *stop = true);
        // A client that never finished its HTTP request must not hold the server up.
        if tokio::time::timeout(STOP_WITHIN, &mut self.listening).await.is_err() {
            self.listening.abort();
        }
        while self.all_gone.recv().await.is_some() {}
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.update(|stop| *stop = true);
    }
}

/// Serves at this listener until it is to stop, as a task. Returns where that is.
fn listen<L>(
    listener: L,
    router: Router,
    stop: &Arc<Latest<bool>>,
) -> std::io::Result<(SocketAddr, JoinHandle<()>)>
where
    L: Listener<Addr = SocketAddr>,
{
    let address = listener.local_addr()?;
    let stop = Arc::clone(stop);
    let stopped = async move { stop.wait_for(|stop| *stop).await };
    let listening = tokio::spawn(async move {
        // Only the listener's failure ends this early; then there are no new clients, which each of them will notice.
        let _ended = axum::serve(listener, router).with_graceful_shutdown(stopped).await;
    });
    Ok((address, listening))
}

async fn upgrade(State(shared): State<Shared>, upgrade: WebSocketUpgrade) -> Response {
    use axum::response::IntoResponse;
    let Ok(permit) = Arc::clone(&shared.connections).try_acquire_owned() else {
        return (axum::http::StatusCode::SERVICE_UNAVAILABLE, "too many connections").into_response();
    };
    // Somewhat more than is allowed, so that a message that is too large can be refused by name; far more ends the socket.
    let most = shared.hub.limits().message_size.saturating_mul(2);
    upgrade.max_message_size(most).max_frame_size(most).on_upgrade(move |socket| async move {
        client::serve(socket, &shared).await;
        drop(permit);
    })
}
