//! What is known to stay green, with the reason: `known.toml`, kept by hand, and the claims that nothing contradicts. It counts
//! apart, so that a new one stands out.

use anyhow::{Context, ensure};
use peerproof_conformance::claims::{By, claims};
use regex_lite::Regex;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    known: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// A regular expression that finds it in what was done, as the adversary prints that.
    like: String,
    /// Why nothing can detect it, or why it changes nothing.
    reason: String,
    /// What is meant, as printed.
    example: String,
}

/// Finds the field and the type of statistics about which somebody lies.
const OF_STATISTICS: &str =
    r"answers (?:number \d+ of )?getStats with (?:no |another )?([A-Za-z]\w*)(?: .*)? in ([a-z-]+)$";
/// The same of an event.
const OF_EVENT: &str = r"reports (?:number \d+ of )?([a-z]+) with (?:no |another )?([A-Za-z]\w*)(?: .*)?$";

/// The list.
pub(super) struct Known {
    entries: Vec<(Regex, Entry)>,
    /// The claims that nothing contradicts, with the reasons.
    unchecked: BTreeMap<&'static str, &'static str>,
    of_statistics: Regex,
    of_event: Regex,
}

impl Known {
    pub(super) fn read() -> anyhow::Result<Self> {
        Self::of(include_str!("known.toml"))
    }

    fn of(text: &str) -> anyhow::Result<Self> {
        let File { known } = toml::from_str(text)?;
        let each = known.into_iter().map(|entry| {
            let like = Regex::new(&entry.like).with_context(|| entry.like.clone())?;
            ensure!(like.is_match(&entry.example), "{} is not for {:?}", entry.like, entry.example);
            anyhow::Ok((like, entry))
        });
        let unchecked = claims().into_iter().filter_map(|claim| match claim.by {
            By::Nothing(reason) => Some((claim.name, reason)),
            By::Evidence(_) => None,
        });
        Ok(Self {
            entries: each.collect::<anyhow::Result<_>>()?,
            unchecked: unchecked.collect(),
            of_statistics: Regex::new(OF_STATISTICS)?,
            of_event: Regex::new(OF_EVENT)?,
        })
    }

    /// The reason why that stays green, if it is known: that of the claim, or of the first entry that is meant.
    pub(super) fn reason(&self, what: &str) -> Option<&str> {
        let entry = || self.entries.iter().find(|(like, _)| like.is_match(what));
        let claim = self.claim(what).and_then(|claim| self.unchecked.get(claim.as_str()).copied());
        claim.or_else(|| entry().map(|(_, entry)| entry.reason.as_str()))
    }

    /// The claim about which somebody lies, as docs/claims.md names it.
    fn claim(&self, what: &str) -> Option<String> {
        let of = |regex: &Regex| {
            let found = regex.captures(what)?;
            Some([found.get(1)?.as_str().to_owned(), found.get(2)?.as_str().to_owned()])
        };
        let statistic = of(&self.of_statistics).map(|[field, kind]| format!("stat/{kind}.{field}"));
        statistic.or_else(|| of(&self.of_event).map(|[event, field]| format!("event/{event}.{field}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_entry_is_for_its_example_and_says_why() {
        let known = Known::read().unwrap();
        for (_, Entry { like, reason, example }) in &known.entries {
            assert!(reason.len() > 20 && reason.ends_with('.'), "{like}");
            assert_eq!(known.reason(example), Some(reason.as_str()), "{example}");
        }
    }

    /// What a check detects must never be taken for known.
    #[test]
    fn what_is_detected_is_not_in_the_list() {
        let known = Known::read().unwrap();
        for what in [
            "data/echo: alice never reports number 1 of message",
            "data/echo: alice ignores number 1 of send and answers `ok`",
            "data/echo: bob reports number 2 of connectionstatechange with state \"failed\"",
            "data/echo: bob answers getStats with another bytesSent in transport",
            "data/echo: bob answers getStats with no candidateType in local-candidate",
            "data/echo/stack-stack: entry 40, event message, dropped",
            "data/echo/stack-stack: frame 30 dropped",
            "data/echo/stack-stack: frame 30 doubled",
            "data/echo/stack-stack: frame 30, STUN, byte 30, bit 0x08",
        ] {
            assert_eq!(known.reason(what), None, "{what}");
        }
    }

    #[test]
    fn what_nothing_contradicts_is_known() {
        let known = Known::read().unwrap();
        for what in [
            "data/echo: alice answers getStats with another jitter in inbound-rtp",
            "data/echo: bob answers number 2 of getStats with url \"\" in local-candidate",
            "data/echo: bob answers getStats with priority +1461 in local-candidate",
            "data/echo: alice reports number 2 of dtlsstatechange with another reason",
        ] {
            assert!(known.reason(what).is_some(), "{what}");
        }
        assert_eq!(known.reason("data/echo: bob answers getStats with port 0 in local-candidate"), None);
    }

    #[test]
    fn an_entry_without_a_reason_is_refused() {
        assert!(Known::of("known = [{ like = \"a\", example = \"a\" }]").is_err());
        assert!(Known::of("known = [{ like = \"^b\", example = \"a\", reason = \"b\" }]").is_err());
        assert!(Known::of("known = [{ like = \"(\", example = \"a\", reason = \"b\" }]").is_err());
        let one = Known::of("known = [{ like = \"^a\", example = \"a\", reason = \"b\" }]").unwrap();
        assert_eq!((one.reason("ab"), one.reason("ba")), (Some("b"), None));
    }
}
