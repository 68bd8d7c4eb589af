//! RFC 8839 §5.1: candidates other than host candidates have a related address and port, host candidates do not; one that is
//! hidden is 0.0.0.0 or :: with port 9.

use super::stated;
use crate::checks::{Check, Fault, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::{Candidate, CandidateType};

pub(super) const CHECK: Check = Check {
    id: "ice-candidate-related-address",
    layer: Layer::Gathering,
    subject: "candidates",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for stated in stated::candidates(evidence, peer) {
        let Ok(candidate) = Candidate::parse(stated.text) else { continue };
        match fault(&candidate) {
            None => tally.pass(stated.place),
            Some((fault, sentence)) => tally.fail(fault, sentence, [stated.place]),
        }
    }
}

fn fault(candidate: &Candidate) -> Option<(Fault, String)> {
    let Candidate { kind, related_address, related_port, .. } = candidate;
    match (kind, related_address, related_port) {
        (CandidateType::Unknown(_), ..) | (CandidateType::Host, None, None) => None,
        (CandidateType::Host, ..) => {
            Some((Fault("related-address-of-host"), "a host candidate has a related address".to_owned()))
        }
        (_, None, _) => {
            Some((Fault("no-related-address"), format!("a {kind} candidate has no related address")))
        }
        (_, _, None) => Some((Fault("no-related-port"), format!("a {kind} candidate has no related port"))),
        (_, Some(address), Some(port)) => {
            let hidden = address.ip().is_some_and(|ip| ip.is_unspecified());
            (hidden && *port != 9).then(|| {
                (
                    Fault("port-of-hidden-address"),
                    format!("the hidden related address of a {kind} candidate has port {port}, not 9"),
                )
            })
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events};
    use crate::evidence::Evidence;

    /// As if a server had reported the address.
    fn reflexive(evidence: &mut Evidence) {
        events::edit_candidate(evidence, "bob", |text| {
            text.replace("typ host", "typ srflx raddr 0.0.0.0 rport 9")
        });
    }

    /// Leaves the related address out.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, reflexive, |evidence| {
        events::edit_candidate(evidence, "bob", |text| text.replace(" raddr 0.0.0.0 rport 9", ""));
    })
    .and(&[
        Mutation::new(Recording::Descriptions, "a host candidate has a related address", |evidence| {
            events::edit_candidate(evidence, "bob", |text| {
                text.replace("typ host", "typ host raddr 0.0.0.0 rport 9")
            });
        }),
        Mutation::new(Recording::Descriptions, "has no related port", |evidence| {
            events::edit_candidate(evidence, "bob", |text| text.replace(" rport 9", ""));
        })
        .prepared(reflexive),
        Mutation::new(Recording::Descriptions, "has port 7, not 9", |evidence| {
            events::edit_candidate(evidence, "bob", |text| text.replace(" rport 9", " rport 7"));
        })
        .prepared(reflexive),
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_address_has_the_port_nine() {
        let fault =
            |rest: &str| fault(&Candidate::parse(&format!("1 1 udp 1 192.0.2.1 5 typ {rest}")).unwrap());
        for good in
            ["host", "srflx raddr 10.0.0.1 rport 4", "relay raddr :: rport 9", "prflx raddr 0.0.0.0 rport 9"]
        {
            assert_eq!(fault(good), None, "{good}");
        }
        for bad in
            ["host raddr 10.0.0.1 rport 4", "srflx", "relay raddr 10.0.0.1", "srflx raddr 0.0.0.0 rport 0"]
        {
            assert!(fault(bad).is_some(), "{bad}");
        }
    }
}
