//! What is not in the capture of a recording of ours although both peers prove that it was sent: then it was not recorded.
//!
//! What one peer alone claims is another matter: that may be its error.

use super::flaws::{Flaw, tapped};
use super::{Evidence, Peer, Protection, Wire};
use crate::case_file::CaseFile;
use crate::verdict::Place;
use peerproof_captures::event::{ConnectionState, DtlsState, PeerEvent};
use peerproof_captures::observe::Defect;
use peerproof_captures::timeline::What;
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::dtls::Version;
use peerproof_captures::wire::dtls::handshake::Body;
use peerproof_captures::wire::sctp::{self, Body as Chunk};
use peerproof_captures::wire::stun;
use std::collections::BTreeSet;

/// What is gone.
pub(super) fn flaws(evidence: &Evidence, case: &CaseFile) -> Vec<Flaw> {
    let Some(other) = evidence.other(Peer(0)) else { return Vec::new() };
    let both = [Peer(0), other];
    let connected = both.iter().all(|peer| is_connected(evidence, *peer));
    let mut flaws = Vec::new();
    flaws.extend(tapped(evidence, case).filter_map(|(peer, name)| direction(evidence, peer, name)));
    if connected {
        // What goes to a TURN server by TLS is seen by nobody else.
        if both.iter().any(|peer| is_direct(evidence, *peer)) {
            flaws.extend(packets(evidence, case));
            flaws.extend(handshake(evidence, case));
        }
        flaws.extend(secrets(evidence));
    }
    flaws.extend(both.into_iter().filter_map(|from| messages(evidence, from)));
    if both.iter().any(|peer| is_direct(evidence, *peer)) {
        flaws.extend(both.into_iter().filter_map(|from| media(evidence, from)));
    }
    flaws
}

/// Whether a peer reports that it has a DTLS connection.
fn is_connected(evidence: &Evidence, peer: Peer) -> bool {
    evidence.events(peer).iter().any(|happened| {
        matches!(
            happened.event,
            PeerEvent::DtlsStateChange { state: DtlsState::Connected, .. }
                | PeerEvent::ConnectionStateChange { state: ConnectionState::Connected }
        )
    })
}

/// Whether a peer reports pairs of candidates that it used, and none of them through a TURN server.
fn is_direct(evidence: &Evidence, peer: Peer) -> bool {
    let events = evidence.events(peer);
    let pairs = events.iter().filter_map(|happened| match happened.event {
        PeerEvent::SelectedCandidatePairChange { local, remote } => Some([local, remote]),
        _ => None,
    });
    let mut used = pairs.flatten().peekable();
    used.peek().is_some() && used.all(|candidate| !candidate.contains(" typ relay"))
}

/// Whether nothing that passed a tap can be missing for another reason than that it was not recorded.
fn is_seen(wire: &Wire) -> bool {
    !wire.cut && !wire.hidden
}

/// Nothing at the tap of a peer that is connected.
fn packets(evidence: &Evidence, case: &CaseFile) -> Option<Flaw> {
    let sees = |peer: Peer| evidence.wire.as_ref().is_some_and(|wire| wire.sees(peer));
    let (_, name) = tapped(evidence, case).find(|(peer, _)| !sees(*peer))?;
    let claimed = format!("both peers report a connection, so packets of {name} passed its tap");
    Some(Flaw::missing(claimed, "the capture has none that were seen there"))
}

/// Answers at the tap of a peer, and nothing that goes the way of what they answer.
fn direction(evidence: &Evidence, peer: Peer, name: &str) -> Option<Flaw> {
    let wire = evidence.wire.as_ref().filter(|wire| wire.sees(peer))?;
    let is_answer = |message: &stun::Message<'_>| message.kind.value.class() == stun::Class::Success;
    let of_peers = wire.stun(peer).map(|(packet, message)| (packet.sender == peer, is_answer(&message)));
    let of_servers = wire.with_servers(peer).map(|(at, message)| (at.sent, is_answer(&message)));
    let mut answers = [false; 2];
    for (sent, is_answer) in of_peers.chain(of_servers) {
        answers[usize::from(sent)] |= is_answer;
    }
    let goes = |way: bool| {
        wire.at(peer).any(|packet| (packet.sender == peer) == way)
            || wire.servers.iter().any(|at| at.peer == peer && at.sent == way)
    };
    let (answers, asks) = match answers {
        [_, true] if !goes(false) => ("sends", "arrives there"),
        [true, _] if !goes(true) => ("receives", "leaves there"),
        _ => return None,
    };
    let claimed = format!("{name} {answers} answers of STUN");
    Some(Flaw::missing(claimed, format!("nothing in the capture {asks}: it has one direction only")))
}

