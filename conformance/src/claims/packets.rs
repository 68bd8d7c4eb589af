//! What a peer's own packets contradict, as its own tap recorded them: an end after which it goes on, a record that its key does not open,
//! user data where no channel is.

use super::{Contradiction, Fault, Session};
use crate::evidence::{Clear, Kind, Packet, Peer, Protection, Wire};
use crate::verdict::{Layer, Place};
use peerproof_captures::event::{ChannelInfo, PeerEvent};
use peerproof_captures::observe::Unit;
use peerproof_captures::timeline::What;
use peerproof_captures::wire::dcep::{self, Message};
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::dtls::alert::Level;
use peerproof_captures::wire::sctp::{Body, PayloadProtocol};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(session: &Session<'_>, found: &mut Vec<Contradiction>) {
    let (Some(wire), [_, _]) = (session.record.packets(), session.record.file.peers.as_slice()) else {
        return;
    };
    let faulted = faulted(session);
    for (place, peer) in session.record.file.peers.iter().enumerate() {
        let from = Peer(place);
        if !wire.records_all_sent_by(from) {
            continue;
        }
        let sent = Sent { session, wire, from, name: &peer.name, faulted: &faulted };
        found.extend(sent.goes_on_after_alert());
        found.extend(sent.goes_on_after_abort());
        found.extend(sent.does_not_authenticate());
        found.extend(sent.data_without_channel());
    }
}

/// The frames on which a rule of the scenario acted: their sender does not answer for them.
fn faulted(session: &Session<'_>) -> BTreeSet<u64> {
    let frame = |what: &What| match what {
        What::Faulted { frame, .. } => *frame,
        _ => None,
    };
    session.record.timeline.iter().filter_map(|entry| frame(&entry.what)).collect()
}

/// What one peer sent, all of it.
struct Sent<'a> {
    session: &'a Session<'a>,
    wire: &'a Wire,
    from: Peer,
    name: &'a str,
    faulted: &'a BTreeSet<u64>,
}

/// What a channel is like, as far as it is known.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// Whether it was said that it is ordered.
    ordered: bool,
    /// Whether it was said that it is not.
    unordered: bool,
}

