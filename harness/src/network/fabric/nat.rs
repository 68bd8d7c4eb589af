//! A NAT with the behaviours of RFC 4787 (UDP), RFC 5382 (TCP) and RFC 5508 (ICMP).
//!
//! Pure: time is given, port choice is seeded. One NAT serves one external address.

use super::packet::{End, Flow, ICMP, ICMPV6, IpPacket, TCP};
use indexmap::IndexMap;
use peerproof_conformance::nat;
pub use peerproof_conformance::nat::Dependence;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How a NAT behaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NatBehaviour {
    /// When an internal endpoint gets another external port.
    pub mapping: Dependence,
    /// Whose packets are let in.
    pub filtering: Dependence,
    /// Whether the external port is the internal one where that is free.
    pub port_preservation: bool,
    /// Whether internal endpoints reach one another by their external addresses (RFC 4787 §6).
    pub hairpinning: bool,
    /// Milliseconds after which an unused mapping is forgotten; at least two minutes by RFC 4787 REQ-5.
    pub timeout_ms: u64,
    /// Whether packets from outside keep a mapping alive (RFC 4787 REQ-6).
    pub inbound_refresh: bool,
}

impl Default for NatBehaviour {
    fn default() -> Self {
        Self {
            mapping: Dependence::EndpointIndependent,
            filtering: Dependence::AddressAndPortDependent,
            port_preservation: true,
            hairpinning: true,
            timeout_ms: 300_000,
            inbound_refresh: true,
        }
    }
}

impl NatBehaviour {
    /// Its kind, by which it is known who can reach its peer.
    #[must_use]
    pub fn kind(&self) -> nat::Nat {
        nat::Nat { mapping: self.mapping, filtering: self.filtering }
    }

    /// The behaviour that RFC 3489 called symmetric.
    #[must_use]
    pub fn symmetric() -> Self {
        Self {
            mapping: Dependence::AddressAndPortDependent,
            filtering: Dependence::AddressAndPortDependent,
            port_preservation: false,
            ..Self::default()
        }
    }
}

/// Most mappings of one NAT: a flood makes the oldest be forgotten, not the memory grow.
const MOST_MAPPINGS: usize = 4096;

/// Ports given out when the internal one is not kept (RFC 4787 REQ-3: not below 1024).
const PORTS: std::ops::RangeInclusive<u16> = 49_152..=65_535;

/// A NAT with its table.
#[derive(Debug)]
pub struct Nat {
    behaviour: NatBehaviour,
    external: IpAddr,
    mappings: IndexMap<Key, Mapping>,
    ports: StdRng,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    protocol: u8,
    internal: SocketAddr,
    remote: Option<(IpAddr, Option<u16>)>,
}

#[derive(Debug)]
struct Mapping {
    external_port: u16,
    used: Duration,
    /// Remote endpoints that the internal one has sent to, and when last.
    permitted: IndexMap<(IpAddr, u16), Duration>,
}

/// What became of a packet at a NAT.
#[derive(Debug, PartialEq, Eq)]
pub enum Translated {
    /// It goes on, rewritten.
    On(IpPacket),
    /// It turns back to the inside, rewritten at both ends.
    Hairpinned(IpPacket),
    /// It ends here.
    Dropped(Reason),
}

/// Why a NAT dropped a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Nothing inside is known by that port.
    NoMapping,
    /// The mapping does not admit this sender.
    Filtered,
    /// The packet has no ports to translate by.
    NoPorts,
    /// It would have to turn back, and this NAT does not.
    NoHairpinning,
    /// All ports are taken.
    NoPortFree,
}

impl Nat {
    /// A NAT with an empty table.
    #[must_use]
    pub fn new(behaviour: NatBehaviour, external: IpAddr, seed: u64) -> Self {
        Self { behaviour, external, mappings: IndexMap::new(), ports: StdRng::seed_from_u64(seed) }
    }

    /// Its external address.
    #[must_use]
    pub fn external(&self) -> IpAddr {
        self.external
    }

    /// Forgets every mapping, as a rebooted NAT does: the next packets get other ports.
    pub fn rebind(&mut self) {
        self.mappings.clear();
        self.behaviour.port_preservation = false;
    }

