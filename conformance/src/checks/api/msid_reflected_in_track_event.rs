//! RFC 8830 §3.2.2, webrtc-pc §5.1.4: a track belongs to the streams that the `a=msid` lines of its section name, and to none where that is a dash.

use crate::checks::sdp::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::sdp::{Msid, Section};
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "msid-reflected-in-track-event",
    layer: Layer::Media,
    subject: "track events",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let Some(other) = evidence.other(peer) else { return };
    for happened in evidence.events(peer) {
        let PeerEvent::Track { mid: Some(mid), streams, .. } = happened.event else { continue };
        if look::has_several_connections(evidence, peer) {
            tally.inconclusive("the peer has several connections", [Place::Entry(happened.entry)]);
            continue;
        }
        let stated: BTreeSet<&str> = streams.iter().map(String::as_str).collect();
        let before = evidence.made_by(other).filter(|made| made.entry < happened.entry);
        let sections = before.filter_map(|made| made.received().section_with_mid(mid));
        // A section that does not send names none; of one that sends and names none the peer makes a stream of its own.
        let sending = sections.filter(|section| section.direction().sends());
        let all: Vec<BTreeSet<String>> =
            sending.map(|it| named(&it)).take_while(Option::is_some).flatten().collect();
        let Some(last) = all.last() else { continue };
        let same = |it: &BTreeSet<String>| it.iter().map(String::as_str).eq(stated.iter().copied());
        tally.judge(Fault("other-streams"), all.iter().any(same), Place::Entry(happened.entry), || {
            format!(
                "the track of section {mid:?} is in {} streams, a=msid names {}",
                stated.len(),
                last.len()
            )
        });
    }
}

/// The streams that a section names, if it does.
fn named(section: &Section<'_>) -> Option<BTreeSet<String>> {
    let all: Vec<Msid> = section.every::<Msid>().collect();
    let named = all.iter().map(|it| it.stream.clone()).filter(|stream| stream != "-");
    (!all.is_empty()).then(|| named.collect())
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, events};
    use peerproof_captures::event::PeerEvent;

    /// Puts the track into another stream.
    pub(super) const CONTROL: Control = Control::new(Recording::Call, |evidence| {
        events::edit_each(evidence, "bob", |event| {
            if let PeerEvent::Track { streams, .. } = event {
                *streams = vec!["another".to_owned()];
            }
        });
    });
}
