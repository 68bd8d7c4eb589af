//! RFC 8445 §8.1.1: after a pair was nominated, no other pair of that component is nominated in the same session.

use super::nomination::{Path, nominated};
use super::roles::History;
use crate::checks::sdp::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::SdpType;
use peerproof_captures::sdp::{Section, SessionDescription};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "ice-single-nomination",
    layer: Layer::Nomination,
    subject: "nominations",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("the peer nominated no pair");
    let history = History::new(evidence, peer);
    let mut first = BTreeMap::new();
    for it in nominated(evidence, &history).into_iter().filter(|it| it.by == peer) {
        let place = Place::Frame(it.frame);
        match first.get(&it.generation) {
            None => {
                first.insert(it.generation, (it.frame, it.path));
                tally.pass(place);
            }
            // Pairs that share an end are of one component; others may be of two media sections or of RTP and RTCP.
            Some((before, path)) if !shares_an_end(path, &it.path) && !has_one_component(evidence) => tally
                .inconclusive(
                    "another pair is nominated: it may be of another component",
                    [place, Place::Frame(*before)],
                ),
            Some((before, _)) => tally.fail(
                Fault("second-nomination"),
                format!("the pair of {} and {} is nominated after another", it.path.0, it.path.1),
                [place, Place::Frame(*before)],
            ),
        }
    }
}

fn shares_an_end(one: &Path, other: &Path) -> bool {
    [one.0, one.1].iter().any(|end| [other.0, other.1].contains(end))
}

/// Whether all media sections that were agreed on share one component: all are in one BUNDLE group, and RTCP goes with RTP.
fn has_one_component(evidence: &Evidence) -> bool {
    let exchanges = evidence.exchanges();
    let agreed = exchanges.iter().filter(|it| it.answer.kind == SdpType::Answer);
    let mut answers = agreed.map(|it| &it.answer.sdp).peekable();
    let alone = |sdp: &SessionDescription| {
        let used: Vec<_> = sdp.media().filter(|section| !section.is_rejected()).collect();
        let mids: Option<Vec<String>> = used.iter().map(Section::mid).collect();
        let groups = sdp.groups();
        let mut bundles = groups.iter().filter(|group| group.is_bundle());
        let is_bundled =
            mids.is_some_and(|mids| bundles.any(|group| mids.iter().all(|mid| group.tags.contains(mid))));
        let is_muxed = used.iter().all(|section| !look::is_rtp(section) || section.has("rtcp-mux"));
        (used.len() == 1 || is_bundled) && is_muxed
    };
    answers.peek().is_some() && answers.all(alone)
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, stun};

    /// Adds USE-CANDIDATE to an answered check of a second pair.
    pub(super) const CONTROL: Control =
        Control::new(Recording::Data, stun::nominate_another).also_breaks(&["ice-nominates-valid-pair"]);
}
