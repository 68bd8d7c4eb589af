//! What cargo's report on a build (`--timings`) says of each crate.

use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeMap;

/// What stands before the data in the report's script.
const BEFORE: &str = "const UNIT_DATA = ";

/// Seconds by crate and version; a crate's build script, its run, and the same crate with other features are counted together.
///
/// # Errors
/// If the report is not laid out as known.
pub(super) fn by_crate(page: &str) -> Result<BTreeMap<String, f64>> {
    let (_, rest) = page.split_once(BEFORE).context("there is no UNIT_DATA in it")?;
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Vec<Value>>();
    let units = values.next().context("UNIT_DATA is empty")??;
    let mut crates = BTreeMap::new();
    for unit in &units {
        let text = |key: &str| unit.get(key).and_then(Value::as_str);
        let name = text("name").context("a unit without name")?;
        let version = text("version").context("a unit without version")?;
        let duration = unit.get("duration").and_then(Value::as_f64).context("a unit without duration")?;
        *crates.entry(format!("{name} {version}")).or_default() += duration;
    }
    Ok(crates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crates_units_are_counted_together() {
        let page = r#"<script>
DURATION = 9;
const UNIT_DATA = [
  { "i": 0, "name": "ring", "version": "0.17.0", "target": " build-script", "duration": 1.5, "sections": null },
  { "i": 1, "name": "ring", "version": "0.17.0", "target": "", "duration": 2, "sections": [["codegen", {"start": 0}]] },
  { "i": 2, "name": "syn", "version": "2.0.0", "target": "", "duration": 0.25 }
];
const CONCURRENCY_DATA = [];
</script>"#;
        let crates = by_crate(page).unwrap();
        assert_eq!(crates, BTreeMap::from([("ring 0.17.0".to_owned(), 3.5), ("syn 2.0.0".to_owned(), 0.25)]));
    }

    #[test]
    fn another_page_is_an_error() {
        assert!(by_crate("<html></html>").is_err());
        assert!(by_crate("const UNIT_DATA = [{\"name\": \"x\"}];").is_err());
    }
}
