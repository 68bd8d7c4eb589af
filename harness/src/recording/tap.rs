//! A peer's sockets as a place of observation, where packets are decided about as they pass.

use super::capture::{CaseCapture, Observed};
use crate::network::class::Class;
use crate::network::rule::{Decision, RuleAction, corrupted};
use peerproof_captures::recording::{Content, Direction as Way, InterfaceId};
use peerproof_captures::timeline::{What, words};
use peerproof_stack::tap::{Action, Datagram, Direction, SecretSink, Tap, Transport};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A place of observation: the sockets of one peer.
#[derive(Debug)]
pub struct CaseTap {
    capture: Arc<CaseCapture>,
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
        capture: Arc<CaseCapture>,
        peer: &str,
        other: &str,
        other_is_tapped: bool,
        wire: Option<InterfaceId>,
        place: usize,
    ) -> Self {
        let (peer, other) = (peer.to_owned(), other.to_owned());
        Self { capture, peer, other, other_is_tapped, wire, place, held: Mutex::default() }
    }
}

impl Tap for CaseTap {
    fn on_datagram(&self, datagram: &Datagram<'_>) -> Action {
        let Datagram { direction, transport, local, remote, payload } = *datagram;
        let (from, here) = match direction {
            Direction::Out => (&self.peer, true),
            Direction::In => (&self.other, !self.other_is_tapped),
        };
        // Nothing comes between the decision and its record.
        let mut inner = self.capture.inner();
        let (class, decision) = match here {
            true => self.capture.decide_within(&mut inner, from, payload),
            false => (Class::of(payload), None),
        };
        if let Some(class) = class {
            inner.note_seen(class);
        }
        let content = match transport {
            Transport::Udp => Content::Udp(payload),
            Transport::Tcp => Content::Framed(payload),
        };
        let comment =
            decision.as_ref().map(|decision| format!("rule: {}", words::rule(decision.rule.as_deref())));
        let clock = self.capture.clock();
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
        self.capture.announce(decision.as_ref());
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let held = held.get_mut(usize::from(direction == Direction::In));
        if let Some(Decision { action, rule }) = decision {
            let (peer, rule) = (self.peer.clone(), rule.as_deref().cloned());
            let what = What::Faulted { peer, rule, action: (&action).into(), frame };
            self.capture.journal().write(what);
            let now = |payload: Vec<u8>| (Duration::ZERO, payload);
            return match action {
                RuleAction::Drop => Action::Drop,
                RuleAction::Delay(by) => Action::Deliver(vec![(by, payload.to_vec())]),
                RuleAction::Duplicate => Action::Deliver(vec![now(payload.to_vec()), now(payload.to_vec())]),
                RuleAction::Replay(by) => {
                    Action::Deliver(vec![now(payload.to_vec()), (by, payload.to_vec())])
                }
                RuleAction::Corrupt(byte) => Action::Deliver(vec![now(corrupted(payload, byte))]),
                // A decision contains the byte, or the pieces; what is not there is left as it is.
                RuleAction::CorruptField(_) | RuleAction::Fragment(_) => Action::Pass,
                RuleAction::Become(datagrams) => {
                    Action::Deliver(datagrams.iter().cloned().map(now).collect())
                }
                RuleAction::Inject(bytes) => {
                    Action::Deliver(vec![now(payload.to_vec()), now(bytes.to_vec())])
                }
                RuleAction::Reorder => match held {
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
        self.capture.key_log(line);
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
    use crate::recording::Journal;
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
        let capture =
            CaseCapture::create(&folder.path().join("c.pcapng"), "t", Arc::clone(&journal)).unwrap();
        let tap = capture.tap("alice", "stack", "bob", false);
        let spec = RuleSpec { from: Some("bob".to_owned()), first: Some(1), ..RuleSpec::default() };
        capture.install(Rule::new(spec, RuleAction::Reorder, 1));
        assert_eq!(tap.on_datagram(&datagram(Direction::Out, &[0, 1])), Action::Pass);
        assert_eq!(tap.on_datagram(&datagram(Direction::In, &[0, 1, 1])), Action::Drop);
        let swapped = vec![(Duration::ZERO, vec![0, 1, 2]), (Duration::ZERO, vec![0, 1, 1])];
        assert_eq!(tap.on_datagram(&datagram(Direction::In, &[0, 1, 2])), Action::Deliver(swapped));

        capture.clear();
        let spec = |text: &str| serde_yaml::from_str::<RuleSpec>(text).unwrap();
        let later = Duration::from_millis(5);
        capture.install(Rule::new(spec("{nth: 1}"), RuleAction::Replay(later), 1));
        capture.install(Rule::new(spec("{nth: 1}"), RuleAction::Inject([7].into()), 1));
        capture.install(Rule::new(
            spec("{field: transaction}"),
            RuleAction::CorruptField(Field::Transaction),
            1,
        ));
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
        assert_eq!(capture.finish(), None);
        assert!(matches!(journal.entries().0[0].what, What::Faulted { frame: Some(2), .. }));
    }
}
