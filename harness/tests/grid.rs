//! Browsers behind a Selenium Grid: a hub and two nodes on loopback, for Chrome and Firefox. Where it is not installed
//! (`peerproof setup --tests`) that is skipped with a line that says so, or fails the test if `PEERPROOF_REQUIRE` names it.

#![expect(clippy::unwrap_used, reason = "all of this file is test code, its helpers too")]

use crate::children::{PEERPROOF, child};
use crate::needs::is_here;
use peerproof::judge;
use peerproof::kits::Kit;
use peerproof::process::{Owned, Spec};
use peerproof::tools::Tool;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;
use tokio::process::Command;

/// For what must come: Java takes its time on a busy machine. Nothing waits this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(180);

/// Ports that are free now. Whoever takes one before the Grid does fails the test.
fn free_ports<const N: usize>() -> [u16; N] {
    let all = [(); N].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    all.map(|listener| listener.local_addr().unwrap().port())
}

/// A part of the Grid under a supervisor: gone with all that it started, however this test ends.
fn part(role: &str, port: u16, more: &[String], config: String) -> Owned {
    let (java, jar) = Kit::Grid.find().unwrap();
    let scratch = Spec::fresh_scratch();
    let within = |name: &str| scratch.join(name).display().to_string();
    let mut args = vec![
        "-Xmx256m".to_owned(),
        // It lives for seconds, and leaves nothing in the machine's own folder.
        "-XX:TieredStopAtLevel=1".to_owned(),
        "-XX:-UsePerfData".to_owned(),
        format!("-Djava.io.tmpdir={}", within("tmp")),
        "-jar".to_owned(),
        jar.display().to_string(),
        role.to_owned(),
    ];
    args.extend(["--host", "127.0.0.1", "--port"].map(str::to_owned));
    args.extend([port.to_string(), "--config".to_owned(), within("grid.toml")]);
    args.extend(more.iter().cloned());
    let spec = Spec {
        // Whatever Selenium might want to download it does not.
        env: [("SE_OFFLINE", "true"), ("SE_AVOID_STATS", "true")].map(|(k, v)| (k.into(), v.into())).into(),
        files: vec![("grid.toml".to_owned(), config)],
        scratch,
        ..child(java, args)
    };
    Owned::spawn(&spec).unwrap()
}

/// The configuration of a node with one browser, which knows where browser and driver are and looks for nothing.
fn node(browser: &str, options: &str, program: Tool, driver: Tool) -> String {
    let stereotype =
        json!({ "browserName": browser, options: { "binary": program.find().unwrap() } }).to_string();
    let driver = json!({
        "display-name": browser,
        "stereotype": stereotype,
        "max-sessions": 2,
        "webdriver-executable": driver.find().unwrap(),
    });
    let node = json!({
        "detect-drivers": false,
        "selenium-manager": false,
        "max-sessions": 2,
        "register-cycle": 1,
        "driver-configuration": [driver],
    });
    toml::to_string(&json!({ "node": node })).unwrap()
}

/// A Grid that runs.
struct Grid {
    hub: u16,
    parts: Vec<Owned>,
}

impl Grid {
    async fn begin() -> Self {
        let [hub, publish, subscribe, chrome, firefox] = free_ports();
        let bus = [
            ["--publish-events".to_owned(), format!("tcp://127.0.0.1:{publish}")],
            ["--subscribe-events".to_owned(), format!("tcp://127.0.0.1:{subscribe}")],
        ]
        .concat();
        let mut parts = vec![part("hub", hub, &bus, String::new())];
        started(&mut parts[0], "Started Selenium Hub").await;
        let at_hub = [bus, vec!["--hub".to_owned(), format!("http://127.0.0.1:{hub}")]].concat();
        let of_chrome = node("chrome", "goog:chromeOptions", Tool::Chrome, Tool::Chromedriver);
        let of_firefox = node("firefox", "moz:firefoxOptions", Tool::Firefox, Tool::Geckodriver);
        parts.push(part("node", chrome, &at_hub, of_chrome));
        parts.push(part("node", firefox, &at_hub, of_firefox));
        for node in &mut parts[1..] {
            started(node, "Node has been added").await;
        }
        Self { hub, parts }
    }

