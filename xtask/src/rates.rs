//! `cargo xtask rates RUN…`: gives known deviations whose rate excludes nothing the rate that runs show.

use anyhow::Context;
use peerproof::{expected, judge};
use peerproof_conformance::deviations::Deviations;
use peerproof_conformance::deviations::rate::{Shown, measured};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A run of fewer attempts says too little alone: it counts only together with the others.
const ALONE: u64 = 20;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Recorded runs
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// Write the rates into the files, instead of showing them only
    #[arg(long)]
    write: bool,
}

/// Judges the runs again, and shows what each known deviation with a rate showed in them.
#[expect(clippy::print_stdout, reason = "a chore speaks to the terminal")]
pub(crate) fn run(root: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let mut files = vec![root.join("scenarios/expected.toml")];
    for adapter in fs::read_dir(root.join("harness/adapters"))? {
        let file = adapter?.path().join("expected.toml");
        if file.exists() {
            files.push(file);
        }
    }
    files.sort();
    let mut counts: BTreeMap<(usize, usize), Vec<Shown>> = BTreeMap::new();
    for run in &arguments.runs {
        let known: Vec<Deviations> =
            files.iter().map(|file| expected::load(file)).collect::<Result<_, _>>()?;
        let first: Vec<usize> = known.iter().map(|of_file| of_file.counts().count()).collect();
        let all =
            Deviations::new(known.iter().flat_map(|it| it.counts().map(|(one, _)| one.clone())).collect());
        judge::again(run, &all)?;
        let places = first.iter().enumerate().flat_map(|(file, many)| (0..*many).map(move |n| (file, n)));
        for (place, (_, count)) in places.zip(all.counts()) {
            counts.entry(place).or_default().push(count);
        }
    }
    for (number, file) in files.iter().enumerate() {
        let mut text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let known = expected::load(file)?;
        let mut narrowed = 0_usize;
        for (n, (one, _)) in known.counts().enumerate() {
            let Some(rate) = one.rate else { continue };
            let of_runs = counts.get(&(number, n)).map_or(&[][..], Vec::as_slice);
            let mut sum = Shown::default();
            of_runs.iter().for_each(|count| sum += *count);
            let large = of_runs.iter().copied().filter(|count| count.attempts >= ALONE);
            let Some(new) = measured(&large.chain([sum]).collect::<Vec<_>>()) else { continue };
            let change = if rate.is_any() && !new.is_any() { "->" } else { "beside" };
            println!("{}: {}: {rate} {change} {new} ({sum})", one.file, one.name());
            if change == "->" {
                text =
                    with_rate(&text, n, &new.written()).context("an entry without the line of its rate")?;
                narrowed += 1;
            }
        }
        if arguments.write && narrowed > 0 {
            fs::write(file, &text).with_context(|| file.display().to_string())?;
            println!("{}: {narrowed} rates", file.display());
        }
    }
    Ok(())
}

/// The text with another rate in its entry of that number.
fn with_rate(text: &str, entry: usize, rate: &str) -> Option<String> {
    let mut begun = 0;
    let mut found = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        begun += usize::from(line.trim() == "[[deviation]]");
        if begun == entry + 1 && line.starts_with("rate = ") {
            found = true;
            lines.push(format!("rate = {rate}"));
        } else {
            lines.push(line.to_owned());
        }
    }
    found.then(|| lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_rate_of_that_entry_is_replaced() {
        let text = "# a\n\n[[deviation]]\nrate = [0, 1]\n\n[[deviation]]\npeer = \"b\"\nrate = [0, 1]\n";
        let new = with_rate(text, 1, "[0.1, 1]").unwrap();
        assert_eq!(new, text.replace("\"b\"\nrate = [0, 1]", "\"b\"\nrate = [0.1, 1]"));
        assert_eq!(with_rate(text, 2, "[0.1, 1]"), None);
    }
}
