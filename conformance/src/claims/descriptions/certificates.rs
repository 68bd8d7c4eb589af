//! Certificates that belong to a peer: presented in the handshake, or named in its descriptions.

use crate::claims::Session;
use crate::evidence::{Peer, digest};
use peerproof_captures::sdp::{Fingerprint, SessionDescription};
use peerproof_captures::wire::dtls::handshake::Body;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Hash functions that fingerprints have (RFC 8122 §5).
const HASHES: [&str; 5] = ["sha-1", "sha-224", "sha-256", "sha-384", "sha-512"];

/// The fingerprints of a peer's certificates, in upper case with colons.
#[derive(Debug, Clone, Default)]
pub(in crate::claims) struct Presented {
    known: BTreeSet<String>,
    /// The frame of its Certificate message.
    pub(in crate::claims) frame: Option<u64>,
}

impl Presented {
    /// Those that the handshake shows, and those of the descriptions, as they were made and as they were delivered: whether they are the
    /// same is a requirement of its own.
    pub(in crate::claims) fn of(session: &Session<'_>, name: &str) -> Self {
        let mut presented = Self::default();
        let place = session.record.file.peers.iter().position(|peer| peer.name == name).map(Peer);
        if let Some((place, handshake)) = place.and_then(|place| Some((place, session.handshake(place)?))) {
            for (message, body) in handshake.bodies().filter(|(message, _)| message.sender == place) {
                let Body::Certificate(certificate) = body else { continue };
                let Some(leaf) = certificate.entries().next() else { continue };
                presented.frame = presented.frame.or(Some(message.frame));
                let digests = HASHES.iter().filter_map(|hash| digest(hash, leaf.data.value));
                presented.known.extend(digests.map(|bytes| text(&bytes)));
            }
        }
        for (peer, view) in session.peers() {
            let descriptions = if peer.name == name { &view.local } else { &view.remote };
            for at in descriptions {
                presented.known.extend(fingerprints(&at.is.sdp));
            }
        }
        presented
    }

    /// Whether a fingerprint in upper case is one of them; also where none is known.
    pub(in crate::claims) fn fits(&self, fingerprint: &str) -> bool {
        self.known.is_empty() || self.known.contains(fingerprint)
    }
}

/// The fingerprints in a description.
fn fingerprints(sdp: &str) -> BTreeSet<String> {
    let sdp = SessionDescription::parse(sdp);
    let sections = std::iter::once(sdp.session()).chain(sdp.media());
    let all: Vec<Fingerprint> = sections.flat_map(|section| section.fingerprints()).collect();
    all.iter().map(|it| text(&it.bytes)).collect()
}

fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 3);
    for (n, byte) in bytes.iter().enumerate() {
        // Writing to a string does not fail.
        let _ = write!(text, "{}{byte:02X}", if n == 0 { "" } else { ":" });
    }
    text
}