    /// How many sessions there are, by the hub's own word, and how many there can be.
    fn sessions(&self) -> (usize, usize) {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.hub)).unwrap();
        stream.write_all(b"GET /status HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let status: Value = serde_json::from_str(body).unwrap();
        let nodes = status["value"]["nodes"].as_array().unwrap();
        let slots: Vec<&Value> = nodes.iter().flat_map(|node| node["slots"].as_array().unwrap()).collect();
        (slots.iter().filter(|slot| !slot["session"].is_null()).count(), slots.len())
    }

    async fn end(self) {
        let scratches: Vec<PathBuf> = self.parts.iter().map(|part| part.scratch().to_owned()).collect();
        for part in self.parts.into_iter().rev() {
            part.end().await;
        }
        assert!(scratches.iter().all(|scratch| !scratch.exists()), "{scratches:?}");
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, self.hub)).is_err(), "the hub is gone");
    }
}

async fn started(part: &mut Owned, line: &str) {
    part.ready(PATIENCE, |said| said.contains(line).then_some(())).await.unwrap();
}

/// Plays these cases with implementations behind remote ends. What was printed, the cases of `run.json`, and of which peers each recording has
/// packets.
async fn play(remote: &str, names: &[&str]) -> (Output, Vec<Value>, BTreeMap<String, BTreeSet<usize>>) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("peerproof.toml");
    let text = ["chrome", "firefox"].map(|browser| {
        format!("[implementations.grid_{browser}]\nwebdriver = '{remote}'\nbrowser = '{browser}'\n")
    });
    std::fs::write(&config, text.concat()).unwrap();
    let run = Command::new(PEERPROOF)
        .arg("run")
        .args(names)
        .arg("--config")
        .arg(&config)
        .arg("--scenarios")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios"))
        .arg("--output")
        .arg(folder.path().join("run"))
        .env_remove("PEERPROOF_REQUIRE")
        .env("INSTA_UPDATE", "no")
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, run).await.unwrap().unwrap();
    let report: Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("run/run.json")).unwrap()).unwrap();
    let senders = judge::records(
        &folder.path().join("run"),
        |_| true,
        |record| {
            let packets = record.packets().into_iter().flat_map(|wire| &wire.packets);
            (record.file.name.clone(), packets.map(|packet| packet.sender.0).collect())
        },
    );
    (output, report["cases"].as_array().unwrap().clone(), senders.unwrap_or_default().into_iter().collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_behind_a_grid_play_what_needs_no_lab() {
    if !["chrome", "firefox", "grid"].into_iter().all(is_here) {
        return;
    }
    let grid = Grid::begin().await;
    assert_eq!(grid.sessions(), (0, 4));
    let names = [
        "data/echo/grid_chrome-grid_firefox",
        "data/echo/grid_firefox-grid_chrome",
        "data/echo/stack-grid_chrome",
        "media/video/grid_firefox-stack",
        "network/home-nat/grid_chrome-grid_firefox",
    ];
    let (output, cases, senders) = play(&format!("http://127.0.0.1:{}", grid.hub), &names).await;
    let printed =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    // Each session was closed, by whoever opened it.
    let sessions = grid.sessions();
    grid.end().await;
    assert_eq!((output.status.code(), cases.len()), (Some(0), names.len()), "{printed}");
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let wanted = if name.starts_with("network/") { "unsupported" } else { "pass" };
        assert_eq!(case["verdict"]["outcome"], wanted, "{name}: {printed}");
        // The stack's tap sees what the remote browser sends, too.
        if name.contains("stack") {
            assert_eq!(senders.get(name), Some(&BTreeSet::from([0, 1])), "{name}");
        }
    }
    assert_eq!(sessions, (0, 4), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_end_that_is_not_there_is_reported() {
    let [nobody] = free_ports();
    let remote = format!("http://127.0.0.1:{nobody}");
    let (output, cases, _) = play(&remote, &["data/echo/stack-grid_chrome"]).await;
    assert_eq!((output.status.code(), cases.len()), (Some(3), 1));
    let sentence = cases[0]["verdict"]["sentence"].as_str().unwrap();
    assert!(sentence.contains(&remote) && sentence.contains("failed to open a session"), "{sentence}");
}
