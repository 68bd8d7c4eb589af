//! RFC 8445 §12.1: once a pair is selected, media and data leave on that pair alone.

use super::nomination::{self, Nominated, Path, data, path};
use super::roles::{History, Says};
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const CHECK: Check = Check {
    id: "ice-data-only-on-selected-pair",
    layer: Layer::Nomination,
    subject: "packets after the nomination",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// What is on its way out when a pair is selected may still leave on another, in microseconds: the catalogue's choice.
const GRACE_US: u64 = 500_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("no pair was nominated");
    let history = History::new(evidence, peer);
    let mut sessions = Sessions::new(&history);
    for packet in data(evidence, peer) {
        let Some(Selected { pairs, last, since_us, frame }) = sessions.at(packet.t_us) else { continue };
        let used = path(packet);
        let places = [Place::Frame(packet.frame), Place::Frame(frame)];
        if used == last {
            tally.pass(places[0]);
        } else if pairs.contains(&used) {
            // RFC 8445 knows one nomination only, RFC 5245 the highest priority: which is in force is not said on the wire.
            tally.inconclusive("several pairs were nominated, and the last is not the one in use", places);
        } else if let Some(off) = Off::late(since_us, GRACE_US, packet.t_us) {
            let (fault, what) = if pairs.len() == 1 {
                (Fault("other-pair"), "not the nominated pair")
            } else {
                (Fault("pair-of-none"), "no nominated pair")
            };
            let text = format!("a packet goes from {} to {}, {what}", packet.from, packet.to);
            tally.off(fault, evidence, off, text, places);
        }
    }
}

/// What is selected at a moment.
#[derive(Debug)]
struct Selected<'a> {
    /// All that were nominated in the session.
    pairs: &'a BTreeSet<Path>,
    /// The last of them, and when it was and by which frame.
    last: Path,
    since_us: u64,
    frame: u64,
}

/// The checks of one generation.
struct Session<'a> {
    /// When the first of them was seen.
    began_us: u64,
    nominated: Vec<Nominated<'a>>,
}

/// The generations of a session, one after the other.
struct Sessions<'a> {
    all: Vec<Session<'a>>,
    /// Which is in force at the moment last asked for, and the paths nominated in it so far.
    now: usize,
    taken: usize,
    paths: BTreeSet<Path>,
}

impl<'a> Sessions<'a> {
    fn new(history: &History<'a>) -> Self {
        let mut order = BTreeMap::new();
        let mut all: Vec<Session<'_>> = Vec::new();
        for told in history.told.iter().filter(|it| matches!(it.says, Says::Claims(..))) {
            let Some(generation) = nomination::generation(told) else { continue };
            order.entry(generation).or_insert_with(|| {
                all.push(Session { began_us: told.packet.t_us, nominated: Vec::new() });
                all.len() - 1
            });
        }
        for nominated in nomination::nominated(history) {
            let session = order.get(&nominated.generation).and_then(|at| all.get_mut(*at));
            session.into_iter().for_each(|session| session.nominated.push(nominated));
        }
        Self { all, now: 0, taken: 0, paths: BTreeSet::new() }
    }

    /// What is selected for good at a moment, which is not before the one asked for last. Nothing while a restart is under way.
    fn at(&mut self, t_us: u64) -> Option<Selected<'_>> {
        while self.all.get(self.now + 1).is_some_and(|session| session.began_us <= t_us) {
            (self.now, self.taken) = (self.now + 1, 0);
            self.paths.clear();
        }
        let nominated = &self.all.get(self.now)?.nominated;
        let fresh = nominated.iter().skip(self.taken).take_while(|it| it.t_us <= t_us);
        for Nominated { path, .. } in fresh {
            self.taken += 1;
            self.paths.insert(*path);
        }
        let Nominated { path: last, t_us: since_us, frame, .. } =
            *nominated.get(self.taken.checked_sub(1)?)?;
        let settled = t_us >= since_us.saturating_add(GRACE_US);
        settled.then_some(Selected { pairs: &self.paths, last, since_us, frame })
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use crate::checks::ice::nomination::is_data;
    use crate::evidence::{Evidence, Packet, Peer};

    /// Has a packet go by the pair of before the restart, and late, when another one has long been nominated.
    pub(super) const CONTROL: Control = Control::prepared(
        Recording::Restart,
        |evidence| {
            let last = own(evidence).pop().unwrap().clone();
            let later =
                [4_000_000, 4_100_000].map(|by_us| Packet { t_us: last.t_us + by_us, ..last.clone() });
            evidence.wire.as_mut().unwrap().packets.extend(later);
        },
        |evidence| {
            let mut own = own(evidence);
            let (from, to) = (own[0].from, own[0].to);
            let late = own.iter_mut().nth_back(1).unwrap();
            assert_ne!((from, to), (late.from, late.to));
            (late.from, late.to) = (from, to);
        },
    );

    /// What Alice sent that is not STUN, as it left her.
    fn own(evidence: &mut Evidence) -> Vec<&mut Packet> {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        packets.iter_mut().filter(|it| is_data(it) && it.tap == ALICE && it.sender == ALICE).collect()
    }

    const ALICE: Peer = Peer(0);
}
