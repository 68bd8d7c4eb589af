//! What is recorded and decided of the packets of a lab, at both ends of their way.

use super::capture::{CaseCapture, Observed, Wire};
use crate::network::class::Class;
use crate::network::fabric::packet::{End, IpPacket, UDP};
use crate::network::fabric::topology::Topology;
use crate::network::fabric::{InterfaceId, Lost};
use crate::network::lab::{Passed, Wake, Watch};
use crate::network::rule::Decision;
use indexmap::IndexMap;
use peerproof_captures::recording::{Content, Direction as Way};
use peerproof_captures::tap::AT_INTERFACE;
use peerproof_captures::timeline::{What, words};
use peerproof_stack::tap::SecretSink;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

/// The most packets under way whose frames are remembered, to say of a lost one which it was.
const MOST_UNDER_WAY: usize = 16_384;
/// Port of multicast DNS (RFC 6762), whose messages are none of the peers' own.
const MDNS: u16 = 5353;

/// Records what passes in a lab and lets the rules decide, as in a case of these peers (name and implementation).
#[must_use]
pub fn watch(capture: &Arc<CaseCapture>, topology: &Topology, peers: &[(&str, &str)]) -> Box<dyn Watch> {
    Box::new(CaseWatch::new(capture, topology, peers))
}

/// Records the secrets that the stack reports.
#[derive(Debug)]
pub(crate) struct Secrets(pub(crate) Arc<CaseCapture>);

impl SecretSink for Secrets {
    fn key_log(&self, line: &str) {
        self.0.key_log(line);
    }

    fn srtp_keying_material(&self, _: &[u8]) {
        // It follows from the key log by the exporter of RFC 5705, which is what readers use.
    }
}

/// Records the secrets that a peer reports itself, with its name.
#[derive(Debug)]
pub(crate) struct ReportedSecrets {
    /// Where they are recorded.
    pub(crate) capture: Arc<CaseCapture>,
    /// The peer's name.
    pub(crate) peer: String,
}

impl SecretSink for ReportedSecrets {
    fn key_log(&self, line: &str) {
        self.capture.reported_key_log(&self.peer, line);
    }

    fn srtp_keying_material(&self, _: &[u8]) {}
}

/// An interface of the lab in the recording.
struct RecordedInterface {
    /// Peer and index of its place; nothing for a server.
    peer: Option<(String, usize)>,
    wire: Wire,
}

/// Sees every packet of a case at both ends.
struct CaseWatch {
    capture: Arc<CaseCapture>,
    interfaces: Vec<RecordedInterface>,
    /// Marks of packets that left, and their frames.
    under_way: VecDeque<(u64, u64)>,
    holding: bool,
}

impl CaseWatch {
    fn new(capture: &Arc<CaseCapture>, topology: &Topology, peers: &[(&str, &str)]) -> Self {
        let mut places: IndexMap<&str, (Vec<Wire>, usize)> = IndexMap::new();
        for (peer, implementation) in peers {
            let title = format!("{peer} ({implementation})");
            let own: Vec<&str> = topology
                .interfaces
                .keys()
                .filter_map(|name| name.strip_prefix(&format!("{peer}/")))
                .collect();
            let names: Vec<String> = match own.as_slice() {
                [_] => vec![title],
                several => several.iter().map(|name| format!("{title} {name}")).collect(),
            };
            places.insert(*peer, capture.place(&names, AT_INTERFACE));
        }
        let mut used: IndexMap<&str, usize> = IndexMap::new();
        let interfaces = topology.interfaces.keys().map(|name| {
            let host = name.split_once('/').map_or(name.as_str(), |(host, _)| host);
            let Some((wires, place)) = places.get(host) else {
                return RecordedInterface { peer: None, wire: capture.bystander(host) };
            };
            let n = used.entry(host).or_default();
            let wire = wires.get(*n).copied().flatten();
            *n += 1;
            RecordedInterface { peer: Some((host.to_owned(), *place)), wire }
        });
        let interfaces = interfaces.collect();
        Self { capture: Arc::clone(capture), interfaces, under_way: VecDeque::new(), holding: false }
    }

    fn frame_of(&self, mark: u64) -> Option<u64> {
        // Marks rise, so the newest are at the end.
        self.under_way.iter().rev().find(|(marked, _)| *marked == mark).map(|(_, frame)| *frame)
    }
}

/// The ends of a datagram that peers exchange with one another or with a server.
fn own_datagram(packet: &IpPacket) -> Option<(SocketAddr, SocketAddr)> {
    let flow = packet.flow().filter(|flow| flow.protocol == UDP)?;
    let multicast = flow.destination.ip().is_multicast();
    let is_own = !multicast && flow.source.port() != MDNS && flow.destination.port() != MDNS;
    is_own.then_some((flow.source, flow.destination))
}

