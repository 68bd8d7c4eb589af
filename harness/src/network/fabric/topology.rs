//! What a network looks like: segments, the routers that join them to their parents, and who is attached where.
//!
//! A topology is a tree. Its root is the internet; each other segment hangs below another by a router.

use super::link::LinkQuality;
use super::nat::{Dependence, NatBehaviour};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Name of the root segment.
pub const INTERNET: &str = "internet";

/// A network as a scenario describes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// Segments below the internet, by name; a parent stands before its children.
    #[serde(default)]
    pub segments: IndexMap<String, Segment>,
    /// Interfaces by `host/interface` (`alice/eth0`), where they are attached and by what link.
    pub interfaces: IndexMap<String, Attachment>,
}

/// A LAN or a provider's network.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Segment {
    /// Segment above it; the internet if absent.
    pub below: Option<String>,
    /// Address translation towards it (IPv4 only); none if absent.
    pub nat: Option<NatBehaviour>,
    /// What its router lets out.
    pub firewall: Firewall,
    /// The way up.
    pub up: LinkQuality,
    /// The way down.
    pub down: LinkQuality,
}

/// What a router lets out. Answers to what was let out come in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Firewall {
    /// No UDP at all.
    pub block_udp: bool,
    /// TCP only to these ports; to all if absent.
    pub tcp_ports: Option<Vec<u16>>,
}

/// Where an interface is attached.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Attachment {
    /// The segment; the internet if absent.
    pub on: Option<String>,
    /// Which families it has an address of.
    pub families: Families,
    /// Its addresses; given by the plan if empty.
    pub addresses: Vec<IpAddr>,
    /// From the interface.
    pub up: LinkQuality,
    /// To the interface.
    pub down: LinkQuality,
}

/// Address families of an interface.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Families {
    /// IPv4 alone.
    #[default]
    V4,
    /// IPv6 alone.
    V6,
    /// Both.
    Dual,
}

/// Why a topology cannot be built.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopologyError {
    /// A name that no segment has.
    #[error("{user} is attached to {name}, which is not a segment defined before it")]
    NoSuchSegment {
        /// Who names it.
        user: String,
        /// The name.
        name: String,
    },
    /// An address that another neighbour on the segment has.
    #[error("{user} has the address {address}, which is taken")]
    Taken {
        /// Who wants it.
        user: String,
        /// The address.
        address: IpAddr,
    },
    /// There are more than the address plan has room for.
    #[error("more than 200 {0}")]
    TooMany(&'static str),
}

/// A named network for the peers of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Everyone on the internet with a public address.
    Internet,
    /// Everyone on one LAN.
    Lan,
    /// Each at home behind a NAT with endpoint-independent mapping.
    HomeNat,
    /// Each behind a symmetric NAT.
    SymmetricNat,
    /// Each at home, all homes behind one provider's NAT.
    Cgnat,
    /// Each behind a firewall that lets out nothing but TCP to port 443.
    Corporate,
    /// Everyone on the internet with IPv6 alone.
    Ipv6Only,
    /// Everyone on the internet with IPv4 and IPv6.
    DualStack,
    /// The first has two interfaces, `wifi` at home and `lte` behind a provider's NAT; the others are at home.
    TwoPaths,
    /// Each behind a NAT with endpoint-independent mapping and endpoint-independent filtering.
    NatEiEi,
    /// Each behind a NAT with endpoint-independent mapping and address dependent filtering.
    NatEiAd,
    /// Each behind a NAT with endpoint-independent mapping and address and port dependent filtering.
    NatEiApd,
    /// Each behind a NAT with address dependent mapping and endpoint-independent filtering.
    NatAdEi,
    /// Each behind a NAT with address dependent mapping and address dependent filtering.
    NatAdAd,
    /// Each behind a NAT with address dependent mapping and address and port dependent filtering.
    NatAdApd,
    /// Each behind a NAT with address and port dependent mapping and endpoint-independent filtering.
    NatApdEi,
    /// Each behind a NAT with address and port dependent mapping and address dependent filtering.
    NatApdAd,
    /// Each behind a NAT with address and port dependent mapping and address and port dependent filtering.
    NatApdApd,
}

