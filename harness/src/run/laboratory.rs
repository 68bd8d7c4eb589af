//! A case's lab: its hosts, and what is recorded and decided of the packets between them.

use super::journal::Journal;
use super::provider::Provider;
use super::stage::{Observed, Stage, Wire};
use crate::network::class::look;
use crate::network::fabric::link::LinkQuality;
use crate::network::fabric::packet::{End, Packet, UDP};
use crate::network::fabric::topology::{Part, Topology};
use crate::network::fabric::{InterfaceId, Lost};
use crate::network::lab::{Host, Lab, LabError, Passed, Watch, hosts_of, unavailable};
use crate::network::rule::Decision;
use crate::peers::implementation::Implementation;
use crate::peers::{OpenError, Surroundings};
use crate::scenario::model::SERVERS;
use crate::servers::Place;
use indexmap::IndexMap;
use peerproof_captures::recording::{Content, Direction as Way};
use peerproof_captures::timeline::{LinkRate, What, words};
use peerproof_stack::tap::SecretSink;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

/// Frames of so many packets under way are remembered, to say of a lost one which it was.
const MOST_UNDER_WAY: usize = 16_384;
/// Port of multicast DNS (RFC 6762), whose messages are none of the peers' own.
const MDNS: u16 = 5353;

/// Who plays in a lab, and what is wanted around it.
pub(super) struct Player<'a> {
    pub(super) name: &'a str,
    pub(super) implementation: Arc<dyn Implementation>,
    pub(super) surroundings: Surroundings,
}

