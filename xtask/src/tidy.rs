//! Project rules that no compiler checks. Each message names the file and line that break a rule.

mod circles;
mod paths;
mod tokens;
mod walk;
mod words;

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file of code may have this many lines before its tests begin.
const MOST_LINES: usize = 500;

/// Crate and the workspace crates it must never depend on (ARCHITECTURE.md, "What is absent").
const FORBIDDEN: [(&str, &[&str]); 4] = [
    (
        "captures",
        &["peerproof-stack", "peerproof-conformance", "peerproof-reports", "webrtc", "rtc", "tokio"],
    ),
    ("conformance", &["peerproof-stack", "peerproof-reports", "webrtc", "rtc", "tokio"]),
    ("reports", &["peerproof-stack", "webrtc", "rtc", "tokio"]),
    ("stack", &["peerproof-conformance", "peerproof-reports"]),
];

/// The crates of the workspace, whose modules may not need each other in a circle.
const CRATES: [&str; 6] = ["captures", "conformance", "harness", "reports", "stack", "xtask"];

/// Checks all rules on the files that git tracks.
///
/// # Errors
/// When git cannot be asked, a file cannot be read or a rule is broken; all violations are printed first.
#[expect(clippy::print_stdout, reason = "a chore speaks to the terminal")]
pub(crate) fn run(root: &Path) -> Result<()> {
    let files = tracked(root)?;
    let mut breaches = Vec::new();
    let glossary = std::fs::read_to_string(root.join(words::GLOSSARY)).context("reading the glossary")?;
    let banned = words::banned(&glossary);
    let mut crates: BTreeMap<&str, Vec<circles::Source>> = BTreeMap::new();
    for path in &files {
        if words::applies(&path.display().to_string()) {
            let text = std::fs::read_to_string(root.join(path))
                .with_context(|| format!("reading {}", path.display()))?;
            breaches.extend(words::breaches(&path.display().to_string(), &text, &banned));
        }
        if path.extension().is_some_and(|e| e == "rs") {
            let text = std::fs::read_to_string(root.join(path))
                .with_context(|| format!("reading {}", path.display()))?;
            breaches.extend(source_breaches(&path.display().to_string(), &text));
            let within = CRATES.iter().find_map(|krate| {
                let below = path.strip_prefix(krate).ok()?.strip_prefix("src").ok()?;
                Some((krate, below.display().to_string()))
            });
            if let Some((krate, path)) = within {
                crates.entry(krate).or_default().push(circles::Source { path, text });
            }
        }
    }
    for (krate, sources) in &crates {
        breaches.extend(circles::breaches(krate, sources)?);
    }
    let architecture =
        std::fs::read_to_string(root.join(walk::DOCUMENT)).context("reading the architecture")?;
    breaches.extend(walk::breaches(&architecture, |file| std::fs::read_to_string(root.join(file)).ok()));
    for (krate, banned) in FORBIDDEN {
        let manifest = std::fs::read_to_string(root.join(krate).join("Cargo.toml"))?;
        breaches.extend(manifest_breaches(krate, &manifest, banned));
    }
    for breach in &breaches {
        println!("{breach}");
    }
    if !breaches.is_empty() {
        bail!("{} violations of the project's rules", breaches.len());
    }
    println!("tidy: {} files", files.len());
    Ok(())
}

fn tracked(root: &Path) -> Result<Vec<PathBuf>> {
    let output =
        Command::new("git").args(["ls-files", "-z"]).current_dir(root).output().context("running git")?;
    if !output.status.success() {
        bail!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?.split('\0').filter(|p| !p.is_empty()).map(PathBuf::from).collect())
}

fn source_breaches(path: &str, text: &str) -> Vec<String> {
    let mut breaches = Vec::new();
    // A library's or module's file says what it is for before anything else; a fuzz target's attribute may come first.
    let first = text.lines().find(|l| !l.trim().is_empty() && !l.starts_with("#!["));
    if !first.is_some_and(|l| l.starts_with("//!")) {
        breaches.push(format!("{path}:1: does not say what it is for (`//!`)"));
    }
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    let lines = code.lines().count();
    if lines > MOST_LINES && !path.contains("/tests/") {
        breaches.push(format!("{path}:{lines}: longer than {MOST_LINES} lines before its tests"));
    }
    // Written in two halves, so that this file does not breach itself.
    let outlawed = [concat!("#[al", "low("), concat!("#![al", "low(")];
    for (number, line) in text.lines().enumerate() {
        if outlawed.iter().any(|o| line.trim_start().starts_with(o)) {
            breaches.push(format!("{path}:{}: `allow` instead of `expect` with a reason", number + 1));
        }
    }
    breaches
}

fn manifest_breaches(krate: &str, manifest: &str, banned: &[&str]) -> Vec<String> {
    let mut section = "";
    let mut breaches = Vec::new();
    for (number, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            section = line;
        }
        let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
        if section == "[dependencies]" && banned.contains(&name) {
            breaches.push(format!("{krate}/Cargo.toml:{}: {krate} must never depend on {name}", number + 1));
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_keeps_its_own_rules() {
        run(&crate::root()).unwrap();
    }

    #[test]
    fn a_module_without_a_purpose_is_named() {
        assert_eq!(source_breaches("a.rs", "fn f() {}\n"), ["a.rs:1: does not say what it is for (`//!`)"]);
        assert!(source_breaches("a.rs", "//! What for.\nfn f() {}\n").is_empty());
    }

    #[test]
    fn a_file_that_grew_past_reading_is_named_and_its_tests_do_not_count() {
        let long = format!("//! x\n{}", "fn f() {}\n".repeat(MOST_LINES));
        assert_eq!(source_breaches("a.rs", &long).len(), 1);
        let tested = format!("//! x\n#[cfg(test)]\nmod tests {{}}\n{}", "fn f() {}\n".repeat(MOST_LINES));
        assert!(source_breaches("a.rs", &tested).is_empty());
    }

    #[test]
    fn an_allowed_lint_is_named() {
        let text = format!("//! x\n{}(dead_code)]\nfn f() {{}}\n", concat!("#[al", "low"));
        assert_eq!(source_breaches("a.rs", &text), ["a.rs:2: `allow` instead of `expect` with a reason"]);
    }

    #[test]
    fn a_dependency_that_breaks_the_architecture_is_named() {
        let manifest = "[dependencies]\nserde.workspace = true\npeerproof-stack.workspace = true\n[dev-dependencies]\ntokio = \"1\"\n";
        assert_eq!(
            manifest_breaches("captures", manifest, &["peerproof-stack", "tokio"]),
            ["captures/Cargo.toml:3: captures must never depend on peerproof-stack"]
        );
    }
}
