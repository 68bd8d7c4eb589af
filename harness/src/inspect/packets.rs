//! `--packets`: one line each, and one more for what was decrypted.

use super::arrivals::Arrivals;
use super::source::Given;
use super::{InspectArgs, InspectError, PacketLayer, Protocol};
use crate::terminal::clean;
use peerproof_captures::decrypt::Content;
use peerproof_captures::file::{Frame, Item};
use peerproof_captures::link::Transport;
use peerproof_captures::observe::{Follow, Observation, Opened, Sink};
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::dtls::handshake::Fragments;
use peerproof_captures::wire::{Field, Span, dtls, mdns, rtcp, rtp, sctp, stun, turn};
use std::io::{self, Write};
use std::net::SocketAddr;

/// A line's protocol and text.
pub(super) struct Line {
    pub(super) protocol: Protocol,
    pub(super) text: String,
}

pub(super) fn write(args: &InspectArgs, given: &Given, out: &mut dyn Write) -> Result<(), InspectError> {
    let mut reader = given.reader()?;
    let chosen = Chosen { args, described: described(args, given) };
    let mut list = List {
        chosen,
        arrivals: Arrivals::read(given)?,
        names: Vec::new(),
        interface: None,
        begun: None,
        cut: None,
        out,
        written: Ok(()),
    };
    let mut observer = given.observer(&mut list);
    while let Some(item) = reader.next_item() {
        match item {
            Item::Secrets(secrets) => {
                observer.secrets(&secrets, &mut list);
            }
            Item::Frame(frame) if args.frames.is_some_and(|frames| frame.number > frames.last()) => break,
            Item::Frame(frame) => {
                list.begin(&frame);
                observer.frame(&frame, &mut list);
            }
            item => {
                if let Item::Interface(index) = item {
                    observer.at_place(index, 0);
                }
                let all = reader.interfaces().iter();
                list.names = all.map(|it| it.name.clone().unwrap_or_default()).collect();
            }
        }
        std::mem::replace(&mut list.written, Ok(()))?;
    }
    super::json::FileFacts::of(&given.name, &reader, 0)?;
    Ok(())
}

/// The list as it is written.
struct List<'a> {
    chosen: Chosen<'a>,
    arrivals: Arrivals,
    /// Of the interfaces.
    names: Vec<String>,
    /// That of the frame at hand.
    interface: Option<usize>,
    /// Time of the first frame, in nanoseconds.
    begun: Option<u64>,
    /// How many bytes the frame at hand has in the capture and had on the wire, if a snap length cut it.
    cut: Option<(usize, u32)>,
    out: &'a mut dyn Write,
    written: io::Result<()>,
}

impl List<'_> {
    fn begin(&mut self, frame: &Frame<'_>) {
        self.begun.get_or_insert(frame.time_ns.unwrap_or(0));
        self.interface = frame.interface;
        self.cut = frame.is_cut().then_some((frame.data.len(), frame.original_length));
    }

    fn show(&mut self, number: u64, ns: u64, ends: (SocketAddr, SocketAddr), mark: &str, line: &Line) {
        let interface = self.interface.and_then(|index| self.names.get(index)).map(String::as_str);
        if !self.chosen.wants(number, ends, interface, line.protocol) {
            return;
        }
        let seconds = ns.saturating_sub(self.begun.unwrap_or(ns)) as f64 / 1e9;
        let (from, to) = ends;
        let written =
            writeln!(self.out, "{number:>6} {seconds:>11.6} {mark}{from} → {to} {}", clean(&line.text));
        if self.written.is_ok() {
            self.written = written;
        }
    }
}

impl Sink for List<'_> {
    fn datagram(&mut self, seen: &Observation<'_>) -> Follow {
        let mut line = line(seen);
        if let Some((there, original)) = self.cut {
            line.text += &format!(" [cut off: {there} of the frame's {original} bytes]");
        }
        if let Some(arrival) = self.arrivals.of(seen.frame) {
            line.text += &format!(" [{arrival}]");
        }
        let ends = seen.outer.ends;
        self.show(seen.frame, seen.time_ns, (ends.from, ends.to), "", &line);
        Follow::ByAddress
    }

    fn opened(&mut self, opened: &Opened<'_>) {
        let line = decrypted(opened.content, opened.bytes);
        self.show(opened.frame, opened.time_ns, opened.outer, "└ ", &line);
    }
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

/// The addresses in the descriptions of the peers asked for.
fn described(args: &InspectArgs, given: &Given) -> Vec<SocketAddr> {
    let wanted = given.descriptions.iter().filter(|(name, _)| args.peer.contains(name));
    let sections = wanted.flat_map(|(_, sdp)| sdp.media().collect::<Vec<_>>());
    let candidates = sections.flat_map(|section| section.candidates());
    candidates.filter_map(|it| Some(SocketAddr::new(it.address.ip()?, it.port))).collect()
}

/// What a datagram says, in a line.
pub(super) fn line(seen: &Observation<'_>) -> Line {
    let (ends, payload) = (seen.outer.ends, seen.outer.bytes);
    match seen.transport {
        Transport::ClearRtp => of(Protocol::Rtp, rtp::view(payload)),
        Transport::ClearRtcp => Line { protocol: Protocol::Rtcp, text: rtcp::view(payload).to_string() },
        Transport::ClearSctp => of(Protocol::Sctp, sctp::view(payload)),
        Transport::Udp | Transport::Tcp if ends.from.port() == 5353 || ends.to.port() == 5353 => {
            of(Protocol::Other, mdns::view(payload))
        }
        Transport::Udp | Transport::Tcp => datagram(seen.outer.class, payload, seen.connection_id),
    }
}

/// `ids`: length of the connection IDs in DTLS records.
fn datagram(class: Class, payload: &[u8], ids: usize) -> Line {
    match class {
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
        Class::Rtcp if rtcp::is_in_clear(payload) => {
            Line { protocol: Protocol::Rtcp, text: rtcp::view(payload).to_string() }
        }
        Class::Rtcp => {
            Line { protocol: Protocol::Rtcp, text: format!("SRTCP or RTCP length {}", payload.len()) }
        }
        class => Line { protocol: Protocol::Other, text: format!("{class} length {}", payload.len()) },
    }
}

/// What plaintext says, in a line.
pub(super) fn decrypted(content: Content, bytes: &[u8]) -> Line {
    match content {
        Content::Rtp => of(Protocol::Rtp, rtp::view(bytes)),
        Content::Rtcp => Line { protocol: Protocol::Rtcp, text: rtcp::view(bytes).to_string() },
        Content::Dtls { content_type: 23, .. } if is_sctp(bytes) => of(Protocol::Sctp, sctp::view(bytes)),
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

/// Whether application data of DTLS is SCTP, be it malformed.
pub(super) fn is_sctp(bytes: &[u8]) -> bool {
    sctp::looks_like_sctp(bytes) || sctp::checksum(bytes) == sctp::Checksum::Correct
}

fn of<T: std::fmt::Display, E: std::fmt::Display>(protocol: Protocol, view: Result<T, E>) -> Line {
    let text = match view {
        Ok(view) => view.to_string(),
        Err(stop) => stop.to_string(),
    };
    Line { protocol, text }
}
