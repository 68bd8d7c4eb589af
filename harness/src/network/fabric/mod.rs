//! The network between the peers: segments, routers, NATs and links, in user space.
//!
//! Pure: packets, time and the seed are given. The same inputs at the same times give the same outputs, so a case in
//! virtual time repeats byte for byte. What feeds it real packets at real times is the lab.

pub mod link;
pub mod nat;
pub mod packet;
pub mod topology;

use indexmap::IndexMap;
use link::{Arrival, Link, LinkLoss, LinkQuality};
use nat::{Nat, Translated};
use packet::{End, IpPacket, TCP, UDP};
use peerproof_captures::timeline::LossCause;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::IpAddr;
use std::time::Duration;
use topology::{Families, Firewall, INTERNET, Plan, Topology, TopologyError};

/// An interface of a host, by its place in [`Topology::interfaces`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InterfaceId(pub usize);

impl From<LinkLoss> for LossCause {
    fn from(loss: LinkLoss) -> Self {
        match loss {
            LinkLoss::Down => Self::LinkDown,
            LinkLoss::Chance => Self::Chance,
            LinkLoss::QueueFull => Self::QueueFull,
            LinkLoss::TooLong(mtu) => Self::TooLong { mtu },
        }
    }
}

impl From<nat::Reason> for LossCause {
    fn from(reason: nat::Reason) -> Self {
        match reason {
            nat::Reason::NoMapping => Self::NoMapping,
            nat::Reason::Filtered => Self::Filtered,
            nat::Reason::NoPorts => Self::NoPorts,
            nat::Reason::NoHairpinning => Self::NoHairpinning,
            nat::Reason::NoPortFree => Self::NoPortFree,
        }
    }
}

/// A packet that did not arrive, and where it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// When.
    pub at: Duration,
    /// Name of the segment or interface.
    pub place: String,
    /// Why.
    pub cause: LossCause,
    /// The packet as it was there.
    pub packet: IpPacket,
}

/// A packet that arrives at an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// When.
    pub at: Duration,
    /// Where.
    pub interface: InterfaceId,
    /// What.
    pub packet: IpPacket,
}

/// A change of the network under way.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The interface's links in both directions (`None`: as it was).
    Interface(InterfaceId, Option<LinkQuality>, Option<LinkQuality>),
    /// The interface goes up or down.
    InterfaceUp(InterfaceId, bool),
    /// The segment's uplink in both directions.
    Uplink(String, Option<LinkQuality>, Option<LinkQuality>),
    /// The segment's uplink goes up or down.
    UplinkUp(String, bool),
    /// The segment's NAT forgets everything.
    Rebind(String),
}

/// The network.
#[derive(Debug)]
pub struct Fabric {
    names: Vec<String>,
    interfaces: Vec<Interface>,
    segments: Vec<Node>,
    queue: BinaryHeap<Reverse<(Duration, u64)>>,
    waiting: BTreeMap<u64, (Hop, IpPacket)>,
    count: u64,
    lost: Vec<Lost>,
}

#[derive(Debug)]
struct Interface {
    segment: usize,
    addresses: Vec<IpAddr>,
    up: Link,
    down: Link,
}

