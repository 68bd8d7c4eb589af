//! `peerproof doctor` and `peerproof setup`.

use crate::adapters::{self, Adapter};
use crate::doctor::{Diagnosis, DoctorArgs, State, examine, render};
use crate::setup::{SetupArgs, SetupError, System, carry_out, plan};

/// Shows what this machine can run. 0 if nothing is missing, else 1.
pub(crate) fn doctor(args: &DoctorArgs) -> u8 {
    let diagnosis = match diagnose() {
        Ok(diagnosis) => diagnosis,
        Err(code) => return code,
    };
    if args.json {
        match serde_json::to_string_pretty(&diagnosis) {
            Ok(text) => super::say(text),
            Err(error) => {
                super::complain(error);
                return super::HARNESS_ERROR;
            }
        }
    } else {
        super::say(render(&diagnosis).trim_end());
    }
    u8::from(diagnosis.missing().next().is_some())
}

/// Installs what is missing. 0 if everything that can be installed is there now.
pub(crate) fn setup(args: &SetupArgs) -> u8 {
    match install(args) {
        Ok(()) => 0,
        Err(Trouble::Code(code)) => code,
        Err(Trouble::Setup(
            error @ (SetupError::Declined
            | SetupError::NoRoot(_)
            | SetupError::NoApt { .. }
            | SetupError::NoAdapter { .. }),
        )) => {
            super::complain(error);
            super::USAGE
        }
        Err(Trouble::Setup(error)) => {
            super::complain(error);
            super::HARNESS_ERROR
        }
    }
}

enum Trouble {
    Code(u8),
    Setup(SetupError),
}

fn install(args: &SetupArgs) -> Result<(), Trouble> {
    let adapters = adapters_of(&args.peers).map_err(Trouble::Setup)?;
    let before = diagnose().map_err(Trouble::Code)?;
    let planned = plan(before.missing(), &adapters, &System::this()).map_err(Trouble::Setup)?;
    let mut unpack = || adapters.iter().try_for_each(Adapter::unpack);
    carry_out(&planned, args, &mut unpack, &mut std::io::stdin().lock(), &mut std::io::stdout())
        .map_err(Trouble::Setup)?;
    if args.dry_run || planned.steps.is_empty() {
        return Ok(());
    }
    for adapter in &adapters {
        adapter.mark_installed().map_err(|error| Trouble::Setup(error.into()))?;
    }
    let after = diagnose().map_err(Trouble::Code)?;
    let still = after
        .checks
        .iter()
        .find(|check| check.state == State::Missing && !planned.beyond.contains(&check.item));
    match still {
        Some(check) => Err(Trouble::Setup(SetupError::StillMissing(check.item.name()))),
        None => Ok(()),
    }
}

/// The adapters of these names that are not installed as this program has them.
fn adapters_of(names: &[String]) -> Result<Vec<Adapter>, SetupError> {
    let all: Vec<&str> = adapters::names().collect();
    let mut found: Vec<Adapter> = Vec::new();
    for name in names {
        let chosen: Vec<&str> = if name == "all" { all.clone() } else { vec![name] };
        for name in chosen {
            let unknown = || SetupError::NoAdapter { name: name.to_owned(), known: all.join(", ") };
            let adapter = adapters::find(name).ok_or_else(unknown)?;
            if adapter.missing().is_some() && found.iter().all(|other| other.name != adapter.name) {
                found.push(adapter);
            }
        }
    }
    Ok(found)
}

fn diagnose() -> Result<Diagnosis, u8> {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => Ok(runtime.block_on(examine())),
        Err(error) => {
            super::complain(error);
            Err(super::HARNESS_ERROR)
        }
    }
}