fn lost_at(lost: &Lost) -> String {
    words::loss(&lost.place, lost.cause)
}

fn loss(frame: Option<u64>, lost: &Lost) -> What {
    What::Lost { frame, place: lost.place.clone(), cause: lost.cause }
}

impl Watch for CaseWatch {
    fn decide(&mut self, from: InterfaceId, packet: &IpPacket) -> Option<Decision> {
        let (peer, _) = self.interfaces.get(from.0)?.peer.as_ref()?;
        own_datagram(packet)?;
        self.capture.decide(peer, packet.payload())
    }

    fn wake_by(&mut self, wake: Wake) {
        self.capture.wake_on_keys(wake);
    }

    fn waits_for_keys(&mut self, from: InterfaceId, packet: &IpPacket) -> bool {
        let peer = self.interfaces.get(from.0).and_then(|it| it.peer.as_ref());
        peer.is_some_and(|(peer, _)| {
            own_datagram(packet).is_some() && self.capture.waits_for_keys(peer, packet.payload())
        })
    }

    fn without_keys(&mut self) {
        self.capture.without_keys();
    }

    fn passed(&mut self, passed: &Passed<'_>) {
        let Some(interface) = self.interfaces.get(passed.interface.0) else { return };
        let packet = passed.packet;
        let datagram = own_datagram(packet);
        let port_less = |end| SocketAddr::new(packet.address(end), 0);
        let (source, destination) =
            datagram.unwrap_or_else(|| (port_less(End::Source), port_less(End::Destination)));
        let (direction, local, remote) = match passed.out {
            true => (Way::Outbound, source, destination),
            false => (Way::Inbound, destination, source),
        };
        let rule = passed.decision.map(|decision| format!("rule: {}", words::rule(decision.rule.as_deref())));
        let comment = match (rule, passed.lost.map(lost_at)) {
            (Some(rule), Some(lost)) => Some(format!("{rule}; {lost}")),
            (rule, lost) => rule.or(lost),
        };
        let payload = packet.payload();
        let clock = self.capture.clock();
        let t_us = clock.case.at_us(passed.at);
        let mut inner = self.capture.inner();
        if !self.holding {
            inner.hold(true);
            self.holding = true;
        }
        let peer = interface.peer.as_ref();
        let observed = Observed {
            t_us,
            direction,
            local,
            remote,
            content: Content::Ip(packet.bytes()),
            carried_by: None,
            comment: comment.as_deref(),
        };
        let frame = inner.record(&clock, interface.wire, &observed);
        if let (Some(frame), Some((_, place)), Some(_)) = (frame, peer, datagram) {
            if let Some(class) = Class::of(payload) {
                inner.note_seen(class);
            }
            inner.open(&clock, *place, frame, (direction, local, remote), payload);
        }
        drop(inner);
        if let (true, Some(frame)) = (passed.out, frame) {
            if self.under_way.len() >= MOST_UNDER_WAY {
                self.under_way.pop_front();
            }
            self.under_way.push_back((packet.mark(), frame));
        }
        if let Some(lost) = passed.lost {
            self.capture.journal().write_at(t_us, loss(frame, lost));
        }
        if let (Some(Decision { action, rule }), Some((peer, _))) = (passed.decision, peer) {
            let (peer, rule) = (peer.clone(), rule.as_deref().cloned());
            let what = What::Faulted { peer, rule, action: action.into(), frame };
            self.capture.journal().write_at(t_us, what);
        }
    }

    fn lost(&mut self, lost: &Lost) {
        let frame = self.frame_of(lost.packet.mark());
        self.capture.journal().write(loss(frame, lost));
        let which = frame.map_or_else(String::new, |frame| format!("frame {frame} was "));
        self.capture.remark(format!("{which}{}", lost_at(lost)));
    }

