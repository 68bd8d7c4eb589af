//! `index.html`: one file that holds everything, without scripts and without anything fetched.

use super::chart::Chart;
use super::{ExportError, Exporter, outcome, remark};
use crate::case::CaseReport;
use crate::escape::lines;
use crate::nats::NatTable;
use crate::overview::{Overview, Tally};
use crate::run::RunReport;
use crate::time::{span, utc};
use askama::Template;
use peerproof_conformance::case::{ConnectingStep, SnapshotResult};
use peerproof_conformance::verdict::{Layer, Outcome, Place, RecordedFile};

/// A page for people. Names and sentences are escaped by the template engine.
#[derive(Debug, Clone, Copy)]
pub struct Html;

impl Exporter for Html {
    fn serialize(&self, report: &RunReport) -> Result<Vec<u8>, ExportError> {
        let matrix = Overview::of(report);
        let page = Page {
            report,
            began: utc(report.began_us).format("%Y-%m-%d %H:%M:%S UTC").to_string(),
            took: span(report.duration_us),
            matrix: &matrix,
            families: families(report),
        };
        Ok(lines(&page.render()?).into_owned().into_bytes())
    }
}

#[derive(Template)]
#[template(path = "index.html")]
struct Page<'a> {
    report: &'a RunReport,
    began: String,
    took: String,
    matrix: &'a Overview,
    families: Vec<(&'a str, Vec<Shown<'a>>)>,
}

impl Page<'_> {
    fn all(&self) -> [(&'static str, usize); 5] {
        let counts = &self.report.counts;
        [
            (outcome(Outcome::Pass), counts.pass),
            (outcome(Outcome::Fail), counts.fail),
            (outcome(Outcome::Unsupported), counts.unsupported),
            (outcome(Outcome::Inconclusive), counts.inconclusive),
            (outcome(Outcome::HarnessError), counts.harness_error),
        ]
    }

    fn nats(&self) -> Vec<(&'static str, NatTable)> {
        let tables = super::NAT_TABLES.map(|(relay, title)| (title, NatTable::of(self.report, relay)));
        tables.into_iter().filter(|(_, table)| !table.is_empty()).collect()
    }

    fn counts(&self, cell: &Tally) -> Vec<(&'static str, usize)> {
        cell.counts.each().map(|(which, count)| (outcome(which), count)).collect()
    }
}

fn families(report: &RunReport) -> Vec<(&str, Vec<Shown<'_>>)> {
    let mut families: Vec<(&str, Vec<Shown<'_>>)> = Vec::new();
    for (number, case) in report.cases.iter().enumerate() {
        let shown = Shown { case, number };
        match families.last_mut() {
            Some((family, cases)) if *family == case.family() => cases.push(shown),
            _ => families.push((case.family(), vec![shown])),
        }
    }
    families
}

/// A case as the template sees it.
struct Shown<'a> {
    case: &'a CaseReport,
    number: usize,
}

/// A step of connecting as a bar.
struct Bar {
    name: &'static str,
    reached: bool,
    times: String,
    /// Percent of the width.
    left: String,
    width: String,
}

