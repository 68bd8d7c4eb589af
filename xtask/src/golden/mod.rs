//! `cargo xtask golden`: writes the golden captures of our own making under `captures/corpus/`.
//!
//! Everything is built here from bytes, without the dissectors that are tested with it, and comes out the same each time.

mod diagnosis;
mod diagnosis_headers;
mod dtls;
mod dtls13;
mod links;
mod media;
mod protocols;
mod rtp;
mod sctp;
mod srtp;
mod story;
mod stun;

use anyhow::{Context, bail};
use std::fs;
use std::path::Path;

/// A file of the corpus.
struct File {
    /// Below `captures/corpus/`.
    path: String,
    bytes: Vec<u8>,
}

fn files() -> Vec<File> {
    [diagnosis::files(), protocols::files(), dtls13::files(), media::files(), links::files()]
        .into_iter()
        .flatten()
        .collect()
}

/// Bytes from hexadecimal digits; everything else only parts them.
fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        digits.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect()
}

/// Writes all files; or, to check, finds those that are not what would be written.
pub(crate) fn run(root: &Path, check: bool) -> anyhow::Result<()> {
    let corpus = root.join("captures/corpus");
    let mut stale = Vec::new();
    for File { path, bytes } in files() {
        let place = corpus.join(&path);
        if fs::read(&place).is_ok_and(|present| present == bytes) {
            continue;
        }
        if check {
            stale.push(path);
            continue;
        }
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        fs::write(&place, bytes).with_context(|| place.display().to_string())?;
    }
    if stale.is_empty() {
        return Ok(());
    }
    bail!("not what `cargo xtask golden` writes: {}", stale.join(", "))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_files_are_what_the_generator_makes() {
        super::run(&crate::root(), true).unwrap();
    }

    #[test]
    fn no_two_files_have_the_same_name() {
        let mut paths: Vec<String> = super::files().into_iter().map(|file| file.path).collect();
        let all = paths.len();
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), all);
    }
}
