//! RFC 3264 §5 and §8, RFC 9429 §5.2.1 and §5.2.2: the numbers of the `o=` line fit 63 bits; within a session it stays
//! the same but for its version, which rises whenever another description is sent.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::{Origin, SessionDescription};

pub(super) const CHECK: Check = Check {
    id: "oa-origin-line-continuity",
    layer: Layer::Sdp,
    subject: "`o=` lines",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    if !look::is_one_connection(evidence, peer, tally) {
        return;
    }
    let mut before: Option<(&Description, Origin)> = None;
    for made in evidence.generated_by(peer) {
        let Some(origin) = made.sdp.origin() else { continue };
        let place = look::line(made, origin.line);
        let Ok(origin) = origin.value else { continue };
        let numbers = [&origin.session_id, &origin.session_version].map(|it| it.parse::<i64>());
        let [Ok(_), Ok(version)] = numbers else {
            tally.fail(
                Fault("beyond-64-bits"),
                format!(
                    "{} or {} does not fit a signed integer of 64 bits",
                    origin.session_id, origin.session_version
                ),
                [place],
            );
            continue;
        };
        if let Some((last, of)) = &before {
            let there = Place::Entry(last.entry);
            if (&of.username, &of.session_id, &of.connection)
                != (&origin.username, &origin.session_id, &origin.connection)
            {
                tally.fail(
                    Fault("origin-changed"),
                    format!("the origin was {of} and became {origin}"),
                    [place, there],
                );
            } else if of.session_version.parse::<i64>().is_ok_and(|was| was >= version)
                && says(&last.sdp) != says(&made.sdp)
            {
                tally.fail(
                    Fault("version-not-increased"),
                    format!(
                        "another description has the session version {version} after {}",
                        of.session_version
                    ),
                    [place, there],
                );
            } else {
                tally.pass(place);
            }
        } else {
            tally.pass(place);
        }
        before = Some((made, origin));
    }
}

/// What a description says, but for what gathering adds to one that was already made (RFC 9429 §5.2.2).
fn says(sdp: &SessionDescription) -> Vec<String> {
    let gathered = ["a=candidate:", "a=end-of-candidates", "a=rtcp:", "c=", "o="];
    let lines = sdp.lines().map(|line| line.raw).filter(|raw| !gathered.iter().any(|it| raw.starts_with(it)));
    let without_port = |raw: &str| match raw.strip_prefix("m=").and_then(|rest| rest.split_once(' ')) {
        Some((media, rest)) => {
            let (port, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            format!("m={media} {} {rest}", if port == "0" { "0" } else { "open" })
        }
        None => raw.to_owned(),
    };
    lines.map(without_port).collect()
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace, sdp};

    /// Another description of the same version: the second offer asks for something else.
    pub(super) const CONTROL: Control =
        Control::prepared(Recording::Descriptions, sdp::renegotiate, |evidence| {
            let first = evidence.descriptions[0].sdp.origin().unwrap().value.unwrap().to_string();
            let offer = &mut evidence.descriptions[2].sdp;
            let second = offer.origin().unwrap().value.unwrap().to_string();
            replace(offer, &second, &first);
            replace(offer, "a=extmap:14 urn:ietf:params:rtp-hdrext:toffset\r\n", "");
        })
        .also_breaks(&["extmap-answer-same-id"])
        .and(&[
            Mutation::new(Recording::Descriptions, "does not fit a signed integer of 64 bits", |evidence| {
                replace(
                    &mut evidence.descriptions[2].sdp,
                    "o=- 2299941843842208439 ",
                    "o=- 9299941843842208439 ",
                );
            })
            .prepared(sdp::renegotiate)
            .also_breaks(&["jsep-session-level-lines", "ice-credentials-wellformed"]),
            Mutation::new(Recording::Descriptions, "the origin was", |evidence| {
                replace(
                    &mut evidence.descriptions[2].sdp,
                    "o=- 2299941843842208439 ",
                    "o=- 2299941843842208438 ",
                );
            })
            .prepared(sdp::renegotiate)
            .also_breaks(&["ice-credentials-wellformed"]),
        ]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gathering_adds_is_no_other_description() {
        let before = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\n";
        let after = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\nm=audio 4000 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 192.0.2.1\r\n\
            a=candidate:1 1 udp 1 192.0.2.1 4000 typ host\r\n";
        let says = |text: &str| says(&SessionDescription::parse(text));
        assert_eq!(says(before), says(after));
        assert_ne!(says(before), says(&before.replace("audio 9", "audio 0")));
        assert_ne!(says(before), says(&before.replace("SAVPF 0", "SAVPF 8")));
    }
}
