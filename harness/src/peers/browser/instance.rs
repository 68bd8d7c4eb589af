//! One browser process and its lobby: the page in which every case gets a frame of its own.

use super::super::{OpenError, Origin, Surroundings};
use super::launch::{Build, Kind, Launched, launch};
use super::pool::Config;
use super::server::{Awaited, Hub, Listening, PageLink, Server};
use crate::machine::within;
use crate::network::lab::Namespace;
use crate::process::Owned;
use fantoccini::Client;
use futures::StreamExt;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{oneshot, watch};

/// How long the first frame made for a case may take to connect before another one is made.
const FRAME_DEADLINE: Duration = Duration::from_secs(8);
/// How long the lobby or a case's page may take to load and connect.
const PAGE_DEADLINE: Duration = Duration::from_secs(30);
/// How long the lobby may take to remove a frame, and to show that it lives.
const LOBBY_DEADLINE: Duration = Duration::from_secs(5);
/// How long the driver may take to end its session, and to take a screenshot.
const DRIVER_DEADLINE: Duration = Duration::from_secs(3);
/// Most of a browser's console that is kept for a case: the newest.
const CONSOLE_KEPT: usize = 64 * 1024;

/// What the lobby says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum LobbySaid {
    /// The frame of this token is gone.
    Closed(String),
    /// The answer to a ping.
    Pong(u64),
}

/// What the lobby was asked and has not answered.
#[derive(Debug, Default)]
struct Asked {
    closing: BTreeMap<String, oneshot::Sender<()>>,
    pings: BTreeMap<u64, oneshot::Sender<()>>,
    next_ping: u64,
}

/// A page for a case that has not come yet.
enum Spare {
    /// Its frame was asked for.
    Loading(Awaited),
    /// It has connected: its token, and the way to its agent.
    Loaded(String, PageLink),
}

