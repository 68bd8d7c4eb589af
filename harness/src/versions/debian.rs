//! What apt and Debian's lists say, read: available versions, files that would be downloaded, packages that are missing. Pure; all
//! text counts as hostile, since it came over a network.

use crate::peers::browser::Kind;
use crate::peers::name::is_of_version;
use std::cmp::Ordering;

/// In place of a version: the oldest one that there is.
pub const OLDEST: &str = "oldest";

/// Most bytes of a version or of a package's name.
const LONGEST: usize = 100;

/// The packages that a browser is made of, its driver among them if Debian has it.
#[must_use]
pub const fn packages(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Chrome => &["chromium", "chromium-common", "chromium-driver"],
        Kind::Firefox => &["firefox-esr"],
    }
}

/// Whether it is written as a version of a package (Debian Policy 5.6.12): `156.0.8078.108-1~deb12u1`. Such a word is a file's name, too.
#[must_use]
pub fn is_version(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".+~:-".contains(c);
    text.starts_with(|c: char| c.is_ascii_digit()) && text.len() <= LONGEST && text.chars().all(allowed)
}

/// Whether it is written as the name of a package (Debian Policy 5.6.7).
fn is_package(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+.-".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    begins && text.len() <= LONGEST && text.chars().all(allowed)
}

/// The version of the browser in that of its package: without epoch, revision and letters, `140.12.0` of `140.12.0esr-1~deb12u1`.
#[must_use]
pub fn upstream(version: &str) -> &str {
    let rest = version.split_once(':').map_or(version, |(_, rest)| rest);
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default().trim_end_matches('.')
}

/// Compares two versions of packages by the browser's version.
#[must_use]
pub fn older_first(one: &str, other: &str) -> Ordering {
    let numbers = |version: &str| -> Vec<u64> {
        upstream(version).split('.').map(|part| part.parse().unwrap_or(u64::MAX)).collect()
    };
    numbers(one).cmp(&numbers(other))
}

/// The versions of a browser that `apt-cache madison` lists for all of its packages, the newest first; of several packages of one version
/// the one that apt prefers.
#[must_use]
pub fn offered(madison: &str, kind: Kind) -> Vec<String> {
    let lines: Vec<(&str, &str)> = madison
        .lines()
        .filter_map(|line| {
            let mut columns = line.split('|').map(str::trim);
            let (package, version, origin) = (columns.next()?, columns.next()?, columns.next()?);
            // Lists of sources are named too, where they are.
            (origin.ends_with(" Packages") && is_version(version)).then_some((package, version))
        })
        .collect();
    let Some((first, others)) = packages(kind).split_first() else { return Vec::new() };
    let mut found: Vec<String> = Vec::new();
    for (_, version) in lines.iter().filter(|(package, _)| package == first) {
        let whole = others.iter().all(|other| lines.contains(&(other, version)));
        if whole && found.iter().all(|known| older_first(known, version).is_ne()) {
            found.push((*version).to_owned());
        }
    }
    found.sort_by(|one, other| older_first(other, one));
    found
}

/// The version that is meant by what stands after the `@` of a name, among these: [`OLDEST`], or the newest that begins so.
#[must_use]
pub fn meant<'a>(wanted: &str, versions: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if wanted == OLDEST {
        // Of several that are equal, the first.
        return versions.reduce(|best, next| if older_first(next, best).is_lt() { next } else { best });
    }
    let agree = versions.filter(|version| is_of_version(wanted, upstream(version)));
    agree.reduce(|best, next| if older_first(next, best).is_gt() { next } else { best })
}

/// The shortest name that means this version among these: `chrome@150`, or `chrome@150.0.7871.46` where there is a newer 150.
#[must_use]
pub fn name<'a>(kind: Kind, version: &str, among: impl Iterator<Item = &'a str>) -> String {
    let whole = upstream(version);
    let major = whole.split('.').next().unwrap_or_default();
    let newest = meant(major, among).is_none_or(|newest| older_first(newest, version).is_le());
    format!("{}@{}", kind.name(), if newest { major } else { whole })
}

/// A file that is downloaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name in the folder into which it is downloaded.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
}

/// The files that `apt-get download --print-uris` announces.
///
/// # Errors
/// The line that is none of those, with what is wrong with it.
pub fn files(uris: &str) -> Result<Vec<File>, String> {
    uris.lines()
        .filter(|line| line.starts_with('\''))
        .map(|line| {
            let wrong = || format!("apt-get announces no file of a package: {}", shown(line));
            let mut words = line.split_whitespace().skip(1);
            let (name, size) = (words.next().ok_or_else(wrong)?, words.next().ok_or_else(wrong)?);
            let allowed = |c: char| c.is_ascii_alphanumeric() || ".+~-_%".contains(c);
            let sane = name.len() <= 3 * LONGEST && name.chars().all(allowed);
            let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
            if !(sane && begins && name.strip_suffix(".deb").is_some()) {
                return Err(wrong());
            }
            Ok(File { name: name.to_owned(), size: size.parse().map_err(|_| wrong())? })
        })
        .collect()
}

