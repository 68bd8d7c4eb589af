//! What checks of descriptions spare, and those of packets that descriptions decide.

use super::{ALICE, Spared, spared};
use crate::checks::controls::sdp::edit_section;
use crate::checks::controls::{Recording, replace, replace_all};
use crate::evidence::Evidence;

pub(super) const DESCRIPTIONS: &[Spared] = &[
    spared(
        "ice-lite-sends-no-checks",
        "an agent that becomes lite with a restart sent its checks before (RFC 8839 §4.4.1.1.1)",
        Recording::Restart,
        becomes_lite,
    ),
    spared(
        "ice-lite-peer-full-controls",
        "who meets an agent that becomes lite later was controlled before, if it answered",
        Recording::Restart,
        becomes_lite,
    ),
    spared(
        "extmap-answer-same-id",
        "an a=extmap of the offer that cannot be read is not the answerer's fault",
        Recording::Descriptions,
        |evidence| {
            let offer = &mut evidence.descriptions[0].sdp;
            replace_all(offer, "a=extmap:4 urn", "a=extmap:4/both urn");
        },
    ),
    spared(
        "simulcast-answer-mirrors-offer",
        "an a=rid of the offer that cannot be read is not the answerer's fault",
        Recording::Descriptions,
        |evidence| simulcast(evidence, "a=rid:hi sending\r\na=simulcast:send hi\r\n"),
    ),
    spared(
        "simulcast-answer-mirrors-offer",
        "an a=simulcast of the offer that cannot be read is not the answerer's fault",
        Recording::Descriptions,
        |evidence| simulcast(evidence, "a=rid:hi send\r\na=simulcast:send hi;;\r\n"),
    ),
    spared(
        "oa-answer-direction-compatible",
        "of two directions in the offer the answerer may take either",
        Recording::Descriptions,
        |evidence| {
            replace(&mut evidence.descriptions[0].sdp, "a=sendrecv\r\n", "a=sendonly\r\na=sendrecv\r\n");
        },
    ),
];

/// As if alice were lite from her second offer on.
fn becomes_lite(evidence: &mut Evidence) {
    let later = evidence.descriptions.iter_mut().filter(|it| it.by == ALICE).nth(1).unwrap();
    replace(&mut later.sdp, "\r\nt=0 0\r\n", "\r\nt=0 0\r\na=ice-lite\r\n");
}

/// As if alice had offered these lines, and bob taken one size.
fn simulcast(evidence: &mut Evidence, offered: &str) {
    let lines = [offered, "a=rid:hi recv\r\na=simulcast:recv hi\r\n"];
    for (made, lines) in evidence.descriptions.iter_mut().zip(lines) {
        edit_section(&mut made.sdp, 1, |section| format!("{section}{lines}"));
    }
}
