//! The normal form of a case beside the recorded snapshot: the copy in its folder, or the one in the suite of this program.

use super::descriptions::sections;
use crate::embedded::SCENARIOS;
use crate::input::{self, Limit};
use crate::recording::files::RECORDED_SNAPSHOT;
use peerproof_captures::normal::Section;
use peerproof_captures::sdp::SessionDescription;
use peerproof_conformance::case::{CaseRecord, Snapshot, versioned};
use peerproof_reports::session::{Meant, SnapshotBeside};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Longest snapshot that is shown, in bytes.
const LONGEST: usize = 256 << 10;

/// Both; nothing for a case that was not compared, or whose snapshot is somewhere else.
pub(super) fn beside(record: &CaseRecord, folder: Option<&Path>) -> Option<SnapshotBeside> {
    record.file.snapshot.as_ref()?;
    let kept = folder.and_then(|folder| input::text(&folder.join(RECORDED_SNAPSHOT), Limit::SNAPSHOT).ok());
    let on_record = match &kept {
        Some(kept) => kept.as_str(),
        None => of_the_suite(&record.file.name)?,
    };
    let on_record = Snapshot::read(on_record).ok()?;
    // The sections are those that the scenario asked for when it was recorded.
    let sections = [("[sdp]", Section::Sdp), ("[ice]", Section::Ice), ("[dtls]", Section::Dtls)];
    let asked = sections.into_iter().filter(|(name, _)| on_record.text.lines().any(|line| line == *name));
    let seen = Snapshot::of(record, &asked.map(|(_, section)| section).collect::<Vec<_>>())?;
    if on_record.text.len().max(seen.text.len()) > LONGEST {
        return None;
    }
    let versions = on_record.versions.iter().map(|(peer, implementation)| {
        let (name, version) = implementation.split_once(' ').unwrap_or((implementation, ""));
        format!("{peer} {}", versioned(name, version))
    });
    Some(SnapshotBeside {
        versions: versions.collect::<Vec<_>>().join(", "),
        meaning: meaning(&on_record.text, &seen.text),
        on_record: on_record.text,
        seen: seen.text,
    })
}

/// The one in the suite of this program.
fn of_the_suite(case: &str) -> Option<&'static str> {
    let (scenario, pair) = case.rsplit_once('/')?;
    let (family, scenario) = scenario.split_once('/')?;
    let name = format!("{scenario}__{pair}.snap");
    SCENARIOS.get_file(Path::new(family).join("snapshots").join(name))?.contents_utf8()
}

/// What something of a snapshot means: of which description or peer, of which section of it, and the fact.
type Facts = BTreeMap<(String, String, String), Vec<String>>;

/// Where two snapshots differ by what they mean: descriptions by their codecs, header extensions and attributes, all else by its names.
fn meaning(on_record: &str, seen: &str) -> Vec<Meant> {
    let (before, after) = (facts(on_record), facts(seen));
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let none = Vec::new();
    let rows = names.into_iter().filter_map(|name| {
        let (one, other) = (before.get(name).unwrap_or(&none), after.get(name).unwrap_or(&none));
        let lacking = |from: &[String], list: &[String]| -> Vec<String> {
            list.iter().filter(|value| !from.contains(value)).cloned().collect()
        };
        let (removed, added) = (lacking(other, one), lacking(one, other));
        // The order of codecs is a preference, that of attributes means nothing.
        let order = removed.is_empty() && added.is_empty() && name.2 == CODECS && one != other;
        let differs = order || !removed.is_empty() || !added.is_empty();
        let (of, section, fact) = name.clone();
        let order = if order { other.clone() } else { Vec::new() };
        differs.then_some(Meant { of, section, fact, removed, added, order })
    });
    rows.collect()
}

/// The fact whose order means something.
const CODECS: &str = "codecs";

