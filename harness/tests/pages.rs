//! Browsers that somebody opens, without WebDriver: `peerproof run` prints a URL, and Chromium is started with it as a person would. Where
//! it is not installed that is skipped with a line that says so, or fails the test if `PEERPROOF_REQUIRE` names it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "all of this file is test code, its helpers too"
)]

use crate::children::{PEERPROOF, child};
use crate::needs::is_here;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use peerproof::process::{Owned, Spec};
use peerproof::tools::Tool;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// For what must come. Nothing waits this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// A run that goes on, and what it has said.
struct Run {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    said: String,
    output: tempfile::TempDir,
}

impl Run {
    fn begin(scenarios: &Path, args: &[&str]) -> Self {
        let output = tempfile::tempdir().unwrap();
        let mut child = Command::new(PEERPROOF)
            .arg("run")
            .args(args)
            .arg("--scenarios")
            .arg(scenarios)
            .arg("--output")
            .arg(output.path().join("run"))
            .current_dir(output.path())
            .env_remove("PEERPROOF_REQUIRE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines, said: String::new(), output }
    }

    /// Reads on until a line holds this.
    async fn until(&mut self, wanted: &str) -> String {
        let found = tokio::time::timeout(PATIENCE, async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                self.said += &line;
                self.said.push('\n');
                if line.contains(wanted) {
                    return Some(line);
                }
            }
            None
        });
        found.await.ok().flatten().unwrap_or_else(|| panic!("no {wanted:?} in {}", self.said))
    }

    /// The URL in the line by which it asks for a browser.
    async fn url(&mut self, asks: &str) -> String {
        let line = self.until(asks).await;
        line.split(' ').find(|word| word.starts_with("http://")).expect("an URL").to_owned()
    }

    /// Waits until the peers of a case are connected.
    async fn connects(&self, case: &str) {
        let timeline = self.output.path().join("run/cases").join(case).join("timeline.jsonl");
        let begun = Instant::now();
        let printed = || std::fs::read_to_string(&timeline).unwrap_or_default();
        while !printed()
            .lines()
            .any(|it| it.contains("connectionstatechange") && it.contains("\"connected\""))
        {
            assert!(begun.elapsed() < PATIENCE, "{}", printed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ctrl-C.
    fn interrupt(&self) {
        kill(Pid::from_raw(self.child.id().unwrap().try_into().unwrap()), Signal::SIGINT).unwrap();
    }

    /// Its exit code, all that it said, and its cases by name.
    async fn end(mut self) -> (Option<i32>, String, Vec<(String, Value)>) {
        let over = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                self.said += &line;
                self.said.push('\n');
            }
            self.child.wait_with_output().await.unwrap()
        };
        let output = tokio::time::timeout(PATIENCE, over).await.expect("the run ends");
        let said = self.said + &String::from_utf8_lossy(&output.stderr);
        let report =
            std::fs::read(self.output.path().join("run/run.json")).unwrap_or_else(|_| b"{}".to_vec());
        let report: Value = serde_json::from_slice(&report).unwrap();
        let cases = report["cases"].as_array().cloned().unwrap_or_default();
        let named = cases.into_iter().map(|case| (case["name"].as_str().unwrap().to_owned(), case)).collect();
        (output.status.code(), said, named)
    }
}

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
}

