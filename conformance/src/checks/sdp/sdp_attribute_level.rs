//! RFC 8866 §5.13: an attribute is defined for the session, for media sections, or for both. Those of the table have one level, and stand at
//! no other. Not in it: `a=tls-id`, which RFC 8842 §4 defines for media and RFC 9429 §5.8.1 reads in the session too; what documents define of
//! which no text is at hand (`a=rtcp`, `a=rtcp-rsize`, `a=crypto`).

use super::look;
use crate::checks::{Check, Fault, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "sdp-attribute-level",
    layer: Layer::Sdp,
    subject: "attributes of one level",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Attributes of media sections, each with the section that says so.
const OF_MEDIA: &[(&str, u16, &str)] = &[
    ("bundle-only", 9143, "6"),
    ("candidate", 8839, "5.1"),
    ("fmtp", 8866, "6.15"),
    ("framerate", 8866, "6.13"),
    ("ice-mismatch", 8839, "5.3"),
    ("max-message-size", 8841, "6.1"),
    ("maxptime", 8866, "6.5"),
    ("mid", 5888, "4"),
    ("msid", 8830, "2"),
    ("orient", 8866, "6.8"),
    ("ptime", 8866, "6.4"),
    ("quality", 8866, "6.14"),
    ("remote-candidates", 8839, "5.2"),
    ("rid", 8851, "4"),
    ("rtcp-fb", 4585, "4.2"),
    ("rtcp-mux", 5761, "5.1.1"),
    ("rtpmap", 8866, "6.6"),
    ("sctp-port", 8841, "5.1"),
    ("simulcast", 8853, "5.2"),
    ("ssrc", 5576, "4"),
    ("ssrc-group", 5576, "4"),
];

/// Attributes of the session.
const OF_SESSION: &[(&str, u16, &str)] = &[
    ("cat", 8866, "6.1"),
    ("charset", 8866, "6.10"),
    ("group", 5888, "5"),
    ("ice-lite", 8839, "5.3"),
    ("ice-pacing", 8839, "5.5"),
    ("identity", 8827, "5"),
    ("keywds", 8866, "6.2"),
    ("tool", 8866, "6.3"),
    ("type", 8866, "6.9"),
];

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        let kind = made.kind;
        for line in made.sdp.session().attributes() {
            let (name, place) = (line.name, look::line(made, line.line));
            if defined(OF_SESSION, name).is_some() {
                tally.pass(place);
            } else if let Some((rfc, section)) = defined(OF_MEDIA, name) {
                tally.fail(
                    Fault("media-attribute-in-session"),
                    format!("a={name} is an attribute of media sections (RFC {rfc} §{section}); the {kind} has it at session level"),
                    [place],
                );
            }
        }
        for section in made.sdp.media() {
            for line in section.attributes() {
                let (name, place) = (line.name, look::line(made, line.line));
                if defined(OF_MEDIA, name).is_some() {
                    tally.pass(place);
                } else if let Some((rfc, section)) = defined(OF_SESSION, name) {
                    tally.fail(
                        Fault("session-attribute-in-media"),
                        format!("a={name} is an attribute of the session (RFC {rfc} §{section}); the {kind} has it in a media section"),
                        [place],
                    );
                }
            }
        }
    }
}

/// The document and the section that define an attribute of the table.
fn defined(table: &'static [(&str, u16, &str)], name: &str) -> Option<(u16, &'static str)> {
    table.iter().find(|(it, ..)| *it == name).map(|(_, rfc, section)| (*rfc, *section))
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace};

    /// Gives feedback for the whole session.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        let offer = &mut evidence.descriptions[0].sdp;
        replace(offer, "a=group:", "a=rtcp-fb:* nack\r\na=group:");
    })
    .and(&[Mutation::new(Recording::Descriptions, "the offer has it in a media section", |evidence| {
        replace(&mut evidence.descriptions[0].sdp, "a=mid:0\r\n", "a=mid:0\r\na=tool:x\r\n");
    })]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::checks::controls::{Recording, replace};
    use crate::finding::Status;

    #[test]
    fn the_catalogue_quotes_where_each_attribute_has_its_level() {
        let requirement = Catalogue::get().requirement(CHECK.id).unwrap();
        for (name, rfc, section) in OF_MEDIA.iter().chain(OF_SESSION) {
            let place = format!("RFC {rfc} §{section}");
            assert!(requirement.quotes.iter().any(|quote| quote.place == place), "{name}: {place}");
        }
    }

    #[test]
    fn each_attribute_is_refused_at_the_other_level_and_one_of_both_at_none() {
        let result = |line: &str, before: &str| {
            let mut evidence = Recording::Descriptions.evidence();
            replace(&mut evidence.descriptions[0].sdp, before, &format!("{line}\r\n{before}"));
            CHECK.run(&evidence)[0].result
        };
        for (name, ..) in OF_MEDIA {
            assert_eq!(result(&format!("a={name}:1"), "a=group:"), Status::Fail, "{name}");
        }
        for (name, ..) in OF_SESSION {
            assert_eq!(result(&format!("a={name}"), "a=mid:0"), Status::Fail, "{name}");
        }
        for name in
            ["ice-ufrag", "ice-options", "setup", "fingerprint", "extmap", "sendrecv", "x-new", "tls-id"]
        {
            assert_eq!(result(&format!("a={name}:1"), "a=group:"), Status::Pass, "{name}");
            assert_eq!(result(&format!("a={name}:1"), "a=mid:0"), Status::Pass, "{name}");
        }
    }
}