/// What the packages of a browser depend on, beside one another, as one line of dependencies: of what `apt-cache show` says of each in that
/// version.
///
/// # Errors
/// A dependency that is written as none may be.
pub fn dependencies(shown_by_apt: &str, kind: Kind, version: &str) -> Result<String, String> {
    let own = packages(kind);
    let mut all: Vec<&str> = Vec::new();
    for stanza in shown_by_apt.split("\n\n") {
        let field = |name: &str| {
            stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
        };
        if !field("Package").is_some_and(|name| own.contains(&name)) || field("Version") != Some(version) {
            continue;
        }
        let fields = ["Pre-Depends", "Depends"].into_iter().filter_map(field);
        for group in
            fields.flat_map(|field| field.split(',').map(str::trim)).filter(|group| !group.is_empty())
        {
            let name = |text: &str| -> String {
                text.trim().chars().take_while(|c| !" (:[<".contains(*c)).collect()
            };
            if group.split('|').any(|one| !is_package(&name(one))) || group.contains(|c: char| c.is_control())
            {
                return Err(format!("malformed dependency of {}: {}", kind.name(), shown(group)));
            }
            if !group.split('|').any(|one| own.contains(&name(one).as_str())) && !all.contains(&group) {
                all.push(group);
            }
        }
    }
    Ok(all.join(", "))
}

/// The packages that an installation would install, by what `apt-get --simulate` says.
///
/// # Errors
/// What it would remove: nothing may be.
pub fn to_install(simulated: &str) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for line in simulated.lines() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (Some("Inst"), Some(name)) => {
                // Of another architecture: `libc6:i386`.
                let bare = name.split_once(':').map_or(name, |(bare, _)| bare);
                if !is_package(bare) {
                    return Err(format!("apt-get names no package: {}", shown(name)));
                }
                names.push(name.to_owned());
            }
            (Some("Remv"), Some(name)) => {
                return Err(format!("its dependencies would remove the package {}", shown(name)));
            }
            _ => {}
        }
    }
    Ok(names)
}

