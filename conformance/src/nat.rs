//! What two NATs between the peers allow: the theory of RFC 4787 and RFC 8445, worked out for each pair of behaviours.
//!
//! Nothing here translates a packet. Both sides learn by a STUN server how they are seen, exchange that, and check; what
//! then happens follows from the definitions alone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a mapping or filter looks at (RFC 4787 §4.1 and §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Dependence {
    /// Only the internal endpoint.
    EndpointIndependent,
    /// The remote address too.
    AddressDependent,
    /// The remote address and port too.
    AddressAndPortDependent,
}

impl Dependence {
    /// All three.
    pub const ALL: [Self; 3] =
        [Self::EndpointIndependent, Self::AddressDependent, Self::AddressAndPortDependent];
}

impl fmt::Display for Dependence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EndpointIndependent => "endpoint-independent",
            Self::AddressDependent => "address-dependent",
            Self::AddressAndPortDependent => "address-and-port-dependent",
        })
    }
}

/// A kind of NAT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nat {
    /// When an internal endpoint gets another external port.
    pub mapping: Dependence,
    /// Whose packets are let in.
    pub filtering: Dependence,
}

impl Nat {
    /// All nine kinds.
    pub fn all() -> impl Iterator<Item = Self> {
        let of = |mapping| Dependence::ALL.map(move |filtering| Self { mapping, filtering });
        Dependence::ALL.into_iter().flat_map(of)
    }

    /// Mapping and filtering as the networks of scenarios are called: `ei-apd`.
    #[must_use]
    pub fn short(self) -> String {
        let word = |dependence| match dependence {
            Dependence::EndpointIndependent => "ei",
            Dependence::AddressDependent => "ad",
            Dependence::AddressAndPortDependent => "apd",
        };
        format!("{}-{}", word(self.mapping), word(self.filtering))
    }
}

impl fmt::Display for Nat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} mapping, {} filtering", self.mapping, self.filtering)
    }
}

/// The way on which two peers meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// From one NAT to the other.
    Direct,
    /// Through a TURN server.
    Relay,
    /// None.
    Nowhere,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Direct => "direct",
            Self::Relay => "relay",
            Self::Nowhere => "nowhere",
        })
    }
}

/// Which way there is between peers behind these NATs, which share no network, if both know a STUN server elsewhere;
/// `relay` says whether one of them has a relayed candidate.
#[must_use]
pub fn way(one: Nat, other: Nat, relay: bool) -> Way {
    match (meet(one, other), relay) {
        (true, _) => Way::Direct,
        (false, true) => Way::Relay,
        (false, false) => Way::Nowhere,
    }
}

/// Rounds of checks. What was not found by then never is: from then on each round repeats the one before with new ports.
const ROUNDS: usize = 8;

/// An endpoint on the internet: whose address, and which of its ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct End {
    at: usize,
    port: usize,
}

/// The STUN server, which is at neither side.
const SERVER: End = End { at: 2, port: 0 };

/// One side with its NAT. The peer behind it has one endpoint.
struct Side {
    at: usize,
    nat: Nat,
    /// The remote address, and the remote port, for which there is a port; and whom that port has sent to.
    ports: Vec<(Option<usize>, Option<usize>, Vec<End>)>,
    /// Where the other is thought to be.
    known: Vec<End>,
}

impl Side {
    fn new(at: usize, nat: Nat) -> Self {
        Self { at, nat, ports: Vec::new(), known: Vec::new() }
    }

    /// Sends to an endpoint. Returns where that seems to come from.
    fn send(&mut self, to: End) -> End {
        let (address, port) = match self.nat.mapping {
            Dependence::EndpointIndependent => (None, None),
            Dependence::AddressDependent => (Some(to.at), None),
            Dependence::AddressAndPortDependent => (Some(to.at), Some(to.port)),
        };
        let found = self.ports.iter().position(|(a, p, _)| (*a, *p) == (address, port));
        let n = found.unwrap_or_else(|| {
            self.ports.push((address, port, Vec::new()));
            self.ports.len() - 1
        });
        if let Some((_, _, sent_to)) = self.ports.get_mut(n) {
            sent_to.push(to);
        }
        End { at: self.at, port: n }
    }

    /// Whether what comes to a port from there is let in.
    fn admits(&self, port: usize, from: End) -> bool {
        self.ports.get(port).is_some_and(|(_, _, sent_to)| match self.nat.filtering {
            Dependence::EndpointIndependent => true,
            Dependence::AddressDependent => sent_to.iter().any(|to| to.at == from.at),
            Dependence::AddressAndPortDependent => sent_to.contains(&from),
        })
    }
}

/// Whether a check between the two succeeds (RFC 8445 §7): it arrives, and its answer comes back from where it was sent to.
fn meet(one: Nat, other: Nat) -> bool {
    let (mut a, mut b) = (Side::new(0, one), Side::new(1, other));
    let seen = a.send(SERVER);
    b.known.push(seen);
    let seen = b.send(SERVER);
    a.known.push(seen);
    for _ in 0..ROUNDS {
        for (from, to) in [(0, 1), (1, 0)] {
            let (from, to) = if (from, to) == (0, 1) { (&mut a, &mut b) } else { (&mut b, &mut a) };
            for target in from.known.clone() {
                let source = from.send(target);
                if !to.admits(target.port, source) {
                    continue;
                }
                // A peer-reflexive candidate (§7.3.1.3).
                if !to.known.contains(&source) {
                    to.known.push(source);
                }
                let answers_from = to.send(source);
                if answers_from == target && from.admits(source.port, answers_from) {
                    return true;
                }
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows and columns: mapping, and within it filtering, endpoint-independent first.
    #[test]
    fn who_meets_whom() {
        let table: Vec<String> = Nat::all()
            .map(|one| Nat::all().map(|other| if meet(one, other) { 'x' } else { '-' }).collect())
            .collect();
        let expected = [
            "xxxxxxxxx",
            "xxxxxxxxx",
            "xxx------",
            "xx-xx-xx-",
            "xx-x--x--",
            "xx-------",
            "xx-xx----",
            "xx-x-----",
            "xx-------",
        ];
        assert_eq!(table, expected, "{table:#?}");
    }

    #[test]
    fn it_does_not_matter_who_is_named_first() {
        for one in Nat::all() {
            for other in Nat::all() {
                assert_eq!(meet(one, other), meet(other, one), "{one} / {other}");
            }
        }
    }

    #[test]
    fn a_relay_helps_where_nothing_else_does() {
        let symmetric = Nat {
            mapping: Dependence::AddressAndPortDependent,
            filtering: Dependence::AddressAndPortDependent,
        };
        assert_eq!(way(symmetric, symmetric, true), Way::Relay);
        assert_eq!(way(symmetric, symmetric, false), Way::Nowhere);
    }
}
