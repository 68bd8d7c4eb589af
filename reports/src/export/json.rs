//! `run.json`: the whole report for programs.

use super::{ExportError, Exporter};
use crate::escape;
use crate::run::RunReport;

/// JSON, indented.
#[derive(Debug, Clone, Copy)]
pub struct Json;

impl Exporter for Json {
    fn serialize(&self, report: &RunReport) -> Result<Vec<u8>, ExportError> {
        let text = serde_json::to_string_pretty(report)?;
        Ok(format!("{}\n", escape::json(&text)).into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::report;

    #[test]
    fn run_json_is_read_back_as_it_was_written() {
        let report = report();
        let bytes = Json.serialize(&report).unwrap();
        assert_eq!(serde_json::from_slice::<RunReport>(&bytes).unwrap(), report);
    }

    #[test]
    fn a_key_that_the_format_does_not_know_is_refused() {
        let mut value = serde_json::to_value(report()).unwrap();
        value["cases"][0]["surprise"] = true.into();
        assert!(serde_json::from_value::<RunReport>(value).unwrap_err().to_string().contains("surprise"));
    }
}
