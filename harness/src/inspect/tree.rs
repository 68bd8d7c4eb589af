//! `--frame N`: everything that a frame says, and its bytes.

use super::InspectError;
use super::packets::is_sctp;
use super::source::Given;
use peerproof_captures::decrypt::Content;
use peerproof_captures::file::Item;
use peerproof_captures::link::{self, Source, Transport};
use peerproof_captures::observe::{Follow, Observation, Opened, Sink};
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::dtls::Version;
use peerproof_captures::wire::{Node, dtls, mdns, rtcp, rtp, sctp, stun, turn};
use std::fmt::Write as _;
use std::io::Write;

pub(super) fn write(given: &Given, number: u64, out: &mut dyn Write) -> Result<(), InspectError> {
    let mut reader = given.reader()?;
    let mut tree = Tree { number, text: String::new() };
    let mut observer = given.observer(&mut tree);
    let mut found = false;
    while let Some(item) = reader.next_item() {
        match item {
            Item::Interface(index) => observer.at_place(index, 0),
            Item::Secrets(secrets) => {
                observer.secrets(&secrets, &mut tree);
            }
            Item::Frame(frame) if frame.number > number => break,
            Item::Frame(frame) => {
                found = frame.number == number;
                if found {
                    tree.text += &link::tree(frame.link, frame.data).node.to_string();
                }
                observer.frame(&frame, &mut tree);
                if found {
                    let text = &mut tree.text;
                    *text += "bytes of the frame:\n";
                    hex(frame.data, text);
                    if frame.is_cut() {
                        let (there, original) = (frame.data.len(), frame.original_length);
                        let _ = writeln!(text, "cut off by the snap length: {there} of {original} bytes");
                    }
                }
            }
            _ => {}
        }
    }
    if found {
        return Ok(out.write_all(tree.text.as_bytes())?);
    }
    // The reading ended where the frame would have been, which is before the first one for 0.
    while reader.next_item().is_some() {}
    super::json::FileFacts::of(&given.name, &reader, 0)?;
    let last = reader.frames();
    Err(InspectError::NoFrame { name: given.name.clone(), frame: number, last })
}

/// What the frame of that number says.
struct Tree {
    number: u64,
    text: String,
}

impl Sink for Tree {
    fn datagram(&mut self, seen: &Observation<'_>) -> Follow {
        if seen.frame == self.number {
            let mut node = dissect(seen);
            if let Source::Frame(at) = seen.source {
                node.shift(at as usize);
            } else {
                self.text += "put together from several frames:\n";
            }
            self.text += &node.to_string();
        }
        Follow::ByAddress
    }

    fn opened(&mut self, opened: &Opened<'_>) {
        if opened.frame == self.number {
            self.text += "decrypted:\n";
            self.text += &decrypted(opened.content, opened.bytes).to_string();
            hex(opened.bytes, &mut self.text);
        }
    }
}

/// What a datagram says, its bytes counted from its own beginning.
pub(super) fn dissect(seen: &Observation<'_>) -> Node {
    let (ends, payload) = (seen.outer.ends, seen.outer.bytes);
    let mdns_port = ends.from.port() == 5353 || ends.to.port() == 5353;
    match seen.transport {
        Transport::ClearRtp => rtp::tree(payload).node,
        Transport::ClearRtcp => rtcp::tree(payload).node,
        Transport::ClearSctp => sctp::tree(payload).node,
        Transport::Udp | Transport::Tcp if mdns_port => mdns::tree(payload).node,
        Transport::Udp | Transport::Tcp => match seen.outer.class {
            Class::Stun => stun::tree(payload).node,
            Class::TurnChannel => turn::tree(payload).node,
            Class::Dtls => dtls::tree(dtls::Datagram::at(payload, 0, seen.connection_id)).node,
            Class::Rtp => rtp::tree(payload).node,
            Class::Rtcp if rtcp::is_in_clear(payload) => rtcp::tree(payload).node,
            _ => Node { name: "not dissected".into(), ..Node::default() },
        },
    }
}

/// What plaintext says.
pub(super) fn decrypted(content: Content, bytes: &[u8]) -> Node {
    match content {
        Content::Rtp => rtp::tree(bytes).node,
        Content::Rtcp => rtcp::tree(bytes).node,
        Content::Dtls { content_type: 23, .. } if is_sctp(bytes) => sctp::tree(bytes).node,
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
