//! RFC 7675 §5.1: nothing but STUN goes on to an address that has answered no check for 30 s.

use super::is_binding;
use super::nomination::is_data;
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Packet, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::demux;
use peerproof_captures::wire::stun::{self, Class};
use std::collections::BTreeMap;
use std::net::SocketAddr;

pub(super) const CHECK: Check = Check {
    id: "consent-expires-after-30s",
    layer: Layer::Nomination,
    subject: "pairs whose consent expired",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// How long consent lasts, in microseconds.
const EXPIRY_US: u64 = 30_000_000;
/// What a timer may be late by itself, in microseconds: the catalogue's choice.
const TIMER_US: u64 = 1_000_000;
/// Most pairs that are looked at.
const MOST_PAIRS: usize = 1_024;

/// What a peer sends on a pair, and the answers that it receives there.
struct Pair {
    /// When the last response came.
    consented_us: u64,
    /// When the last one came on which a rule of the scenario acted, so that the peer may not have got it as it is here.
    uncertain_us: u64,
    /// The last packet of data.
    data: Option<(u64, u64)>,
}

impl Pair {
    /// When its consent ends at the latest, for all that is certain.
    const fn expires_us(&self) -> u64 {
        self.consented_us.saturating_add(EXPIRY_US + TIMER_US)
    }
}

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("no consent expired: checks were answered all the time");
    let (Some(wire), Some(other)) = (&evidence.wire, evidence.other(peer)) else { return };
    if evidence.made_by(peer).any(Description::is_lite) {
        tally.not_applicable("a lite agent sends no checks");
        return;
    }
    let whole = evidence.whole && !wire.cut && !wire.hidden && wire.is_tapped(peer);
    let passwords = evidence.credentials(other);
    let is_consent = |packet: &Packet| {
        demux::class(&packet.bytes) == demux::Class::Stun
            && stun::view(&packet.bytes).is_ok_and(|message| {
                let signed = |password: &str| message.integrity_matches(password.as_bytes()) == Some(true);
                is_binding(&message, Class::Success)
                    && (passwords.is_empty() || passwords.iter().any(|it| signed(&it.password)))
            })
    };
    let mut pairs: BTreeMap<(SocketAddr, SocketAddr), Pair> = BTreeMap::new();
    let mut end_us = 0;
    for packet in wire.at(peer) {
        let t_us = packet.t_us;
        end_us = end_us.max(t_us);
        if packet.sender != peer {
            let key = (packet.to, packet.from);
            if is_consent(packet) && (pairs.len() < MOST_PAIRS || pairs.contains_key(&key)) {
                let new = Pair { consented_us: t_us, uncertain_us: t_us, data: None };
                let pair = pairs.entry(key).or_insert(new);
                pair.uncertain_us = pair.uncertain_us.max(t_us);
                if !evidence.is_faulted(packet.frame) {
                    pair.consented_us = pair.consented_us.max(t_us);
                }
            }
        } else if is_data(packet)
            && let Some(pair) = pairs.get_mut(&(packet.from, packet.to))
        {
            let place = Place::Frame(packet.frame);
            pair.data = Some((t_us, packet.frame));
            let Some(off) = Off::late(pair.consented_us, EXPIRY_US + TIMER_US, t_us) else { continue };
            let after = t_us.saturating_sub(pair.consented_us) / 1_000_000;
            let sentence = format!("data goes to {} {after} s after its last answer to a check", packet.to);
            if !whole {
                tally.inconclusive("answers to checks may be missing in the recording", [place]);
            } else if Off::late(pair.uncertain_us, EXPIRY_US + TIMER_US, t_us).is_none() {
                tally.inconclusive("a rule of the scenario acted on an answer that came since", [place]);
            } else {
                tally.off(Fault("data-after-consent"), evidence, off, sentence, [place]);
            }
        }
    }
    // Those of which nothing was sent any more, though the peer had sent something in the time before.
    let fell_silent = |pair: &Pair| {
        let (t_us, frame) = pair.data?;
        let in_time =
            t_us <= pair.expires_us() && t_us >= pair.consented_us && pair.uncertain_us == pair.consented_us;
        (in_time && end_us > pair.expires_us()).then_some(frame)
    };
    pairs.values().filter_map(fell_silent).for_each(|frame| tally.pass(Place::Frame(frame)));
}

#[cfg(test)]
pub(in crate::checks::ice) mod control {
    use super::{EXPIRY_US, is_data};
    use crate::checks::controls::{Control, Recording};
    use crate::evidence::{Evidence, Packet, Peer};

    pub(in crate::checks::ice) const BOB: Peer = Peer(1);

    pub(in crate::checks::ice) fn packets(evidence: &mut Evidence) -> &mut Vec<Packet> {
        &mut evidence.wire.as_mut().unwrap().packets
    }

    /// Has a check come a minute after everything else.
    pub(in crate::checks::ice) fn go_on(evidence: &mut Evidence) {
        let all = packets(evidence);
        let asks = |it: &&Packet| it.tap == BOB && it.sender != BOB && it.bytes[..2] == [0, 1];
        let mut again = all.iter().rfind(asks).unwrap().clone();
        (again.t_us, again.frame) = (all.last().unwrap().t_us + 2 * EXPIRY_US, again.frame + 1_000_000);
        all.push(again);
    }

    /// Postpones the last packet of data by 45 s.
    pub(in crate::checks::ice) fn send_late(evidence: &mut Evidence) {
        let all = packets(evidence);
        let at = all.iter().rposition(|it| it.tap == BOB && it.sender == BOB && is_data(it)).unwrap();
        all[at].t_us += EXPIRY_US / 2 * 3;
        all.sort_by_key(|it| it.t_us);
    }

    // For that time the recording has no keepalives either.
    pub(super) const CONTROL: Control =
        Control::prepared(Recording::Conflict, go_on, send_late).also_breaks(&["ice-keepalive-within-tr"]);
}

#[cfg(test)]
mod tests {
    use super::control::{BOB, go_on, packets, send_late};
    use super::*;
    use crate::checks::Status;
    use crate::checks::controls::Recording;

    fn result(prepare: impl Fn(&mut Evidence)) -> Status {
        let mut evidence = Recording::Conflict.evidence();
        prepare(&mut evidence);
        CHECK.run(&evidence).into_iter().find(|it| it.endpoint == evidence.name(BOB)).unwrap().result
    }

    #[test]
    fn data_may_go_on_as_long_as_checks_are_answered() {
        assert_eq!(result(|_| {}), Status::NotApplicable, "consent does not expire");
        assert_eq!(result(go_on), Status::Pass);
        assert_eq!(result(send_late), Status::Fail);
        let answered = |evidence: &mut Evidence| {
            send_late(evidence);
            let all = packets(evidence);
            let answers = |it: &&Packet| it.tap == BOB && it.sender != BOB && it.bytes[..2] == [1, 1];
            let late = all.last().unwrap().t_us;
            let mut again: Vec<Packet> = all.iter().filter(answers).cloned().collect();
            again.iter_mut().for_each(|it| it.t_us = late - EXPIRY_US / 2);
            all.extend(again);
            all.sort_by_key(|it| it.t_us);
        };
        assert_eq!(result(answered), Status::NotApplicable);
    }

    #[test]
    fn what_the_capture_may_lack_proves_nothing() {
        let partial = |evidence: &mut Evidence| {
            send_late(evidence);
            evidence.whole = false;
        };
        assert_eq!(result(partial), Status::Inconclusive);
    }
}
