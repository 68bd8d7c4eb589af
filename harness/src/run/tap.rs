//! A peer's sockets as a place of observation, where packets are decided about as they pass.

use super::stage::{Observed, Stage};
use crate::network::class::look;
use crate::network::rule::{Decision, Deed, corrupted};
use peerproof_captures::recording::{Content, Direction as Way, InterfaceId};
use peerproof_captures::timeline::{What, words};
use peerproof_stack::tap::{Action, Datagram, Direction, SecretSink, Tap, Transport};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A place of observation: the sockets of one peer.
#[derive(Debug)]
pub struct CaseTap {
    stage: Arc<Stage>,
    peer: String,
    other: String,
    other_is_tapped: bool,
    wire: Option<InterfaceId>,
    /// Index of this place.
    place: usize,
    /// Packets that wait to change places with the next one, out and in.
    held: Mutex<[Option<Vec<u8>>; 2]>,
}

fn way(direction: Direction) -> Way {
    match direction {
        Direction::In => Way::Inbound,
        Direction::Out => Way::Outbound,
    }
}

impl CaseTap {
    pub(super) fn new(
        stage: Arc<Stage>,
        peer: &str,
        other: &str,
        other_is_tapped: bool,
        wire: Option<InterfaceId>,
        place: usize,
    ) -> Self {
        let (peer, other) = (peer.to_owned(), other.to_owned());
        Self { stage, peer, other, other_is_tapped, wire, place, held: Mutex::default() }
    }
}

impl Tap for CaseTap {
    fn on_datagram(&self, datagram: &Datagram<'_>) -> Action {
        let Datagram { direction, transport, local, remote, payload } = *datagram;
        let seen = look(payload);
        let (from, here) = match direction {
            Direction::Out => (&self.peer, true),
            Direction::In => (&self.other, !self.other_is_tapped),
        };
        let decision = if here { self.stage.decide(from, payload) } else { None };
        let mut inner = self.stage.inner();
        if let Some(class) = seen.class {
            inner.note_seen(class);
        }
        let content = match transport {
            Transport::Udp => Content::Udp(payload),
            Transport::Tcp => Content::Framed(payload),
        };
        let comment =
            decision.as_ref().map(|decision| format!("rule: {}", words::rule(decision.rule.as_deref())));
        let clock = self.stage.clock();
        let observed = Observed {
            t_us: clock.case.now_us(),
            direction: way(direction),
            local,
            remote,
            content,
            carried_by: None,
            comment: comment.as_deref(),
        };
        let frame = inner.record(&clock, self.wire, &observed);
        if let Some(frame) = frame {
            inner.open(&clock, self.place, frame, (way(direction), local, remote), payload);
        }
        drop(inner);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let held = held.get_mut(usize::from(direction == Direction::In));
        if let Some(Decision { deed, rule }) = decision {
            let (peer, rule) = (self.peer.clone(), rule.as_deref().cloned());
            let what = What::Faulted { peer, rule, action: (&deed).into(), frame };
            self.stage.journal().write(what);
            let now = |payload: Vec<u8>| (Duration::ZERO, payload);
            return match deed {
                Deed::Drop => Action::Drop,
                Deed::Delay(by) => Action::Deliver(vec![(by, payload.to_vec())]),
                Deed::Duplicate => Action::Deliver(vec![now(payload.to_vec()), now(payload.to_vec())]),
                Deed::Replay(by) => Action::Deliver(vec![now(payload.to_vec()), (by, payload.to_vec())]),
                Deed::Corrupt(byte) => Action::Deliver(vec![now(corrupted(payload, byte))]),
                // A decision tells the byte, or the pieces; what is not there is left as it is.
                Deed::CorruptField(_) | Deed::Fragment(_) => Action::Pass,
                Deed::Become(datagrams) => Action::Deliver(datagrams.iter().cloned().map(now).collect()),
                Deed::Inject(bytes) => Action::Deliver(vec![now(payload.to_vec()), now(bytes.to_vec())]),
                Deed::Reorder => match held {
                    Some(held @ None) => {
                        *held = Some(payload.to_vec());
                        Action::Drop
                    }
                    Some(held) => {
                        let before = held.take().unwrap_or_default();
                        Action::Deliver(vec![now(payload.to_vec()), now(before)])
                    }
                    None => Action::Pass,
                },
            };
        }
        match held.and_then(Option::take) {
            Some(before) => {
                Action::Deliver(vec![(Duration::ZERO, payload.to_vec()), (Duration::ZERO, before)])
            }
            None => Action::Pass,
        }
    }
}

impl SecretSink for CaseTap {
    fn key_log(&self, line: &str) {
        self.stage.key_log(line);
    }

    fn srtp_keying_material(&self, _: &[u8]) {
        // It follows from the key log by the exporter of RFC 5705, which is what readers use.
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::rule::{Field, Rule, RuleSpec};
    use crate::peers::CaseClock;
    use crate::run::journal::Journal;
    use std::net::{Ipv4Addr, SocketAddr};

    fn datagram(direction: Direction, payload: &[u8]) -> Datagram<'_> {
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let remote = SocketAddr::from((Ipv4Addr::LOCALHOST, 2));
        Datagram { direction, transport: Transport::Udp, local, remote, payload }
    }

    #[test]
    fn rules_act_where_packets_go_out_and_everything_is_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let clock = CaseClock::start();
        let journal = Arc::new(Journal::create(&folder.path().join("t.jsonl"), clock).unwrap());
        let stage = Stage::create(&folder.path().join("c.pcapng"), "t", Arc::clone(&journal)).unwrap();
        let tap = stage.tap("alice", "stack", "bob", false);
        let spec = RuleSpec { from: Some("bob".to_owned()), first: Some(1), ..RuleSpec::default() };
        stage.install(Rule::new(spec, Deed::Reorder, 1));
        assert_eq!(tap.on_datagram(&datagram(Direction::Out, &[0, 1])), Action::Pass);
        assert_eq!(tap.on_datagram(&datagram(Direction::In, &[0, 1, 1])), Action::Drop);
        let swapped = vec![(Duration::ZERO, vec![0, 1, 2]), (Duration::ZERO, vec![0, 1, 1])];
        assert_eq!(tap.on_datagram(&datagram(Direction::In, &[0, 1, 2])), Action::Deliver(swapped));

        stage.clear();
        let spec = |text: &str| serde_yaml::from_str::<RuleSpec>(text).unwrap();
        let later = Duration::from_millis(5);
        stage.install(Rule::new(spec("{nth: 1}"), Deed::Replay(later), 1));
        stage.install(Rule::new(spec("{nth: 1}"), Deed::Inject([7].into()), 1));
        stage.install(Rule::new(spec("{field: transaction}"), Deed::CorruptField(Field::Transaction), 1));
        let request = [[0, 1, 0, 0].as_slice(), &[0x21, 0x12, 0xa4, 0x42], &[4; 12]].concat();
        let mut changed = request.clone();
        changed[19] = 5;
        for expected in [
            vec![(Duration::ZERO, request.clone()), (later, request.clone())],
            vec![(Duration::ZERO, request.clone()), (Duration::ZERO, vec![7])],
            vec![(Duration::ZERO, changed)],
        ] {
            assert_eq!(tap.on_datagram(&datagram(Direction::Out, &request)), Action::Deliver(expected));
        }
        assert_eq!(tap.on_datagram(&datagram(Direction::Out, &[0, 1])), Action::Pass, "it has no such field");
        assert_eq!(stage.finish(), None);
        assert!(matches!(journal.entries().0[0].what, What::Faulted { frame: Some(2), .. }));
    }
}
