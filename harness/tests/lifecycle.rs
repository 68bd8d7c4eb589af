//! However a run ends, no process and no scratch directory of it is left; and a broken browser costs its case only.
//!
//! The stand-in for a harness is this same test executable, started with a role in its environment.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "all of this file is test code, its helpers too"
)]

#[path = "common/children.rs"]
mod children;
#[path = "common/needs.rs"]
mod needs;

use children::{PEERPROOF, child};
use indexmap::IndexMap;
use needs::is_here;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use peerproof::network::fabric::packet::IpPacket;
use peerproof::network::fabric::topology::Preset;
use peerproof::network::fabric::{InterfaceId, Lost};
use peerproof::network::lab::{Host, Lab, Passed, Watch, hosts_of};
use peerproof::network::rule::Decision;
use peerproof::peers::browser::{Browsers, Build, Config, Kind};
use peerproof::peers::protocol::Command as Stated;
use peerproof::peers::{CaseClock, Opened, Surroundings};
use peerproof::process::{Owned, SCRATCH_VARIABLE, Spec, sweep};
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::Answer;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

const ROLE: &str = "PEERPROOF_TEST_ROLE";
/// A program with a child, a grandchild that fled into another session, and one that ignores SIGTERM.
const FAMILY: &str = "sleep 1000 & setsid sh -c 'sleep 1000 & sleep 1000' & (trap '' TERM; sleep 1000; sleep 1000) & echo ready; wait";

fn build(kind: &str) -> Build {
    Build::of_this_machine(Kind::named(kind).unwrap())
}

fn in_runtime(test: impl Future<Output = ()>) {
    tokio::runtime::Runtime::new().unwrap().block_on(test);
}

fn family(scratch: &Path) -> Spec {
    Spec { scratch: scratch.to_owned(), ..child("/bin/sh", ["-c", FAMILY]) }
}

fn read(pid: i32, file: &str) -> String {
    let bytes = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', "\n")
}

fn processes() -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").unwrap();
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Processes that belong to a scratch directory, supervisors included.
fn belonging_to(scratch: &Path) -> Vec<i32> {
    let mark = format!("{SCRATCH_VARIABLE}={}\n", scratch.display());
    let named = format!("--scratch\n{}\n", scratch.display());
    let belongs = |pid: &i32| read(*pid, "environ").contains(&mark) || read(*pid, "cmdline").contains(&named);
    processes().into_iter().filter(belongs).collect()
}

/// Waits until the whole [`family`] is there: supervisor, shell, and six below it.
#[track_caller]
fn gathered(scratch: &Path) -> Vec<i32> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let family = belonging_to(scratch);
        if family.len() == 8 {
            return family;
        }
        assert!(Instant::now() < deadline, "{} of the family are there", family.len());
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn supervisor_of(scratch: &Path) -> Pid {
    let named = format!("supervisor\n--scratch\n{}\n", scratch.display());
    let pid = processes().into_iter().find(|&pid| read(pid, "cmdline").contains(&named)).unwrap();
    Pid::from_raw(pid)
}

#[track_caller]
fn nothing_is_left(scratches: &[PathBuf]) {
    let deadline = Instant::now() + Duration::from_secs(20);
    for scratch in scratches {
        loop {
            let left = belonging_to(scratch);
            if left.is_empty() && !scratch.exists() {
                break;
            }
            let names: Vec<String> = left.iter().map(|&pid| read(pid, "cmdline")).collect();
            assert!(Instant::now() < deadline, "left in {}: {names:?}", scratch.display());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Not a test of its own: what the executable does when it plays the harness.
#[test]
fn role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        if role == "browsers" {
            let browsers = Browsers::new(Config::new(PEERPROOF)).await.unwrap();
            let mut pages = Vec::new();
            for kind in ["chrome", "firefox"] {
                if let Ok(opened) = browsers
                    .open(&build(kind), kind, CaseClock::start(), &Surroundings::default(), None)
                    .await
                {
                    pages.push(opened);
                }
            }
            println!("\nready");
            tokio::time::sleep(Duration::from_secs(300)).await;
        }
        let scratch = Spec::fresh_scratch();
        let mut lab = Vec::new();
        let mut owned = if role.starts_with("lab") {
            let (hosts, owned) = family_in_lab(&scratch).await;
            lab = hosts;
            owned
        } else {
            Owned::spawn(&family(&scratch)).unwrap()
        };
        owned.ready(Duration::from_secs(20), |line| (line == "ready").then_some(())).await.unwrap();
        for host in &lab {
            println!("\nnamespace {}", network_of("thread-self", host));
        }
        println!("\nscratch {}\nready", scratch.display());
        match role.trim_start_matches("lab ") {
            "end" => owned.end().await,
            "drop" => drop(owned),
            "return" => {}
            "panic" => panic!("as wanted"),
            "hold" => tokio::time::sleep(Duration::from_secs(300)).await,
            other => panic!("no such role: {other}"),
        }
    });
}

