//! When packets that a peer numbers and counts may not leave it.
//!
//! An implementation numbers, encrypts and counts a packet before it hands it to the transport, and the transport has no pair to send it
//! on while ICE is `disconnected` or `failed` (RFC 7675 §5.1 forbids it then) and while a restart changes the pair, or the kernel refuses it
//! because the interface is down. Nor does anything leave where DTLS failed. "Sent" (RFC 3550 §5.1, §6.4.1; RFC 3711 §3.4) may be read either way, so it decides nothing.

use peerproof_captures::event::{Description, DtlsState, IceState, PeerEvent};
use peerproof_captures::sdp::{IceUfrag, SessionDescription};
use peerproof_captures::timeline::{Action, Entry, HarnessStep, What};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// How long after a peer reports another pair it may still be changing to it: the report and the packets come from different threads.
const CHANGING_US: u64 = 1_000_000;

/// The times at which packets of one peer may not leave it, in microseconds of the case.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unsent(Vec<RangeInclusive<u64>>);

impl Unsent {
    /// Those of the peer of that name.
    pub(crate) fn of(timeline: &[Entry], peer: &str) -> Self {
        let mut spans = Vec::new();
        // Since when one of these lasts.
        let (mut down, mut broken, mut changing, mut unkeyed) = (None, None, None, None);
        let mut fragments: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        let mut end = |since: &mut Option<u64>, t_us: u64| {
            spans.extend(since.take().map(|from: u64| from..=t_us.saturating_add(CHANGING_US)));
        };
        for Entry { t_us, what, .. } in timeline {
            let t_us = *t_us;
            match what {
                What::StepBegan { definition, .. } => match interface(&definition.action, peer) {
                    Some("down") => down = down.or(Some(t_us)),
                    Some(_) => end(&mut down, t_us),
                    None => {}
                },
                What::Carried { from, sent, .. } if is_restart(&mut fragments, from, sent) => {
                    changing = changing.or(Some(t_us));
                }
                What::Event { peer: by, event, .. } => match event {
                    PeerEvent::Acted { operation, description: Some(description), error: None }
                        if operation == "setLocalDescription"
                            && is_restart(&mut fragments, by, description) =>
                    {
                        changing = changing.or(Some(t_us));
                    }
                    _ if by != peer => {}
                    PeerEvent::SelectedCandidatePairChange { .. } => {
                        end(&mut changing, t_us);
                        end(&mut down, t_us);
                    }
                    PeerEvent::IceConnectionStateChange { state }
                    | PeerEvent::IceTransportStateChange { state } => match state {
                        IceState::Disconnected | IceState::Failed => broken = broken.or(Some(t_us)),
                        IceState::Connected | IceState::Completed => end(&mut broken, t_us),
                        _ => {}
                    },
                    PeerEvent::DtlsStateChange { state, .. } => match state {
                        DtlsState::Failed => unkeyed = unkeyed.or(Some(t_us)),
                        DtlsState::Connected => end(&mut unkeyed, t_us),
                        _ => {}
                    },
                    _ => {}
                },
                _ => {}
            }
        }
        for mut since in [down, broken, changing, unkeyed] {
            end(&mut since, u64::MAX);
        }
        Self(spans)
    }

    /// Whether one of them lies between two moments, or around them.
    pub(crate) fn touches(&self, from_us: u64, to_us: u64) -> bool {
        self.0.iter().any(|span| *span.start() <= to_us && from_us <= *span.end())
    }

    /// Whether one has begun by then.
    pub(crate) fn began_by(&self, t_us: u64) -> bool {
        self.0.iter().any(|span| *span.start() <= t_us)
    }
}

/// Whether a step takes an interface of a peer of the lab `down` or `up`.
fn interface<'a>(action: &'a Action, peer: &str) -> Option<&'a str> {
    let Action::Harness { step: HarnessStep::Network, args } = action else { return None };
    ["down", "up"].into_iter().find(|way| {
        let interface = args.get(*way).and_then(serde_json::Value::as_str);
        interface.and_then(|it| it.split_once('/')).is_some_and(|(host, _)| host == peer)
    })
}