    fn rest(&mut self) {
        if std::mem::take(&mut self.holding) {
            self.capture.inner().hold(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::fabric::packet::udp;
    use crate::network::fabric::topology::Preset;
    use crate::network::rule::{Rule, RuleAction, RuleSpec};
    use crate::peers::CaseClock;
    use crate::recording::Journal;
    use peerproof_captures::file::{CaptureReader, Item};
    use peerproof_captures::timeline::LossCause;
    use std::time::Instant;

    const ALICE: InterfaceId = InterfaceId(0);
    const BOB: InterfaceId = InterfaceId(1);

    #[test]
    fn data_waits_for_the_keys_that_a_rule_needs_to_match_it() {
        let (sent, secrets) = crate::network::follow::tests::recorded();
        let folder = tempfile::tempdir().unwrap();
        let journal = Arc::new(Journal::create(&folder.path().join("t.jsonl"), CaseClock::start()).unwrap());
        // The first packet that waits, if one does, with all before it decided about.
        let first_to_wait = |awaited: bool, rule: &str| {
            let capture =
                CaseCapture::create(&folder.path().join("c.pcapng"), "t", Arc::clone(&journal)).unwrap();
            capture.set_offerer("alice");
            capture.install(Rule::new(serde_yaml::from_str(rule).unwrap(), RuleAction::Drop, 1));
            if awaited {
                capture.await_keys();
            }
            let waits = sent.iter().map(|(first, bytes)| (if *first { "alice" } else { "bob" }, bytes)).find(
                |(from, bytes)| {
                    let waits = capture.waits_for_keys(from, bytes);
                    if !waits {
                        capture.decide(from, bytes);
                    }
                    waits
                },
            );
            (capture, waits)
        };
        let (capture, waits) = first_to_wait(true, "{ sctp: INIT }");
        let (from, init) = waits.expect("the INIT waits");
        secrets.lines().for_each(|line| capture.key_log(line));
        assert!(!capture.waits_for_keys(from, init));
        assert_eq!(capture.decide(from, init).map(|decision| decision.action), Some(RuleAction::Drop));

        let (capture, waits) = first_to_wait(true, "{ sctp: INIT }");
        let (from, init) = waits.unwrap();
        capture.without_keys();
        assert!(!capture.waits_for_keys(from, init), "no keys came in time");

        assert!(first_to_wait(false, "{ sctp: INIT }").1.is_none(), "no peer reports its keys late");
        assert!(first_to_wait(true, "{ handshake: Finished }").1.is_none(), "the rule needs no keys");
    }

    #[test]
    fn packets_are_recorded_at_both_ends_with_what_became_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Arc::new(Journal::create(&folder.path().join("t.jsonl"), CaseClock::start()).unwrap());
        let path = folder.path().join("c.pcapng");
        let capture = CaseCapture::create(&path, "t", Arc::clone(&journal)).unwrap();
        let topology = Preset::Internet.topology(&["alice", "bob"]);
        let mut watch = watch(&capture, &topology, &[("alice", "stack"), ("bob", "chrome")]);
        capture.install(Rule::new(RuleSpec { nth: Some(2), ..RuleSpec::default() }, RuleAction::Drop, 1));

        let packet = |port: u16, mark| {
            let (from, to) =
                (SocketAddr::from(([192, 0, 2, 1], 5000)), SocketAddr::from(([192, 0, 2, 2], port)));
            // A STUN request's first bytes.
            udp(from, to, &[0, 1, 0, 0]).unwrap().marked(mark)
        };
        let at = Instant::now();
        let pass = |watch: &mut Box<dyn Watch>, interface, out, packet: &IpPacket, lost: Option<&Lost>| {
            let decision = if out { watch.decide(interface, packet) } else { None };
            watch.passed(&Passed { at, interface, out, packet, decision: decision.as_ref(), lost });
        };
        pass(&mut watch, ALICE, true, &packet(6000, 1), None);
        pass(&mut watch, BOB, false, &packet(6000, 1), None);
        pass(&mut watch, ALICE, true, &packet(6000, 2), None);
        let nowhere = Lost {
            at: std::time::Duration::ZERO,
            place: "internet".into(),
            cause: LossCause::NoRoute,
            packet: packet(7000, 3),
        };
        pass(&mut watch, ALICE, true, &packet(7000, 3), Some(&nowhere));
        // Multicast DNS is recorded, and is no packet of the peers'.
        pass(&mut watch, ALICE, true, &packet(MDNS, 4), None);
        watch.lost(&nowhere);
        pass(&mut watch, ALICE, true, &packet(6000, 5), None);
        watch.rest();
        drop(watch);

        assert_eq!(capture.finish(), None);
        let mut reader = CaptureReader::new(std::fs::File::open(&path).unwrap());
        let mut comments = Vec::new();
        while let Some(item) = reader.next_item() {
            if let Item::Frame(frame) = item {
                comments.push(frame.comments().map(String::from_utf8_lossy).collect::<Vec<_>>().join(" / "));
            }
        }
        assert_eq!(comments.len(), 6);
        assert!(comments[2].starts_with("rule: drop"), "{comments:?}");
        assert_eq!(comments[3], "lost at internet: no route");
        assert_eq!(comments[5], "frame 4 was lost at internet: no route");
        let entries = journal.entries().0;
        assert!(matches!(entries[0].what, What::Faulted { frame: Some(3), .. }));
        let lost = What::Lost { frame: Some(4), place: "internet".to_owned(), cause: LossCause::NoRoute };
        assert_eq!(entries.iter().filter(|entry| entry.what == lost).count(), 2);
    }
}
