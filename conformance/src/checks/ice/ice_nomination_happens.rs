//! RFC 8445 §8.1.1: the controlling agent nominates the pair that is used then, by a check with USE-CANDIDATE.

use super::nomination::{data, nominated, path};
use super::roles::{History, Role, Says};
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::{ConnectionState, PeerEvent};

pub(super) const CHECK: Check = Check {
    id: "ice-nomination-happens",
    layer: Layer::Nomination,
    subject: "pairs in use",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Data may go by any valid pair before one is nominated (RFC 8445 §8.1.1): a pair that took over so shortly before the end of the recording
/// may still have been nominated after it.
const EVENTUALLY_US: u64 = 5_000_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("the peer did not control a session that was connected");
    let history = History::new(evidence, peer);
    let claims = history.stated.iter().rev().find_map(|it| match it.says {
        Says::Claims(role, _) if it.packet.sender == peer => Some(role),
        _ => None,
    });
    let Some(last) = data(evidence, peer).last().filter(|_| claims == Some(Role::Controlling)) else {
        return;
    };
    if !connected(evidence, peer) {
        return;
    }
    let used = path(last);
    let place = Place::Frame(last.frame);
    let since = data(evidence, peer).find(|packet| path(packet) == used).map_or(0, |first| first.t_us);
    let nominations = nominated(evidence, &history);
    match nominations.iter().find(|it| it.path == used && it.t_us <= last.t_us) {
        Some(nomination) => tally.pass(Place::Frame(nomination.frame)),
        None if !evidence.whole => {
            tally.inconclusive("the pair may have been nominated before the capture", [place]);
        }
        None => {
            let text = format!("data go from {} to {}, a pair that was not nominated", last.from, last.to);
            match Off::late(since, EVENTUALLY_US, last.t_us) {
                Some(off) => tally.off(Fault("data-on-pair-not-nominated"), evidence, off, text, [place]),
                None => {
                    tally.inconclusive(
                        "the last pair in use was not nominated yet when the recording ended",
                        [place],
                    );
                }
            }
        }
    }
}

/// Whether the peer said that it was connected; a capture alone does not show that.
fn connected(evidence: &Evidence, peer: Peer) -> bool {
    let is = |event: &PeerEvent| {
        matches!(event, PeerEvent::ConnectionStateChange { state: ConnectionState::Connected })
    };
    !evidence.whole || evidence.events(peer).iter().any(|happened| is(happened.event))
}

#[cfg(test)]
mod control {
    use super::super::nomination::is_data;
    use crate::checks::controls::{Control, Recording, stun};
    use crate::evidence::Peer;

    /// Takes USE-CANDIDATE out of all checks and signs them again, and has the data last for ten seconds more.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        stun::edit_each(evidence, |attributes| attributes.retain(|(kind, _)| *kind != 0x0025));
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let last = packets.iter_mut().rfind(|it| it.sender == Peer(0) && is_data(it)).unwrap();
        last.t_us += 10_000_000;
    });
}
