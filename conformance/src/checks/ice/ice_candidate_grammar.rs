//! RFC 8839 §5.1, RFC 8445 §5.1.2: every candidate that is reported fits the grammar, whether in a description or alone;
//! its address is one, or a name of mDNS.

use super::stated;
use crate::checks::{Check, Fault, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::Candidate;

pub(super) const CHECK: Check = Check {
    id: "ice-candidate-grammar",
    layer: Layer::Gathering,
    subject: "candidates",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for stated in stated::candidates(evidence, peer) {
        match fault(stated.text, stated.is_rtp) {
            None => tally.pass(stated.place),
            Some((fault, sentence)) => tally.fail(fault, sentence, [stated.place]),
        }
    }
}

fn fault(text: &str, is_rtp: Option<bool>) -> Option<(Fault, String)> {
    if let Some(fault) = Candidate::faults(text).first() {
        return Some((Fault("grammar"), format!("a candidate does not fit the grammar: {fault}")));
    }
    let candidate = Candidate::parse(text).ok()?;
    match candidate.component {
        1 => None,
        2 if is_rtp != Some(false) => None,
        component => Some((
            Fault("other-component"),
            format!("a candidate is of component {component}, which its section does not have"),
        )),
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events};

    /// Gives a candidate a priority of 32 bits, whose type preference is then too high as well.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        events::edit_candidate(evidence, "bob", |text| {
            let mut words: Vec<&str> = text.split(' ').collect();
            words[3] = "2147483648";
            words.join(" ")
        });
    })
    .also_breaks(&["ice-candidate-priorities"])
    .and(&[Mutation::new(Recording::Descriptions, "is of component 3", |evidence| {
        events::edit_candidate(evidence, "bob", |text| text.replacen(" 1 ", " 3 ", 1));
    })]);
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn data_has_one_component_and_rtp_may_have_two() {
        let stated = |component: u8| format!("candidate:1 {component} udp 1 192.0.2.1 9 typ host");
        assert_eq!(fault(&stated(1), Some(false)), None);
        assert_eq!(fault(&stated(2), Some(true)), None);
        assert_eq!(fault(&stated(2), None), None);
        assert!(fault(&stated(2), Some(false)).is_some());
        assert!(fault(&stated(3), Some(true)).is_some());
    }

    #[test]
    fn a_name_is_one_of_mdns_and_a_type_may_be_new() {
        let stated = |address: &str, kind: &str| format!("candidate:1 1 udp 1 {address} 9 typ {kind}");
        assert_eq!(fault(&stated("a.local", "host"), None), None);
        assert!(fault(&stated("host.example", "host"), None).is_some());
        assert_eq!(fault(&stated("192.0.2.1", "other"), None), None, "candidate-types has a token");
    }
}