/// A running browser.
pub(super) struct Instance {
    pub(super) kind: Kind,
    pub(super) version: String,
    client: Client,
    lobby: UnboundedSender<String>,
    asked: Mutex<Asked>,
    /// Why it is broken, once it is.
    broken: watch::Sender<Option<String>>,
    process: tokio::sync::Mutex<Option<Owned>>,
    /// Whether it is behind a remote end of WebDriver, so that only its session can be ended.
    remote: bool,
    keylog: Option<PathBuf>,
    console: Option<PathBuf>,
    /// Where its pages arrive.
    hub: Hub,
    /// The page that the next case will get, loaded ahead.
    spare: tokio::sync::Mutex<Option<Spare>>,
    /// Whether a page of this process has shown that it does not say yes to everything.
    pub(super) honest: tokio::sync::OnceCell<()>,
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
                return Err(OpenError::Unsupported("in a lab every page comes from localhost".to_owned()));
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
                match process {
                    Some(process) => process.end().await,
                    None => drop(within(DRIVER_DEADLINE, client.close()).await),
                }
                return Err(OpenError::Broken(format!("{}: the lobby did not open: {cause}", kind.name())));
            }
        };
        let PageLink { to_page, incoming: mut heard } = PageLink::new(socket);
        let instance = Arc::new(Self {
            kind,
            version,
            client,
            lobby: to_page,
            asked: Mutex::default(),
            broken: watch::Sender::new(None),
            process: tokio::sync::Mutex::new(process),
            remote: build.remote.is_some(),
            keylog,
            console,
            hub: server.hub().clone(),
            spare: tokio::sync::Mutex::default(),
            honest: tokio::sync::OnceCell::new(),
            inside,
        });
        // Weak, so that the task does not keep a browser alive that nobody uses.
        let listening = Arc::downgrade(&instance);
        tokio::spawn(async move {
            while let Some(text) = heard.next().await {
                let Some(instance) = listening.upgrade() else { return };
                instance.take(&text);
            }
            if let Some(instance) = listening.upgrade() {
                instance.condemn("the browser is gone: its lobby closed");
            }
        });
        Ok(instance)
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, text: &str) {
        let waiting = match serde_json::from_str(text) {
            Ok(LobbySaid::Closed(token)) => self.asked().closing.remove(&token),
            Ok(LobbySaid::Pong(number)) => self.asked().pings.remove(&number),
            Err(error) => return self.condemn(&format!("the lobby said nonsense: {error}")),
        };
        if let Some(waiting) = waiting {
            let _ = waiting.send(());
        }
    }

    /// Gives the browser up: the next case gets another one.
    pub(super) fn condemn(&self, reason: &str) {
        self.broken.send_if_modified(|broken| {
            let first = broken.is_none();
            if first {
                *broken = Some(reason.to_owned());
            }
            first
        });
    }

    /// Why it is broken, if it is.
    pub(super) fn broken(&self) -> Option<String> {
        self.broken.borrow().clone()
    }

    /// A page for a case: the one that was loaded ahead, or a new one. Chrome loses about one frame in a thousand while many come
    /// and go: its page never loads. No peer has spoken by then, so another frame is made, once, before the case begins.
    pub(super) async fn open_page(&self) -> Result<(String, PageLink), OpenError> {
        let ahead = self.spare.lock().await.take();
        let mut ahead = ahead.or_else(|| Some(self.load_page()));
        for deadline in [FRAME_DEADLINE, PAGE_DEADLINE] {
            let spare = ahead.take().unwrap_or_else(|| self.load_page());
            match self.arrived(spare, deadline).await {
                Ok(page) => return Ok(page),
                Err(token) => {
                    // Other cases may do well in this browser: it is given up only if its lobby does not answer.
                    self.examine().await;
                    self.close_page(&token).await;
                }
            }
            if self.broken().is_some() {
                break;
            }
        }
        let cause = self
            .broken()
            .unwrap_or_else(|| format!("a page did not connect within {} s", PAGE_DEADLINE.as_secs()));
        Err(OpenError::Broken(format!("{}: {cause}", self.kind.name())))
    }

    /// Has the lobby make a frame for a case.
    fn load_page(&self) -> Spare {
        let page = self.hub.expect();
        // When the lobby is gone, `broken` tells.
        let _ = self.lobby.send(json!({ "open": page.token() }).to_string());
        Spare::Loading(page)
    }

    /// Waits for a page, or returns the token of the one that did not come.
    async fn arrived(&self, spare: Spare, deadline: Duration) -> Result<(String, PageLink), String> {
        let mut page = match spare {
            Spare::Loaded(token, mut link) => {
                return if link.is_closed() { Err(token) } else { Ok((token, link)) };
            }
            Spare::Loading(page) => page,
        };
        let token = page.token().to_owned();
        let mut broken = self.broken.subscribe();
        let arrived = tokio::select! {
            arrived = within(deadline, page.arrived()) => arrived.ok().flatten(),
            _ = broken.wait_for(Option::is_some) => None,
        };
        match arrived {
            Some(socket) => Ok((token, PageLink::new(socket))),
            None => Err(token),
        }
    }

    /// Whether it runs in a host of a lab, where it serves one case at a time.
    pub(super) fn is_in_lab(&self) -> bool {
        self.inside.is_some()
    }

    /// Loads a page ahead for the next case, unless there is one.
    pub(super) async fn load_ahead(&self) {
        let mut spare = self.spare.lock().await;
        if spare.is_none() && self.broken().is_none() {
            *spare = Some(self.load_page());
        }
    }

    /// Waits until the page that loads ahead is there. One that does not come is given up.
    pub(super) async fn settle(&self) {
        let mut place = self.spare.lock().await;
        let Some(spare) = place.take() else { return };
        match self.arrived(spare, FRAME_DEADLINE).await {
            Ok((token, link)) => *place = Some(Spare::Loaded(token, link)),
            Err(token) => {
                drop(place);
                self.close_page(&token).await;
            }
        }
    }

    /// Runs a script in the lobby; see [`Browsers::evaluate`](super::Browsers::evaluate).
    pub(super) async fn evaluate(&self, script: &str) -> Result<serde_json::Value, OpenError> {
        let evaluated = self.client.execute_async(script, Vec::new()).await;
        evaluated.map_err(|error| OpenError::Broken(format!("{}: {error}", self.kind.name())))
    }

    /// Removes a case's frame and waits until it is gone.
    pub(super) async fn close_page(&self, token: &str) {
        let (gone, waiting) = oneshot::channel();
        self.asked().closing.insert(token.to_owned(), gone);
        let _ = self.lobby.send(json!({ "close": token }).to_string());
        self.wait(waiting).await;
        self.asked().closing.remove(token);
    }

    /// Makes sure that the browser still answers, and gives it up if not.
    pub(super) async fn examine(&self) {
        let (alive, waiting) = oneshot::channel();
        let number = {
            let mut asked = self.asked();
            asked.next_ping += 1;
            let number = asked.next_ping;
            asked.pings.insert(number, alive);
            number
        };
        let _ = self.lobby.send(json!({ "ping": number }).to_string());
        self.wait(waiting).await;
        self.asked().pings.remove(&number);
    }

    async fn wait(&self, answer: oneshot::Receiver<()>) {
        let mut broken = self.broken.subscribe();
        tokio::select! {
            answered = within(LOBBY_DEADLINE, answer) => if answered.is_err() {
                self.condemn("the browser hangs: its lobby does not answer");
            },
            _ = broken.wait_for(Option::is_some) => {}
        }
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

    /// Ends the browser: politely for a short time, then by its warden. Returns when nothing of it is left.
    pub(super) async fn end(&self) {
        let healthy = self.broken().is_none();
        self.condemn("the browser was ended");
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
