//! Keys of implementations on the command line: `--set NAME:KEY=VALUE`.

use crate::peers::program::ProgramSpec;
use toml::{Table, Value};

const FORM: &str = "write NAME:KEY=VALUE, such as mystack:cases=5 or mystack:env.DEBUG=1";

/// The text of a configuration with these keys of implementations set, which replace those of the text. A value is one of TOML, or else a text.
///
/// # Errors
/// What is wrong with the first that is no `NAME:KEY=VALUE`, or does not fit what is there.
pub(super) fn with(text: &str, sets: &[String]) -> Result<String, String> {
    // The text was read before: it is TOML.
    let mut file: Table = toml::from_str(text).unwrap_or_default();
    for set in sets {
        let (name, key, value) = parts(set).ok_or_else(|| format!("`{set}`: {FORM}"))?;
        let mut table = &mut file;
        let mut keys: Vec<&str> = ["implementations", name].into_iter().chain(key.split('.')).collect();
        let last = keys.pop().unwrap_or_default();
        for key in keys {
            let inner = table.entry(key).or_insert_with(|| Value::Table(Table::new()));
            table = inner.as_table_mut().ok_or_else(|| format!("`{set}`: `{key}` has no keys"))?;
        }
        table.insert(last.to_owned(), value);
    }
    toml::to_string(&file).map_err(|error| error.to_string())
}

/// The command of a program, as what sets it.
pub(super) fn of_program(spec: &ProgramSpec) -> String {
    let program = spec.program.display().to_string();
    let words = std::iter::once(program).chain(spec.args.iter().cloned()).map(Value::String).collect();
    format!("{}:program={}", spec.name, Value::Array(words))
}

fn parts(set: &str) -> Option<(&str, &str, Value)> {
    let (path, value) = set.split_once('=')?;
    let (name, key) = path.split_once(':')?;
    if name.is_empty() || key.split('.').any(str::is_empty) {
        return None;
    }
    let read = toml::from_str::<Table>(&format!("value = {value}")).ok();
    let read = read.filter(|table| table.len() == 1).and_then(|mut table| table.remove("value"));
    // Variables of the environment are texts.
    let read = read.filter(|read| !key.starts_with("env.") || read.is_str());
    Some((name, key, read.unwrap_or_else(|| Value::String(value.to_owned()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_of_toml_or_a_text() {
        let sets = [
            "a:cases=5",
            "a:env.DEBUG=\"1\"",
            "a:env.LEVEL=2",
            "a:directory=../x y",
            "b@1.5:program=[\"p\", \"q\"]",
            "a:keylog=true",
        ];
        let text =
            with("[implementations.a]\ncases = 1\nprogram = ['x']\n", &sets.map(str::to_owned)).unwrap();
        let file: Table = toml::from_str(&text).unwrap();
        let implementations = file["implementations"].as_table().unwrap();
        let a = implementations["a"].as_table().unwrap();
        assert_eq!(a["cases"].as_integer(), Some(5));
        assert_eq!((a["env"]["DEBUG"].as_str(), a["env"]["LEVEL"].as_str()), (Some("1"), Some("2")));
        assert_eq!((a["directory"].as_str(), a["keylog"].as_bool()), (Some("../x y"), Some(true)));
        assert_eq!(a["program"].as_array().unwrap().len(), 1, "what is not set stays");
        assert_eq!(implementations["b@1.5"]["program"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn what_names_no_key_is_refused() {
        for wrong in ["a", "a=1", "a:=1", ":b=1", "a:b..c=1", "a:b"] {
            assert!(with("", &[wrong.to_owned()]).unwrap_err().contains("NAME:KEY=VALUE"), "{wrong}");
        }
        let twice = ["a:cases=1".to_owned(), "a:cases.b=1".to_owned()];
        assert!(with("", &twice).unwrap_err().contains("`cases` has no keys"));
    }
}
