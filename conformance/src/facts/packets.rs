//! What packets show before media flows: candidates, checks, the hellos of DTLS, the parameters of SCTP.

use super::times::clear_fragments;
use super::{Fact, Found};
use crate::evidence::{Evidence, HandshakeMessage, Packet, Peer};
use peerproof_captures::sdp::Candidate;
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::dtls::extension::{Content, ExtensionType, Extensions};
use peerproof_captures::wire::dtls::handshake::Body;
use peerproof_captures::wire::sctp::{Body as Chunk, ChunkType, ParameterContent, ParameterType};
use peerproof_captures::wire::stun::{self, AttributeType, Method};
use std::collections::BTreeSet;

pub(super) fn of(evidence: &Evidence, peer: Peer, found: &mut Found) {
    candidates(evidence, peer, found);
    checks(evidence, peer, found);
    hellos(evidence, peer, found);
    association(evidence, peer, found);
}

/// Types and transports of the candidates in the first description. Later ones have those that were gathered meanwhile.
fn candidates(evidence: &Evidence, peer: Peer, found: &mut Found) {
    let Some(first) = evidence.made_by(peer).next() else { return };
    let sections = first.sdp.media().flat_map(|section| section.candidates());
    let kinds = Fact::set(sections.map(|candidate| kind(&candidate)));
    found.add("candidates in the first description", kinds.in_entry(first.entry));
}

/// Type and transport of a candidate.
fn kind(candidate: &Candidate) -> String {
    format!("{} {}", candidate.kind, candidate.transport.to_string().to_ascii_lowercase())
}

/// The same of a candidate as an API reports it; nothing of one that cannot be read, or that ends the candidates.
pub(super) fn candidate(text: &str) -> Option<String> {
    Candidate::parse(text).ok().map(|candidate| kind(&candidate))
}

/// The attributes of the first connectivity check, and when it nominates.
fn checks(evidence: &Evidence, peer: Peer, found: &mut Found) {
    let Some(wire) = &evidence.wire else { return };
    let requests = wire.stun(peer).filter(|(packet, message)| {
        let kind = message.kind.value;
        packet.sender == peer && kind.class() == stun::Class::Request && kind.method() == Method::Binding
    });
    for (n, (packet, message)) in requests.enumerate() {
        let kinds: Vec<AttributeType> =
            message.attributes().map_while(Result::ok).map(|attribute| attribute.kind.value).collect();
        // Which role it has is for the session to decide.
        let of_role =
            [AttributeType::UseCandidate, AttributeType::IceControlling, AttributeType::IceControlled];
        if n == 0 {
            let names = kinds.iter().filter(|kind| !of_role.contains(kind)).map(ToString::to_string);
            found.add("check attributes", Fact::set(names).at(packet.frame));
        }
        if kinds.contains(&AttributeType::UseCandidate) {
            let how = if n == 0 { "with the first check" } else { "after a pair has worked" };
            found.add("nomination", Fact::one(how).at(packet.frame));
            break;
        }
    }
}

/// The first hello of a peer in the first handshake.
fn hellos(evidence: &Evidence, peer: Peer, found: &mut Found) {
    let handshake = evidence.first_handshake(peer);
    for (message, body) in handshake.bodies().filter(|(message, _)| message.sender == peer) {
        match body {
            Body::ClientHello(hello) => {
                let of = |name: &str| format!("ClientHello {name}");
                let suites = hello.cipher_suites.iter().map(|suite| suite.to_string());
                found.add(of("cipher suites"), Fact::list(suites).at(message.frame));
                extensions("ClientHello", hello.extensions, message.frame, found);
                let versions = match hello.extension(ExtensionType::SupportedVersions) {
                    Some(Content::Versions(all)) => all.iter().map(|one| one.to_string()).collect(),
                    _ => vec![hello.legacy_version.value.to_string()],
                };
                found.add(of("versions"), Fact::set(versions).at(message.frame));
                found.add(of("length"), Fact::one(length(message.bytes.len())).at(message.frame));
                if let Some(count) = datagrams(evidence, peer, message) {
                    found.add(of("datagrams"), Fact::one(count.to_string()).at(message.frame));
                }
            }
            Body::ServerHello(hello) if !hello.is_hello_retry_request() => {
                let of = |name: &str| format!("ServerHello {name}");
                found.add(
                    of("cipher suite"),
                    Fact::one(hello.cipher_suite.value.to_string()).at(message.frame),
                );
                found.add(of("version"), Fact::one(hello.version().value.to_string()).at(message.frame));
                let length = format!("{} bytes", message.bytes.len());
                found.add(of("length"), Fact::one(length).at(message.frame));
                extensions("ServerHello", hello.extensions, message.frame, found);
            }
            _ => {}
        }
    }
}

