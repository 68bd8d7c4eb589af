//! How often known deviations have shown, as `observed.toml` records it.

use super::rate::Shown;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// After this number of attempts of which none shows it, a deviation with a rate is stale.
pub const ATTEMPTS: u64 = 20;

/// What is recorded: by deviation, and by the version of its peer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observed {
    /// When the runs began that were counted, in microseconds of Unix time: none is counted twice.
    #[serde(default)]
    pub runs: BTreeSet<u64>,
    /// By the name of the deviation, then by version.
    #[serde(default)]
    pub deviation: BTreeMap<String, BTreeMap<String, Shown>>,
}

impl Observed {
    /// How often one showed in all versions.
    #[must_use]
    pub fn of(&self, deviation: &str) -> Shown {
        let mut sum = Shown::default();
        for shown in self.deviation.get(deviation).into_iter().flat_map(BTreeMap::values) {
            sum += *shown;
        }
        sum
    }

    /// Adds what a run counted.
    pub fn add(&mut self, counted: BTreeMap<String, BTreeMap<String, Shown>>) {
        for (name, versions) in counted {
            let all = self.deviation.entry(name).or_default();
            for (version, shown) in versions {
                *all.entry(version).or_default() += shown;
            }
        }
    }

    /// Leaves only the deviations that there still are.
    pub fn retain(&mut self, is_known: impl Fn(&str) -> bool) {
        self.deviation.retain(|name, _| is_known(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_over_runs_and_versions() {
        let counted = |version: &str, shown, attempts| {
            BTreeMap::from([(
                "d".to_owned(),
                BTreeMap::from([(version.to_owned(), Shown { shown, attempts })]),
            )])
        };
        let mut observed = Observed::default();
        observed.add(counted("156", 1, 9));
        observed.add(counted("156", 0, 8));
        observed.add(counted("157", 0, 3));
        assert_eq!(observed.of("d"), Shown { shown: 1, attempts: 20 });
        assert_eq!(observed.of("e"), Shown::default());
        let text = toml::to_string(&observed).unwrap();
        assert!(text.contains("156 = [1, 17]") || text.contains("156 = [\n"), "{text}");
        assert_eq!(toml::from_str::<Observed>(&text).unwrap(), observed);
        observed.retain(|name| name != "d");
        assert!(observed.deviation.is_empty());
    }
}
