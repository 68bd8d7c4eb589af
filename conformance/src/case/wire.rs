//! What was on the wire of a recorded case, out of its capture.

use crate::evidence::{ReadError, is_multicast_dns, owner};
use peerproof_captures::file::{CaptureReader, Direction as Way, Item};
use peerproof_captures::link::{Network, Transport};
use peerproof_captures::recording::{Content, Direction};
use peerproof_captures::summary::{Sighting, WireSummary};
use std::collections::BTreeMap;

/// Summarises a capture whose interfaces are named for the peers, as recordings name them: `alice (chrome)`. `epoch_us` is the
/// zero of the case's clock in microseconds since 1970.
///
/// # Errors
/// If it is no capture. One that breaks off gives what it has.
pub fn summary(
    mut reader: CaptureReader<'_>,
    peers: &[String],
    epoch_us: u64,
) -> Result<WireSummary, ReadError> {
    // A packet may have been seen at several interfaces: each has streams of its own.
    let mut networks: BTreeMap<usize, Network> = BTreeMap::new();
    let mut summary = WireSummary::default();
    let mut interfaces: Vec<Option<String>> = Vec::new();
    while let Some(item) = reader.next_item() {
        if let Item::Frame(frame) = item
            && let Some(index) = frame.interface
            && let Some(peer) = interfaces.get(index).and_then(Option::as_deref)
            && let Some(time_ns) = frame.time_ns
        {
            let direction = match frame.direction {
                Some(Way::Outbound) => Direction::Outbound,
                _ => Direction::Inbound,
            };
            let t_us = (time_ns / 1_000).saturating_sub(epoch_us);
            let number = frame.number;
            networks.entry(index).or_default().frame(&frame, &mut |packet| {
                if packet.transport == Transport::Udp && is_multicast_dns(packet.from, packet.to) {
                    return;
                }
                let content = match packet.transport {
                    Transport::Udp => Content::Udp(packet.payload),
                    Transport::Tcp => Content::Framed(packet.payload),
                    Transport::ClearRtp => Content::Rtp(packet.payload),
                    Transport::ClearRtcp => Content::Rtcp(packet.payload),
                    Transport::ClearSctp => Content::Sctp(packet.payload),
                };
                summary.add(&Sighting { frame: number, peer, t_us, direction, content });
            });
        }
        if interfaces.len() < reader.interfaces().len() {
            let names = reader.interfaces().iter().map(|interface| interface.name.as_deref());
            let owners = names.map(|name| peers.get(owner(name?, peers)?.0).cloned());
            interfaces = owners.collect();
        }
    }
    match reader.stop() {
        Some(stop) if reader.frames() == 0 && reader.interfaces().is_empty() => {
            Err(ReadError::Capture(stop.to_string()))
        }
        _ => Ok(summary),
    }
}
