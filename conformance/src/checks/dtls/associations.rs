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
    let begins = |at: usize| all.get(at).and_then(|it: &Handshake| it.messages.first()).map(|it| it.frame);
    let frames: Vec<_> = (0..all.len())
        .map(|at| {
            (if at == 0 { 0 } else { begins(at).unwrap_or_default() })..begins(at + 1).unwrap_or(u64::MAX)
        })
        .collect();
    all.into_iter().zip(frames).collect()
}

#[cfg(test)]
mod tests {
    use crate::checks::controls::Recording;
    use crate::checks::{Status, of};
    use crate::evidence::{Evidence, Packet, Peer};
    use peerproof_captures::wire::demux::Class;

    /// Plays the DTLS packets of a recording once more behind it, as another association. `change` is done to each packet of the second.
    fn twice(change: fn(&mut [u8])) -> Evidence {
        let mut evidence = Recording::Data.evidence();
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let last = packets.iter().map(|it| (it.frame, it.t_us)).max().unwrap();
        let is_dtls = |it: &&Packet| it.class() == Class::Dtls;
        let mut again: Vec<Packet> = packets.iter().filter(is_dtls).cloned().collect();
        for packet in &mut again {
            (packet.frame, packet.t_us) = (packet.frame + last.0, packet.t_us + last.1);
            let mut bytes = packet.bytes.to_vec();
            if bytes[0] == 22 && bytes[13] == 1 {
                bytes[27..59].fill(7);
            }
            change(&mut bytes);
            packet.bytes = bytes.into();
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
}
