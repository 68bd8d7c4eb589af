//! Which messages were received.

use super::{Checked, Mismatch, Views};
use crate::case::message::{Fingerprint, Wanted};
use crate::case::view::At;
use crate::expect::{Messages, PeerExpectations};
use crate::record::CaseRecord;
use crate::verdict::Layer;

const LAYER: Layer = Layer::DataChannel;

pub(super) fn check(
    record: &CaseRecord,
    views: &Views,
    name: &str,
    expected: &PeerExpectations,
    checked: &mut Checked,
) {
    let Some(view) = views.get(name) else { return };
    for (label, wanted) in &expected.messages {
        let seen = view.received.get(label).map_or(&[][..], Vec::as_slice);
        let mismatch = channel(name, label, wanted, seen).map(|mut mismatch| {
            // If the other one sends back what it got, and it is not what it got, then it is the one to name.
            if let Some(other) = record.other(name)
                && let Some(echo) = super::delivery::false_echo(name, other, label, views)
            {
                mismatch.side = echo.side;
                mismatch.evidence.extend(echo.evidence);
            }
            mismatch
        });
        checked.add(mismatch);
    }
}

fn channel(name: &str, label: &str, wanted: &Messages, seen: &[At<Fingerprint>]) -> Option<Mismatch> {
    let differs = |expected: String, is: String, n: Option<u64>| {
        let text = format!("{name} should receive {expected} on {label:?}");
        let n = n.or(seen.last().map(|at| at.n));
        Some(Mismatch::new(LAYER, name, text, is).at(n))
    };
    if let Some(list) = &wanted.exactly {
        let list = Wanted::list(list);
        for (i, wanted) in list.iter().enumerate() {
            match seen.get(i) {
                Some(at) if wanted.is(&at.is) => {}
                Some(at) => {
                    let what = format!("{wanted} as message {}", i + 1);
                    return differs(what, format!("it was {}", at.is), Some(at.n));
                }
                None => {
                    let what = format!("{} messages, {wanted} as message {}", list.len(), i + 1);
                    return differs(what, format!("only {} came", seen.len()), None);
                }
            }
        }
        if let Some(at) = seen.get(list.len()) {
            let is = format!("{} came, {} too many", seen.len(), seen.len() - list.len());
            return differs(format!("{} messages", list.len()), format!("{is}: {}", at.is), Some(at.n));
        }
    }
    if let Some(list) = &wanted.unordered {
        let mut left = Wanted::list(list);
        for at in seen {
            match left.iter().position(|wanted| wanted.is(&at.is)) {
                Some(i) => drop(left.swap_remove(i)),
                None => {
                    return differs("only what is listed".to_owned(), format!("{} came", at.is), Some(at.n));
                }
            }
        }
        if let Some(missing) = left.first() {
            return differs(missing.to_string(), "it did not come".to_owned(), None);
        }
    }
    if let Some(list) = &wanted.in_order {
        let list = Wanted::list(list);
        let mut rest = list.iter();
        if let Some(at) = seen.iter().find(|at| !rest.any(|wanted| wanted.is(&at.is))) {
            let is = format!("{} came out of order or twice, or is not listed", at.is);
            return differs(format!("the {} listed messages in order", list.len()), is, Some(at.n));
        }
    }
    if let Some(list) = &wanted.some_of {
        let mut left = Wanted::list(list);
        for at in seen {
            match left.iter().position(|wanted| wanted.is(&at.is)) {
                Some(i) => drop(left.swap_remove(i)),
                None => {
                    let is = format!("{} came: it is not listed, or came twice", at.is);
                    return differs("only what is listed".to_owned(), is, Some(at.n));
                }
            }
        }
    }
    for missing in Wanted::list(wanted.includes.as_deref().unwrap_or_default()) {
        if !seen.iter().any(|at| missing.is(&at.is)) {
            return differs(
                missing.to_string(),
                format!("it is not among the {} that came", seen.len()),
                None,
            );
        }
    }
    for outlawed in Wanted::list(wanted.lacks.as_deref().unwrap_or_default()) {
        if let Some(at) = seen.iter().find(|at| outlawed.is(&at.is)) {
            return differs(format!("anything but {outlawed}"), "it came".to_owned(), Some(at.n));
        }
    }
    let count = seen.len() as u64;
    if wanted.at_least.is_some_and(|least| count < least) {
        let least = wanted.at_least.unwrap_or_default();
        return differs(format!("at least {least} messages"), format!("{count} came"), None);
    }
    if wanted.at_most.is_some_and(|most| count > most) {
        let most = wanted.at_most.unwrap_or_default();
        return differs(format!("at most {most} messages"), format!("{count} came"), None);
    }
    None
}
