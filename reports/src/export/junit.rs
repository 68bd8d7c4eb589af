//! `junit.xml`: for continuous integration.
//!
//! A suite is a family. What came out as expected is a success, whatever the verdict (a control must fail); `unsupported` and
//! known deviations are skipped with their reason; an unexpected `fail` is a failure; `inconclusive` and `harness-error`
//! are errors.
//!
//! Each text is made harmless before it is given to the writer, which would leave out an escape sequence and what follows it.

use super::{ExportError, Exporter, outcome, remark};
use crate::case::CaseReport;
use crate::escape::terminal as line;
use crate::run::RunReport;
use crate::time::utc;
use indexmap::IndexMap;
use peerproof_conformance::case::Standing;
use peerproof_conformance::verdict::Outcome;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// JUnit XML as Jenkins, GitLab and nextest have it.
#[derive(Debug, Clone, Copy)]
pub struct Junit;

impl Exporter for Junit {
    fn serialize(&self, report: &RunReport) -> Result<Vec<u8>, ExportError> {
        let mut whole = Report::new(line(&report.tool));
        whole.set_timestamp(utc(report.began_us)).set_time(Duration::from_micros(report.duration_us));
        let mut suites: IndexMap<&str, TestSuite> = IndexMap::new();
        for case in &report.cases {
            let suite = suites.entry(case.family()).or_insert_with(|| TestSuite::new(line(case.family())));
            suite.add_test_case(test_case(case));
            // Cases run beside each other: that is the work of the suite, not how long one waited for it.
            let before = suite.time.unwrap_or_default();
            suite.set_time(before + Duration::from_micros(case.duration_us));
        }
        whole.add_test_suites(suites.into_values());
        Ok(whole.to_string()?.into_bytes())
    }
}

fn test_case(case: &CaseReport) -> TestCase {
    let verdict = &case.verdict;
    let non_success = |kind| {
        let mut status = TestCaseStatus::non_success(kind);
        let mut type_ = outcome(verdict.outcome).to_owned();
        if let Some(at) = verdict.layer {
            type_.push_str(&format!(" at {at}"));
        }
        if let Some(side) = &verdict.side {
            type_.push_str(&format!(", {side}"));
        }
        let why = remark(case.standing).filter(|_| case.standing != Standing::Unexpected);
        let message =
            why.map_or_else(|| verdict.sentence.clone(), |why| format!("{why}: {}", verdict.sentence));
        status.set_message(line(&message)).set_type(line(&type_));
        let evidence: Vec<_> =
            case.evidence.iter().map(|piece| line(&piece.text)).filter(|text| !text.is_empty()).collect();
        if !evidence.is_empty() {
            status.set_description(evidence.join("\n"));
        }
        status
    };
    let status = match (case.standing, verdict.outcome) {
        (Standing::Known, _) => {
            let mut status = TestCaseStatus::skipped();
            let reason = case.waiver.as_ref().map_or("", |waiver| waiver.reason.as_str());
            status.set_message(line(&format!("known deviation: {reason}; {}", verdict.sentence)));
            status
        }
        (standing, Outcome::Unsupported) if standing.is_good() => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(line(&verdict.sentence));
            status
        }
        (standing, _) if standing.is_good() => TestCaseStatus::success(),
        (_, Outcome::Inconclusive | Outcome::HarnessError) => non_success(NonSuccessKind::Error),
        _ => non_success(NonSuccessKind::Failure),
    };
    let mut test = TestCase::new(line(&case.name), status);
    test.set_classname(line(case.family())).set_time(Duration::from_micros(case.duration_us));
    let mut out = format!("{}: {}\n", outcome(verdict.outcome), line(&verdict.sentence));
    if let Some(remark) = remark(case.standing) {
        out.push_str(&format!("{remark}\n"));
    }
    let words = case.requirements.words();
    if !words.is_empty() {
        out.push_str(&format!("requirements: {words}\n"));
    }
    for breach in &case.breaches {
        let (word, level) = (breach.word(), breach.level());
        let text = format!(
            "{word}: {} ({level}, {}) at {}, {}: {}",
            breach.requirement, breach.source, breach.endpoint, breach.implementation, breach.sentence
        );
        out.push_str(&format!("{}\n", line(&text)));
    }
    if !case.time.is_real() {
        out.push_str("run in virtual time\n");
    }
    if let Some(folder) = &case.folder {
        out.push_str(&format!("recording: {}\n", line(folder)));
    }
    test.set_system_out(out);
    test
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::report;

    #[test]
    fn junit_distinguishes_success_skip_failure_and_error() {
        insta::assert_snapshot!(String::from_utf8(Junit.serialize(&report()).unwrap()).unwrap());
    }
}
