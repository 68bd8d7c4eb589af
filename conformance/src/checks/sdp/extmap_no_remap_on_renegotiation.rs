//! RFC 8285 §7: an identifier that is in use stands for no other header extension in a later description.

use super::look::{self, Later};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::{ExtMap, Section, SessionDescription};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const CHECK: Check = Check {
    id: "extmap-no-remap-on-renegotiation",
    layer: Layer::Sdp,
    subject: "header extensions of later descriptions",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// What the identifiers stood for: by the number of the BUNDLE group, or by the section alone.
type History = BTreeMap<(Scope, u16), (String, u64)>;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    if !look::is_one_connection(evidence, peer, tally) {
        return;
    }
    let mut history = History::new();
    let mut agreed = None;
    for later in look::later(evidence, peer) {
        // What the answer has is in use, and nothing else: "A session update MAY add or remove extension(s)".
        let answer = later.before.answer;
        if agreed != Some(answer.entry) {
            agreed = Some(answer.entry);
            history.clear();
            for section in answer.sdp.media().filter(|section| !section.is_rejected()) {
                let group = group(&answer.sdp, &section);
                for map in section.every::<ExtMap>() {
                    history.entry((group.clone(), map.id)).or_insert((map.uri, answer.entry));
                }
            }
        }
        judge(&history, &later, tally);
    }
}

fn judge(history: &History, later: &Later<'_>, tally: &mut Tally) {
    let made = later.made;
    for section in made.sdp.media().filter(|section| !section.is_rejected()) {
        let group = group(&made.sdp, &section);
        let index = section.index().unwrap_or_default();
        let offered = later.answers.and_then(|offer| offer.received().section(index));
        let offered = offered.map(|section| section.extmaps()).unwrap_or_default();
        let offered: BTreeSet<(u16, String)> = offered.into_iter().map(|map| (map.id, map.uri)).collect();
        for map in section.typed::<ExtMap>() {
            let place = look::line(made, map.line);
            let Ok(map) = map.value else { continue };
            let Some((was, entry)) = history.get(&(group.clone(), map.id)) else { continue };
            if *was == map.uri {
                tally.pass(place);
                continue;
            }
            let sentence = format!("the id {} stood for {was} and becomes {}", map.id, map.uri);
            // An answer follows its offer: who offers has changed it then.
            if !offered.contains(&(map.id, map.uri)) {
                tally.fail(Fault("id-remapped"), sentence, [place, Place::Entry(*entry)]);
            }
        }
    }
}

/// Where an id has one meaning: in a BUNDLE group, or in a section that is in none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    /// By its number among the groups.
    Group(usize),
    /// By its MID.
    Section(String),
}

fn group(sdp: &SessionDescription, section: &Section<'_>) -> Scope {
    let mid = section.mid().unwrap_or_default();
    let groups = sdp.groups();
    let mut bundles = groups.iter().filter(|group| group.is_bundle());
    match bundles.position(|group| group.tags.contains(&mid)) {
        Some(number) => Scope::Group(number),
        None => Scope::Section(mid),
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace_all, sdp};

    /// Swaps two ids in the second exchange.
    pub(super) const CONTROL: Control =
        Control::prepared(Recording::Descriptions, sdp::renegotiate, |evidence| {
            for made in &mut evidence.descriptions[2..] {
                replace_all(&mut made.sdp, "a=extmap:2 ", "a=extmap:was-2 ");
                replace_all(&mut made.sdp, "a=extmap:3 ", "a=extmap:2 ");
                replace_all(&mut made.sdp, "a=extmap:was-2 ", "a=extmap:3 ");
            }
        });
}
