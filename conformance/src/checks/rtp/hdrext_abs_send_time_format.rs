//! abs-send-time (README of libwebrtc): three bytes that show when the packet left, in seconds modulo 64 with 18 bits of fraction.

use crate::checks::media::{Wrong, extensions, headers, tell};
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::rtp::{ExtensionKind, ExtensionValue};

pub(super) const CHECK: Check = Check {
    id: "hdrext-abs-send-time-format",
    layer: Layer::Media,
    subject: "send times",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// How far differences of send times may be from those of the recording, in microseconds, as a sender writes the time down before it is
/// done with the packet: the catalogue's choice.
const TOLERANCE_US: u64 = 50_000;

/// 64 seconds, after which send times begin anew.
const ROUND_US: i64 = 64_000_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let extensions = extensions(evidence, peer);
    let faulted = evidence.faulted();
    let complete = evidence.sees_all_sent_by(peer);
    let mut newest: Option<(u64, i64, u64)> = None;
    for (packet, header) in headers(evidence, peer) {
        let mut elements = header.elements();
        let Some(element) =
            elements.find(|it| extensions.of(packet).get(it.id) == ExtensionKind::AbsSendTime)
        else {
            continue;
        };
        let place = Place::Frame(packet.frame);
        let value = ExtensionValue::of(ExtensionKind::AbsSendTime, element.value.value);
        let (Some(ExtensionValue::AbsSendTime(time)), 3) = (value, element.value.value.len()) else {
            tally.fail(
                Fault("length"),
                format!("abs-send-time has {} bytes, not 3", element.value.value.len()),
                [place],
            );
            continue;
        };
        if faulted.contains(&packet.frame) {
            continue;
        }
        let sent_us = (i64::from(time) * 1_000_000) >> 18;
        let before = newest.replace((packet.frame, sent_us, packet.t_us));
        let Some((frame, before_us, recorded_us)) = before else {
            tally.pass(place);
            continue;
        };
        let passed = packet.t_us.saturating_sub(recorded_us) as i64;
        let off = (sent_us - before_us - passed).rem_euclid(ROUND_US);
        let off_us = off.min(ROUND_US - off).unsigned_abs();
        let wrong = Off::between(off_us, TOLERANCE_US, recorded_us, packet.t_us).map(|off| {
            let text = format!(
                "the send time is {} ms off what passed since the packet before (frame {frame})",
                off_us / 1_000
            );
            Wrong::by(Fault("time-off"), evidence, off, text)
        });
        tell(wrong, complete, "when the packets were sent is not recorded", place, tally);
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtp};
    use crate::checks::media::extensions;
    use crate::evidence::Peer;
    use peerproof_captures::wire::rtp::ExtensionKind;

    /// Shifts the times of all packets after a point by ten seconds.
    pub(super) const CONTROL: Control = Control::new(Recording::Call, |evidence| {
        let id = extensions(evidence, Peer(0)).id_of(ExtensionKind::AbsSendTime).unwrap();
        let mut n = 0;
        rtp::edit_elements(evidence, Peer(0), id, |value| {
            n += 1;
            if n > 100 {
                let time = u32::from_be_bytes([0, value[0], value[1], value[2]]) + (10 << 18);
                value.copy_from_slice(&time.to_be_bytes()[1..]);
            }
        });
    })
    .and(&[Mutation::new(Recording::Call, "abs-send-time has 2 bytes, not 3", |evidence| {
        let id = extensions(evidence, Peer(0)).id_of(ExtensionKind::AbsSendTime).unwrap();
        let packet = rtp::packets(evidence).find(|it| rtp::is(it) && it.sender == Peer(0)).unwrap();
        let bytes = &mut packet.clear[0].bytes;
        let header = peerproof_captures::wire::rtp::view(bytes).unwrap().header;
        let range = header.elements().find(|it| it.id == id).unwrap().value.range.range();
        bytes[range.start - 1] -= 1;
        bytes[range.end - 1] = 0;
    })]);
}