/// Two hosts of a lab that runs, and the family of processes in one of them.
async fn family_in_lab(scratch: &Path) -> (Vec<Arc<Host>>, Owned) {
    struct Blind;
    impl Watch for Blind {
        fn decide(&mut self, _: InterfaceId, _: &IpPacket) -> Option<Decision> {
            None
        }
        fn passed(&mut self, _: &Passed<'_>) {}
        fn lost(&mut self, _: &Lost) {}
    }
    let topology = Preset::HomeNat.topology(&["alice", "bob"]);
    let mut hosts = IndexMap::new();
    for (name, interfaces) in hosts_of(&topology).unwrap() {
        hosts.insert(name, Host::new(&interfaces).await.unwrap());
    }
    let all: Vec<Arc<Host>> = hosts.values().cloned().collect();
    let lab = Lab::start(topology, hosts, 1, Box::new(Blind)).unwrap();
    // It lives until this process ends: nobody is going to stop it.
    std::mem::forget(lab);
    let (spec, runtime) = (family(scratch), tokio::runtime::Handle::current());
    let spawned = all[0].namespace().run_async(move || {
        let _entered = runtime.enter();
        Owned::spawn(&spec).unwrap()
    });
    (all.clone(), spawned.await.unwrap())
}

/// The number of the network namespace in which a host's thread is.
fn network_of(process: &'static str, host: &Host) -> u64 {
    host.namespace().run(move || std::fs::metadata(format!("/proc/{process}/ns/net")).unwrap().ino()).unwrap()
}

/// Whether any thread is in this namespace or any file descriptor holds it.
fn is_held(namespace: u64) -> bool {
    let name = format!("net:[{namespace}]");
    let links = |folder: String| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.filter_map(|entry| std::fs::read_link(entry.path()).ok()).collect::<Vec<_>>()
    };
    let is_it = |path: &PathBuf| path.to_string_lossy() == name;
    processes().into_iter().any(|pid| {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        tasks
            .map(|task| task.path().join("ns/net"))
            .any(|net| std::fs::read_link(net).is_ok_and(|to| is_it(&to)))
            || links(format!("/proc/{pid}/fd")).iter().any(is_it)
    })
}

/// Starts this executable in a role, in a process group of its own, and waits until it is ready.
fn play(role: &str) -> (Child, Vec<PathBuf>) {
    let (child, scratches, _) = play_in_lab(role);
    (child, scratches)
}

/// The same, with the namespaces that the role made.
fn play_in_lab(role: &str) -> (Child, Vec<PathBuf>, Vec<u64>) {
    let mut namespaces = Vec::new();
    // A shell without job control has its background jobs ignore SIGINT, and what they start inherits that.
    let mut child = Command::new("env")
        .arg("--default-signal=INT")
        .arg(std::env::current_exe().unwrap())
        .args(["role", "--exact", "--nocapture"])
        .env(ROLE, role)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut scratches = Vec::new();
    loop {
        let line = lines.next().expect("the role ended before it was ready").unwrap();
        if let Some(scratch) = line.strip_prefix("scratch ") {
            scratches.push(PathBuf::from(scratch));
        }
        namespaces.extend(line.strip_prefix("namespace ").map(|number| number.parse::<u64>().unwrap()));
        if line == "ready" {
            break;
        }
    }
    // Keep reading, or its output would break it.
    std::thread::spawn(move || lines.for_each(drop));
    if role == "browsers" {
        let mine = format!("peerproof-scratch-{}-", child.id());
        let entries = std::fs::read_dir(std::env::temp_dir()).unwrap().flatten();
        scratches
            .extend(entries.map(|entry| entry.path()).filter(|path| path.to_string_lossy().contains(&mine)));
    }
    (child, scratches, namespaces)
}