impl Shown<'_> {
    fn outcome(&self) -> &'static str {
        outcome(self.case.verdict.outcome)
    }

    fn layer(&self) -> &'static str {
        self.case.verdict.layer.map_or("", Layer::as_str)
    }

    fn side(&self) -> &str {
        self.case.verdict.side.as_deref().unwrap_or_default()
    }

    fn remark(&self) -> &'static str {
        remark(self.case.standing).unwrap_or_default()
    }

    fn is_virtual(&self) -> bool {
        !self.case.time.is_real()
    }

    fn bad(&self) -> bool {
        !self.case.standing.is_good()
    }

    fn took(&self) -> String {
        span(self.case.duration_us)
    }

    fn href(&self, file: &str) -> String {
        let folder = self.case.folder.as_deref().unwrap_or_default();
        encode(&format!("{folder}/{file}"))
    }

    fn evidence(&self) -> Vec<(String, String, &str)> {
        let pieces = self.case.evidence.iter().map(|piece| {
            let (file, place) = match piece.place {
                Place::Frame(frame) => ("capture.pcapng".to_owned(), format!("frame {frame}")),
                Place::Entry(n) => ("timeline.jsonl".to_owned(), format!("timeline line {}", n + 1)),
                Place::Line { entry, line } => (
                    "timeline.jsonl".to_owned(),
                    format!("timeline line {}, line {line} of the description", entry + 1),
                ),
                Place::File { path: RecordedFile::Stats, .. } => {
                    let report = format!("stats/{}.json", self.side());
                    (report.clone(), report)
                }
                Place::File { path, line } => (path.to_string(), format!("{path} line {line}")),
            };
            let href = if self.case.folder.is_some() { self.href(&file) } else { String::new() };
            (href, place, piece.text.as_str())
        });
        pieces.collect()
    }

    fn snapshot_change(&self) -> Option<(&str, u32, &str, &str)> {
        match &self.case.snapshot {
            Some(SnapshotResult::Differs { section, line, expected, seen, .. }) => {
                Some((section, *line, expected, seen))
            }
            _ => None,
        }
    }

    fn charts(&self) -> Vec<Chart<'_>> {
        self.case.bitrates.iter().map(Chart::of).collect()
    }

    fn connects(&self) -> bool {
        self.case.steps.iter().any(|step| step.began_us.is_some())
    }

    /// When the first step began: the bars are drawn from here, since opening a browser may have taken seconds.
    fn origin(&self) -> u64 {
        self.case.steps.iter().filter_map(|step| step.began_us).min().unwrap_or(0)
    }

    fn began(&self) -> String {
        span(self.origin())
    }

    fn bars(&self) -> Vec<Bar> {
        let origin = self.origin();
        let steps: Vec<ConnectingStep> = self.case.steps.iter().map(|step| since(origin, step)).collect();
        let last = steps.iter().filter_map(|step| step.ended_us.max(step.began_us)).max().unwrap_or(1).max(1);
        // A step that was not completed has no end: it gets room beyond the last time there is.
        let open = steps.iter().any(|step| step.began_us.is_some() && step.ended_us.is_none());
        let last = if open { last.saturating_add(last / 4) } else { last };
        steps.iter().map(|step| bar(step, last)).collect()
    }
}

/// The step on a clock that began at `origin`.
fn since(origin: u64, step: &ConnectingStep) -> ConnectingStep {
    let shift = |time: Option<u64>| time.map(|us| us.saturating_sub(origin));
    ConnectingStep { step: step.step, began_us: shift(step.began_us), ended_us: shift(step.ended_us) }
}

fn bar(step: &ConnectingStep, last: u64) -> Bar {
    // In tenths of a percent, so that no float is printed.
    let share = |us: u64| us.saturating_mul(1000).checked_div(last).unwrap_or(0).min(1000);
    let percent = |tenths: u64| format!("{}.{}", tenths / 10, tenths % 10);
    let (left, right, times) = match (step.began_us, step.ended_us) {
        (None, None) => (0, 0, "not reached".to_owned()),
        (Some(began), None) => (share(began), 1000, format!("from {}, not completed", span(began))),
        (None, Some(ended)) => (share(ended), share(ended), format!("by {}", span(ended))),
        (Some(began), Some(ended)) => {
            (share(began), share(ended), format!("{} to {}", span(began), span(ended)))
        }
    };
    let reached = step.began_us.is_some() || step.ended_us.is_some();
    let width = right.saturating_sub(left).max(u64::from(reached) * 6);
    Bar {
        name: step.step.as_str(),
        reached: step.ended_us.is_some(),
        times,
        left: percent(left.min(1000 - width.min(1000))),
        width: percent(width),
    }
}

