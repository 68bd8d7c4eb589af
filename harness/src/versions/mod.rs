//! Other versions of the browsers, beside those of the system: `chrome@150`, `firefox@oldest`.
//!
//! `peerproof setup --peers chrome@150` downloads the packages of that version from Debian's archive, by apt, and unpacks them in Peerproof's
//! data directory. Nothing of the system changes but that libraries are installed that it lacks. A version that is unpacked is a peer by its
//! name; of several that begin so the newest one plays.

pub(crate) mod apt;
pub mod debian;

pub use debian::OLDEST;

use crate::peers::browser::{Build, Kind};
use crate::peers::implementation::{Browser, Implementation};
use crate::peers::name::is_name;
use crate::tools::{data_dir, is_program};
use apt::Apt;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file that shows that a version is complete.
pub(crate) const STAMP: &str = "installed";

/// How such names are written, for messages.
pub const FORM: &str = "chrome@VERSION, firefox@VERSION (or @oldest)";

/// A browser in another version, as its name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The whole name.
    pub name: String,
    /// Which browser.
    pub kind: Kind,
    /// How its version begins, or [`OLDEST`].
    pub version: String,
}

impl Wanted {
    /// What a name means, if it is one of a browser in another version.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let (kind, version) = name.split_once('@').filter(|_| is_name(name))?;
        let number = version.starts_with(|c: char| c.is_ascii_digit());
        let kind = Kind::named(kind).filter(|_| number || version == OLDEST)?;
        Some(Self { name: name.to_owned(), kind, version: version.to_owned() })
    }

    /// The version that it means among those that are unpacked.
    #[must_use]
    pub fn installed(&self) -> Option<Installed> {
        self.installed_in(&data_dir()?)
    }

    pub(crate) fn installed_in(&self, data: &Path) -> Option<Installed> {
        let all = installed_in(data, self.kind);
        let version = debian::meant(&self.version, all.iter().map(|one| one.version.as_str()))?.to_owned();
        all.into_iter().find(|one| one.version == version)
    }

    /// Why it cannot be started, if it cannot.
    #[must_use]
    pub fn missing(&self) -> Option<String> {
        match self.installed() {
            Some(installed) => installed.build().missing(),
            None => Some(self.absent()),
        }
    }

    fn absent(&self) -> String {
        let Self { name, .. } = self;
        format!("{name} is not installed (`peerproof setup --peers {name}` installs it, if Debian has it)")
    }

    /// The implementation, whether or not it is there. [`OLDEST`] becomes the name of the version that it is.
    #[must_use]
    pub fn implementation(&self) -> Arc<dyn Implementation> {
        match self.installed() {
            Some(found) if self.version == OLDEST => Arc::new(Browser::new(found.name(), found.build())),
            Some(found) => Arc::new(Browser::new(&self.name, found.build())),
            None => Arc::new(Browser::absent(&self.name, self.kind, self.absent())),
        }
    }
}

/// A version that is unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Which browser.
    pub kind: Kind,
    /// The version of its packages.
    pub version: String,
    /// The folder that stands for the root of the file system.
    home: PathBuf,
    /// The shortest name that means it among those that are there.
    name: String,
}

impl Installed {
    /// The shortest name that means it among those that are there.
    #[must_use]
    pub fn name(&self) -> String {
        self.name.clone()
    }

    /// Its programs.
    #[must_use]
    pub fn build(&self) -> Build {
        build(self.kind, &self.home)
    }
}

/// The programs of a version. Debian's `/usr/bin/chromium` is a script that starts what is at an absolute path; geckodriver is for all
/// versions.
pub(crate) fn build(kind: Kind, home: &Path) -> Build {
    let (browser, driver) = match kind {
        Kind::Chrome => ("usr/lib/chromium/chromium", Some("usr/bin/chromedriver")),
        Kind::Firefox => ("usr/lib/firefox-esr/firefox-esr", None),
    };
    Build { kind, browser: Some(home.join(browser)), driver: driver.map(|it| home.join(it)), remote: None }
}

/// Where the versions of a browser are.
pub(crate) fn folder(data: &Path, kind: Kind) -> PathBuf {
    data.join("browsers").join(kind.name())
}

/// The versions of a browser that are unpacked, the newest first.
pub(crate) fn installed_in(data: &Path, kind: Kind) -> Vec<Installed> {
    let Ok(folders) = std::fs::read_dir(folder(data, kind)) else { return Vec::new() };
    let mut found: Vec<(String, PathBuf)> = folders
        .filter_map(Result::ok)
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
        .filter(|(version, home)| debian::is_version(version) && home.join(STAMP).is_file())
        .collect();
    // Folders come in no order.
    found.sort();
    found.sort_by(|(one, _), (other, _)| debian::older_first(other, one));
    let versions: Vec<String> = found.iter().map(|(version, _)| version.clone()).collect();
    let among = || versions.iter().map(String::as_str);
    found
        .into_iter()
        .map(|(version, home)| Installed { kind, name: debian::name(kind, &version, among()), version, home })
        .collect()
}