impl Preset {
    /// The NAT of those presets that are about one.
    fn nat(self) -> Option<NatBehaviour> {
        let (mapping, filtering) = match self {
            Self::NatEiEi => (Dependence::EndpointIndependent, Dependence::EndpointIndependent),
            Self::NatEiAd => (Dependence::EndpointIndependent, Dependence::AddressDependent),
            Self::NatEiApd => (Dependence::EndpointIndependent, Dependence::AddressAndPortDependent),
            Self::NatAdEi => (Dependence::AddressDependent, Dependence::EndpointIndependent),
            Self::NatAdAd => (Dependence::AddressDependent, Dependence::AddressDependent),
            Self::NatAdApd => (Dependence::AddressDependent, Dependence::AddressAndPortDependent),
            Self::NatApdEi => (Dependence::AddressAndPortDependent, Dependence::EndpointIndependent),
            Self::NatApdAd => (Dependence::AddressAndPortDependent, Dependence::AddressDependent),
            Self::NatApdApd => (Dependence::AddressAndPortDependent, Dependence::AddressAndPortDependent),
            _ => return None,
        };
        // With the internal port kept, the port for another remote endpoint could be guessed.
        let port_preservation = mapping == Dependence::EndpointIndependent;
        Some(NatBehaviour { mapping, filtering, port_preservation, ..NatBehaviour::default() })
    }

    /// The network for these peers. Each has one interface `eth0` unless the preset says otherwise.
    #[must_use]
    pub fn topology(self, peers: &[&str]) -> Topology {
        let mut topology = Topology::default();
        for (index, peer) in peers.iter().enumerate() {
            let preset = if self == Self::TwoPaths && index > 0 { Self::HomeNat } else { self };
            preset.place(&mut topology, peer, u8::try_from(index).unwrap_or(u8::MAX));
        }
        topology
    }

    /// Puts one peer into a network as this preset has it. `index` is the peer's own, from zero: it has the same addresses
    /// in every preset that gives it addresses of one kind, so that a host need not be made anew for another network.
    pub fn place(self, topology: &mut Topology, peer: &str, index: u8) {
        let home = |nat| Segment { nat: Some(nat), ..Segment::default() };
        let number = index.saturating_add(1);
        let private: IpAddr = Ipv4Addr::new(192, 168, number, 2).into();
        let public: IpAddr = Ipv4Addr::new(203, 0, 113, index.saturating_add(100)).into();
        let public_v6: IpAddr = Ipv6Addr::new(0x2001, 0xdb8, 0x100, number.into(), 0, 0, 0, 2).into();
        let site = format!("{peer}-site");
        let segment = match self {
            Self::Internet | Self::Ipv6Only | Self::DualStack | Self::Lan => None,
            Self::HomeNat | Self::TwoPaths => Some(home(NatBehaviour::default())),
            Self::SymmetricNat => Some(home(NatBehaviour::symmetric())),
            Self::Cgnat => {
                let provider = NatBehaviour { port_preservation: false, ..NatBehaviour::default() };
                topology.segments.entry("provider".into()).or_insert_with(|| home(provider));
                Some(Segment { below: Some("provider".into()), ..home(NatBehaviour::default()) })
            }
            Self::Corporate => Some(Segment {
                firewall: Firewall { block_udp: true, tcp_ports: Some(vec![443]) },
                ..home(NatBehaviour::default())
            }),
            kind => kind.nat().map(home),
        };
        let on = match (self, segment) {
            (Self::Lan, _) => {
                topology.segments.entry("lan".into()).or_insert_with(|| home(NatBehaviour::default()));
                Some("lan".to_owned())
            }
            (_, None) => None,
            (_, Some(segment)) => {
                topology.segments.insert(site.clone(), segment);
                Some(site)
            }
        };
        let addresses = match self {
            Self::Internet => vec![public],
            Self::Ipv6Only => vec![public_v6],
            Self::DualStack => vec![public, public_v6],
            _ => vec![private],
        };
        let attachment = Attachment { on, addresses, ..Attachment::default() };
        if self == Self::TwoPaths {
            let lte = format!("{peer}-lte");
            topology.segments.insert(lte.clone(), home(NatBehaviour::symmetric()));
            topology.interfaces.insert(format!("{peer}/wifi"), attachment.clone());
            let addresses = vec![Ipv4Addr::new(100, 64, number, 2).into()];
            let attachment = Attachment { on: Some(lte), addresses, ..attachment };
            topology.interfaces.insert(format!("{peer}/lte"), attachment);
        } else {
            topology.interfaces.insert(format!("{peer}/eth0"), attachment);
        }
    }
}

