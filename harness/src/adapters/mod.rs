//! The adapters that the program brings along: other implementations as peers, installed by `peerproof setup --peers NAME`.
//!
//! Each is a folder of `harness/adapters` with an `adapter.toml`. Its files are unpacked into Peerproof's data directory, where what it needs
//! is installed too.

pub mod check;
mod manifest;

pub use manifest::{Install, Manifest};

use crate::embedded::ADAPTERS;
use crate::peers::implementation::{Implementation, Program};
use crate::peers::program::ProgramSpec;
use crate::tools::{data_dir, in_path};
use include_dir::{Dir, File};
use sha2::{Digest, Sha256};
use std::env::consts::ARCH;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file that describes an adapter.
const MANIFEST: &str = "adapter.toml";
/// The file of known deviations.
const EXPECTED: &str = "expected.toml";
/// The file that records for which files of an adapter it was installed.
const STAMP: &str = "installed";

/// The names of all of them.
pub fn names() -> impl Iterator<Item = &'static str> {
    ADAPTERS.dirs().filter(|folder| manifest_of(folder).is_some()).filter_map(name_of)
}

/// The adapter of that name.
#[must_use]
pub fn find(name: &str) -> Option<Adapter> {
    let folder = ADAPTERS.dirs().find(|folder| name_of(folder) == Some(name))?;
    let manifest = Manifest::parse(manifest_of(folder)?).ok()?;
    Some(Adapter { name: name.to_owned(), manifest, data: data_dir()? })
}

/// The implementation of that name, whether or not it is installed.
#[must_use]
pub fn implementation(name: &str) -> Option<Arc<dyn Implementation>> {
    let adapter = find(name)?;
    let mut command = adapter.manifest.program.iter().map(|word| adapter.fill(word));
    // The manifest was checked: there is a first word.
    let program = PathBuf::from(command.next()?);
    let spec = ProgramSpec {
        name: name.to_owned(),
        is: name.to_owned(),
        args: command.collect(),
        program,
        directory: None,
        env: Vec::new(),
        cases: adapter.manifest.cases,
        exposes_keys: adapter.manifest.keylog,
        missing: adapter.missing(),
    };
    Some(Arc::new(Program::new(spec)))
}

/// The known deviations of an adapter's implementation, as the text of a file.
#[must_use]
pub fn expected(name: &str) -> Option<&'static str> {
    ADAPTERS.get_file(Path::new(name).join(EXPECTED))?.contents_utf8()
}

