//! Browsers that somebody opens: no WebDriver, but a page at a URL that the user is given.
//!
//! A guest is not ours: its permissions, devices and addresses are its own, it may come late, go in the middle and come again, and
//! perhaps it is another browser than the one that is expected. All cases of its implementation are played in frames of its one page.

use super::super::greeting::Greeting;
use super::super::name::agrees;
use super::super::protocol::Command;
use super::super::request::OpenRequest;
use super::super::{CaseClock, OpenError, Opened, Origin, Permission, Surroundings};
use super::frame::{Browser, Frame, FramePeer};
use super::lobby::Lobby;
use super::pool::Config;
use super::server::{Hub, Listening, PageLink, Server};
use async_trait::async_trait;
use axum::extract::ws::WebSocket;
use peerproof_captures::timeline::Answer;
use serde_json::json;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// How long a browser may take to come unless somebody says otherwise.
pub const WAIT: Duration = Duration::from_secs(300);

/// A browser that somebody opens, as the configuration names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageSpec {
    /// Its name on the command line: `mobile`, `chrome@150`.
    pub name: String,
    /// What it must say that it is: `chrome`, `firefox`, `safari`, `browser`.
    pub is: String,
    /// Where its page is served, if not at a free port of loopback. Port 0 is any that is free.
    pub listen: Option<SocketAddr>,
    /// How long it may take to come.
    pub wait: Duration,
}

/// How whoever waits for a browser talks to the user.
#[derive(Debug, Clone, Default)]
pub struct Door {
    /// Takes what the user should know.
    pub notices: Option<UnboundedSender<String>>,
    /// Becomes true when nobody is to be waited for any more.
    pub stop: Option<watch::Receiver<bool>>,
}

impl Door {
    fn notify(&self, text: &str) {
        if let Some(notices) = &self.notices {
            let _ = notices.send(crate::terminal::clean(text));
        }
    }

    async fn stopped(&self) {
        if let Some(mut stop) = self.stop.clone()
            && stop.wait_for(|stop| *stop).await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

/// The guests of a run, by name.
#[derive(Default)]
pub(super) struct Guests(tokio::sync::Mutex<BTreeMap<String, Arc<Guest>>>);

impl Guests {
    /// The guest of that name. Its page is served from the first call on.
    pub(super) async fn get(
        &self,
        spec: &PageSpec,
        server: &Server,
        config: &Config,
    ) -> Result<Arc<Guest>, OpenError> {
        let mut guests = self.0.lock().await;
        if let Some(guest) = guests.get(&spec.name) {
            return Ok(Arc::clone(guest));
        }
        let guest = Arc::new(Guest::begin(spec, server, config).await?);
        guests.insert(spec.name.clone(), Arc::clone(&guest));
        Ok(guest)
    }

    /// Informs them that the run is over.
    pub(super) async fn dismiss(&self) {
        for guest in self.0.lock().await.values() {
            guest.reception.abort();
            let present = guest.here();
            if let Some(lobby) = present {
                lobby.dismiss("The run is over. This page may be closed.").await;
            }
        }
    }
}

/// What is being played, and how many cases are over.
#[derive(Default)]
struct Board {
    playing: Vec<String>,
    played: u64,
}

/// A browser that somebody opens.
pub(super) struct Guest {
    spec: PageSpec,
    url: String,
    wait: Duration,
    deadline: Duration,
    door: Door,
    /// Its newest lobby, if there ever was one.
    present: watch::Receiver<Option<Arc<Lobby>>>,
    /// Why nobody waits for it any more. Its lock is held while somebody waits, so that cases wait together.
    given_up: tokio::sync::Mutex<Option<String>>,
    board: Mutex<Board>,
    reception: AbortHandle,
    _listening: Listening,
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.reception.abort();
    }
}

impl Guest {
    async fn begin(spec: &PageSpec, server: &Server, config: &Config) -> Result<Self, OpenError> {
        let address = spec.listen.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let listening = server.listen_at(address).await.map_err(|error| {
            OpenError::Broken(format!("{}: cannot listen on {address}: {error}", spec.name))
        })?;
        let bound = listening.address();
        let origin = match (bound.ip(), config.interface) {
            (ip, _) if ip.is_loopback() => listening.localhost(),
            (ip, Some(own)) if ip.is_unspecified() => {
                format!("http://{}", SocketAddr::new(own, bound.port()))
            }
            (ip, None) if ip.is_unspecified() => listening.localhost(),
            _ => format!("http://{bound}"),
        };
        let token = short_token();
        let url = format!("{origin}/?token={token}");
        let (came, present) = watch::channel(None);
        let reception = Reception {
            spec: spec.clone(),
            hub: server.hub().clone(),
            token,
            deadline: config.answer_deadline,
            door: config.door.clone(),
            came,
        };
        Ok(Self {
            spec: spec.clone(),
            url,
            wait: config.page_wait.unwrap_or(spec.wait),
            deadline: config.answer_deadline,
            door: config.door.clone(),
            present,
            given_up: tokio::sync::Mutex::default(),
            board: Mutex::default(),
            reception: tokio::spawn(reception.receive()).abort_handle(),
            _listening: listening,
        })
    }

