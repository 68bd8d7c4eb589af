//! What a run must have and this machine lacks.

use crate::adapters;
use crate::config::Configuration;
use crate::run::Case;
use crate::run::peers::{NEEDS, missing, required};
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
