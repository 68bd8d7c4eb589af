//! RFC 7587 §4.1: timestamps count samples at 48 kHz, whatever the bandwidth of the coded signal.

use super::carried;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::payload::{Format, opus};

pub(super) const CHECK: Check = Check {
    id: "codec-opus-timestamp-increment",
    layer: Layer::Media,
    subject: "steps between Opus packets",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Commands after which a track may begin, or go on after it was not sent for a while.
const PAUSES: [&str; 3] = ["replaceTrack", "removeTrack", "setDirection"];

/// 2.5 ms at 48 kHz, the shortest frame: what silence lasts is a multiple of it.
const STEP: u32 = 120;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let replaced = evidence.calls(peer).iter().any(|call| PAUSES.contains(&call.name));
    for packets in carried(evidence, peer, Format::Opus, tally).values() {
        for (before, packet) in packets.iter().zip(packets.iter().skip(1)) {
            let Ok(read) = opus::view(before.payload) else { continue };
            if packet.number != before.number + 1 || packet.payload.is_empty() {
                continue;
            }
            let lasts = read.duration_us() / 1_000 * 48 + read.duration_us() % 1_000 * 48 / 1_000;
            let step = packet.rtp.header.timestamp.value.wrapping_sub(before.rtp.header.timestamp.value);
            let places = [Place::Frame(packet.packet.frame), Place::Frame(before.packet.frame)];
            if step == lasts || (step > lasts && step % STEP == 0) {
                tally.pass(places[0]);
            } else if step > lasts && replaced {
                tally.inconclusive("a track may have begun or gone on in between, at any moment", places);
            } else if !places.iter().any(|place| is_faulted(evidence, *place)) {
                tally.fail(
                    Fault("step-differs-from-length"),
                    format!("the timestamp rises by {step} after a packet that lasts for {lasts} samples"),
                    places,
                );
            }
        }
    }
}

fn is_faulted(evidence: &Evidence, place: Place) -> bool {
    matches!(place, Place::Frame(frame) if evidence.is_faulted(frame))
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, rtp};

    /// Halves the steps to and between ten packets.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        for (n, packet) in rtp::packets(evidence).filter(|it| rtp::is(it)).enumerate().skip(5) {
            let back = 480 * (n as u32 - 4).min(10);
            let bytes = &mut packet.clear[0].bytes;
            let timestamp = u32::from_be_bytes(*bytes[4..].first_chunk().unwrap()).wrapping_sub(back);
            bytes[4..8].copy_from_slice(&timestamp.to_be_bytes());
        }
    });
}
