//! The scenario as data: who plays, over what, what they do, what is expected of it.

use super::network::Network;
use super::rewrite::Rewrite;
use super::server::{ScenarioConfiguration, ServerSpec};
use super::step::Step;
use crate::network::fabric::topology::{Attachment, Topology};
use crate::peers::implementation::BUILT_IN;
use crate::peers::liar::Lie;
use crate::peers::protocol::IceAgent;
use crate::peers::{Origin, Permission, Surroundings};
use crate::span::Span;
use indexmap::IndexMap;
use peerproof_captures::feature::Feature;
use peerproof_conformance::expect::Expectations;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, Ipv6Addr};

/// A scenario, as its file says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Peerproof scenario")]
pub struct Scenario {
    /// What the scenario shows, in one sentence.
    pub title: String,
    /// The statements of `statements.yaml` that it is about, such as `dc-2`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<String>,
    /// Words to choose it by with `--tag`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The two peers by name, one offerer and one answerer.
    pub peers: IndexMap<String, PeerSpec>,
    /// Features of the peer protocol that both peers need. A peer that lists its features without one of these is `unsupported`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Feature>,
    /// Pairs that do not fit, each with its reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<Exclusion>,
    /// `RTCConfiguration` of both peers.
    #[serde(default)]
    pub configuration: ScenarioConfiguration,
    /// STUN and TURN servers by name, for `iceServers` to refer to.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub servers: IndexMap<String, ServerSpec>,
    /// The network between the peers.
    #[serde(default)]
    pub network: Network,
    /// Who carries descriptions and candidates.
    #[serde(default)]
    pub signalling: Signalling,
    /// What happens, in order.
    pub steps: Vec<Step>,
    /// What must be seen, at the peers and on the wire.
    #[serde(default)]
    pub expect: Expectations,
    /// Family, file and line of `expect`.
    #[serde(skip)]
    pub expect_place: Option<Box<str>>,
    /// What is compared with the case's snapshot.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub snapshot: Vec<Section>,
    /// Seed of all randomness; otherwise made from the case's name and the run's seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The clock by which it is played. Default: virtual time where nothing in the case has a life of its own.
    #[serde(default, skip_serializing_if = "Clock::is_any")]
    pub clock: Clock,
    /// Longest time for all steps together. Default 40s.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
}

/// The clock by which a scenario is played.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// Virtual time where that is possible, the machine's clock elsewhere.
    #[default]
    Any,
    /// The machine's clock, although virtual time would do: what shows that both agree.
    Real,
}

impl Clock {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
    fn is_any(&self) -> bool {
        *self == Self::Any
    }
}

fn default_timeout() -> Span {
    Span::seconds(40)
}

/// The host of a lab on which all STUN and TURN servers of a scenario are, on the internet.
pub const SERVERS: &str = "servers";

impl Scenario {
    /// What the lab is made of; nothing if the scenario is played in none.
    #[must_use]
    pub fn topology(&self) -> Option<Topology> {
        let names: Vec<&str> = self.peers.keys().map(String::as_str).collect();
        let mut topology = self.network.topology(&names)?;
        let stands = topology.interfaces.keys().any(|name| name.starts_with("servers/"));
        if !self.servers.is_empty() && !stands {
            let addresses = vec![
                Ipv4Addr::new(203, 0, 113, 200).into(),
                Ipv6Addr::new(0x2001, 0xdb8, 0x200, 0, 0, 0, 0, 2).into(),
            ];
            let attachment = Attachment { addresses, ..Attachment::default() };
            topology.interfaces.insert(format!("{SERVERS}/eth0"), attachment);
        }
        Some(topology)
    }
}