fn name_of(folder: &Dir<'static>) -> Option<&'static str> {
    folder.path().file_name()?.to_str()
}

fn manifest_of(folder: &Dir<'static>) -> Option<&'static str> {
    folder.get_file(folder.path().join(MANIFEST))?.contents_utf8()
}

/// An adapter and where it is on this machine.
#[derive(Debug, Clone)]
pub struct Adapter {
    /// Its name.
    pub name: String,
    /// Its `adapter.toml`.
    pub manifest: Manifest,
    data: PathBuf,
}

impl Adapter {
    /// Where the files of all adapters are unpacked.
    fn sources(&self) -> PathBuf {
        self.data.join("peers/source")
    }

    /// Its own files.
    fn source(&self) -> PathBuf {
        self.sources().join(&self.name)
    }

    /// What is installed for it.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.data.join("peers").join(&self.name)
    }

    /// Puts its folders into a word of a command.
    #[must_use]
    pub fn fill(&self, word: &str) -> String {
        let [source, home] = [self.source(), self.home()].map(|path| path.display().to_string());
        word.replace("{source}", &source).replace("{home}", &home)
    }

    /// The packages of Debian that it needs and that may not be there.
    pub fn packages(&self) -> impl Iterator<Item = &str> {
        let install = &self.manifest.install;
        let absent = install.programs.iter().filter(|(program, _)| in_path(Path::new(program)).is_none());
        install.debian.iter().chain(absent.map(|(_, package)| package)).map(String::as_str)
    }

    /// Why it cannot be installed on a machine with this processor (by the names of [`std::env::consts::ARCH`]), if it cannot.
    #[must_use]
    pub fn impossible(&self, processor: &str) -> Option<String> {
        let known = self.manifest.install.processors_instead_of(processor)?;
        Some(format!("{} can be installed on {known} only, and this machine is {processor}", self.name))
    }

    /// Why it cannot be started, if it cannot.
    #[must_use]
    pub fn missing(&self) -> Option<String> {
        if let Some(reason) = self.impossible(ARCH) {
            return Some(reason);
        }
        let help = format!("`peerproof setup --peers {}` installs it", self.name);
        match std::fs::read_to_string(self.home().join(STAMP)) {
            Ok(stamp) if stamp.trim() == self.stamp() => None,
            Ok(_) => Some(format!("{} was installed for another version of its adapter ({help})", self.name)),
            Err(_) => Some(format!("{} is not installed ({help})", self.name)),
        }
    }

    /// Unpacks its files and those that adapters share.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub fn unpack(&self) -> io::Result<()> {
        let sources = self.sources();
        for folder in self.folders() {
            let to = sources.join(folder.path());
            // What an older version had and this one has not must not be found.
            match std::fs::remove_dir_all(&to) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => std::fs::create_dir_all(&to)?,
            }
            folder.extract(&sources)?;
        }
        std::fs::create_dir_all(self.home())
    }

    /// Notes that it is installed.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub fn mark_installed(&self) -> io::Result<()> {
        std::fs::write(self.home().join(STAMP), self.stamp() + "\n")
    }

    /// Its folder and, for those that share code, the folder of that.
    fn folders(&self) -> impl Iterator<Item = &'static Dir<'static>> {
        let shared = self.manifest.uses.clone();
        let name = self.name.clone();
        ADAPTERS.dirs().filter(move |folder| {
            name_of(folder).is_some_and(|own| own == name || shared.iter().any(|other| other == own))
        })
    }

    /// What changes whenever one of its files does.
    fn stamp(&self) -> String {
        let mut hash = Sha256::new();
        for folder in self.folders() {
            add(folder, &mut hash);
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn add(folder: &Dir<'static>, hash: &mut Sha256) {
    // What is known of an implementation changes nothing in what is installed.
    let installed = |file: &&File<'_>| file.path().file_name().is_none_or(|name| name != EXPECTED);
    for file in folder.files().filter(installed) {
        hash.update(file.path().as_os_str().as_encoded_bytes());
        hash.update((file.contents().len() as u64).to_be_bytes());
        hash.update(file.contents());
    }
    folder.dirs().for_each(|inner| add(inner, hash));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expected::gather;

    #[test]
    fn every_manifest_makes_sense() {
        let all: Vec<&str> = names().collect();
        assert!(!all.is_empty());
        for name in all {
            let text = ADAPTERS.get_file(Path::new(name).join(MANIFEST)).unwrap().contents_utf8().unwrap();
            let manifest = Manifest::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            for other in &manifest.uses {
                assert!(ADAPTERS.get_dir(other).is_some(), "{name} uses {other}");
            }
            assert!(crate::peers::name::is_name(name), "{name}");
            assert!(implementation(name).is_some(), "{name}");
        }
    }

    #[test]
    fn every_list_of_known_deviations_is_read() {
        for name in names() {
            let known: Vec<_> = expected(name).map(|text| (name.to_owned(), text)).into_iter().collect();
            assert_eq!(known.len(), 1, "{name} has none");
            let read = gather(&[], None, &known, None).unwrap_or_else(|error| panic!("{name}: {error}"));
            // A name that no peer has would cover nothing.
            assert!(read.peers().any(|peer| peer == name), "{name}");
        }
    }

    #[test]
    fn an_adapter_says_which_processors_it_is_for() {
        let of = |name| find(name).unwrap();
        let reason = of("werift").impossible("riscv64").unwrap();
        assert_eq!(reason, "werift can be installed on aarch64 and x86_64 only, and this machine is riscv64");
        assert_eq!(of("werift").impossible("x86_64"), None);
        assert_eq!(of("aiortc").impossible("riscv64"), None);
    }

    #[test]
    fn what_is_unpacked_is_what_is_here() {
        let data = tempfile::tempdir().unwrap();
        let name = names().next().unwrap();
        let adapter = Adapter { data: data.path().to_owned(), ..find(name).unwrap() };
        assert!(adapter.missing().unwrap().contains("setup --peers"));
        adapter.unpack().unwrap();
        std::fs::write(adapter.source().join("left over"), "").unwrap();
        adapter.unpack().unwrap();
        assert!(adapter.source().join(MANIFEST).exists() && !adapter.source().join("left over").exists());
        adapter.mark_installed().unwrap();
        assert_eq!(adapter.missing(), None);
        std::fs::write(adapter.home().join(STAMP), "of another").unwrap();
        assert!(adapter.missing().unwrap().contains("another version"));
    }
}
