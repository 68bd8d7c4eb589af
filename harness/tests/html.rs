//! The pages of `inspect --html`, of a run and of its cases, opened from `file://` in Chromium and Firefox. A browser that is
//! not installed is skipped, which is printed, or fails the test if `PEERPROOF_REQUIRE` names it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "all of this file is test code, its helpers too")]

mod hostile;

use crate::children::{PEERPROOF, child};
use crate::needs::is_here;
use fantoccini::actions::{InputSource as _, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use peerproof::process::Owned;
use peerproof::tools::Tool;
use peerproof_captures::timeline::Entry;
use peerproof_conformance::case::CaseFile;
use serde_json::{Value, json};
use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// For what must come. Nothing waits this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(60);

const CALL: &str = "captures/corpus/calls/chrome-firefox";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn peerproof(arguments: &[&str]) -> String {
    let output = Command::new(PEERPROOF).args(arguments).current_dir(root()).output().unwrap();
    let (said, complaint) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {said}{complaint}");
    said.into_owned()
}

/// The page of a call between browsers, with its descriptions.
fn page_of_call(folder: &Path) -> PathBuf {
    let page = folder.join("call.html");
    let (offer, answer) = (format!("{CALL}.offer.sdp"), format!("{CALL}.answer.sdp"));
    let capture = format!("{CALL}.pcapng");
    let page_ = page.to_str().unwrap();
    peerproof(&["inspect", &capture, "--sdp", &offer, "--sdp", &answer, "--html", page_]);
    page
}

/// A browser with a page.
struct Browser {
    kind: &'static str,
    client: Client,
    process: Owned,
    console: Option<PathBuf>,
}

impl Browser {
    async fn open(kind: &'static str) -> Self {
        let (browser, driver) = match kind {
            "chrome" => (Tool::Chrome, Tool::Chromedriver),
            _ => (Tool::Firefox, Tool::Geckodriver),
        };
        let mut spec = child(driver.find().unwrap(), Vec::<String>::new());
        let scratch = spec.scratch.clone();
        let binary = browser.find().unwrap();
        let mut console = None;
        let (name, options) = if kind == "chrome" {
            spec.args = vec!["--port=0".into()];
            let log = scratch.join("console.log");
            let own = [
                format!("--log-file={}", log.display()),
                format!("--user-data-dir={}", scratch.join("profile").display()),
            ];
            console = Some(log);
            let args =
                ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--enable-logging"];
            let args: Vec<String> = args.map(str::to_owned).into_iter().chain(own).collect();
            ("goog:chromeOptions", json!({ "args": args, "binary": binary }))
        } else {
            spec.args = ["--port", "0", "--marionette-port", "0", "--profile-root"].map(Into::into).into();
            spec.args.push(scratch.join("tmp").into());
            spec.env = vec![("MOZ_HEADLESS".into(), "1".into())];
            let prefs = json!({ "browser.dom.window.dump.enabled": true });
            ("moz:firefoxOptions", json!({ "args": ["-headless"], "binary": binary, "prefs": prefs }))
        };
        let mut process = Owned::spawn(&spec).unwrap();
        let port = process.ready(PATIENCE, |line| {
            let (_, rest) = line
                .split_once("started successfully on port ")
                .or_else(|| line.split_once("Listening on 127.0.0.1:"))?;
            rest.trim().trim_end_matches('.').parse::<u16>().ok()
        });
        let port = port.await.unwrap();
        let capabilities = [(name.to_owned(), options)].into_iter().collect();
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        Self { kind, client, process, console }
    }

    /// Opens a page and waits until it is drawn.
    async fn goto(&self, page: &Path, hash: &str) {
        // Another hash alone does not load a page again.
        self.client.goto("about:blank").await.unwrap();
        self.client.goto(&format!("file://{}{hash}", page.display())).await.unwrap();
        self.find("html[data-ready]").await;
        assert_eq!(
            self.ask("document.documentElement.dataset.ready").await,
            "true",
            "{}: {}",
            self.kind,
            self.errors().await
        );
    }

    async fn find(&self, css: &str) -> fantoccini::elements::Element {
        let found = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(css)).await;
        found.unwrap_or_else(|error| panic!("{}: no {css}: {error}", self.kind))
    }

    /// The value of an expression in the page.
    async fn ask(&self, expression: &str) -> Value {
        self.client.execute(&format!("return {expression};"), vec![]).await.unwrap()
    }

    /// Waits until an expression is true.
    async fn until(&self, expression: &str) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while self.ask(expression).await != true {
                tokio::task::yield_now().await;
            }
        });
        assert!(waited.await.is_ok(), "{}: never {expression}; {}", self.kind, self.errors().await);
    }

    async fn count(&self, css: &str) -> u64 {
        self.ask(&format!("document.querySelectorAll({css:?}).length")).await.as_u64().unwrap()
    }

    async fn text(&self, css: &str) -> String {
        self.find(css).await.text().await.unwrap()
    }

    async fn errors(&self) -> String {
        self.ask("document.documentElement.dataset.errors ?? ''").await.as_str().unwrap().to_owned()
    }

    /// Ends it. Nothing went wrong, and the console is empty but for an error of ours: it is read, to its end.
    async fn close(mut self) {
        assert_eq!(self.errors().await, "", "{}", self.kind);
        let last = format!("setTimeout(() => {{ throw new Error('{LAST}'); }});");
        self.client.execute(&last, vec![]).await.unwrap();
        let log = if let Some(console) = &self.console {
            let _ = self.client.close().await;
            fs::read_to_string(console).unwrap()
        } else {
            let is_last =
                |line: &str| (line.contains("JavaScript error:") && line.contains(LAST)).then_some(());
            self.process.ready(PATIENCE, is_last).await.unwrap();
            let _ = self.client.close().await;
            self.process.output()
        };
        // Firefox reports errors of its own scripts, too, which are of no file.
        let is_of_page = |line: &&str| {
            line.contains("CONSOLE") || (line.contains("JavaScript ") && line.contains("file://"))
        };
        let lines: Vec<&str> = log.lines().filter(is_of_page).filter(|line| !line.contains(LAST)).collect();
        assert!(lines.is_empty(), "{lines:#?}");
        assert!(log.contains(LAST), "{}: {log}", self.kind);
        self.process.end().await;
    }
}

