//! The formats, one file each. An exporter returns bytes; writing them somewhere is its caller's business.

pub mod comparison;
mod html;
mod json;
mod junit;
mod markdown;
pub mod matrix;
mod terminal;

pub use html::{BreachRow, CASE_PAGE, CaseRow, Html, RUN_PAGE_FORMAT, RunHead};
pub use json::Json;
pub use junit::Junit;
pub use markdown::Markdown;
pub use terminal::Terminal;

use crate::run::RunReport;
use peerproof_conformance::case::Standing;
use peerproof_conformance::verdict::Outcome;

/// Why a report could not be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// JSON.
    #[error("writing JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// JUnit.
    #[error("writing JUnit XML: {0}")]
    Junit(#[from] quick_junit::SerializeError),
    /// HTML.
    #[error("writing HTML: {0}")]
    Html(#[from] askama::Error),
}

/// A format of reports.
pub trait Exporter {
    /// The report in this format.
    ///
    /// # Errors
    /// If the format cannot hold it.
    fn serialize(&self, report: &RunReport) -> Result<Vec<u8>, ExportError>;
}

/// The files of a report and their exporters.
#[must_use]
pub fn files() -> [(&'static str, &'static dyn Exporter); 4] {
    [("run.json", &Json), ("junit.xml", &Junit), ("index.html", &Html), ("summary.md", &Markdown)]
}

/// The tables of NATs: whether a relay was there, and the title.
const NAT_TABLES: [(bool, &str); 2] =
    [(true, "NAT type matrix, with a relay"), (false, "NAT type matrix, without a relay")];

/// A verdict's name.
fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Fail => "fail",
        Outcome::Unsupported => "unsupported",
        Outcome::Inconclusive => "inconclusive",
        Outcome::HarnessError => "harness-error",
    }
}

/// What is to be said of a standing beside the verdict; nothing if all is as expected.
#[must_use]
pub fn remark(standing: Standing) -> Option<&'static str> {
    Some(match standing {
        Standing::Expected => return None,
        Standing::ControlHeld => "control: failed as intended",
        Standing::ControlBroken => "control: did not get its intended verdict",
        Standing::Known => "known deviation",
        Standing::WaiverStale => "passes although expected.toml says it fails",
        Standing::Changed => "snapshot is new or changed",
        Standing::Unexpected => "unexpected",
    })
}
