//! RFC 8839 §5.4, RFC 8445 §5.3: each section has a username fragment of 4 to 32 and a password of 22 to 256 ice-chars, a password
//! to a fragment, none of them again in another session.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Peer};
use crate::verdict::Layer;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "ice-credentials-wellformed",
    layer: Layer::Sdp,
    subject: "ICE credentials",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let mut passwords: BTreeMap<String, (String, Option<String>)> = BTreeMap::new();
    for made in evidence.generated_by(peer) {
        for section in std::iter::once(made.sdp.session()).chain(made.sdp.media()) {
            for attribute in section.attributes() {
                let (lengths, what) = match attribute.name {
                    "ice-ufrag" => (4..=32, "username fragment"),
                    "ice-pwd" => (22..=256, "password"),
                    _ => continue,
                };
                let value = attribute.value.unwrap_or_default();
                let place: Place = look::line(made, attribute.line);
                if !lengths.contains(&value.len()) {
                    tally.fail(
                        Fault("length"),
                        format!(
                            "a {what} has {} characters, not {} to {}",
                            value.len(),
                            lengths.start(),
                            lengths.end()
                        ),
                        [place],
                    );
                } else {
                    tally.judge(Fault("not-ice-chars"), value.bytes().all(is_ice_char), place, || {
                        format!("a {what} is not of ice-chars")
                    });
                }
            }
        }
        let session = session(made);
        for (index, section) in made.sdp.media().enumerate() {
            let Some((fragment, password)) = look::credentials(&made.sdp, index) else {
                if !section.is_rejected() {
                    tally.fail(
                        Fault("missing"),
                        format!(
                            "section {index} has no a=ice-ufrag or no a=ice-pwd, and the session neither"
                        ),
                        [look::media_line(made, &section)],
                    );
                }
                continue;
            };
            let place = look::attribute(made, &section, "ice-ufrag");
            // What a bundled section says itself has to agree too.
            let own = section.value("ice-ufrag").zip(made.sdp.effective_value(index, "ice-pwd"));
            let (fragment, password) = own.unwrap_or((fragment, password));
            let (known, of) = passwords
                .entry(fragment.to_owned())
                .or_insert_with(|| (password.to_owned(), session.clone()));
            if known != password {
                tally.fail(
                    Fault("two-passwords"),
                    format!("the username fragment {fragment} has two passwords"),
                    [place],
                );
            } else if *of != session && !evidence.begins {
                // Rounds are of one session, whatever their o= lines say.
                tally.fail(
                    Fault("credentials-reused"),
                    format!("the credentials of {fragment} are those of an earlier session"),
                    [place],
                );
            }
        }
    }
}

const fn is_ice_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// What distinguishes a peer's sessions.
fn session(made: &Description) -> Option<String> {
    made.sdp.origin()?.value.ok().map(|origin| origin.session_id)
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace, replace_all, sdp};

    /// Shortens the password to 21 characters, which is not the grammar either.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        let offer = &mut evidence.descriptions[0].sdp;
        replace_all(offer, "a=ice-pwd:iZJSD7GqxE6b8WIBi0ScDQjf", "a=ice-pwd:iZJSD7GqxE6b8WIBi0ScD");
    })
    .also_breaks(&["sdp-grammar-strict"])
    .and(&[
        Mutation::new(Recording::Descriptions, "has no a=ice-ufrag or no a=ice-pwd", |evidence| {
            replace_all(&mut evidence.descriptions[0].sdp, "a=ice-pwd:", "a=x-pwd:");
        }),
        Mutation::new(Recording::Descriptions, "a username fragment has 3 characters", |evidence| {
            replace_all(&mut evidence.descriptions[0].sdp, "a=ice-ufrag:BHbl", "a=ice-ufrag:BHb");
        })
        .also_breaks(&["candidate-event-contents", "sdp-grammar-strict"]),
        Mutation::new(Recording::Descriptions, "is not of ice-chars", |evidence| {
            replace_all(&mut evidence.descriptions[0].sdp, "a=ice-ufrag:BHbl", "a=ice-ufrag:BH-l");
        })
        .also_breaks(&["candidate-event-contents", "sdp-grammar-strict"]),
        Mutation::new(Recording::Descriptions, "are those of an earlier session", |evidence| {
            replace(
                &mut evidence.descriptions[2].sdp,
                "o=- 2299941843842208439 ",
                "o=- 2299941843842208438 ",
            );
        })
        .prepared(sdp::renegotiate)
        .also_breaks(&["oa-origin-line-continuity"]),
        Mutation::new(Recording::Descriptions, "has two passwords", |evidence| {
            replace_all(&mut evidence.descriptions[2].sdp, "a=ice-pwd:iZJS", "a=ice-pwd:JSiZ");
        })
        .prepared(sdp::renegotiate)
        .also_breaks(&["ice-restart-changes-both-credentials", "jsep-creds-stable-without-restart"]),
    ]);
}

#[cfg(test)]
mod tests {
    use crate::checks::controls::{Recording, replace, sdp};
    use crate::checks::of;

    #[test]
    fn bundled_sections_of_one_username_fragment_have_one_password() {
        let faults = |change: fn(&str) -> String| {
            let mut evidence = Recording::Descriptions.evidence();
            sdp::edit_section(&mut evidence.descriptions[0].sdp, 1, change);
            of("ice-credentials-wellformed").unwrap().run(&evidence).swap_remove(0).faults
        };
        assert_eq!(faults(|section| section.replace("a=ice-pwd:iZJS", "a=ice-pwd:JSiZ")), ["two-passwords"]);
        let without = |section: &str| sdp::without(section, &["a=ice-ufrag", "a=ice-pwd"]);
        assert_eq!(faults(without), [""; 0]);
    }

    #[test]
    fn the_rounds_of_an_exchange_are_one_session() {
        let faults = |begins: bool| {
            let mut evidence = Recording::Descriptions.evidence();
            sdp::renegotiate(&mut evidence);
            evidence.begins = begins;
            let later = &mut evidence.descriptions[2].sdp;
            replace(later, "o=- 2299941843842208439 ", "o=- 2299941843842208438 ");
            of("ice-credentials-wellformed").unwrap().run(&evidence).swap_remove(0).faults
        };
        assert_eq!(faults(false), ["credentials-reused"]);
        assert_eq!(faults(true), [""; 0]);
    }
}