    /// Its lobby, if it is open.
    fn here(&self) -> Option<Arc<Lobby>> {
        self.present.borrow().clone().filter(|lobby| lobby.broken().is_none())
    }

    /// Its lobby; waits until somebody opens it. The user is notified.
    pub(super) async fn lobby(&self) -> Result<Arc<Lobby>, OpenError> {
        let mut given_up = self.given_up.lock().await;
        if let Some(lobby) = self.here() {
            return Ok(lobby);
        }
        if let Some(reason) = &*given_up {
            return Err(OpenError::Broken(reason.clone()));
        }
        let PageSpec { name, is, .. } = &self.spec;
        let (url, seconds) = (&self.url, self.wait.as_secs());
        let again = self.present.borrow().is_some();
        self.door.notify(&match again {
            false => format!("open {url} in {name} ({is}); waiting at most {seconds} s"),
            true => format!("the page of {name} is closed; open {url} in it again within {seconds} s"),
        });
        let mut present = self.present.clone();
        let is_open = |lobby: &Option<Arc<Lobby>>| lobby.as_ref().is_some_and(|it| it.broken().is_none());
        let came = tokio::select! {
            came = present.wait_for(is_open) => came.ok().and_then(|lobby| lobby.clone()),
            () = tokio::time::sleep(self.wait) => None,
            () = self.door.stopped() => {
                return Err(OpenError::Broken(format!("{name}: the run was stopped before its page was opened")));
            }
        };
        came.ok_or_else(|| {
            let ever = if again { " again" } else { "" };
            let reason = format!("{name}: {url} was not opened{ever} within {seconds} s");
            *given_up = Some(reason.clone());
            OpenError::Broken(reason)
        })
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, board: &Board) {
        if let Some(lobby) = self.here() {
            lobby.show(board.playing.iter(), board.played);
        }
    }

    fn case_begins(&self, case: &str) {
        let mut board = self.board();
        board.playing.push(case.to_owned());
        self.show(&board);
    }

    fn case_ends(&self, case: &str) {
        let mut board = self.board();
        if let Some(place) = board.playing.iter().position(|playing| playing == case) {
            board.playing.remove(place);
        }
        board.played += 1;
        self.show(&board);
    }
}

/// Sixteen letters and digits, since somebody may have to type them. 80 random bits cannot be guessed over a network.
fn short_token() -> String {
    // Nothing that is easily taken for another one.
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let random: u128 = rand::random();
    let letter = |n: u32| LETTERS.get((random >> (5 * n)) as usize % LETTERS.len()).copied().unwrap_or(b'a');
    (0..16).map(|n| char::from(letter(n))).collect()
}

/// Takes whoever opens the page.
struct Reception {
    spec: PageSpec,
    hub: Hub,
    token: String,
    deadline: Duration,
    door: Door,
    came: watch::Sender<Option<Arc<Lobby>>>,
}

impl Reception {
    async fn receive(self) {
        loop {
            let mut awaited = self.hub.expect_as(&self.token);
            // Nothing came if the WebSocket broke before it was one.
            let Some(socket) = awaited.arrived().await else { continue };
            drop(awaited);
            self.welcome(socket).await;
        }
    }

    async fn welcome(&self, socket: WebSocket) {
        let name = &self.spec.name;
        let before = self.came.borrow().clone();
        if let Some(before) = before.filter(|before| before.broken().is_none()) {
            before.examine().await;
            if before.broken().is_none() {
                let PageLink { to_page, .. } = PageLink::new(socket);
                let why = format!("The page of {name} is open elsewhere. Close it there to use it here.");
                let _ = to_page.send(json!({ "over": why }).to_string());
                return;
            }
        }
        let lobby = Lobby::new(name.clone(), socket, &self.hub);
        match self.identify(&lobby).await {
            Ok(version) => {
                self.door.notify(&format!("{name} connected: {} {version}", self.spec.is));
                self.came.send_replace(Some(lobby));
            }
            Err(reason) => {
                self.door.notify(&format!("{reason}; still waiting for {name}"));
                lobby.dismiss(&reason).await;
            }
        }
    }