/// Makes the hosts, joins them, and has everything recorded.
///
/// # Errors
/// [`OpenError::Unsupported`] where this machine makes no lab.
pub(super) async fn open(
    provider: &dyn Provider,
    topology: Topology,
    players: &[Player<'_>],
    stage: &Arc<Stage>,
    seed: u64,
) -> Result<Arc<Lab>, OpenError> {
    if let Some(reason) = unavailable() {
        return Err(OpenError::Unsupported(format!("this machine makes no lab: {reason}")));
    }
    let broken = |error: &dyn std::fmt::Display| OpenError::Broken(format!("the lab: {error}"));
    let specs = hosts_of(&topology).map_err(|error| broken(&error))?;
    let mut hosts: IndexMap<String, Arc<Host>> = IndexMap::new();
    for (name, interfaces) in &specs {
        let player = players.iter().find(|player| player.name == name);
        let made = match player {
            Some(player) => provider.host(&player.implementation, &player.surroundings, interfaces).await,
            None => Host::new(interfaces).await.map_err(|error| broken(&error)),
        };
        hosts.insert(name.clone(), made?);
    }
    stage.collect_key_logs();
    tell_limits(stage.journal(), &topology);
    let named: Vec<(&str, &str)> =
        players.iter().map(|player| (player.name, player.implementation.name())).collect();
    let watch = CaseWatch::new(stage, &topology, &named);
    let lab = Lab::start(topology, hosts, seed, Box::new(watch)).map_err(|error| broken(&error))?;
    Ok(Arc::new(lab))
}

/// What the timeline says of a link that is now like this.
pub(super) fn link_told(
    topology: &Topology,
    name: Option<&str>,
    of: &str,
    up: Option<&LinkQuality>,
    down: Option<&LinkQuality>,
) -> What {
    let of = match Part::find(topology, of) {
        Some(Part::Interface(name) | Part::Segment(name)) => name,
        None => of.to_owned(),
    };
    let rate = |quality: &LinkQuality| LinkRate { kbit: quality.rate_kbit };
    What::Link { name: name.map(str::to_owned), of, up: up.map(rate), down: down.map(rate) }
}

/// Tells of the links that are limited from the beginning.
fn tell_limits(journal: &Journal, topology: &Topology) {
    let interfaces = topology.interfaces.iter().map(|(name, at)| (name, &at.up, &at.down));
    let segments = topology.segments.iter().map(|(name, segment)| (name, &segment.up, &segment.down));
    for (name, up, down) in interfaces.chain(segments) {
        if up.rate_kbit.is_some() || down.rate_kbit.is_some() {
            journal.write(link_told(topology, None, name, Some(up), Some(down)));
        }
    }
}

/// Where the servers of a case are: in their host, at its IPv6 address first if no peer has another.
///
/// # Errors
/// When no thread can be started there.
pub(super) async fn place(lab: &Arc<Lab>, peerproof: &Path) -> Result<Place, LabError> {
    let Some(host) = lab.host(SERVERS).cloned() else { return Ok(Place::here(peerproof)) };
    let of = |mine: bool| {
        lab.topology()
            .interfaces
            .iter()
            .filter(move |(name, _)| name.starts_with("servers/") == mine)
            .flat_map(|(name, _)| lab.addresses(name))
            .collect::<Vec<IpAddr>>()
    };
    let (mut addresses, clients) = (of(true), of(false));
    let only_v6 = !clients.iter().any(IpAddr::is_ipv4);
    addresses.sort_by_key(|address| address.is_ipv6() != only_v6);
    let runtime = tokio::task::spawn_blocking(move || host.runtime()).await.map_err(|_| LabError::Gone)??;
    Ok(Place { addresses, tls_name: None, runtime, peerproof: peerproof.to_owned() })
}

/// Records what passes in a lab and lets the rules decide, as in a case of these peers (name and implementation).
#[must_use]
pub fn watch(stage: &Arc<Stage>, topology: &Topology, peers: &[(&str, &str)]) -> Box<dyn Watch> {
    Box::new(CaseWatch::new(stage, topology, peers))
}

/// Puts what the stack tells of its secrets on record.
#[derive(Debug)]
pub(super) struct Secrets(pub(super) Arc<Stage>);

impl SecretSink for Secrets {
    fn key_log(&self, line: &str) {
        self.0.key_log(line);
    }

    fn srtp_keying_material(&self, _: &[u8]) {
        // It follows from the key log by the exporter of RFC 5705, which is what readers use.
    }
}

/// An interface of the lab in the recording.
struct Berth {
    /// Peer and index of its place; nothing for a server.
    peer: Option<(String, usize)>,
    wire: Wire,
}

/// Sees every packet of a case at both ends.
struct CaseWatch {
    stage: Arc<Stage>,
    berths: Vec<Berth>,
    /// Marks of packets that left, and their frames.
    under_way: VecDeque<(u64, u64)>,
    holding: bool,
}

impl CaseWatch {
    fn new(stage: &Arc<Stage>, topology: &Topology, peers: &[(&str, &str)]) -> Self {
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
            places.insert(*peer, stage.place(&names, "at the peer's interface"));
        }
        let mut used: IndexMap<&str, usize> = IndexMap::new();
        let berths = topology.interfaces.keys().map(|name| {
            let host = name.split_once('/').map_or(name.as_str(), |(host, _)| host);
            let Some((wires, place)) = places.get(host) else {
                return Berth { peer: None, wire: stage.bystander(host) };
            };
            let n = used.entry(host).or_default();
            let wire = wires.get(*n).copied().flatten();
            *n += 1;
            Berth { peer: Some((host.to_owned(), *place)), wire }
        });
        let berths = berths.collect();
        Self { stage: Arc::clone(stage), berths, under_way: VecDeque::new(), holding: false }
    }

    fn frame_of(&self, mark: u64) -> Option<u64> {
        // Marks rise, so the newest are at the end.
        self.under_way.iter().rev().find(|(marked, _)| *marked == mark).map(|(_, frame)| *frame)
    }
}

/// The ends of a datagram that peers exchange with one another or with a server.
fn own_datagram(packet: &Packet) -> Option<(SocketAddr, SocketAddr)> {
    let flow = packet.flow().filter(|flow| flow.protocol == UDP)?;
    let multicast = flow.destination.ip().is_multicast();
    let is_own = !multicast && flow.source.port() != MDNS && flow.destination.port() != MDNS;
    is_own.then_some((flow.source, flow.destination))
}

fn lost_at(lost: &Lost) -> String {
    format!("lost at {}: {}", lost.place, lost.cause)
}

impl Watch for CaseWatch {
    fn decide(&mut self, from: InterfaceId, packet: &Packet) -> Option<Decision> {
        let (peer, _) = self.berths.get(from.0)?.peer.as_ref()?;
        own_datagram(packet)?;
        self.stage.decide(peer, packet.payload())
    }

