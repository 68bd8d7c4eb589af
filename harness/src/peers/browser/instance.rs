//! One browser process and its lobby.

use super::super::{OpenError, Origin, Surroundings};
use super::launch::{Build, CONSOLE_KEPT, Kind, Launched, launch, not_started};
use super::lobby::{Lobby, PAGE_DEADLINE};
use super::pool::Config;
use super::server::{Listening, Server};
use crate::machine::within;
use crate::network::lab::Namespace;
use crate::process::Owned;
use fantoccini::Client;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long the driver may take to end its session, and to take a screenshot.
const DRIVER_DEADLINE: Duration = Duration::from_secs(3);

/// A running browser.
pub(super) struct Instance {
    pub(super) kind: Kind,
    pub(super) version: String,
    client: Client,
    pub(super) lobby: Arc<Lobby>,
    process: tokio::sync::Mutex<Option<Owned>>,
    /// Whether it is behind a remote end of WebDriver, so that only its session can be ended.
    remote: bool,
    keylog: Option<PathBuf>,
    console: Option<PathBuf>,
    /// Where its pages come from, if it runs in a namespace.
    inside: Option<Listening>,
}

impl Instance {
    /// Starts a browser and opens its lobby.
    pub(super) async fn start(
        build: &Build,
        config: &Config,
        surroundings: &Surroundings,
        server: &Server,
        namespace: Option<&Arc<Namespace>>,
    ) -> Result<Arc<Self>, OpenError> {
        let inside = match namespace {
            None => None,
            Some(namespace) => Some(server.listen_in(namespace).await.map_err(|error| {
                OpenError::Broken(format!("cannot listen on a host's loopback: {error}"))
            })?),
        };
        let origin = match (surroundings.origin, config.interface) {
            (Origin::Insecure, _) if inside.is_some() => {
                return Err(OpenError::Unsupported(
                    "in a lab every page has the origin localhost".to_owned(),
                ));
            }
            _ if inside.is_some() => inside.as_ref().map(Listening::localhost).unwrap_or_default(),
            // A browser on another machine has to be able to reach the page.
            (Origin::Localhost, Some(address)) if build.is_elsewhere() => server
                .insecure(address)
                .await
                .map_err(|error| OpenError::Broken(format!("cannot listen on {address}: {error}")))?,
            (Origin::Localhost, _) => server.localhost(),
            (Origin::Insecure, Some(address)) => server
                .insecure(address)
                .await
                .map_err(|error| OpenError::Broken(format!("cannot listen on {address}: {error}")))?,
            (Origin::Insecure, None) => {
                return Err(OpenError::Unsupported(
                    "an insecure origin needs a network interface besides loopback".to_owned(),
                ));
            }
        };
        let Launched { client, process, version, keylog, console } =
            launch(build, &config.peerproof, surroundings, namespace).await?;
        let kind = build.kind;
        let mut lobby = server.hub().expect();
        let url = format!("{origin}/lobby.html?token={}", lobby.token());
        let opened = within(PAGE_DEADLINE, async {
            client.goto(&url).await.map_err(|error| error.to_string())?;
            lobby.arrived().await.ok_or_else(|| "it did not connect".to_owned())
        });
        let socket = match opened.await {
            Ok(Ok(socket)) => socket,
            other => {
                let cause = match other {
                    Ok(Err(cause)) => cause,
                    _ => format!("nothing after {} s", PAGE_DEADLINE.as_secs()),
                };
                let cause = format!("the lobby did not open: {cause}");
                return Err(match process {
                    Some(process) => not_started(kind, &cause, process, console.as_deref()).await,
                    None => {
                        drop(within(DRIVER_DEADLINE, client.close()).await);
                        OpenError::Broken(format!("{}: {cause}", kind.name()))
                    }
                });
            }
        };
        Ok(Arc::new(Self {
            kind,
            version,
            client,
            lobby: Lobby::new(kind.name(), socket, server.hub()),
            process: tokio::sync::Mutex::new(process),
            remote: build.remote.is_some(),
            keylog,
            console,
            inside,
        }))
    }

    /// Why it is broken, if it is.
    pub(super) fn broken(&self) -> Option<String> {
        self.lobby.broken()
    }

    /// Whether it runs in a host of a lab, where it serves one case at a time.
    pub(super) fn is_in_lab(&self) -> bool {
        self.inside.is_some()
    }

    /// Runs a script in the lobby; see [`Browsers::evaluate`](super::Browsers::evaluate).
    pub(super) async fn evaluate(&self, script: &str) -> Result<serde_json::Value, OpenError> {
        let evaluated = self.client.execute_async(script, Vec::new()).await;
        evaluated.map_err(|error| OpenError::Broken(format!("{}: {error}", self.kind.name())))
    }

    /// How much key log there is by now.
    pub(super) fn keylog_length(&self) -> u64 {
        self.keylog.as_ref().and_then(|file| std::fs::metadata(file).ok()).map_or(0, |meta| meta.len())
    }

    /// Where the process writes its key log, if it does.
    pub(super) fn keylog_file(&self) -> Option<&Path> {
        self.keylog.as_deref()
    }

    /// The key log from a byte on, complete lines only.
    pub(super) async fn keylog_from(&self, start: u64) -> String {
        let Some(file) = &self.keylog else { return String::new() };
        let bytes = tokio::fs::read(file).await.unwrap_or_default();
        let new = usize::try_from(start).ok().and_then(|start| bytes.get(start..)).unwrap_or_default();
        let text = String::from_utf8_lossy(new);
        text.rfind('\n').and_then(|end| text.get(..=end)).unwrap_or_default().to_owned()
    }

    /// A picture of the browser's window (all frames in it) and the end of its console.
    pub(super) async fn diagnostics(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        if let Ok(Ok(png)) = within(DRIVER_DEADLINE, self.client.screenshot()).await {
            files.push(("screenshot.png".to_owned(), png));
        }
        let mut console = match &self.console {
            Some(file) => tokio::fs::read(file).await.unwrap_or_default(),
            None => Vec::new(),
        };
        if let Some(process) = &*self.process.lock().await {
            console.extend_from_slice(process.output().as_bytes());
        }
        let cut = console.len().saturating_sub(CONSOLE_KEPT);
        console.drain(..cut);
        if !console.is_empty() {
            files.push(("console.log".to_owned(), console));
        }
        files
    }

    /// Ends the browser: politely for a short time, then by its supervisor. Returns when nothing of it is left.
    pub(super) async fn end(&self) {
        let healthy = self.broken().is_none();
        self.lobby.condemn("the browser was terminated");
        if self.remote {
            let _ = within(DRIVER_DEADLINE, self.client.clone().close()).await;
            return;
        }
        let Some(process) = self.process.lock().await.take() else { return };
        if healthy {
            // Firefox is known to hang here.
            let _ = within(DRIVER_DEADLINE, self.client.clone().close()).await;
        }
        process.end().await;
    }
}
