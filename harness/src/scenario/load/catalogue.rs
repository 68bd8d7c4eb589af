//! Files that hold many controls: the catalogue of lies, and that of breaks.

use super::super::document::{Document, ValuePath};
use super::super::error::ScenarioError;
use super::super::model::{Clock, Control};
use super::each::{self, Variant};
use super::{CONTROLS, ControlFile, ScenarioFile, broken};
use serde_json::Value;

/// The key of a list of controls.
pub(super) const BREAKS: &str = "controls";

/// The controls of a catalogue: those that `control` makes of each entry and its name, which is `controls/PREFIX` and the entry's
/// `name`, then the words of its `each`.
pub(super) fn entries(
    document: &Document,
    key: &str,
    prefix: &str,
    control: impl Fn(&Document, &str) -> Result<ControlFile, Vec<ScenarioError>>,
) -> Result<Vec<ControlFile>, Vec<ScenarioError>> {
    let root = ValuePath::default();
    let at = root.key(key);
    let only = document.value.as_object().is_some_and(|map| map.len() == 1);
    let Some(entries) = document.value.get(key).and_then(Value::as_array).filter(|_| only) else {
        return Err(document.error(&root, format!("the catalogue is a list of `{key}`"), None).into());
    };
    let mut controls: Vec<ControlFile> = Vec::new();
    let mut errors = Vec::new();
    for n in 0..entries.len() {
        for Variant { suffix, document } in each::variants(document.part(&at.index(n)))? {
            let Some(name) = document.value.get("name").and_then(Value::as_str) else {
                errors.push(document.error(&root, "an entry needs a `name`", None));
                break;
            };
            let ending = suffix.map(|suffix| format!("-{suffix}")).unwrap_or_default();
            let name = format!("{CONTROLS}/{prefix}{name}{ending}");
            if controls.iter().any(|other| other.file.name == name) {
                errors.push(document.error(&root.key("name"), format!("duplicate name `{name}`"), None));
                continue;
            }
            match control(&document, &name) {
                Ok(mut made) => {
                    // That both clocks agree is shown by the scenario itself.
                    made.file.scenario.clock = Clock::default();
                    controls.push(made);
                }
                Err(broken) => errors.extend(broken),
            }
        }
    }
    if errors.is_empty() { Ok(controls) } else { Err(super::in_order(errors)) }
}

/// The controls of a list of breaks.
pub(super) fn breaks(
    document: &Document,
    scenarios: &[ScenarioFile],
) -> Result<Vec<ControlFile>, Vec<ScenarioError>> {
    entries(document, BREAKS, "", |document, name| {
        super::name_allowed(document.file(), name)?;
        let mut written = document.clone();
        if let Value::Object(map) = &mut written.value {
            map.shift_remove("name");
        }
        let control: Control = written.read_all()?;
        broken(document, name, &document.value.to_string(), control, scenarios)
    })
}
