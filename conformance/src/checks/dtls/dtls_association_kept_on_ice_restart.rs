//! RFC 8842 §6: "an ICE restart does not by default require a new DTLS association to be established"; §4: one is established where the fingerprints,
//! the setup role or tls-id change.

use super::has_application_data;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::SessionDescription;
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::dtls::handshake::HandshakeType;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "dtls-association-kept-on-ice-restart",
    layer: Layer::Dtls,
    subject: "ICE restarts",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("ICE was not restarted, or what identifies the DTLS association changed");
    let (Some(wire), Some(other)) = (&evidence.wire, evidence.other(peer)) else { return };
    let made = || evidence.made_by(peer).chain(evidence.made_by(other));
    let restarts: Option<u64> = [peer, other].into_iter().map(|it| restarted(evidence, it)).max().flatten();
    let Some(since_us) = restarts else { return };
    // A session of several transports has several associations.
    let of = |it: Peer| {
        let all: BTreeSet<_> = evidence.made_by(it).map(|made| identity(made.received())).collect();
        all.len()
    };
    if of(peer) != 1 || of(other) != 1 || made().any(|made| !made.sdp.as_str().contains("a=group:BUNDLE")) {
        return;
    }
    let handshakes = evidence.handshakes(peer);
    let anew = handshakes.iter().skip(1).find_map(|handshake| {
        let hello = handshake.messages.iter().find(|it| it.kind() == HandshakeType::ClientHello)?;
        (hello.sender == peer).then_some(hello)
    });
    match anew {
        Some(hello) => tally.fail(
            Fault("new-association"),
            "a new DTLS handshake begins after an ICE restart that did not ask for one",
            [Place::Frame(hello.frame)],
        ),
        None => {
            let goes_on = |packet: &&crate::evidence::Packet| {
                packet.t_us > since_us
                    && (has_application_data(packet) || matches!(packet.class(), Class::Rtp | Class::Rtcp))
            };
            if let Some(packet) = wire.sent(peer).find(goes_on).filter(|_| !handshakes.is_empty()) {
                tally.pass(Place::Frame(packet.frame));
            }
        }
    }
}

/// When a peer first described other ICE credentials than before, if it did.
fn restarted(evidence: &Evidence, peer: Peer) -> Option<u64> {
    let mut before = None;
    for made in evidence.made_by(peer) {
        let ufrag = made.credentials().first()?.ufrag.clone();
        if before.as_ref().is_some_and(|before| *before != ufrag) {
            return Some(made.t_us);
        }
        before = Some(ufrag);
    }
    None
}

/// What identifies the DTLS association in a description: fingerprints and tls-id. `setup` of an offer is always `actpass`.
fn identity(sdp: &SessionDescription) -> BTreeSet<String> {
    let identifies = |line: &str| line.starts_with("a=fingerprint:") || line.starts_with("a=tls-id:");
    sdp.lines().filter(|line| identifies(line.raw)).map(|line| line.raw.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use crate::evidence::{Evidence, Packet};

    pub(super) const CONTROL: Control = Control::new(Recording::Restart, begin);

    /// Begins a second handshake at the end: a ClientHello with another random.
    pub(super) fn begin(evidence: &mut Evidence) {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        // It may be in fragments.
        let is_hello = |it: &&Packet| it.bytes[0] == 22 && it.bytes[13] == 1 && it.tap == it.sender;
        let mut hellos: Vec<Packet> = packets.iter().filter(is_hello).cloned().collect();
        let end = packets.last().unwrap();
        for hello in &mut hellos {
            (hello.t_us, hello.frame) = (end.t_us + 1_000, end.frame + hello.frame);
            if hello.bytes[19..22] == [0, 0, 0] {
                hello.bytes[13 + 12 + 2] ^= 0x55;
            }
        }
        packets.extend(hellos);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::checks::controls::Recording;
    use crate::checks::controls::sdp::change_fingerprints;

    #[test]
    fn other_fingerprints_on_the_way_ask_for_another_association() {
        let mut evidence = Recording::Restart.evidence();
        control::begin(&mut evidence);
        let fails = |evidence: &Evidence| CHECK.run(evidence).iter().any(|it| it.result == Status::Fail);
        assert!(fails(&evidence));
        change_fingerprints(evidence.descriptions.last_mut().unwrap());
        assert!(!fails(&evidence));
    }
}
