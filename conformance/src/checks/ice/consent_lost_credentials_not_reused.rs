//! RFC 7675 §5.1: "After consent is lost, the same ICE credentials MUST NOT be used on the affected 5-tuple again. That means that a new session, or an ICE
//! restart, is needed to obtain consent to send on the affected candidate pair."

use super::is_binding;
use super::nomination::{generation, is_data};
use super::roles::{History, Says};
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::stun::Class;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const CHECK: Check = Check {
    id: "consent-lost-credentials-not-reused",
    layer: Layer::Nomination,
    subject: "pairs whose consent expired",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// How long consent lasts, in microseconds.
const EXPIRY_US: u64 = 30_000_000;
/// What a timer may be late by itself, in microseconds: the catalogue's choice, as for the expiry.
const TIMER_US: u64 = 1_000_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("no consent expired: checks were answered all the time");
    let Some(wire) = evidence.wire.as_ref().filter(|wire| wire.is_tapped(peer)) else { return };
    if evidence.made_by(peer).any(Description::is_lite) {
        tally.not_applicable("a lite agent sends no checks");
        return;
    }
    // What asks for consent is what data goes by.
    let used: BTreeSet<_> =
        wire.sent(peer).filter(|packet| is_data(packet)).map(|packet| (packet.from, packet.to)).collect();
    let history = History::new(evidence, peer);
    // When each pair and session last got an answer, whether a rule acted on one since, and whether its consent was seen to expire.
    let mut consented: BTreeMap<_, (u64, bool, Option<u64>)> = BTreeMap::new();
    let mut sessions = BTreeMap::new();
    let mut end_us = 0;
    for stated in &history.stated {
        end_us = end_us.max(stated.packet.t_us);
        let is_own = stated.packet.sender == peer;
        if is_own && matches!(stated.says, Says::Claims(..)) {
            let pair = (stated.packet.from, stated.packet.to);
            let Some(session) = generation(stated).filter(|_| used.contains(&pair)) else { continue };
            sessions.insert(stated.transaction(), session);
            let Some((since_us, doubtful, _)) = consented.get(&(pair, session)).copied() else { continue };
            let Some(off) = Off::late(since_us, EXPIRY_US + TIMER_US, stated.packet.t_us) else { continue };
            let place = Place::Frame(stated.packet.frame);
            let after = stated.packet.t_us.saturating_sub(since_us) / 1_000_000;
            if doubtful || !evidence.whole || wire.cut || wire.hidden {
                tally.inconclusive("answers to checks may be missing in the recording", [place]);
            } else {
                let text = format!(
                    "a check goes to {} with the same credentials {after} s after the last answer",
                    stated.packet.to
                );
                tally.off(Fault("credentials-reused"), evidence, off, text, [place]);
            }
            if let Some(pair) = consented.get_mut(&(pair, session)) {
                pair.2 = Some(stated.packet.frame);
            }
        } else if !is_own && is_binding(&stated.message, Class::Success) {
            let pair = (stated.packet.to, stated.packet.from);
            let Some(session) = sessions.get(&stated.transaction()).copied() else { continue };
            let entry = consented.entry((pair, session)).or_insert((stated.packet.t_us, false, None));
            if evidence.is_faulted(stated.packet.frame) {
                entry.1 = true;
            } else {
                // An answer after the expiry gives no consent again.
                let expired = stated.packet.t_us.saturating_sub(entry.0) > EXPIRY_US + TIMER_US;
                if !expired {
                    (entry.0, entry.1) = (stated.packet.t_us, false);
                }
            }
        }
    }
    let end_us = end_us.max(wire.at(peer).map(|packet| packet.t_us).max().unwrap_or_default());
    for ((pair, _), (since_us, doubtful, reused)) in consented {
        let expired = end_us.saturating_sub(since_us) > EXPIRY_US + TIMER_US;
        if expired && !doubtful && reused.is_none() {
            let last = wire.sent(peer).filter(|it| (it.from, it.to) == pair).last();
            tally.pass(Place::Frame(last.map_or(0, |packet| packet.frame)));
        }
    }
}

#[cfg(test)]
mod control {
    use super::super::consent_expires_after_30s::control::{BOB, go_on, packets};
    use super::EXPIRY_US;
    use crate::checks::controls::Control;
    use crate::checks::controls::Recording;

    /// Has a check of Bob's go on the pair in use 45 s after the last answer.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Conflict, go_on, |evidence| {
        let all = packets(evidence);
        let used = all.iter().rfind(|it| it.tap == BOB && it.sender == BOB && super::is_data(it)).unwrap();
        let (from, to) = (used.from, used.to);
        let own = |it: &&crate::evidence::Packet| {
            it.tap == BOB && it.sender == BOB && it.bytes[..2] == [0, 1] && (it.from, it.to) == (from, to)
        };
        let mut again = all.iter().rfind(own).unwrap().clone();
        again.t_us = all.iter().rfind(|it| it.bytes[0] > 1).unwrap().t_us + EXPIRY_US / 2 * 3;
        again.frame += 2_000_000;
        all.push(again);
        all.sort_by_key(|it| it.t_us);
    })
    .also_breaks(&["ice-keepalive-within-tr"]);
}