/// What stands in the console last.
const LAST: &str = "the console is read to here";

/// The browsers of this machine, one after the other.
fn browsers() -> impl Iterator<Item = &'static str> {
    ["chrome", "firefox"].into_iter().filter(|kind| is_here(kind))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_a_capture_is_filtered_zoomed_and_leads_to_its_frames() {
    let folder = tempfile::tempdir().unwrap();
    let page = page_of_call(folder.path());
    let listed = peerproof(&["inspect", &format!("{CALL}.pcapng"), "--packets", "--protocol", "dtls"]);
    let judged = Command::new(PEERPROOF)
        .args(["judge", &format!("{CALL}.pcapng"), "--sdp", &format!("{CALL}.offer.sdp")])
        .args(["--sdp", &format!("{CALL}.answer.sdp")])
        .current_dir(root())
        .output()
        .unwrap();
    let judged = String::from_utf8(judged.stdout).unwrap();
    let is_bad =
        |line: &&str| line.trim_start().starts_with("FAIL ") || line.trim_start().starts_with("warn ");
    let violations: Vec<&str> = judged.lines().filter(is_bad).collect();
    assert!(violations.len() > 1, "{judged}");
    let mut frames: Vec<&str> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    frames.dedup();
    for kind in browsers() {
        let browser = Browser::open(kind).await;
        browser.goto(&page, "").await;
        let styled = browser.ask("getComputedStyle(document.getElementById('tabs')).display").await;
        assert_eq!(styled, "flex", "the styles are allowed");
        let messages = browser.count("#panel-messages a.rung").await;
        assert!(messages > 10, "{messages}");

        // The filter chooses what the command line chooses.
        browser.goto(&page, "#packets").await;
        browser.find("#filter").await.send_keys("protocol:dtls").await.unwrap();
        let total = browser.text("#total").await;
        assert!(total.starts_with(&format!("{} of ", frames.len())), "{total}, not {}", frames.len());
        browser.until("location.hash.includes('filter=protocol%3Adtls')").await;
        browser.find("#filter").await.send_keys(" frames:x").await.unwrap();
        assert!(browser.text(".wrong").await.contains("frames: write 10-20"));

        // A fragment means what it says, `&` and a lone `%` included.
        for (fragment, filter) in [("#filter=a%26b", "a&b"), ("#filter=100%", "100%")] {
            browser.goto(&page, fragment).await;
            assert_eq!(browser.ask("document.getElementById('filter').value").await, filter);
        }

        // A link to a place; fields and bytes are lit together.
        let first = frames[0];
        browser.goto(&page, &format!("#frame-{first}")).await;
        assert_eq!(browser.text("#frame h2").await, format!("Frame {first}"));
        browser.find("#frame .tree .leaf").await;
        browser.ask("document.querySelector('#frame .tree details:nth-of-type(2) .leaf').dispatchEvent(new MouseEvent('click', { bubbles: true }))").await;
        assert!(browser.count("#frame .hex .bytes .lit").await > 0);
        assert_eq!(browser.count("#frame .tree .lit").await, 1);

        // Zooming, by a drag and by keys.
        browser.goto(&page, "").await;
        let before = browser.text("#zoomed").await;
        let axis = browser.find("#axis svg").await;
        let (_, _, width, _) = axis.rectangle().await.unwrap();
        let by = width / 5.0;
        let duration = Some(Duration::from_millis(20));
        let drag = MouseActions::new("mouse".to_owned())
            .then(PointerAction::MoveToElement { element: axis.clone(), duration, x: -by / 2.0, y: 0.0 })
            .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT })
            .then(PointerAction::MoveBy { duration, x: by, y: 0.0 })
            .then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        browser.client.perform_actions(drag).await.unwrap();
        browser.until("location.hash.includes('zoom=')").await;
        assert_ne!(browser.text("#zoomed").await, before);
        browser.find("#axis svg").await.send_keys(&char::from(Key::Escape).to_string()).await.unwrap();
        browser.until("!location.hash.includes('zoom=')").await;
        browser.find("#axis svg").await.send_keys("+").await.unwrap();
        browser.until("location.hash.includes('zoom=')").await;

        // What the capture violates, as `judge` says, with its documents and places.
        browser.goto(&page, "#view=findings").await;
        let rows = browser.count("#panel-findings tbody tr").await;
        assert_eq!(rows as usize, violations.len(), "{violations:?}");
        assert!(browser.text("#top .title").await.contains("violation"), "{kind}");
        let cited = "#panel-findings a[href^='https://www.rfc-editor.org/rfc/rfc']";
        assert!(browser.count(cited).await >= rows);
        browser.ask("document.querySelector(\"#panel-findings a[href^='#sdp-']\").click()").await;
        browser.until("document.querySelector('#panel-descriptions:not([hidden]) .lit') !== null").await;

        // Messages on its data channel, each with its frame.
        browser.goto(&page, "#view=channels").await;
        let channels = browser.text("#panel-channels").await;
        assert!(channels.contains("Messages that were captured (2)"), "{kind}: {channels}");

        // Each view opens.
        browser.goto(&page, "").await;
        let tabs = browser.count("#tabs [role=tab]").await;
        assert!(tabs >= 5, "{tabs}");
        for tab in 0..tabs {
            browser.ask(&format!("document.querySelectorAll('#tabs [role=tab]')[{tab}].click()")).await;
            let shown = "document.querySelectorAll('#views > section:not([hidden])')";
            assert_eq!(browser.ask(&format!("{shown}.length")).await, 1);
            assert!(browser.ask(&format!("{shown}[0].textContent.length")).await.as_u64() > Some(20));
        }
        browser.close().await;
    }
}

