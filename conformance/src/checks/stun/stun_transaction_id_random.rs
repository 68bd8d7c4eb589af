//! RFC 8489 §5: each request has a transaction of its own, chosen at random.

use super::sent;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::stun::Class;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "stun-transaction-id-random",
    layer: Layer::Checks,
    subject: "transactions of STUN",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Fewer do not show whether they are random.
const ENOUGH: usize = 20;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let mut seen: BTreeMap<u128, (u64, &[u8])> = BTreeMap::new();
    let mut order = Vec::new();
    for sent in sent(evidence, peer) {
        let Some(message) = sent.message() else { continue };
        let Some(id) = sent.bytes.get(8..20).filter(|_| message.kind.value.class() == Class::Request) else {
            continue;
        };
        let number = id.iter().fold(0, |number: u128, byte| (number << 8) | u128::from(*byte));
        let place = Place::Frame(sent.frame);
        match seen.get(&number) {
            Some((first, bytes)) if *bytes != sent.bytes => {
                tally.fail(
                    Fault("reused"),
                    "two requests that differ have one transaction",
                    [place, Place::Frame(*first)],
                );
            }
            Some(_) => {}
            None => {
                seen.insert(number, (sent.frame, sent.bytes));
                order.push((number, sent.frame));
            }
        }
    }
    let Some((_, frame)) = order.first() else { return };
    let place = Place::Frame(*frame);
    if order.len() < ENOUGH {
        tally.inconclusive(
            format!("too few transactions to decide whether they are random: {}", order.len()),
            [place],
        );
        return;
    }
    let numbers: Vec<u128> = order.iter().map(|(number, _)| *number).collect();
    match pattern(&numbers) {
        Some((fault, pattern)) => tally.fail(fault, pattern, [place]),
        None => tally.pass(place),
    }
}

/// What these numbers of 96 bits have in common that random ones have not.
fn pattern(numbers: &[u128]) -> Option<(Fault, String)> {
    let steps: Vec<u128> = numbers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    if steps.windows(2).all(|pair| pair[0] == pair[1]) {
        return Some((Fault("counted"), "each transaction is the one before and as much more".to_owned()));
    }
    let (all, any) = numbers.iter().fold((u128::MAX, 0), |(all, any), number| (all & number, any | number));
    let constant = !(all ^ any) & ((1 << 96) - 1);
    // Text in ASCII leaves the highest bit of each byte alone, and is no pattern that anybody could use.
    let bytes = (0..12).filter(|at| constant >> (at * 8) & 0xff == 0xff).count();
    (bytes >= 3).then(|| {
        (Fault("bytes-repeated"), format!("{bytes} of the 12 bytes are the same in all transactions"))
    })
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, stun, turn};
    use crate::evidence::Peer;

    /// Counts the transactions of the requests of one peer, those of the answers with them.
    pub(super) const CONTROL: Control = Control::new(Recording::Restart, turn::count_transactions).and(&[
        Mutation::new(Recording::Restart, "4 of the 12 bytes are the same", |evidence| {
            turn::renumber(evidence, |id, _| id[..4].copy_from_slice(b"fast"));
        }),
        Mutation::new(Recording::Restart, "two requests that differ", |evidence| {
            stun::ask_otherwise(evidence, Peer(1));
        })
        .also_breaks(&["ice-rto-floor"]),
    ]);
}

#[cfg(test)]
mod tests {
    use super::pattern;

    #[test]
    fn counters_and_common_bytes_are_no_chance() {
        let scattered = |n: u128| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060) & ((1 << 96) - 1);
        let random: Vec<u128> = (1..30).map(|n| scattered(n * n)).collect();
        assert_eq!(pattern(&random), None);
        let counted: Vec<u128> = (1..30).map(|n| 1000 + n).collect();
        assert!(pattern(&counted).unwrap().1.contains("as much more"));
        let prefixed: Vec<u128> = random.iter().map(|n| (n & ((1 << 64) - 1)) | (0xabcd << 80)).collect();
        assert!(pattern(&prefixed).unwrap().1.starts_with("4 of the 12"));
    }
}