    /// A packet from inside.
    pub fn outbound(&mut self, now: Duration, mut packet: IpPacket) -> Translated {
        if let Some(quoted) = packet.quoted() {
            // An ICMP error about a packet that came in goes to whoever sent that (RFC 5508 REQ-5).
            let found = self
                .mappings
                .iter()
                .find(|(key, _)| key.protocol == quoted.protocol && key.internal == quoted.destination);
            let Some((_, mapping)) = found else { return Translated::Dropped(Reason::NoMapping) };
            let external = SocketAddr::new(self.external, mapping.external_port);
            packet.rewrite(End::Source, external);
            packet.rewrite_quoted(End::Destination, external);
            return Translated::On(packet);
        }
        let Some(flow) = packet.flow() else { return Translated::Dropped(Reason::NoPorts) };
        self.forget(now);
        let hairpin = flow.destination.ip() == self.external;
        if hairpin && !self.behaviour.hairpinning {
            return Translated::Dropped(Reason::NoHairpinning);
        }
        let Some(port) = self.map(now, &flow) else { return Translated::Dropped(Reason::NoPortFree) };
        packet.rewrite(End::Source, SocketAddr::new(self.external, port));
        if hairpin {
            return match self.inbound(now, packet) {
                Translated::On(packet) => Translated::Hairpinned(packet),
                other => other,
            };
        }
        Translated::On(packet)
    }

    /// A packet from outside.
    pub fn inbound(&mut self, now: Duration, mut packet: IpPacket) -> Translated {
        self.forget(now);
        if let Some(quoted) = packet.quoted() {
            // An ICMP error about a packet of ours goes to whoever sent that, who must find its own address in it (RFC 5508
            // REQ-4).
            let found = self.mappings.iter().find(|(key, mapping)| {
                key.protocol == quoted.protocol && mapping.external_port == quoted.source.port()
            });
            return match found {
                Some((key, _)) => {
                    packet.rewrite(End::Destination, key.internal);
                    packet.rewrite_quoted(End::Source, key.internal);
                    Translated::On(packet)
                }
                None => Translated::Dropped(Reason::NoMapping),
            };
        }
        let Some(flow) = packet.flow() else { return Translated::Dropped(Reason::NoPorts) };
        let filtering = self.behaviour.filtering;
        let mut reason = Reason::NoMapping;
        for (key, mapping) in &mut self.mappings {
            if key.protocol != flow.protocol || mapping.external_port != flow.destination.port() {
                continue;
            }
            if !admits(filtering, mapping, &flow) {
                reason = Reason::Filtered;
                continue;
            }
            if self.behaviour.inbound_refresh {
                mapping.used = now;
            }
            packet.rewrite(End::Destination, key.internal);
            return Translated::On(packet);
        }
        Translated::Dropped(reason)
    }

    fn map(&mut self, now: Duration, flow: &Flow) -> Option<u16> {
        let remote = match self.behaviour.mapping {
            Dependence::EndpointIndependent => None,
            Dependence::AddressDependent => Some((flow.destination.ip(), None)),
            Dependence::AddressAndPortDependent => {
                Some((flow.destination.ip(), Some(flow.destination.port())))
            }
        };
        let key = Key { protocol: flow.protocol, internal: flow.source, remote };
        if !self.mappings.contains_key(&key) {
            let external_port = self.free_port(flow)?;
            if self.mappings.len() >= MOST_MAPPINGS {
                self.mappings.shift_remove_index(0);
            }
            self.mappings.insert(key, Mapping { external_port, used: now, permitted: IndexMap::new() });
        }
        let mapping = self.mappings.get_mut(&key)?;
        mapping.used = now;
        let to = (flow.destination.ip(), flow.destination.port());
        if mapping.permitted.len() >= MOST_MAPPINGS && !mapping.permitted.contains_key(&to) {
            mapping.permitted.shift_remove_index(0);
        }
        mapping.permitted.insert(to, now);
        Some(mapping.external_port)
    }

    fn free_port(&mut self, flow: &Flow) -> Option<u16> {
        let taken = |port: u16| {
            self.mappings.iter().any(|(k, m)| k.protocol == flow.protocol && m.external_port == port)
        };
        let echo = matches!(flow.protocol, ICMP | ICMPV6);
        if (self.behaviour.port_preservation || echo) && !taken(flow.source.port()) {
            return Some(flow.source.port());
        }
        let span = u32::from(*PORTS.end() - *PORTS.start()) + 1;
        let first = self.ports.random_range(0..span);
        (0..span)
            .filter_map(|step| u16::try_from(u32::from(*PORTS.start()) + (first + step) % span).ok())
            .find(|port| !taken(*port))
    }

