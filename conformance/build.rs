//! Gives the crate a digest of its checks and its catalogue: findings of two builds compare only if it is the same.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What decides how a requirement stands.
const SOURCES: [&str; 2] = ["src", "requirements"];

fn main() -> io::Result<()> {
    let mut files = Vec::new();
    for folder in SOURCES {
        println!("cargo::rerun-if-changed={folder}");
        list(Path::new(folder), &mut files)?;
    }
    files.sort();
    // FNV-1a distinguishes builds. It need not resist an attacker.
    let mut digest: u64 = 0xcbf2_9ce4_8422_2325;
    for file in &files {
        let content = fs::read(file)?;
        for byte in file.to_string_lossy().bytes().chain(content) {
            digest = (digest ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    println!("cargo::rustc-env=PEERPROOF_CHECKS={digest:016x}");
    Ok(())
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
