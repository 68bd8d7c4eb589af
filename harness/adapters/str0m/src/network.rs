//! UDP sockets, one for each address of this machine. str0m does no input or output of its own, and finds no addresses
//! either: what a browser calls gathering is done here.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::{Duration, Instant};

use crate::Incoming;

/// How often a reading thread looks whether its sockets are still wanted.
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub struct Network {
    inbox: SyncSender<Incoming>,
    sockets: Vec<(SocketAddr, Arc<UdpSocket>)>,
    gone: Arc<AtomicBool>,
}

impl Network {
    pub fn new(inbox: SyncSender<Incoming>) -> Self {
        Self { inbox, sockets: Vec::new(), gone: Arc::default() }
    }

    /// Opens a socket on each address that has none yet. Returns what was opened.
    pub fn open(&mut self) -> Vec<SocketAddr> {
        let mut opened = Vec::new();
        for ip in addresses() {
            if self.sockets.iter().any(|(address, _)| address.ip() == ip) {
                continue;
            }
            match self.open_on(ip) {
                Ok(address) => opened.push(address),
                Err(error) => eprintln!("no socket on {ip}: {error}"),
            }
        }
        opened
    }

    fn open_on(&mut self, ip: IpAddr) -> std::io::Result<SocketAddr> {
        let socket = Arc::new(UdpSocket::bind((ip, 0))?);
        socket.set_read_timeout(Some(LOOK_EVERY))?;
        let local = socket.local_addr()?;
        let (reading, inbox, gone) = (Arc::clone(&socket), self.inbox.clone(), Arc::clone(&self.gone));
        thread::spawn(move || read(&reading, local, &inbox, &gone));
        self.sockets.push((local, socket));
        Ok(local)
    }

    pub fn has(&self, local: SocketAddr) -> bool {
        self.sockets.iter().any(|(address, _)| *address == local)
    }

    /// Sends a datagram. Errors are what UDP may do to any datagram: it is lost.
    pub fn send(&self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        if let Some((_, socket)) = self.sockets.iter().find(|(address, _)| *address == from)
            && let Err(error) = socket.send_to(bytes, to)
        {
            eprintln!("{from} cannot send to {to}: {error}");
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
    }
}

fn read(socket: &UdpSocket, local: SocketAddr, inbox: &SyncSender<Incoming>, gone: &AtomicBool) {
    let mut buffer = vec![0; 65536];
    while !gone.load(Ordering::Relaxed) {
        match socket.recv_from(&mut buffer) {
            Ok((length, source)) => {
                let bytes = buffer[..length].to_vec();
                if inbox.send(Incoming::Datagram { at: Instant::now(), local, source, bytes }).is_err() {
                    return;
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            // An ICMP error of an earlier datagram; a socket that is broken for good must not make this thread spin.
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
    }
}

/// This machine's addresses but for loopback ones, and link-local ones of IPv6, which nobody could reply to without a zone.
fn addresses() -> Vec<IpAddr> {
    let usable = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_loopback(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local(),
    };
    match if_addrs::get_if_addrs() {
        Ok(interfaces) => interfaces.iter().map(if_addrs::Interface::ip).filter(usable).collect(),
        Err(error) => {
            eprintln!("no interfaces: {error}");
            Vec::new()
        }
    }
}