/// What rules did to packets in a table, the case against its snapshot, and the states of a dump beside a capture on the axis.
#[tokio::test(flavor = "multi_thread")]
async fn pages_show_faults_snapshots_and_dumps() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let scenarios = ["dtls/client-hello-lost", "data/echo/"];
    let output = run.to_str().unwrap();
    peerproof(&[&["run"], &scenarios[..], &["--peers", "stack", "--virtual", "--output", output]].concat());
    let [faults, snapshot] = scenarios.map(|scenario| {
        let case = run.join("cases").join(scenario).join("stack-stack");
        let page = folder.path().join(format!("{}.html", scenario.replace('/', "-")));
        peerproof(&["inspect", case.to_str().unwrap(), "--html", page.to_str().unwrap()]);
        page
    });
    // The same case, had its peers another limit for messages.
    let echo = run.join("cases/data/echo/stack-stack");
    let timeline = echo.join("timeline.jsonl");
    let text = fs::read_to_string(&timeline).unwrap();
    assert!(text.contains("a=max-message-size:262144"));
    fs::write(&timeline, text.replace("a=max-message-size:262144", "a=max-message-size:7")).unwrap();
    let changed = folder.path().join("changed.html");
    peerproof(&["inspect", echo.to_str().unwrap(), "--html", changed.to_str().unwrap()]);
    let dumps = "harness/tests/dumps/rtcstats-nodtls";
    let dumped = folder.path().join("dumped.html");
    let (capture, dump) = (format!("{dumps}.pcapng"), format!("{dumps}.gz"));
    peerproof(&["inspect", &capture, "--dump", &dump, "--html", dumped.to_str().unwrap()]);
    for kind in browsers() {
        let browser = Browser::open(kind).await;
        browser.goto(&faults, "#view=faults").await;
        assert_ne!(browser.count("#acts tbody tr").await, 0);
        let acts = browser.text("#panel-faults").await;
        assert!(acts.contains("drop"), "{kind}: {acts}");
        // A place can be shared as long as nothing else is chosen.
        browser.goto(&faults, "#view=timeline").await;
        let entry = browser.ask("document.querySelector('tr[id^=entry-]').id").await;
        let entry = entry.as_str().unwrap();
        browser.goto(&faults, &format!("#{entry}")).await;
        let kept = format!(
            "location.hash.startsWith('#{entry}&') && document.querySelector('#{entry}.chosen') !== null"
        );
        browser.until(&kept).await;
        browser.ask("document.querySelector('#tabs [role=tab]').click()").await;
        browser.until(&format!("!location.hash.includes('{entry}')")).await;
        browser.goto(&snapshot, "#view=snapshot").await;
        let compared = browser.text("#panel-snapshot").await;
        assert!(compared.contains("As recorded"), "{kind}: {compared}");
        assert_ne!(browser.count(".snapshot tbody tr").await, 0);
        assert_eq!(browser.count(".snapshot tr.differs").await, 0);
        browser.goto(&dumped, "#view=timeline").await;
        let timeline = browser.text("#panel-timeline").await;
        assert!(timeline.contains("connectionState failed (dump)"), "{kind}: {timeline}");
        let axis = browser.text("#axis").await;
        assert!(axis.contains("connected") && axis.contains("failed"), "{kind}: {axis}");
        browser.goto(&changed, "#view=snapshot").await;
        let compared = browser.text("#panel-snapshot").await;
        assert!(compared.contains("lines differ from the recorded snapshot"), "{kind}: {compared}");
        assert_eq!(browser.count(".snapshot tr.differs").await, 4, "two lines of either side");
        let meant = browser.text(".meaning tbody").await;
        for said in [
            "alice, description 1: offer",
            "application, mid 0",
            "max-message-size:7",
            "max-message-size:262144",
        ] {
            assert!(meant.contains(said), "{kind}: {said}: {meant}");
        }
        assert_eq!(browser.count(".meaning tr.differs").await, 2, "the attributes of offer and answer");
        browser.close().await;
    }
}

