//! Measurements. They print numbers and assert nothing.

mod fresh;
mod inspect;
mod lab;
mod suite;
mod traffic;
mod veth;

use clap::Subcommand;
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(Subcommand)]
pub(crate) enum Bench {
    /// How fast `peerproof inspect` reads a large capture, next to tshark on the same one
    Inspect(inspect::Options),
    /// A case against the bare loop of the same operations; the whole suite
    Suite(suite::Arguments),
    /// What a newcomer waits for: from a clean clone to the first verdict, before and after a change
    Fresh(fresh::Arguments),
    /// The lab's forwarding: packets a second and added delay, beside the kernel's
    Lab(lab::Arguments),
}

impl Bench {
    pub(crate) fn run(self, root: &Path) -> anyhow::Result<()> {
        match self {
            Self::Inspect(options) => inspect::run(root, &options),
            Self::Suite(arguments) => suite::run(root, &arguments),
            Self::Fresh(arguments) => fresh::run(root, &arguments),
            Self::Lab(arguments) => lab::run(root, &arguments),
        }
    }
}

/// Builds the release executable and returns where it is.
fn peerproof(root: &Path) -> anyhow::Result<PathBuf> {
    let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--release", "--quiet", "--package", "peerproof"])
        .current_dir(root)
        .status()?;
    anyhow::ensure!(built.success(), "the release build failed");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release/peerproof"))
}

/// The middle of the values, in the unit that they have; nothing without any.
fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}
