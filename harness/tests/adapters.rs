//! The adapters of this repository, each with Chrome in both roles and tried alone; the guide that leads to one; and the oldest versions of
//! the browsers that are installed beside the system's, with the stack. What is not installed (`peerproof setup --peers NAME`) is skipped
//! with a line that says so, or fails the test if `PEERPROOF_REQUIRE` names it.

#![expect(clippy::unwrap_used, reason = "all of this file is test code, its helpers too")]

use crate::needs::is_here;
use peerproof::adapters;
use peerproof::judge;
use peerproof::versions::{Wanted, debian::upstream};
use peerproof_conformance::claims::marks::Known;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Plays what the arguments of `run` choose with an implementation. What it printed, and `run.json`.
fn run(name: &str, args: &[&str]) -> (String, serde_json::Value) {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let output = tempfile::tempdir().unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_peerproof"))
        .arg("run")
        .args(args)
        .args(["--with", name])
        .arg("--scenarios")
        .arg(scenarios)
        .arg("--output")
        .arg(output.path())
        .env_remove("PEERPROOF_REQUIRE")
        .env("INSTA_UPDATE", "no")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{name}: {printed}");
    let run = std::fs::read(output.path().join("run.json")).unwrap();
    are_known(output.path());
    (printed, serde_json::from_slice(&run).unwrap())
}

/// Whether the marks that the peers of a run show are those by which their implementations are known. The example is aiortc under a name of
/// its own.
fn are_known(run: &Path) {
    let shown = judge::records(
        run,
        |_| true,
        |record| {
            let mut shown = Known::default();
            shown.add(&record);
            shown
        },
    );
    let shown = shown.unwrap().into_iter().flat_map(|shown| shown.0);
    for (name, shown) in shown.filter(|(name, _)| name != "example") {
        for (mark, values) in shown.marks {
            let known = Known::embedded().0.get(&name).and_then(|known| known.marks.get(&mark));
            let is_known = known.is_some_and(|known| values.is_subset(known));
            assert!(
                is_known,
                "{name}: {mark:?} {values:?} is not in conformance/marks.json (cargo xtask marks RUN)"
            );
        }
    }
}

/// The archive moves on: the names say no number, so that what is required is always available.
#[test]
fn the_oldest_version_of_each_browser_is_the_one_that_plays() {
    for name in ["chrome@oldest", "firefox@oldest"] {
        let wanted = Wanted::parse(name).unwrap();
        if !is_here(name) || !is_here(wanted.kind.name()) {
            continue;
        }
        let installed = wanted.installed().unwrap();
        let plays = installed.name();
        let peers = format!("stack,{name}");
        let (printed, run) = run(name, &["data/echo/", "--peers", &peers]);
        let mut cases: Vec<&str> =
            run["cases"].as_array().unwrap().iter().map(|case| case["name"].as_str().unwrap()).collect();
        cases.sort_unstable();
        let (with_stack, alone) = (format!("data/echo/{plays}-stack"), format!("data/echo/{plays}-{plays}"));
        assert_eq!(cases, [alone, with_stack, format!("data/echo/stack-{plays}")], "{printed}");
        for case in run["cases"].as_array().unwrap() {
            assert_eq!(case["verdict"]["outcome"], "pass", "{printed}");
            for peer in case["peers"].as_array().unwrap().iter().filter(|peer| peer["named"] == *plays) {
                assert_eq!(peer["version"], upstream(&installed.version), "{printed}");
            }
        }
    }
}

#[test]
fn each_adapter_connects_with_chrome() {
    let names: Vec<&str> = adapters::names().filter(|name| is_here(name)).collect();
    if !is_here("chrome") || names.is_empty() {
        return;
    }
    let filters = names.iter().flat_map(|name| {
        ["data/echo", "ice/non-trickle"].into_iter().flat_map(move |scenario| {
            [format!("{scenario}/chrome-{name}"), format!("{scenario}/{name}-chrome")]
        })
    });
    let filters: Vec<String> = filters.collect();
    let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
    // In one run, so that all play with one Chrome.
    let (printed, run) = run(&names.join(","), &filters);
    let cases = run["cases"].as_array().unwrap();
    assert_eq!(cases.len(), filters.len(), "{printed}");
    for name in &names {
        // Some cannot offer, some have no messages of their own; at least one pass shows that it was there at all.
        let passes = |case: &&serde_json::Value| {
            case["verdict"]["outcome"] == "pass"
                && case["name"].as_str() == Some(&format!("ice/non-trickle/chrome-{name}"))
        };
        assert_eq!(cases.iter().filter(passes).count(), 1, "{name}: {printed}");
    }
    println!("{} adapters were played", names.len());
}

