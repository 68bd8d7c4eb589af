//! Comparisons on a peer's last statistics report.

use super::{Checked, Mismatch, words};
use crate::case::view::PeerView;
use crate::expect::{PeerExpectations, StatMatch};
use crate::verdict::{Layer, Place, RecordedFile};
use serde_json::Value;

pub(super) fn check(
    name: &str,
    expected: &PeerExpectations,
    view: &PeerView,
    report: Option<&Value>,
    checked: &mut Checked,
) {
    for wanted in &expected.stats {
        let mismatch = one(name, wanted, report);
        checked.add(match &view.no_stats {
            Some(at) if report.is_none() => mismatch.map(|it| it.at(Some(at.n)).lacking(&at.is)),
            _ => mismatch,
        });
    }
}

/// The layer that a type of dictionary is about.
fn layer(kind: &str) -> Layer {
    match kind {
        "candidate-pair" => Layer::Nomination,
        "local-candidate" | "remote-candidate" => Layer::Gathering,
        "transport" | "certificate" => Layer::Dtls,
        "data-channel" => Layer::DataChannel,
        "sctp-transport" => Layer::Sctp,
        _ => Layer::Media,
    }
}

fn one(name: &str, wanted: &StatMatch, report: Option<&Value>) -> Option<Mismatch> {
    let kind = wanted.kind.as_str();
    let differs = |text: String, is: String| {
        let mut mismatch = Mismatch::new(layer(kind), name, text, is);
        mismatch.evidence.push(Place::File { path: RecordedFile::Stats, line: 1 });
        Some(mismatch)
    };
    let Some(report) = report.and_then(Value::as_object) else {
        let text = format!("{name}'s statistics should contain {kind}");
        return differs(text, "there is no report".to_owned()).map(Mismatch::undecided);
    };
    let has = |dictionary: &Value| {
        dictionary.get("type").and_then(Value::as_str) == Some(kind)
            && wanted
                .having
                .iter()
                .all(|(member, value)| dictionary.get(member).is_some_and(|is| same(is, value)))
    };
    let those: Vec<&Value> = report.values().filter(|dictionary| has(dictionary)).collect();
    let which =
        wanted.having.iter().map(|(member, value)| format!(" with {member} {value}")).collect::<String>();
    if let Some(count) = wanted.count
        && those.len() != count
    {
        let text = format!("{name}'s statistics should hold {count} {kind}{which}");
        return differs(text, format!("there are {}", those.len()));
    }
    if wanted.count.is_some() && wanted.field.is_none() {
        return None;
    }
    if those.is_empty() {
        return differs(
            format!("{name}'s statistics should hold a {kind}{which}"),
            "there is none".to_owned(),
        );
    }
    let field = wanted.field.as_deref()?;
    let values: Vec<Option<&Value>> = those
        .iter()
        .map(|dictionary| match &wanted.follow {
            None => dictionary.get(field),
            Some(by) => report.get(dictionary.get(by)?.as_str()?)?.get(field),
        })
        .collect();
    if values.iter().any(|value| holds(wanted, *value)) {
        return None;
    }
    let seen = words(values.iter().map(|value| value.map_or_else(|| "absent".to_owned(), Value::to_string)));
    differs(format!("{name}'s {kind} {field}{which} should {}", comparison(wanted)), format!("it is {seen}"))
}

fn same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one.total_cmp(&other).is_eq(),
        _ => one == other,
    }
}

fn holds(wanted: &StatMatch, value: Option<&Value>) -> bool {
    let Some(value) = value else { return false };
    let number = |bound: Option<f64>, fits: fn(f64, f64) -> bool| {
        bound.is_none_or(|bound| value.as_f64().is_some_and(|value| fits(value, bound)))
    };
    wanted.equals.as_ref().is_none_or(|equal| same(value, equal))
        && wanted.one_of.as_ref().is_none_or(|list| list.iter().any(|one| same(value, one)))
        && number(wanted.above, |value, bound| value > bound)
        && number(wanted.below, |value, bound| value < bound)
        && number(wanted.at_least, |value, bound| value >= bound)
        && number(wanted.at_most, |value, bound| value <= bound)
}

fn comparison(wanted: &StatMatch) -> String {
    let mut parts = Vec::new();
    parts.extend(wanted.equals.as_ref().map(|value| format!("be {value}")));
    parts.extend(wanted.one_of.as_ref().map(|list| format!("be one of {}", words(list))));
    parts.extend(wanted.above.map(|bound| format!("be above {bound}")));
    parts.extend(wanted.below.map(|bound| format!("be below {bound}")));
    parts.extend(wanted.at_least.map(|bound| format!("be at least {bound}")));
    parts.extend(wanted.at_most.map(|bound| format!("be at most {bound}")));
    if parts.is_empty() { "be there".to_owned() } else { parts.join(" and ") }
}
