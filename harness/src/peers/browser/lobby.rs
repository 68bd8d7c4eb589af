//! The lobby: the page of a browser in which every case gets a frame of its own.

use super::super::OpenError;
use super::pages;
use super::server::{Awaited, Hub, PageLink};
use crate::machine::within;
use axum::extract::ws::WebSocket;
use futures::StreamExt;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{OnceCell, oneshot, watch};

/// How long the first frame made for a case may take to connect before another one is made.
const FRAME_DEADLINE: Duration = Duration::from_secs(8);
/// How long the lobby or a case's page may take to load and connect.
pub(super) const PAGE_DEADLINE: Duration = Duration::from_secs(30);
/// How long the lobby may take to remove a frame, and to show that it lives.
const LOBBY_DEADLINE: Duration = Duration::from_secs(5);

/// What the lobby says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Said {
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

/// An open lobby. Its WebSocket closes when this is dropped.
pub(super) struct Lobby {
    /// Whose it is, for messages.
    whose: String,
    line: UnboundedSender<String>,
    asked: Mutex<Asked>,
    /// Why it is broken, once it is.
    broken: watch::Sender<Option<String>>,
    /// Where its pages arrive.
    hub: Hub,
    /// The page that the next case will get, loaded ahead.
    spare: tokio::sync::Mutex<Option<Spare>>,
    /// Whether a page of it has shown that it does not say yes to everything.
    pub(super) honest: OnceCell<()>,
}

impl Lobby {
    /// The lobby at the other end of this WebSocket.
    pub(super) fn new(whose: impl Into<String>, socket: WebSocket, hub: &Hub) -> Arc<Self> {
        let PageLink { to_page, incoming: mut heard } = PageLink::new(socket);
        let lobby = Arc::new(Self {
            whose: whose.into(),
            line: to_page,
            asked: Mutex::default(),
            broken: watch::Sender::new(None),
            hub: hub.clone(),
            spare: tokio::sync::Mutex::default(),
            honest: OnceCell::new(),
        });
        // Weak, so that the task does not keep a browser alive that nobody uses.
        let listening = Arc::downgrade(&lobby);
        tokio::spawn(async move {
            while let Some(text) = heard.next().await {
                let Some(lobby) = listening.upgrade() else { return };
                lobby.take(&text);
            }
            if let Some(lobby) = listening.upgrade() {
                lobby.condemn("the browser is gone: its lobby closed");
            }
        });
        lobby
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, text: &str) {
        let waiting = match serde_json::from_str(text) {
            Ok(Said::Closed(token)) => self.asked().closing.remove(&token),
            Ok(Said::Pong(number)) => self.asked().pings.remove(&number),
            Err(error) => return self.condemn(&format!("the lobby sent a malformed message: {error}")),
        };
        if let Some(waiting) = waiting {
            let _ = waiting.send(());
        }
    }

    /// Gives it up: the next case gets another one.
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
        Err(OpenError::Broken(format!("{}: {cause}", self.whose)))
    }

    /// Has the lobby make a frame for a case.
    fn load_page(&self) -> Spare {
        let page = self.hub.expect();
        // When the lobby is gone, `broken` says so.
        let open = json!({ "page": pages::agent_page(), "token": page.token() });
        let _ = self.line.send(json!({ "open": open }).to_string());
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

    /// Removes a case's frame and waits until it is gone.
    pub(super) async fn close_page(&self, token: &str) {
        let (gone, waiting) = oneshot::channel();
        self.asked().closing.insert(token.to_owned(), gone);
        let _ = self.line.send(json!({ "close": token }).to_string());
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
        let _ = self.line.send(json!({ "ping": number }).to_string());
        self.wait(waiting).await;
        self.asked().pings.remove(&number);
    }

    async fn wait(&self, answer: oneshot::Receiver<()>) {
        let mut broken = self.broken.subscribe();
        tokio::select! {
            answered = within(LOBBY_DEADLINE, answer) => if answered.is_err() {
                self.condemn("the browser does not respond: no answer from its lobby");
            },
            _ = broken.wait_for(Option::is_some) => {}
        }
    }

    /// Shows a person who looks at it what is being played, and how many cases are over.
    pub(super) fn show(&self, playing: impl Iterator<Item = impl AsRef<str>>, played: u64) {
        let playing: Vec<String> = playing.map(|case| case.as_ref().to_owned()).collect();
        let _ = self.line.send(json!({ "show": { "playing": playing, "played": played } }).to_string());
    }

    /// Shows a person why it is needed no more. It closes its WebSocket then, which is waited for, but not for long.
    pub(super) async fn dismiss(&self, why: &str) {
        let _ = self.line.send(json!({ "over": why }).to_string());
        let mut broken = self.broken.subscribe();
        let _ = within(LOBBY_DEADLINE, broken.wait_for(Option::is_some)).await;
    }
}
