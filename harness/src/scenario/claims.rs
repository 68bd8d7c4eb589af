//! `docs/claims.md`: what peers can claim, what contradicts it, and the lies by which that is tested.

use super::Suite;
use indexmap::IndexMap;
use peerproof_conformance::claims::{By, claims};
use std::fmt::Write;

const PREFACE: &str = "# Claims

<!-- Generated: PEERPROOF_BLESS=1 cargo test -p peerproof --test all lies:: -->

A *claim* is what a peer says of itself: an event, the answer to a command, a field of a statistic, a value in a description or a
candidate, the time. A verdict relies on a claim as far as something else can contradict it: the packets at either end, the other
peer, the command that caused it, the state machines and the order of events of the W3C. Whoever claims what something else
contradicts has failed, at the layer of that claim.

A *lie* is a control (`controls/lie-NAME`, from `scenarios/controls/lies.yaml`): a peer that says one thing that is not so, and must
be named. `cargo xtask adversary` tells random ones.
";

/// The whole document.
#[must_use]
pub fn document(suite: &Suite) -> String {
    let mut by_claim: IndexMap<&str, Vec<&str>> = IndexMap::new();
    for lie in suite.controls.iter().filter(|control| !control.control.broken.lie.is_empty()) {
        let name = lie.file.name.split_once("/lie-").map_or(lie.file.name.as_str(), |(_, name)| name);
        for claim in &lie.control.claims {
            by_claim.entry(claim).or_default().push(name);
        }
    }
    let mut text = PREFACE.to_owned();
    let mut part = "";
    let mut unchecked = String::new();
    let claims = claims();
    for claim in &claims {
        let reason = match claim.by {
            By::Evidence(with) => with,
            By::Nothing(reason) => {
                row(&mut unchecked, &[format!("`{}`", claim.name).as_str(), reason]);
                continue;
            }
        };
        let of = claim.name.split('/').next().unwrap_or_default();
        if of != part {
            part = of;
            let _ = write!(
                text,
                "\n## {}\n\n| claim | layer | compared with | lies |\n| --- | --- | --- | --- |\n",
                title(of)
            );
        }
        let lies = by_claim.get(claim.name).map(|lies| lies.join(", ")).unwrap_or_default();
        row(&mut text, &[format!("`{}`", claim.name).as_str(), claim.layer.as_str(), reason, lies.as_str()]);
    }
    if !unchecked.is_empty() {
        let _ = write!(text, "\n## What nothing contradicts\n\n| claim | why |\n| --- | --- |\n{unchecked}");
    }
    text
}

fn title(part: &str) -> &str {
    match part {
        "event" => "Events",
        "answer" => "Answers to commands",
        "stat" => "Statistics",
        "description" => "Descriptions",
        "candidate" => "Candidates",
        "clock" => "Clocks",
        other => other,
    }
}

fn row(text: &mut String, cells: &[&str]) {
    for cell in cells {
        let _ = write!(text, "| {} ", cell.replace('|', "\\|"));
    }
    text.push_str("|\n");
}
