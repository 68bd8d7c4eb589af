//! RFC 3264 §8.3.2: within a media section a dynamic payload type stands for one codec as long as the session lasts.

use super::look::{self, Later};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::RtpMap;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const CHECK: Check = Check {
    id: "oa-payload-type-mapping-stable",
    layer: Layer::Sdp,
    subject: "payload types",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Payload types that no codec has of its own (RFC 3551 §6, RFC 5761 §4).
fn is_dynamic(payload_type: u8) -> bool {
    payload_type >= 35
}

/// What the payload types of each section stood for, by its MID, and since which description.
type History = BTreeMap<(String, u8), (RtpMap, u64)>;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    if !look::is_one_connection(evidence, peer, tally) {
        return;
    }
    let mut history = History::new();
    let mut agreed = None;
    for later in look::later(evidence, peer) {
        if agreed != Some(later.own().entry) {
            agreed = Some(later.own().entry);
            remember(&mut history, later.own());
        }
        judge(&history, &later, tally);
    }
}

fn remember(history: &mut History, made: &Description) {
    for section in made.sdp.media() {
        let Some(mid) = section.mid() else { continue };
        if section.is_rejected() {
            // Whatever takes its place is another one.
            history.retain(|(of, _), _| *of != mid);
            continue;
        }
        for map in section.rtpmaps() {
            history.entry((mid.clone(), map.payload_type)).or_insert((map, made.entry));
        }
    }
}

fn judge(history: &History, later: &Later<'_>, tally: &mut Tally) {
    let made = later.made;
    let meant = |map: &RtpMap| (map.payload_type, map.encoding.to_ascii_lowercase(), map.clock_rate);
    let mut offered = BTreeSet::new();
    for section in later.answers.iter().flat_map(|offer| offer.received().media()) {
        offered.extend(section.rtpmaps().iter().map(|map| (section.mid(), meant(map))));
    }
    for section in made.sdp.media().filter(|section| !section.is_rejected()) {
        let Some(mid) = section.mid() else { continue };
        for map in section.typed::<RtpMap>() {
            let place = look::line(made, map.line);
            let Some(map) = map.value.ok().filter(|map| is_dynamic(map.payload_type)) else { continue };
            let Some((was, entry)) = history.get(&(mid.clone(), map.payload_type)) else { continue };
            if meant(was) == meant(&map) {
                tally.pass(place);
            } else if !offered.contains(&(Some(mid.clone()), meant(&map))) {
                // An answer may follow its offer: who offers has changed it then.
                let what = format!("payload type {} of section {mid}", map.payload_type);
                let sentence = format!(
                    "{what} was {}/{} and became {}/{}",
                    was.encoding, was.clock_rate, map.encoding, map.clock_rate
                );
                tally.fail(Fault("payload-type-remapped"), sentence, [place, Place::Entry(*entry)]);
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace, sdp};

    /// Swaps VP8 and its repair in the second exchange: the other side only follows.
    pub(super) const CONTROL: Control =
        Control::prepared(Recording::Descriptions, sdp::renegotiate, |evidence| {
            for made in &mut evidence.descriptions[2..] {
                replace(&mut made.sdp, "a=rtpmap:96 VP8/90000", "a=rtpmap:97 VP8/90000");
                replace(&mut made.sdp, "a=rtpmap:97 rtx/90000", "a=rtpmap:96 rtx/90000");
                replace(&mut made.sdp, "a=fmtp:97 apt=96", "a=fmtp:96 apt=97");
            }
        });
}
