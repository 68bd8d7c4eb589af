//! RFC 8285 §4.1.2, §4.2, §4.3, §5 and §7: the identifiers of a section's header extensions are different and from 1 to 255; 15 needs headers with
//! two bytes; no extension is mapped twice. Those from 4096 to 4351 may come several times in an offer, and an answer "may copy" them.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::ExtMap;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "extmap-ids-valid-and-unique",
    layer: Layer::Sdp,
    subject: "header extensions",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Identifiers that an extension is offered by before it has one of its own (§7).
const EXTENDED: std::ops::RangeInclusive<u16> = 4096..=4351;

/// Not to be used in headers of one byte.
const RESERVED: u16 = 15;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        judge(made, tally);
    }
}

fn judge(made: &Description, tally: &mut Tally) {
    let session = made.sdp.session();
    for section in made.sdp.media() {
        let (mut ids, mut extensions) = (BTreeSet::new(), BTreeSet::new());
        let two_bytes = section.has("extmap-allow-mixed") || session.has("extmap-allow-mixed");
        for map in session.typed::<ExtMap>().chain(section.typed::<ExtMap>()) {
            let place: Place = look::line(made, map.line);
            let Ok(map) = map.value else { continue };
            let ExtMap { id, uri, attributes, .. } = map;
            let extended = EXTENDED.contains(&id);
            if !extended && !matches!(id, 1..=255) {
                tally.fail(Fault("id-invalid"), format!("{uri} has the id {id}, which is none"), [place]);
            } else if !ids.insert(id) && !extended {
                tally.fail(Fault("id-twice"), format!("the id {id} is mapped twice in one section"), [place]);
            } else if !extensions.insert((uri.clone(), attributes)) {
                tally.fail(
                    Fault("extension-twice"),
                    format!("{uri} is mapped twice in one section"),
                    [place],
                );
            } else {
                tally.judge(Fault("id-15"), id != RESERVED || two_bytes, place, || {
                    format!("{uri} has the id 15, which headers of one byte cannot have")
                });
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace, sdp};

    /// Gives two extensions of the audio section the same id, in the offer and its answer.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        for made in &mut evidence.descriptions {
            sdp::edit_section(&mut made.sdp, 0, |section| section.replace("a=extmap:1 ", "a=extmap:4 "));
        }
    })
    .also_breaks(&["bundle-extmap-id-consistent"])
    .and(&[
        Mutation::new(Recording::Descriptions, "has the id 300, which is none", |evidence| {
            for made in &mut evidence.descriptions {
                sdp::edit_section(&mut made.sdp, 0, |section| {
                    section.replace("a=extmap:1 ", "a=extmap:300 ")
                });
            }
        })
        .also_breaks(&["sdp-grammar-strict"]),
        Mutation::new(Recording::Descriptions, "is mapped twice in one section", |evidence| {
            for made in &mut evidence.descriptions {
                sdp::edit_section(&mut made.sdp, 0, |section| {
                    section.replace(
                        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
                        "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid",
                    )
                });
            }
        })
        .also_breaks(&["bundle-extmap-id-consistent"]),
        Mutation::new(Recording::Descriptions, "has the id 15, which headers", |evidence| {
            for made in &mut evidence.descriptions {
                replace(&mut made.sdp, "a=extmap-allow-mixed\r\n", "");
            }
            for made in &mut evidence.descriptions {
                sdp::edit_section(&mut made.sdp, 0, |section| section.replace("a=extmap:1 ", "a=extmap:15 "));
            }
        }),
    ]);
}
