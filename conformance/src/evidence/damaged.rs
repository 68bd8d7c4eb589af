//! Where packets arrived that rules corrupted: they differ there from what was sent, in a number too.

use super::{Peer, Wire};
use peerproof_captures::timeline::{Entry, RuleAction, What};
use std::collections::{BTreeMap, BTreeSet};

/// The frames at which packets that rules corrupted arrived, as the taps of their receivers recorded them.
pub(super) fn arrivals(timeline: &[Entry], wire: &Wire) -> BTreeSet<u64> {
    let mut corrupted: BTreeMap<u64, Vec<i32>> = BTreeMap::new();
    for entry in timeline {
        if let What::Faulted { frame: Some(frame), action: RuleAction::Corrupt { byte }, .. } = entry.what {
            corrupted.entry(frame).or_default().push(byte);
        }
    }
    if corrupted.is_empty() {
        return BTreeSet::new();
    }
    let mut became: BTreeMap<Vec<u8>, Peer> = BTreeMap::new();
    for packet in wire.packets.iter().filter(|packet| packet.tap == packet.sender) {
        let Some(changes) = corrupted.get(&packet.frame) else { continue };
        let mut bytes = packet.bytes.to_vec();
        for byte in changes {
            invert(&mut bytes, *byte);
        }
        became.insert(bytes, packet.sender);
    }
    let arrived = wire.packets.iter().filter(|packet| packet.tap != packet.sender);
    let arrived = arrived.filter(|packet| became.get(packet.bytes.as_slice()) == Some(&packet.sender));
    arrived.map(|packet| packet.frame).collect()
}

/// Inverts the lowest bit of a byte, counted from the end if negative, as a rule does.
fn invert(bytes: &mut [u8], byte: i32) {
    let distance = byte.unsigned_abs() as usize;
    let at = if byte < 0 { bytes.len().checked_sub(distance) } else { Some(distance) };
    if let Some(byte) = at.and_then(|at| bytes.get_mut(at)) {
        *byte ^= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::controls::Recording;
    use crate::evidence::Evidence;
    use serde_json::json;

    /// Which of the first packet of alice and of what arrived in its place a rule acted on, if it inverted a byte of `ruled`, and what
    /// arrived has one of `arrived` inverted.
    fn acted(ruled: &[i32], arrived: &[i32]) -> [bool; 2] {
        let mut wire = Recording::Data.record().wire.unwrap();
        wire.packets.truncate(1);
        let sent = &mut wire.packets[0];
        sent.tap = sent.sender;
        let (sender, frame) = (sent.sender, sent.frame);
        let mut came = sent.clone();
        (came.tap, came.frame) = (Peer(1 - sender.0), frame + 1);
        let mut bytes = came.bytes.to_vec();
        arrived.iter().for_each(|byte| invert(&mut bytes, *byte));
        came.bytes = bytes.into();
        wire.packets.push(came);
        let entry = |byte: &i32| {
            let action = json!({"corrupt": {"byte": byte}});
            let faulted = json!({"peer": "alice", "rule": {"action": action, "matches": {}}, "action": action, "frame": frame});
            serde_json::from_value(json!({"n": 0, "t_us": 0, "what": {"faulted": faulted}})).unwrap()
        };
        let timeline = ruled.iter().map(entry).collect();
        let evidence = Evidence::new(vec!["alice".to_owned(), "bob".to_owned()], timeline, Some(wire));
        [frame, frame + 1].map(|frame| evidence.is_faulted(frame))
    }

    #[test]
    fn a_corrupted_packet_is_recognised_where_it_arrives() {
        assert_eq!(acted(&[3], &[3]), [true; 2]);
        assert_eq!(acted(&[-2], &[-2]), [true; 2]);
        assert_eq!(acted(&[3, -2], &[3, -2]), [true; 2], "two rules");
        assert_eq!(acted(&[3], &[4]), [true, false], "another packet");
        assert_eq!(acted(&[], &[3]), [false; 2]);
        assert_eq!(acted(&[i32::MIN, i32::MAX], &[]), [true; 2], "there is no such byte");
    }
}
