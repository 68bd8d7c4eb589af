//! `cargo xtask degrade`: copies of captures as an observer would have them who sees less: with a snap length, with frames twice, with
//! frames that are missing, in one direction, from a late moment on, with a wrong clock.
//!
//! What judges a capture must not accuse anyone for what such a copy lacks: `peerproof judge` says no more of it than of the original.

mod copy;
mod kind;

use anyhow::{Context, bail};
use clap::Args;
use kind::Kind;
use std::fs;
use std::path::{Path, PathBuf};

/// What is copied, and how it is degraded.
#[derive(Debug, Args)]
pub(crate) struct Degrade {
    /// A capture, or a folder with recordings
    from: PathBuf,
    /// Where the copy goes: a file for a capture, a folder for a folder
    to: PathBuf,
    /// snap:BYTES, duplicate[:MICROSECONDS], late[:PERCENT], loss:PERCENT, one-way:PEER, clock:+5s, clock:PEER:-20ms, end:PERCENT,
    /// tail:BYTES, no-secrets, wrong-secret; several are done in this order
    #[arg(long, required = true, value_name = "KIND")]
    kind: Vec<Kind>,
    /// Of a folder, copy the captures alone, under the names of their cases, as if somebody else had taken them
    #[arg(long)]
    bare: bool,
}

impl Degrade {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        if self.from.is_dir() {
            if self.to.starts_with(&self.from) {
                bail!("{} is within {}", self.to.display(), self.from.display());
            }
            return self.folder(&self.from, &self.to);
        }
        self.file(&self.from, &self.to)
    }

    fn folder(&self, from: &Path, to: &Path) -> anyhow::Result<()> {
        let own = |path: &Path| path.display().to_string();
        for entry in fs::read_dir(from).with_context(|| own(from))? {
            let entry = entry.with_context(|| own(from))?;
            let (path, name) = (entry.path(), entry.file_name());
            let kind = entry.file_type().with_context(|| own(&path))?;
            if kind.is_dir() {
                self.folder(&path, &to.join(&name))?;
            } else if !kind.is_file() {
                // Links would be copied twice.
            } else if name == "capture.pcapng" {
                let target = if self.bare { to.with_extension("pcapng") } else { to.join(&name) };
                self.file(&path, &target)?;
            } else if !self.bare {
                fs::create_dir_all(to).with_context(|| own(to))?;
                fs::copy(&path, to.join(&name)).with_context(|| own(&path))?;
            }
        }
        Ok(())
    }

    fn file(&self, from: &Path, to: &Path) -> anyhow::Result<()> {
        let mut bytes = fs::read(from).with_context(|| from.display().to_string())?;
        for kind in &self.kind {
            bytes = copy::degraded(&bytes, kind).with_context(|| from.display().to_string())?;
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        fs::write(to, bytes).with_context(|| to.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with one case, and a copy of it.
    fn copied(bare: bool) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let case = folder.path().join("in/cases/data/echo");
        fs::create_dir_all(&case).unwrap();
        fs::write(case.join("case.json"), "{}").unwrap();
        fs::write(case.join("capture.pcapng"), copy::tests::capture()).unwrap();
        let degrade = Degrade {
            from: folder.path().join("in"),
            to: folder.path().join("out"),
            kind: vec!["snap:30".parse().unwrap()],
            bare,
        };
        degrade.run().unwrap();
        let mut found = Vec::new();
        let mut open = vec![folder.path().join("out")];
        while let Some(next) = open.pop() {
            for entry in fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    found.push(path.strip_prefix(folder.path()).unwrap().display().to_string());
                }
            }
        }
        found.sort();
        found
    }

    #[test]
    fn a_folder_is_copied_whole_or_its_captures_alone() {
        let whole = ["out/cases/data/echo/capture.pcapng", "out/cases/data/echo/case.json"];
        assert_eq!(copied(false), whole);
        assert_eq!(copied(true), ["out/cases/data/echo.pcapng"]);
    }
}
