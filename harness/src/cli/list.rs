//! `peerproof list`.

use super::args::Chosen;
use super::play;
use super::{NOTHING_RAN, USAGE, complain, note, say};
use crate::run::plan::CORE;
use crate::scenario::error::nearest;
use crate::terminal::clean;
use std::collections::BTreeSet;

/// The tags of the suite; `--core` selects the first. A folder may have any others.
const TAGS: [&str; 4] = [CORE, "faults", "lab", "smoke"];

/// What may be mistakes in the tags of scenarios, given with their names: a tag is free, but one that nearly is another selects nothing.
fn hints<'a>(scenarios: impl Iterator<Item = (&'a str, &'a [String])>) -> BTreeSet<String> {
    let hint = |(name, tag): (&str, &String)| {
        let near = nearest(tag, TAGS).filter(|near| near != tag)?;
        Some(format!("{name} has the tag `{tag}`: did you mean `{near}`?"))
    };
    scenarios.flat_map(|(name, tags)| tags.iter().filter_map(move |tag| hint((name, tag)))).collect()
}

/// Lists the cases that would run, each with the reason if this machine cannot run it.
pub(crate) fn list(chosen: &Chosen) -> u8 {
    let wanted = match play::wanted(chosen) {
        Ok(wanted) => wanted,
        Err(trouble) => {
            complain(trouble);
            return USAGE;
        }
    };
    for case in &wanted.cases {
        match case.missing().next() {
            Some((_, reason)) => say(clean(&format!("{}  ({reason})", case.name))),
            None => say(&case.name),
        }
    }
    for hint in hints(wanted.cases.iter().map(|case| (case.file.name.as_str(), &case.scenario().tags[..]))) {
        note(clean(&hint));
    }
    if wanted.cases.is_empty() {
        complain(wanted.no_case());
        return NOTHING_RAN;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::check::IMPLEMENTATIONS;
    use crate::scenario::{Source, Suite};

    #[test]
    fn the_tags_are_those_of_the_suite() {
        let suite = Suite::gather(&[Source::Program], &IMPLEMENTATIONS).unwrap();
        let all = suite.scenarios.iter().flat_map(|file| &file.scenario.tags);
        assert_eq!(all.map(String::as_str).collect::<BTreeSet<_>>(), TAGS.into());
    }

    #[test]
    fn a_tag_near_one_of_the_suite_is_named() {
        let tags = ["core", "cor", "nightly"].map(str::to_owned);
        let found = hints([("data/echo", &tags[..]), ("data/echo", &tags[..])].into_iter());
        assert_eq!(Vec::from_iter(found), ["data/echo has the tag `cor`: did you mean `core`?"]);
    }
}
