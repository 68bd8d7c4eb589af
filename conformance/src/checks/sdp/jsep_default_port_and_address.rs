//! RFC 9429 §5.2.1 and §5.3.1, RFC 8840 §4.1.1 and §4.1.3: as long as no candidate is known, a section has port 9 (zero
//! if it is rejected or bundle-only) and the address 0.0.0.0 or ::, given on the line behind its `m=` line.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event;
use peerproof_captures::sdp::{Section, SessionDescription};
use peerproof_captures::timeline::Answer;

pub(super) const CHECK: Check = Check {
    id: "jsep-default-port-and-address",
    layer: Layer::Sdp,
    subject: "media sections before candidates",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for call in evidence.calls(peer) {
        if call.name == "setLocalDescription" {
            // From here on candidates are gathered.
            break;
        }
        let Answer::Ok(result) = call.answer else { continue };
        if !matches!(call.name, "createOffer" | "createAnswer") {
            continue;
        }
        let Ok(made) = serde_json::from_value::<event::Description>(result.clone()) else { continue };
        for section in SessionDescription::parse(made.sdp).media() {
            let line = section.lines().next().map_or(1, |line| line.number);
            let place = Place::Line { entry: call.answered, line };
            match fault(&section) {
                None => tally.pass(place),
                Some((fault, sentence)) => tally.fail(fault, sentence, [place]),
            }
        }
    }
}

fn fault(section: &Section<'_>) -> Option<(Fault, String)> {
    let media = look::media(section)?;
    let expected = if section.has("bundle-only") || media.port == 0 { 0 } else { 9 };
    if media.port != expected {
        return Some((
            Fault("port"),
            format!("before any candidate is known the port is {}, not {expected}", media.port),
        ));
    }
    if section.is_rejected() {
        return None;
    }
    let follows = section.lines().nth(1).is_some_and(|line| line.kind() == Some('c'));
    let Some(Ok(connection)) = section.connection().map(|it| it.value) else {
        return Some((Fault("no-connection-line"), "a media section has no c= line".to_owned()));
    };
    if !follows {
        return Some((
            Fault("connection-line-misplaced"),
            "the c= line does not follow the m= line".to_owned(),
        ));
    }
    let any = connection.ip().is_some_and(|ip| ip.is_unspecified());
    (!any).then(|| {
        (Fault("address"), format!("before any candidate is known the address is {}", connection.address))
    })
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events};

    /// Creates an offer with a port that no candidate has.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        events::edit_result(evidence, "alice", "createOffer", |result| {
            let sdp = result["sdp"].as_str().unwrap().replacen("m=audio 9 ", "m=audio 50000 ", 1);
            result["sdp"] = sdp.into();
        });
    })
    .and(&[
        Mutation::new(Recording::Descriptions, "a media section has no c= line", |evidence| {
            events::edit_result(evidence, "alice", "createOffer", |result| {
                let sdp = result["sdp"].as_str().unwrap().replacen("c=IN IP4 0.0.0.0\r\n", "", 1);
                result["sdp"] = sdp.into();
            });
        }),
        Mutation::new(Recording::Descriptions, "the c= line does not follow the m= line", |evidence| {
            events::edit_result(evidence, "alice", "createOffer", |result| {
                let sdp = result["sdp"].as_str().unwrap().replacen(
                    "c=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n",
                    "a=rtcp:9 IN IP4 0.0.0.0\r\nc=IN IP4 0.0.0.0\r\n",
                    1,
                );
                result["sdp"] = sdp.into();
            });
        }),
        Mutation::new(Recording::Descriptions, "the address is 192.0.2.1", |evidence| {
            events::edit_result(evidence, "alice", "createOffer", |result| {
                let sdp =
                    result["sdp"].as_str().unwrap().replacen("c=IN IP4 0.0.0.0", "c=IN IP4 192.0.2.1", 1);
                result["sdp"] = sdp.into();
            });
        }),
    ]);
}