#[derive(Debug)]
struct Node {
    name: String,
    parent: Option<usize>,
    nat: Option<Nat>,
    /// Address of the router on the parent segment.
    firewall: Firewall,
    up: Link,
    down: Link,
    by_address: IndexMap<IpAddr, Neighbour>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Neighbour {
    Interface(usize),
    Router(usize),
}

/// Where a packet is when its time comes.
#[derive(Debug, Clone, Copy)]
enum Hop {
    /// On a segment, from this neighbour or from above.
    Segment(usize, Option<Neighbour>),
    /// At the outer side of a segment's router.
    Router(usize),
    /// At the interface.
    Interface(usize),
}

impl Fabric {
    /// Builds the network.
    ///
    /// # Errors
    /// When the topology names a segment that does not exist or is too large.
    pub fn new(topology: &Topology, seed: u64) -> Result<Self, TopologyError> {
        let mut seeds = (0u64..).map(|n| seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(n));
        let mut seed = move || seeds.next().unwrap_or_default();
        let perfect = LinkQuality::default;
        let mut segments = vec![Node {
            name: INTERNET.into(),
            parent: None,
            nat: None,
            firewall: Firewall::default(),
            up: Link::new(perfect(), 0),
            down: Link::new(perfect(), 0),
            by_address: IndexMap::new(),
        }];
        for (name, segment) in &topology.segments {
            let parent = find(&segments, segment.below.as_deref(), name)?;
            let index = u8::try_from(segments.len()).map_err(|_| TopologyError::TooMany("segments"))?;
            let mut nat = None;
            if let Some(behaviour) = &segment.nat {
                let external = next_address(&segments, parent, Families::V4)?.first().copied();
                if let Some(external) = external {
                    segments[parent].by_address.insert(external, Neighbour::Router(usize::from(index)));
                    nat = Some(Nat::new(behaviour.clone(), external, seed()));
                }
            }
            segments.push(Node {
                name: name.clone(),
                parent: Some(parent),
                nat,
                firewall: segment.firewall.clone(),
                up: Link::new(segment.up.clone(), seed()),
                down: Link::new(segment.down.clone(), seed()),
                by_address: IndexMap::new(),
            });
        }
        let mut interfaces = Vec::new();
        for (name, attachment) in &topology.interfaces {
            let segment = find(&segments, attachment.on.as_deref(), name)?;
            let addresses = match attachment.addresses.as_slice() {
                [] => next_address(&segments, segment, attachment.families)?,
                given => given.to_vec(),
            };
            for address in &addresses {
                if segments[segment].by_address.contains_key(address) {
                    return Err(TopologyError::Taken { user: name.clone(), address: *address });
                }
                segments[segment].by_address.insert(*address, Neighbour::Interface(interfaces.len()));
            }
            interfaces.push(Interface {
                segment,
                addresses,
                up: Link::new(attachment.up.clone(), seed()),
                down: Link::new(attachment.down.clone(), seed()),
            });
        }
        let names = topology.interfaces.keys().cloned().collect();
        Ok(Self {
            names,
            interfaces,
            segments,
            queue: BinaryHeap::new(),
            waiting: BTreeMap::new(),
            count: 0,
            lost: vec![],
        })
    }

    /// The interface of this name (`alice/eth0`).
    #[must_use]
    pub fn interface(&self, name: &str) -> Option<InterfaceId> {
        self.names.iter().position(|n| n == name).map(InterfaceId)
    }

    /// The addresses of an interface.
    #[must_use]
    pub fn addresses(&self, interface: InterfaceId) -> &[IpAddr] {
        self.interfaces.get(interface.0).map_or(&[], |i| &i.addresses)
    }

    /// A packet leaves a host.
    pub fn send(&mut self, now: Duration, from: InterfaceId, packet: IpPacket) {
        let Some(interface) = self.interfaces.get_mut(from.0) else { return };
        let place = Hop::Segment(interface.segment, Some(Neighbour::Interface(from.0)));
        let fate = interface.up.offer(now, packet.clone());
        self.travel(now, fate, place, packet);
    }

    /// When something is next to be done.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        self.queue.peek().map(|Reverse((at, _))| *at)
    }

    /// Does all that is due and gives the packets that arrive at hosts, in order.
    pub fn due(&mut self, now: Duration) -> Vec<Delivered> {
        let mut out = Vec::new();
        while let Some(Reverse((at, number))) = self.queue.peek().copied() {
            if at > now {
                break;
            }
            self.queue.pop();
            let Some((place, packet)) = self.waiting.remove(&number) else { continue };
            match place {
                Hop::Interface(i) => out.push(Delivered { at, interface: InterfaceId(i), packet }),
                Hop::Segment(s, from) => self.forward(at, s, from, packet),
                Hop::Router(s) => self.enter(at, s, packet),
            }
        }
        out
    }

