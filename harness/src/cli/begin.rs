//! `peerproof init` and `peerproof new`: files to begin with.

use super::{USAGE, complain, say};
use crate::config;
use crate::scenario::load;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What `peerproof new` writes.
const SCENARIO: &str = include_str!("scenario.yaml");

/// Writes a commented `peerproof.toml`.
pub(crate) fn init(to: Option<&Path>) -> u8 {
    let path = to.unwrap_or(Path::new(config::FILE));
    match write(path, config::EXAMPLE) {
        Ok(()) => {
            say(format_args!(
                "wrote {}; everything in it is commented out: uncomment what you need",
                path.display()
            ));
            0
        }
        Err(trouble) => {
            complain(trouble);
            USAGE
        }
    }
}

/// Writes a commented scenario `family/name.yaml` into a folder.
pub(crate) fn scenario(name: &str, folder: Option<&Path>) -> u8 {
    let word = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    let valid = name.split_once('/').is_some_and(|(family, scenario)| word(family) && word(scenario));
    if !valid || name.starts_with(&format!("{}/", load::CONTROLS)) {
        complain(format_args!(
            "`{name}`: write family/name in small letters, digits and `-`, such as data/my-first"
        ));
        return USAGE;
    }
    let default = Path::new(super::play::FOLDER);
    let folder = folder.unwrap_or(default);
    let path: PathBuf = folder.join(format!("{name}.yaml"));
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    let written = made.map_err(|error| format!("{}: {error}", path.display()));
    match written.and_then(|()| write(&path, SCENARIO)) {
        Ok(()) => {
            let from = match folder == default {
                true => String::new(),
                false => format!(" --scenarios {}", folder.display()),
            };
            say(format_args!("wrote {}; `peerproof run{from} {name}/` plays it", path.display()));
            0
        }
        Err(trouble) => {
            complain(trouble);
            USAGE
        }
    }
}

/// Writes a file that is not there yet.
fn write(path: &Path, text: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => format!("{} exists already", path.display()),
        _ => format!("{}: {error}", path.display()),
    };
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(scenario("data/mine", Some(folder.path())), 0);
        let path = folder.path().join("data/mine.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        let file = load::scenario(&path, "data/mine", &text).unwrap();
        assert_eq!(file.scenario.peers.len(), 2);
        // Nothing is written over.
        assert_eq!(scenario("data/mine", Some(folder.path())), USAGE);
        let toml = folder.path().join("peerproof.toml");
        assert_eq!(init(Some(&toml)), 0);
        assert_eq!(init(Some(&toml)), USAGE);
        assert!(config::Configuration::load(Some(&toml), &[], &[], &[]).is_ok());
    }

    #[test]
    fn names_stay_in_their_folder() {
        let folder = tempfile::tempdir().unwrap();
        for bad in ["mine", "../data/x", "data/../x", "data/X", "controls/x", "data/", "/x", "a/b/c"] {
            assert_eq!(scenario(bad, Some(folder.path())), USAGE, "{bad}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
