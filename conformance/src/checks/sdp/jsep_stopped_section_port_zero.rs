//! RFC 9429 §5.2.2: the section of a stopped transceiver is offered with port zero and without `a=msid`.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::SdpType;
use peerproof_captures::timeline::Answer;

pub(super) const CHECK: Check = Check {
    id: "jsep-stopped-section-port-zero",
    layer: Layer::Sdp,
    subject: "sections of stopped transceivers",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    if !look::is_one_connection(evidence, peer, tally) {
        return;
    }
    let all = look::later(evidence, peer);
    for call in evidence.calls(peer).iter().filter(|call| call.name == "stopTransceiver") {
        let Some(number) = call.args.get("transceiver").and_then(serde_json::Value::as_u64) else { continue };
        if !matches!(call.answer, Answer::Ok(_)) {
            continue;
        }
        let Some(later) =
            all.iter().find(|it| it.made.kind == SdpType::Offer && it.made.entry > call.answered)
        else {
            continue;
        };
        let Some(index) = look::section_of_transceiver(evidence, later, number) else {
            tally.inconclusive(
                "the section of the stopped transceiver is unknown",
                [Place::Entry(call.entry)],
            );
            continue;
        };
        let (Some(was), Some(now)) = (later.own().sdp.section(index), later.made.sdp.section(index)) else {
            continue;
        };
        if was.mid() != now.mid() {
            // Another one has taken the place.
            continue;
        }
        let place = look::media_line(later.made, &now);
        if !look::has_port_zero(&now) {
            tally.fail(
                Fault("port-not-zero"),
                "the section of a stopped transceiver is offered with another port than 0",
                [place, Place::Entry(call.entry)],
            );
        } else if now.has("msid") {
            let place = look::attribute(later.made, &now, "msid");
            tally.fail(
                Fault("msid"),
                "the section of a stopped transceiver is offered with a=msid",
                [place, Place::Entry(call.entry)],
            );
        } else {
            tally.pass(place);
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events, replace, sdp};
    use crate::evidence::Evidence;

    /// As if the offerer had stopped its second transceiver.
    fn stop_video(evidence: &mut Evidence) {
        events::add_call(evidence, "alice", "stopTransceiver", serde_json::json!({"transceiver": 1}));
        sdp::renegotiate(evidence);
        for made in &mut evidence.descriptions[2..] {
            replace(&mut made.sdp, "a=group:BUNDLE 0 1", "a=group:BUNDLE 0");
            replace(&mut made.sdp, "m=video 9 ", "m=video 0 ");
            sdp::edit_section(&mut made.sdp, 1, |section| sdp::without(section, &["a=msid"]));
        }
    }

    /// Sets the port back to 9.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, stop_video, |evidence| {
        replace(&mut evidence.descriptions[2].sdp, "m=video 0 ", "m=video 9 ");
    })
    .also_breaks(&["ice-credentials-per-transport", "jsep-msid-in-sending-sections"])
    .and(&[Mutation::new(Recording::Descriptions, "is offered with a=msid", |evidence| {
        sdp::edit_section(&mut evidence.descriptions[2].sdp, 1, |section| {
            format!("{section}a=msid:- track\r\n")
        });
    })
    .prepared(stop_video)]);
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::Status;
    use crate::checks::controls::events::evidence;
    use serde_json::{Value, json};

    /// The offer of the other side made the transceivers, in the order of its sections.
    #[test]
    fn who_made_no_transceiver_stops_one_of_an_offer() {
        let stopped = |port: u16, is_own: bool| {
            let sdp = |port: u16, version: u32| {
                format!(
                    "v=0\r\no=- 1 {version} IN IP4 0.0.0.0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n\
                     m=video {port} UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n"
                )
            };
            let carried = |from: &str, to: &str, kind: &str, sdp: String| {
                let sent = json!({"type": kind, "sdp": sdp});
                json!({"carried": {"from": from, "to": to, "sent": sent, "delivered": null}})
            };
            let call = |id: u64, name: &str, args: Value| {
                [
                    json!({"command": {"peer": "bob", "id": id, "name": name, "args": args}}),
                    json!({"answer": {"peer": "bob", "id": id, "answer": {"ok": null}}}),
                ]
            };
            let mut all = Vec::new();
            if is_own {
                all.extend(call(1, "addTransceiver", json!({"kind": "audio"})));
            }
            all.push(carried("alice", "bob", "offer", sdp(9, 1)));
            all.push(carried("bob", "alice", "answer", sdp(9, 1)));
            all.extend(call(2, "stopTransceiver", json!({"transceiver": 1})));
            all.push(carried("bob", "alice", "offer", sdp(port, 2)));
            let found = CHECK.run(&evidence(all));
            found.into_iter().find(|it| it.endpoint == "bob").map(|it| it.result)
        };
        assert_eq!(stopped(9, false), Some(Status::Fail));
        assert_eq!(stopped(0, false), Some(Status::Pass));
        assert_eq!(stopped(9, true), Some(Status::Inconclusive));
    }
}
