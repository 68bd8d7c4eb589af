//! RFC 9260 §3.3.1, §6.9, RFC 8260 §2.2.2: B and E mark the first and the last fragment, and all of a message agree on what they are of.

use super::chunks;
use super::pieces::{Piece, Tsns, first_sent, piece as piece_of};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::sctp::Body;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "sctp-fragment-flags-valid",
    layer: Layer::Sctp,
    subject: "fragments and whole messages",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let sent = first_sent(evidence, peer);
    let given_up = given_up(evidence, peer, &sent);
    let mut before: Option<(i64, Piece<'_>)> = None;
    // Messages of I-DATA that are open, with the number of their newest fragment.
    let mut interleaved: BTreeMap<(u16, bool, u32), u32> = BTreeMap::new();
    for (tsn, piece) in &sent {
        let place = Place::Frame(piece.packet.frame);
        let key = (piece.stream, piece.is_unordered, piece.message);
        let fault = match piece.fragment {
            Some(number) => {
                let newest = interleaved.get(&key).copied();
                if piece.is_ending {
                    interleaved.remove(&key);
                } else {
                    interleaved.insert(key, number);
                }
                of_interleaved(piece, number, newest)
            }
            None => match before.filter(|(newest, _)| newest + 1 == *tsn) {
                Some((newest, before)) => of_data(piece, &before, newest <= given_up),
                // What came before it is not known.
                None => None,
            },
        };
        before = Some((*tsn, *piece));
        match fault {
            None => tally.pass(place),
            Some(_) if evidence.is_faulted(piece.packet.frame) => {}
            Some(_) if piece.fragment.is_some() && !evidence.whole => {
                tally.inconclusive("fragments may be missing in the capture", [place]);
            }
            Some((fault, sentence)) => tally.fail(fault, sentence, [place]),
        }
    }
}

/// The last TSN that a peer may have given up: the furthest that a FORWARD-TSN of its names.
fn given_up(evidence: &Evidence, peer: Peer, sent: &BTreeMap<i64, Piece<'_>>) -> i64 {
    let Some((first, piece)) = sent.first_key_value() else { return i64::MIN };
    let mut tsns = Tsns::default();
    // On the same count as what was sent.
    tsns.extend(piece.tsn);
    let beyond = |tsn: i64| first + tsn - i64::from(piece.tsn);
    let mut furthest = i64::MIN;
    for (packet, body) in chunks(evidence, peer).filter(|(packet, _)| packet.sender == peer) {
        let stated = match body {
            Body::ForwardTsn(forward) => forward.new_cumulative_tsn.value,
            Body::IForwardTsn(forward) => forward.new_cumulative_tsn.value,
            _ => {
                if let Some(piece) = piece_of(packet, &body) {
                    tsns.extend(piece.tsn);
                }
                continue;
            }
        };
        furthest = furthest.max(beyond(tsns.peek(stated)));
    }
    furthest
}

/// A message that was given up ends with the piece that was sent last (RFC 3758 §3.5).
fn of_data(piece: &Piece<'_>, before: &Piece<'_>, may_be_given_up: bool) -> Option<(Fault, String)> {
    let open = !before.is_ending;
    let what = |piece: &Piece<'_>| (piece.stream, piece.is_unordered, piece.message);
    match (open, piece.is_beginning) {
        (true, true) if !may_be_given_up => Some((
            Fault("begins-before-end"),
            format!("TSN {} begins a message before the previous one has ended", piece.tsn),
        )),
        (false, false) => Some((
            Fault("continues-nothing"),
            format!("TSN {} continues a message, and none has begun", piece.tsn),
        )),
        (true, false) if what(piece) != what(before) => Some((
            Fault("continues-other"),
            format!("TSN {} continues a message with another stream, order or number", piece.tsn),
        )),
        _ => None,
    }
}

fn of_interleaved(piece: &Piece<'_>, number: u32, newest: Option<u32>) -> Option<(Fault, String)> {
    match (newest, piece.is_beginning) {
        (Some(_), true) => Some((
            Fault("begins-again"),
            format!("message {} begins again before it has ended", piece.message),
        )),
        (Some(newest), false) if number != newest.wrapping_add(1) => Some((
            Fault("fragment-skips"),
            format!("fragment {number} of message {} follows {newest}", piece.message),
        )),
        _ => None,
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, sctp};
    use crate::evidence::Peer;

    /// As if the last message of the recording that has more than a byte were of two fragments.
    pub(super) const CONTROL: Control = Control::prepared(
        Recording::Data,
        |evidence| sctp::split_last(evidence, Peer(0)),
        |evidence| {
            // B off the first of the two, which is the only one with B alone.
            sctp::edit_data_of(evidence, Peer(0), |chunk| {
                if chunk[1] & 3 == 2 {
                    chunk[1] &= !2;
                }
            });
        },
    )
    .and(&[
        Mutation::new(Recording::Data, "begins a message before the previous one has ended", |evidence| {
            sctp::edit_data_of(evidence, Peer(0), |chunk| {
                if chunk[1] & 3 == 1 {
                    chunk[1] |= 2;
                    chunk[11] += 1;
                }
            });
        })
        .prepared(|evidence| sctp::split_last(evidence, Peer(0)))
        .also_breaks(&["dc-one-application-message-per-sctp-message"]),
        Mutation::new(Recording::Data, "with another stream, order or number", |evidence| {
            sctp::edit_data_of(evidence, Peer(0), |chunk| {
                if chunk[1] & 3 == 1 {
                    chunk[11] ^= 1;
                }
            });
        })
        .prepared(|evidence| sctp::split_last(evidence, Peer(0))),
        Mutation::new(Recording::Data, "begins again before it has ended", |evidence| {
            sctp::edit_interleaved(evidence, Peer(0), |chunk| {
                chunk[1] |= 2;
                chunk[19] = 51;
            });
        })
        .prepared(|evidence| sctp::split_last_interleaved(evidence, Peer(0)))
        .also_breaks(&["dc-one-application-message-per-sctp-message"]),
        Mutation::new(Recording::Data, "fragment 2 of message", |evidence| {
            sctp::edit_interleaved(evidence, Peer(0), |chunk| chunk[19] = 2);
        })
        .prepared(|evidence| sctp::split_last_interleaved(evidence, Peer(0))),
    ]);
}