impl Sent<'_> {
    fn other(&self) -> Peer {
        Peer(1 - self.from.0.min(1))
    }

    fn contradiction(&self, layer: Layer, at: (u64, u64), claimed: String, seen: String) -> Contradiction {
        let (frame, t_us) = at;
        let (fault, evidence) = (Fault::Peer(self.name.to_owned()), vec![Place::Frame(frame)]);
        Contradiction { claim: "", layer, fault, t_us, claimed, seen, evidence, is_less: false }
    }

    /// RFC 5246 §7.2.2, RFC 8446 §6.2: after a fatal alert nothing more is sent on the connection.
    fn goes_on_after_alert(&self) -> Option<Contradiction> {
        let (mut in_clear, mut handshakes) = (BTreeSet::new(), BTreeSet::new());
        for seen in self.wire.units_sent(self.from, self.other()) {
            match seen.unit {
                Unit::Alert { level: Some(Level::Fatal), .. } => {
                    in_clear.insert(seen.frame);
                }
                Unit::Handshake { .. } => {
                    handshakes.insert(seen.frame);
                }
                _ => {}
            }
        }
        let mut alert: Option<(u64, u64)> = None;
        for packet in self.wire.sent(self.from).filter(|it| !self.faulted.contains(&it.frame)) {
            let goes_on = packet.class() == Class::Rtp || packet.clear.iter().any(Clear::is_application_data);
            if handshakes.contains(&packet.frame) {
                // One of another connection.
                alert = None;
            } else if let (Some(at @ (frame, _)), true) = (alert, goes_on) {
                let claimed =
                    format!("{} ends the DTLS connection by a fatal alert in frame {frame}", self.name);
                let seen = format!("it goes on to send on it in frame {}", packet.frame);
                return Some(self.contradiction(Layer::Dtls, at, claimed, seen));
            } else if in_clear.contains(&packet.frame) || packet.clear.iter().any(is_fatal_alert) {
                alert.get_or_insert((packet.frame, packet.t_us));
            }
        }
        None
    }

    fn chunks(&self) -> impl Iterator<Item = (&Packet, u32, Body<'_>)> {
        let own = self
            .wire
            .sctp(self.from)
            .filter(|(packet, _)| packet.sender == self.from && !self.faulted.contains(&packet.frame));
        own.flat_map(|(packet, read)| {
            let tag = read.verification_tag.value;
            read.chunks.iter().filter_map(move |chunk| Some((packet, tag, chunk.body?)))
        })
    }

    /// RFC 9260 §9.1: after an ABORT the association is gone.
    fn goes_on_after_abort(&self) -> Option<Contradiction> {
        let mut aborted: Option<(u32, u64, u64)> = None;
        for (packet, tag, body) in self.chunks() {
            match (body, aborted) {
                (Body::Abort(_), None) => aborted = Some((tag, packet.frame, packet.t_us)),
                (
                    Body::Data(_) | Body::IData(_) | Body::Sack(_) | Body::Heartbeat(_),
                    Some((of, frame, t_us)),
                ) if of == tag && packet.frame > frame => {
                    let claimed = format!("{} ends the association by an ABORT in frame {frame}", self.name);
                    let seen = format!("it goes on to send in it in frame {}", packet.frame);
                    return Some(self.contradiction(Layer::Sctp, (frame, t_us), claimed, seen));
                }
                _ => {}
            }
        }
        None
    }

    /// RFC 6347 §4.1.2.7: a record authenticates under the keys of its epoch. One that does not, between others of the same sender that do, was
    /// made so by its sender: this is its own tap.
    fn does_not_authenticate(&self) -> Option<Contradiction> {
        let handshake = |seen: &crate::evidence::SeenUnit<'_>| matches!(seen.unit, Unit::Handshake { .. });
        let handshakes: BTreeSet<u64> = self.wire.units().filter(handshake).map(|seen| seen.frame).collect();
        let (mut opened, mut forged): (Option<u64>, Option<&Packet>) = (None, None);
        let sent = self.wire.sent(self.from).filter(|it| it.class() == Class::Dtls);
        let found = sent.filter(|it| !self.faulted.contains(&it.frame)).find_map(|packet| {
            match packet.protection {
                Protection::Opened => {
                    let before = opened.replace(packet.frame);
                    let between = forged.take().zip(before);
                    // What a handshake is between may be under the keys of another one.
                    between.filter(|(_, before)| handshakes.range(before..&packet.frame).next().is_none())
                }
                Protection::Forged => {
                    forged = forged.or(Some(packet)).filter(|_| opened.is_some());
                    None
                }
                _ => None,
            }
        });
        let (forged, _) = found?;
        let claimed = format!("{} protects its records by the keys of the handshake", self.name);
        let seen = format!("the record of frame {} does not authenticate under them", forged.frame);
        Some(self.contradiction(Layer::Dtls, (forged.frame, forged.t_us), claimed, seen))
    }

    /// The channels that either peer opened, by stream: RFC 8832 §5.1, or negotiated by the application.
    fn channels(&self) -> BTreeMap<u16, Known> {
        let mut channels: BTreeMap<u16, Known> = BTreeMap::new();
        let mut add = |stream: u16, ordered: Option<bool>| {
            let known = channels.entry(stream).or_default();
            known.ordered |= ordered == Some(true);
            known.unordered |= ordered == Some(false);
        };
        for (packet, read) in self.wire.sctp(self.from) {
            for body in read.chunks.iter().filter_map(|chunk| chunk.body) {
                let (stream, data) = match body {
                    Body::Data(data) => (data.stream.value, data.data.value),
                    Body::IData(data) => (data.stream.value, data.data.value),
                    _ => continue,
                };
                let is_faulted = self.faulted.contains(&packet.frame);
                if protocol(&body) == Some(PayloadProtocol::Dcep)
                    && let Ok(Message::Open(open)) = dcep::view(data)
                {
                    add(stream, Some(open.channel.value.is_ordered()).filter(|_| !is_faulted));
                }
            }
        }
        for entry in &self.session.record.timeline {
            match &entry.what {
                What::Event { event: PeerEvent::ChannelOpen { channel }, .. }
                | What::Event { event: PeerEvent::DataChannel { channel }, .. } => {
                    if let ChannelInfo { id: Some(id), .. } = channel {
                        add(*id, None);
                    }
                }
                What::Command { name, args, .. } if name == "createDataChannel" => {
                    let id = args.get("id").and_then(serde_json::Value::as_u64);
                    if let Some(id) = id.and_then(|id| u16::try_from(id).ok()) {
                        add(id, args.get("ordered").and_then(serde_json::Value::as_bool));
                    }
                }
                _ => {}
            }
        }
        channels
    }

    /// User data on a stream that is of no channel, or without order on a channel that both opened with it.
    fn data_without_channel(&self) -> Option<Contradiction> {
        let channels = self.channels();
        for (packet, _, body) in self.chunks() {
            let (stream, is_unordered) = match body {
                Body::Data(data) => (data.stream.value, data.is_unordered()),
                Body::IData(data) => (data.stream.value, data.is_unordered()),
                _ => continue,
            };
            let Some(protocol) = protocol(&body).filter(|it| *it != PayloadProtocol::Dcep) else { continue };
            let at = (packet.frame, packet.t_us);
            let Some(known) = channels.get(&stream) else {
                let claimed = format!(
                    "{} sends a message ({protocol}) on stream {stream} in frame {}",
                    self.name, at.0
                );
                let seen = "no channel has that stream".to_owned();
                return Some(self.contradiction(Layer::DataChannel, at, claimed, seen));
            };
            if is_unordered && known.ordered && !known.unordered {
                let claimed = format!("the channel of stream {stream} was opened as an ordered one");
                let seen = format!("{} sends a message on it without order in frame {}", self.name, at.0);
                return Some(self.contradiction(Layer::DataChannel, at, claimed, seen));
            }
        }
        None
    }
}

