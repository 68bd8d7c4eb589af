//! RFC 9429 §5.8.1, §5.8.2: of these attributes a JSEP agent reads "a single" line of the session, and one of each media section. Formats,
//! directions, MIDs and rids that stand twice are requirements of their own.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::Section;

pub(super) const CHECK: Check = Check {
    id: "sdp-attribute-once",
    layer: Layer::Sdp,
    subject: "attributes that stand once",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Those of the session (§5.8.1).
const OF_SESSION: &[&str] = &["ice-lite", "ice-options", "ice-pwd", "ice-ufrag", "setup", "tls-id"];

/// Those of a media section (§5.8.2, and for `setup` and `tls-id` §5.2.1).
const OF_MEDIA: &[&str] = &[
    "end-of-candidates",
    "ice-options",
    "ice-pwd",
    "ice-ufrag",
    "max-message-size",
    "maxptime",
    "ptime",
    "rtcp",
    "rtcp-mux",
    "rtcp-mux-only",
    "rtcp-rsize",
    "sctp-port",
    "setup",
    "tls-id",
];

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        judge(made, &made.sdp.session(), OF_SESSION, tally);
        for section in made.sdp.media().filter(|section| !section.is_rejected()) {
            judge(made, &section, OF_MEDIA, tally);
        }
    }
}

fn judge(made: &Description, section: &Section<'_>, names: &[&str], tally: &mut Tally) {
    for name in names {
        let lines: Vec<Place> = section.named(name).map(|it| look::line(made, it.line)).collect();
        match lines.as_slice() {
            [] => {}
            [one] => tally.pass(*one),
            several => {
                let (kind, count) = (made.kind, several.len());
                let sentence = match section.index() {
                    None => format!("the session of the {kind} has {count} lines a={name}"),
                    Some(index) => format!("section {index} of the {kind} has {count} lines a={name}"),
                };
                tally.fail(Fault("attribute-twice"), sentence, several.iter().copied());
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace};

    /// Gives a section two roles.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        let offer = &mut evidence.descriptions[0].sdp;
        replace(offer, "a=setup:actpass\r\n", "a=setup:actpass\r\na=setup:active\r\n");
    })
    .and(&[Mutation::new(
        Recording::Descriptions,
        "the session of the offer has 2 lines a=ice-options",
        |evidence| {
            let lines = "a=ice-options:trickle\r\na=ice-options:trickle\r\na=group:";
            replace(&mut evidence.descriptions[0].sdp, "a=group:", lines);
        },
    )]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::checks::controls::{Recording, replace};
    use crate::finding::Status;

    #[test]
    fn each_attribute_may_stand_once_at_each_level_that_it_has() {
        let result = |lines: &str, before: &str| {
            let mut evidence = Recording::Descriptions.evidence();
            replace(&mut evidence.descriptions[0].sdp, before, &format!("{lines}{before}"));
            CHECK.run(&evidence)[0].result
        };
        for (names, before) in [(OF_SESSION, "a=group:"), (OF_MEDIA, "m=video")] {
            for name in names {
                assert_eq!(result(&format!("a={name}:x\r\n").repeat(2), before), Status::Fail, "{name}");
            }
        }
        assert_eq!(result("a=ice-ufrag:abcd\r\n", "a=group:"), Status::Pass, "one at each level is allowed");
        assert_eq!(
            result("a=fingerprint:sha-1 AB\r\na=candidate:x\r\na=candidate:x\r\n", "m=video"),
            Status::Pass
        );
    }

    #[test]
    fn the_catalogue_quotes_each_attribute() {
        let quotes = &Catalogue::get().requirement(CHECK.id).unwrap().quotes;
        for name in OF_SESSION.iter().chain(OF_MEDIA) {
            assert!(quotes.iter().any(|quote| quote.text.contains(&format!("\"a={name}\""))), "{name}");
        }
    }
}
