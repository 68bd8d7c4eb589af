//! Listening: UDP, TCP, and TLS over TCP (RFC 8656 §3.1).

use super::core::Core;
use super::message::HEADER;
use super::observed::{Client, Ending, Transport};
use super::relay::Sink;
use super::socket::Udp;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;

/// How long a TLS handshake may take.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// How long what is written to a client may stay unread before the connection is given up.
const WRITE_WITHIN: Duration = Duration::from_secs(10);
/// Largest framed message: a header and all that 16 bits can say, padded.
const LARGEST: usize = HEADER + 65536;

/// Serves datagrams until the server stops.
pub(super) async fn udp(core: Arc<Core>, socket: Arc<Udp>) {
    let Some(alive) = core.alive() else { return };
    let mut stopping = core.stopping.clone();
    let mut buffer = vec![0; 65536];
    loop {
        tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => break,
            received = socket.recv_from(&mut buffer) => {
                // An ICMP error of an earlier answer shows here; the socket is fine.
                let Ok((size, address)) = received else { continue };
                let client = Client { transport: Transport::Udp, address };
                let sink = Sink::Udp(Arc::clone(&socket), address);
                core.take(client, buffer.get(..size).unwrap_or_default(), &sink);
            }
        }
    }
    drop(alive);
}

/// Accepts connections until the server stops; with an acceptor they are TLS.
pub(super) async fn tcp(
    core: Arc<Core>,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    connections: Arc<Semaphore>,
) {
    let Some(alive) = core.alive() else { return };
    let mut stopping = core.stopping.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stop| *stop) => break,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                log::debug!("accepting failed: {error}");
                // Out of file descriptors, most likely: others have to close theirs first.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (Ok(permit), Some(alive)) = (Arc::clone(&connections).try_acquire_owned(), core.alive()) else {
            continue;
        };
        let (core, tls) = (Arc::clone(&core), tls.clone());
        tokio::spawn(async move {
            let mut stopping = core.stopping.clone();
            tokio::select! {
                () = connection(&core, stream, address, tls) => {}
                _ = stopping.wait_for(|stop| *stop) => {}
            }
            drop((permit, alive));
        });
    }
    drop(alive);
}

async fn connection(core: &Arc<Core>, stream: TcpStream, address: SocketAddr, tls: Option<TlsAcceptor>) {
    // Without it, small packets wait for one another.
    let _best_effort = stream.set_nodelay(true);
    match tls {
        None => serve(core, stream, Client { transport: Transport::Tcp, address }).await,
        Some(tls) => match tokio::time::timeout(HANDSHAKE_WITHIN, tls.accept(stream)).await {
            Ok(Ok(stream)) => serve(core, stream, Client { transport: Transport::Tls, address }).await,
            Ok(Err(error)) => log::debug!("TLS handshake with {address} failed: {error}"),
            Err(_) => log::debug!("TLS handshake with {address} took too long"),
        },
    }
}

async fn serve<S: AsyncRead + AsyncWrite>(core: &Arc<Core>, stream: S, client: Client) {
    let (mut reading, mut writing) = tokio::io::split(stream);
    let (queue, mut queued) = mpsc::channel::<Vec<u8>>(core.limits.queue);
    let sink = Sink::Stream(queue);
    let write = async {
        while let Some(bytes) = queued.recv().await {
            let written = async {
                writing.write_all(&bytes).await?;
                writing.flush().await
            };
            if !matches!(tokio::time::timeout(WRITE_WITHIN, written).await, Ok(Ok(()))) {
                return;
            }
        }
    };
    let read = async {
        let mut framed = Vec::new();
        while let Ok(true) = frame(&mut reading, &mut framed).await {
            core.take(client, &framed, &sink);
        }
    };
    tokio::select! {
        () = write => {}
        () = read => {}
    }
    core.end(client, Ending::Disconnected);
}

/// Reads one message (RFC 8656 §3.1, §12.5): STUN by its length, ChannelData padded to four bytes. False at anything else.
async fn frame(stream: &mut (impl AsyncRead + Unpin), framed: &mut Vec<u8>) -> io::Result<bool> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let [first, _, length @ ..] = head;
    let length = usize::from(u16::from_be_bytes(length));
    let rest = match first >> 6 {
        0 => HEADER - head.len() + length,
        1 => length.next_multiple_of(4),
        _ => return Ok(false),
    };
    if rest > LARGEST {
        return Ok(false);
    }
    framed.clear();
    framed.extend_from_slice(&head);
    framed.resize(head.len() + rest, 0);
    let Some(body) = framed.get_mut(head.len()..) else { return Ok(false) };
    stream.read_exact(body).await?;
    Ok(true)
}
