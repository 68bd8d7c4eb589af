//! What the interfaces of a recording are called: `alice (chrome 156)` is a tap at the peer alice, `alice (chrome 156) wifi` one of several, and
//! what was opened there is at the same name with ` in clear` behind.

/// What an interface with plaintext is called, behind the name of the one that it belongs to.
pub const IN_CLEAR: &str = " in clear";

/// The description of an interface at the sockets of a peer in the recorder's process.
pub const AT_SOCKETS: &str = "at the peer's sockets";

/// The description of an interface of a peer's host in the network lab, which all packets of the peer pass.
pub const AT_INTERFACE: &str = "at the peer's interface";

/// A tap, by the name of its interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tap<'a> {
    /// The peer.
    pub peer: &'a str,
    /// The peer with its implementation: the same for all interfaces of the peer.
    pub owner: &'a str,
}

impl<'a> Tap<'a> {
    /// The tap with that name. `None` if it is not called as the interfaces of recordings are.
    pub fn of(interface: &'a str) -> Option<Self> {
        let name = interface.strip_suffix(IN_CLEAR).unwrap_or(interface);
        let (peer, _) = name.split_once(" (")?;
        let end = name.rfind(')')? + 1;
        let (owner, rest) = name.split_at_checked(end)?;
        let is_tap = !peer.is_empty() && (rest.is_empty() || rest.starts_with(' '));
        is_tap.then_some(Self { peer, owner })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_interfaces_of_a_peer_have_one_owner() {
        for name in ["alice (chrome 156)", "alice (chrome 156) wifi", "alice (chrome 156) lte in clear"] {
            assert_eq!(Tap::of(name), Some(Tap { peer: "alice", owner: "alice (chrome 156)" }), "{name}");
        }
        for name in ["eth0", "", " (x)", "alice (chrome", "alice (chrome)wifi", "turn in clear"] {
            assert_eq!(Tap::of(name), None, "{name:?}");
        }
    }
}