/// Text of others for a message: short, and without what a terminal would obey.
pub(super) fn shown(text: &str) -> String {
    crate::terminal::clean(text).chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MADISON: &str = "\
  chromium | 156.0.8078.108-1~deb12u1 | http://a.example/debian-security bookworm-security/main amd64 Packages
  chromium | 150.0.7871.100-1~deb12u1 | http://a.example/debian bookworm/main amd64 Packages
  chromium | 140.0.1-1 | http://a.example/debian bookworm/main Sources
  chromium | 149.0.1-1 | http://a.example/debian bookworm/main amd64 Packages
chromium-common | 156.0.8078.108-1~deb12u1 | http://a.example/debian-security bookworm-security/main amd64 Packages
chromium-common | 150.0.7871.100-1~deb12u1 | http://a.example/debian bookworm/main amd64 Packages
chromium-driver | 156.0.8078.108-1~deb12u1 | http://a.example/debian-security bookworm-security/main amd64 Packages
chromium-driver | 150.0.7871.100-1~deb12u1 | http://a.example/debian bookworm/main amd64 Packages
firefox-esr | 140.12.0esr-1~deb12u1 | http://a.example/debian bookworm/main amd64 Packages
firefox-esr | 153.8.0esr-1~deb12u1 | http://a.example/debian-security bookworm-security/main amd64 Packages
firefox-esr | 153.8.0esr-1~deb13u1 | http://a.example/debian trixie/main amd64 Packages
";

    #[test]
    fn versions_are_those_of_which_all_packages_are_there() {
        assert_eq!(offered(MADISON, Kind::Chrome), ["156.0.8078.108-1~deb12u1", "150.0.7871.100-1~deb12u1"]);
        assert_eq!(offered(MADISON, Kind::Firefox), ["153.8.0esr-1~deb12u1", "140.12.0esr-1~deb12u1"]);
    }

    #[test]
    fn what_is_no_list_of_versions_offers_none() {
        let hostile = [
            "",
            "|",
            "firefox-esr | 1.0",
            "firefox-esr | ../../etc | x Packages",
            "firefox-esr | --option | x Packages",
            "firefox-esr | 1/../2 | x Packages",
            "firefox-esr | 1.0\u{1b}[31m | x Packages",
            "firefox-esr | 1 0 | x Packages",
            "\u{0}\u{0}|\u{0}|\u{0}",
        ];
        for text in hostile {
            assert!(offered(text, Kind::Firefox).is_empty(), "{text:?}");
        }
        let long = format!("firefox-esr | {} | x Packages", "1".repeat(LONGEST + 1));
        assert!(offered(&long, Kind::Firefox).is_empty());
    }

    #[test]
    fn the_browsers_version_is_that_of_the_package_without_debians_part() {
        assert_eq!(upstream("156.0.8078.108-1~deb12u1"), "156.0.8078.108");
        assert_eq!(upstream("1:140.12.0esr-1"), "140.12.0");
        assert_eq!(upstream("7.-1"), "7");
        assert_eq!(upstream(""), "");
        assert!(older_first("99.9-1", "100.0-1").is_lt());
        // Numbers that no computer holds are the greatest.
        assert!(older_first("1.2", &format!("1.{}", "9".repeat(30))).is_lt());
    }

    #[test]
    fn a_name_means_the_newest_version_that_begins_so() {
        let all = ["156.0.2-1", "150.0.9-1", "150.0.10-1", "15.0-1"];
        let meant = |wanted: &str| super::meant(wanted, all.into_iter());
        assert_eq!(meant("150"), Some("150.0.10-1"));
        assert_eq!(meant("150.0.9"), Some("150.0.9-1"));
        assert_eq!(meant("15"), Some("15.0-1"));
        assert_eq!(meant(OLDEST), Some("15.0-1"));
        assert_eq!(meant("151"), None);
        assert_eq!(super::meant(OLDEST, std::iter::empty()), None);
        let name = |version: &str| super::name(Kind::Chrome, version, all.into_iter());
        assert_eq!(name("150.0.10-1"), "chrome@150");
        assert_eq!(name("150.0.9-1"), "chrome@150.0.9");
    }

    #[test]
    fn files_stay_in_their_folder() {
        let uris = "'http://a.example/x.deb' chromium_150.0.7871.100-1~deb12u1_amd64.deb 76826468 SHA256:9eb0\nW: a warning\n";
        let name = "chromium_150.0.7871.100-1~deb12u1_amd64.deb".to_owned();
        assert_eq!(files(uris), Ok(vec![File { name, size: 76_826_468 }]));
        for bad in [
            "../x.deb 1",
            "/x.deb 1",
            "x 1",
            "-x.deb 1",
            ".deb 1",
            "x.deb many",
            "x.deb",
            "",
            "x\u{1b}.deb 1",
        ] {
            let error = files(&format!("'http://a.example/x.deb' {bad}")).unwrap_err();
            assert!(!error.contains('\u{1b}'), "{error:?}");
        }
    }

    #[test]
    fn dependencies_are_those_on_others() {
        let shown = "\
Package: chromium
Version: 150-1
Pre-Depends: dpkg (>= 1.15)
Depends: libc6 (>= 2.35), libgtk-3-0 | xdg-desktop-portal-backend, chromium-common (= 150-1)
Description: Depends: nothing

Package: chromium
Version: 156-1
Depends: libnew

Package: chromium-driver
Version: 150-1
Depends: libc6 (>= 2.35), chromium (= 150-1) | chromium-shell (= 150-1)
";
        assert_eq!(
            dependencies(shown, Kind::Chrome, "150-1").as_deref(),
            Ok("dpkg (>= 1.15), libc6 (>= 2.35), libgtk-3-0 | xdg-desktop-portal-backend")
        );
        assert_eq!(dependencies("", Kind::Chrome, "150-1").as_deref(), Ok(""));
        for bad in ["--assume-yes", "a, -x", "a | ", "a (\u{1b})", "A"] {
            let shown = format!("Package: firefox-esr\nVersion: 1\nDepends: {bad}\n");
            assert!(dependencies(&shown, Kind::Firefox, "1").is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_is_missing_is_named_and_nothing_is_removed() {
        let simulated = "NOTE: This is only a simulation!\nInst libsodium23 (1.0.18 Debian:12 [amd64])\n\
                         Inst libnew:amd64 [1] (2 Debian:12 [amd64])\nConf libsodium23 (1.0.18)\n";
        assert_eq!(to_install(simulated), Ok(vec!["libsodium23".to_owned(), "libnew:amd64".to_owned()]));
        assert_eq!(to_install("Reading package lists...\n"), Ok(vec![]));
        assert!(to_install("Remv libold [1]\n").unwrap_err().contains("remove the package libold"));
        assert!(to_install("Inst --purge\n").is_err());
    }
}