/// How many datagrams the fragments of a message in clear came in, until it was whole.
fn datagrams(evidence: &Evidence, peer: Peer, message: &HandshakeMessage) -> Option<usize> {
    let (wire, number) = (evidence.wire.as_ref()?, message.seq()?);
    let sent =
        wire.sent(peer).filter(|packet| packet.class() == Class::Dtls && packet.frame <= message.frame);
    let holds = |packet: &&Packet| {
        clear_fragments(packet).iter().any(|(kind, seq, _)| (*kind, *seq) == (message.kind(), number))
    };
    Some(sent.filter(holds).count()).filter(|count| *count > 0)
}

/// The length to the next power of two: it varies by some bytes with session identifiers and padding.
fn length(bytes: usize) -> String {
    format!("at most {} bytes", bytes.next_power_of_two())
}

fn extensions(hello: &str, extensions: Option<Extensions<'_>>, frame: u64, found: &mut Found) {
    let Some(extensions) = extensions else { return };
    // Browsers permute them.
    let kinds = extensions.iter().map(|extension| extension.kind.value.to_string());
    found.add(format!("{hello} extensions"), Fact::set(kinds).at(frame));
    for extension in extensions.iter() {
        let Ok(content) = extension.content() else { continue };
        let listed = match &content {
            Content::Groups(all) => {
                Some(("groups", all.iter().map(|one| one.to_string()).collect::<Vec<_>>()))
            }
            Content::Signatures(all) => {
                Some(("signature schemes", all.iter().map(|one| one.to_string()).collect()))
            }
            Content::UseSrtp(use_srtp) => {
                Some(("SRTP profiles", use_srtp.profiles.iter().map(|one| one.to_string()).collect()))
            }
            _ => None,
        };
        if let Some((name, values)) = listed {
            found.add(format!("{hello} {name}"), Fact::list(values).at(frame));
        }
    }
}

/// What INIT or INIT ACK asks for.
fn association(evidence: &Evidence, peer: Peer, found: &mut Found) {
    let Some(wire) = &evidence.wire else { return };
    for (packet, sctp) in wire.sctp(peer).filter(|(packet, _)| packet.sender == peer) {
        for chunk in sctp.chunks.iter() {
            let (name, init) = match &chunk.body {
                Some(Chunk::Init(init)) => ("INIT", init),
                Some(Chunk::InitAck(init)) => ("INIT ACK", init),
                _ => continue,
            };
            let frame = packet.frame;
            found.add(format!("{name} window"), Fact::one(init.receiver_window.value.to_string()).at(frame));
            let streams = format!("{} out, {} in", init.outbound_streams.value, init.inbound_streams.value);
            found.add(format!("{name} streams"), Fact::one(streams).at(frame));
            let parameters = init.parameters.iter().map(|parameter| parameter.kind.value.to_string());
            found.add(format!("{name} parameters"), Fact::set(parameters).at(frame));
            let mut chunks = BTreeSet::new();
            let mut partial = BTreeSet::new();
            for parameter in init.parameters.iter() {
                match (parameter.kind.value, parameter.content) {
                    (ParameterType::SupportedExtensions, Some(ParameterContent::ChunkTypes(all))) => {
                        chunks.extend(all.iter().map(|listed| listed.0.value));
                    }
                    (ParameterType::ForwardTsnSupported, _) => {
                        partial.insert("parameter".to_owned());
                    }
                    _ => {}
                }
            }
            if chunks.contains(&ChunkType::ForwardTsn) {
                partial.insert("supported extension".to_owned());
            }
            let chunks = chunks.iter().map(ToString::to_string);
            found.add(format!("{name} supported extensions"), Fact::set(chunks).at(frame));
            found.add(format!("{name} FORWARD TSN, said by"), Fact::set(partial).at(frame));
        }
    }
}