fn ends_by_itself(role: &str) {
    let (mut child, scratches) = play(role);
    assert_eq!(scratches.len(), 1);
    child.wait().unwrap();
    nothing_is_left(&scratches);
}

fn ends_by(signal: Signal, group: bool) {
    let (mut child, scratches) = play("hold");
    gathered(&scratches[0]);
    assert!(scratches[0].join("home").is_dir());
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    if group {
        killpg(pid, signal).unwrap();
    } else {
        kill(pid, signal).unwrap();
    }
    child.wait().unwrap();
    nothing_is_left(&scratches);
}

#[test]
fn nothing_is_left_after_an_orderly_end() {
    ends_by_itself("end");
}

#[test]
fn nothing_is_left_after_a_drop() {
    ends_by_itself("drop");
}

#[test]
fn nothing_is_left_when_the_harness_returns() {
    ends_by_itself("return");
}

#[test]
fn nothing_is_left_when_the_harness_panics() {
    ends_by_itself("panic");
}

#[test]
fn nothing_is_left_when_the_harness_is_terminated() {
    ends_by(Signal::SIGTERM, false);
}

#[test]
fn nothing_is_left_after_an_interrupt_from_the_terminal() {
    ends_by(Signal::SIGINT, true);
}

#[test]
fn nothing_is_left_when_the_harness_is_killed() {
    ends_by(Signal::SIGKILL, false);
}

#[test]
fn nothing_of_a_lab_is_left_however_its_harness_ends() {
    if !is_here("lab") {
        return;
    }
    for (role, signal) in [
        ("lab end", None),
        ("lab panic", None),
        ("lab hold", Some(Signal::SIGINT)),
        ("lab hold", Some(Signal::SIGKILL)),
    ] {
        let (mut child, scratches, namespaces) = play_in_lab(role);
        assert_eq!(namespaces.len(), 2, "{role}");
        if let Some(signal) = signal {
            assert!(namespaces.iter().all(|namespace| is_held(*namespace)), "{role}");
            kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
        }
        child.wait().unwrap();
        nothing_is_left(&scratches);
        // A device lives in a namespace, and a namespace only as long as somebody is in it or holds it: a process that has no environment
        // any more, but has not ended yet, may do so.
        let deadline = Instant::now() + Duration::from_secs(20);
        while namespaces.iter().any(|namespace| is_held(*namespace)) {
            assert!(Instant::now() < deadline, "{role}");
            std::thread::sleep(Duration::from_millis(20));
        }
        let named = std::fs::read_dir("/run/netns").map_or(0, Iterator::count);
        assert_eq!(named, 0, "{role}");
    }
}

#[test]
fn nothing_of_real_browsers_is_left_when_the_harness_is_killed() {
    let (mut child, scratches) = play("browsers");
    for scratch in &scratches {
        assert!(!belonging_to(scratch).is_empty());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    nothing_is_left(&scratches);
}

#[test]
fn a_terminated_supervisor_cleans_up_and_the_program_counts_as_ended() {
    in_runtime(async {
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
            let scratch = Spec::fresh_scratch();
            let mut owned = Owned::spawn(&family(&scratch)).unwrap();
            owned.ready(Duration::from_secs(20), |line| (line == "ready").then_some(())).await.unwrap();
            gathered(&scratch);
            kill(supervisor_of(&scratch), signal).unwrap();
            tokio::time::timeout(Duration::from_secs(20), owned.wait()).await.unwrap().unwrap();
            nothing_is_left(&[scratch]);
        }
    });
}