/// Whether plaintext is that of a fatal alert (RFC 5246 §7.2).
fn is_fatal_alert(clear: &Clear) -> bool {
    const ALERT: u8 = 21;
    const FATAL: u8 = 2;
    matches!(clear.kind, Kind::Record { content_type: ALERT, .. }) && clear.bytes.first() == Some(&FATAL)
}

/// What a message is; in I-DATA only its first piece says it.
fn protocol(body: &Body<'_>) -> Option<PayloadProtocol> {
    match body {
        Body::Data(data) => Some(data.protocol.value),
        Body::IData(data) => data.protocol(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::PeerView;
    use crate::case_file::CaseFile;
    use crate::checks::controls::Recording;
    use crate::record::CaseRecord;
    use indexmap::IndexMap;

    const ALICE: Peer = Peer(0);

    /// What contradicts the stack's packets in a recording of a data channel, once these were changed: layer and sentence.
    fn after(mutate: impl FnOnce(&mut Wire)) -> Vec<(Layer, String)> {
        let evidence = Recording::Data.evidence();
        let file = CaseFile::read(include_bytes!("../../recordings/data/case.json").as_slice()).unwrap();
        let mut wire = evidence.wire.unwrap();
        mutate(&mut wire);
        let record = CaseRecord {
            file,
            timeline: evidence.timeline,
            stats: IndexMap::new(),
            wire: Some(wire),
            reached: IndexMap::new(),
            rids: IndexMap::new(),
            flaws: Vec::new(),
        };
        let views = record.file.peers.iter();
        let views = views.map(|it| (it.name.clone(), PeerView::of(&record.timeline, &it.name))).collect();
        let mut found = Vec::new();
        check(&Session::new(&record, &views), &mut found);
        assert!(
            found.iter().all(|it| it.fault == Fault::Peer("alice".to_owned()) && !it.evidence.is_empty())
        );
        found.into_iter().map(|it| (it.layer, it.sentence())).collect()
    }

    fn is_application(clear: &Clear) -> bool {
        clear.is_application_data()
    }

    /// The packets of the stack with application data.
    fn application(wire: &mut Wire) -> Vec<&mut Packet> {
        let own = wire.packets.iter_mut().filter(|it| it.sender == ALICE && it.tap == ALICE);
        own.filter(|it| it.clear.iter().any(is_application)).collect()
    }

    /// The bytes of the SCTP packet with the stack's message, which is no DCEP.
    fn message(wire: &mut Wire) -> &mut Vec<u8> {
        // DATA of a string (RFC 8831 §8).
        let is_string = |bytes: &[u8]| bytes[12] == 0 && bytes.get(24..28) == Some(&[0, 0, 0, 51]);
        let all = application(wire).into_iter().flat_map(|it| &mut it.clear);
        all.map(|it| it.bytes.to_mut()).find(|it| is_string(it)).unwrap()
    }

    #[test]
    fn healthy_packets_contradict_nothing() {
        assert_eq!(after(|_| {}), []);
    }

    #[test]
    fn who_goes_on_after_an_end_is_named() {
        let alert = after(|wire| {
            let mut packets = application(wire);
            let at = packets.len() / 2;
            let clear = &mut packets[at].clear[0];
            clear.kind = Kind::Record { content_type: 21, epoch: 1, sequence: 5 };
            *clear.bytes.to_mut() = vec![2, 40];
        });
        assert_eq!(alert.len(), 1, "{alert:?}");
        assert!(alert[0].0 == Layer::Dtls && alert[0].1.contains("by a fatal alert"), "{alert:?}");
        let abort = after(|wire| {
            let mut packets = application(wire);
            let at = packets.len() / 2;
            packets[at].clear[0].bytes.to_mut()[12] = 6;
        });
        assert!(abort.iter().any(|it| it.0 == Layer::Sctp && it.1.contains("by an ABORT")), "{abort:?}");
    }

    #[test]
    fn a_record_that_its_key_does_not_open_is_its_senders() {
        let forged = after(|wire| {
            let mut packets = application(wire);
            let at = packets.len() / 2;
            packets[at].protection = Protection::Forged;
            packets[at].clear.clear();
        });
        assert!(forged[0].0 == Layer::Dtls && forged[0].1.contains("does not authenticate"), "{forged:?}");
        let last = after(|wire| {
            let is_own = |it: &&mut Packet| it.sender == ALICE && it.protection == Protection::Opened;
            wire.packets.iter_mut().rev().find(is_own).unwrap().protection = Protection::Forged;
        });
        assert_eq!(last, [], "the last one may be under other keys");
    }

    #[test]
    fn user_data_belongs_to_a_channel_and_goes_as_that_says() {
        let stray = after(|wire| message(wire)[20..22].copy_from_slice(&77_u16.to_be_bytes()));
        assert!(stray[0].0 == Layer::DataChannel && stray[0].1.contains("on stream 77"), "{stray:?}");
        let unordered = after(|wire| message(wire)[13] |= 4);
        assert!(unordered[0].1.contains("without order"), "{unordered:?}");
    }
}
