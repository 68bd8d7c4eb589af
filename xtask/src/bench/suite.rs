//! `cargo xtask bench suite`: what Peerproof costs over the bare operations, and how long the whole suite takes.
//!
//! The bare loop does in one page (for the stack: in one process) what `data/echo` does: two connections, a channel, offer and
//! answer, trickled candidates, a message there and back, statistics of both, close.

use super::{median, peerproof};
use anyhow::Context;
use peerproof::peers::browser::{Browsers, Build, Config, Kind};
use peerproof_stack::connection::{ChannelEvent, ChannelInit, Event, Options, PeerConnection};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The loop in a page. It calls back with the milliseconds of each round, or with what went wrong.
const BARE: &str = include_str!("bare.js");

/// How many milliseconds a case may take beyond the bare loop.
const OVERHEAD_MS: f64 = 60.0;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Rounds of the bare loop and of the case
    #[arg(long, default_value_t = 20)]
    rounds: u32,
    /// Leave out the whole suite
    #[arg(long)]
    only_cases: bool,
    /// Measure this executable; otherwise the release build, which is brought up to date first
    #[arg(long, value_name = "FILE")]
    executable: Option<PathBuf>,
}

#[expect(clippy::print_stdout, reason = "a chore prints its measurements")]
pub(crate) fn run(root: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let executable = match &arguments.executable {
        Some(executable) => executable.canonicalize()?,
        None => peerproof(root)?,
    };
    let scratch = root.join("target/bench-suite");
    let runtime = tokio::runtime::Runtime::new()?;
    println!(
        "data/echo, one at a time, median of {} rounds; the goal is bare + {OVERHEAD_MS} ms",
        arguments.rounds
    );
    for kind in ["stack", "chrome", "firefox"] {
        let bare = runtime.block_on(bare(kind, &executable, arguments.rounds))?;
        let bare = median(&bare).context("the bare loop gave no time")?;
        let pair = format!("data/echo/{kind}-{kind}");
        let rounds = arguments.rounds.to_string();
        let report = play(&executable, root, &scratch, &[&pair, "--jobs", "1", "--repeat", &rounds])?;
        let case = median(&durations(&report)).context("the case gave no time")?;
        let goal = bare + OVERHEAD_MS;
        let kept = if case <= goal { "kept" } else { "missed" };
        println!("  {pair:<28} bare {bare:>6.1} ms   case {case:>6.1} ms   goal {goal:>6.1} ms   {kept}");
    }
    if arguments.only_cases {
        return Ok(());
    }
    for (what, args) in [("stack to stack", &["--peers", "stack"][..]), ("the whole suite", &[][..])] {
        let begun = Instant::now();
        let report = play(&executable, root, &scratch, args)?;
        let took = begun.elapsed().as_secs_f64();
        let cases = report.get("cases").and_then(Value::as_array).map_or(0, Vec::len);
        // Machines differ by a factor of three: a commit is compared with another one by `bench fresh --suite --base`.
        println!("{what}: {cases} cases in {took:.1} s, {:.0} ms a case", took * 1e3 / cases.max(1) as f64);
    }
    Ok(())
}

/// Plays cases and gives the run's report.
fn play(executable: &Path, root: &Path, scratch: &Path, args: &[&str]) -> anyhow::Result<Value> {
    let output: PathBuf = scratch.join("run");
    if output.exists() {
        std::fs::remove_dir_all(&output)?;
    }
    let status = Command::new(executable)
        .arg("run")
        .args(args)
        .arg("--output")
        .arg(&output)
        .current_dir(root)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    let report = std::fs::read(output.join("run.json"))
        .with_context(|| format!("peerproof run {args:?} ended with {status} and left no report"))?;
    anyhow::ensure!(status.success(), "peerproof run {args:?} ended with {status}: see {}", output.display());
    Ok(serde_json::from_slice(&report)?)
}

/// Milliseconds of each case.
fn durations(report: &Value) -> Vec<f64> {
    let cases = report.get("cases").and_then(Value::as_array);
    let duration = |case: &Value| case.get("duration_us").and_then(Value::as_f64);
    cases.into_iter().flatten().filter_map(duration).map(|us| us / 1_000.0).collect()
}

/// Milliseconds of each round of the bare loop.
async fn bare(kind: &str, executable: &Path, rounds: u32) -> anyhow::Result<Vec<f64>> {
    if kind == "stack" {
        let mut times = Vec::new();
        for _ in 0..rounds {
            let begun = Instant::now();
            Box::pin(bare_stack()).await?;
            times.push(begun.elapsed().as_secs_f64() * 1_000.0);
        }
        return Ok(times);
    }
    let browsers = Browsers::new(Config::new(executable)).await?;
    let script = format!("const rounds = {rounds};\n{BARE}");
    let kind = Kind::named(kind).with_context(|| format!("there is no browser {kind}"))?;
    let answer = browsers.evaluate(&Build::of_this_machine(kind), &script).await;
    browsers.shutdown().await;
    let answer = answer?;
    let times = answer.as_array().with_context(|| format!("the loop in {} failed: {answer}", kind.name()))?;
    Ok(times.iter().filter_map(Value::as_f64).collect())
}

async fn bare_stack() -> anyhow::Result<()> {
    let (alice, mut at_alice) = PeerConnection::new(Options::default()).await?;
    let (bob, mut at_bob) = PeerConnection::new(Options::default()).await?;
    let init = ChannelInit { label: "chat".to_owned(), ..ChannelInit::default() };
    let channel = alice.create_data_channel(&init).await?;
    let offer = alice.create_offer(false).await?;
    alice.set_local_description(Some(offer.clone())).await?;
    bob.set_remote_description(offer).await?;
    let answer = bob.create_answer().await?;
    bob.set_local_description(Some(answer.clone())).await?;
    alice.set_remote_description(answer).await?;
    loop {
        tokio::select! {
            Some(reported) = at_alice.recv() => match reported.event {
                Event::IceCandidate(candidate @ Some(_)) => bob.add_ice_candidate(candidate).await?,
                Event::Channel(_, ChannelEvent::Open) => channel.send_text("Hello!").await?,
                Event::Channel(_, ChannelEvent::Message { .. }) => break,
                _ => {}
            },
            Some(reported) = at_bob.recv() => match reported.event {
                Event::IceCandidate(candidate @ Some(_)) => alice.add_ice_candidate(candidate).await?,
                Event::Channel(channel, ChannelEvent::Message { .. }) => channel.send_text("Hello!").await?,
                _ => {}
            },
            else => anyhow::bail!("both peers fell silent"),
        }
    }
    alice.stats().await;
    bob.stats().await;
    alice.close().await?;
    bob.close().await?;
    Ok(())
}
