//! A relay that a peer gave up before it said goodbye, as the cause of what does not end at the other.

use super::cause::Cause;
use crate::record::CaseRecord;
use crate::verdict::{Layer, Place, Verdict};
use peerproof_captures::timeline::What;
use peerproof_captures::wire::demux;
use peerproof_captures::wire::stun::{self, AttributeType, Class, Method};

/// The peer that was closed and ended its allocation first: its close_notify (RFC 5246 §7.2.1, RFC 8446 §6.1) has no way any more.
pub(super) fn cause(record: &CaseRecord, top: Layer, failure: &Verdict) -> Option<Cause> {
    let other = record.other(failure.side.as_deref()?).filter(|_| top >= Layer::Dtls)?;
    let place = record.place_of(other)?;
    let wire = record.packets()?;
    let closed_us = record.timeline.iter().find_map(|entry| match &entry.what {
        What::Command { peer, name, .. } if peer == other && name == "close" => Some(entry.t_us),
        _ => None,
    })?;
    // The last that it sent before went by its relay, and it sent nothing by DTLS after.
    let was_relayed =
        wire.sent(place).filter(|packet| packet.t_us < closed_us).last().is_some_and(|it| it.via.is_some());
    let mut after = wire.sent(place).filter(|packet| packet.t_us >= closed_us);
    if !was_relayed || after.any(|packet| packet.class() == demux::Class::Dtls) {
        return None;
    }
    let released = wire.with_servers(place).find(|(message, stun)| {
        let kind = stun.kind.value;
        let ends = stun
            .content(AttributeType::Lifetime)
            .is_some_and(|it| matches!(it.value, stun::Content::Number(0)));
        message.sent
            && message.t_us >= closed_us
            && kind.method() == Method::Refresh
            && kind.class() == Class::Request
            && ends
    });
    let (message, _) = released?;
    Some(Cause {
        t_us: message.t_us,
        layer: Layer::Dtls,
        side: other.to_owned(),
        sentence: format!(
            "{other} should send close_notify before its relayed address ends (RFC 5246 §7.2.1), but it released its allocation and sent none"
        ),
        evidence: vec![Place::Frame(message.frame)],
    })
}
