//! HTTP connections into a host, for WebDriver.

use super::Namespace;
use axum::http::Uri;
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tower_service::Service;

/// Connects to a port of this machine's loopback, or of a host's.
#[derive(Debug, Clone, Default)]
pub struct Connector(Option<Arc<Namespace>>);

impl Connector {
    /// Connects within a namespace, or on this machine if none is given.
    #[must_use]
    pub fn new(namespace: Option<Arc<Namespace>>) -> Self {
        Self(namespace)
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let namespace = self.0.clone();
        Box::pin(async move {
            let host: IpAddr =
                uri.host().and_then(|host| host.parse().ok()).unwrap_or(Ipv4Addr::LOCALHOST.into());
            let address = SocketAddr::new(host, uri.port_u16().unwrap_or(80));
            let stream = match namespace {
                None => TcpStream::connect(address).await?,
                Some(namespace) => {
                    let connected = namespace.run_async(move || std::net::TcpStream::connect(address));
                    let stream = connected.await.map_err(io::Error::other)??;
                    stream.set_nonblocking(true)?;
                    TcpStream::from_std(stream)?
                }
            };
            stream.set_nodelay(true)?;
            Ok(TokioIo::new(stream))
        })
    }
}
