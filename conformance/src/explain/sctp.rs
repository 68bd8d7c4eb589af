//! The SCTP association under the data channels (RFC 8831).

use super::session::Api;
use super::{Found, Kind, Layer, Missed, Says, Severity, counted, side_of};
use crate::verdict::Place;
use peerproof_captures::event::SctpState;
use peerproof_captures::trace::{Association, Connection, Side, Trouble};

/// INIT chunks after which no answer is to be expected.
pub(super) const INITS: u64 = 3;

/// What the associations of a connection show.
pub(super) fn of_packets(connection: &Connection, found: &mut Found) {
    for association in &connection.associations {
        checksums(connection, association, found);
        let unanswered = association.init_ack.is_none() && association.established.is_none();
        if unanswered
            && association.inits >= INITS
            && association.sent.iter().all(|(_, sent)| sent.data_chunks == 0)
        {
            let side = if association.init.a.is_some() { Side::A } else { Side::B };
            found.add(Says {
                severity: Severity::Broken,
                layer: Layer::Sctp,
                kind: Kind::SctpUnanswered,
                side: Some(side_of(connection, side.other())),
                at: *association.init.of(side),
                what: format!(
                    "{} sent INIT {} times; {} did not answer",
                    side_of(connection, side),
                    association.inits,
                    side_of(connection, side.other())
                ),
                why: "the other side has no SCTP transport on that port: its description has no data section, or another a=sctp-port",
                next: "compare a=sctp-port of both descriptions with the ports in the INIT, and see whether the data section was \
                       rejected",
            });
        }
        if let Some(abort) = &association.abort {
            let closing = abort.is_by_user || leaves(connection, abort);
            let causes =
                if abort.causes.is_empty() { "no cause".to_owned() } else { abort.causes.join(", ") };
            let name = side_of(connection, abort.from);
            found.add(Says {
                severity: if closing { Severity::Notice } else { Severity::Broken },
                layer: Layer::Sctp,
                kind: Kind::SctpAbort,
                side: Some(name.clone()),
                at: Some(abort.at),
                what: format!("{name} sent ABORT with {causes}"),
                why: if closing {
                    "the side ended the association on purpose, as browsers do when a connection is closed"
                } else {
                    "the side met an error from which it could not recover: a protocol violation, too many retransmissions, or a lack \
                     of resources"
                },
                next: "look at the chunks of the other side just before the deciding frame, and at the cause",
            });
        }
    }
}

/// Whether an ABORT that names no cause is part of closing the connection (webrtc-pc §4.4.2): the alert that closes DTLS follows, and the
/// side sends nothing else.
fn leaves(connection: &Connection, abort: &Trouble) -> bool {
    let side = abort.from;
    let mut alerts = connection.handshakes.iter().flat_map(|handshake| &handshake.alerts);
    let says_goodbye = alerts.any(|alert| alert.from == side && alert.is_closing() && alert.at > abort.at);
    let checks = connection.pairs.iter().filter_map(|pair| pair.checks.of(side).last);
    let media = connection.streams.values().filter(|stream| stream.from == side).map(|stream| stream.last);
    abort.causes.is_empty() && says_goodbye && checks.chain(media).all(|at| at < abort.at)
}

/// Packets that a receiver drops for their checksum.
fn checksums(connection: &Connection, association: &Association, found: &mut Found) {
    for side in Side::BOTH {
        let sent = association.checksums.of(side);
        let (name, other) = (side_of(connection, side), side_of(connection, side.other()));
        let (packets, at, what, why) = match (sent.wrong, sent.zero) {
            (0, 0) => continue,
            (0, zero) => (
                zero,
                sent.first_zero,
                format!("of {name} with the checksum zero, which {other} did not announce to accept"),
                "zero is allowed only if the receiver's INIT or INIT-ACK has Zero Checksum Acceptable (RFC 9653 §5.2), and never with INIT or \
                 COOKIE-ECHO: other receivers drop such packets (RFC 9260 §6.8)",
            ),
            (wrong, _) => (
                wrong,
                sent.first_wrong,
                format!("of {name} with a checksum that is not their CRC32c"),
                "a receiver drops packets whose CRC32c is wrong (RFC 9260 §6.8): the sender computes it over other bytes, or with another \
                 polynomial or byte order",
            ),
        };
        found.add(Says {
            severity: if association.established.is_some() { Severity::Degraded } else { Severity::Broken },
            layer: Layer::Sctp,
            kind: Kind::SctpChecksum,
            side: Some(name),
            at,
            what: format!("{} {what}", counted(packets, "SCTP packet")),
            why,
            next: "look at the checksum in the deciding frame with --frame, and at the parameters of INIT and INIT-ACK",
        });
    }
}

