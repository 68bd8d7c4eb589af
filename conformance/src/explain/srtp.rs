//! Protection of RTP and RTCP.

use super::session::Api;
use super::{Found, Kind, Layer, Missed, SECOND, Says, Severity, side_of, time};
use crate::verdict::Place;
use peerproof_captures::trace::{Connection, Handshake, Side};

/// How long after the handshake media is waited for.
const MEDIA: u64 = 3 * SECOND;
/// Packets that do not authenticate: some may be of an earlier key.
const NOT_AUTHENTIC: u64 = 10;

/// What a connection shows behind its handshake.
pub(super) fn of_packets(connection: &Connection, found: &mut Found) {
    if let Some(handshake) = connection.handshake() {
        srtp(connection, handshake, found);
    }
}

/// Media without a profile to protect it. Whether that is so.
fn profile(connection: &Connection, handshake: &Handshake, found: &mut Found) -> bool {
    let described = Side::BOTH
        .into_iter()
        .filter_map(|side| connection.peers.of(side).described_media)
        .any(|(sends, receives)| sends || receives);
    if !handshake.is_without_srtp() || (connection.streams.is_empty() && !described) {
        return false;
    }
    let (client, server) =
        (side_of(connection, handshake.client), side_of(connection, handshake.client.other()));
    let (side, what) = if handshake.srtp_offered.is_empty() {
        (client.clone(), format!("{client} offered no SRTP profile in its ClientHello, so none was chosen"))
    } else {
        let offered = handshake.srtp_offered.join(", ");
        (server.clone(), format!("{client} offered {offered}; {server} chose none of them"))
    };
    found.add(Says {
        severity: Severity::Broken,
        layer: Layer::Srtp,
        kind: Kind::NoSrtpProfile,
        side: Some(side),
        at: handshake.server_hello,
        what,
        why: "the sides have no SRTP profile in common, or one does not expect media on this transport: without use_srtp there are no \
              keys for SRTP (RFC 5764 §4.1), and what is sent anyway cannot be decrypted",
        next: "look at use_srtp in both hellos, and whether the media sections were bundled onto the transport of the data channel",
    });
    true
}

fn srtp(connection: &Connection, handshake: &Handshake, found: &mut Found) {
    let Some(complete) = handshake.complete else { return };
    if profile(connection, handshake, found) {
        return;
    }
    if connection.not_authentic >= NOT_AUTHENTIC && connection.not_authentic > connection.decrypted {
        found.add(Says {
            severity: Severity::Broken,
            layer: Layer::Srtp,
            kind: Kind::SrtpNotAuthentic,
            side: None,
            at: connection.first_not_authentic,
            what: format!(
                "{} packets do not authenticate under the keys of the handshake, {} do",
                connection.not_authentic, connection.decrypted
            ),
            why: "the sender's keys are not those of this handshake: it kept the keys of an earlier one, swapped the client's and the \
                  server's, or uses another profile than the one negotiated",
            next: "look at use_srtp in the hellos for the profile, and whether another handshake followed",
        });
    }
    let nothing = connection.streams.is_empty()
        && connection.peers.a.rtcp + connection.peers.b.rtcp == 0
        && connection.associations.is_empty()
        && handshake.application_records.a + handshake.application_records.b == 0;
    let waited = connection.last.since(complete);
    if nothing && waited >= MEDIA && !handshake.alerts.iter().any(|alert| alert.level != Some(2)) {
        found.add(Says {
            severity: Severity::Broken,
            layer: Layer::Srtp,
            kind: Kind::NoMediaAfterHandshake,
            side: None,
            at: Some(complete),
            what: format!(
                "the handshake was complete in frame {}, yet in {} neither SRTP, SRTCP nor data followed",
                complete.frame,
                time(waited)
            ),
            why: if handshake.srtp_profile.is_some() {
                "no side sends: tracks are missing or muted at their source, or sections are inactive or rejected"
            } else {
                "no side sends: tracks are missing or muted at their source, sections are inactive or rejected, or no SRTP profile was \
                 negotiated"
            },
            next: "look at the directions and the ports of the media sections in both descriptions, and at the profile above",
        });
    }
}

/// Packets were sent, and none of them was taken: protection, not media.
pub(super) fn of_api(api: &Api<'_>) -> Option<Missed> {
    for (name, view, other, _) in api.both() {
        // A track is unmuted when its packets are taken, which may be after the statistics were read.
        if view.tracks.is_empty() || !view.media_samples.is_empty() || api.unmutes(name) {
            continue;
        }
        let received = api.stat(name, "inbound-rtp", "packetsReceived").unwrap_or(0.0);
        if received > 0.0 {
            continue;
        }
        let packets = api.sent(other, name);
        let sent = match &packets {
            Some(packets) => packets.srtp as f64,
            None => api.stat(other, "outbound-rtp", "packetsSent").unwrap_or(0.0),
        };
        if sent > 0.0 {
            let first = packets.and_then(|packets| packets.first_srtp);
            return Some(Missed {
                layer: Layer::Srtp,
                kind: Kind::SrtpNotAccepted,
                side: name.to_owned(),
                expected: format!("{name} should take {other}'s SRTP packets"),
                seen: format!("{sent} were sent and it took none"),
                evidence: first.map(Place::Frame).into_iter().collect(),
                why: "the packets do not arrive, do not authenticate, or belong to no stream that was described",
                next: "look at use_srtp in both hellos, and compare SSRC, payload type and MID with the descriptions",
            });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::session::{Recorded, Session};
    use super::*;
    use crate::api::{PeerView, Views};
    use indexmap::IndexMap;
    use peerproof_captures::timeline::Entry;
    use serde_json::{Value, json};

    /// Packets that came right before the statistics may not be counted yet.
    #[test]
    fn who_reports_that_its_track_is_unmuted_takes_packets() {
        let track =
            json!({"event": "track", "data": {"id": "t", "kind": "audio", "mid": "0", "streams": []}});
        let unmute = json!({"event": "trackunmute", "data": {"id": "t"}});
        let missed = |events: &[&Value]| {
            let entry = |(n, event): (usize, &&Value)| -> Entry {
                let what = json!({"event": {"peer": "bob", "seq": n, "event": event}});
                serde_json::from_value(json!({"n": n, "t_us": n, "what": what})).unwrap()
            };
            let timeline: Vec<Entry> = events.iter().enumerate().map(entry).collect();
            let view = |name: &str| (name.to_owned(), PeerView::of(&timeline, name));
            let views: Views = ["alice", "bob"].map(view).into_iter().collect();
            let sent = json!({"s": {"type": "outbound-rtp", "packetsSent": 25}});
            let stats: IndexMap<String, Value> = [("alice".to_owned(), sent)].into();
            let recorded = Recorded { views: &views, timeline: &timeline, stats: Some(&stats), wire: None };
            of_api(&Session::of_case(recorded).api().unwrap()).map(|missed| missed.side)
        };
        assert_eq!(missed(&[&track]), Some("bob".to_owned()));
        assert_eq!(missed(&[&track, &unmute]), None);
    }
}
