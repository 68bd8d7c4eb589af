//! By which of its addresses a peer was reached.

use super::Mismatch;
use crate::evidence::AddressKind;
use crate::expect::AnyOf;
use crate::record::CaseRecord;
use crate::verdict::{Layer, Place};

pub(super) fn check(record: &CaseRecord, name: &str, wanted: &AnyOf<AddressKind>) -> Option<Mismatch> {
    let text = format!("the packets of {name} should come from an address of the kind {wanted}");
    let Some(reached) = record.reached.get(name) else {
        let seen = "no DTLS or SRTP packet was captured at both ends";
        return Some(Mismatch::new(Layer::Nomination, name, text, seen).undecided());
    };
    if wanted.allows(&reached.kind) {
        return None;
    }
    let seen = format!("the last came from {}, which is {}", reached.address, reached.kind);
    let mut mismatch = Mismatch::new(Layer::Nomination, name, text, seen);
    mismatch.evidence = vec![Place::Frame(reached.arrived), Place::Frame(reached.left)];
    Some(mismatch)
}
