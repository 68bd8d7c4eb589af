//! What was on the wire, counted.

use super::Mismatch;
use crate::expect::WireMatch;
use crate::record::CaseRecord;
use crate::verdict::{Layer, Place};
use peerproof_captures::observe::Unit;
use peerproof_captures::wire::dcep::MessageType;
use peerproof_captures::wire::dtls::alert::Level;

pub(super) fn check(record: &CaseRecord, wanted: &WireMatch) -> Option<Mismatch> {
    let from = wanted.from.as_str();
    let (protocol, kind) = match wanted.class() {
        Ok(class) => class,
        Err(what) => {
            return Some(
                Mismatch::new(Layer::Signalling, from, "a wire expectation should be well-formed", what)
                    .undecided(),
            );
        }
    };
    let layer = layer(protocol);
    let text = || {
        let kind = if kind == "any" { protocol.to_uppercase() } else { format!("{protocol} {kind}") };
        let level = wanted.level.as_ref().map_or_else(String::new, |level| format!(" ({level})"));
        let message =
            wanted.message.as_ref().map_or_else(String::new, |message| format!(" with {message:?}"));
        format!("{from} should send {} {kind}{level}{message}", wanted.count())
    };
    let undecided = |why: &str| Some(Mismatch::new(layer, from, text(), why).undecided());
    let Some(other) = record.other(from) else { return undecided("there is no such peer") };
    let (Some(wire), Some(sent)) = (record.packets(), record.sent(from, other)) else {
        let why = "no packets of this pair were captured";
        return Some(Mismatch::new(layer, from, text(), why).without_packets());
    };
    let in_clear = matches!(protocol, "sctp" | "dcep" | "rtcp" | "rtp");
    if in_clear && !wire.units().any(|seen| seen.unit.protocol() == clear_protocol(protocol)) {
        // Nothing in the clear was recorded at all: was there anything to decrypt?
        let protected = wire.units().any(|seen| {
            matches!(
                seen.unit,
                Unit::ApplicationData | Unit::Record13 | Unit::Srtcp { .. } | Unit::Srtp { .. }
            )
        });
        if protected {
            return undecided("the encrypted packets were not recorded in the clear");
        }
    }
    let mut unread = None;
    let mut those = Vec::new();
    for seen in sent {
        match fits(&seen.unit, protocol, kind, wanted) {
            Some(true) => those.push(seen.frame),
            Some(false) => {}
            None => unread = unread.or(Some(seen.frame)),
        }
    }
    let seen = those.len() as u64;
    if wanted.count().allows(seen) && unread.is_none() {
        return None;
    }
    let mut mismatch = Mismatch::new(layer, from, text(), were_seen(seen));
    mismatch.evidence = those.into_iter().map(Place::Frame).take(3).collect();
    mismatch.excess = wanted.count().at_most.is_some_and(|most| seen > most);
    if let Some(frame) = unread {
        if wanted.count().allows(seen) && wanted.count().at_most.is_none() {
            return None;
        }
        mismatch.seen = format!("{} and at least one more is encrypted", were_seen(seen));
        mismatch.evidence.push(Place::Frame(frame));
        mismatch.undecided = true;
    }
    Some(mismatch)
}

fn were_seen(count: u64) -> String {
    format!("{count} {} seen", if count == 1 { "was" } else { "were" })
}

fn clear_protocol(protocol: &str) -> &str {
    if protocol == "dcep" { "sctp" } else { protocol }
}

fn layer(protocol: &str) -> Layer {
    match protocol {
        "stun" => Layer::Checks,
        "dtls" => Layer::Dtls,
        "srtp" | "srtcp" => Layer::Srtp,
        "sctp" => Layer::Sctp,
        "dcep" => Layer::DataChannel,
        _ => Layer::Media,
    }
}

/// Whether this is one of those; `None` if that is unknown because it is encrypted.
fn fits(is: &Unit<'_>, protocol: &str, kind: &str, wanted: &WireMatch) -> Option<bool> {
    if is.protocol() != clear_protocol(protocol) {
        return Some(false);
    }
    if protocol == "dcep" {
        let Unit::Chunk { dcep: Some(message), .. } = is else { return Some(false) };
        return Some(match kind {
            "any" => true,
            "OPEN" => *message == MessageType::Open,
            "ACK" => *message == MessageType::Ack,
            _ => false,
        });
    }
    let named = kind == "any" || is.name().eq_ignore_ascii_case(kind);
    if !named {
        // In DTLS 1.3 an encrypted record may hold anything but a hello.
        let hidden =
            matches!(is, Unit::Record13) && !kind.to_ascii_lowercase().ends_with("hello") && kind != "any";
        return if hidden && kind != "encrypted record" { None } else { Some(false) };
    }
    if let (Some(level), Unit::Alert { level: is, .. }) = (&wanted.level, is) {
        return is
            .map(|is| matches!((level.as_str(), is), ("warning", Level::Warning) | ("fatal", Level::Fatal)));
    }
    if let (Some(wanted), Unit::Stun { use_candidate, .. }) = (wanted.use_candidate, is)
        && wanted != *use_candidate
    {
        return Some(false);
    }
    if let (Some(wanted), Unit::Srtp { payload_type, .. } | Unit::Rtp { payload_type, .. }) =
        (wanted.payload_type, is)
        && wanted != *payload_type
    {
        return Some(false);
    }
    if let (Some(wanted), Unit::Chunk { text, .. }) = (&wanted.message, is)
        && *text != Some(wanted.as_str())
    {
        return Some(false);
    }
    Some(true)
}
