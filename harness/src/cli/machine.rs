//! `peerproof doctor` and `peerproof setup`.

use crate::adapters::{self, Adapter};
use crate::doctor::{self, Availability, Diagnosis, DoctorArgs, examine, render};
use crate::kits::Kit;
use crate::peers::name::is_of_version;
use crate::setup::{Download, SetupArgs, SetupError, System, carry_out, plan};
use crate::terminal::Guard;
use crate::versions::{self, Wanted};

/// Shows what this machine can run. 0 if nothing is missing, else 1.
pub(crate) fn doctor(args: &DoctorArgs) -> u8 {
    let diagnosis = match diagnose() {
        Ok(diagnosis) => {
            let has = |version: &str| {
                let mut found = diagnosis.checks.iter().filter_map(|check| check.found.as_deref());
                found.any(|found| is_of_version(version, found))
            };
            // What the system has needs no second copy.
            let mut browsers = versions::survey();
            browsers.retain(|one| one.place.is_some() || !has(&one.version));
            Diagnosis { browsers, ..diagnosis }
        }
        Err(code) => return code,
    };
    if args.json {
        match super::say_json(&diagnosis) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                super::complain(error);
                return super::HARNESS_ERROR;
            }
            _ => {}
        }
    } else {
        super::say(render(&diagnosis).trim_end());
        let environment = doctor::environment();
        if !environment.is_empty() {
            super::say(environment.trim_end());
        }
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
            | SetupError::NoVersion { .. }
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
    let (browsers, others): (Vec<_>, Vec<_>) =
        args.peers.iter().partition(|name| Wanted::parse(name).is_some());
    let adapters = adapters_of(&others).map_err(Trouble::Setup)?;
    let browsers = downloads_of(&browsers).map_err(Trouble::Setup)?;
    let kits: Vec<Kit> = Kit::ALL.into_iter().filter(|kit| args.tests && kit.missing().is_some()).collect();
    let before = diagnose().map_err(Trouble::Code)?;
    let planned =
        plan(before.missing(), &adapters, &browsers, &kits, &System::this()).map_err(Trouble::Setup)?;
    let mut prepare = || {
        adapters.iter().try_for_each(Adapter::unpack)?;
        browsers.iter().try_for_each(Download::prepare)?;
        kits.iter().try_for_each(|kit| kit.unpack())
    };
    // Not through a buffer: the commands write to the same output.
    let mut out = Guard::text(std::io::stdout(), false);
    carry_out(&planned, args, &mut prepare, &mut std::io::stdin().lock(), &mut out)
        .map_err(Trouble::Setup)?;
    if args.dry_run || planned.steps.is_empty() {
        return Ok(());
    }
    for adapter in &adapters {
        adapter.mark_installed().map_err(|error| Trouble::Setup(error.into()))?;
    }
    for browser in &browsers {
        finish(browser)?;
    }
    if let Some(kit) = kits.iter().find(|kit| kit.missing().is_some()) {
        return Err(Trouble::Setup(SetupError::StillMissing(kit.name())));
    }
    let after = diagnose().map_err(Trouble::Code)?;
    let still = after
        .checks
        .iter()
        .find(|check| check.state == Availability::Missing && !planned.beyond.contains(&check.item));
    match still {
        Some(check) => Err(Trouble::Setup(SetupError::StillMissing(check.item.name()))),
        None => Ok(()),
    }
}

/// The adapters of these names that are not installed as this program has them. `all` are those that this machine can have.
fn adapters_of(names: &[&String]) -> Result<Vec<Adapter>, SetupError> {
    let all: Vec<&str> = adapters::names().collect();
    let mut found: Vec<Adapter> = Vec::new();
    for wanted in names {
        let chosen: Vec<&str> = if *wanted == "all" { all.clone() } else { vec![wanted] };
        for name in chosen {
            let unknown = || SetupError::NoAdapter { name: name.to_owned(), known: all.join(", ") };
            let adapter = adapters::find(name).ok_or_else(unknown)?;
            match adapter.impossible(std::env::consts::ARCH) {
                Some(_) if *wanted == "all" => continue,
                Some(reason) => return Err(SetupError::Processor(reason)),
                None => {}
            }
            if adapter.missing().is_some() && found.iter().all(|other| other.name != adapter.name) {
                found.push(adapter);
            }
        }
    }
    Ok(found)
}

/// The versions of browsers that these names mean and that are not there.
fn downloads_of(names: &[&String]) -> Result<Vec<Download>, SetupError> {
    let mut found: Vec<Download> = Vec::new();
    for wanted in names.iter().filter_map(|name| Wanted::parse(name)) {
        let Some(download) = Download::of(&wanted)? else { continue };
        if found.iter().all(|other| other.home != download.home) {
            found.push(download);
        }
    }
    Ok(found)
}

/// Notes that a version of a browser is there, if it runs and says that it is that one.
fn finish(browser: &Download) -> Result<(), Trouble> {
    let program = browser.build().browser.unwrap_or_default();
    let version = asking(doctor::version_of(&program)).map_err(Trouble::Code)?;
    if !version.is_some_and(|version| is_of_version(browser.upstream(), &version)) {
        return Err(Trouble::Setup(SetupError::NotRunning {
            name: browser.name.clone(),
            program: program.display().to_string(),
            version: browser.upstream().to_owned(),
        }));
    }
    browser.mark_installed().map_err(|error| Trouble::Setup(error.into()))
}

fn diagnose() -> Result<Diagnosis, u8> {
    asking(examine())
}

/// What comes of asking programs.
fn asking<T>(question: impl Future<Output = T>) -> Result<T, u8> {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => Ok(runtime.block_on(question)),
        Err(error) => {
            super::complain(error);
            Err(super::HARNESS_ERROR)
        }
    }
}
