//! A message as its event shows it: text, size and checksum agree.

use super::super::channels::known::Known;
use super::super::observed::against;
use super::super::{Contradiction, Session};
use crate::api::message::Fingerprint;
use crate::verdict::{Layer, Place};
use peerproof_captures::event::PeerEvent;

const VALUE: (&str, Layer) = ("event/channelmessage.message.value", Layer::DataChannel);

pub(super) fn check(session: &Session<'_>, own: &Known<'_>, found: &mut Vec<Contradiction>) {
    for (entry, event) in session.events(&own.peer.name) {
        let PeerEvent::ChannelMessage { message, .. } = event else { continue };
        let Some(value) = &message.value else { continue };
        let is = Fingerprint::of(value.as_bytes(), true);
        let differs = if !message.text {
            Some("it reports it as binary".to_owned())
        } else if is.size != message.size {
            Some(format!("it reports a size of {} bytes", message.size))
        } else if is.crc32 != message.crc32 {
            Some(format!("it reports the CRC-32 {:08x} and not {:08x}", message.crc32, is.crc32))
        } else {
            None
        };
        if let Some(seen) = differs {
            let claimed = format!("{} reports the message {is} on {:?}", own.peer.name, message.channel);
            found.push(against(&own.peer.name, VALUE, entry.t_us, claimed, seen, [Place::Entry(entry.n)]));
            return;
        }
    }
}
