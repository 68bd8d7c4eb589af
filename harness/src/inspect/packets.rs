//! `--packets`: one line each, and one more for what was decrypted.

use super::source::Given;
use super::{InspectArgs, InspectError, PacketLayer, Protocol};
use peerproof_captures::decrypt::{Content, Datagram, Session};
use peerproof_captures::file::Item;
use peerproof_captures::link::{Network, Packet, Transport};
use peerproof_captures::wire::demux::{self, Class};
use peerproof_captures::wire::dtls::handshake::Fragments;
use peerproof_captures::wire::{Field, Span, dtls, mdns, rtcp, rtp, sctp, stun, turn};
use std::io::{self, Write};
use std::net::SocketAddr;

/// A line's protocol and text.
struct Line {
    protocol: Protocol,
    text: String,
}

pub(super) fn write(args: &InspectArgs, given: &Given, out: &mut dyn Write) -> Result<(), InspectError> {
    let mut reader = given.reader()?;
    let mut network = Network::new();
    let mut session = Session::new();
    session.key_log(&given.key_log, &mut |_| {});
    for key in &given.srtp_keys {
        session.srtp_key(*key);
    }
    let chosen = Chosen { args, described: described(args, given) };
    let mut names: Vec<String> = Vec::new();
    let mut begun = None;
    let mut outcome: io::Result<()> = Ok(());
    while let Some(item) = reader.next_item() {
        let frame = match item {
            Item::Secrets(secrets) => {
                session.key_log(secrets.data, &mut |_| {});
                continue;
            }
            Item::Frame(frame) => frame,
            _ => {
                let all = reader.interfaces().iter();
                names = all.map(|it| it.name.clone().unwrap_or_default()).collect();
                continue;
            }
        };
        let ns = frame.time_ns.unwrap_or(0);
        let start = *begun.get_or_insert(ns);
        if args.frames.is_some_and(|frames| frame.number > frames.last()) {
            break;
        }
        let interface = frame.interface.and_then(|index| names.get(index)).map(String::as_str);
        let mut show = |number: u64, ns: u64, ends: (SocketAddr, SocketAddr), mark: &str, line: &Line| {
            if !chosen.wants(number, ends, interface, line.protocol) {
                return;
            }
            let seconds = ns.saturating_sub(start) as f64 / 1e9;
            let (from, to) = ends;
            let written = writeln!(out, "{number:>6} {seconds:>11.6} {mark}{from} → {to} {}", line.text);
            if outcome.is_ok() {
                outcome = written;
            }
        };
        network.frame(&frame, &mut |packet| {
            let ends = (packet.from, packet.to);
            let ids = session.connection_id_length(packet.from, packet.to, packet.payload);
            let mut line = line(packet, ids);
            if frame.is_cut() {
                let there = frame.data.len();
                line.text += &format!(" [cut off: {there} of the frame's {} bytes]", frame.original_length);
            }
            show(frame.number, ns, ends, "", &line);
            if !matches!(packet.transport, Transport::Udp | Transport::Tcp) {
                return;
            }
            let (from, to, payload) = (packet.from, packet.to, packet.payload);
            let datagram = Datagram { time_ns: ns, frame: frame.number, from, to, payload };
            session.datagram(&datagram, &mut |clear| {
                show(
                    clear.frame,
                    clear.time_ns,
                    (clear.from, clear.to),
                    "└ ",
                    &decrypted(clear.content, clear.bytes),
                );
            });
        });
        outcome?;
        outcome = Ok(());
    }
    super::json::FileFacts::of(&given.name, &reader, 0)?;
    Ok(())
}

/// Which packets are asked for.
struct Chosen<'a> {
    args: &'a InspectArgs,
    /// Addresses of the peers asked for, from their descriptions.
    described: Vec<SocketAddr>,
}

impl Chosen<'_> {
    fn wants(
        &self,
        frame: u64,
        ends: (SocketAddr, SocketAddr),
        interface: Option<&str>,
        protocol: Protocol,
    ) -> bool {
        let args = self.args;
        args.frame.is_none_or(|number| number == frame)
            && args.frames.is_none_or(|frames| frames.holds(frame))
            && (args.protocol.is_empty() || args.protocol.contains(&protocol))
            && (args.layer.is_empty() || args.layer.contains(&PacketLayer::of(protocol)))
            && (args.peer.is_empty() || self.is_of_peer(ends, interface))
    }

    fn is_of_peer(&self, (from, to): (SocketAddr, SocketAddr), interface: Option<&str>) -> bool {
        let named = |peer: &String| {
            interface.is_some_and(|name| name.split(" (").next() == Some(peer.as_str()))
                || [from, to].iter().any(|end| end.to_string() == *peer || end.ip().to_string() == *peer)
        };
        self.args.peer.iter().any(named) || self.described.contains(&from) || self.described.contains(&to)
    }
}

