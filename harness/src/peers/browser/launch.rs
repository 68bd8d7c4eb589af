//! Starting a browser: the driver under a supervisor, the session, flags and preferences.

use super::super::{OpenError, Permission, Surroundings};
use crate::machine::within;
use crate::network::lab::{Connector, Namespace};
use crate::peers::start::start_in;
use crate::process::{Owned, Spec};
use crate::tools::{Tool, is_program, not_a_program};
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long a driver may take to listen, and a browser to start: generous, since machines may be busy.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// Most of a browser's console that is kept for a case: the newest bytes.
pub(super) const CONSOLE_KEPT: usize = 64 * 1024;

/// The browsers that can be driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Chromium or Chrome.
    Chrome,
    /// Firefox.
    Firefox,
}

impl Kind {
    /// The name on the command line and in scenarios.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chrome => "chrome",
            Self::Firefox => "firefox",
        }
    }

    /// The browser of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Chrome, Self::Firefox].into_iter().find(|kind| kind.name() == name)
    }

    /// The programs it takes: the browser and its driver.
    #[must_use]
    pub const fn tools(self) -> (Tool, Tool) {
        match self {
            Self::Chrome => (Tool::Chrome, Tool::Chromedriver),
            Self::Firefox => (Tool::Firefox, Tool::Geckodriver),
        }
    }
}

/// A browser in one version: the one of this machine, or one of the user's choice.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Build {
    /// Chrome or Firefox.
    pub kind: Kind,
    /// The browser's executable, if it is not the one of this machine.
    pub browser: Option<PathBuf>,
    /// The driver's, if it is not the one of this machine.
    pub driver: Option<PathBuf>,
    /// The remote end of WebDriver behind which it is, if it is not on this machine.
    pub remote: Option<Remote>,
}

/// A remote end of WebDriver, such as a Selenium Grid.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Remote {
    /// Its URL.
    pub url: String,
    /// Capabilities that it is asked for beyond the browser, as a JSON object.
    pub capabilities: String,
}

impl Build {
    /// The one of this machine.
    #[must_use]
    pub const fn of_this_machine(kind: Kind) -> Self {
        Self { kind, browser: None, driver: None, remote: None }
    }

    /// Whether it is on another machine.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        let near = ["//127.", "//localhost", "//[::1]"];
        self.remote.as_ref().is_some_and(|remote| !near.iter().any(|here| remote.url.contains(here)))
    }

    /// Why it is not there, if it is not.
    #[must_use]
    pub fn missing(&self) -> Option<String> {
        if self.remote.is_some() {
            return None;
        }
        let (browser, driver) = self.kind.tools();
        let absent = |named: &Option<PathBuf>, tool: Tool| match named {
            Some(path) if is_program(path) => None,
            Some(path) => Some(format!("the configuration names {}", not_a_program(path))),
            None => tool.absent(),
        };
        absent(&self.browser, browser).or_else(|| absent(&self.driver, driver))
    }
}

/// A browser that runs.
pub(super) struct Launched {
    pub(super) client: Client,
    /// Nothing of a browser behind a remote end.
    pub(super) process: Option<Owned>,
    /// As the browser says.
    pub(super) version: String,
    /// Where it writes its secrets (Firefox).
    pub(super) keylog: Option<PathBuf>,
    /// Where it writes its console (Chrome; Firefox writes to its standard output).
    pub(super) console: Option<PathBuf>,
}

/// Starts a browser and its session.
pub(super) async fn launch(
    build: &Build,
    peerproof: &Path,
    surroundings: &Surroundings,
    namespace: Option<&Arc<Namespace>>,
) -> Result<Launched, OpenError> {
    if let Some(remote) = &build.remote {
        return reach(build.kind, remote, surroundings).await;
    }
    let kind = build.kind;
    let (browser, driver) = kind.tools();
    let browser = build.browser.clone().map_or_else(|| require(browser), Ok)?;
    let driver = build.driver.clone().map_or_else(|| require(driver), Ok)?;
    let scratch = Spec::fresh_scratch();
    let keylog = (kind == Kind::Firefox).then(|| scratch.join("keylog.txt"));
    let console = (kind == Kind::Chrome).then(|| scratch.join("console.log"));
    let mut env: Vec<(OsString, OsString)> = Vec::new();
    if let Some(keylog) = &keylog {
        env.push(("SSLKEYLOGFILE".into(), keylog.into()));
        env.push(("MOZ_HEADLESS".into(), "1".into()));
    }
    let args: Vec<OsString> = match kind {
        Kind::Chrome => {
            let port = namespace.is_none().then(free_port).flatten().unwrap_or(0);
            vec![format!("--port={port}").into()]
        }
        Kind::Firefox => {
            // Port 0 for the driver and for Marionette: any that is free, so that several run side by side.
            let mut args: Vec<OsString> = ["--port", "0", "--marionette-port", "0"].map(Into::into).into();
            args.extend(["--profile-root".into(), scratch.join("tmp").into_os_string()]);
            args
        }
    };
    let spec = Spec {
        peerproof: peerproof.to_owned(),
        program: driver,
        args,
        env,
        files: Vec::new(),
        scratch: scratch.clone(),
        talks: false,
        directory: None,
    };
    let broken = |error: &dyn std::fmt::Display| OpenError::Broken(format!("{}: {error}", kind.name()));
    let mut process = start_in(spec, namespace).await.map_err(|error| broken(&error))?;
    let port = match process.ready(START_DEADLINE, |line| port_in(kind, line)).await {
        Ok(port) => port,
        Err(error) => return Err(not_started(kind, &error.to_string(), process, console.as_deref()).await),
    };
    let mut builder = ClientBuilder::new(Connector::new(namespace.cloned()));
    builder.capabilities(capabilities(kind, Some((&browser, &scratch)), surroundings));
    let address = format!("http://127.0.0.1:{port}");
    let cause = match within(START_DEADLINE, builder.connect(&address)).await {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(error)) => Err(format!("the driver failed to open a session: {error}")),
        Err(_) => Err(format!("no session after {} s", START_DEADLINE.as_secs())),
    };
    let client = match cause {
        Ok(client) => client,
        Err(cause) => return Err(not_started(kind, &cause, process, console.as_deref()).await),
    };
    let version = version(&client);
    Ok(Launched { client, process: Some(process), version, keylog, console })
}