/// Whether a description has a username fragment that none before it had, of a side that had one (RFC 8839 §4.4.1.1.1).
fn is_restart<'a>(
    fragments: &mut BTreeMap<&'a str, BTreeSet<String>>,
    by: &'a str,
    description: &Description,
) -> bool {
    let sdp = SessionDescription::parse(description.sdp.as_str());
    let sections = std::iter::once(sdp.session()).chain(sdp.media());
    let own: Vec<String> = sections.filter_map(|it| it.first::<IceUfrag>()).map(|it| it.0).collect();
    let known = fragments.entry(by).or_default();
    let is_new = !known.is_empty() && own.iter().any(|it| !known.contains(it));
    known.extend(own);
    is_new
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn spans(entries: &[(u64, Value)]) -> Vec<(u64, u64)> {
        let entry = |(t_us, what): &(u64, Value)| -> Entry {
            serde_json::from_value(json!({"n": 0, "t_us": t_us, "what": what})).unwrap()
        };
        let timeline: Vec<Entry> = entries.iter().map(entry).collect();
        let Unsent(spans) = Unsent::of(&timeline, "alice");
        spans.iter().map(|span| (*span.start(), *span.end())).collect()
    }

    fn event(peer: &str, event: &str, data: Value) -> Value {
        json!({"event": {"peer": peer, "seq": 0, "event": {"event": event, "data": data}}})
    }

    #[test]
    fn while_ice_is_down_of_the_peer_itself() {
        let state =
            |peer: &str, state: &str| event(peer, "iceconnectionstatechange", json!({ "state": state }));
        let lost = [
            (10, state("alice", "disconnected")),
            (20, state("alice", "failed")),
            (30, state("bob", "connected")),
        ];
        assert_eq!(spans(&lost), [(10, u64::MAX)]);
        let found = [(10, state("alice", "disconnected")), (20, state("alice", "connected"))];
        assert_eq!(spans(&found), [(10, 20 + CHANGING_US)]);
        assert_eq!(spans(&[(10, state("bob", "disconnected"))]), []);
        assert_eq!(
            spans(&[(10, event("alice", "dtlsstatechange", json!({"state": "failed"})))]),
            [(10, u64::MAX)]
        );
    }

    #[test]
    fn from_a_restart_of_either_side_until_the_next_pair() {
        let carried = |from: &str, ufrag: &str| {
            let sent = json!({"type": "offer", "sdp": format!("v=0\r\na=ice-ufrag:{ufrag}\r\n")});
            json!({"carried": {"from": from, "to": "carol", "sent": sent, "delivered": null}})
        };
        let pair = || event("alice", "selectedcandidatepairchange", json!({"local": "", "remote": ""}));
        let all =
            [(1, carried("alice", "a")), (2, carried("bob", "b")), (3, pair()), (4, carried("bob", "b"))];
        assert_eq!(spans(&all), []);
        let all = [(1, carried("bob", "b")), (5, carried("bob", "c")), (9, pair())];
        assert_eq!(spans(&all), [(5, 9 + CHANGING_US)]);
    }

    #[test]
    fn while_an_interface_of_the_peer_is_down() {
        let step = |way: &str, host: &str| {
            let args = json!({way: format!("{host}/wifi")});
            let action = json!({"harness": {"step": "network", "args": args}});
            json!({"step_began": {"step": 0, "definition": {"action": action}}})
        };
        assert_eq!(spans(&[(5, step("down", "alice")), (9, step("up", "alice"))]), [(5, 9 + CHANGING_US)]);
        assert_eq!(spans(&[(5, step("down", "alice"))]), [(5, u64::MAX)]);
        assert_eq!(spans(&[(5, step("down", "bob"))]), []);
    }
}