/// Each dump alone has a page, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_dump_alone_has_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let mut pages = Vec::new();
    for entry in fs::read_dir(root().join("harness/tests/dumps")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "gz") {
            let page = folder.path().join(path.file_name().unwrap()).with_extension("html");
            peerproof(&["inspect", path.to_str().unwrap(), "--html", page.to_str().unwrap()]);
            assert!(fs::metadata(&page).unwrap().len() <= (1 << 20) + fs::metadata(&path).unwrap().len() / 4);
            pages.push(page);
        }
    }
    assert!(pages.len() > 5, "{pages:?}");
    for kind in browsers() {
        let browser = Browser::open(kind).await;
        for page in &pages {
            browser.goto(page, "").await;
            let tabs = browser.count("#tabs [role=tab]").await;
            // Some reports of about:webrtc have no times, which their pages say.
            let is_empty = browser.text("#top").await.contains("have no times");
            assert!(
                tabs >= 2 || page.to_string_lossy().contains("aboutwebrtc"),
                "{kind}: {tabs} in {}",
                page.display()
            );
            assert_eq!(tabs == 0, is_empty, "{kind}: {tabs} in {}", page.display());
            for tab in 0..tabs {
                browser.ask(&format!("document.querySelectorAll('#tabs [role=tab]')[{tab}].click()")).await;
            }
            let said = browser.text("#top").await;
            assert!(said.contains("a dump of") && said.contains("not in a"), "{kind}: {said}");
            assert_eq!(browser.count("#tab-packets, #tab-messages").await, 0);
        }
        browser.close().await;
    }
}

