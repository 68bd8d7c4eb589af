//! RFC 9260 §6.5, §3.3.1: fragments have consecutive TSNs, and the ordered messages of a stream are numbered from zero, one by one.

use super::pieces::{first_sent, reads_all_sent_by};
use super::reset_streams;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "sctp-tsn-ssn-progression",
    layer: Layer::Sctp,
    subject: "DATA chunks",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let complete = reads_all_sent_by(evidence, peer);
    // The first reset of each stream, and of all of them.
    let (mut reset, mut all_reset) = (BTreeMap::new(), None);
    for it in reset_streams(evidence, peer) {
        for stream in &it.streams {
            reset.entry(*stream).or_insert(it.frame);
        }
        if it.streams.is_empty() {
            all_reset.get_or_insert(it.frame);
        }
    }
    let mut expected: BTreeMap<u16, (u16, u64)> = BTreeMap::new();
    let mut newest: Option<(i64, bool)> = None;
    for (tsn, piece) in first_sent(evidence, peer).iter().filter(|(_, piece)| piece.fragment.is_none()) {
        let place = Place::Frame(piece.packet.frame);
        if let Some((before, open)) = newest.filter(|(before, _)| before + 1 != *tsn) {
            let skipped = tsn - before - 1;
            let sentence = format!("{skipped} TSNs before {} were not used", piece.tsn);
            match (complete, open && !piece.is_beginning) {
                (true, true) => tally.fail(Fault("tsns-skipped-in-message"), sentence, [place]),
                (true, false) => tally.warn(Fault("tsns-skipped"), sentence, [place]),
                (false, _) => tally.inconclusive("chunks may have been lost before the recording", [place]),
            }
        }
        newest = Some((*tsn, !piece.is_ending));
        if piece.is_unordered || !piece.is_beginning {
            continue;
        }
        let (stream, number) = (piece.stream, piece.message as u16);
        let (next, frame) = expected.get(&stream).copied().unwrap_or((0, piece.packet.frame));
        expected.insert(stream, (number.wrapping_add(1), piece.packet.frame));
        // After a reset a stream begins anew (RFC 6525 §5.2.2).
        let before = |frame: &u64| *frame < piece.packet.frame;
        let again =
            number == 0 && (reset.get(&stream).is_some_and(before) || all_reset.as_ref().is_some_and(before));
        if number == next || again {
            tally.pass(place);
        } else if complete {
            tally.fail(
                Fault("number-out-of-order"),
                format!("message {number} of stream {stream} comes where {next} is due"),
                [place, Place::Frame(frame)],
            );
        } else {
            tally.inconclusive("chunks may have been lost before the recording", [place]);
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, sctp};
    use crate::evidence::Peer;

    /// Numbers the second message of a stream one higher.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        sctp::edit_data_of(evidence, Peer(0), |chunk| {
            if chunk[10..12] == [0, 1] {
                chunk[11] = 2;
            }
        });
    })
    .and(&[
        // The second of two fragments skips a TSN.
        Mutation::new(Recording::Data, "1 TSNs before", |evidence| {
            sctp::edit_data_of(evidence, Peer(0), |chunk| {
                if chunk[1] & 3 == 1 {
                    chunk[7] = chunk[7].wrapping_add(1);
                }
            });
        })
        .prepared(|evidence| sctp::split_last(evidence, Peer(0))), // The last message skips a TSN.
        Mutation::new(Recording::Data, "1 TSNs before", |evidence| {
            sctp::edit_last_of(evidence, Peer(0), sctp::DATA, |packet| {
                packet[19] = packet[19].wrapping_add(1);
            });
        }),
    ]);
}
