//! The measurements as tables: each commit in a column, and how the last one stands to the first.

use super::super::median;
use super::place::{Measured, What};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Columns of a name.
const WIDTH: usize = 38;

/// Tables of the numbers and of the `top` most expensive crates; medians of what the rounds gave.
pub(super) fn render(names: &[String], measured: &[Vec<Measured>], top: usize) -> String {
    let mut text = String::new();
    let rounds = measured.first().map_or(0, Vec::len);
    line(&mut text, &format!("median of {rounds} rounds"), names.iter().cloned(), names.len() > 1, "ratio");
    let whats: BTreeSet<What> =
        measured.iter().flatten().flat_map(|one| one.numbers.keys().copied()).collect();
    for what in whats {
        let values = values(measured, |one| one.numbers.get(&what).copied());
        row(&mut text, title(what), &values, unit(what));
    }
    // Writing to a string cannot fail.
    let _ = writeln!(text, "\nseconds of the release build by crate, the {top} longest");
    let crates: BTreeSet<&String> = measured.iter().flatten().flat_map(|one| one.crates.keys()).collect();
    let mut rows: Vec<(&String, Vec<Option<f64>>)> = crates
        .into_iter()
        .map(|name| (name, values(measured, |one| one.crates.get(name).copied())))
        .collect();
    let most = |values: &[Option<f64>]| values.iter().flatten().copied().fold(0.0, f64::max);
    rows.sort_by(|one, other| most(&other.1).total_cmp(&most(&one.1)));
    for (name, values) in rows.iter().take(top) {
        row(&mut text, name, values, "s");
    }
    let rest: Vec<Option<f64>> = (0..measured.len())
        .map(|n| rows.iter().skip(top).filter_map(move |(_, values)| values.get(n).copied().flatten()))
        // The sum of nothing would be -0.
        .map(|seconds| Some(seconds.fold(0.0, |sum, more| sum + more)))
        .collect();
    row(&mut text, &format!("{} others", rows.len().saturating_sub(top)), &rest, "s");
    text.push('\n');
    for (name, results) in names.iter().zip(measured) {
        let remarks: BTreeSet<&String> = results.iter().flat_map(|one| &one.remarks).collect();
        for remark in remarks {
            let _ = writeln!(text, "{name}: {remark}");
        }
    }
    text
}

/// The median of each commit.
fn values(measured: &[Vec<Measured>], of: impl Fn(&Measured) -> Option<f64>) -> Vec<Option<f64>> {
    measured.iter().map(|rounds| median(&rounds.iter().filter_map(&of).collect::<Vec<_>>())).collect()
}

fn row(text: &mut String, name: &str, values: &[Option<f64>], unit: &str) {
    let shown = values.iter().map(|value| match value {
        Some(value) if unit.is_empty() => format!("{value:.0}"),
        Some(value) => format!("{value:.1} {unit}"),
        None => "-".to_owned(),
    });
    let ratio = match values {
        [Some(before), .., Some(after)] if *before > 0.0 => format!("{:.2}", after / before),
        _ => "-".to_owned(),
    };
    line(text, name, shown, values.len() > 1, &ratio);
}

fn line(text: &mut String, name: &str, cells: impl Iterator<Item = String>, compared: bool, last: &str) {
    // Writing to a string cannot fail.
    let _ = write!(text, "{name:<WIDTH$}");
    for cell in cells {
        let _ = write!(text, " {cell:>18}");
    }
    if compared {
        let _ = write!(text, " {last:>7}");
    }
    text.push('\n');
}

const fn title(what: What) -> &'static str {
    match what {
        What::Fetch => "cargo fetch",
        What::Build => "release build",
        What::Setup => "setup --yes",
        What::Verdict => "run, until the first verdict",
        What::Wait => "all that is waited for",
        What::Suite => "the whole suite",
        What::Ci => ".ci/run",
        What::Executable => "executable",
        What::Crates => "crates compiled",
        What::Work => "compilers' work",
    }
}

const fn unit(what: What) -> &'static str {
    match what {
        What::Executable => "MB",
        What::Crates => "",
        _ => "s",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn measured(build: f64, crates: &[(&str, f64)]) -> Measured {
        Measured {
            numbers: BTreeMap::from([(What::Build, build), (What::Crates, crates.len() as f64)]),
            crates: crates.iter().map(|(name, seconds)| ((*name).to_owned(), *seconds)).collect(),
            remarks: vec!["verdict: pass".to_owned()],
        }
    }

    #[test]
    fn two_commits_are_compared() {
        let before = vec![measured(300.0, &[("syn 2", 4.0), ("x 1", 9.0), ("old 1", 1.0)])];
        let after = vec![measured(150.0, &[("syn 2", 4.0), ("x 1", 3.0)])];
        let text = render(&["main 1".to_owned(), "HEAD 2".to_owned()], &[before, after], 2);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert!(lines.contains(&vec!["release", "build", "300.0", "s", "150.0", "s", "0.50"]), "{text}");
        assert!(lines.contains(&vec!["crates", "compiled", "3", "2", "0.67"]), "{text}");
        let place = |name: &str| text.find(name).unwrap();
        assert!(place("x 1") < place("syn 2"), "{text}");
        assert!(lines.contains(&vec!["1", "others", "1.0", "s", "0.0", "s", "0.00"]), "{text}");
        assert!(text.ends_with("HEAD 2: verdict: pass\n"), "{text}");
    }

    #[test]
    fn one_commit_stands_alone() {
        let rounds = vec![measured(3.0, &[]), measured(1.0, &[]), measured(2.0, &[])];
        let text = render(&["HEAD 2".to_owned()], &[rounds], 2);
        assert!(text.contains("2.0 s\n") && !text.contains("ratio"), "{text}");
    }
}
