//! RFC 5576 §4.2: each source that `a=ssrc-group` lists is described by an `a=ssrc` line of the same section.

use super::look;
use crate::checks::{Check, Fault, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::SsrcGroup;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "ssrc-group-sources-declared",
    layer: Layer::Sdp,
    subject: "a=ssrc-group lines",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        for section in made.sdp.media().filter(|section| !section.is_rejected()) {
            // A line that cannot be read, which is for `sdp-grammar-strict`, names its source.
            let sources =
                section.named("ssrc").filter_map(|line| line.value?.split(' ').next()?.parse().ok());
            let declared: BTreeSet<u32> = sources.collect();
            for group in section.typed::<SsrcGroup>() {
                let Ok(value) = group.value else { continue };
                let stray = value.ssrcs.iter().find(|ssrc| !declared.contains(ssrc));
                tally.judge(Fault("source-undeclared"), stray.is_none(), look::line(made, group.line), || {
                    let (semantics, stray) = (value.semantics, stray.copied().unwrap_or_default());
                    format!("a=ssrc-group:{semantics} of the {} groups the source {stray}, which no a=ssrc describes", made.kind)
                });
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};

    /// Groups a source that is not described.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        let offer = &mut evidence.descriptions[0].sdp;
        replace(offer, "a=ssrc-group:FID 3030500921 2013701860", "a=ssrc-group:FID 3030500921 2013701861");
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::controls::{Recording, replace, replace_all};
    use crate::finding::Status;

    #[test]
    fn a_line_without_an_attribute_describes_its_source_too() {
        let mut evidence = Recording::Descriptions.evidence();
        let offer = &mut evidence.descriptions[0].sdp;
        replace_all(offer, "a=ssrc:2013701860 msid:", "a=ssrc:2013701861 msid:");
        replace(offer, "a=ssrc:2013701860 cname:FPHYPBea0k55IQlW", "a=ssrc:2013701860");
        assert_eq!(CHECK.run(&evidence)[0].result, Status::Pass);
    }
}