    /// Its version, if it is the browser that is expected.
    async fn identify(&self, lobby: &Arc<Lobby>) -> Result<String, String> {
        let opened = Frame::open(lobby, &self.spec.name, CaseClock::start(), self.deadline, true).await;
        let (frame, greeting, _) = opened.map_err(|error| error.to_string())?;
        frame.end().await;
        expected(&self.spec, &greeting)?;
        Ok(greeting.version)
    }
}

/// Makes sure that it is the browser that is expected: a row of results must never show another one's.
fn expected(spec: &PageSpec, greeting: &Greeting) -> Result<(), String> {
    let (PageSpec { name, is, .. }, said) = (spec, &greeting.implementation);
    if said != is {
        return Err(format!("{name}: this browser identifies as {said}, expected {is} (`page`)"));
    }
    agrees(name, &greeting.version).map_err(|error| error.to_string())
}

/// A guest in one case.
pub(super) struct Visit {
    guest: Arc<Guest>,
    case: String,
}

impl Visit {
    /// Opens a frame in the guest's lobby, once there is one.
    pub(super) async fn open(guest: Arc<Guest>, request: OpenRequest) -> Result<Opened, OpenError> {
        if let Some(reason) = cannot(&request.surroundings) {
            return Err(OpenError::Unsupported(format!("{}: {reason}", guest.spec.name)));
        }
        let lobby = guest.lobby().await?;
        let opened = Frame::open(&lobby, &guest.spec.name, request.clock, guest.deadline, true).await;
        let (frame, greeting, events) = opened?;
        if let Err(reason) = expected(&guest.spec, &greeting) {
            frame.end().await;
            return Err(OpenError::Broken(reason));
        }
        guest.case_begins(&request.case);
        Ok(FramePeer::opened(request.name, (frame, greeting, events), Self { guest, case: request.case }))
    }
}

/// Which of these surroundings cannot be had of a browser that is not ours.
fn cannot(surroundings: &Surroundings) -> Option<&'static str> {
    if surroundings.permission == Permission::Denied {
        return Some("only its user can deny it camera and microphone");
    }
    if surroundings.origin == Origin::Insecure {
        return Some("its page has one origin for all cases");
    }
    surroundings.mdns.then_some("this browser decides itself whether to use `.local` names")
}

/// What a source is refused with by a browser whose permissions, devices and rules for sound are its own.
const OF_ITS_OWN: [&str; 4] = ["NotAllowedError", "NotFoundError", "NotReadableError", "SecurityError"];

/// What the agent says where there are no devices since the page is not a secure context.
const NOT_SECURE: &str = "not a secure context";

/// Takes a refusal that comes from the browser's user or place for what it is.
fn of_its_own(answer: Answer) -> Answer {
    match answer {
        Answer::Rejected { name, message }
            if OF_ITS_OWN.contains(&name.as_str()) || message.contains(NOT_SECURE) =>
        {
            let reason = format!("this browser's permissions or devices do not allow it: {name}: {message}");
            Answer::Unsupported { reason }
        }
        answer => answer,
    }
}

#[async_trait]
impl Browser for Visit {
    fn answer(&self, command: &Command, answer: Answer) -> Answer {
        match command {
            Command::GetUserMedia { .. } | Command::CreateSource { .. } => of_its_own(answer),
            _ => answer,
        }
    }

    async fn ended(&self) {
        self.guest.case_ends(&self.case);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_and_differ() {
        let (one, other) = (short_token(), short_token());
        assert!(one.len() == 16 && one.chars().all(|letter| letter.is_ascii_alphanumeric()), "{one}");
        assert_ne!(one, other);
    }

    #[test]
    fn what_its_user_refuses_is_unsupported_and_what_the_api_refuses_is_not() {
        let rejected =
            |name: &str, message: &str| Answer::Rejected { name: name.into(), message: message.into() };
        for (name, message) in [("NotAllowedError", "denied"), ("TypeError", "this is not a secure context")]
        {
            assert!(matches!(of_its_own(rejected(name, message)), Answer::Unsupported { .. }), "{name}");
        }
        for name in ["TypeError", "OverconstrainedError"] {
            assert_eq!(of_its_own(rejected(name, "no")), rejected(name, "no"));
        }
    }

    #[test]
    fn what_only_a_driver_can_arrange_cannot_be_had() {
        assert_eq!(cannot(&Surroundings::default()), None);
        assert!(
            cannot(&Surroundings { permission: Permission::Denied, ..Surroundings::default() }).is_some()
        );
        assert!(cannot(&Surroundings { origin: Origin::Insecure, ..Surroundings::default() }).is_some());
        assert!(cannot(&Surroundings { mdns: true, ..Surroundings::default() }).is_some());
    }
}