/// The addresses that the descriptions of the peers asked for tell.
fn described(args: &InspectArgs, given: &Given) -> Vec<SocketAddr> {
    let wanted = given.descriptions.iter().filter(|(name, _)| args.peer.contains(name));
    let sections = wanted.flat_map(|(_, sdp)| sdp.media().collect::<Vec<_>>());
    let candidates = sections.flat_map(|section| section.candidates());
    candidates.filter_map(|it| Some(SocketAddr::new(it.address.ip()?, it.port))).collect()
}

/// `ids`: length of the connection IDs in DTLS records.
fn line(packet: &Packet<'_>, ids: usize) -> Line {
    let (from, to, payload) = (packet.from, packet.to, packet.payload);
    match packet.transport {
        Transport::ClearRtp => of(Protocol::Rtp, rtp::view(payload)),
        Transport::ClearRtcp => Line { protocol: Protocol::Rtcp, text: rtcp::view(payload).to_string() },
        Transport::ClearSctp => of(Protocol::Sctp, sctp::view(payload)),
        Transport::Udp | Transport::Tcp if from.port() == 5353 || to.port() == 5353 => {
            of(Protocol::Other, mdns::view(payload))
        }
        Transport::Udp | Transport::Tcp => datagram(payload, ids),
    }
}

fn datagram(payload: &[u8], ids: usize) -> Line {
    match demux::class(payload) {
        Class::Stun if stun::looks_like_stun(payload) => of(Protocol::Stun, stun::view(payload)),
        Class::TurnChannel => of(Protocol::Turn, turn::view(payload)),
        Class::Dtls => {
            Line { protocol: Protocol::Dtls, text: dtls::Datagram::at(payload, 0, ids).to_string() }
        }
        Class::Rtp => match rtp::view(payload) {
            Ok(packet) => Line {
                protocol: Protocol::Rtp,
                text: format!("RTP {} length {}", packet.header, payload.len()),
            },
            Err(stop) => Line { protocol: Protocol::Rtp, text: stop.to_string() },
        },
        Class::Rtcp => {
            Line { protocol: Protocol::Rtcp, text: format!("SRTCP or RTCP length {}", payload.len()) }
        }
        class => Line { protocol: Protocol::Other, text: format!("{class} length {}", payload.len()) },
    }
}

fn decrypted(content: Content, bytes: &[u8]) -> Line {
    match content {
        Content::Rtp => of(Protocol::Rtp, rtp::view(bytes)),
        Content::Rtcp => Line { protocol: Protocol::Rtcp, text: rtcp::view(bytes).to_string() },
        Content::Dtls { content_type: 23, .. } => of(Protocol::Sctp, sctp::view(bytes)),
        Content::Dtls { content_type: 21, .. } => of(Protocol::Dtls, dtls::alert::view(bytes)),
        Content::Dtls { content_type: 22, .. } => {
            let content = Field::new(Span::new(0, bytes.len()), bytes);
            let messages = Fragments::new(content).map(|fragment| match fragment {
                Ok(fragment) => fragment.to_string(),
                Err(stop) => stop.to_string(),
            });
            Line { protocol: Protocol::Dtls, text: messages.collect::<Vec<_>>().join(", ") }
        }
        Content::Dtls { content_type: 26, .. } => of(Protocol::Dtls, dtls::ack::view(bytes)),
        Content::Dtls { content_type, .. } => Line {
            protocol: Protocol::Dtls,
            text: format!("{} of {} bytes", dtls::ContentType::from(content_type), bytes.len()),
        },
    }
}

fn of<T: std::fmt::Display, E: std::fmt::Display>(protocol: Protocol, view: Result<T, E>) -> Line {
    let text = match view {
        Ok(view) => view.to_string(),
        Err(stop) => stop.to_string(),
    };
    Line { protocol, text }
}
