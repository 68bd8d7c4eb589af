//! Captures of one direction. What a side did not send looks like what was not captured, so nobody is accused of it.

use super::{Found, Kind, Layer, Says, Severity, side_of};
use peerproof_captures::trace::{Connection, Side};

/// The side of which nothing is in the capture, although the other sends what it sends to somebody who answers: media, or anything beyond
/// checks. Nothing if the connection was recorded at both ends: then its silence is its own.
fn unseen(connection: &Connection) -> Option<Side> {
    if connection.delivery.is_some() {
        return None;
    }
    let silent = Side::BOTH.into_iter().find(|side| connection.peers.of(*side).last.is_none())?;
    // Nothing is sent before a check was answered (RFC 8445 §12.1).
    let is_behind_checks = !connection.pairs.is_empty()
        && (!connection.handshakes.is_empty()
            || connection.records_without_handshake > 0
            || !connection.associations.is_empty());
    (is_behind_checks || !connection.streams.is_empty()).then_some(silent)
}

/// Whether a diagnosis is that somebody did not send something.
const fn is_of_absence(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::ChecksUnanswered
            | Kind::ChecksFromOneSideOnly
            | Kind::NoNomination
            | Kind::NominationUnanswered
            | Kind::NoClientHello
            | Kind::ClientHelloUnanswered
            | Kind::HandshakeTimeout
            | Kind::NoMediaAfterHandshake
            | Kind::SctpUnanswered
            | Kind::ChannelUnacknowledged
            | Kind::OneWayMedia
            | Kind::ConsentLost
    )
}

/// Says that a connection was captured in one direction, in place of the diagnoses from that index on that follow from it.
pub(super) fn of_packets(connection: &Connection, from: usize, found: &mut Found) {
    let Some(silent) = unseen(connection) else { return };
    let own = found.all.split_off(from.min(found.all.len()));
    found.all.extend(own.into_iter().filter(|it| !is_of_absence(it.kind)));
    found.add(Says {
        severity: Severity::Notice,
        layer: if connection.pairs.is_empty() { Layer::Media } else { Layer::Checks },
        kind: Kind::OneDirection,
        side: None,
        at: Some(connection.first),
        what: format!(
            "only one direction: {} sends, and nothing that {} sent is in the capture",
            side_of(connection, silent.other()),
            side_of(connection, silent)
        ),
        why: "the capture has one direction only (a mirror port, a filter, asymmetric routes), or that side sends nothing: these packets do \
              not show which",
        next: "capture both directions, best at one of the peers; what is missing of one side is held against nobody here",
    });
}