const CALL_OF_THE_STACK: &str = "\
title: A call
peers:
  alice: { role: offerer, media: { send: [audio, video] } }
  bob:   { role: answerer, media: { send: [audio] } }
steps:
  - connect: {}
  - bob: { never: { event: { connectionState: closed }, for: 6s } }
expect:
  bob: { connectionState: connected }
snapshot: [sdp]
";

/// Statistics over time beside what the wire shows; and the snapshot of a scenario of one's own.
#[tokio::test(flavor = "multi_thread")]
async fn a_case_has_curves_of_statistics_and_the_snapshot_of_its_own_scenario() {
    let folder = tempfile::tempdir().unwrap();
    let scenarios = folder.path().join("scenarios");
    fs::create_dir_all(scenarios.join("media")).unwrap();
    fs::write(scenarios.join("media/call.yaml"), CALL_OF_THE_STACK).unwrap();
    let own = ["--scenarios", scenarios.to_str().unwrap(), "--peers", "stack"];
    let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
    peerproof(&[&["run", "--update-snapshots", "--output", first.to_str().unwrap()], &own[..]].concat());
    let often = ["run", "--virtual", "--stats-every", "500ms", "--output", second.to_str().unwrap()];
    peerproof(&[&often[..], &own].concat());
    peerproof(&["report", second.to_str().unwrap()]);
    let page = second.join("cases/media/call/stack-stack/page.html");
    for kind in browsers() {
        let browser = Browser::open(kind).await;
        browser.goto(&page, "#view=media").await;
        let media = browser.text("#panel-media").await;
        for said in ["bytesSent of alice", "bytesReceived of bob", "jitter of bob"] {
            assert!(media.contains(said), "{kind}: {said}: {media}");
        }
        let drawn = browser.count("#panel-media path.line.dash").await;
        assert!(drawn >= 3, "{kind}: {drawn} dashed lines");
        browser.goto(&page, "#view=statistics").await;
        let readings = "Math.max(...[...document.querySelectorAll('#panel-statistics td:last-child')].map((it) => Number(it.textContent)))";
        let readings = browser.ask(readings).await;
        assert!(readings.as_u64() > Some(8), "{kind}: {readings}");
        browser.goto(&page, "#view=snapshot").await;
        let snapshot = browser.text("#panel-snapshot").await;
        assert!(snapshot.contains("As recorded"), "{kind}: {snapshot}");
        browser.close().await;
    }
}