/// A port of loopback that is free for IPv4 and IPv6. With port 0 chromedriver takes what the kernel gives it for IPv6, and ends if another
/// process has the same port of IPv4; in a namespace there is hardly another one.
fn free_port() -> Option<u16> {
    (0..16).find_map(|_| {
        let of_ipv4 = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
        let port = of_ipv4.local_addr().ok()?.port();
        TcpListener::bind((Ipv6Addr::LOCALHOST, port)).ok().map(|_| port)
    })
}

/// Ends a driver whose browser is of no use. Why it is not, with the last lines that the driver wrote, and all that was written.
pub(super) async fn not_started(
    kind: Kind,
    cause: &str,
    process: Owned,
    console: Option<&Path>,
) -> OpenError {
    let mut cause = format!("{}: {cause}", kind.name());
    let last = process.last_lines();
    if !last.is_empty() && !cause.contains(&last) {
        cause += &format!("; last lines of {}: {last}", kind.tools().1.name());
    }
    let mut log = process.output();
    if let Some(console) = console {
        // It is in the scratch directory, which goes with the process.
        let written = tokio::fs::read(console).await.unwrap_or_default();
        let newest = written.get(written.len().saturating_sub(CONSOLE_KEPT)..).unwrap_or_default();
        if !newest.is_empty() {
            log += &format!("\n{}:\n{}", kind.name(), String::from_utf8_lossy(newest));
        }
    }
    process.end().await;
    OpenError::NotStarted { cause, log }
}

/// Opens a session at a remote end.
async fn reach(kind: Kind, remote: &Remote, surroundings: &Surroundings) -> Result<Launched, OpenError> {
    let broken = |error: &dyn std::fmt::Display| OpenError::Broken(format!("{}: {error}", remote.url));
    let mut wanted = capabilities(kind, None, surroundings);
    wanted.insert("browserName".to_owned(), json!(kind.name()));
    let more: Capabilities = serde_json::from_str(&remote.capabilities).map_err(|error| broken(&error))?;
    wanted.extend(more);
    let mut builder = ClientBuilder::new(Connector::new(None));
    builder.capabilities(wanted);
    match within(START_DEADLINE, builder.connect(&remote.url)).await {
        Ok(Ok(client)) => {
            let version = version(&client);
            Ok(Launched { client, process: None, version, keylog: None, console: None })
        }
        Ok(Err(error)) => Err(broken(&format!("failed to open a session: {error}"))),
        Err(_) => Err(broken(&format!("no session after {} s", START_DEADLINE.as_secs()))),
    }
}

/// The version that a browser reports of itself.
fn version(client: &Client) -> String {
    let capabilities = client.capabilities();
    let version = capabilities.and_then(|all| all.get("browserVersion")).and_then(Value::as_str);
    version.unwrap_or_default().to_owned()
}

fn require(tool: Tool) -> Result<PathBuf, OpenError> {
    tool.find().ok_or_else(|| OpenError::Missing(tool.absent().unwrap_or_default()))
}

/// The port in the line by which a driver says that it listens.
fn port_in(kind: Kind, line: &str) -> Option<u16> {
    match kind {
        Kind::Chrome => {
            line.rsplit_once("started successfully on port ")?.1.trim_end_matches('.').trim().parse().ok()
        }
        Kind::Firefox => line.rsplit_once("Listening on ")?.1.rsplit_once(':')?.1.trim().parse().ok(),
    }
}

