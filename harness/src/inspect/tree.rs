//! `--frame N`: everything that a frame says, and its bytes.

use super::InspectError;
use super::source::Given;
use peerproof_captures::decrypt::{Content, Datagram, Session};
use peerproof_captures::file::Item;
use peerproof_captures::link::{self, Network, Packet, Source, Transport};
use peerproof_captures::wire::demux::{self, Class};
use peerproof_captures::wire::dtls::Version;
use peerproof_captures::wire::{Node, dtls, mdns, rtcp, rtp, sctp, stun, turn};
use std::fmt::Write as _;
use std::io::Write;

pub(super) fn write(given: &Given, number: u64, out: &mut dyn Write) -> Result<(), InspectError> {
    let mut reader = given.reader()?;
    let mut network = Network::new();
    let mut session = Session::new();
    session.key_log(&given.key_log, &mut |_| {});
    for key in &given.srtp_keys {
        session.srtp_key(*key);
    }
    let mut found = None;
    while let Some(item) = reader.next_item() {
        let frame = match item {
            Item::Secrets(secrets) => {
                session.key_log(secrets.data, &mut |_| {});
                continue;
            }
            Item::Frame(frame) if frame.number > number => break,
            Item::Frame(frame) => frame,
            _ => continue,
        };
        let mut text = String::new();
        let wanted = frame.number == number;
        if wanted {
            text += &link::tree(frame.link, frame.data).node.to_string();
        }
        network.frame(&frame, &mut |packet| {
            let (from, to, payload) = (packet.from, packet.to, packet.payload);
            if wanted {
                let ids = session.connection_id_length(from, to, payload);
                let mut node = dissect(packet, ids);
                if let Source::Frame(at) = packet.source {
                    node.shift(at as usize);
                } else {
                    text += "put together from several frames:\n";
                }
                text += &node.to_string();
            }
            if matches!(packet.transport, Transport::Udp | Transport::Tcp) {
                let time_ns = frame.time_ns.unwrap_or(0);
                let datagram = Datagram { time_ns, frame: frame.number, from, to, payload };
                session.datagram(&datagram, &mut |clear| {
                    if clear.frame == number {
                        text += "decrypted:\n";
                        text += &decrypted(clear.content, clear.bytes).to_string();
                        hex(clear.bytes, &mut text);
                    }
                });
            }
        });
        if wanted {
            text += "bytes of the frame:\n";
            hex(frame.data, &mut text);
            if frame.is_cut() {
                let there = frame.data.len();
                let _ =
                    writeln!(text, "cut off by the snap length: {there} of {} bytes", frame.original_length);
            }
            found = Some(text);
        }
    }
    match found {
        Some(text) => Ok(out.write_all(text.as_bytes())?),
        None => {
            super::json::FileFacts::of(&given.name, &reader, 0)?;
            let last = reader.frames();
            Err(InspectError::NoFrame { name: given.name.clone(), frame: number, last })
        }
    }
}

/// `ids`: length of the connection IDs in DTLS records.
fn dissect(packet: &Packet<'_>, ids: usize) -> Node {
    let payload = packet.payload;
    let mdns_port = packet.from.port() == 5353 || packet.to.port() == 5353;
    match packet.transport {
        Transport::ClearRtp => rtp::tree(payload).node,
        Transport::ClearRtcp => rtcp::tree(payload).node,
        Transport::ClearSctp => sctp::tree(payload).node,
        Transport::Udp | Transport::Tcp if mdns_port => mdns::tree(payload).node,
        Transport::Udp | Transport::Tcp => match demux::class(payload) {
            Class::Stun => stun::tree(payload).node,
            Class::TurnChannel => turn::tree(payload).node,
            Class::Dtls => dtls::tree(dtls::Datagram::at(payload, 0, ids)).node,
            Class::Rtp => rtp::tree(payload).node,
            _ => Node { name: "not dissected".into(), ..Node::default() },
        },
    }
}

fn decrypted(content: Content, bytes: &[u8]) -> Node {
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
        Content::Dtls { .. } => Node { name: "not dissected".into(), ..Node::default() },
    }
}

/// Sixteen bytes a line, with their offset and what of them is ASCII.
fn hex(bytes: &[u8], text: &mut String) {
    for (index, line) in bytes.chunks(16).enumerate() {
        let _ = write!(text, "{:06x} ", index * 16);
        for byte in line {
            let _ = write!(text, " {byte:02x}");
        }
        let pad = 3 * (16 - line.len()) + 2;
        let shown = line.iter().map(|byte| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' });
        let _ = writeln!(text, "{:pad$}{}", "", shown.collect::<String>());
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn bytes_are_shown_sixteen_a_line() {
        let mut text = String::new();
        super::hex(b"peerproof inspect\n", &mut text);
        assert_eq!(
            text,
            "000000  70 65 65 72 70 72 6f 6f 66 20 69 6e 73 70 65 63  peerproof inspec\n\
             000010  74 0a                                            t.\n"
        );
    }
}