impl Topology {
    /// The NAT behind which a host is, if it is alone behind it and there is no other on its way to the internet.
    #[must_use]
    pub fn only_nat(&self, host: &str) -> Option<&NatBehaviour> {
        let of_host = |name: &str| name.split_once('/').is_some_and(|(of, _)| of == host);
        let mut own = self.interfaces.iter().filter(|(name, _)| of_host(name));
        let (Some((_, attachment)), None) = (own.next(), own.next()) else { return None };
        let name = attachment.on.as_ref()?;
        let segment = self.segments.get(name)?;
        let shared =
            self.interfaces.iter().any(|(other, at)| !of_host(other) && at.on.as_ref() == Some(name));
        let is_above = self.segments.values().any(|other| other.below.as_ref() == Some(name));
        let plain = segment.below.is_none() && segment.firewall == Firewall::default();
        segment.nat.as_ref().filter(|_| plain && !shared && !is_above)
    }
}

/// A part of a network that can be changed under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// An interface (`alice/eth0`).
    Interface(String),
    /// A segment with its way up.
    Segment(String),
}

impl Part {
    /// The interface or the segment of that name; for a host, its only interface.
    #[must_use]
    pub fn find(topology: &Topology, name: &str) -> Option<Self> {
        if topology.interfaces.contains_key(name) {
            return Some(Self::Interface(name.to_owned()));
        }
        if topology.segments.contains_key(name) {
            return Some(Self::Segment(name.to_owned()));
        }
        let of_host = |interface: &&String| interface.split_once('/').is_some_and(|(host, _)| host == name);
        let mut those = topology.interfaces.keys().filter(of_host);
        match (those.next(), those.next()) {
            (Some(only), None) => Some(Self::Interface(only.clone())),
            _ => None,
        }
    }
}

/// The address plan: documentation prefixes for what is public, private ones for what is translated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan;

impl Plan {
    /// Address of the `host`-th attachment (from zero) on the `segment`-th segment (zero is the internet).
    pub(super) fn v4(segment: u8, translated: bool, host: u8) -> IpAddr {
        let host = host.saturating_add(2);
        match (segment, translated) {
            (0, _) => Ipv4Addr::new(203, 0, 113, host).into(),
            (n, true) => Ipv4Addr::new(192, 168, n, host).into(),
            (n, false) => Ipv4Addr::new(198, 18, n, host).into(),
        }
    }

    /// The IPv6 counterpart of [`Plan::v4`]. Nothing translates IPv6.
    pub(super) fn v6(segment: u8, host: u8) -> IpAddr {
        Ipv6Addr::new(0x2001, 0xdb8, u16::from(segment), 0, 0, 0, 0, u16::from(host.saturating_add(2))).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nat_of_ones_own_is_found() {
        let of = |preset: Preset, host: &str| {
            let topology = preset.topology(&["alice", "bob"]);
            topology.only_nat(host).map(|nat| (nat.mapping, nat.filtering))
        };
        let kinds = (Dependence::AddressDependent, Dependence::EndpointIndependent);
        assert_eq!(of(Preset::NatAdEi, "bob"), Some(kinds));
        for preset in [Preset::Internet, Preset::Lan, Preset::Cgnat, Preset::Corporate] {
            assert_eq!(of(preset, "alice"), None, "{preset:?}");
        }
        assert_eq!(of(Preset::TwoPaths, "alice"), None, "it has two");
        assert!(of(Preset::TwoPaths, "bob").is_some());
    }

    #[test]
    fn a_topology_is_read_from_yaml_and_unknown_keys_are_refused() {
        let text = "segments: {home: {nat: {mapping: address-dependent}, up: {rateKbit: 500}}}\ninterfaces: {alice/eth0: {on: home}, bob/eth0: {families: dual}}";
        let topology: Topology = serde_yaml::from_str(text).unwrap();
        assert_eq!(topology.segments["home"].up.rate_kbit, Some(500));
        assert_eq!(topology.interfaces["bob/eth0"].families, Families::Dual);
        let error = serde_yaml::from_str::<Topology>("interfaces: {a/eth0: {at: home}}").unwrap_err();
        assert!(error.to_string().contains("unknown field `at`"), "{error}");
    }
}