/// What `adapter check` finds are violations of the protocol; what an implementation does otherwise than the standards ask is none.
#[test]
fn no_adapter_violates_the_protocol() {
    // All at once: they wait for each other's peers most of the time.
    std::thread::scope(|scope| {
        for name in adapters::names().filter(|name| is_here(name)) {
            scope.spawn(move || {
                let adapter = adapters::find(name).unwrap();
                let command = adapter.manifest.program.iter().map(|word| adapter.fill(word));
                let done = Command::new(env!("CARGO_BIN_EXE_peerproof"))
                    .args(["adapter", "check", "--"])
                    .args(command)
                    .output()
                    .unwrap();
                let printed = String::from_utf8_lossy(&done.stdout);
                assert_eq!(done.status.code(), Some(0), "{name}: {printed}");
                assert!(printed.contains("no violation of the protocol"), "{name}: {printed}");
            });
        }
    });
}

/// What the guide of docs/adapters.md has one write and enter, in its order: the configuration, and the commands.
fn guide() -> (String, Vec<String>) {
    let path = repository().join("docs/adapters.md");
    let text = std::fs::read_to_string(path).unwrap();
    let part =
        text.split("\n## ").find(|part| part.starts_with("From nothing to the first passing case")).unwrap();
    let (mut configuration, mut commands) = (String::new(), Vec::new());
    for block in part.split("\n\n") {
        let lines: Option<Vec<&str>> = block.lines().map(|line| line.strip_prefix("       ")).collect();
        let Some(lines) = lines else { continue };
        if lines.iter().any(|line| line.starts_with("[implementations.")) {
            configuration = lines.join("\n");
            continue;
        }
        // Where a prompt is shown, what follows without one is what is printed.
        let prompts = lines.iter().any(|line| line.starts_with("$ "));
        let entered =
            lines.into_iter().filter_map(|line| if prompts { line.strip_prefix("$ ") } else { Some(line) });
        commands.extend(entered.map(str::to_owned));
    }
    (configuration, commands)
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The commands are those of the document, in an empty folder. What pip would install is there already, and the last one plays everything.
#[test]
fn the_guide_leads_to_passing_cases() {
    let code = std::fs::read_to_string(repository().join("harness/adapters/example/adapter.py")).unwrap();
    assert!(code.lines().count() < 150);
    let (configuration, mut commands) = guide();
    assert_eq!(commands.pop().as_deref(), Some("peerproof run --with example"));
    let [install, copy, ..] = commands.as_slice() else { panic!("{commands:?}") };
    assert_eq!(install, "python3 -m venv venv && venv/bin/pip install aiortc");
    assert!(copy.starts_with("cp ") && commands.len() == 6, "{commands:?}");
    if !["example", "chrome"].into_iter().all(is_here) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    symlink(adapters::find("example").unwrap().home().join("venv"), folder.path().join("venv")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_peerproof")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let repository = repository().display().to_string();
    for command in commands.iter().skip(1) {
        // The configuration is written before the scenario that needs it.
        if command.ends_with("--with example") {
            std::fs::write(folder.path().join("peerproof.toml"), &configuration).unwrap();
        }
        let done = Command::new("sh")
            .args(["-c", &command.replace('…', &repository)])
            .current_dir(folder.path())
            .env("PATH", &path)
            .env_remove("PEERPROOF_REQUIRE")
            .output()
            .unwrap();
        let printed =
            String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{command}: {printed}");
        let wanted = match command {
            it if it.contains("hello") => "\"implementation\": \"example\"",
            it if it.contains("adapter check") => "no violation of the protocol",
            it if it.contains(" run ") => "all as expected",
            _ => "",
        };
        assert!(printed.contains(wanted), "{command}: {printed}");
    }
}
