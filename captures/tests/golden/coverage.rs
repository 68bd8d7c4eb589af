//! Everything that the dissectors know by name stands in some golden capture.

use super::captures;
use super::protocols::formats;
use peerproof_captures::decrypt::{Content, Datagram, Session};
use peerproof_captures::file::{CaptureReader, Item, LinkType};
use peerproof_captures::link::{Network, Transport};
use peerproof_captures::wire::dtls::handshake::{Fragments, HandshakeType};
use peerproof_captures::wire::dtls::record::ContentType;
use peerproof_captures::wire::rtcp::{PacketType, PayloadFeedbackType, TransportFeedbackType, XrBlockType};
use peerproof_captures::wire::sctp::{Body, CauseCode, Chunk, ChunkType, ParameterType, PayloadProtocol};
use peerproof_captures::wire::stun::{AttributeType, Method};
use peerproof_captures::wire::{CodePoint, Field, Span, dcep, demux, dtls, rtcp, rtp, sctp, stun, turn};
use std::collections::{BTreeMap, BTreeSet};

/// What no capture can show, and why.
const EXCEPT: [(&str, &str); 9] = [
    ("HelloRequest", "renegotiation, which WebRTC has not (RFC 8827 §6.5)"),
    ("EndOfEarlyData", "not in DTLS (RFC 9147 §5.6)"),
    ("ClientCertificateRequest", "of a draft"),
    ("CertificateUrl", "no WebRTC peer asks for it"),
    ("CertificateStatus", "no WebRTC peer asks for it"),
    ("SupplementalData", "no WebRTC peer asks for it"),
    ("CompressedCertificate", "no WebRTC peer offers it"),
    ("EKTKey", "of conferences that hide media from their server (RFC 8870)"),
    ("message_hash", "stands in transcripts, not on the wire"),
];