/// What a driver is asked for; `here` are executable and scratch directory of a browser on this machine.
fn capabilities(kind: Kind, here: Option<(&Path, &Path)>, surroundings: &Surroundings) -> Capabilities {
    let (name, options) = match kind {
        Kind::Chrome => (
            "goog:chromeOptions",
            json!({ "args": chrome_args(here.map(|(_, scratch)| scratch), surroundings) }),
        ),
        Kind::Firefox => (
            "moz:firefoxOptions",
            json!({ "args": ["-headless"], "prefs": firefox_preferences(surroundings) }),
        ),
    };
    let mut options = options;
    if let (Some((browser, _)), Value::Object(options)) = (here, &mut options) {
        options.insert("binary".to_owned(), json!(browser));
    }
    let mut capabilities = Capabilities::new();
    capabilities.insert(name.to_owned(), options);
    capabilities.insert("acceptInsecureCerts".to_owned(), json!(true));
    capabilities
}

fn chrome_args(scratch: Option<&Path>, surroundings: &Surroundings) -> Vec<String> {
    let mut off = vec!["IntensiveWakeUpThrottling", "Translate", "MediaRouter", "OptimizationHints"];
    if !surroundings.mdns {
        off.push("WebRtcHideLocalIpsWithMdns");
    }
    let mut args: Vec<String> = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        // Frames of cases must not be slowed down because nobody looks at them.
        "--disable-background-timer-throttling",
        "--disable-backgrounding-occluded-windows",
        "--disable-renderer-backgrounding",
        // TURN servers over TLS have certificates made for the case, which no authority knows.
        "--ignore-certificate-errors",
        "--autoplay-policy=no-user-gesture-required",
        "--use-fake-device-for-media-stream",
        "--window-size=1280,720",
        "--enable-logging",
    ]
    .map(str::to_owned)
    .into();
    match surroundings.permission {
        // Whoever may use the camera may know the addresses: with this flag Chrome hides none.
        Permission::Granted if surroundings.mdns => {}
        Permission::Granted => args.push("--use-fake-ui-for-media-stream".to_owned()),
        Permission::Denied => args.push("--use-fake-ui-for-media-stream=deny".to_owned()),
    }
    args.push(format!("--disable-features={}", off.join(",")));
    if let Some(scratch) = scratch {
        args.push(format!("--log-file={}", scratch.join("console.log").display()));
        args.push(format!("--user-data-dir={}", scratch.join("profile").display()));
    }
    args
}

fn firefox_preferences(surroundings: &Surroundings) -> Value {
    let granted = surroundings.permission == Permission::Granted;
    json!({
        "media.navigator.streams.fake": true,
        "media.navigator.permission.disabled": granted,
        // 0 ask (which the line above answers), 2 deny. With 1, allow, Firefox would never hide addresses.
        "permissions.default.camera": if granted { 0 } else { 2 },
        "permissions.default.microphone": if granted { 0 } else { 2 },
        "media.peerconnection.ice.obfuscate_host_addresses": surroundings.mdns,
        // A picture that shrinks when the machine is busy would depend on the machine. The bitrate still follows the network.
        "media.peerconnection.video.lock_scaling": true,
        "media.autoplay.default": 0,
        "media.autoplay.blocking_policy": 0,
        // Clocks of microseconds; the standard only allows them to be coarser.
        "privacy.reduceTimerPrecision": false,
        "dom.min_background_timeout_value": 4,
        "dom.timeout.enable_budget_timer_throttling": false,
        "devtools.console.stdout.content": true,
        // Modules stay in memory from one frame to the next. From its HTTP cache each of them costs a millisecond.
        "dom.script_loader.experimental.navigation_cache": true,
        // No traffic of its own.
        "app.update.enabled": false,
        "browser.safebrowsing.malware.enabled": false,
        "browser.safebrowsing.phishing.enabled": false,
        "datareporting.policy.dataSubmissionEnabled": false,
        "extensions.update.enabled": false,
        "media.gmp-manager.updateEnabled": false,
        "network.captive-portal-service.enabled": false,
        "network.connectivity-service.enabled": false,
        "toolkit.telemetry.enabled": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drivers_say_their_port() {
        let chrome = "ChromeDriver was started successfully on port 43121.";
        assert_eq!(port_in(Kind::Chrome, chrome), Some(43121));
        let gecko = "1763831234567\tgeckodriver\tINFO\tListening on 127.0.0.1:38211";
        assert_eq!(port_in(Kind::Firefox, gecko), Some(38211));
        assert_eq!(port_in(Kind::Firefox, "Listening soon"), None);
    }

    #[test]
    fn addresses_are_hidden_only_when_wanted() {
        let hidden = |mdns| {
            let surroundings = Surroundings { mdns, ..Surroundings::default() };
            !chrome_args(Some(Path::new("/s")), &surroundings).iter().any(|arg| arg.contains("HideLocalIps"))
        };
        assert!(hidden(true));
        assert!(!hidden(false));
    }
}