    /// The packets that were lost since the last call.
    pub fn take_lost(&mut self) -> Vec<Lost> {
        std::mem::take(&mut self.lost)
    }

    /// Changes the network. `false` when what is to be changed does not exist.
    pub fn change(&mut self, change: Change) -> bool {
        let set =
            |up: &mut Link, down: &mut Link, new_up: Option<LinkQuality>, new_down: Option<LinkQuality>| {
                new_up.into_iter().for_each(|q| up.change(q));
                new_down.into_iter().for_each(|q| down.change(q));
            };
        match change {
            Change::Interface(id, up, down) => match self.interfaces.get_mut(id.0) {
                Some(i) => set(&mut i.up, &mut i.down, up, down),
                None => return false,
            },
            Change::InterfaceUp(id, is_up) => match self.interfaces.get_mut(id.0) {
                Some(i) => {
                    i.up.set_up(is_up);
                    i.down.set_up(is_up);
                }
                None => return false,
            },
            Change::Uplink(name, up, down) => match self.segments.iter_mut().find(|s| s.name == name) {
                Some(s) => set(&mut s.up, &mut s.down, up, down),
                None => return false,
            },
            Change::UplinkUp(name, is_up) => match self.segments.iter_mut().find(|s| s.name == name) {
                Some(s) => {
                    s.up.set_up(is_up);
                    s.down.set_up(is_up);
                }
                None => return false,
            },
            Change::Rebind(name) => match self.segments.iter_mut().find(|s| s.name == name) {
                Some(Node { nat: Some(nat), .. }) => nat.rebind(),
                _ => return false,
            },
        }
        true
    }

    /// A packet on a segment goes to a neighbour, or up.
    fn forward(&mut self, at: Duration, segment: usize, from: Option<Neighbour>, packet: IpPacket) {
        let to = packet.address(End::Destination);
        if to.is_multicast() || to == IpAddr::from([255, 255, 255, 255]) {
            for index in 0..self.interfaces.len() {
                if self.interfaces[index].segment == segment && from != Some(Neighbour::Interface(index)) {
                    self.hand_over(at, index, packet.clone());
                }
            }
            return;
        }
        match self.segments[segment].by_address.get(&to).copied() {
            Some(Neighbour::Interface(i)) => self.hand_over(at, i, packet),
            Some(Neighbour::Router(child)) => self.descend(at, child, packet),
            None => match self.below(segment, to) {
                Some(child) => self.descend(at, child, packet),
                None => self.ascend(at, segment, from, packet),
            },
        }
    }

    /// The untranslated child segment of `segment` under which an address lies.
    fn below(&self, segment: usize, address: IpAddr) -> Option<usize> {
        (1..self.segments.len()).find(|child| {
            let node = &self.segments[*child];
            let routed = node.nat.is_none() || address.is_ipv6();
            node.parent == Some(segment)
                && routed
                && (node.by_address.contains_key(&address) || self.below(*child, address).is_some())
        })
    }

    fn hand_over(&mut self, at: Duration, interface: usize, packet: IpPacket) {
        let fate = self.interfaces[interface].down.offer(at, packet.clone());
        self.travel(at, fate, Hop::Interface(interface), packet);
    }

    fn descend(&mut self, at: Duration, child: usize, packet: IpPacket) {
        let fate = self.segments[child].down.offer(at, packet.clone());
        self.travel(at, fate, Hop::Router(child), packet);
    }

    /// A packet has come down to the outer side of a segment's router.
    fn enter(&mut self, at: Duration, segment: usize, mut packet: IpPacket) {
        if !packet.hop() {
            return self.lose(at, segment, LossCause::HopLimit, packet);
        }
        let translated = packet.address(End::Destination).is_ipv4();
        match self.segments[segment].nat.as_mut().filter(|_| translated) {
            None => self.forward(at, segment, None, packet),
            Some(nat) => match nat.inbound(at, packet.clone()) {
                Translated::On(packet) | Translated::Hairpinned(packet) => {
                    self.forward(at, segment, None, packet);
                }
                Translated::Dropped(reason) => self.lose(at, segment, reason.into(), packet),
            },
        }
    }