/// Numbers seen, by the name of their registry.
#[derive(Default)]
struct Seen(BTreeMap<&'static str, BTreeSet<u64>>);

impl Seen {
    fn add(&mut self, registry: &'static str, code: impl CodePoint) {
        self.0.entry(registry).or_default().insert(code.number());
    }

    /// The names that are known and were not seen.
    fn missing<T: CodePoint>(&self, registry: &'static str, known: &[T]) -> Vec<String> {
        let seen = self.0.get(registry);
        let missing = known.iter().filter(|code| !seen.is_some_and(|seen| seen.contains(&code.number())));
        missing.filter_map(|code| Some(format!("{registry} {}", code.name()?))).collect()
    }

    fn datagram(&mut self, bytes: &[u8], ids: usize) {
        match demux::class(bytes) {
            demux::Class::Stun => {
                let Ok(message) = stun::view(bytes) else { return };
                self.add("STUN method", message.kind.value.method());
                for attribute in message.attributes().map_while(Result::ok) {
                    self.add("STUN attribute", attribute.kind.value);
                }
            }
            demux::Class::Dtls => {
                for record in dtls::Datagram::at(bytes, 0, ids).records().map_while(Result::ok) {
                    let dtls::Record::Plain(plain) = record else { continue };
                    self.add("DTLS content type", plain.kind.value);
                    for fragment in record.fragments().into_iter().flatten().map_while(Result::ok) {
                        self.add("DTLS handshake", fragment.kind.value);
                    }
                }
            }
            _ => {}
        }
        if let Some(relayed) = turn::relayed(bytes) {
            self.datagram(relayed.data.value, 0);
        }
    }

    fn handshake(&mut self, bytes: &[u8]) {
        let content = Field::new(Span::new(0, bytes.len()), bytes);
        for fragment in Fragments::new(content).map_while(Result::ok) {
            self.add("DTLS handshake", fragment.kind.value);
        }
    }

    fn rtcp(&mut self, bytes: &[u8], is_broken: bool) {
        for packet in rtcp::view(bytes).packets.iter() {
            assert!(packet.body.is_some() || is_broken, "{packet}");
            self.add("RTCP packet", packet.header.kind.value);
            match packet.body {
                Some(rtcp::Body::TransportFeedback(feedback)) => self.add("RTPFB", feedback.kind),
                Some(rtcp::Body::PayloadFeedback(feedback)) => self.add("PSFB", feedback.kind),
                Some(rtcp::Body::ExtendedReport(report)) => {
                    for block in report.blocks.iter() {
                        assert!(block.content.is_some(), "{block}");
                        self.add("XR block", block.kind.value);
                    }
                }
                _ => {}
            }
        }
    }

    fn sctp(&mut self, bytes: &[u8]) {
        let Ok(packet) = sctp::view(bytes) else { return };
        for chunk in packet.chunks.iter() {
            assert!(chunk.body.is_some(), "{chunk}");
            self.add("SCTP chunk", chunk.kind.value);
            self.within(&chunk);
        }
    }

    fn within(&mut self, chunk: &Chunk<'_>) {
        let causes = match &chunk.body {
            Some(Body::Init(init) | Body::InitAck(init)) => {
                init.parameters.iter().for_each(|found| self.add("SCTP parameter", found.kind.value));
                return;
            }
            Some(Body::Heartbeat(heartbeat)) => {
                heartbeat.parameters.iter().for_each(|found| self.add("SCTP parameter", found.kind.value));
                return;
            }
            Some(Body::ReConfig(change)) => {
                change.parameters.iter().for_each(|found| self.add("SCTP parameter", found.kind.value));
                return;
            }
            Some(Body::AddressChange(change)) => {
                change.parameters.iter().for_each(|found| self.add("SCTP parameter", found.kind.value));
                return;
            }
            Some(Body::Data(data)) => {
                self.add("PPID", data.protocol.value);
                if data.protocol.value == PayloadProtocol::Dcep
                    && let Ok(dcep::Message::Open(open)) = dcep::view(data.data.value)
                {
                    self.add("channel type", open.channel.value);
                }
                return;
            }
            Some(Body::Abort(abort)) => abort.causes,
            Some(Body::Error(error)) => error.causes,
            _ => return,
        };
        causes.iter().for_each(|cause| self.add("SCTP cause", cause.code.value));
    }
}

#[test]
fn everything_that_is_known_by_name_stands_in_a_capture() {
    let mut seen = Seen::default();
    let (mut payloads, mut links) = (BTreeSet::new(), BTreeSet::new());
    for capture in captures(".") {
        let formats = formats(&capture);
        let mut reader = CaptureReader::new(capture.bytes.as_slice());
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
            links.insert(frame.link);
            network.frame(&frame, &mut |packet| match packet.transport {
                Transport::ClearRtp => {
                    let view = rtp::view(packet.payload);
                    payloads
                        .extend(view.ok().and_then(|view| formats.get(&view.header.payload_type())).copied());
                }
                // A diagnosis is of such packets.
                Transport::ClearRtcp => seen.rtcp(packet.payload, capture.name.contains("malformed-rtcp")),
                Transport::ClearSctp => seen.sctp(packet.payload),
                Transport::Udp | Transport::Tcp => {
                    let (from, to, payload) = (packet.from, packet.to, packet.payload);
                    seen.datagram(payload, session.connection_id_length(from, to, payload));
                    let datagram = Datagram { time_ns: 0, frame: frame.number, from, to, payload };
                    session.datagram(&datagram, &mut |clear| {
                        if let Content::Dtls { content_type, .. } = clear.content {
                            seen.add("DTLS content type", ContentType::from(content_type));
                            if content_type == 22 {
                                seen.handshake(clear.bytes);
                            }
                        }
                    });
                }
            });
        }
    }
    let mut missing = [
        seen.missing("STUN method", Method::KNOWN),
        seen.missing("STUN attribute", AttributeType::KNOWN),
        seen.missing("DTLS content type", ContentType::KNOWN),
        seen.missing("DTLS handshake", HandshakeType::KNOWN),
        seen.missing("SCTP chunk", ChunkType::KNOWN),
        seen.missing("SCTP parameter", ParameterType::KNOWN),
        seen.missing("SCTP cause", CauseCode::KNOWN),
        seen.missing("PPID", PayloadProtocol::KNOWN),
        seen.missing("channel type", dcep::ChannelType::KNOWN),
        seen.missing("RTCP packet", PacketType::KNOWN),
        seen.missing("RTPFB", TransportFeedbackType::KNOWN),
        seen.missing("PSFB", PayloadFeedbackType::KNOWN),
        seen.missing("XR block", XrBlockType::KNOWN),
    ]
    .concat();
    let excepted: Vec<String> = EXCEPT.iter().map(|(name, _)| format!("DTLS handshake {name}")).collect();
    for name in &excepted {
        assert!(missing.contains(name), "{name} is excepted and yet there");
    }
    missing.retain(|name| !excepted.contains(name));
    assert_eq!(missing, [""; 0]);
    assert_eq!(payloads.len(), 10, "{payloads:?}");
    let unread = (0..=u16::MAX).map(LinkType).filter(|link| link.name().is_some() && !links.contains(link));
    assert_eq!(unread.collect::<Vec<_>>(), []);
}
