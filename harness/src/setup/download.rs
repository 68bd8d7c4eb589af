//! Getting a version: what is downloaded, what the system lacks for it, and the steps.

use super::{Lane, SetupError, Step};
use crate::peers::browser::{Build, Kind};
use crate::tools::{data_dir, is_program};
use crate::versions::apt::{Apt, exactly};
use crate::versions::debian::{self, File};
use crate::versions::{Installed, STAMP, Wanted, build, folder, installed_in};
use std::io;
use std::path::{Path, PathBuf};

/// A version that is to be downloaded and unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// The name by which it was asked for.
    pub name: String,
    /// Which browser.
    pub kind: Kind,
    /// The version of its packages.
    pub version: String,
    /// The files of its packages.
    pub files: Vec<File>,
    /// Packages of Debian that it needs and the system lacks.
    pub needs: Vec<String>,
    /// The folder into which it is unpacked.
    pub home: PathBuf,
    /// Where `apt-get` is.
    pub apt_get: PathBuf,
    /// Where `dpkg-deb` is.
    pub dpkg_deb: PathBuf,
}

impl Download {
    /// What has to be downloaded for a name; nothing if it is there.
    ///
    /// # Errors
    /// No such version is available, or the dependencies are unknown.
    pub fn of(wanted: &Wanted) -> Result<Option<Self>, SetupError> {
        let name = || wanted.name.clone();
        let data = data_dir().ok_or(SetupError::NoHome)?;
        let unpacked = installed_in(&data, wanted.kind);
        let apt = Apt::of_this_system();
        let offered = match &apt {
            Some(apt) => apt.offered(wanted.kind),
            None => Err("this system has no apt (apt-cache, apt-get, dpkg-deb)".to_owned()),
        };
        let versions = offered.clone().unwrap_or_default();
        let Some((apt, version)) =
            apt.zip(debian::meant(&wanted.version, versions.iter().map(String::as_str)).map(str::to_owned))
        else {
            // The archive moves on; what is unpacked stays.
            return match wanted.installed_in(&data) {
                Some(_) => Ok(None),
                None => Err(SetupError::NoVersion { name: name(), had: to_be_had(wanted.kind, offered) }),
            };
        };
        let is_there = |one: &Installed| {
            let runs = one.build().browser.is_some_and(|program| is_program(&program));
            runs && debian::older_first(&one.version, &version).is_eq()
        };
        if unpacked.iter().any(is_there) {
            return Ok(None);
        }
        let unclear = |cause| SetupError::Version { name: name(), cause };
        Ok(Some(Self {
            name: name(),
            kind: wanted.kind,
            files: apt.files(wanted.kind, &version).map_err(unclear)?,
            needs: apt.needs(wanted.kind, &version).map_err(unclear)?,
            home: folder(&data, wanted.kind).join(&version),
            version,
            apt_get: apt.get,
            dpkg_deb: apt.deb,
        }))
    }

    /// Its programs.
    #[must_use]
    pub fn build(&self) -> Build {
        build(self.kind, &self.home)
    }

    /// The browser's version.
    #[must_use]
    pub fn upstream(&self) -> &str {
        debian::upstream(&self.version)
    }

    /// Where its packages are until they are unpacked.
    fn packages(&self) -> PathBuf {
        self.home.join("packages")
    }

    /// Downloading and unpacking. apt verifies by its signed lists what it downloads, and any user may.
    pub fn steps(&self) -> impl Iterator<Item = Step> + '_ {
        let what = format!("{} {}", self.kind.name(), self.upstream());
        let bytes: u64 = self.files.iter().map(|file| file.size).fold(0, u64::saturating_add);
        let shown = |path: &Path| path.display().to_string();
        let mut args = vec![format!("--chdir={}", shown(&self.packages())), shown(&self.apt_get)];
        args.push("download".to_owned());
        args.extend(exactly(self.kind, &self.version));
        let step = move |title: String, program: PathBuf, args: Vec<String>| Step {
            title,
            lane: Lane::Peers,
            program,
            args,
            env: Vec::new(),
        };
        let download = step(
            format!(
                "Download {what} ({} MB), leaving the system's packages unchanged",
                bytes.div_ceil(1_000_000)
            ),
            PathBuf::from("/usr/bin/env"),
            args,
        );
        let unpack = self.files.iter().map(move |file| {
            let args = vec!["-x".to_owned(), shown(&self.packages().join(&file.name)), shown(&self.home)];
            step(format!("Unpack {}", file.name), self.dpkg_deb.clone(), args)
        });
        std::iter::once(download).chain(unpack)
    }

    /// Makes its folder, empty: what a broken attempt left is no part of it.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub fn prepare(&self) -> io::Result<()> {
        match std::fs::remove_dir_all(&self.home) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::fs::create_dir_all(self.packages())
    }

    /// Notes that it is there, and removes its packages.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub fn mark_installed(&self) -> io::Result<()> {
        std::fs::remove_dir_all(self.packages())?;
        std::fs::write(self.home.join(STAMP), format!("{}\n", self.version))
    }
}