/// One of the two peers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeerSpec {
    /// Offerer or answerer of the first negotiation.
    pub role: Role,
    /// The implementations that may play it. Default: stack, chrome, firefox.
    #[serde(default = "everyone")]
    pub plays: Vec<String>,
    /// This peer is the subject: the other one serves as its instrument, and deviations are reported against this one.
    #[serde(default, skip_serializing_if = "is_false")]
    pub subject: bool,
    /// `RTCConfiguration` of this peer instead of the scenario's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<ScenarioConfiguration>,
    /// What kind of ICE agent it is, which only the stack can be configured to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ice: Option<IceAgent>,
    /// What the user answers when camera and microphone are asked for.
    #[serde(default)]
    pub permission: Permission,
    /// Where the page comes from.
    #[serde(default)]
    pub origin: Origin,
    /// Whether host addresses are hidden behind `.local` names.
    #[serde(default, skip_serializing_if = "is_false")]
    pub mdns: bool,
    /// Media sent and watched from the beginning, without a step of its own.
    #[serde(default)]
    pub media: Media,
}

fn everyone() -> Vec<String> {
    BUILT_IN.map(str::to_owned).to_vec()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if hands over a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

impl PeerSpec {
    /// What this peer wants around it.
    #[must_use]
    pub fn surroundings(&self) -> Surroundings {
        Surroundings { permission: self.permission, origin: self.origin, mdns: self.mdns }
    }
}

/// The role of a peer in the first offer/answer exchange (RFC 3264).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Makes the offer.
    Offerer,
    /// Answers it.
    Answerer,
}

/// Media that a peer has from the beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Media {
    /// Sources that are created and added (`addTrack`) before the first step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub send: Vec<peerproof_captures::event::MediaKind>,
    /// Whether every remote track is decoded and recognised as it comes (`watch`).
    #[serde(default, skip_serializing_if = "is_false")]
    pub watch: bool,
}

/// A pair of implementations that does not fit the scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exclusion {
    /// Who plays the offerer in the pairs meant; any if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offerer: Option<String>,
    /// Who plays the answerer in the pairs meant; any if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answerer: Option<String>,
    /// Why it does not fit.
    pub reason: String,
}

/// Who carries descriptions and candidates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Signalling {
    /// The harness, which may hold back and rewrite.
    #[default]
    Orchestrated,
    /// The peers themselves, through the reference signalling server.
    Autonomous,
}

/// A section of a case's snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Section {
    /// The normalised descriptions.
    Sdp,
    /// The transitions of the ICE states.
    Ice,
    /// The transitions of the DTLS states, and the handshake as on the wire.
    Dtls,
}

/// A control: a scenario with something broken on purpose, and the verdict that must come out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Peerproof control")]
pub struct Control {
    /// What is broken.
    pub title: String,
    /// The scenario that is played, as `family/name`.
    pub of: String,
    /// What is broken in it.
    #[serde(rename = "break")]
    pub broken: Break,
    /// Only these implementations play (fewer pairs than the scenario has), by peer.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub plays: IndexMap<String, Vec<String>>,
    /// The claims of peers that the verdict shows to be verified, by their names in `docs/claims.md`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<String>,
    /// The verdict that must come out.
    pub expect: ControlExpectation,
    /// Words to choose it by with `--tag`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// What a control breaks. At least one part is given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Break {
    /// How this peer's echo is falsified (`corrupt-last-byte`, …), by peer.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub echo: IndexMap<String, String>,
    /// Rewriting of what the first `connect` or `negotiate` carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<Rewrite>,
    /// Steps put before the first step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Step>,
    /// Steps put right after the first `connect`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connected: Vec<Step>,
    /// Steps put after the last one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Step>,
    /// This peer's process is ended right after the first `connect`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead: Option<String>,
    /// The lie that a peer tells, by peer.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub lie: IndexMap<String, Lie>,
    /// It is run over this network instead. Where that is no lab, the steps that change a lab are left out, and `expect.path`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// `RTCConfiguration` of both peers instead of theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<ScenarioConfiguration>,
    /// The rules of the scenario act on no packet.
    #[serde(default, skip_serializing_if = "is_false")]
    pub idle: bool,
}

/// The verdict that a control must get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ControlExpectation {
    /// Which of the five.
    pub verdict: peerproof_conformance::verdict::Outcome,
    /// The layer that must be named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<peerproof_conformance::verdict::Layer>,
    /// The peer that must be named, or `network`; `neither` if none may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<String>,
}
