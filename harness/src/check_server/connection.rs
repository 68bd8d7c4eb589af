//! The way to a server: datagrams, or messages cut out of a stream.

use super::url::Transport;
use peerproof_captures::wire::turn::length_in_stream;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// A byte stream: TCP, or TLS over it.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

enum Way {
    Datagrams(UdpSocket),
    Stream {
        stream: Box<dyn Stream>,
        /// What came and is no whole message yet: at most one message and what one read takes.
        pending: Vec<u8>,
    },
}

/// A way to a server that is open.
pub(super) struct Connection {
    way: Way,
    transport: Transport,
    local: SocketAddr,
}

/// The address that means all of a family.
const fn any(server: IpAddr) -> IpAddr {
    match server {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

impl Connection {
    /// A socket from which datagrams go to `server` and to which only its datagrams come; errors that routers report show as such.
    pub(super) async fn udp(server: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind((any(server.ip()), 0)).await?;
        socket.connect(server).await?;
        let local = socket.local_addr()?;
        Ok(Self { way: Way::Datagrams(socket), transport: Transport::Udp, local })
    }

    /// A TCP connection, and the stream for what is laid over it.
    pub(super) async fn tcp(server: SocketAddr) -> io::Result<(TcpStream, SocketAddr)> {
        let stream = TcpStream::connect(server).await?;
        // Without it, small packets wait for one another.
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?;
        Ok((stream, local))
    }

    /// Messages over a stream.
    pub(super) fn over(stream: impl Stream + 'static, transport: Transport, local: SocketAddr) -> Self {
        Self { way: Way::Stream { stream: Box::new(stream), pending: Vec::new() }, transport, local }
    }

    /// Where it begins at this machine.
    pub(super) const fn local(&self) -> SocketAddr {
        self.local
    }

    /// Its transport.
    pub(super) const fn transport(&self) -> Transport {
        self.transport
    }

    /// Whether messages are framed in a stream, and nothing gets lost.
    pub(super) const fn is_stream(&self) -> bool {
        matches!(self.way, Way::Stream { .. })
    }

    pub(super) async fn send(&mut self, message: &[u8]) -> io::Result<()> {
        match &mut self.way {
            Way::Datagrams(socket) => socket.send(message).await.map(drop),
            Way::Stream { stream, .. } => {
                stream.write_all(message).await?;
                stream.flush().await
            }
        }
    }

    /// The next message. May be given up at any time; nothing is lost by that.
    pub(super) async fn receive(&mut self) -> io::Result<Vec<u8>> {
        match &mut self.way {
            Way::Datagrams(socket) => {
                let mut buffer = vec![0; 65_536];
                let size = socket.recv(&mut buffer).await?;
                buffer.truncate(size);
                Ok(buffer)
            }
            Way::Stream { stream, pending } => loop {
                if pending.len() >= 4 {
                    let strange = || {
                        io::Error::new(io::ErrorKind::InvalidData, "it sends neither STUN nor ChannelData")
                    };
                    let length = length_in_stream(pending).ok_or_else(strange)?;
                    if pending.len() >= length {
                        return Ok(pending.drain(..length).collect());
                    }
                }
                let mut buffer = [0; 4096];
                let size = stream.read(&mut buffer).await?;
                if size == 0 {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the server closed the connection",
                    ));
                }
                pending.extend_from_slice(buffer.get(..size).unwrap_or_default());
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_are_cut_out_of_a_stream_however_it_comes_in_pieces() {
        let (ours, mut theirs) = tokio::io::duplex(1 << 16);
        let local = SocketAddr::from(([127, 0, 0, 1], 1));
        let mut connection = Connection::over(ours, Transport::Tcp, local);
        let stun = [b"\x01\x01\x00\x04\x21\x12\xA4\x42peerproof-tx".as_slice(), b"abcd"].concat();
        let channel = b"\x40\x00\x00\x01x\0\0\0".to_vec();
        let all = [stun.clone(), channel.clone(), stun.clone()].concat();
        let writing = tokio::spawn(async move {
            for byte in all {
                theirs.write_all(&[byte]).await.unwrap();
            }
            theirs
        });
        for message in [&stun, &channel, &stun] {
            assert_eq!(&connection.receive().await.unwrap(), message);
        }
        writing.await.unwrap().write_all(b"SSH-").await.unwrap();
        assert_eq!(connection.receive().await.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
