//! RFC 9429 §5.2.1, §5.3.1: sections that are not bundled have ICE credentials of their own.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "ice-credentials-per-transport",
    layer: Layer::Sdp,
    subject: "sections with a transport of their own",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        let sections = made.sdp.media().enumerate();
        let own = sections.filter(|(index, section)| {
            !section.is_rejected()
                && !section.has("bundle-only")
                && look::transport_of(&made.sdp, *index) == *index
        });
        let own: Vec<_> = own.collect();
        if own.len() < 2 {
            continue;
        }
        let mut known = BTreeMap::new();
        for (index, section) in own {
            let Some(pair) = look::credentials(&made.sdp, index) else { continue };
            let place: Place = look::attribute(made, &section, "ice-ufrag");
            match known.insert(pair, (index, place)) {
                Some((before, earlier)) => tally.fail(
                    Fault("shared"),
                    format!(
                        "sections {before} and {index} are not bundled and have the same ICE credentials"
                    ),
                    [place, earlier],
                ),
                None => tally.pass(place),
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace, replace_all};
    use crate::evidence::Evidence;
    use peerproof_captures::sdp::SessionDescription;

    const BUNDLED: &str = "a=group:BUNDLE 0 1\r\n";

    /// Bundles nothing, with another username fragment for video.
    fn apart(evidence: &mut Evidence) {
        for made in &mut evidence.descriptions {
            replace(&mut made.sdp, BUNDLED, "");
            let text = made.sdp.as_str();
            let (before, video) = text.split_at(text.rfind("a=ice-ufrag:").unwrap());
            made.sdp =
                SessionDescription::parse(format!("{before}{}", video.replacen("ufrag:", "ufrag:Own", 1)));
        }
    }

    /// Gives video the username fragment of audio.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, apart, |evidence| {
        replace_all(&mut evidence.descriptions[1].sdp, "ufrag:Own", "ufrag:");
    });
}
