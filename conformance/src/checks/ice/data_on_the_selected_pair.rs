//! RFC 8445 §12.1: once a pair is selected, media and data leave on that pair alone.

use super::nomination::{self, Nominated, Path, data, path};
use super::roles::{History, Says};
use crate::checks::{Check, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "ice-data-only-on-selected-pair",
    layer: Layer::Nomination,
    subject: "packets after the nomination",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// What is on its way out when a pair is selected may still leave on another.
const GRACE_US: u64 = 500_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.absent("no pair was nominated");
    let history = History::new(evidence, peer);
    let mut sessions = Sessions::new(&history);
    for packet in data(evidence, peer) {
        let place = Place::Frame(packet.frame);
        let Some(selected) = sessions.at(packet.t_us) else { continue };
        let used = path(packet);
        match selected {
            Selected::One(pair, frame) if used != pair => tally.fault(
                format!(
                    "a packet goes from {} to {}, which is not the nominated pair",
                    packet.from, packet.to
                ),
                [place, Place::Frame(frame)],
            ),
            Selected::Several(pairs, frame) if !pairs.contains(&used) => tally.fault(
                format!("a packet goes from {} to {}, which was never nominated", packet.from, packet.to),
                [place, Place::Frame(frame)],
            ),
            // RFC 8445 knows one nomination only, RFC 5245 the highest priority: which is in force is not said on the wire.
            Selected::Several(pairs, frame) if pairs.last() != Some(&used) => tally.doubt(
                "several pairs were nominated, and the last is not the one in use",
                [place, Place::Frame(frame)],
            ),
            _ => tally.good(place),
        }
    }
}

/// What is selected at a moment, and the frame that says so.
#[derive(Debug)]
enum Selected<'a> {
    One(Path, u64),
    Several(&'a [Path], u64),
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
    paths: Vec<Path>,
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
        Self { all, now: 0, taken: 0, paths: Vec::new() }
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
            self.paths.retain(|it| it != path);
            self.paths.push(*path);
        }
        let Nominated { t_us: since, frame, .. } = *nominated.get(self.taken.checked_sub(1)?)?;
        if t_us < since.saturating_add(GRACE_US) {
            return None;
        }
        Some(match self.paths.as_slice() {
            [one] => Selected::One(*one, frame),
            several => Selected::Several(several, frame),
        })
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
                [2_000_000, 2_100_000].map(|by_us| Packet { t_us: last.t_us + by_us, ..last.clone() });
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
