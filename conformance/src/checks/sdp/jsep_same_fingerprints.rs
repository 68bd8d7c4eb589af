//! RFC 9429 §5.2.1, §5.3.1: the fingerprints of all sections of a description are those of the same certificates.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "jsep-same-fingerprints",
    layer: Layer::Sdp,
    subject: "media sections with fingerprints",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        let mut first: Option<(usize, BTreeSet<String>)> = None;
        for (index, section) in made.sdp.media().enumerate().filter(|(_, section)| !section.is_rejected()) {
            let all = made.sdp.effective_all(index, "fingerprint");
            let values = all.iter().filter_map(|it| it.attribute.value);
            let values: BTreeSet<String> = values.map(str::to_ascii_lowercase).collect();
            if values.is_empty() {
                continue;
            }
            let place: Place = look::attribute(made, &section, "fingerprint");
            let (of, known) = first.get_or_insert_with(|| (index, values.clone()));
            tally.judge(Fault("other-fingerprint"), *known == values, place, || {
                format!("section {index} of the {} has other fingerprints than section {of}", made.kind)
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, sdp};

    /// Changes the fingerprint of the second section.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        sdp::edit_section(&mut evidence.descriptions[0].sdp, 1, |section| {
            section.replace("sha-256 0D:", "sha-256 1D:")
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::controls::{Recording, replace, sdp};
    use crate::finding::Status;

    #[test]
    fn a_fingerprint_may_come_from_the_session_the_tag_or_in_other_letters() {
        let result = |edit: fn(&str) -> String| {
            let mut evidence = Recording::Descriptions.evidence();
            sdp::edit_section(&mut evidence.descriptions[0].sdp, 1, edit);
            CHECK.run(&evidence)[0].result
        };
        assert_eq!(result(|section| sdp::without(section, &["a=fingerprint"])), Status::Pass);
        assert_eq!(result(|section| section.replace("sha-256 0D:", "SHA-256 0d:")), Status::Pass);
        assert_eq!(
            result(|section| section.replace("a=setup", "a=fingerprint:sha-1 AB\r\na=setup")),
            Status::Fail,
            "one more"
        );
        let mut evidence = Recording::Descriptions.evidence();
        replace(&mut evidence.descriptions[0].sdp, "a=group:", "a=fingerprint:sha-1 AB\r\na=group:");
        assert_eq!(CHECK.run(&evidence)[0].result, Status::Pass, "both sections have their own");
    }
}
