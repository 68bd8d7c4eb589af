//! Normalising for snapshots: what is random is replaced by what it means, so that a text changes only when behaviour does.
//!
//! Identity is kept across the whole case: the same fingerprint, ufrag or SSRC has the same name wherever it stands, and
//! a value of alice's in a description of bob's is seen to be alice's.
//!
//! What legitimately depends on timing is left out or sorted; each such choice is described where it is made:
//! [`mod@sdp`], [`mod@ice`], [`mod@dtls`]. Everything is listed peer by peer, never in the order across peers.

pub mod dtls;
pub mod ice;
mod names;
pub mod sdp;

use crate::observe::Unit;
use crate::timeline::Entry;

/// What a snapshot is made of.
#[derive(Debug, Clone, Copy)]
pub struct Played<'a> {
    /// The peers' names, offerer first.
    pub peers: &'a [&'a str],
    /// What happened.
    pub timeline: &'a [Entry],
    /// What the peers sent each other, in the order of the frames; `None` if nothing could be seen.
    pub sent: Option<&'a [Sent<'a>]>,
}

/// A unit that one peer sent to the other.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'a> {
    /// The name of its sender.
    pub from: &'a str,
    /// The name of the other peer.
    pub to: &'a str,
    /// What it is.
    pub unit: Unit<'a>,
}

/// A section of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// The descriptions.
    Sdp,
    /// The transitions of the ICE states, and the candidates' types.
    Ice,
    /// The transitions of the DTLS states, and the handshake as on the wire.
    Dtls,
}

/// The snapshot of a case: the sections asked for, each under its name in brackets.
#[must_use]
pub fn snapshot(played: &Played<'_>, sections: &[Section]) -> String {
    let mut text = String::new();
    for (section, name) in [(Section::Sdp, "sdp"), (Section::Ice, "ice"), (Section::Dtls, "dtls")] {
        if sections.contains(&section) {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&format!("[{name}]\n"));
            text.push_str(&match section {
                Section::Sdp => sdp::section(played),
                Section::Ice => ice::section(played),
                Section::Dtls => dtls::section(played),
            });
        }
    }
    text
}

/// The section in which a line of a snapshot stands, the line being numbered from one.
#[must_use]
pub fn section_of_line(snapshot: &str, line: u32) -> Option<&str> {
    let before: Vec<&str> = snapshot.lines().take(line as usize).collect();
    before.iter().rev().find_map(|line| line.strip_prefix('[')?.strip_suffix(']'))
}

#[cfg(test)]
mod tests;