fn facts(text: &str) -> Facts {
    let mut all = Facts::new();
    let (mut block, mut of, mut description) = ("", String::new(), String::new());
    let mut ended = |of: &str, text: &mut String| {
        if !text.is_empty() {
            described(of, &std::mem::take(text), &mut all);
        }
    };
    let mut others = Vec::new();
    for line in text.lines() {
        if let Some(line) = line.strip_prefix("  ") {
            if block == "[sdp]" {
                // The normal form has no number there.
                description.push_str(&line.replacen(" <port> ", " 9 ", 1));
                description.push_str("\r\n");
            } else {
                let (name, value) = line.trim().split_once(": ").unwrap_or((line.trim(), ""));
                others.push(((of.clone(), block.to_owned(), name.to_owned()), value.to_owned()));
            }
            continue;
        }
        ended(&of, &mut description);
        if line.starts_with('[') { block = line } else { of = line.to_owned() }
    }
    ended(&of, &mut description);
    for (name, value) in others {
        all.entry(name).or_default().push(value);
    }
    all
}

/// Adds what a description means.
fn described(of: &str, text: &str, all: &mut Facts) {
    for (n, section) in sections(&SessionDescription::parse(text)).into_iter().enumerate() {
        let name = match (section.media.as_str(), &section.mid) {
            ("", _) => "session".to_owned(),
            (media, Some(mid)) => format!("{media}, mid {mid}"),
            (media, None) => format!("{media}, section {n}"),
        };
        for (fact, values) in section.facts {
            all.insert((of.to_owned(), name.clone(), fact), values);
        }
        if !section.candidates.is_empty() {
            all.insert((of.to_owned(), name, "candidates".to_owned()), section.candidates);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDED: &str = "\
[sdp]
alice, description 1: offer
  v=0
  m=audio <port> UDP/TLS/RTP/SAVPF 111 0
  a=mid:0
  a=rtcp-mux
  a=sendrecv
  a=rtpmap:111 opus/48000/2
  a=rtcp-fb:111 transport-cc
  a=rtpmap:0 PCMU/8000
[ice]
alice
  connection: new → connected
";

    #[test]
    fn snapshots_differ_by_what_they_mean() {
        assert_eq!(meaning(RECORDED, RECORDED), []);
        // The order of attributes is none of it.
        let turned = RECORDED.replace("  a=rtcp-mux\n  a=sendrecv\n", "  a=sendrecv\n  a=rtcp-mux\n");
        assert_ne!(turned, RECORDED);
        assert_eq!(meaning(RECORDED, &turned), []);
        let seen = RECORDED
            .replace("111 0\n", "0 111\n")
            .replace("a=sendrecv", "a=recvonly")
            .replace("  a=rtcp-fb:111 transport-cc\n", "")
            .replace("new → connected", "new → failed");
        let rows: Vec<String> = meaning(RECORDED, &seen)
            .into_iter()
            .map(|it| {
                let of = format!("{} | {} | {}", it.of, it.section, it.fact);
                format!("{of}: {:?} {:?} {:?}", it.removed, it.added, it.order)
            })
            .collect();
        let offer = "alice, description 1: offer | audio, mid 0";
        assert_eq!(
            rows,
            [
                "alice | [ice] | connection: [\"new → connected\"] [\"new → failed\"] []".to_owned(),
                format!("{offer} | codec opus/48000/2: [\"feedback transport-cc\"] [] []"),
                format!("{offer} | codecs: [] [] [\"pcmu/8000\", \"opus/48000/2\"]"),
                format!("{offer} | direction: [\"sendrecv\"] [\"recvonly\"] []"),
            ]
        );
        // A description that is not there any more.
        let gone = meaning(RECORDED, "[ice]\nalice\n  connection: new → connected\n");
        assert!(gone.iter().all(|it| it.of.starts_with("alice, description 1") && it.added.is_empty()));
        assert!(gone.len() > 3, "{gone:?}");
    }
}