/// A version of a browser beside the one of the system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Beside {
    /// By what name it plays.
    pub name: String,
    /// The browser's version.
    pub version: String,
    /// Its executable; none of a version that is available and not installed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<PathBuf>,
}

/// The versions that are installed, and then those that apt knows. What apt does not know is left out.
#[must_use]
pub fn survey() -> Vec<Beside> {
    let data = data_dir();
    let apt = Apt::of_this_system();
    let mut all = Vec::new();
    for kind in [Kind::Chrome, Kind::Firefox] {
        let installed = data.as_deref().map(|data| installed_in(data, kind)).unwrap_or_default();
        let offered = apt.as_ref().and_then(|apt| apt.offered(kind).ok()).unwrap_or_default();
        let beside = |name: String, version: &str, place: Option<PathBuf>| Beside {
            name,
            version: debian::upstream(version).to_owned(),
            place,
        };
        all.extend(installed.iter().map(|one| beside(one.name(), &one.version, one.build().browser)));
        let new = offered
            .iter()
            .filter(|version| installed.iter().all(|one| debian::older_first(&one.version, version).is_ne()));
        let among = || offered.iter().map(String::as_str);
        all.extend(new.map(|version| beside(debian::name(kind, version, among()), version, None)));
    }
    // Program files that were removed are no peers.
    all.retain(|one| one.place.as_deref().is_none_or(is_program));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_browsers_with_a_version() {
        for good in ["chrome@150", "firefox@140.12", "chrome@oldest", "firefox@oldest"] {
            assert!(Wanted::parse(good).is_some(), "{good}");
        }
        for bad in [
            "chrome",
            "chrome@",
            "chrome@new",
            "stack@0.1",
            "aiortc@1",
            "chrome@../150",
            "chrome@1-2",
            "@150",
        ] {
            assert!(Wanted::parse(bad).is_none(), "{bad}");
        }
    }

    fn put(data: &Path, kind: Kind, version: &str, whole: bool) {
        let home = folder(data, kind).join(version);
        std::fs::create_dir_all(&home).unwrap();
        if whole {
            std::fs::write(home.join(STAMP), "").unwrap();
        }
    }

    #[test]
    fn what_is_unpacked_is_found_by_every_name_that_means_it() {
        let data = tempfile::tempdir().unwrap();
        for (version, whole) in [
            ("150.0.7-1", true),
            ("150.0.10-1", true),
            ("149.0-1", true),
            ("148.0-1", false),
            (".hidden", true),
        ] {
            put(data.path(), Kind::Chrome, version, whole);
        }
        put(data.path(), Kind::Firefox, "140.12.0esr-1", true);
        let found = |name: &str| {
            Wanted::parse(name).unwrap().installed_in(data.path()).map(|it| (it.version, it.name))
        };
        let pair = |version: &str, name: &str| Some((version.to_owned(), name.to_owned()));
        assert_eq!(found("chrome@150"), pair("150.0.10-1", "chrome@150"));
        assert_eq!(found("chrome@150.0.7"), pair("150.0.7-1", "chrome@150.0.7"));
        assert_eq!(found("chrome@oldest"), pair("149.0-1", "chrome@149"));
        assert_eq!(found("chrome@148"), None);
        assert_eq!(found("chrome@15"), None);
        assert_eq!(found("firefox@140.12"), pair("140.12.0esr-1", "firefox@140"));
        assert_eq!(found("firefox@150"), None);
    }

    #[test]
    fn one_that_is_not_there_is_known_with_the_way_to_get_it() {
        let wanted = Wanted::parse("chrome@1.2.3").unwrap();
        let it = wanted.implementation();
        assert_eq!((it.name(), it.is()), ("chrome@1.2.3", "chrome"));
        assert!(it.missing().unwrap().contains("setup --peers chrome@1.2.3"));
    }

    #[test]
    fn the_programs_are_those_of_the_folder() {
        let build = build(Kind::Chrome, Path::new("/d"));
        assert_eq!(build.browser.as_deref(), Some(Path::new("/d/usr/lib/chromium/chromium")));
        assert_eq!(build.driver.as_deref(), Some(Path::new("/d/usr/bin/chromedriver")));
        assert_eq!(super::build(Kind::Firefox, Path::new("/d")).driver, None);
    }
}