#[test]
fn a_killed_supervisor_is_replaced_by_a_sweep() {
    in_runtime(async {
        let scratch = Spec::fresh_scratch();
        let mut owned = Owned::spawn(&family(&scratch)).unwrap();
        owned.ready(Duration::from_secs(20), |line| (line == "ready").then_some(())).await.unwrap();
        gathered(&scratch);
        kill(supervisor_of(&scratch), Signal::SIGKILL).unwrap();
        tokio::time::timeout(Duration::from_secs(20), owned.wait()).await.unwrap().unwrap();
        nothing_is_left(&[scratch]);
    });
}

#[test]
fn what_a_killed_harness_with_a_killed_supervisor_left_is_swept_by_the_next_start() {
    let (mut child, scratches) = play("hold");
    gathered(&scratches[0]);
    let supervisor = supervisor_of(&scratches[0]);
    // The supervisor must not see the line close before it dies itself.
    kill(supervisor, Signal::SIGSTOP).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    kill(supervisor, Signal::SIGKILL).unwrap();
    while read(supervisor.as_raw(), "cmdline").contains("supervisor") {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(scratches[0].exists());
    sweep::stale();
    nothing_is_left(&scratches);
}

#[test]
fn the_stale_sweep_spares_what_has_a_living_supervisor() {
    in_runtime(async {
        let scratch = Spec::fresh_scratch();
        let mut owned = Owned::spawn(&family(&scratch)).unwrap();
        owned.ready(Duration::from_secs(20), |line| (line == "ready").then_some(())).await.unwrap();
        let before = gathered(&scratch);
        tokio::task::spawn_blocking(sweep::stale).await.unwrap();
        assert_eq!(belonging_to(&scratch), before);
        assert!(scratch.exists());
        owned.end().await;
        nothing_is_left(&[scratch]);
    });
}

#[test]
fn the_stale_sweep_spares_what_another_version_of_the_supervisor_owns() {
    let scratch = Spec::fresh_scratch();
    std::fs::create_dir(&scratch).unwrap();
    // Its role has another name there: the shell takes the file that is named so for its script.
    let role = scratch.join("another-role");
    std::fs::write(&role, "read line\n").unwrap();
    let mut other = Command::new("sh")
        .arg(&role)
        .arg("--scratch")
        .arg(&scratch)
        .env(SCRATCH_VARIABLE, &scratch)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    sweep::stale();
    assert!(role.exists());
    assert_eq!(other.try_wait().unwrap(), None);
    drop(other.stdin.take());
    other.wait().unwrap();
    sweep::stale();
    nothing_is_left(&[scratch]);
}

#[test]
fn a_program_that_talks_lives_as_long_as_its_line() {
    in_runtime(async {
        let scratch = Spec::fresh_scratch();
        let spec = Spec { program: "cat".into(), args: Vec::new(), talks: true, ..family(&scratch) };
        let mut owned = Owned::spawn(&spec).unwrap();
        let (mut input, output) = owned.talk().unwrap();
        assert!(owned.talk().is_none());
        let mut output = tokio::io::BufReader::new(output).lines();
        for said in ["before", "after"] {
            input.write_all(format!("{said}\n").as_bytes()).await.unwrap();
            assert_eq!(output.next_line().await.unwrap().as_deref(), Some(said));
            tokio::task::spawn_blocking(sweep::stale).await.unwrap();
        }
        drop(input);
        assert!(owned.wait().await.unwrap().success());
        assert_eq!(output.next_line().await.unwrap(), None);
        nothing_is_left(&[scratch]);

        // One that does not read, and whose line is still open elsewhere, ends all the same.
        let scratch = Spec::fresh_scratch();
        let args = vec!["-c".into(), "trap '' TERM; exec sleep 1000".into()];
        let mut owned = Owned::spawn(&Spec { talks: true, args, ..family(&scratch) }).unwrap();
        let line = owned.talk().unwrap();
        owned.end().await;
        drop(line);
        nothing_is_left(&[scratch]);
    });
}

#[test]
fn a_program_that_ends_takes_its_children_with_it_and_gives_its_code() {
    in_runtime(async {
        let scratch = Spec::fresh_scratch();
        let mut spec = family(&scratch);
        spec.args = vec!["-c".into(), "sleep 1000 & exit 7".into()];
        let mut owned = Owned::spawn(&spec).unwrap();
        assert_eq!(owned.wait().await.unwrap().code(), Some(7));
        nothing_is_left(&[scratch]);
    });
}

#[test]
fn a_program_that_cannot_be_started_says_why() {
    in_runtime(async {
        let scratch = Spec::fresh_scratch();
        let mut spec = family(&scratch);
        spec.program = "/nonexistent/browser".into();
        let mut owned = Owned::spawn(&spec).unwrap();
        let error = owned.ready(Duration::from_secs(20), |_| None::<()>).await.unwrap_err().to_string();
        assert!(error.contains("cannot start /nonexistent/browser"), "{error}");
        nothing_is_left(&[scratch]);
    });
}

/// The main process of a browser of this test process, by its profile in the scratch directory.
fn main_process(kind: &str) -> Pid {
    let profile = format!("/peerproof-scratch-{}-", std::process::id());
    let is_main = |pid: &i32| {
        let line = read(*pid, "cmdline");
        let mine = line.contains(&profile);
        match kind {
            "chrome" => mine && line.contains("--user-data-dir=") && !line.contains("--type="),
            _ => mine && line.contains("-profile\n") && !line.contains("-contentproc"),
        }
    };
    Pid::from_raw(processes().into_iter().find(is_main).unwrap())
}

fn descendants(root: Pid) -> Vec<Pid> {
    let parent = |pid: i32| {
        let stat = read(pid, "stat");
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    let is_below = |pid: &i32| {
        let mut at = Some(*pid);
        while let Some(pid) = at.filter(|&pid| pid > 1) {
            at = parent(pid);
            if at == Some(root.as_raw()) {
                return true;
            }
        }
        false
    };
    processes().into_iter().filter(is_below).map(Pid::from_raw).collect()
}

async fn open(browsers: &Browsers, kind: &str) -> Option<Opened> {
    if !is_here(kind) {
        return None;
    }
    let opened =
        browsers.open(&build(kind), "alice", CaseClock::start(), &Surroundings::default(), None).await;
    Some(opened.unwrap_or_else(|error| panic!("{error}")))
}

/// One browser after the other, so that each finds its own process.
#[test]
fn a_broken_browser_is_reported_once_and_replaced() {
    in_runtime(async {
        let mut config = Config::new(PEERPROOF);
        config.answer_deadline = Duration::from_secs(3);
        for kind in ["chrome", "firefox"] {
            let browsers = Browsers::new(config.clone()).await.unwrap();
            for signal in [Signal::SIGKILL, Signal::SIGSTOP] {
                let Some(mut broken) = open(&browsers, kind).await else { break };
                let victim = main_process(kind);
                kill(victim, signal).unwrap();
                // A page can be a process of its own, which goes on while the main one stands still.
                for page in descendants(victim).into_iter().filter(|_| signal == Signal::SIGSTOP) {
                    kill(page, signal).unwrap();
                }
                // A page may outlive its killed browser by a moment, and still answer.
                let deadline = Instant::now() + Duration::from_secs(20);
                while !matches!(broken.peer.call(Stated::GetState).await, Answer::Lost { .. }) {
                    assert!(Instant::now() < deadline, "{kind} still answers after {signal}");
                }
                let last = broken.events.recv().await.unwrap().event;
                assert!(matches!(last, PeerEvent::Lost { .. }), "{last:?}");
                assert!(broken.events.recv().await.is_none(), "reported once");
                broken.peer.end().await;
                let next = open(&browsers, kind).await.unwrap();
                assert!(matches!(next.peer.call(Stated::Hello).await, Answer::Ok(_)));
                // The broken one is ended in the background.
                while !read(victim.as_raw(), "cmdline").is_empty() {
                    assert!(Instant::now() < deadline + Duration::from_secs(20), "{victim} is still there");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                assert_ne!(main_process(kind), victim);
                next.peer.end().await;
            }
            browsers.shutdown().await;
        }
    });
}
