//! RFC 8656 §7.4: after 486 (Allocation Quota Reached) "the client SHOULD wait at least 1 minute before trying to create any more allocations on this server", and
//! so after 508 (Insufficient Capacity), unless the request asked for a particular port: without that the client may "try again immediately".

use super::{error_code, said};
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::stun::{AttributeType, Class, Method};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const CHECK: Check = Check {
    id: "turn-quota-backoff",
    layer: Layer::Gathering,
    subject: "responses 486 and 508",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// A minute, in microseconds.
const WAIT_US: u64 = 60_000_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    // When each server last refused, by its address: with the frame and the code.
    let mut refused: BTreeMap<_, (u64, u64, u16)> = BTreeMap::new();
    let (mut asked, mut clients) = (BTreeSet::new(), BTreeSet::new());
    let mut asked_for_port = BTreeSet::new();
    for said in said(evidence, peer) {
        if said.is_sent(Method::Allocate, Class::Request) {
            let kinds = [AttributeType::EvenPort, AttributeType::ReservationToken];
            if kinds.iter().any(|kind| said.message.attribute(*kind).is_some()) {
                asked_for_port.insert((said.ends(), said.message.transaction.value));
            }
            let is_new = asked.insert((said.ends(), said.message.transaction.value));
            // Allocations that were under way from other addresses go on.
            let is_first = clients.insert(said.ends());
            let Some((t_us, frame, code)) = refused.get(&said.at.server).filter(|_| is_new) else { continue };
            if is_first {
                continue;
            }
            if let Some(off) = Off::soon(*t_us, WAIT_US, said.at.t_us) {
                let after = said.at.t_us.saturating_sub(*t_us) / 1_000;
                let text =
                    format!("an Allocate request follows a {code} of the same server after {after} ms");
                let places = [Place::Frame(said.at.frame), Place::Frame(*frame)];
                tally.warn_off(Fault("too-soon"), evidence, off, text, places);
            }
        } else if !said.at.sent
            && said.message.kind.value.method() == Method::Allocate
            && let Some(code @ (486 | 508)) = error_code(&said)
        {
            if code != 508 || !asked_for_port.contains(&(said.ends(), said.message.transaction.value)) {
                refused.insert(said.at.server, (said.at.t_us, said.at.frame, code));
            }
            tally.pass(Place::Frame(said.at.frame));
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, turn};
    use crate::evidence::Evidence;

    fn refuse(evidence: &mut Evidence) {
        turn::refuse_first(evidence, [4, 86], None);
    }

    /// Has a client ask once more after a 486.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Relay, refuse, turn::ask_again_refused);
}
