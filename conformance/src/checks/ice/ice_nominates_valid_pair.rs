//! RFC 8445 §8.1.1: the controlling agent "picks a pair among the valid pairs in the valid list for nomination" and "repeats the connectivity check that
//! produced this valid pair, this time with the USE-CANDIDATE attribute". To nominate before is the aggressive nomination of RFC 5245.

use super::has;
use super::nomination::{generation, path};
use super::roles::{History, Says};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::stun::AttributeType;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const CHECK: Check = Check {
    id: "ice-nominates-valid-pair",
    layer: Layer::Nomination,
    subject: "nominations",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let Some(wire) = evidence.wire.as_ref().filter(|wire| wire.is_tapped(peer)) else { return };
    let history = History::new(evidence, peer);
    // The pairs of each session that were found valid, with when.
    let mut valid = BTreeMap::new();
    for (at, stated) in history.stated.iter().enumerate() {
        let is_own = matches!(stated.says, Says::Claims(..)) && stated.packet.sender == peer;
        let Some(session) = generation(stated).filter(|_| is_own) else { continue };
        if let Some((answer, _)) = history.answers(at).find(|(_, it)| it.says == Says::Agrees) {
            let first = valid.entry((path(stated.packet), session)).or_insert(answer);
            *first = answer.min(*first);
        }
    }
    let mut seen = BTreeSet::new();
    for (at, stated) in history.stated.iter().enumerate() {
        let nominates = matches!(stated.says, Says::Claims(..))
            && stated.packet.sender == peer
            && has(&stated.message, AttributeType::UseCandidate)
            && !evidence.is_faulted(stated.packet.frame);
        let Some(session) = generation(stated).filter(|_| nominates) else { continue };
        let key = (path(stated.packet), session);
        if !seen.insert(key) {
            continue;
        }
        let place = Place::Frame(stated.packet.frame);
        if valid.get(&key).is_some_and(|answer| *answer < at) {
            tally.pass(place);
        } else if evidence.whole && !wire.hidden {
            let text = format!(
                "{} is nominated by a check before any check of that pair succeeded",
                stated.packet.to
            );
            tally.fail(Fault("not-valid-yet"), text, [place]);
        } else {
            tally.inconclusive("an earlier check of the pair may be missing in the capture", [place]);
        }
    }
}

#[cfg(test)]
mod control {
    use super::super::nomination::path;
    use crate::checks::controls::{Control, Recording, stun};
    use crate::evidence::{Evidence, Packet};

    fn nominates(packet: &Packet) -> bool {
        packet.bytes[..2] == [0, 1] && packet.bytes.windows(4).any(|it| it == [0, 0x25, 0, 0])
    }

    fn first(evidence: &Evidence) -> Packet {
        let packets = &evidence.wire.as_ref().unwrap().packets;
        packets.iter().find(|it| nominates(it) && it.tap == it.sender).unwrap().clone()
    }

    /// Has the controlling agent nominate nothing, but for the last check of the pair that it nominates first.
    fn regular(evidence: &mut Evidence) {
        let nominated = first(evidence);
        let packets = &evidence.wire.as_ref().unwrap().packets;
        let of_pair = |it: &&Packet| nominates(it) && path(it) == path(&nominated) && it.tap == it.sender;
        let last = packets.iter().rfind(of_pair).unwrap().frame;
        assert_ne!(last, nominated.frame);
        stun::edit_where(
            evidence,
            |packet| nominates(packet) && packet.frame != last,
            |attributes| attributes.retain(|(kind, _)| *kind != 0x0025),
        );
    }

    /// Nominates by the first check of the pair.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Restart, regular, |evidence| {
        let nominated = first(evidence);
        let packets = &evidence.wire.as_ref().unwrap().packets;
        let own = |it: &&Packet| {
            it.bytes[..2] == [0, 1]
                && it.sender == nominated.sender
                && it.tap == it.sender
                && path(it) == path(&nominated)
        };
        let frame = packets.iter().find(own).unwrap().frame;
        stun::edit_where(
            evidence,
            |packet| packet.frame == frame,
            |attributes| attributes.insert(0, (0x0025, Vec::new())),
        );
    });
}
