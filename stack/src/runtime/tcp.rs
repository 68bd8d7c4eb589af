//! TCP for ICE (RFC 6544): byte streams towards the crate, packets towards the tap.

use super::Hub;
use super::framing::{Deframer, frame};
use crate::tap::{Action, Transport};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use webrtc::runtime::{AsyncTcpListener, AsyncTcpStream};

/// A listening socket.
#[derive(Debug)]
pub(super) struct Listener {
    io: tokio::net::TcpListener,
    hub: Arc<Hub>,
}

impl Listener {
    pub(super) fn wrap(listener: std::net::TcpListener, hub: Arc<Hub>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self { io: tokio::net::TcpListener::from_std(listener)?, hub })
    }
}

type Accepted = io::Result<(Arc<dyn AsyncTcpStream>, SocketAddr)>;

impl AsyncTcpListener for Listener {
    fn accept<'a>(&'a self) -> Pin<Box<dyn Future<Output = Accepted> + Send + 'a>> {
        Box::pin(async move {
            let (stream, from) = self.io.accept().await?;
            Ok((Arc::new(Stream::wrap(stream, self.hub.clone())?) as Arc<dyn AsyncTcpStream>, from))
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }
}

#[derive(Debug)]
struct Reading {
    io: OwnedReadHalf,
    deframer: Deframer,
    /// Framed packets that the tap let through.
    passed: VecDeque<u8>,
    late: UnboundedReceiver<Vec<u8>>,
}

#[derive(Debug)]
struct Writing {
    io: OwnedWriteHalf,
    deframer: Deframer,
}

/// A connected stream.
#[derive(Debug)]
pub(super) struct Stream {
    reading: Mutex<Reading>,
    writing: Arc<Mutex<Writing>>,
    late: UnboundedSender<Vec<u8>>,
    local: SocketAddr,
    peer: SocketAddr,
    hub: Arc<Hub>,
}

impl Stream {
    pub(super) fn wrap(stream: tokio::net::TcpStream, hub: Arc<Hub>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let (local, peer) = (stream.local_addr()?, stream.peer_addr()?);
        let (read, write) = stream.into_split();
        let (late, late_packets) = unbounded_channel();
        Ok(Self {
            reading: Mutex::new(Reading {
                io: read,
                deframer: Deframer::default(),
                passed: VecDeque::new(),
                late: late_packets,
            }),
            writing: Arc::new(Mutex::new(Writing { io: write, deframer: Deframer::default() })),
            late,
            local,
            peer,
            hub,
        })
    }

    fn take_in(&self, reading: &mut Reading, packet: &[u8]) {
        let Some(list) = self.hub.on_received(Transport::Tcp, self.local, self.peer, packet) else {
            self.hub.on_handed_over(packet);
            reading.passed.extend(frame(packet));
            return;
        };
        for (delay, packet) in list {
            if delay.is_zero() {
                self.hub.on_handed_over(&packet);
                reading.passed.extend(frame(&packet));
            } else {
                let late = self.late.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    // Fails when the stream is gone; then the packet is lost with it.
                    let _ = late.send(packet);
                });
            }
        }
    }

    async fn send_out(&self, writing: &mut Writing, packet: &[u8]) -> io::Result<()> {
        match self.hub.on_sent(Transport::Tcp, self.local, self.peer, packet) {
            Action::Pass => writing.io.write_all(&frame(packet)).await,
            Action::Drop => Ok(()),
            Action::Deliver(list) => {
                for (delay, packet) in list {
                    if delay.is_zero() {
                        writing.io.write_all(&frame(&packet)).await?;
                    } else {
                        let writing = Arc::downgrade(&self.writing);
                        tokio::spawn(async move {
                            tokio::time::sleep(delay).await;
                            if let Some(writing) = writing.upgrade() {
                                // A broken stream is noticed by its reader.
                                let _ = writing.lock().await.io.write_all(&frame(&packet)).await;
                            }
                        });
                    }
                }
                Ok(())
            }
        }
    }
}

impl AsyncTcpStream for Stream {
    fn read<'a, 'b>(
        &'a self,
        buf: &'b mut [u8],
    ) -> Pin<Box<dyn Future<Output = io::Result<usize>> + Send + 'b>>
    where
        'a: 'b,
    {
        Box::pin(async move {
            let mut guard = self.reading.lock().await;
            let reading = &mut *guard;
            loop {
                if !reading.passed.is_empty() {
                    let length = reading.passed.len().min(buf.len());
                    for (to, byte) in buf.iter_mut().zip(reading.passed.drain(..length)) {
                        *to = byte;
                    }
                    return Ok(length);
                }
                let mut chunk = [0; 4096];
                tokio::select! {
                    read = reading.io.read(&mut chunk) => {
                        let length = read?;
                        if length == 0 {
                            return Ok(0);
                        }
                        reading.deframer.push(chunk.get(..length).unwrap_or_default());
                        while let Some(packet) = reading.deframer.next() {
                            self.take_in(reading, &packet);
                        }
                    }
                    Some(packet) = reading.late.recv() => {
                        self.hub.on_handed_over(&packet);
                        reading.passed.extend(frame(&packet));
                    }
                }
            }
        })
    }

    fn write_all<'a, 'b>(&'a self, buf: &'b [u8]) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send + 'b>>
    where
        'a: 'b,
    {
        Box::pin(async move {
            let mut guard = self.writing.lock().await;
            let writing = &mut *guard;
            writing.deframer.push(buf);
            while let Some(packet) = writing.deframer.next() {
                self.send_out(writing, &packet).await?;
            }
            Ok(())
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}