    fn passed(&mut self, passed: &Passed<'_>) {
        let Some(berth) = self.berths.get(passed.interface.0) else { return };
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
        let clock = self.stage.clock();
        let t_us = clock.case.at_us(passed.at);
        let mut inner = self.stage.inner();
        if !self.holding {
            inner.hold(true);
            self.holding = true;
        }
        let peer = berth.peer.as_ref();
        let observed = Observed {
            t_us,
            direction,
            local,
            remote,
            content: Content::Ip(packet.bytes()),
            carried_by: None,
            comment: comment.as_deref(),
        };
        let frame = inner.record(&clock, berth.wire, &observed);
        if let (Some(frame), Some((_, place)), Some(_)) = (frame, peer, datagram) {
            if let Some(class) = look(payload).class {
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
        if let (Some(Decision { deed, rule }), Some((peer, _))) = (passed.decision, peer) {
            let (peer, rule) = (peer.clone(), rule.as_deref().cloned());
            let what = What::Faulted { peer, rule, action: deed.into(), frame };
            self.stage.journal().write_at(t_us, what);
        }
    }

    fn lost(&mut self, lost: &Lost) {
        let frame =
            self.frame_of(lost.packet.mark()).map_or_else(String::new, |frame| format!("frame {frame} was "));
        self.stage.remark(format!("{frame}{}", lost_at(lost)));
    }

    fn rest(&mut self) {
        if std::mem::take(&mut self.holding) {
            self.stage.inner().hold(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::fabric::Cause;
    use crate::network::fabric::packet::udp;
    use crate::network::fabric::topology::Preset;
    use crate::network::rule::{Deed, Rule, RuleSpec};
    use crate::peers::CaseClock;
    use crate::run::journal::Journal;
    use peerproof_captures::file::{CaptureReader, Item};
    use std::time::Instant;

    const ALICE: InterfaceId = InterfaceId(0);
    const BOB: InterfaceId = InterfaceId(1);

    #[test]
    fn packets_are_recorded_at_both_ends_with_what_became_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Arc::new(Journal::create(&folder.path().join("t.jsonl"), CaseClock::start()).unwrap());
        let capture = folder.path().join("c.pcapng");
        let stage = Stage::create(&capture, "t", Arc::clone(&journal)).unwrap();
        let topology = Preset::Internet.topology(&["alice", "bob"]);
        let mut watch = watch(&stage, &topology, &[("alice", "stack"), ("bob", "chrome")]);
        stage.install(Rule::new(RuleSpec { nth: Some(2), ..RuleSpec::default() }, Deed::Drop, 1));

        let packet = |port: u16, mark| {
            let (from, to) =
                (SocketAddr::from(([192, 0, 2, 1], 5000)), SocketAddr::from(([192, 0, 2, 2], port)));
            // A STUN request's first bytes.
            udp(from, to, &[0, 1, 0, 0]).unwrap().marked(mark)
        };
        let at = Instant::now();
        let pass = |watch: &mut Box<dyn Watch>, interface, out, packet: &Packet, lost: Option<&Lost>| {
            let decision = if out { watch.decide(interface, packet) } else { None };
            watch.passed(&Passed { at, interface, out, packet, decision: decision.as_ref(), lost });
        };
        pass(&mut watch, ALICE, true, &packet(6000, 1), None);
        pass(&mut watch, BOB, false, &packet(6000, 1), None);
        pass(&mut watch, ALICE, true, &packet(6000, 2), None);
        let nowhere = Lost {
            at: std::time::Duration::ZERO,
            place: "internet".into(),
            cause: Cause::NoRoute,
            packet: packet(7000, 3),
        };
        pass(&mut watch, ALICE, true, &packet(7000, 3), Some(&nowhere));
        // Multicast DNS is recorded, and is no packet of the peers'.
        pass(&mut watch, ALICE, true, &packet(MDNS, 4), None);
        watch.lost(&nowhere);
        pass(&mut watch, ALICE, true, &packet(6000, 5), None);
        watch.rest();
        drop(watch);

        assert_eq!(stage.finish(), None);
        let mut reader = CaptureReader::new(std::fs::File::open(&capture).unwrap());
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
        assert!(matches!(journal.entries().0[0].what, What::Faulted { frame: Some(3), .. }));
    }
}