/// An association should be established where an application section was negotiated.
pub(super) fn of_api(api: &Api<'_>) -> Option<Missed> {
    let data = api.has_section("application");
    for (name, view, _, far) in api.both() {
        if view.closed.is_some() || far.closed.is_some() {
            continue; // It went down on purpose.
        }
        let up = view.sctp.iter().any(|at| at.is == SctpState::Connected)
            || view.channels.values().any(|channel| channel.was_open());
        // Who reports no states of it may have an association all the same.
        let shown = view.sctp.is_empty() && api.is_associated();
        if data && !up && !shown && (!view.sctp.is_empty() || !view.channels.is_empty()) {
            let state = view.sctp.last();
            let mut missed = Missed {
                layer: Layer::Sctp,
                kind: Kind::SctpNotConnected,
                side: name.to_owned(),
                expected: format!("the SCTP association should be established at {name}"),
                seen: state.map_or_else(|| "it never was".to_owned(), |at| format!("its state is {}", at.is)),
                evidence: state.map(|at| Place::Entry(at.n)).into_iter().collect(),
                why: "INIT is not answered: the other side expects another a=sctp-port, or the packets are lost",
                next: "look at the INIT and INIT-ACK chunks, and at a=sctp-port of both descriptions",
            };
            // It takes two to have none: whoever answers no INIT is the reason.
            if let Some((silent, frame)) = api.silent_to_init() {
                silent.clone_into(&mut missed.side);
                missed.expected = format!("{silent} should answer INIT");
                "it answered none of those that it received".clone_into(&mut missed.seen);
                missed.evidence = vec![Place::Frame(frame)];
            }
            return Some(missed);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::testing::of_record;
    use super::*;
    use crate::checks::controls::Recording;
    use crate::evidence::{Clear, Packet, Peer, Wire};
    use peerproof_captures::event::PeerEvent;
    use peerproof_captures::timeline::What;

    /// Neither of the two reports an association: the one that leaves INIT unanswered is named, whoever it is.
    #[test]
    fn who_answers_no_init_is_named() {
        let names: Vec<String> =
            Recording::Data.record().file.peers.iter().map(|peer| peer.name.clone()).collect();
        for sender in [0, 1] {
            let mut record = Recording::Data.record();
            let packets = &mut record.wire.as_mut().unwrap().packets;
            let is_init = |it: &&Packet| it.clear.iter().any(|clear| clear.bytes.get(12) == Some(&1));
            let mut init = packets.iter().find(is_init).cloned().unwrap();
            init.sender = Peer(sender);
            packets.retain(|it| !it.clear.iter().any(Clear::is_application_data));
            packets.extend((0..INITS).map(|n| Packet { frame: init.frame + n, ..init.clone() }));
            record.timeline.retain_mut(|entry| match &mut entry.what {
                What::Event { event: PeerEvent::SctpStateChange { state }, .. } => {
                    *state = SctpState::Connecting;
                    true
                }
                What::Event { event, .. } => {
                    !matches!(event, PeerEvent::DataChannel { .. } | PeerEvent::ChannelOpen { .. })
                }
                _ => true,
            });
            let missed = of_record(&record, &record.timeline, record.wire.as_ref(), of_api).unwrap();
            assert_eq!(missed.side, names[1 - sender], "{}", missed.expected);
        }
    }

    /// A peer that reports neither a state of the association nor a channel, though the packets show both.
    #[test]
    fn an_association_that_packets_show_is_not_missing() {
        let mut record = Recording::Data.record();
        record.timeline.retain(|entry| match &entry.what {
            What::Event { event, .. } => {
                !matches!(event, PeerEvent::SctpStateChange { .. } | PeerEvent::ChannelOpen { .. })
            }
            _ => true,
        });
        let missed = |wire: Option<&Wire>| {
            of_record(&record, &record.timeline, wire, of_api).map(|missed| missed.kind)
        };
        assert_eq!(missed(record.wire.as_ref()), None);
        assert_eq!(missed(None), Some(Kind::SctpNotConnected), "nobody saw it");
    }
}
