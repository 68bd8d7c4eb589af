//! A summary of the wire: one short [`Item`] per STUN message, DTLS record, RTP packet, SCTP chunk that was recorded.
//!
//! It reads what is in clear and no more than a verdict and a snapshot need; the full dissection is [`crate::wire`].
//! What cannot be read is kept as [`Kind::Unknown`], never an error.

mod classify;
mod dtls;
mod kind;
mod rtp;
mod sctp;
mod stun;

pub use kind::{Kind, StunClass};

use crate::recording::{Content, Direction};
use serde::{Deserialize, Serialize};

/// A recorded packet, as the summary takes it.
#[derive(Debug, Clone, Copy)]
pub struct Sighting<'a> {
    /// Number of the frame, from one.
    pub frame: u64,
    /// The peer at whose tap it was seen.
    pub peer: &'a str,
    /// Microseconds since the case began.
    pub t_us: u64,
    /// Out of that peer or into it.
    pub direction: Direction,
    /// Its bytes.
    pub content: Content<'a>,
}

/// One thing that was on the wire. A packet with several records or chunks gives several items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Number of the frame, from one.
    pub frame: u64,
    /// The peer at whose tap it was seen.
    pub peer: String,
    /// Whether it went out of that peer (`true`) or came in.
    pub out: bool,
    /// Microseconds since the case began.
    pub t_us: u64,
    /// What it was.
    pub kind: Kind,
}

/// What was on the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireSummary {
    /// Recorded packets, plaintext copies not counted.
    pub packets: u64,
    /// Everything in them, in the order of the frames.
    pub items: Vec<Item>,
    /// Whether there was more than [`WireSummary::MOST_ITEMS`].
    pub cut: bool,
}

impl WireSummary {
    /// So many items are kept: hours of a call, and a bound for what a hostile file can cost.
    pub const MOST_ITEMS: usize = 1_000_000;

    /// Reads the packets, in the order of their frames.
    pub fn of<'a>(packets: impl IntoIterator<Item = Sighting<'a>>) -> Self {
        let mut summary = Self::default();
        for packet in packets {
            summary.add(&packet);
        }
        summary
    }

    /// Adds a packet.
    pub fn add(&mut self, packet: &Sighting<'_>) {
        if matches!(packet.content, Content::Udp(_) | Content::Tcp(_) | Content::Framed(_)) {
            self.packets += 1;
        }
        for kind in classify::classify(packet.content) {
            if self.items.len() >= Self::MOST_ITEMS {
                self.cut = true;
                return;
            }
            self.items.push(Item {
                frame: packet.frame,
                peer: packet.peer.to_owned(),
                out: packet.direction == Direction::Outbound,
                t_us: packet.t_us,
                kind,
            });
        }
    }

    /// What `from` sent to `to`: as it left `from` if that was recorded, otherwise as it reached `to`.
    pub fn sent<'a>(&'a self, from: &'a str, to: &'a str) -> impl Iterator<Item = &'a Item> {
        let tapped = self.items.iter().any(|item| item.peer == from);
        self.items.iter().filter(move |item| match tapped {
            true => item.out && item.peer == from,
            false => !item.out && item.peer == to,
        })
    }

    /// Whether anything was seen at the tap of one of the two.
    #[must_use]
    pub fn sees(&self, one: &str, other: &str) -> bool {
        self.items.iter().any(|item| item.peer == one || item.peer == other)
    }
}

#[cfg(test)]
mod tests;