#[test]
fn a_run_writes_the_page_of_each_case() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    // Each in the folder of the one before, whose pages are of other recordings.
    for (which, expected) in [(None, 2), (Some("unexpected"), 0), (Some("all"), 2), (Some("none"), 0)] {
        let mut line = vec!["run", "data/echo/", "controls/no-fingerprint", "--peers", "stack", "--virtual"];
        line.extend(["--force", "--output", run.to_str().unwrap()]);
        line.extend(which.into_iter().flat_map(|which| ["--pages", which]));
        peerproof(&line);
        let cases = ["data/echo/stack-stack", "controls/no-fingerprint/stack-stack"];
        let written = cases.iter().filter(|case| run.join("cases").join(case).join("page.html").is_file());
        assert_eq!(written.count(), expected, "{which:?}");
        let report: Value = serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
        let files =
            report["cases"].as_array().unwrap().iter().flat_map(|case| case["files"].as_array().unwrap());
        assert_eq!(files.filter(|file| **file == "page.html").count(), expected, "{which:?}");
    }
}

#[test]
fn a_page_is_small_and_says_what_it_leaves_out() {
    let folder = tempfile::tempdir().unwrap();
    let limit = |capture: &Path| (1 << 20) + fs::metadata(capture).unwrap().len() / 4;
    let page = page_of_call(folder.path());
    let size = fs::metadata(&page).unwrap().len();
    assert!(size <= limit(&root().join(format!("{CALL}.pcapng"))), "{size}");

    // A capture with more packets than a page holds: Binding requests, each with its own transaction.
    let capture = folder.path().join("large.pcap");
    let mut bytes =
        vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 101, 0, 0, 0];
    for n in 0..60_000_u32 {
        let mut packet = vec![0x45, 0, 0, 48, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        packet.extend([0x13, 0x88, 0x13, 0x89, 0, 28, 0, 0]);
        packet.extend([0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42]);
        packet.extend(n.wrapping_mul(2_654_435_761).to_be_bytes());
        packet.extend(n.wrapping_mul(40_503).to_be_bytes());
        packet.extend(n.to_be_bytes());
        for word in [n / 1000, n % 1000 * 1000, packet.len() as u32, packet.len() as u32] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(packet);
    }
    fs::write(&capture, &bytes).unwrap();
    let page = folder.path().join("large.html");
    let (capture_, page_) = (capture.to_str().unwrap(), page.to_str().unwrap());
    peerproof(&["inspect", capture_, "--html", page_]);
    let html = fs::read_to_string(&page).unwrap();
    assert!(html.len() as u64 <= limit(&capture), "{}", html.len());
    assert!(html.contains("`--frames 50001-` makes a page of others"));
    peerproof(&["inspect", capture_, "--html", page_, "--force", "--frames", "59990-"]);
    assert!(!fs::read_to_string(&page).unwrap().contains("makes a page of others"));
    let again = Command::new(PEERPROOF).args(["inspect", capture_, "--html", page_]).output().unwrap();
    assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("--force"));

    // Statistics that take more than the page may.
    let (dump, capture) =
        (folder.path().join("long.json"), root().join("harness/tests/dumps/nodtls-captured.pcapng"));
    fs::write(&dump, long_dump(10_000)).unwrap();
    let (capture_, dump_) = (capture.to_str().unwrap(), dump.to_str().unwrap());
    peerproof(&["inspect", capture_, "--dump", dump_, "--html", page_, "--force"]);
    let html = fs::read_to_string(&page).unwrap();
    assert!(html.len() as u64 <= limit(&capture), "{}", html.len());
    assert!(html.contains("between the lowest and the highest of each stretch"));
}