/// A relative path as a URL: everything but letters, digits and `-._~/` is percent-encoded, so that no name is a scheme.
pub(super) fn encode(path: &str) -> String {
    let mut url = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                url.push(char::from(byte));
            }
            byte => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::report;
    use peerproof_conformance::case::{Bitrate, LinkChange};

    fn page(report: &RunReport) -> String {
        String::from_utf8(Html.serialize(report).unwrap()).unwrap()
    }

    #[test]
    fn hostile_names_stay_text() {
        let page = page(&report());
        assert!(!page.contains("<script"), "a script");
        assert!(!page.contains("<img"), "an image");
        assert!(page.contains("&#60;script&#62;alert(1)"), "the name is shown");
        assert!(page.contains("cases/sdp/%3Cscript%3Ealert%281%29%3C/script%3E/"), "the link works");
    }

    #[test]
    fn the_page_fetches_nothing_and_runs_nothing() {
        let page = page(&report());
        for outlawed in ["http://", "https://", "src=", "@import", "url(", "javascript:", " onclick"] {
            let clean = page.replace("src=x onerror", "");
            assert!(!clean.contains(outlawed), "{outlawed}");
        }
    }

    #[test]
    fn the_steps_are_drawn_from_the_first_of_them_on() {
        let mut report = report();
        for step in &mut report.cases[0].steps {
            step.began_us = step.began_us.map(|us| us + 5_000_000);
            step.ended_us = step.ended_us.map(|us| us + 5_000_000);
        }
        let page = page(&report);
        assert!(page.contains("the first at 5.0 s"));
        assert!(!page.contains("5.1 s"), "times are counted from the first step on");
    }

    #[test]
    fn a_folder_cannot_become_a_scheme() {
        assert_eq!(encode("javascript:alert(1)/x"), "javascript%3Aalert%281%29/x");
    }

    #[test]
    fn every_case_is_there_with_its_verdict_place_and_files() {
        let report = report();
        let page = page(&report);
        for (number, case) in report.cases.iter().enumerate() {
            assert!(page.contains(&format!("id=\"case-{number}\"")), "{}", case.name);
        }
        assert!(page.contains("DTLS, bob"));
        assert!(page.contains("timeline line 42"));
        assert!(page.contains("href=\"cases/data/echo/stack-firefox/capture.pcapng\""));
        assert!(page.contains("from 150 ms, not completed"), "the step that was not completed");
    }

    #[test]
    fn a_bitrate_is_drawn_and_its_names_stay_text() {
        let mut report = report();
        assert!(!page(&report).contains("<svg"));
        report.cases[0].bitrates = vec![Bitrate {
            peer: "<script>".to_owned(),
            from_us: 0,
            slice_us: 500_000,
            kbit: vec![100, 200],
            links: vec![LinkChange {
                t_us: 500_000,
                name: Some("\"><script>narrow".to_owned()),
                of: "alice/eth0".to_owned(),
                up: None,
                down: None,
            }],
        }];
        let page = page(&report);
        assert!(page.contains("<polyline class=\"rate\" points=\""));
        assert!(page.contains("&#34;&#62;&#60;script&#62;narrow"));
        assert!(!page.contains("<script"));
    }

    #[test]
    fn an_empty_run_is_a_page_too() {
        let empty = RunReport::new("peerproof".to_owned(), 0, 0, 0, vec![]);
        assert!(page(&empty).contains("Nothing ran"));
    }

    #[test]
    fn bars_stay_within_their_track() {
        for (began, ended, last) in
            [(0, 0, 1), (0, 10, 10), (10, 10, 10), (u64::MAX, u64::MAX, 1), (3, 7, u64::MAX)]
        {
            let step = ConnectingStep {
                step: peerproof_conformance::case::StepName::Offer,
                began_us: Some(began),
                ended_us: Some(ended),
            };
            let bar = bar(&step, last);
            let sum = bar.left.parse::<f64>().unwrap() + bar.width.parse::<f64>().unwrap();
            assert!(sum <= 100.0, "{began} {ended} {last}: {sum}");
        }
    }
}
