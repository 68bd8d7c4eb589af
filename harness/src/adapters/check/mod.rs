//! `peerproof adapter check`: tries a program that speaks the peer protocol, alone and with itself, without any other peer.
//!
//! It works on the lines themselves, and goes on where a case would give the peer up, so that all that is wrong is reported at once, each with
//! the line that shows it. Every group of checks has fresh processes: a death in one spoils no other.
//!
//! - [`session`]: one process, and the commands that it is given; [`reply`]: what it answers; [`monitor`]: the rules that every line must keep;
//! - [`features`]: what it claims to have, against what it does;
//! - [`greeting`], [`refusals`], [`alone`], [`data`] with [`empty`] and [`effects`], and [`media`] (over a [`pair`]), [`strain`]: the groups;
//! - [`suite`]: which scenarios the program has all commands for;
//! - [`outcome`] and [`show`]: the report.

mod alone;
mod content;
mod data;
mod effects;
mod empty;
mod features;
mod greeting;
mod media;
mod monitor;
mod outcome;
mod pair;
mod refusals;
mod reply;
mod reported;
mod session;
mod show;
mod strain;
mod suite;

pub use outcome::{Check, Group, Outcome, Report};
pub use suite::{Family, Part};

use crate::machine::Watch;
use crate::scenario::{ScenarioFile, Source, Suite, check::IMPLEMENTATIONS};
use features::Claims;
use monitor::Rule;
use session::{Ground, Ledger, Trouble};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Tries a program. `peerproof` is the executable that guards it, `command` the program and its arguments. `begins` hears of each group of
/// checks as it begins: some take half a minute.
///
/// # Errors
/// The program could not be guarded, or the suite is broken: trouble of ours.
pub async fn check(
    peerproof: PathBuf,
    command: &[String],
    begins: &(dyn Fn(&str) + Sync),
) -> Result<Report, String> {
    let (program, args) = command.split_first().ok_or("there is no program")?;
    let suite = Suite::gather(&[Source::Program], &IMPLEMENTATIONS)
        .map_err(|errors| errors.first().map_or_else(String::new, ToString::to_string))?;
    // What others on the machine take is not counted against the program.
    let _watch = Watch::begin().map_err(|error| error.to_string())?;
    let ground = Ground {
        peerproof,
        program: PathBuf::from(program),
        args: args.to_vec(),
        began: Instant::now(),
        ledger: Arc::new(Mutex::new(Ledger::default())),
    };
    let mut report = groups(&ground, &suite.scenarios, begins).await.map_err(|Trouble(trouble)| trouble)?;
    report.command = command.to_vec();
    Ok(report)
}

async fn groups(
    ground: &Ground,
    scenarios: &[ScenarioFile],
    begins: &(dyn Fn(&str) + Sync),
) -> Result<Report, Trouble> {
    begins("greeting");
    let (group, greeting) = greeting::greeting(ground).await?;
    let mut report = Report {
        command: Vec::new(),
        implementation: greeting.as_ref().map(|greeting| greeting.implementation.clone()),
        version: greeting.as_ref().map(|greeting| greeting.version.clone()),
        groups: vec![group],
        scenarios: Vec::new(),
    };
    let Some(greeting) = greeting else {
        report.groups.push(lines(&ground.ledger()));
        return Ok(report);
    };
    let claims = Claims::of(&greeting);
    let listed: BTreeSet<String> = greeting.commands.into_iter().collect();
    // One after the other: what one costs must not make another late.
    begins("commands before a connection");
    report.groups.push(Box::pin(refusals::before(ground, &listed)).await?);
    begins("wrong arguments");
    report.groups.push(Box::pin(refusals::wrong(ground, &listed)).await?);
    begins("one peer alone");
    report.groups.push(Box::pin(alone::alone(ground, &listed, &claims)).await?);
    begins("data channels of two");
    report.groups.push(Box::pin(data::data(ground, &listed, &claims)).await?);
    begins("media of two");
    report.groups.push(Box::pin(media::media(ground, &listed, &claims)).await?);
    begins("commands at once");
    report.groups.push(Box::pin(strain::at_once(ground, &listed)).await?);
    begins("odd input");
    report.groups.push(Box::pin(strain::odd(ground, &listed)).await?);
    begins("one case after the other");
    report.groups.push(Box::pin(strain::again(ground, &listed)).await?);
    begins("noise");
    report.groups.push(Box::pin(strain::noise(ground)).await?);
    let ledger = ground.ledger();
    report.groups.push(lines(&ledger));
    let has = |name: &str| listed.contains(name) && ledger.used.get(name).copied().unwrap_or(true);
    let shows = |name: &str| if name == suite::PAIR { has("getStats") || ledger.pairs } else { has(name) };
    report.scenarios = suite::playable(scenarios, shows);
    Ok(report)
}

/// The rules that hold for every line, over all processes.
fn lines(ledger: &Ledger) -> Group {
    let mut group = Group::new("every line");
    for rule in Rule::ALL {
        if ledger.messages == 0 {
            group.skip(rule.text(), "it wrote no line");
            continue;
        }
        let Some((count, first)) = ledger.faults.get(&rule) else {
            let of_keys = matches!(rule, Rule::Keys | Rule::Secrets);
            let of_events = matches!(rule, Rule::Events | Rule::Numbers | Rule::Time | Rule::Order);
            if of_keys && ledger.keys == 0 {
                group.skip(rule.text(), "it reported no keys");
            } else if of_events && ledger.events == 0 {
                group.skip(rule.text(), "no events were reported");
            } else {
                group.add(rule.text(), Ok(()));
            }
            match rule {
                Rule::Message => group.note(format!("{} lines", ledger.messages)),
                Rule::Events if ledger.events > 0 => group.note(format!("{} events", ledger.events)),
                Rule::Keys if ledger.keys > 0 => group.note(format!("{} lines", ledger.keys)),
                Rule::Clock if ledger.timeless > 0 => {
                    group.note(format!(
                        "{} answers have no `t`; without it times are uncertain",
                        ledger.timeless
                    ));
                }
                _ => {}
            }
            continue;
        };
        let _: Option<()> = group.add(rule.text(), outcome::violates(rule.expected(), first.as_str()));
        if *count > 1 {
            group.note(format!("and {} more times", count - 1));
        }
    }
    group
}
