//! RFC 9143 §12, RFC 8285 §7: throughout a BUNDLE group an identifier stands for one header extension, and an extension
//! has one identifier.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::ExtMap;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "bundle-extmap-id-consistent",
    layer: Layer::Sdp,
    subject: "header extensions in BUNDLE groups",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        let mut by_id: BTreeMap<(usize, u16), String> = BTreeMap::new();
        let mut by_uri: BTreeMap<(usize, String), u16> = BTreeMap::new();
        for (index, section) in made.sdp.media().enumerate() {
            if section.is_rejected() {
                continue;
            }
            let tag = look::transport_of(&made.sdp, index);
            for map in section.typed::<ExtMap>() {
                let place: Place = look::line(made, map.line);
                let Ok(map) = map.value else { continue };
                let what = match &map.attributes {
                    Some(attributes) => format!("{} {attributes}", map.uri),
                    None => map.uri,
                };
                let meant = by_id.entry((tag, map.id)).or_insert_with(|| what.clone());
                let id = *by_uri.entry((tag, what.clone())).or_insert(map.id);
                if *meant != what {
                    tally.fail(
                        Fault("id-of-two-extensions"),
                        format!("id {} is {meant} and {what} in one BUNDLE group", map.id),
                        [place],
                    );
                } else {
                    tally.judge(Fault("extension-with-two-ids"), id == map.id, place, || {
                        format!("{what} has the ids {id} and {} in one BUNDLE group", map.id)
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, sdp};

    /// Renumbers sdes:mid in the second section of the exchange.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        let mid = "urn:ietf:params:rtp-hdrext:sdes:mid";
        for made in &mut evidence.descriptions {
            sdp::edit_section(&mut made.sdp, 1, |section| {
                section.replace(&format!("a=extmap:4 {mid}"), &format!("a=extmap:9 {mid}"))
            });
        }
    })
    .and(&[Mutation::new(Recording::Descriptions, "in one BUNDLE group", |evidence| {
        for made in &mut evidence.descriptions {
            sdp::edit_section(&mut made.sdp, 1, |section| section.replace("a=extmap:14 ", "a=extmap:1 "));
        }
    })]);
}