    /// A packet leaves a segment by its router.
    fn ascend(&mut self, at: Duration, segment: usize, from: Option<Neighbour>, mut packet: IpPacket) {
        let node = &mut self.segments[segment];
        let (Some(parent), Some(_)) = (node.parent, from) else {
            return self.lose(at, segment, LossCause::NoRoute, packet);
        };
        if !passes(&node.firewall, &packet) {
            return self.lose(at, segment, LossCause::Firewall, packet);
        }
        if !packet.hop() {
            return self.lose(at, segment, LossCause::HopLimit, packet);
        }
        let translated = packet.address(End::Destination).is_ipv4();
        let packet = match node.nat.as_mut().filter(|_| translated) {
            None => packet,
            Some(nat) => match nat.outbound(at, packet.clone()) {
                Translated::On(packet) => packet,
                Translated::Hairpinned(packet) => return self.forward(at, segment, None, packet),
                Translated::Dropped(reason) => return self.lose(at, segment, reason.into(), packet),
            },
        };
        let fate = self.segments[segment].up.offer(at, packet.clone());
        self.travel(at, fate, Hop::Segment(parent, Some(Neighbour::Router(segment))), packet);
    }

    fn travel(&mut self, now: Duration, fate: Result<Vec<Arrival>, LinkLoss>, place: Hop, packet: IpPacket) {
        match fate {
            Ok(arrivals) => {
                for arrival in arrivals {
                    self.queue.push(Reverse((arrival.at, self.count)));
                    self.waiting.insert(self.count, (place, arrival.packet));
                    self.count += 1;
                }
            }
            Err(loss) => {
                let name = match place {
                    Hop::Interface(i) | Hop::Segment(_, Some(Neighbour::Interface(i))) => {
                        self.names[i].clone()
                    }
                    Hop::Segment(s, _) | Hop::Router(s) => self.segments[s].name.clone(),
                };
                self.lost.push(Lost { at: now, place: name, cause: loss.into(), packet });
            }
        }
    }

    fn lose(&mut self, at: Duration, segment: usize, cause: LossCause, packet: IpPacket) {
        self.lost.push(Lost { at, place: self.segments[segment].name.clone(), cause, packet });
    }
}

fn passes(firewall: &Firewall, packet: &IpPacket) -> bool {
    match packet.protocol() {
        UDP => !firewall.block_udp,
        TCP => match (&firewall.tcp_ports, packet.flow()) {
            (Some(ports), Some(flow)) => ports.contains(&flow.destination.port()),
            (Some(_), None) => false,
            (None, _) => true,
        },
        _ => true,
    }
}

fn find(segments: &[Node], name: Option<&str>, user: &str) -> Result<usize, TopologyError> {
    let name = name.unwrap_or(INTERNET);
    let missing = || TopologyError::NoSuchSegment { user: user.into(), name: name.into() };
    segments.iter().position(|s| s.name == name).ok_or_else(missing)
}

fn next_address(segments: &[Node], segment: usize, families: Families) -> Result<Vec<IpAddr>, TopologyError> {
    let number = u8::try_from(segment).map_err(|_| TopologyError::TooMany("segments"))?;
    let taken = segments[segment].by_address.len();
    let host =
        u8::try_from(taken).ok().filter(|h| *h < 200).ok_or(TopologyError::TooMany("hosts on a segment"))?;
    let v4 = Plan::v4(number, segments[segment].nat.is_some(), host);
    let v6 = Plan::v6(number, host);
    Ok(match families {
        Families::V4 => vec![v4],
        Families::V6 => vec![v6],
        Families::Dual => vec![v4, v6],
    })
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod theory;
