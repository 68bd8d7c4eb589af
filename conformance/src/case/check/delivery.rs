//! What goes without saying of every channel: nothing arrives that was not sent, nothing twice, and on an ordered channel
//! nothing before its turn. From both sides: the sender's commands against the receiver's events.

use super::{Mismatch, Views};
use crate::case::message::Fingerprint;
use crate::case::view::At;
use crate::claims;
use crate::explain::counted;
use crate::record::CaseRecord;
use crate::verdict::{Layer, Place};

/// Every breach of it in the case. The sender is named if it echoes (it sent something else than it got), otherwise the
/// receiver, where it showed.
pub(crate) fn anomalies(record: &CaseRecord, views: &Views) -> Vec<Mismatch> {
    let mut found = Vec::new();
    for (receiver, view) in views {
        let Some(sender) = record.other(receiver) else { continue };
        for label in view.received.keys() {
            found.extend(
                false_echo(receiver, sender, label, views).or_else(|| breach(receiver, sender, label, views)),
            );
        }
    }
    found
}

/// The first message that `receiver` got back from `sender` as none that `sender` had received.
pub(super) fn false_echo(receiver: &str, sender: &str, label: &str, views: &Views) -> Option<Mismatch> {
    let (from, to) = (views.get(sender)?, views.get(receiver)?);
    if !from.echoes.contains(label) {
        return None;
    }
    let got = from.received.get(label)?;
    let mut mismatch = compare(receiver, sender, label, got, views)?;
    mismatch.side = Some(sender.to_owned());
    mismatch.expected = format!("{sender} should send back on {label:?} what it received");
    let same_count = to.received.get(label).map_or(0, Vec::len);
    mismatch.seen = format!("{} ({} received, {same_count} came back)", mismatch.seen, got.len());
    Some(mismatch)
}

/// What `sender` received, should send back on a channel that loses nothing, and has not come back by the end of a case that waited for it.
/// What the receiver acknowledged is its own to report.
pub(crate) fn missing_echo(record: &CaseRecord, views: &Views) -> Option<Mismatch> {
    views.iter().find_map(|(receiver, view)| {
        let sender = record.other(receiver)?;
        let from = views.get(sender)?;
        from.echoes.iter().find_map(|label| {
            let info = &from.channels.get(label)?.info;
            if info.max_retransmits.is_some() || info.max_packet_life_time.is_some() {
                return None;
            }
            let got = from.received.get(label)?;
            let back = view.received.get(label).map_or(0, Vec::len);
            if back >= got.len() {
                return None;
            }
            let acknowledged = claims::acknowledged(record, views, sender, label).unwrap_or(0);
            let (side, expected, seen) = if back < acknowledged {
                let messages = counted(acknowledged as u64, "message");
                let expected = format!(
                    "{receiver} should report on {label:?} the {messages} of {sender} that it acknowledged"
                );
                (receiver.as_str(), expected, format!("it reports {back}"))
            } else {
                let messages = counted(got.len() as u64, "message");
                let expected =
                    format!("{sender} should send back on {label:?} the {messages} that it received");
                (sender, expected, format!("{back} came back to {receiver}"))
            };
            let mismatch = Mismatch::new(Layer::DataChannel, side, expected, seen);
            Some(mismatch.at(got.last().map(|at| at.n)))
        })
    })
}

fn breach(receiver: &str, sender: &str, label: &str, views: &Views) -> Option<Mismatch> {
    let from = views.get(sender)?;
    if from.echoes.contains(label) || from.lost.is_some() {
        return None; // What an echo sent of its own accord cannot be distinguished from its own sends.
    }
    compare(receiver, sender, label, from.sent.get(label).map_or(&[][..], Vec::as_slice), views)
}

fn compare(
    receiver: &str,
    sender: &str,
    label: &str,
    sent: &[At<Fingerprint>],
    views: &Views,
) -> Option<Mismatch> {
    let view = views.get(receiver)?;
    let channels = || [receiver, sender].into_iter().filter_map(|peer| views.get(peer)?.channels.get(label));
    // Each of several channels of a label has an order of its own.
    let ordered = channels().any(|channel| channel.info.ordered == Some(true))
        && channels().all(|channel| channel.opens <= 1);
    let mut taken = vec![false; sent.len()];
    let mut next = 0;
    for at in view.received.get(label)? {
        let after = (next..sent.len()).find(|&i| is_free(&taken, i) && same(sent, i, at));
        let found = if ordered {
            after
        } else {
            after.or_else(|| (0..next).find(|&i| is_free(&taken, i) && same(sent, i, at)))
        };
        match found {
            Some(i) => {
                if let Some(slot) = taken.get_mut(i) {
                    *slot = true;
                }
                if ordered {
                    next = i + 1;
                }
            }
            None => {
                let earlier = (0..sent.len()).find(|&i| same(sent, i, at));
                let seen = match earlier {
                    Some(i) if ordered && is_free(&taken, i) => format!("{} came out of order", at.is),
                    Some(_) => format!("{} came more often than it was sent", at.is),
                    None => format!("{} came, which {sender} never sent", at.is),
                };
                let expected = format!("{receiver} should receive on {label:?} what {sender} sent");
                let mut mismatch = Mismatch::new(Layer::DataChannel, receiver, expected, seen).at(Some(at.n));
                mismatch.evidence.extend(earlier.and_then(|i| sent.get(i)).map(|at| Place::Entry(at.n)));
                return Some(mismatch);
            }
        }
    }
    None
}

fn is_free(taken: &[bool], i: usize) -> bool {
    taken.get(i).is_some_and(|taken| !taken)
}

fn same(sent: &[At<Fingerprint>], i: usize, at: &At<Fingerprint>) -> bool {
    sent.get(i).is_some_and(|sent| sent.is.is(&at.is))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::views;
    use crate::checks::controls::Recording;
    use peerproof_captures::event::PeerEvent;
    use peerproof_captures::timeline::What;

    #[test]
    fn an_echo_that_came_and_was_acknowledged_is_the_receivers_to_report() {
        let mut record = Recording::Data.record();
        let echoes = record.timeline.iter().find_map(|entry| match &entry.what {
            What::Command { peer, name, .. } if name == "echo" => Some(peer.clone()),
            _ => None,
        });
        let echoes = echoes.unwrap();
        let other = record.other(&echoes).unwrap().to_owned();
        let missing = |record: &CaseRecord| {
            let views = views(&record.timeline, record.file.peers.iter().map(|peer| &peer.name));
            missing_echo(record, &views).and_then(|it| it.side)
        };
        assert_eq!(missing(&record), None);
        record.timeline.retain(|entry| match &entry.what {
            What::Event { peer, event: PeerEvent::ChannelMessage { .. }, .. } => *peer != other,
            _ => true,
        });
        assert_eq!(missing(&record), Some(other));
        record.wire = None;
        assert_eq!(missing(&record), Some(echoes));
    }
}