    fn forget(&mut self, now: Duration) {
        let timeout = Duration::from_millis(self.behaviour.timeout_ms);
        // RFC 5382 REQ-5: established TCP connections are kept for at least 2 h 4 min.
        let tcp = timeout.max(Duration::from_secs(7440));
        self.mappings.retain(|key, mapping| {
            now.saturating_sub(mapping.used) < if key.protocol == TCP { tcp } else { timeout }
        });
    }
}

fn admits(filtering: Dependence, mapping: &Mapping, flow: &Flow) -> bool {
    let (address, port) = (flow.source.ip(), flow.source.port());
    // An echo's identifier is no port of the remote end (RFC 5508 REQ-3).
    let echo = matches!(flow.protocol, ICMP | ICMPV6);
    match filtering {
        Dependence::EndpointIndependent => true,
        _ if echo => mapping.permitted.keys().any(|(a, _)| *a == address),
        Dependence::AddressDependent => mapping.permitted.keys().any(|(a, _)| *a == address),
        Dependence::AddressAndPortDependent => mapping.permitted.contains_key(&(address, port)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::udp;
    use super::*;
    use Dependence::{AddressAndPortDependent, AddressDependent, EndpointIndependent};

    const INSIDE: &str = "10.0.0.2:5000";
    const OUTSIDE: &str = "198.51.100.1";
    const T0: Duration = Duration::from_secs(1);

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn nat(mapping: Dependence, filtering: Dependence) -> Nat {
        let behaviour =
            NatBehaviour { mapping, filtering, port_preservation: false, ..NatBehaviour::default() };
        Nat::new(behaviour, OUTSIDE.parse().unwrap(), 7)
    }

    fn out(nat: &mut Nat, now: Duration, from: &str, to: &str) -> SocketAddr {
        match nat.outbound(now, udp(at(from), at(to), b"x").unwrap()) {
            Translated::On(packet) => packet.flow().unwrap().source,
            other => panic!("{other:?}"),
        }
    }

    fn enters(nat: &mut Nat, now: Duration, from: &str, to: SocketAddr) -> Result<SocketAddr, Reason> {
        match nat.inbound(now, udp(at(from), to, b"x").unwrap()) {
            Translated::On(packet) => Ok(packet.flow().unwrap().destination),
            Translated::Dropped(reason) => Err(reason),
            other @ Translated::Hairpinned(_) => panic!("{other:?}"),
        }
    }

    /// RFC 4787 §4.1: (same port for another port of the same address?, for another address?)
    #[test]
    fn mapping_depends_on_what_it_says() {
        for (mapping, same_for_other_port, same_for_other_address) in [
            (EndpointIndependent, true, true),
            (AddressDependent, true, false),
            (AddressAndPortDependent, false, false),
        ] {
            let mut nat = nat(mapping, EndpointIndependent);
            let first = out(&mut nat, T0, INSIDE, "203.0.113.1:1000");
            assert_eq!(first, out(&mut nat, T0, INSIDE, "203.0.113.1:1000"), "{mapping:?}");
            assert_eq!(
                first == out(&mut nat, T0, INSIDE, "203.0.113.1:1001"),
                same_for_other_port,
                "{mapping:?}"
            );
            assert_eq!(
                first == out(&mut nat, T0, INSIDE, "203.0.113.2:1000"),
                same_for_other_address,
                "{mapping:?}"
            );
            assert_ne!(first, out(&mut nat, T0, "10.0.0.3:5000", "203.0.113.1:1000"), "{mapping:?}");
        }
    }

    /// RFC 4787 §5, with every mapping behaviour.
    #[test]
    fn filtering_depends_on_what_it_says() {
        for (filtering, other_port, other_address) in [
            (EndpointIndependent, true, true),
            (AddressDependent, true, false),
            (AddressAndPortDependent, false, false),
        ] {
            for mapping in [EndpointIndependent, AddressDependent, AddressAndPortDependent] {
                let mut nat = nat(mapping, filtering);
                let external = out(&mut nat, T0, INSIDE, "203.0.113.1:1000");
                let result = |admitted: bool| if admitted { Ok(at(INSIDE)) } else { Err(Reason::Filtered) };
                assert_eq!(enters(&mut nat, T0, "203.0.113.1:1000", external), Ok(at(INSIDE)));
                assert_eq!(
                    enters(&mut nat, T0, "203.0.113.1:1001", external),
                    result(other_port),
                    "{filtering:?}"
                );
                assert_eq!(
                    enters(&mut nat, T0, "203.0.113.2:1000", external),
                    result(other_address),
                    "{filtering:?}"
                );
            }
        }
    }

    #[test]
    fn nothing_enters_by_a_port_that_nobody_opened() {
        let mut nat = nat(EndpointIndependent, EndpointIndependent);
        assert_eq!(
            enters(&mut nat, T0, "203.0.113.1:1000", at("198.51.100.1:50000")),
            Err(Reason::NoMapping)
        );
    }

    #[test]
    fn an_unused_mapping_is_forgotten_and_a_used_one_is_not() {
        let mut nat = nat(EndpointIndependent, EndpointIndependent);
        let external = out(&mut nat, T0, INSIDE, "203.0.113.1:1000");
        let timeout = Duration::from_millis(NatBehaviour::default().timeout_ms);
        let just_before = T0 + timeout - Duration::from_millis(1);
        assert!(enters(&mut nat, just_before, "203.0.113.1:1000", external).is_ok());
        assert!(
            enters(&mut nat, T0 + timeout, "203.0.113.1:1000", external).is_ok(),
            "refreshed from outside"
        );
        assert_eq!(
            enters(&mut nat, just_before + timeout + timeout, "203.0.113.1:1000", external),
            Err(Reason::NoMapping)
        );
    }

    #[test]
    fn the_internal_port_is_kept_where_it_is_free() {
        let mut nat = Nat::new(NatBehaviour::default(), OUTSIDE.parse().unwrap(), 7);
        assert_eq!(out(&mut nat, T0, INSIDE, "203.0.113.1:1000").port(), 5000);
        assert_ne!(out(&mut nat, T0, "10.0.0.3:5000", "203.0.113.1:1000").port(), 5000);
    }

    #[test]
    fn rebinding_moves_the_endpoint_to_another_port() {
        let mut nat = Nat::new(NatBehaviour::default(), OUTSIDE.parse().unwrap(), 7);
        let before = out(&mut nat, T0, INSIDE, "203.0.113.1:1000");
        nat.rebind();
        assert_eq!(enters(&mut nat, T0, "203.0.113.1:1000", before), Err(Reason::NoMapping));
        assert_ne!(out(&mut nat, T0, INSIDE, "203.0.113.1:1000"), before);
    }

    /// RFC 4787 REQ-9: the hairpinned packet comes from the external address of its sender.
    #[test]
    fn neighbours_meet_by_their_external_addresses_only_with_hairpinning() {
        let behaviour = NatBehaviour { filtering: EndpointIndependent, ..NatBehaviour::default() };
        for hairpinning in [true, false] {
            let mut nat =
                Nat::new(NatBehaviour { hairpinning, ..behaviour.clone() }, OUTSIDE.parse().unwrap(), 7);
            let a = out(&mut nat, T0, INSIDE, "203.0.113.1:1000");
            let b = out(&mut nat, T0, "10.0.0.3:6000", "203.0.113.1:1000");
            match nat.outbound(T0, udp(at(INSIDE), b, b"x").unwrap()) {
                Translated::Hairpinned(packet) => {
                    assert!(hairpinning);
                    let flow = packet.flow().unwrap();
                    assert_eq!((flow.source, flow.destination), (a, at("10.0.0.3:6000")));
                }
                other => {
                    assert!(!hairpinning);
                    assert_eq!(other, Translated::Dropped(Reason::NoHairpinning));
                }
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_ports() {
        let ports = |seed| {
            let mut nat = Nat::new(NatBehaviour::symmetric(), OUTSIDE.parse().unwrap(), seed);
            (0..20)
                .map(|i| out(&mut nat, T0, INSIDE, &format!("203.0.113.1:{}", 1000 + i)).port())
                .collect::<Vec<_>>()
        };
        assert_eq!(ports(1), ports(1));
        assert_ne!(ports(1), ports(2));
    }
}
