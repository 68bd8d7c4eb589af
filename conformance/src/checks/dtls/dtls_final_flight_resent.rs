//! RFC 6347 §4.2.4: "the node that transmits the last flight (the server in an ordinary handshake or the client in a resumed handshake) MUST
//! respond to a retransmit of the peer's last flight with a retransmit of the last flight".

use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Packet, Peer, Protection};
use crate::verdict::Layer;
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::dtls::Version;
use peerproof_captures::wire::dtls::record::{ContentType, Record};
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "dtls-final-flight-resent",
    layer: Layer::Dtls,
    subject: "retransmissions of the last flight but one",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Within which a response should come, in microseconds: a choice of ours, as the RFC has none.
const WITHIN_US: u64 = 2_000_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("the other side did not retransmit its Finished after the peer's last flight");
    let (Some(wire), handshakes) = (&evidence.wire, evidence.handshakes(peer)) else { return };
    let [handshake] = handshakes.as_slice() else { return };
    if handshake.version != Some(Version::Dtls12) || !wire.is_tapped(peer) {
        return;
    }
    let (mut seen, mut last, mut owed) = (BTreeSet::new(), None, None::<(u64, u64)>);
    let mut end_us = 0;
    for packet in wire.at(peer) {
        end_us = end_us.max(packet.t_us);
        if packet.class() != Class::Dtls {
            continue;
        }
        let finished = finished(packet);
        if packet.sender == peer {
            if !finished.is_empty() {
                // The last flight is the one after the other side's Finished.
                if !seen.is_empty() && last.is_none() {
                    last = Some(packet.frame);
                } else if owed.take().is_some() {
                    tally.pass(Place::Frame(packet.frame));
                }
            }
            continue;
        }
        // What does not authenticate is discarded, and nobody can tell what it repeats (§4.1.2.7).
        let arrives = !evidence.is_faulted(packet.frame) && packet.protection != Protection::Forged;
        for number in finished {
            // The same record again is a copy of the network, which is discarded as such (§4.1.2.6).
            if seen.insert(number) && last.is_some() && arrives {
                owed = owed.or(Some((packet.frame, packet.t_us)));
            }
        }
    }
    let (Some((frame, since_us)), Some(last)) = (owed, last) else { return };
    let places = [Place::Frame(frame), Place::Frame(last)];
    match Off::late(since_us, WITHIN_US, end_us) {
        Some(off) if evidence.sees_all_sent_by(peer) => {
            let text = "the other side retransmits its Finished, and the last flight is not retransmitted";
            tally.off(Fault("not-resent"), evidence, off, text, places);
        }
        _ => tally.inconclusive("the recording ends before a response was due", places),
    }
}

/// The numbers of the protected handshake records of a datagram: of its Finished.
fn finished(packet: &Packet) -> Vec<u64> {
    let of = |record: Record<'_>| match record {
        Record::Plain(plain) if plain.epoch.value == 1 && plain.kind.value == ContentType::Handshake => {
            Some(plain.sequence.value)
        }
        _ => None,
    };
    packet.records().map_while(Result::ok).filter_map(of).collect()
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use crate::evidence::{Evidence, Packet, Peer};

    const SERVER: Peer = Peer(0);

    fn packets(evidence: &mut Evidence) -> &mut Vec<Packet> {
        &mut evidence.wire.as_mut().unwrap().packets
    }

    fn is_dtls(packet: &Packet) -> bool {
        (20..32).contains(&packet.bytes[0])
    }

    /// The client's last flight comes once more, with another number, and the server's as well.
    pub(super) fn repeat(evidence: &mut Evidence) {
        let server = evidence.other(evidence.first_handshake(SERVER).client().unwrap()).unwrap();
        for packet in packets(evidence) {
            packet.tap = server;
        }
        let all = packets(evidence);
        let end = all.iter().map(|it| it.t_us).max().unwrap();
        for (n, client) in [(1, true), (2, false)] {
            let is = |it: &&Packet| {
                is_dtls(it) && (it.sender != server) == client && !super::finished(it).is_empty()
            };
            let mut again = all.iter().find(is).unwrap().clone();
            (again.frame, again.t_us) = (again.frame + 1_000_000 * n, end + n * 1_000);
            let bytes = again.bytes.to_mut();
            let mut at = 0;
            while at + 13 <= bytes.len() {
                bytes[at + 9] ^= 0x70;
                at += 13 + usize::from(u16::from_be_bytes([bytes[at + 11], bytes[at + 12]]));
            }
            all.push(again);
        }
        let mut check = all.iter().find(|it| it.bytes[0] == 0).unwrap().clone();
        check.t_us = end + 20_000_000;
        all.push(check);
    }

    /// Deletes the second copy of the server's Finished.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Data, repeat, |evidence| {
        let all = packets(evidence);
        let at = all.iter().rposition(|it| is_dtls(it) && !super::finished(it).is_empty()).unwrap();
        all.remove(at);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::checks::controls::Recording;

    #[test]
    fn what_does_not_authenticate_asks_for_nothing() {
        let mut evidence = Recording::Data.evidence();
        control::repeat(&mut evidence);
        let of = |it: &Packet, again: bool| !finished(it).is_empty() && (it.frame >= 1_000_000) == again;
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let at = packets.iter().rposition(|it| of(it, true)).unwrap();
        packets.remove(at);
        let fails = |evidence: &Evidence| CHECK.run(evidence).iter().any(|it| it.result == Status::Fail);
        assert!(fails(&evidence));
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        packets.iter_mut().rfind(|it| of(it, true)).unwrap().protection = Protection::Forged;
        assert!(!fails(&evidence));
    }
}
