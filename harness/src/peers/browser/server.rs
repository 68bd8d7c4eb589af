//! The HTTP server for lobby and agent, and the place where their WebSockets arrive.

use super::pages;
use crate::network::lab::Namespace;
use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::channel::mpsc::{Receiver, channel};
use futures::{SinkExt, StreamExt};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::{OnceCell, oneshot};
use tokio::task::AbortHandle;

/// Largest message that a page may send: statistics and descriptions are far smaller.
const MESSAGE_LIMIT: usize = 16 * 1024 * 1024;

/// Who is awaited, by token. Random tokens keep pages of other cases, and strangers, out.
#[derive(Debug, Clone, Default)]
pub(super) struct Hub(Arc<Mutex<BTreeMap<String, oneshot::Sender<WebSocket>>>>);

impl Hub {
    fn take(&self, token: &str) -> Option<oneshot::Sender<WebSocket>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(token)
    }

    /// Prepares for a page.
    pub(super) fn expect(&self) -> Awaited {
        self.expect_as(&format!("{:032x}", rand::random::<u128>()))
    }

    /// Prepares for a page that names this token.
    pub(super) fn expect_as(&self, token: &str) -> Awaited {
        let token = token.to_owned();
        let (sender, arrival) = oneshot::channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(token.clone(), sender);
        Awaited { token, hub: self.clone(), arrival }
    }
}

/// A page that is to connect. Forgotten when dropped.
#[derive(Debug)]
pub(super) struct Awaited {
    token: String,
    hub: Hub,
    arrival: oneshot::Receiver<WebSocket>,
}

impl Awaited {
    /// The token that the page has to name.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Waits for the page.
    pub(super) async fn arrived(&mut self) -> Option<WebSocket> {
        (&mut self.arrival).await.ok()
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.hub.take(&self.token);
    }
}

/// The server. Stops when dropped.
#[derive(Debug)]
pub(super) struct Server {
    hub: Hub,
    port: u16,
    interface: OnceCell<SocketAddr>,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Server {
    /// Starts on a free port of 127.0.0.1.
    pub(super) async fn start() -> std::io::Result<Self> {
        let mut server =
            Self { hub: Hub::default(), port: 0, interface: OnceCell::new(), tasks: Mutex::new(Vec::new()) };
        server.port = server.listen(IpAddr::V4(Ipv4Addr::LOCALHOST)).await?.port();
        Ok(server)
    }

    async fn listen(&self, address: IpAddr) -> std::io::Result<SocketAddr> {
        let listener = TcpListener::bind((address, 0)).await?;
        let bound = listener.local_addr()?;
        let task = self.serve(listener);
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task);
        Ok(bound)
    }

    fn serve(&self, listener: TcpListener) -> AbortHandle {
        let router = router(self.hub.clone());
        let task = tokio::spawn(async move {
            // It only returns when it is aborted.
            let _ = axum::serve(listener, router).await;
        });
        task.abort_handle()
    }

    /// Listens on the loopback of a namespace, as long as the result lives.
    pub(super) async fn listen_in(&self, namespace: &Namespace) -> std::io::Result<Listening> {
        let opened = namespace.run_async(|| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let listener = opened.await.map_err(std::io::Error::other)??;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        Ok(Listening { address, task: self.serve(listener) })
    }

    /// Listens at an address of the user's choice, as long as the result lives.
    pub(super) async fn listen_at(&self, address: SocketAddr) -> std::io::Result<Listening> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Listening { address, task: self.serve(listener) })
    }

    /// The origin of a secure context.
    pub(super) fn localhost(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// An origin that is none: plain HTTP at the machine's own address. Listens there from the first call on.
    pub(super) async fn insecure(&self, address: IpAddr) -> std::io::Result<String> {
        let bound = self.interface.get_or_try_init(|| self.listen(address)).await?;
        Ok(format!("http://{bound}"))
    }

    /// Where its pages arrive.
    pub(super) fn hub(&self) -> &Hub {
        &self.hub
    }
}

/// A second place where the server listens.
#[derive(Debug)]
pub(super) struct Listening {
    address: SocketAddr,
    task: AbortHandle,
}

impl Listening {
    /// The origin of a secure context.
    pub(super) fn localhost(&self) -> String {
        format!("http://localhost:{}", self.address.port())
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }
}

fn router(hub: Hub) -> Router {
    Router::new()
        .route("/lobby.html", get(pages::lobby))
        // Short, for whoever has to type it.
        .route("/", get(pages::lobby))
        .route("/agent/{version}/{*path}", get(pages::agent))
        .route("/ws", get(connect))
        .with_state(hub)
}

async fn connect(
    State(hub): State<Hub>,
    Query(query): Query<BTreeMap<String, String>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let Some(arrival) = query.get("token").and_then(|token| hub.take(token)) else {
        return (StatusCode::FORBIDDEN, "no case is waiting for this page").into_response();
    };
    upgrade
        .max_message_size(MESSAGE_LIMIT)
        .on_upgrade(async move |socket| {
            // Whoever awaited the page may have given up: then the socket closes here.
            let _ = arrival.send(socket);
        })
        .into_response()
}

/// Messages of a page that may wait to be taken up. Beyond that the page waits.
const MOST_WAITING: usize = 1024;

/// A page's end of its WebSocket. It is read whether or not anybody takes the messages up: browsers ping when their network changes, and
/// close a connection that does not answer.
#[derive(Debug)]
pub(super) struct PageLink {
    /// Takes what the page is to be sent. The WebSocket closes when this is dropped.
    pub(super) to_page: UnboundedSender<String>,
    /// What the page sends; ends when the WebSocket does.
    pub(super) incoming: Receiver<String>,
}

impl PageLink {
    /// Begins to carry messages.
    pub(super) fn new(socket: WebSocket) -> Self {
        let (to_page, mut to_send) = unbounded_channel::<String>();
        let (mut taken_up, incoming) = channel(MOST_WAITING);
        let (mut sink, mut stream) = socket.split();
        tokio::spawn(async move {
            while let Some(text) = to_send.recv().await {
                if sink.send(Message::Text(text.into())).await.is_err() {
                    return;
                }
            }
            let _ = sink.close().await;
        });
        tokio::spawn(async move {
            while let Some(Ok(message)) = stream.next().await {
                if let Message::Text(text) = message
                    && taken_up.send(text.to_string()).await.is_err()
                {
                    return;
                }
            }
        });
        Self { to_page, incoming }
    }

    /// Whether the page is gone. To be asked before anything was sent to it: what it sends is lost.
    pub(super) fn is_closed(&mut self) -> bool {
        self.incoming.try_recv().is_err_and(|error| error.is_closed())
    }
}