/// What a person does: Chromium with a profile of its own and this page. No driver, no permissions, no fake devices.
fn open(url: &str) -> Owned {
    let args = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
    ];
    let spec = child(Tool::Chrome.find().unwrap(), args);
    let profile = format!("--user-data-dir={}", spec.scratch.join("profile").display());
    let more = [profile.as_str(), url].map(Into::into);
    let args = spec.args.iter().cloned().chain(more).collect();
    Owned::spawn(&Spec { args, ..spec }).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_somebody_opens_plays_in_both_roles() {
    if !is_here("chrome") {
        return;
    }
    let names = [
        "data/echo/mobile-stack",
        "data/echo/stack-mobile",
        "data/echo-binary/mobile-stack",
        "data/echo-binary/stack-mobile",
        "media/camera-constraints/mobile-stack",
        "media/permission-denied/mobile-stack",
        "network/home-nat/mobile-stack",
    ];
    let mut args = names.to_vec();
    args.extend(["--page", "mobile=chrome", "--with", "mobile", "--jobs", "2"]);
    let mut run = Run::begin(&scenarios(), &args);
    let url = run.url("open http").await;
    assert!(url.starts_with("http://localhost:") && url.contains("/?token="), "{url}");
    let browser = open(&url);
    run.until("mobile connected: chrome ").await;
    let (code, said, cases) = run.end().await;
    browser.end().await;
    assert_eq!((code, cases.len()), (Some(0), names.len()), "{said}");
    for (name, case) in &cases {
        let (outcome, sentence) =
            (&case["verdict"]["outcome"], case["verdict"]["sentence"].as_str().unwrap());
        if name.starts_with("data/") {
            assert_eq!(outcome, "pass", "{name}: {sentence}\n{said}");
        } else {
            assert_eq!(outcome, "unsupported", "{name}: {sentence}\n{said}");
        }
        let why = match name.split('/').nth(1).unwrap() {
            "camera-constraints" => "this browser's permissions or devices",
            "permission-denied" => "only its user can deny it",
            // Or there is no lab on this machine.
            "home-nat" => "lab",
            _ => "",
        };
        assert!(sentence.contains(why), "{name}: {sentence}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_closed_costs_its_case_and_may_be_opened_again() {
    if !is_here("chrome") {
        return;
    }
    let scenarios = tempfile::tempdir().unwrap();
    std::fs::create_dir(scenarios.path().join("data")).unwrap();
    // The first one waits for what never comes.
    let wait = ", { alice: { await: { connectionState: failed }, within: 100s } }";
    for (name, then) in [("a-waits", wait), ("b-after", "")] {
        let text = format!(
            "title: t\ntimeout: 110s\npeers:\n  alice: {{ role: offerer }}\n  bob: {{ role: answerer }}\n\
             steps: [{{ alice: {{ createDataChannel: {{ label: x }} }} }}, {{ connect: {{}} }}{then}]\n"
        );
        std::fs::write(scenarios.path().join(format!("data/{name}.yaml")), text).unwrap();
    }
    let args = ["mobile-stack", "--page", "mobile=chrome", "--with", "mobile", "--jobs", "1"];
    let mut run = Run::begin(scenarios.path(), &args);
    let url = run.url("open http").await;
    let browser = open(&url);
    run.until("mobile connected: chrome ").await;
    run.connects("data/a-waits/mobile-stack").await;
    browser.end().await;
    let again = run.url("the page of mobile is closed").await;
    assert_eq!(again, url);
    let browser = open(&again);
    let (code, said, cases) = run.end().await;
    browser.end().await;
    assert_eq!((code, cases.len()), (Some(3), 2), "{said}");
    let verdict = |n: usize| &cases[n].1["verdict"];
    assert_eq!(verdict(0)["outcome"], "harness-error", "{said}");
    assert_eq!(verdict(0)["side"], "alice", "{said}");
    assert!(verdict(0)["sentence"].as_str().unwrap().contains("alice was lost"), "{said}");
    assert_eq!(verdict(1)["outcome"], "pass", "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_comes() {
    let args = ["data/echo/mobile-stack", "--page", "mobile=chrome", "--page-wait", "1"];
    let (code, said, cases) = Run::begin(&scenarios(), &args).end().await;
    assert_eq!((code, cases.len()), (Some(3), 0), "{said}");
    assert!(said.contains("error: mobile: http://localhost:"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_browser_than_expected_is_turned_away_and_ctrl_c_ends_the_waiting() {
    if !is_here("chrome") {
        return;
    }
    let mut run = Run::begin(&scenarios(), &["data/echo/mobile-stack", "--page", "mobile=firefox"]);
    let url = run.url("open http").await;
    let browser = open(&url);
    run.until("this browser identifies as chrome, expected firefox").await;
    run.interrupt();
    let (code, said, cases) = run.end().await;
    browser.end().await;
    assert_eq!((code, cases.len()), (Some(4), 0), "{said}");
    assert!(said.contains("stopping") && !said.contains("was not opened"), "{said}");
}
