//! RFC 6544 §4.5: a TCP candidate says whether it is active, passive or for a simultaneous open; an active one has
//! port 9.

use super::stated;
use crate::checks::{Check, Fault, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::Candidate;

pub(super) const CHECK: Check = Check {
    id: "icetcp-candidate-format",
    layer: Layer::Gathering,
    subject: "candidates",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for stated in stated::candidates(evidence, peer) {
        let Ok(candidate) = Candidate::parse(stated.text) else { continue };
        // That one of UDP has no tcptype is said nowhere.
        if !candidate.transport.eq_ignore_ascii_case("tcp") {
            continue;
        }
        match candidate.tcp_type() {
            Some("active") => tally.judge(Fault("port-of-active"), candidate.port == 9, stated.place, || {
                format!("an active candidate of TCP has port {}, not 9", candidate.port)
            }),
            Some("passive" | "so") => tally.pass(stated.place),
            other => {
                let other = other.unwrap_or("none");
                tally.fail(
                    Fault("tcptype-unknown"),
                    format!("a candidate of TCP has the tcptype {other}, not active, passive or so"),
                    [stated.place],
                );
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events};

    /// Gives the active candidates a port.
    pub(super) const CONTROL: Control = Control::new(Recording::Conflict, |evidence| {
        events::edit_candidate(evidence, "bob", |text| {
            text.replace(" 9 typ host tcptype active", " 50000 typ host tcptype active")
        });
    })
    .and(&[Mutation::new(Recording::Conflict, "has the tcptype other, not", |evidence| {
        events::edit_candidate(evidence, "bob", |text| text.replace("tcptype active", "tcptype other"));
    })]);
}