/// No handshake at the tap of a peer although both peers are connected.
fn handshake(evidence: &Evidence, case: &CaseFile) -> Option<Flaw> {
    evidence.wire.as_ref().filter(|wire| is_seen(wire))?;
    for (peer, name) in tapped(evidence, case) {
        let handshake = evidence.first_handshake(peer);
        let has = |wanted: fn(&Body<'_>) -> bool| handshake.bodies().any(|(_, body)| wanted(&body));
        let missing = if !has(|body| matches!(body, Body::ClientHello(_))) {
            "a ClientHello"
        } else if !has(|body| matches!(body, Body::ServerHello(_))) {
            "a ServerHello"
        } else if handshake.version == Some(Version::Dtls12)
            && evidence.each_peer().any(|peer| handshake.finished(peer).is_none())
        {
            "a Finished of each side"
        } else {
            continue;
        };
        let claimed = "both peers report a DTLS connection".to_owned();
        return Some(Flaw::missing(claimed, format!("the packets at {name} do not have {missing}")));
    }
    None
}

/// The secrets open nothing of what a peer sent, though the other side could read it.
fn secrets(evidence: &Evidence) -> Option<Flaw> {
    if evidence.has_false_secrets() {
        return None;
    }
    let defect = evidence.each_peer().find_map(|peer| wrong_secrets(evidence, peer))?;
    Some(Flaw::missing("the capture should have the secrets of the session", defect.to_string()))
}

/// What a peer sent under protection, and none of it opens with the secrets that there are.
pub(super) fn wrong_secrets(evidence: &Evidence, peer: Peer) -> Option<Defect> {
    let wire = evidence.wire.as_ref()?;
    let opens = |is: fn(Class) -> bool| {
        let sent = wire.sent(peer).filter(|packet| is(packet.class()) && !evidence.is_faulted(packet.frame));
        sent.fold((0, 0), |(opened, forged), packet| match packet.protection {
            Protection::Opened => (opened + 1, forged),
            Protection::Forged => (opened, forged + 1),
            _ => (opened, forged),
        })
    };
    let dtls = opens(|class| class == Class::Dtls);
    let media = opens(|class| matches!(class, Class::Rtp | Class::Rtcp));
    let name = evidence.name(peer);
    match (dtls, media) {
        ((0, units @ 1..), _) => Some(Defect::WrongSecrets { of: name.to_owned(), units }),
        // Of DTLS 1.3 each secret is one of its own: that of SRTP may be wrong alone.
        (_, (0, units @ 1..)) if is_recognised(evidence, peer) => {
            Some(Defect::WrongSecrets { of: format!("the media of {name}"), units })
        }
        _ => None,
    }
}

/// Whether the other side recognised media of a peer.
fn is_recognised(evidence: &Evidence, from: Peer) -> bool {
    let seen = |event: &PeerEvent| matches!(event, PeerEvent::MediaSeen { frames: 1.., .. });
    evidence.other(from).is_some_and(|other| evidence.events(other).iter().any(|it| seen(it.event)))
}

/// Messages that arrived, and the capture lacks chunks that carried them: the other side acknowledges what is not there, or nothing of an
/// association is.
fn messages(evidence: &Evidence, from: Peer) -> Option<Flaw> {
    let wire = evidence.wire.as_ref().filter(|wire| is_seen(wire) && wire.is_tapped(from))?;
    let to = evidence.other(from)?;
    let closed = |protection| matches!(protection, Protection::NoSecret | Protection::Forged);
    let dtls = || wire.at(from).filter(|packet| packet.class() == Class::Dtls);
    if dtls().any(|packet| closed(packet.protection)) {
        return None;
    }
    let is_message = |event: &PeerEvent| matches!(event, PeerEvent::ChannelMessage { .. });
    let arrived = evidence.events(to).iter().filter(|it| is_message(it.event)).count();
    let asked = evidence.calls(from).iter().filter(|call| matches!(call.name, "send" | "echo")).count();
    if arrived == 0 || asked == 0 {
        return None;
    }
    let (mut sent, mut newest, mut acknowledged): (BTreeSet<u32>, Option<u32>, Option<(u32, u64)>) =
        (BTreeSet::new(), None, None);
    let mut given_up: Option<u32> = None;
    let mut any = false;
    for (packet, body) in wire
        .sctp(from)
        .flat_map(|(packet, read)| read.chunks.iter().filter_map(move |chunk| Some((packet, chunk.body?))))
    {
        any = true;
        match (body, packet.sender == from) {
            (Chunk::Data(sctp::Data { tsn, .. }), true) => {
                sent.insert(tsn.value);
                newest = Some(newest.map_or(tsn.value, |newest| later(newest, tsn.value)));
            }
            (Chunk::IData(sctp::IData { tsn, .. }), true) => {
                sent.insert(tsn.value);
                newest = Some(newest.map_or(tsn.value, |newest| later(newest, tsn.value)));
            }
            // Of a message that is given up some chunks may never be sent (RFC 3758 §3.5).
            (
                Chunk::ForwardTsn(sctp::ForwardTsn { new_cumulative_tsn: tsn, .. })
                | Chunk::IForwardTsn(sctp::IForwardTsn { new_cumulative_tsn: tsn, .. }),
                true,
            ) => given_up = Some(given_up.map_or(tsn.value, |before| later(before, tsn.value))),
            (Chunk::Sack(sack), false) => {
                let tsn = sack.cumulative_tsn.value;
                let is_news = acknowledged.is_none_or(|(before, _)| later(before, tsn) == tsn);
                acknowledged = acknowledged.filter(|_| !is_news).or(Some((tsn, packet.frame)));
            }
            _ => {}
        }
    }
    let (name, other) = (evidence.name(from), evidence.name(to));
    let claimed = format!("{name} sent messages and {other} received {arrived}");
    if !any {
        let seen = "the capture has no packet of SCTP";
        let direct = is_direct(evidence, from) || is_direct(evidence, to);
        return direct.then(|| Flaw::missing(claimed, seen));
    }
    let (tsn, frame) = acknowledged?;
    let must_be_there =
        |tsn: u32| given_up.is_none_or(|given_up| tsn != given_up && later(given_up, tsn) == tsn);
    let is_beyond =
        must_be_there(tsn) && newest.is_none_or(|newest| newest != tsn && later(newest, tsn) == tsn);
    // The first TSN is in the INIT or INIT ACK of the sender: a SACK of nothing acknowledges the one before it.
    let is_hole = newest.filter(|newest| must_be_there(*newest)).is_some_and(|newest| {
        let there = || sent.iter().copied().filter(|tsn| must_be_there(*tsn));
        let lowest =
            || there().fold(newest, |first, tsn| if later(first, tsn) == first { tsn } else { first });
        let first = given_up.map_or_else(lowest, |given_up| given_up.wrapping_add(1));
        tsn.wrapping_sub(first) < u32::MAX / 2
            && (there().count() as u64) < u64::from(newest.wrapping_sub(first)) + 1
    });
    (is_beyond || is_hole).then(|| {
        let seen =
            format!("the capture lacks chunks up to TSN {tsn} that {other} acknowledges in frame {frame}");
        Flaw { evidence: vec![Place::Frame(frame)], ..Flaw::missing(claimed, seen) }
    })
}

/// The later of two TSNs (RFC 9260 §1.6).
const fn later(one: u32, other: u32) -> u32 {
    if other.wrapping_sub(one) < u32::MAX / 2 { other } else { one }
}

/// Media that were recognised, and that their sender says it sent, but no packet of RTP.
fn media(evidence: &Evidence, from: Peer) -> Option<Flaw> {
    let wire = evidence.wire.as_ref().filter(|wire| is_seen(wire) && wire.is_tapped(from))?;
    let is_rtp = |class| matches!(class, Class::Rtp);
    if !is_recognised(evidence, from) || wire.sent(from).any(|packet| is_rtp(packet.class())) {
        return None;
    }
    let name = evidence.name(from);
    let reports = evidence.timeline.iter().filter_map(|entry| match &entry.what {
        What::Stats { peer, report } if peer == name => report.as_object(),
        _ => None,
    });
    let counts = |stat: &serde_json::Value| {
        stat.get("type").is_some_and(|kind| kind == "outbound-rtp")
            && stat.get("packetsSent").and_then(serde_json::Value::as_u64).is_some_and(|sent| sent > 0)
    };
    let says = reports.into_iter().any(|report| report.values().any(counts));
    let other = evidence.name(evidence.other(from)?);
    says.then(|| {
        Flaw::missing(
            format!("{name} reports that it sent media, and {other} recognised them"),
            format!("the capture has no packet of RTP that {name} sent"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::controls::Recording;
    use crate::evidence::{Kind, Packet};

    const ALICE: Peer = Peer(0);

    fn case(recording: Recording) -> (Evidence, CaseFile) {
        let bytes: &[u8] = match recording {
            Recording::Data => include_bytes!("../../recordings/data/case.json"),
            Recording::Call => include_bytes!("../../recordings/call/case.json"),
            Recording::Video => include_bytes!("../../recordings/video/case.json"),
            _ => include_bytes!("../../recordings/media/case.json"),
        };
        let case = CaseFile::read(bytes).unwrap();
        (recording.evidence(), case)
    }

    /// What a recording lacks once it was mutated.
    fn after(recording: Recording, mutate: impl FnOnce(&mut Evidence)) -> Vec<String> {
        let (mut evidence, case) = case(recording);
        // The call was recorded in the lab.
        evidence.hosts.extend([ALICE].into_iter().filter(|_| recording == Recording::Call));
        mutate(&mut evidence);
        flaws(&evidence, &case).into_iter().map(|it| it.seen).collect()
    }

    fn retain(evidence: &mut Evidence, keep: impl Fn(&Packet) -> bool) {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let before = packets.len();
        packets.retain(keep);
        assert!(packets.len() < before);
    }

    fn application(packet: &Packet) -> bool {
        packet.clear.iter().any(|clear| matches!(clear.kind, Kind::Record { content_type: 23, .. }))
    }

    #[test]
    fn nothing_is_gone_from_whole_recordings() {
        for recording in [Recording::Data, Recording::Call, Recording::Media] {
            assert_eq!(after(recording, |_| {}), [""; 0], "{recording:?}");
        }
    }

    #[test]
    fn packets_that_both_peers_prove_are_missed() {
        let seen = after(Recording::Data, |evidence| evidence.wire = None);
        assert!(seen[0].contains("none that were seen there"), "{seen:?}");
        let seen = after(Recording::Data, |evidence| retain(evidence, |it| it.class() != Class::Dtls));
        assert!(seen[0].contains("do not have a ClientHello"), "{seen:?}");
        let seen = after(Recording::Data, |evidence| {
            retain(evidence, |it| {
                // ServerHello (RFC 5246 §7.4).
                !(it.class() == Class::Dtls && it.bytes.get(13) == Some(&2))
            });
        });
        assert!(seen[0].contains("do not have a ServerHello"), "{seen:?}");
    }

    #[test]
    fn messages_that_were_acknowledged_are_missed() {
        let seen = after(Recording::Data, |evidence| retain(evidence, |it| !application(it)));
        assert!(seen[0].contains("no packet of SCTP"), "{seen:?}");
        let seen = after(Recording::Data, |evidence| {
            retain(evidence, |it| {
                // The first chunk is DATA.
                let is_data = |bytes: &[u8]| bytes.get(12) == Some(&0);
                !(it.sender == ALICE && application(it) && it.clear.iter().any(|clear| is_data(&clear.bytes)))
            });
        });
        assert!(seen[0].contains("acknowledges in frame"), "{seen:?}");
        // Its sender gives them up, and then need not have sent them (RFC 3758 §3.5).
        let seen = after(Recording::Data, |evidence| {
            let newest = evidence.wire.as_ref().unwrap().sctp(ALICE).flat_map(|(packet, read)| {
                let own = packet.sender == ALICE;
                let tsn = move |body| match body {
                    Chunk::Data(sctp::Data { tsn, .. }) if own => Some(tsn.value),
                    _ => None,
                };
                read.chunks.iter().filter_map(move |chunk| tsn(chunk.body?)).collect::<Vec<_>>()
            });
            let newest = newest.reduce(later).unwrap();
            retain(evidence, |it| {
                let is_data = |bytes: &[u8]| bytes.get(12) == Some(&0);
                !(it.sender == ALICE && application(it) && it.clear.iter().any(|clear| is_data(&clear.bytes)))
            });
            let mut chunk = vec![192, 0, 0, 8];
            chunk.extend(newest.to_be_bytes());
            // In front of one of its SACKs.
            let is_sack = |it: &&mut Packet| {
                it.sender == ALICE && it.clear.iter().any(|clear| clear.bytes.get(12) == Some(&3))
            };
            let packet = evidence.wire.as_mut().unwrap().packets.iter_mut().rfind(is_sack).unwrap();
            packet
                .clear
                .iter_mut()
                .for_each(|clear| drop(clear.bytes.to_mut().splice(12..12, chunk.iter().copied())));
        });
        assert_eq!(seen, [""; 0]);
    }

    #[test]
    fn secrets_of_another_session_are_no_fault_of_a_peer() {
        let forge = |evidence: &mut Evidence, wanted: fn(&Packet) -> bool| {
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            for packet in packets.iter_mut().filter(|it| it.protection == Protection::Opened && wanted(it)) {
                packet.protection = Protection::Forged;
                packet.clear.clear();
            }
        };
        let seen = after(Recording::Data, |evidence| forge(evidence, |_| true));
        assert!(seen.iter().any(|it| it.contains("missing or not those of the session")), "{seen:?}");
        // One that does not open is its sender's.
        let seen = after(Recording::Data, |evidence| {
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            packets.iter_mut().rfind(|it| application(it)).unwrap().protection = Protection::Forged;
        });
        assert_eq!(seen, [""; 0]);
        let seen = after(Recording::Video, |evidence| {
            forge(evidence, |it| matches!(it.class(), Class::Rtp | Class::Rtcp));
        });
        let recognised = seen.iter().any(|it| it.contains("the media of"));
        assert!(recognised, "{seen:?}");
    }
}
