//! Reading constraints, mediacapture-main §5.2.1 and §11.

use serde_json::Value;

/// Which error the standard names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Nothing fulfils what is required.
    Overconstrained,
    /// The constraints are malformed.
    Type,
}

/// What is wrong with constraints.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConstraintError {
    /// Which error.
    pub kind: ErrorKind,
    /// Name of the constraint at fault (`OverconstrainedError.constraint`).
    pub constraint: String,
    /// For people.
    pub message: String,
}

impl ConstraintError {
    /// `OverconstrainedError` or `TypeError`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.kind {
            ErrorKind::Overconstrained => "OverconstrainedError",
            ErrorKind::Type => "TypeError",
        }
    }

    pub(super) fn malformed(constraint: &str, wanted: &str) -> Self {
        let message = format!("constraint {constraint} must be {wanted}");
        Self { kind: ErrorKind::Type, constraint: constraint.to_owned(), message }
    }

    pub(super) fn unmet(constraint: &str) -> Self {
        let message = format!("no device fulfils the constraint {constraint}");
        Self { kind: ErrorKind::Overconstrained, constraint: constraint.to_owned(), message }
    }
}

/// Constraints on numbers that are supported (`getSupportedConstraints`). Unsupported ones are ignored, as §5.2.1 demands.
const NUMBERS: &[&str] =
    &["width", "height", "aspectRatio", "frameRate", "sampleRate", "sampleSize", "channelCount"];
/// Those that are true or false.
const BOOLEANS: &[&str] = &["echoCancellation", "noiseSuppression", "autoGainControl"];
/// Those that are strings.
const STRINGS: &[&str] = &["deviceId", "groupId", "facingMode"];

/// One constraint on one property.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constraint {
    /// `ConstrainULong` and `ConstrainDouble`.
    Number { min: Option<f64>, max: Option<f64>, exact: Option<f64>, ideal: Option<f64> },
    /// `ConstrainBoolean`.
    Boolean { exact: Option<bool>, ideal: Option<bool> },
    /// `ConstrainDOMString`: any of several values.
    String { exact: Option<Vec<String>>, ideal: Option<Vec<String>> },
}

/// Constraints on several properties, in the order in which they are written.
pub(super) type ConstraintSet = Vec<(String, Constraint)>;

/// `MediaTrackConstraints`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Constraints {
    pub(super) basic: ConstraintSet,
    pub(super) advanced: Vec<ConstraintSet>,
}

impl Constraints {
    pub(super) fn read(value: &Value) -> Result<Self, ConstraintError> {
        let advanced = match value.get("advanced") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(sets)) => {
                sets.iter().map(|set| read_set(set, false)).collect::<Result<_, _>>()?
            }
            Some(_) => return Err(ConstraintError::malformed("advanced", "a list of constraint sets")),
        };
        Ok(Self { basic: read_set(value, true)?, advanced })
    }
}

/// In a basic set a bare value is `ideal`, in an advanced one `exact` (§5.2.1).
fn read_set(value: &Value, bare_is_ideal: bool) -> Result<ConstraintSet, ConstraintError> {
    let Some(map) = value.as_object() else {
        return Err(ConstraintError::malformed("MediaTrackConstraints", "an object"));
    };
    let mut set = Vec::new();
    for (name, value) in map {
        let read = match name.as_str() {
            name if NUMBERS.contains(&name) => read_number,
            name if BOOLEANS.contains(&name) => read_boolean,
            name if STRINGS.contains(&name) => read_string,
            _ => continue,
        };
        if !value.is_null() {
            set.push((name.clone(), read(name, value, bare_is_ideal)?));
        }
    }
    Ok(set)
}

/// The value of one key of a constraint's dictionary; nothing if it is absent.
fn field<T>(
    value: &Value,
    key: &str,
    read: impl Fn(&Value) -> Result<T, ConstraintError>,
) -> Result<Option<T>, ConstraintError> {
    match value.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => read(value).map(Some),
    }
}

/// `exact` and `ideal`, of which a bare value is one.
type ExactAndIdeal<T> = (Option<T>, Option<T>);

fn exact_and_ideal<T>(
    value: &Value,
    bare_is_ideal: bool,
    read: impl Fn(&Value) -> Result<T, ConstraintError>,
) -> Result<ExactAndIdeal<T>, ConstraintError> {
    if value.is_object() {
        return Ok((field(value, "exact", &read)?, field(value, "ideal", &read)?));
    }
    let bare = Some(read(value)?);
    Ok(if bare_is_ideal { (None, bare) } else { (bare, None) })
}

fn read_number(name: &str, value: &Value, bare_is_ideal: bool) -> Result<Constraint, ConstraintError> {
    let read = |value: &Value| value.as_f64().ok_or_else(|| ConstraintError::malformed(name, "a number"));
    let (exact, ideal) = exact_and_ideal(value, bare_is_ideal, read)?;
    Ok(Constraint::Number { min: field(value, "min", read)?, max: field(value, "max", read)?, exact, ideal })
}

fn read_boolean(name: &str, value: &Value, bare_is_ideal: bool) -> Result<Constraint, ConstraintError> {
    let read =
        |value: &Value| value.as_bool().ok_or_else(|| ConstraintError::malformed(name, "true or false"));
    let (exact, ideal) = exact_and_ideal(value, bare_is_ideal, read)?;
    Ok(Constraint::Boolean { exact, ideal })
}

fn read_string(name: &str, value: &Value, bare_is_ideal: bool) -> Result<Constraint, ConstraintError> {
    let wrong = || ConstraintError::malformed(name, "a string or a list of strings");
    let read = |value: &Value| match value {
        Value::String(one) => Ok(vec![one.clone()]),
        Value::Array(many) => many.iter().map(|v| v.as_str().map(str::to_owned).ok_or_else(wrong)).collect(),
        _ => Err(wrong()),
    };
    let (exact, ideal) = exact_and_ideal(value, bare_is_ideal, read)?;
    Ok(Constraint::String { exact, ideal })
}
