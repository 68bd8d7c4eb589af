//! RFC 7587 §4.2, RFC 6716 §3: a payload is one Opus packet, whose frames fill it and last for at most 120 ms.

use super::carried;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::payload::{Format, opus};

pub(super) const CHECK: Check = Check {
    id: "codec-opus-single-packet-per-payload",
    layer: Layer::Media,
    subject: "Opus packets",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// The longest packet in microseconds, and the longest frame in bytes (RFC 6716 §3.2.1, [R5] and [R2]).
const LONGEST_US: u32 = 120_000;
const LARGEST: usize = 1_275;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for carried in carried(evidence, peer, Format::Opus, tally).values().flatten() {
        if carried.payload.is_empty() {
            continue;
        }
        let place = Place::Frame(carried.packet.frame);
        match fault(carried.payload) {
            None => tally.pass(place),
            Some(_) if evidence.is_faulted(carried.packet.frame) => {}
            Some((fault, sentence)) => tally.fail(fault, sentence, [place]),
        }
    }
}

fn fault(payload: &[u8]) -> Option<(Fault, String)> {
    let Ok(read) = opus::view(payload) else {
        return Some((Fault("header-cut"), "an Opus packet breaks off in its header".to_owned()));
    };
    let length = read.data.value.len();
    if read.frames() == 0 {
        return Some((Fault("no-frame"), "an Opus packet has no frame".to_owned()));
    }
    if read.duration_us() > LONGEST_US {
        return Some((
            Fault("too-long"),
            format!("an Opus packet lasts for {} ms, more than 120", read.duration_us() / 1_000),
        ));
    }
    let fits = match read.toc.value & 3 {
        0 => length <= LARGEST,
        1 => length % 2 == 0 && length / 2 <= LARGEST,
        2 => two_frames(read.data.value),
        _ => many_frames(read.count.map_or(0, |count| count.value), read.data.value),
    };
    (!fits).then(|| {
        (
            Fault("frames-do-not-fit"),
            format!("the frames of an Opus packet do not fill its {} bytes", payload.len()),
        )
    })
}

/// Two frames, the first after its length (§3.2.4).
fn two_frames(data: &[u8]) -> bool {
    frame_length(data).is_some_and(|(first, rest)| rest.len() >= first && rest.len() - first <= LARGEST)
}

/// Any number of frames, with padding, and with lengths if they differ (§3.2.5).
fn many_frames(count: u8, data: &[u8]) -> bool {
    let (has_lengths, has_padding, frames) =
        (count & 0x80 != 0, count & 0x40 != 0, usize::from(count & 0x3f));
    let mut rest = data;
    let mut padding = 0;
    // 255 stands for 254 bytes and a further length.
    let mut more = if has_padding { u8::MAX } else { 0 };
    while more == u8::MAX {
        let Some((length, after)) = rest.split_first() else { return false };
        (more, rest) = (*length, after);
        padding += usize::from(more).min(254);
    }
    if !has_lengths {
        let Some(length) = rest.len().checked_sub(padding) else { return false };
        return length % frames == 0 && length / frames <= LARGEST;
    }
    let mut stated = 0;
    for _ in 1..frames {
        let Some((length, after)) = frame_length(rest) else { return false };
        stated += length;
        rest = after;
    }
    rest.len().checked_sub(padding + stated).is_some_and(|last| last <= LARGEST)
}

/// The length of a frame, of one byte or two (§3.2.1), and what follows it.
fn frame_length(data: &[u8]) -> Option<(usize, &[u8])> {
    match data {
        [first, rest @ ..] if *first < 252 => Some((usize::from(*first), rest)),
        [first, second, rest @ ..] => Some((usize::from(*second) * 4 + usize::from(*first), rest)),
        _ => None,
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtp};

    /// As if one packet had two frames of the same length: Chrome sends one, and nothing shows where it ends.
    pub(super) const CONTROL: Control = Control::prepared(
        Recording::Media,
        |evidence| {
            rtp::edit_payload(evidence, |payload| {
                payload[0] |= 1;
                payload.truncate(payload.len() - (payload.len() + 1) % 2);
            });
        },
        |evidence| {
            rtp::edit_payload(evidence, |payload| payload.extend(payload.clone()));
        },
    )
    .and(&[
        Mutation::new(Recording::Media, "breaks off in its header", |evidence| {
            rtp::edit_payload(evidence, |payload| *payload = vec![3]);
        }),
        Mutation::new(Recording::Media, "an Opus packet has no frame", |evidence| {
            rtp::edit_payload(evidence, |payload| *payload = vec![3, 0]);
        }),
        Mutation::new(Recording::Media, "an Opus packet lasts for 180 ms", |evidence| {
            rtp::edit_payload(evidence, |payload| *payload = vec![0x1b, 3, 1, 2, 3]);
        })
        .also_breaks(&["codec-opus-timestamp-increment"]),
    ]);
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn frames_fill_their_packet() {
        // 20 ms of CELT (config 31) in each frame.
        for good in [
            &[0xf8, 1, 2][..],
            &[0xf9, 1, 2],
            &[0xfa, 1, 9, 9, 9],
            &[0xfb, 2, 1, 1],
            &[0xfb, 0x42, 3, 1, 1, 0, 0, 0],
        ] {
            assert_eq!(fault(good), None, "{good:02x?}");
        }
        assert_eq!(fault(&[0xfb, 0x83, 1, 1, 7, 7, 7]), None);
        for bad in [
            &[][..],
            &[0xf9, 1],
            &[0xfa, 9, 1],
            &[0xfb],
            &[0xfb, 0],
            &[0xfb, 7, 1, 1, 1, 1, 1, 1, 1],
            &[0xfb, 0x83, 9, 9, 1],
        ] {
            assert!(fault(bad).is_some(), "{bad:02x?}");
        }
        assert!(fault(&[0xf8; 1_300]).is_some());
    }
}
