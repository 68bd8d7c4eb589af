//! What a run must have and this machine lacks.

use crate::adapters;
use crate::config::Configuration;
use crate::run::Case;
use crate::run::peers::{NEEDS, missing, required};
use crate::scenario::error::nearest;
use crate::terminal::clean;
use crate::versions;

/// What `PEERPROOF_REQUIRE` names and this machine lacks.
pub(super) fn required_but_missing() -> Option<String> {
    required().into_iter().find_map(|name| {
        let installed = || adapters::find(&name).is_some() || versions::Wanted::parse(&name).is_some();
        if !NEEDS.contains(&name.as_str()) && !installed() {
            let known: Vec<&str> =
                NEEDS.into_iter().chain(adapters::names()).chain([versions::FORM]).collect();
            return Some(format!("PEERPROOF_REQUIRE names {name}; known are {}", known.join(", ")));
        }
        missing(&name).map(|reason| format!("PEERPROOF_REQUIRE names {name}, but {reason}"))
    })
}

/// What the configuration or a flag names, has a part in the cases, and cannot be found: its cases would be unsupported, and nobody would look at
/// them.
pub(super) fn own_but_missing(cases: &[Case], configuration: &Configuration) -> Option<String> {
    let plays = |name: &str| cases.iter().any(|case| case.pair.values().any(|it| it.name() == name));
    let mut own = configuration.own.iter().filter(|name| plays(name.as_str()));
    let (name, reason) = own.find_map(|name| Some((name, configuration.roster.get(name)?.missing()?)))?;
    let help = format!("correct the entry of `{name}`, or leave it out with --peers");
    Some(format!("{}\n  = help: {help}", clean(&reason)))
}

/// That no case matches, with the scenario that may have been meant.
pub(super) fn no_case(filters: &[String], scenarios: &[String]) -> String {
    if scenarios.is_empty() {
        return "no case matches: there are no scenarios, which are files FAMILY/NAME.yaml".to_owned();
    }
    match filters.iter().find_map(|name| near(name, scenarios)) {
        Some(near) => format!("no case matches the filter; did you mean `{near}`?"),
        None => "no case matches the filter".to_owned(),
    }
}

/// The scenario whose name, with its family or without, is like what a filter begins with.
fn near<'a>(name: &str, scenarios: &'a [String]) -> Option<&'a str> {
    let mut parts = name.split('/');
    let (first, second) = (parts.next()?, parts.next().filter(|it| !it.is_empty()));
    let with_family = second.map(|second| format!("{first}/{second}"));
    let all = || scenarios.iter().map(String::as_str);
    let alone = |full: &str| full.split_once('/').map_or(full, |(_, name)| name).to_owned();
    match with_family {
        Some(full) => nearest(&full, all()),
        None => {
            let names: Vec<String> = all().map(alone).collect();
            let near = nearest(first, names.iter().map(String::as_str))?;
            all().find(|full| alone(full) == near)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_filter_names_the_scenario_that_is_meant() {
        let scenarios = ["data/echo", "media/video"].map(str::to_owned);
        let says = |filter: &str| no_case(&[filter.to_owned()], &scenarios);
        for filter in ["data/ecko", "data/ecko/stack-*", "ecko"] {
            assert!(says(filter).ends_with("did you mean `data/echo`?"), "{}", says(filter));
        }
        assert_eq!(says("dtls/nothing"), "no case matches the filter");
        assert!(no_case(&[], &[]).contains("there are no scenarios"));
    }
}