/// Which versions are available, in words.
fn to_be_had(kind: Kind, offered: Result<Vec<String>, String>) -> String {
    match offered {
        Err(cause) => cause,
        Ok(versions) if versions.is_empty() => {
            format!("apt has no {} (`apt-get update` refreshes its lists)", debian::packages(kind).join(", "))
        }
        Ok(versions) => {
            let among = || versions.iter().map(String::as_str);
            let each =
                among().map(|it| format!("{} ({})", debian::name(kind, it, among()), debian::upstream(it)));
            format!("available: {}", each.collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chrome(home: &Path) -> Download {
        let file = |name: &str| File { name: format!("{name}_150.0.7-1_amd64.deb"), size: 40_000_001 };
        Download {
            name: "chrome@150".into(),
            kind: Kind::Chrome,
            version: "150.0.7-1".into(),
            files: vec![file("chromium"), file("chromium-driver")],
            needs: vec!["libnew1".into()],
            home: home.to_owned(),
            apt_get: "/usr/bin/apt-get".into(),
            dpkg_deb: "/usr/bin/dpkg-deb".into(),
        }
    }

    #[test]
    fn it_is_downloaded_and_unpacked_in_its_own_folder() {
        let steps: Vec<Step> = chrome(Path::new("/d/150.0.7-1")).steps().collect();
        let lines: Vec<String> = steps.iter().map(Step::command_line).collect();
        assert_eq!(
            lines,
            [
                "/usr/bin/env --chdir=/d/150.0.7-1/packages /usr/bin/apt-get download chromium=150.0.7-1 \
                 chromium-common=150.0.7-1 chromium-driver=150.0.7-1",
                "/usr/bin/dpkg-deb -x /d/150.0.7-1/packages/chromium_150.0.7-1_amd64.deb /d/150.0.7-1",
                "/usr/bin/dpkg-deb -x /d/150.0.7-1/packages/chromium-driver_150.0.7-1_amd64.deb /d/150.0.7-1",
            ]
        );
        assert_eq!(
            steps[0].title,
            "Download chrome 150.0.7 (81 MB), leaving the system's packages unchanged"
        );
        // They need what packages bring, and may be given up.
        assert!(steps.iter().all(|step| step.lane == Lane::Peers));
    }

    #[test]
    fn a_broken_attempt_leaves_nothing_in_the_next_one() {
        let data = tempfile::tempdir().unwrap();
        let download = chrome(&data.path().join("150.0.7-1"));
        download.prepare().unwrap();
        std::fs::write(download.packages().join("half.deb"), "").unwrap();
        std::fs::write(download.home.join("half"), "").unwrap();
        download.prepare().unwrap();
        assert!(download.packages().is_dir() && !download.home.join("half").exists());
        assert_eq!(std::fs::read_dir(download.packages()).unwrap().count(), 0);
        download.mark_installed().unwrap();
        assert!(download.home.join(STAMP).is_file() && !download.packages().exists());
    }

    #[test]
    fn an_unknown_version_is_answered_with_those_that_there_are() {
        let versions = ["156.0.2-1", "150.0.7-1"].map(str::to_owned).to_vec();
        assert_eq!(
            to_be_had(Kind::Chrome, Ok(versions)),
            "available: chrome@156 (156.0.2), chrome@150 (150.0.7)"
        );
        assert!(to_be_had(Kind::Firefox, Ok(vec![])).contains("apt-get update"));
        assert_eq!(to_be_had(Kind::Firefox, Err("no apt".into())), "no apt");
    }
}
