//! RFC 9429 §5.2.2: where an answer took all of a simulcast, the next offer of its sender has the same `a=rid` and `a=simulcast` lines. What was
//! not taken is gone (webrtc-pc §4.4.1.5); whether an encoding is paused (`~`) may change.

use super::look;
use crate::checks::{Check, Fault, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::SdpType;
use peerproof_captures::sdp::{Rid, Section, Simulcast};
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "jsep-rids-stable",
    layer: Layer::Sdp,
    subject: "sections with a=rid that go on",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    if !look::is_one_connection(evidence, peer, tally) {
        return;
    }
    for later in look::later(evidence, peer) {
        // What a receiver offers later of the rids that it took is said nowhere.
        if later.made.kind != SdpType::Offer || later.before.offer.by != peer {
            continue;
        }
        let others = later.others().received().media();
        let sections = later.own().sdp.media().zip(others).zip(later.made.sdp.media());
        for ((own, taken), now) in sections {
            let goes_on = !taken.is_rejected() && !now.is_rejected() && own.mid() == now.mid();
            if !goes_on || !now.direction().sends() || !own.has("rid") || !took_all(&own, &taken) {
                continue;
            }
            let place = look::media_line(later.made, &now);
            let name = ["rid", "simulcast"].into_iter().find(|name| lines(&own, name) != lines(&now, name));
            tally.judge(Fault("lines-changed"), name.is_none(), place, || {
                let name = name.unwrap_or_default();
                format!("the offer has other a={name} lines than the one before, all of which was taken")
            });
        }
    }
}

/// The values of all attributes of that name, in any order, without marks of what is paused.
fn lines(section: &Section<'_>, name: &str) -> BTreeSet<String> {
    section.named(name).filter_map(|it| it.value).map(|value| value.replace('~', "")).collect()
}

/// Whether an answer has each rid of the offer, and each stream of its simulcast.
fn took_all(offered: &Section<'_>, answered: &Section<'_>) -> bool {
    let rids =
        |section: &Section<'_>| -> BTreeSet<String> { section.every::<Rid>().map(|it| it.id).collect() };
    let named = |section: &Section<'_>| -> BTreeSet<String> {
        let simulcasts = section.every::<Simulcast>().flat_map(|it| it.directions);
        simulcasts.flat_map(|(_, streams)| streams.into_iter().flatten()).map(|it| it.rid).collect()
    };
    rids(offered) == rids(answered) && named(offered) == named(answered)
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace, sdp};
    use crate::evidence::Evidence;

    /// As if alice offered a simulcast, bob took it, and they said so again.
    fn again(evidence: &mut Evidence) {
        sdp::simulcast(evidence);
        sdp::renegotiate(evidence);
    }

    /// Leaves one of its streams out of the second offer, and of the answer to that.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, again, |evidence| {
        for (made, direction) in evidence.descriptions[2..].iter_mut().zip(["send", "recv"]) {
            replace(&mut made.sdp, &format!("a=rid:lo {direction}\r\n"), "");
            replace(&mut made.sdp, "hi;lo", "hi");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::controls::{Recording, replace, sdp};
    use crate::finding::Status;

    /// The result after edits of an offer, its answer, and the offer that follows.
    fn result(edits: [&[(&str, &str)]; 3]) -> Status {
        let mut evidence = Recording::Descriptions.evidence();
        sdp::simulcast(&mut evidence);
        sdp::renegotiate(&mut evidence);
        for (made, edits) in evidence.descriptions.iter_mut().zip(edits) {
            for (from, to) in edits {
                replace(&mut made.sdp, from, to);
            }
        }
        CHECK.run(&evidence)[0].result
    }

    #[test]
    fn only_what_was_taken_whole_has_to_stay() {
        let gone: &[(&str, &str)] =
            &[("a=rid:hi send\r\n", ""), ("a=rid:lo send\r\n", ""), ("a=simulcast:send hi;lo\r\n", "")];
        assert_eq!(result([&[], &[], &[]]), Status::Pass);
        assert_eq!(result([&[], &[], &[("send hi;lo", "send hi;~lo")]]), Status::Pass);
        assert_eq!(result([&[], &[], gone]), Status::Fail);
        assert_eq!(result([&[], &[], &[("a=simulcast:send hi;lo\r\n", "")]]), Status::Fail);
        assert_eq!(result([&[], &[], &[("send hi;lo", "send lo;hi")]]), Status::Fail);
        let dropped: &[(&str, &str)] = &[("a=rid:lo recv\r\n", ""), ("recv hi;lo", "recv hi")];
        assert_eq!(result([&[], dropped, gone]), Status::NotApplicable, "one was not taken");
        let refused: &[(&str, &str)] =
            &[("a=rid:hi recv\r\n", ""), ("a=rid:lo recv\r\n", ""), ("a=simulcast:recv hi;lo\r\n", "")];
        assert_eq!(result([&[], refused, gone]), Status::NotApplicable, "none was taken");
    }

    #[test]
    fn a_section_that_sends_no_longer_need_not_say_what_it_would_send() {
        let mut evidence = Recording::Descriptions.evidence();
        sdp::simulcast(&mut evidence);
        sdp::renegotiate(&mut evidence);
        sdp::edit_section(&mut evidence.descriptions[2].sdp, 1, |section| {
            sdp::without(section, &["a=rid", "a=simulcast"]).replace("a=sendrecv", "a=recvonly")
        });
        assert_eq!(CHECK.run(&evidence)[0].result, Status::NotApplicable);
    }
}
