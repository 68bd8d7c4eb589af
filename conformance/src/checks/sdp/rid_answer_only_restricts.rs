//! RFC 8851 §6.3: what an answer restricts an `a=rid` by was offered, or is stricter; it has no `pt=` that the offer has not.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Exchange, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::Rid;

pub(super) const CHECK: Check = Check {
    id: "rid-answer-only-restricts",
    layer: Layer::Sdp,
    subject: "answered a=rid lines",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for Exchange { offer, answer } in evidence.answered_by(peer) {
        for (offered, answered) in offer.received().media().zip(answer.sdp.media()) {
            if answered.is_rejected() {
                continue;
            }
            let offered: Vec<Rid> = offered.every().collect();
            for rid in answered.typed::<Rid>() {
                let Ok(value) = rid.value else { continue };
                let mut same = offered.iter().filter(|it| it.id == value.id);
                // What was not offered, or twice, is judged elsewhere.
                if let (Some(asked), None) = (same.next(), same.next()) {
                    judge(asked, &value, look::line(answer, rid.line), tally);
                }
            }
        }
    }
}

fn judge(asked: &Rid, taken: &Rid, place: Place, tally: &mut Tally) {
    let id = &taken.id;
    let mut is_stricter = true;
    for (name, value) in &taken.restrictions {
        let Some((_, before)) = asked.restrictions.iter().find(|(it, _)| it == name) else {
            is_stricter = false;
            if name == "pt" {
                tally.fail(
                    Fault("payload-types-added"),
                    format!("a=rid:{id} was offered without pt=, and is answered with it"),
                    [place],
                );
            } else {
                tally.fail(
                    Fault("restriction-added"),
                    format!("a=rid:{id} is answered with {name}, which was not offered"),
                    [place],
                );
            }
            continue;
        };
        let bound = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<f64>().ok());
        let (Some(most), Some(now)) = (bound(before), bound(value)) else { continue };
        if name.starts_with("max-") && now > most {
            is_stricter = false;
            tally.fail(
                Fault("restriction-loosened"),
                format!("a=rid:{id} was offered with {name}={most} and is answered with {name}={now}"),
                [place],
            );
        }
    }
    if is_stricter {
        tally.pass(place);
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace, sdp};
    use crate::evidence::Evidence;

    /// As if alice offered two sizes, one with a width, and bob narrowed that.
    fn narrowed(evidence: &mut Evidence) {
        sdp::simulcast(evidence);
        replace(&mut evidence.descriptions[0].sdp, "a=rid:hi send", "a=rid:hi send max-width=1280");
        replace(&mut evidence.descriptions[1].sdp, "a=rid:hi recv", "a=rid:hi recv max-width=640");
    }

    /// Widens it instead.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, narrowed, |evidence| {
        replace(&mut evidence.descriptions[1].sdp, "max-width=640", "max-width=1281");
    })
    .and(&[
        Mutation::new(Recording::Descriptions, "answered with max-fps, which was not offered", |evidence| {
            replace(&mut evidence.descriptions[1].sdp, "max-width=640", "max-width=640;max-fps=30");
        })
        .prepared(narrowed),
        Mutation::new(Recording::Descriptions, "was offered without pt=", |evidence| {
            replace(&mut evidence.descriptions[1].sdp, "max-width=640", "pt=96;max-width=640");
        })
        .prepared(narrowed),
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use peerproof_captures::sdp::SessionDescription;

    fn result(asked: &str, taken: &str) -> Option<Status> {
        let rid = |text: &str| {
            let sdp = format!("m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rid:{text}\r\n");
            SessionDescription::parse(sdp).section(0).and_then(|section| section.first::<Rid>()).unwrap()
        };
        let mut tally = Tally::default();
        judge(&rid(asked), &rid(taken), Place::Entry(0), &mut tally);
        Some(tally.finish(&CHECK, "bob", true).result)
    }

    #[test]
    fn an_answer_may_keep_narrow_drop_and_set_what_was_left_open() {
        for (asked, taken) in [
            ("1 send max-width=1280;max-fps=30", "1 recv max-width=1280;max-fps=30"),
            ("1 send max-width=1280", "1 recv max-width=1279"),
            ("1 send max-width=1280", "1 recv"),
            ("1 send max-width", "1 recv max-width=9999"),
            ("1 send max-bpp=0.5", "1 recv max-bpp=0.0500"),
            ("1 send pt=96,97", "1 recv pt=98"),
            ("1 send depend=2", "1 recv depend=3"),
        ] {
            assert_eq!(result(asked, taken), Some(Status::Pass), "{asked} {taken}");
        }
        for (asked, taken) in [
            ("1 send max-width=1280", "1 recv max-width=1281"),
            ("1 send max-bpp=0.5", "1 recv max-bpp=0.51"),
            ("1 send", "1 recv pt=96"),
            ("1 send", "1 recv max-br=1"),
        ] {
            assert_eq!(result(asked, taken), Some(Status::Fail), "{asked} {taken}");
        }
    }
}
