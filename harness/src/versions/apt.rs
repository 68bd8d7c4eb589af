//! Asking apt, which changes nothing.

use super::debian::{self, shown};
use crate::peers::browser::Kind;
use crate::tools::in_path;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Most bytes that are read of what apt says.
const MOST: u64 = 1 << 20;

/// Where apt's programs are.
#[derive(Debug, Clone)]
pub(crate) struct Apt {
    /// `apt-cache`.
    cache: PathBuf,
    /// `apt-get`.
    pub(crate) get: PathBuf,
    /// `dpkg-deb`.
    pub(crate) deb: PathBuf,
}

impl Apt {
    /// Those of this system, if it has them.
    pub(crate) fn of_this_system() -> Option<Self> {
        let find = |program: &str| in_path(Path::new(program));
        Some(Self { cache: find("apt-cache")?, get: find("apt-get")?, deb: find("dpkg-deb")? })
    }

    /// The available versions of a browser, the newest first.
    pub(crate) fn offered(&self, kind: Kind) -> Result<Vec<String>, String> {
        let mut args = vec!["madison"];
        args.extend(debian::packages(kind));
        Ok(debian::offered(&ask(&self.cache, &args)?, kind))
    }

    /// The files of a browser's packages in that version.
    pub(crate) fn files(&self, kind: Kind, version: &str) -> Result<Vec<debian::File>, String> {
        let exact = exactly(kind, version);
        let mut args = vec!["download", "--print-uris"];
        args.extend(exact.iter().map(String::as_str));
        let files = debian::files(&ask(&self.get, &args)?)?;
        match files.len() == exact.len() {
            true => Ok(files),
            false => Err(format!("apt-get announces {} files for {} packages", files.len(), exact.len())),
        }
    }

    /// The packages that the system lacks for a browser in that version.
    pub(crate) fn needs(&self, kind: Kind, version: &str) -> Result<Vec<String>, String> {
        let exact = exactly(kind, version);
        let mut args = vec!["show"];
        args.extend(exact.iter().map(String::as_str));
        let dependencies = debian::dependencies(&ask(&self.cache, &args)?, kind, version)?;
        if dependencies.is_empty() {
            return Err(format!("apt-cache does not list the dependencies of {} {version}", kind.name()));
        }
        let args = ["satisfy", "--simulate", "--no-install-recommends", dependencies.as_str()];
        debian::to_install(&ask(&self.get, &args)?)
    }
}

/// The packages of a browser in one version, as apt takes them.
pub(crate) fn exactly(kind: Kind, version: &str) -> Vec<String> {
    debian::packages(kind).iter().map(|package| format!("{package}={version}")).collect()
}

/// What a program says, if it succeeds; else its command line and the end of its complaint.
fn ask(program: &Path, args: &[&str]) -> Result<String, String> {
    let output = run(program, args);
    let failed =
        |cause: &str| format!("`{} {}`: {}", program.display(), shown(&args.join(" ")), shown(cause));
    match output {
        Ok((true, said, _)) => Ok(said),
        Ok((false, _, complaint)) => Err(failed(complaint.trim_end().lines().last().unwrap_or("it failed"))),
        Err(error) => Err(failed(&error.to_string())),
    }
}

fn run(program: &Path, args: &[&str]) -> io::Result<(bool, String, String)> {
    let mut child = Command::new(program)
        .args(args)
        // Files that lie in the folder of whoever calls would count as downloaded.
        .current_dir("/")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let complaints = child.stderr.take();
    let complaints = std::thread::spawn(move || complaints.map(bounded).transpose());
    let said = child.stdout.take().map(bounded).transpose();
    // Whoever says more finds its pipe closed by now.
    let status = child.wait()?;
    let complaint = complaints.join().unwrap_or(Ok(None))?.unwrap_or_default();
    Ok((status.success(), said?.unwrap_or_default(), complaint))
}

fn bounded(reader: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    reader.take(MOST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_reported_with_its_last_output() {
        let sh = |script: &str| ask(Path::new("/bin/sh"), &["-c", script]);
        assert_eq!(sh("echo one; echo two >&2").as_deref(), Ok("one\n"));
        let output = sh("echo first >&2; printf 'E: \\033[31mlast\\n' >&2; exit 100").unwrap_err();
        assert!(output.starts_with("`/bin/sh -c ") && output.contains(": E: "), "{output}");
        assert!(!output.contains('\u{1b}'), "{output:?}");
        assert!(ask(Path::new("/nonexistent"), &[]).is_err());
    }

    #[test]
    fn who_says_too_much_is_cut_off() {
        // It ends by the closed pipe, which is a failure; what matters is that it ends.
        let output = ask(Path::new("/bin/sh"), &["-c", "exec cat /dev/zero"]);
        assert!(output.is_err());
    }
}
