//! What our dissectors say about each golden capture, frame by frame.

use super::{Capture, captures};
use peerproof_captures::decrypt::{Content, Datagram, Session};
use peerproof_captures::file::{CaptureReader, Item};
use peerproof_captures::link::{self, Network, Transport, TransportPacket};
use peerproof_captures::wire::demux::{self, Class};
use peerproof_captures::wire::dtls::Version;
use peerproof_captures::wire::payload::Format;
use peerproof_captures::wire::{Node, dtls, mdns, rtcp, rtp, sctp, stun, turn};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The folders whose captures hold each thing once, so that all of it can be shown.
const IN_FULL: [&str; 10] = ["stun", "turn", "dtls", "dtls13", "rtp", "rtcp", "sctp", "srtp", "mdns", "tcp"];

/// Everything that is dissected, as text. `trees`: with each field, else a line for each packet.
pub(super) fn dissect(capture: &Capture, bytes: &[u8], trees: bool) -> String {
    let mut text = String::new();
    let formats = formats(capture);
    let mut reader = CaptureReader::new(bytes);
    let (mut network, mut session) = (Network::new(), Session::new());
    while let Some(item) = reader.next_item() {
        let frame = match item {
            Item::Secrets(secrets) => {
                session.key_log(secrets.data, &mut |_| {});
                continue;
            }
            Item::Frame(frame) => frame,
            _ => continue,
        };
        let _ = writeln!(text, "frame {} {} {} bytes", frame.number, frame.link, frame.data.len());
        let headers = link::tree(frame.link, frame.data).node;
        if trees {
            text += &headers.to_string();
        }
        let outcome = network.frame(&frame, &mut |packet| {
            let _ = writeln!(text, "{:?} {} > {}", packet.transport, packet.from, packet.to);
            let ids = session.connection_id_length(packet.from, packet.to, packet.payload);
            for node in of_packet(packet, &formats, ids) {
                say(&mut text, &node, trees);
            }
            if matches!(packet.transport, Transport::Udp | Transport::Tcp) {
                let (from, to, payload) = (packet.from, packet.to, packet.payload);
                let time_ns = frame.time_ns.unwrap_or(0);
                let datagram = Datagram { time_ns, frame: frame.number, from, to, payload };
                session.datagram(&datagram, &mut |clear| {
                    let _ = writeln!(text, "decrypted, of frame {}:", clear.frame);
                    say(&mut text, &of_content(clear.content, clear.bytes), trees);
                });
            }
        });
        let _ = writeln!(text, "{outcome:?}");
    }
    if let Some(stop) = reader.stop() {
        let _ = writeln!(text, "{stop}");
    }
    text
}

fn say(text: &mut String, node: &Node, trees: bool) {
    if trees {
        *text += &node.to_string();
    } else {
        let _ = writeln!(text, "  {}", node.summary);
    }
}

/// What the payload types of a capture stand for.
pub(super) fn formats(capture: &Capture) -> BTreeMap<u8, Format> {
    let descriptions = capture.descriptions.iter().map(|(_, description)| description.to_string());
    let text: Vec<String> = descriptions.collect();
    let maps = text.iter().flat_map(|text| text.lines()).filter_map(|line| line.strip_prefix("a=rtpmap:"));
    let each = maps.filter_map(|map| {
        let (number, encoding) = map.split_once(' ')?;
        Some((number.parse().ok()?, Format::of(encoding.split('/').next()?)?))
    });
    each.collect()
}

fn of_packet(packet: &TransportPacket<'_>, formats: &BTreeMap<u8, Format>, ids: usize) -> Vec<Node> {
    let bytes = packet.payload;
    match packet.transport {
        Transport::ClearRtp => {
            let mut nodes = vec![rtp::tree(bytes).node];
            if let Ok(view) = rtp::view(bytes)
                && let Some(format) = formats.get(&view.header.payload_type())
            {
                nodes.push(format.tree(view.payload.value).0);
            }
            nodes
        }
        Transport::ClearRtcp => vec![rtcp::tree(bytes).node],
        Transport::ClearSctp => vec![sctp::tree(bytes).node],
        _ if packet.from.port() == 5353 => vec![mdns::tree(bytes).node],
        _ => of_datagram(bytes, ids),
    }
}

/// The datagram, and what TURN carries in it.
fn of_datagram(bytes: &[u8], ids: usize) -> Vec<Node> {
    let node = match demux::class(bytes) {
        Class::Stun => stun::tree(bytes).node,
        Class::TurnChannel => turn::tree(bytes).node,
        Class::Dtls => dtls::tree(dtls::Datagram::at(bytes, 0, ids)).node,
        Class::Rtp => rtp::tree(bytes).node,
        _ => Node { summary: format!("{} of {} bytes", demux::class(bytes), bytes.len()), ..Node::default() },
    };
    let inner = turn::relayed(bytes).map(|relayed| of_datagram(relayed.data.value, 0));
    std::iter::once(node).chain(inner.into_iter().flatten()).collect()
}

fn of_content(content: Content, bytes: &[u8]) -> Node {
    match content {
        Content::Rtp => rtp::tree(bytes).node,
        Content::Rtcp => rtcp::tree(bytes).node,
        Content::Dtls { content_type: 23, .. } => sctp::tree(bytes).node,
        Content::Dtls { content_type: 22, epoch, .. } => {
            let version = if epoch == 1 { Version::Dtls12 } else { Version::Dtls13 };
            dtls::handshake::tree(bytes, version).node
        }
        Content::Dtls { content_type: 21, .. } => dtls::alert::tree(bytes).node,
        Content::Dtls { content_type: 26, .. } => dtls::ack::tree(bytes).node,
        Content::Dtls { .. } => Node::default(),
    }
}

#[track_caller]
fn check(folder: &str, trees: bool) {
    for capture in captures(folder) {
        let name = capture.name.replace(['/', '.'], "_");
        insta::assert_snapshot!(name, dissect(&capture, &capture.bytes, trees));
    }
}

#[test]
fn each_protocol_is_dissected_as_expected() {
    for folder in IN_FULL {
        check(folder, true);
    }
}

#[test]
fn packets_are_found_in_every_file_and_behind_every_link() {
    check("link", true);
}

#[test]
fn conversations_of_others_are_dissected_as_expected() {
    check("dtls12", false);
    check("calls", false);
}
