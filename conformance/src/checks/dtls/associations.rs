//! The DTLS associations of a session, one after the other (RFC 8842 §3.1): a rule may hold for each, or only where all are alike.

use crate::evidence::{Evidence, Handshake, Peer};
use peerproof_captures::wire::dtls::Version;
use std::ops::Range;

/// Of which of the DTLS associations between the peers something is so, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    None,
    Some,
    All,
}

/// Of which of the associations whose version is known it is one of these, as seen nearest to `peer`. The records of a session with several
/// cannot always be distinguished, so a rule for one version is for sessions that have no other.
pub(super) fn with_version(evidence: &Evidence, peer: Peer, versions: &[Version]) -> Share {
    let known = evidence.handshakes(peer).into_iter().filter_map(|handshake| handshake.version);
    let (with, without): (Vec<_>, Vec<_>) = known.partition(|version| versions.contains(version));
    match (with.is_empty(), without.is_empty()) {
        (true, _) => Share::None,
        (false, false) => Share::Some,
        (false, true) => Share::All,
    }
}

/// What a rule for one version says of a session that has associations of several.
pub(super) const OF_SEVERAL_VERSIONS: &str = "the session has DTLS associations of several versions";

/// What is the same for all associations; nothing if it differs, or is known of none.
pub(in crate::checks) fn of_all<T: PartialEq>(
    evidence: &Evidence,
    peer: Peer,
    of: impl Fn(&Handshake) -> Option<T>,
) -> Option<T> {
    let mut known = evidence.handshakes(peer).into_iter().filter_map(|handshake| of(&handshake));
    let first = known.next()?;
    known.all(|other| other == first).then_some(first)
}

/// The associations with the frames that they take, as seen nearest to `peer`: from the first of a handshake to that of the next.
pub(in crate::checks) fn associations(evidence: &Evidence, peer: Peer) -> Vec<(Handshake, Range<u64>)> {
    let all = evidence.handshakes(peer);
    let begins = |at: usize| all.get(at).map(|it: &Handshake| it.begins);
    let frames: Vec<_> = (0..all.len())
        .map(|at| {
            (if at == 0 { 0 } else { begins(at).unwrap_or_default() })..begins(at + 1).unwrap_or(u64::MAX)
        })
        .collect();
    all.into_iter().zip(frames).collect()
}

#[cfg(test)]
mod tests {
    use crate::checks::controls::{Recording, events};
    use crate::checks::{Status, of};
    use crate::evidence::{Evidence, Packet, Peer};
    use peerproof_captures::event::{DtlsState, PeerEvent};
    use peerproof_captures::wire::demux::Class;

    /// Plays the DTLS packets of a recording once more behind it, as another association. `change` is done to each packet of the second.
    fn twice(change: fn(&mut [u8])) -> Evidence {
        again(Recording::Data, |_, packet| change(packet.bytes.to_mut()))
    }

    /// The same with a recording, and a change that knows the number of the packet.
    fn again(recording: Recording, change: impl Fn(usize, &mut Packet)) -> Evidence {
        let mut evidence = recording.evidence();
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let last = packets.iter().map(|it| (it.frame, it.t_us)).max().unwrap();
        let is_dtls = |it: &&Packet| it.class() == Class::Dtls;
        let mut again: Vec<Packet> = packets.iter().filter(is_dtls).cloned().collect();
        for (n, packet) in again.iter_mut().enumerate() {
            (packet.frame, packet.t_us) = (packet.frame + last.0, packet.t_us + last.1);
            if packet.bytes[0] == 22 && packet.bytes[13] == 1 {
                packet.bytes.to_mut()[27..59].fill(7);
            }
            change(n, packet);
        }
        packets.extend(again);
        evidence
    }

    fn found(id: &str, change: fn(&mut [u8])) -> Vec<Status> {
        let findings = of(id).unwrap().run(&twice(change));
        findings.iter().map(|finding| finding.result).collect()
    }

    /// Has the server choose another version.
    fn older(bytes: &mut [u8]) {
        if bytes[0] == 22 && bytes[13] == 2 {
            bytes[26] = 0xff;
        }
    }

    #[test]
    fn a_second_association_is_judged_as_the_first() {
        assert_eq!(twice(|_| ()).handshakes(Peer(0)).len(), 2);
        for id in [
            "dtls-change-cipher-spec-before-finished",
            "dtls-record-version",
            "dtls-no-false-start",
            "dtls-client-hello-follows-setup-role",
        ] {
            let result = found(id, |_| ());
            assert!(!result.contains(&Status::Fail), "{id}: {result:?}");
        }
        // The Finished of the second is application data.
        let change = |bytes: &mut [u8]| {
            let mut at = 0;
            while at + 13 <= bytes.len() && matches!(bytes[at], 20..=23) {
                if bytes[at + 3..at + 11] == [0, 1, 0, 0, 0, 0, 0, 0] {
                    bytes[at] = 23;
                }
                at += 13 + usize::from(u16::from_be_bytes([bytes[at + 11], bytes[at + 12]]));
            }
        };
        assert!(found("dtls-change-cipher-spec-before-finished", change).contains(&Status::Fail));
    }

    #[test]
    fn what_holds_for_a_version_is_undecided_where_there_are_several() {
        assert!(!found("dtls-record-version", |_| ()).contains(&Status::Inconclusive));
        assert_eq!(found("dtls-record-version", older), [Status::Inconclusive; 2]);
    }