/// A dump of Chrome whose statistics have that many values each, none like the one before.
fn long_dump(values: usize) -> Vec<u8> {
    let packed = fs::File::open(root().join("harness/tests/dumps/nodtls-captured.json.gz")).unwrap();
    let mut dump: Value = serde_json::from_reader(flate2::read::GzDecoder::new(packed)).unwrap();
    let mut random = 1_u64;
    for connection in dump["PeerConnections"].as_object_mut().unwrap().values_mut() {
        for series in connection["stats"].as_object_mut().unwrap().values_mut() {
            let text = series["values"].as_str().unwrap_or_default();
            let Ok(Value::Array(known)) = serde_json::from_str::<Value>(text) else { continue };
            let Some(first) = known.first().filter(|value| value.is_number()) else { continue };
            let of = |n: usize, random: &mut u64| {
                *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                if first.as_f64() > Some(1e12) {
                    json!(first.as_f64().unwrap() + n as f64 * 1e3)
                } else {
                    json!(*random >> 33)
                }
            };
            let values: Vec<Value> = (0..values).map(|n| of(n, &mut random)).collect();
            series["values"] = serde_json::to_string(&values).unwrap().into();
        }
    }
    serde_json::to_vec(&dump).unwrap()
}

fn unpacked(path: &Path) -> Value {
    let mut text = String::new();
    std::io::Read::read_to_string(
        &mut flate2::read::GzDecoder::new(fs::File::open(path).unwrap()),
        &mut text,
    )
    .unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A capture of 512 MB, most of which is a hole in the file: RTP packets with trailing bytes that no header counts.
fn capture_of_512_mb(folder: &Path) -> PathBuf {
    const RECORD: u32 = 256 << 10;
    let path = folder.join("huge.pcap");
    let mut file = fs::File::create(&path).unwrap();
    file.write_all(&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 101, 0, 0, 0])
        .unwrap();
    for n in 0..2_052_u32 {
        let mut head: Vec<u8> =
            [n / 100, n % 100 * 10_000, RECORD, RECORD].iter().flat_map(|word| word.to_le_bytes()).collect();
        head.extend([0x45, 0, 4, 0xb0, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        head.extend([0x13, 0x88, 0x13, 0x89, 4, 0x9c, 0, 0]);
        head.extend([0x80, 96]);
        head.extend((n as u16).to_be_bytes());
        head.extend((n * 3_000).to_be_bytes());
        head.extend([0, 0, 0x11, 0x11]);
        file.write_all(&head).unwrap();
        let rest = i64::from(RECORD) - (head.len() as i64 - 16);
        file.seek(SeekFrom::Current(rest)).unwrap();
    }
    let end = file.stream_position().unwrap();
    file.set_len(end).unwrap();
    assert!(end > 512 << 20, "{end}");
    path
}

/// How many frames there are decides what a page holds, and not the size of the file: beyond 50,000 see [`a_page_is_small_and_says_what_it_leaves_out`].
#[test]
fn a_capture_of_512_mb_has_a_page_that_a_browser_can_open() {
    let folder = tempfile::tempdir().unwrap();
    let (capture, page) = (capture_of_512_mb(folder.path()), folder.path().join("huge.html"));
    peerproof(&["inspect", capture.to_str().unwrap(), "--html", page.to_str().unwrap()]);
    let html = fs::read_to_string(&page).unwrap();
    assert!(html.len() < 1 << 20, "{}", html.len());
    assert!(!html.contains("makes a page of others"), "no frame is left out");
}
