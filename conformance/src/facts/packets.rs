//! What packets show before media flows: candidates, checks, the hellos of DTLS, the parameters of SCTP.

use super::{Fact, Found};
use crate::evidence::{Evidence, Peer};
use peerproof_captures::sdp::Candidate;
use peerproof_captures::wire::dtls::extension::{Content, ExtensionType, Extensions};
use peerproof_captures::wire::dtls::handshake::Body;
use peerproof_captures::wire::sctp::Body as Chunk;
use peerproof_captures::wire::stun::{AttributeType, Class, Method};

pub(super) fn of(evidence: &Evidence, peer: Peer, found: &mut Found) {
    candidates(evidence, peer, found);
    checks(evidence, peer, found);
    hellos(evidence, peer, found);
    association(evidence, peer, found);
}

/// Types and transports of the candidates in descriptions.
fn candidates(evidence: &Evidence, peer: Peer, found: &mut Found) {
    let of = |candidate: &Candidate| {
        let transport = candidate.transport.to_string().to_ascii_lowercase();
        format!("{} {transport}", candidate.kind)
    };
    let described = evidence.made_by(peer).flat_map(|made| {
        let sections = made.sdp.media().flat_map(|section| section.candidates());
        sections.map(|candidate| of(&candidate)).collect::<Vec<_>>()
    });
    found.add("candidates in descriptions", Fact::set(described));
}

/// The attributes of the first connectivity check, and when it nominates.
fn checks(evidence: &Evidence, peer: Peer, found: &mut Found) {
    let Some(wire) = &evidence.wire else { return };
    let requests = wire.stun(peer).filter(|(packet, message)| {
        let kind = message.kind.value;
        packet.sender == peer && kind.class() == Class::Request && kind.method() == Method::Binding
    });
    let mut nominates = Vec::new();
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
        nominates.push(kinds.contains(&AttributeType::UseCandidate));
    }
    if let (Some(first), true) = (nominates.first(), nominates.contains(&true)) {
        let how = if *first { "with the first check" } else { "after a pair has worked" };
        found.add("nomination", Fact::one(how));
    }
}

/// The first hello of a peer in the first handshake.
fn hellos(evidence: &Evidence, peer: Peer, found: &mut Found) {
    let handshake = evidence.handshake(peer);
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
            }
            Body::ServerHello(hello) if !hello.is_hello_retry_request() => {
                let of = |name: &str| format!("ServerHello {name}");
                found.add(
                    of("cipher suite"),
                    Fact::one(hello.cipher_suite.value.to_string()).at(message.frame),
                );
                found.add(of("version"), Fact::one(hello.version().value.to_string()).at(message.frame));
                extensions("ServerHello", hello.extensions, message.frame, found);
            }
            _ => {}
        }
    }
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
            Content::UseSrtp(_) => {
                let text = content.to_string();
                Some(("SRTP profiles", text.split(',').map(|word| word.trim().to_owned()).collect()))
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
        }
    }
}