    #[test]
    fn what_differs_between_associations_is_not_known_of_all() {
        let version = |evidence: &Evidence| super::of_all(evidence, Peer(0), |it| it.version);
        assert!(version(&twice(|_| ())).is_some() && version(&twice(older)).is_none());
    }

    fn results(id: &str, evidence: &Evidence) -> Vec<Status> {
        of(id).unwrap().run(evidence).iter().map(|finding| finding.result).collect()
    }

    #[test]
    fn a_later_client_is_the_one_that_an_answer_names() {
        let id = "dtls-client-hello-follows-setup-role";
        assert!(!results(id, &again(Recording::Data, |_, _| ())).contains(&Status::Fail));
        let swapped = again(Recording::Data, |_, packet| {
            packet.sender = Peer(1 - packet.sender.0);
        });
        let client = swapped.first_handshake(Peer(0)).client().unwrap();
        let result = results(id, &swapped);
        assert_eq!(result[client.0], Status::Pass, "{result:?}");
        assert_eq!(result[1 - client.0], Status::Fail, "{result:?}");
    }

    #[test]
    fn a_certificate_of_a_later_association_is_judged() {
        let ids = [
            "sec-fingerprint-mismatch-client-cert-rejected",
            "sec-fingerprint-mismatch-server-cert-rejected",
        ];
        let all = |evidence: &Evidence| ids.map(|id| results(id, evidence)).concat();
        assert_eq!(all(&again(Recording::Data, |_, _| ())), [Status::NotApplicable; 4]);
        // A byte within each certificate, which comes in clear.
        let changed = again(Recording::Data, |_, packet| {
            let bytes = packet.bytes.to_mut();
            let mut at = 0;
            while at + 40 < bytes.len() && bytes[at] == 22 {
                if bytes[at + 13] == 11 {
                    bytes[at + 13 + 12 + 3 + 3 + 8] ^= 1;
                }
                at += 13 + usize::from(u16::from_be_bytes([bytes[at + 11], bytes[at + 12]]));
            }
        });
        let result = all(&changed);
        let judged = [result[0], result[3]];
        assert!(!judged.contains(&Status::NotApplicable) && !result.contains(&Status::Fail), "{result:?}");
        // The client connects by it all the same.
        let client = changed.first_handshake(Peer(0)).client().unwrap();
        let mut connected = changed;
        let name = connected.name(client).to_owned();
        let event = PeerEvent::DtlsStateChange { state: DtlsState::Connected, reason: None };
        events::push(&mut connected, &name, event);
        connected.timeline.last_mut().unwrap().t_us = u64::MAX;
        assert_eq!(results(ids[1], &connected)[client.0], Status::Fail);
    }

    #[test]
    fn messages_in_fragments_are_judged_in_a_later_association() {
        let id = "dtls-fragments-reassembled";
        let evidence = again(Recording::Media, |_, _| ());
        let client = evidence.first_handshake(Peer(0)).client().unwrap();
        assert!(!results(id, &evidence).contains(&Status::Fail));
        // The second ClientHello comes in two pieces, and the server refuses it by decode_error; nothing follows.
        let mut refused = evidence;
        let packets = &mut refused.wire.as_mut().unwrap().packets;
        let hello = |it: &Packet| it.bytes[0] == 22 && it.bytes[13] == 1 && it.bytes[27..59] == [7; 32];
        let at = packets.iter().position(hello).unwrap();
        packets.truncate(at + 1);
        let whole = packets.pop().unwrap();
        let (header, body) = whole.bytes.split_at(25);
        let piece = |n: u8, from: usize, to: usize| {
            let mut bytes = [header, &body[from..to]].concat();
            bytes[10] += n;
            bytes[11..13].copy_from_slice(&((12 + to - from) as u16).to_be_bytes());
            bytes[19..22].copy_from_slice(&(from as u32).to_be_bytes()[1..]);
            bytes[22..25].copy_from_slice(&((to - from) as u32).to_be_bytes()[1..]);
            Packet { bytes: bytes.into(), frame: whole.frame + u64::from(n), ..whole.clone() }
        };
        let alert = vec![21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 50];
        let mut alert = Packet { bytes: alert.into(), frame: whole.frame + 2, ..whole.clone() };
        alert.sender = Peer(1 - client.0);
        packets.extend([piece(0, 0, 60), piece(1, 60, body.len()), alert]);
        let result = results(id, &refused);
        assert_eq!(result[1 - client.0], Status::Fail, "{result:?}");
    }

    #[test]
    fn a_later_association_has_an_sctp_association_of_its_own() {
        let id = "sctp-both-sides-initiate";
        let fresh = |packet: &mut Packet| {
            for clear in packet.clear.iter_mut().filter(|it| it.is_application_data()) {
                clear.bytes.to_mut()[4] ^= 1;
            }
        };
        let whole = again(Recording::Data, |_, packet| fresh(packet));
        assert!(!results(id, &whole).contains(&Status::Fail), "{:?}", results(id, &whole));
        // In the second one nobody sends an INIT but bob, ten seconds late.
        let mut late = whole;
        let begins = late.handshakes(Peer(0))[1].begins;
        let is_init = |it: &Packet| it.clear.iter().any(|it| it.is_application_data() && it.bytes[12] == 1);
        let packets = &mut late.wire.as_mut().unwrap().packets;
        packets.retain(|it| !(it.frame >= begins && it.sender == Peer(0) && is_init(it)));
        for packet in packets.iter_mut().filter(|it| it.frame >= begins && is_init(it)) {
            packet.t_us += 10_000_000;
        }
        assert_eq!(results(id, &late)[0], Status::Fail);
    }
}
