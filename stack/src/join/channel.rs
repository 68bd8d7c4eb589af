//! The WebSocket to the signalling server.

use super::JoinOptions;
use crate::signalling::message::{FromServer, ToServer, VERSION};
use crate::simulation;
use futures::{SinkExt, StreamExt};
use std::time::Duration;
use tokio::io::DuplexStream;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::error::UrlError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async_with_config, connect_async_with_config,
};

/// How long connecting and entering the room may take.
const JOIN_WITHIN: Duration = Duration::from_secs(10);
/// More than the server carries.
const MOST_MESSAGE: usize = 256 * 1024;

/// Why a room could not be joined, or the server is of no use any more.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// No WebSocket to the server.
    #[error("failed to connect to {url}: {cause}")]
    Connect {
        /// Where.
        url: String,
        /// Why.
        #[source]
        cause: Box<tungstenite::Error>,
    },
    /// The server does not answer in time.
    #[error("no answer from {url} within {} s", JOIN_WITHIN.as_secs())]
    Timeout {
        /// Where.
        url: String,
    },
    /// The server refused by name.
    #[error("refused by the server ({name}): {message}")]
    Refused {
        /// Name of the error as on the wire.
        name: String,
        /// For people.
        message: String,
    },
    /// The server says something that is not in its protocol.
    #[error("unexpected message from the server: {0}")]
    Unexpected(String),
    /// The WebSocket broke or was closed.
    #[error("the server closed the connection: {0}")]
    Closed(String),
}

/// A joined WebSocket.
#[derive(Debug)]
pub(super) struct Channel(Socket);

/// The WebSocket, over whatever bytes travel by.
#[derive(Debug)]
enum Socket {
    Kernel(Box<WebSocketStream<MaybeTlsStream<TcpStream>>>),
    Simulation(Box<WebSocketStream<DuplexStream>>),
}

impl Socket {
    async fn connect(url: &str, config: WebSocketConfig) -> Result<Self, tungstenite::Error> {
        if !simulation::is_running() {
            let (socket, _) = connect_async_with_config(url, Some(config), true).await?;
            return Ok(Self::Kernel(Box::new(socket)));
        }
        let address = url.strip_prefix("ws://").and_then(|rest| rest.strip_suffix('/')?.parse().ok());
        let address = address.ok_or(tungstenite::Error::Url(UrlError::UnsupportedUrlScheme))?;
        let (socket, _) = client_async_with_config(url, simulation::connect(address)?, Some(config)).await?;
        Ok(Self::Simulation(Box::new(socket)))
    }

    async fn send(&mut self, message: Message) -> Result<(), tungstenite::Error> {
        match self {
            Self::Kernel(socket) => socket.send(message).await,
            Self::Simulation(socket) => socket.send(message).await,
        }
    }

    async fn next(&mut self) -> Option<Result<Message, tungstenite::Error>> {
        match self {
            Self::Kernel(socket) => socket.next().await,
            Self::Simulation(socket) => socket.next().await,
        }
    }
}

impl Channel {
    /// Connects and enters the room. Returns who is there already.
    pub(super) async fn join(options: &JoinOptions) -> Result<(Self, Vec<String>), JoinError> {
        timeout(JOIN_WITHIN, Self::join_unbounded(options))
            .await
            .map_err(|_| JoinError::Timeout { url: options.url.clone() })?
    }

    async fn join_unbounded(options: &JoinOptions) -> Result<(Self, Vec<String>), JoinError> {
        let config = WebSocketConfig::default()
            .max_message_size(Some(MOST_MESSAGE))
            .max_frame_size(Some(MOST_MESSAGE));
        let socket = Socket::connect(&options.url, config)
            .await
            .map_err(|cause| JoinError::Connect { url: options.url.clone(), cause: Box::new(cause) })?;
        let mut channel = Self(socket);
        let (room, name) = (options.room.clone(), options.name.clone());
        channel.send(&ToServer::Join { version: VERSION, room, name }).await?;
        match channel.next().await? {
            FromServer::Joined { peers, .. } => Ok((channel, peers)),
            other => Err(JoinError::Unexpected(other.to_json())),
        }
    }

    pub(super) async fn send(&mut self, message: &ToServer) -> Result<(), JoinError> {
        let text = serde_json::to_string(message).map_err(|e| JoinError::Unexpected(e.to_string()))?;
        self.0.send(Message::Text(text.into())).await.map_err(|e| JoinError::Closed(e.to_string()))
    }

    /// The next message. The server's fatal errors come as [`JoinError::Refused`]. May be dropped while it waits.
    pub(super) async fn next(&mut self) -> Result<FromServer, JoinError> {
        loop {
            let text = match self.0.next().await {
                None => return Err(JoinError::Closed("without a close frame".to_owned())),
                Some(Err(e)) => return Err(JoinError::Closed(e.to_string())),
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(frame))) => {
                    let reason = frame.map_or_else(|| "no reason".to_owned(), |frame| frame.to_string());
                    return Err(JoinError::Closed(reason));
                }
                Some(Ok(_)) => continue,
            };
            return match serde_json::from_str(&text) {
                Ok(FromServer::Error { name, message }) => {
                    let name = serde_json::to_value(name).unwrap_or_default();
                    Err(JoinError::Refused { name: name.as_str().unwrap_or_default().to_owned(), message })
                }
                Ok(message) => Ok(message),
                Err(e) => Err(JoinError::Unexpected(e.to_string())),
            };
        }
    }

    /// Leaves, and waits until the server has closed.
    pub(super) async fn leave(mut self) {
        let farewell = async {
            self.send(&ToServer::Leave {}).await?;
            while self.next().await.is_ok() {}
            Ok::<_, JoinError>(())
        };
        // A server that is gone needs no farewell.
        let _unheard = timeout(Duration::from_secs(1), farewell).await;
    }
}
