//! Programs of others that the harness uses, and where they are found.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A program that the harness can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tool {
    /// Chromium or Chrome.
    Chrome,
    /// Its WebDriver.
    Chromedriver,
    /// Firefox.
    Firefox,
    /// Its WebDriver.
    Geckodriver,
    /// Wireshark's command line, the second reader of recordings.
    Tshark,
    /// coturn, an independent STUN and TURN server.
    Turnserver,
    /// The command line of the kernel's packet filter.
    Nft,
    /// iproute2's command line.
    Ip,
}

impl Tool {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Chrome,
        Self::Chromedriver,
        Self::Firefox,
        Self::Geckodriver,
        Self::Tshark,
        Self::Turnserver,
        Self::Nft,
        Self::Ip,
    ];

    /// The name that messages use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chrome => "chrome",
            Self::Chromedriver => "chromedriver",
            Self::Firefox => "firefox",
            Self::Geckodriver => "geckodriver",
            Self::Tshark => "tshark",
            Self::Turnserver => "turnserver",
            Self::Nft => "nft",
            Self::Ip => "ip",
        }
    }

    /// The environment variable that names it.
    #[must_use]
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Chrome => "PEERPROOF_CHROME",
            Self::Chromedriver => "PEERPROOF_CHROMEDRIVER",
            Self::Firefox => "PEERPROOF_FIREFOX",
            Self::Geckodriver => "PEERPROOF_GECKODRIVER",
            Self::Tshark => "PEERPROOF_TSHARK",
            Self::Turnserver => "PEERPROOF_TURNSERVER",
            Self::Nft => "PEERPROOF_NFT",
            Self::Ip => "PEERPROOF_IP",
        }
    }

    /// Its names as a file, the most wanted first.
    const fn files(self) -> &'static [&'static str] {
        match self {
            Self::Chrome => {
                &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
            }
            Self::Chromedriver => &["chromedriver"],
            Self::Firefox => &["firefox", "firefox-esr"],
            Self::Geckodriver => &["geckodriver"],
            Self::Tshark => &["tshark"],
            Self::Turnserver => &["turnserver"],
            Self::Nft => &["nft"],
            Self::Ip => &["ip"],
        }
    }

    /// Folders that an ordinary user's `PATH` may lack although the program is for users too.
    const fn beyond_path(self) -> &'static [&'static str] {
        match self {
            Self::Nft | Self::Ip => &["/usr/sbin", "/sbin"],
            _ => &[],
        }
    }

    /// Where it is: as its environment variable says, else in `PATH`, else where `setup` puts programs, else among the system's.
    #[must_use]
    pub fn find(self) -> Option<PathBuf> {
        self.find_in(std::env::var_os(self.variable()), std::env::var_os("PATH"), data_dir())
    }

    /// Why its environment variable is of no use, if it is set and names no program.
    #[must_use]
    pub fn misnamed(self) -> Option<String> {
        let named = std::env::var_os(self.variable()).filter(|named| !named.is_empty())?;
        let named = Path::new(&named);
        (!is_program(named)).then(|| format!("{} names {}", self.variable(), not_a_program(named)))
    }

    /// Why this machine lacks it, if it does.
    #[must_use]
    pub fn absent(self) -> Option<String> {
        if self.find().is_some() {
            return None;
        }
        let not_installed = || format!("{} is not installed (`peerproof setup` installs it)", self.name());
        Some(self.misnamed().unwrap_or_else(not_installed))
    }

    fn find_in(
        self,
        named: Option<OsString>,
        path: Option<OsString>,
        data: Option<PathBuf>,
    ) -> Option<PathBuf> {
        if let Some(named) = named.filter(|named| !named.is_empty()) {
            // What is named is meant: no falling back on another one.
            return Some(PathBuf::from(named)).filter(|file| is_program(file));
        }
        let mut folders: Vec<PathBuf> =
            path.as_ref().map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
        folders.extend(data.map(|data| data.join("bin")));
        folders.extend(self.beyond_path().iter().map(PathBuf::from));
        let candidates =
            self.files().iter().flat_map(|file| folders.iter().map(move |folder| folder.join(file)));
        candidates.into_iter().find(|file| is_program(file))
    }
}

/// Peerproof's own data directory (`~/.local/share/peerproof`).
#[must_use]
pub fn data_dir() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share")))?;
    Some(base.join("peerproof"))
}

/// The program of that name in `PATH`, if there is one.
pub(crate) fn in_path(program: &Path) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| is_program(file))
}

/// Whether a file can be executed.
pub(crate) fn is_program(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// A file that is no program, and why.
pub(crate) fn not_a_program(file: &Path) -> String {
    match std::fs::metadata(file) {
        Err(_) => format!("{}, which does not exist", file.display()),
        Ok(meta) if meta.is_file() => format!("{}, which is not executable", file.display()),
        Ok(_) => format!("{}, which is not a file", file.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_program_is_named_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        let why = |path: &Path| {
            let said = not_a_program(path);
            said.strip_prefix(&*path.display().to_string()).map(str::to_owned).unwrap()
        };
        assert_eq!(why(&file), ", which does not exist");
        std::fs::write(&file, "").unwrap();
        assert_eq!(why(&file), ", which is not executable");
        assert_eq!(why(folder.path()), ", which is not a file");
    }

    fn program(folder: &Path, name: &str) -> PathBuf {
        std::fs::create_dir_all(folder).unwrap();
        let file = folder.join(name);
        std::fs::write(&file, "").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        file
    }

    #[test]
    fn the_variable_goes_before_the_path_and_the_path_before_the_data_directory() {
        let dir = tempfile::tempdir().unwrap();
        let named = program(&dir.path().join("named"), "anything");
        let in_path = program(&dir.path().join("path"), "geckodriver");
        let in_data = program(&dir.path().join("data/bin"), "geckodriver");
        let path = Some(dir.path().join("path").into_os_string());
        let data = Some(dir.path().join("data"));
        let find = |named: Option<&PathBuf>, path, data| {
            Tool::Geckodriver.find_in(named.map(Into::into), path, data)
        };
        assert_eq!(find(Some(&named), path.clone(), data.clone()), Some(named));
        assert_eq!(find(None, path, data.clone()), Some(in_path));
        assert_eq!(find(None, None, data), Some(in_data));
        assert_eq!(find(None, None, None), None);
    }

    #[test]
    fn a_named_program_that_is_not_there_is_not_replaced_by_another() {
        let dir = tempfile::tempdir().unwrap();
        program(dir.path(), "geckodriver");
        let path = Some(dir.path().as_os_str().to_owned());
        assert_eq!(Tool::Geckodriver.find_in(Some(dir.path().join("gone").into()), path, None), None);
    }

    #[test]
    fn a_file_that_cannot_be_run_is_no_program() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("tshark"), "").unwrap();
        assert_eq!(Tool::Tshark.find_in(None, Some(dir.path().as_os_str().to_owned()), None), None);
    }
}
