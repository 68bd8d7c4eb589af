//! Real browsers as peers, through the same trait as the suite. A browser that is not installed is skipped with a line that
//! says so, or fails the test if `PEERPROOF_REQUIRE` names it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "all of this file is test code, its helpers too"
)]

#[path = "common/needs.rs"]
mod needs;

use needs::is_here;
use peerproof::peers::browser::{Browsers, Build, Config, Kind};
use peerproof::peers::protocol::{ChannelOptions, Command, Configuration, IceAgent, Payload};
use peerproof::peers::{CaseClock, OpenError, Opened, Origin, Peer, Permission, Reported, Surroundings};
use peerproof::run::peers::is_required;
use peerproof_captures::event::{Description, MediaKind, Message, PeerEvent, SdpType};
use peerproof_captures::timeline::Answer;
use peerproof_stack::signalling::{Limits, Server};
use serde_json::{Value, json};
use std::sync::LazyLock;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;
use tokio::sync::mpsc::UnboundedReceiver;

/// All tests share the browsers, which live in this runtime. They are ended by their supervisors when this process ends.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static BROWSERS: OnceCell<Browsers> = OnceCell::const_new();

async fn browsers() -> &'static Browsers {
    let start = || async { Browsers::new(Config::new(env!("CARGO_BIN_EXE_peerproof"))).await.unwrap() };
    BROWSERS.get_or_init(start).await
}

/// A peer and what it has reported so far.
struct Side {
    peer: Box<dyn Peer>,
    events: UnboundedReceiver<Reported>,
    seen: Vec<PeerEvent>,
}

impl Side {
    /// `None` when that browser is not there and not required.
    async fn open(kind: &str, name: &str, clock: CaseClock, surroundings: &Surroundings) -> Option<Self> {
        match browsers().await.open(&build(kind), name, clock, surroundings, None).await {
            Ok(Opened { peer, events }) => Some(Self { peer, events, seen: Vec::new() }),
            Err(OpenError::Unsupported(reason)) => {
                assert!(!is_required(kind), "{kind} is required: {reason}");
                println!("skipped: {reason}");
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    async fn ok(&self, command: Command) -> Value {
        let name = command.name();
        match self.peer.call(command).await {
            Answer::Ok(value) => value,
            other => panic!("{} {name}: {other:?}", self.peer.info().name),
        }
    }

    async fn rejected(&self, command: Command) -> String {
        match self.peer.call(command).await {
            Answer::Rejected { name, .. } => name,
            other => panic!("{} did not reject: {other:?}", self.peer.info().implementation),
        }
    }

    async fn describe(&self, command: Command) -> Description {
        serde_json::from_value(self.ok(command).await).unwrap()
    }

    async fn next(&mut self) -> PeerEvent {
        let reported = tokio::time::timeout(Duration::from_secs(20), self.events.recv()).await;
        let Ok(Some(reported)) = reported else {
            panic!("{}: nothing more after {:#?}", self.peer.info().name, self.seen)
        };
        self.seen.push(reported.event.clone());
        reported.event
    }

    async fn until<T>(&mut self, find: impl Fn(&PeerEvent) -> Option<T>) -> T {
        if let Some(found) = self.seen.iter().find_map(&find) {
            return found;
        }
        loop {
            if let Some(found) = find(&self.next().await) {
                return found;
            }
        }
    }
}

fn build(kind: &str) -> Build {
    Build::of_this_machine(Kind::named(kind).unwrap())
}

fn create() -> Command {
    Command::CreatePeerConnection { configuration: Configuration::default(), ice: None }
}

fn channel(label: &str) -> ChannelOptions {
    serde_json::from_value(json!({ "label": label })).unwrap()
}

/// Offer, answer and candidates, trickled both ways until both have gathered.
async fn negotiate(offerer: &mut Side, answerer: &mut Side) {
    let offer = offerer.describe(Command::CreateOffer { ice_restart: false }).await;
    offerer.ok(Command::SetLocalDescription { description: Some(offer.clone()), as_type: None }).await;
    answerer.ok(Command::SetRemoteDescription { description: offer }).await;
    let answer = answerer.describe(Command::CreateAnswer).await;
    answerer.ok(Command::SetLocalDescription { description: Some(answer.clone()), as_type: None }).await;
    offerer.ok(Command::SetRemoteDescription { description: answer }).await;
    trickle(offerer, answerer).await;
    trickle(answerer, offerer).await;
}

/// Carries every candidate of `from`, up to the end of candidates.
async fn trickle(from: &mut Side, to: &Side) {
    let mut carried = 0;
    loop {
        while carried == from.seen.len() {
            from.next().await;
        }
        if let PeerEvent::IceCandidate { candidate } = from.seen[carried].clone() {
            let last = candidate.is_none();
            to.ok(Command::AddIceCandidate { candidate }).await;
            if last {
                return;
            }
        }
        carried += 1;
    }
}

async fn pair(offerer: &str, answerer: &str, surroundings: &Surroundings) -> Option<(Side, Side)> {
    let clock = CaseClock::start();
    let alice = Side::open(offerer, "alice", clock, surroundings).await?;
    let bob = Side::open(answerer, "bob", clock, surroundings).await?;
    alice.ok(create()).await;
    bob.ok(create()).await;
    Some((alice, bob))
}

async fn end(sides: [Side; 2]) {
    for mut side in sides {
        side.peer.end().await;
        while let Some(reported) = side.events.recv().await {
            assert!(!matches!(reported.event, PeerEvent::Lost { .. }), "an orderly end is no loss");
        }
        assert!(matches!(side.peer.call(Command::GetState).await, Answer::Lost { .. }));
    }
}

async fn data_channel_opens_and_echoes(offerer: &str, answerer: &str) {
    let Some((mut alice, mut bob)) = pair(offerer, answerer, &Surroundings::default()).await else { return };
    let created = alice.ok(Command::CreateDataChannel(channel("chat"))).await;
    assert_eq!(created["label"], "chat");
    assert_eq!(created["ordered"], true);
    bob.ok(Command::Echo { channel: "chat".into(), defect: None }).await;
    negotiate(&mut alice, &mut bob).await;
    let opened = |event: &PeerEvent| matches!(event, PeerEvent::ChannelOpen { .. }).then_some(());
    alice.until(opened).await;
    bob.until(|event| matches!(event, PeerEvent::DataChannel { .. }).then_some(())).await;
    bob.until(opened).await;

    let message = Payload::Text("Hello, wörld".into());
    alice.ok(Command::Send { channel: "chat".into(), message, times: None }).await;
    let heard = |event: &PeerEvent| match event {
        PeerEvent::ChannelMessage { message, .. } => Some(message.clone()),
        _ => None,
    };
    let expected = Message {
        channel: "chat".into(),
        text: true,
        size: 13,
        crc32: 0x7fc9_7c4d,
        value: Some("Hello, wörld".into()),
    };
    assert_eq!(bob.until(heard).await, expected);
    assert_eq!(alice.until(heard).await, expected);

    let message = Payload::Pattern { size: 200_000, seed: 7, text: false };
    alice.ok(Command::Send { channel: "chat".into(), message, times: None }).await;
    let back = alice.until(|event| heard(event).filter(|message| !message.text)).await;
    assert_eq!((back.size, back.text, back.value), (200_000, false, None));
    assert_eq!(back.crc32, crc32(&pattern(200_000, 7)));

    let state = alice.ok(Command::GetState).await;
    assert_eq!(state["connection"], "connected");
    assert_eq!(state["dtls"], "connected");
    assert_eq!(state["sctp"], "connected");
    for side in [&mut alice, &mut bob] {
        side.until(|event| matches!(event, PeerEvent::SelectedCandidatePairChange { .. }).then_some(()))
            .await;
        let named = |name: &str| side.seen.iter().any(|event| json!(event)["event"] == name);
        assert!(named("dtlsstatechange"), "{:#?}", side.seen);
        assert!(named("icetransportstatechange"), "{:#?}", side.seen);
        assert!(named("sctpstatechange"), "{:#?}", side.seen);
        let stats = side.ok(Command::GetStats).await;
        assert!(stats.as_object().unwrap().values().any(|entry| entry["type"] == "data-channel"));
    }
    for side in [&alice, &bob] {
        let keylog = side.peer.keylog().await;
        if side.peer.info().implementation == "firefox" {
            assert!(keylog.contains("EXPORTER_SECRET "), "{keylog}");
        } else {
            assert_eq!(keylog, "");
        }
    }
    end([alice, bob]).await;
}

fn source(kind: MediaKind) -> Command {
    serde_json::from_value(json!({ "command": "createSource", "args": { "kind": kind, "toneHz": 1000 } }))
        .unwrap()
}

/// The id of the only track in an answer of `getUserMedia` or `createSource`.
fn track_of(answer: &Value) -> String {
    answer["tracks"][0]["id"].as_str().unwrap().to_owned()
}

async fn media_is_seen_and_heard(offerer: &str, answerer: &str) {
    let Some((mut alice, mut bob)) = pair(offerer, answerer, &Surroundings::default()).await else { return };
    for kind in [MediaKind::Video, MediaKind::Audio] {
        for side in [&alice, &bob] {
            let track = track_of(&side.ok(source(kind)).await);
            side.ok(Command::AddTrack { track }).await;
        }
    }
    negotiate(&mut alice, &mut bob).await;
    for side in [&mut alice, &mut bob] {
        for kind in [MediaKind::Video, MediaKind::Audio] {
            let is_track = |event: &PeerEvent| match event {
                PeerEvent::Track { id, kind: of, streams, mid } if *of == kind => {
                    assert_eq!(streams.len(), 1);
                    assert!(mid.is_some());
                    Some(id.clone())
                }
                _ => None,
            };
            let track = side.until(is_track).await;
            side.ok(Command::Watch { track }).await;
        }
        let mut numbers = Vec::new();
        let mut tones = Vec::new();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        while numbers.len() < 4 || tones.len() < 4 {
            assert!(tokio::time::Instant::now() < deadline, "{numbers:?} {tones:?}");
            if let PeerEvent::MediaSeen { number, tone_hz, width, height, frames, kind, .. } =
                side.next().await
            {
                if kind == MediaKind::Video {
                    assert_eq!((width, height), (Some(320), Some(240)));
                    numbers.push((frames, number));
                } else {
                    tones.push((frames, tone_hz));
                }
            }
        }
        println!("{} {numbers:?} {tones:?}", side.peer.info().implementation);
        assert!(numbers.is_sorted(), "{numbers:?}");
        assert!(numbers.first().unwrap().1 < numbers.last().unwrap().1, "{numbers:?}");
        assert!(tones.iter().any(|(_, hz)| hz.is_some_and(|hz| hz.abs_diff(1000) <= 10)), "{tones:?}");
        assert!(tones.is_sorted_by_key(|(frames, _)| *frames), "{tones:?}");
    }
    end([alice, bob]).await;
}

fn user_media(constraints: Value) -> Command {
    Command::GetUserMedia { constraints }
}

/// Runs `test` with one peer of each browser in these surroundings.
fn in_each(surroundings: Surroundings, test: impl AsyncFn(Side)) {
    RUNTIME.block_on(async {
        for kind in ["chrome", "firefox"] {
            if let Some(side) = Side::open(kind, "alice", CaseClock::start(), &surroundings).await {
                test(side).await;
            }
        }
    });
}

/// A driver that ends before it listens: what it wrote is not lost with it.
#[test]
fn the_output_of_a_driver_that_fails_is_kept() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let driver = folder.path().join("driver");
    let lines = (1..=9).map(|n| format!("echo line {n}\n")).collect::<String>();
    std::fs::write(&driver, format!("#!/bin/sh\n{lines}exit 3\n")).unwrap();
    std::fs::set_permissions(&driver, std::fs::Permissions::from_mode(0o755)).unwrap();
    let build =
        Build { kind: Kind::Chrome, browser: Some("/bin/true".into()), driver: Some(driver), remote: None };
    let opened = RUNTIME.block_on(async {
        browsers().await.open(&build, "alice", CaseClock::start(), &Surroundings::default(), None).await
    });
    let Err(OpenError::NotStarted { cause, log }) = opened else { panic!("it did not start") };
    assert!(cause.contains("line 5 | line 6 | line 7 | line 8 | line 9"), "{cause}");
    assert!(!cause.contains("line 4"), "only the last lines: {cause}");
    assert!(log.starts_with("line 1\nline 2\n"), "{log}");
}

#[test]
fn the_browser_reports_its_exact_version() {
    in_each(Surroundings::default(), async |side| {
        let version = &side.peer.info().version;
        assert!(version.split('.').all(|part| part.parse::<u32>().is_ok()), "{version}");
        let greeting = side.ok(Command::Hello).await;
        assert_eq!(greeting["implementation"], side.peer.info().implementation);
        let major = version.split('.').next();
        assert_eq!(greeting["version"].as_str().unwrap().split('.').next(), major);
        let commands = greeting["commands"].as_array().unwrap();
        for command in ["createOffer", "join", "watch", "hello"] {
            assert!(commands.iter().any(|known| known == command), "{command}");
        }
        assert!(!commands.iter().any(|known| known == "impossible"));
        side.peer.end().await;
    });
}

#[test]
fn the_lobby_shows_names_as_they_are() {
    RUNTIME.block_on(async {
        for kind in ["chrome", "firefox"] {
            // Opened, so that it is known whether the browser is there.
            let Some(side) = Side::open(kind, "alice", CaseClock::start(), &Surroundings::default()).await
            else {
                continue;
            };
            let script = r#"
                // Of the page's own, since Firefox has scripts of WebDriver see no constants of a page.
                const script = document.createElement("script");
                script.textContent = `actions.show({ playing: ["data/<b>x</b>", "two"], played: 3 })`;
                document.body.append(script);
                const board = document.getElementById("board");
                const seen = [board.innerText, board.querySelectorAll("b").length, board.hidden];
                board.hidden = true;
                arguments[arguments.length - 1](seen);"#;
            let seen = browsers().await.evaluate(&build(kind), script).await.unwrap();
            let text = seen[0].as_str().unwrap();
            assert!(text.contains("data/<b>x</b>") && text.contains("3 cases over"), "{text}");
            assert_eq!((&seen[1], &seen[2]), (&json!(0), &json!(false)));
            side.peer.end().await;
        }
    });
}

#[test]
fn granted_devices_honour_constraints() {
    in_each(Surroundings::default(), async |side| {
        let wanted = json!({ "video": { "width": 640, "height": 480 }, "audio": true });
        let stream = side.ok(user_media(wanted)).await;
        let tracks = stream["tracks"].as_array().unwrap();
        assert_eq!(tracks.len(), 2);
        let video = tracks.iter().find(|track| track["kind"] == "video").unwrap();
        assert_eq!((&video["settings"]["width"], &video["settings"]["height"]), (&json!(640), &json!(480)));
        let refused = side.rejected(user_media(json!({ "video": { "width": { "exact": 99999 } } }))).await;
        assert_eq!(refused, "OverconstrainedError");
        side.peer.end().await;
    });
}

#[test]
fn denied_devices_are_not_allowed() {
    let surroundings = Surroundings { permission: Permission::Denied, ..Surroundings::default() };
    in_each(surroundings, async |side| {
        assert_eq!(side.rejected(user_media(json!({ "video": true }))).await, "NotAllowedError");
        assert_eq!(side.rejected(user_media(json!({ "audio": true }))).await, "NotAllowedError");
        side.peer.end().await;
    });
}

#[test]
fn an_insecure_origin_has_no_devices_but_connections() {
    if !is_here("interface") {
        return;
    }
    let surroundings = Surroundings { origin: Origin::Insecure, ..Surroundings::default() };
    in_each(surroundings, async |side| {
        assert_eq!(side.rejected(user_media(json!({ "video": true }))).await, "TypeError");
        side.ok(create()).await;
        side.peer.end().await;
    });
}

#[test]
fn host_addresses_are_hidden_when_the_surroundings_want_it() {
    for mdns in [false, true] {
        in_each(Surroundings { mdns, ..Surroundings::default() }, async |mut side| {
            side.ok(create()).await;
            side.ok(Command::CreateDataChannel(channel("x"))).await;
            side.ok(Command::SetLocalDescription { description: None, as_type: None }).await;
            let host = |event: &PeerEvent| match event {
                PeerEvent::IceCandidate { candidate: Some(candidate) }
                    if candidate.candidate.contains("typ host") =>
                {
                    Some(candidate.candidate.clone())
                }
                _ => None,
            };
            let candidate = side.until(host).await;
            assert_eq!(candidate.contains(".local "), mdns, "{candidate}");
            side.peer.end().await;
        });
    }
}

#[test]
fn no_browser_pretends_to_be_an_ice_agent_that_it_is_not() {
    in_each(Surroundings::default(), async |side| {
        for ice in [IceAgent { lite: true, tcp: false }, IceAgent { lite: false, tcp: true }] {
            let command =
                Command::CreatePeerConnection { configuration: Configuration::default(), ice: Some(ice) };
            assert!(matches!(side.peer.call(command).await, Answer::Unsupported { .. }), "{ice:?}");
        }
        // Nothing was made.
        side.ok(create()).await;
        side.peer.end().await;
    });
}

#[test]
fn commands_out_of_place_are_rejected_as_the_standard_says() {
    in_each(Surroundings::default(), async |side| {
        assert_eq!(side.rejected(Command::CreateOffer { ice_restart: false }).await, "InvalidStateError");
        side.ok(create()).await;
        assert_eq!(side.rejected(Command::CreateAnswer).await, "InvalidStateError");
        let nowhere = Command::CloseDataChannel { channel: "none".into() };
        assert_eq!(side.rejected(nowhere).await, "NotFoundError");
        let broken = Description { kind: SdpType::Offer, sdp: "nonsense".into() };
        let refused = side.rejected(Command::SetRemoteDescription { description: broken }).await;
        assert!(
            ["OperationError", "InvalidAccessError", "RTCError"].contains(&refused.as_str()),
            "{refused}"
        );
        assert!(matches!(side.peer.call(Command::Impossible).await, Answer::Unsupported { .. }));
        side.ok(Command::Close).await;
        let state = side.ok(Command::GetState).await;
        assert_eq!((&state["signaling"], &state["connection"]), (&json!("closed"), &json!("closed")));
        side.peer.end().await;
    });
}

#[test]
fn diagnostics_hold_a_picture_and_the_console() {
    in_each(Surroundings::default(), async |side| {
        let files = side.peer.diagnostics().await;
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["screenshot.png", "console.log"]);
        assert!(files[0].1.starts_with(b"\x89PNG"));
        side.peer.end().await;
    });
}

/// Both have something to negotiate before either has joined, so both offer at once sooner or later. Chrome is not the polite one
/// here: now and then it gathers no candidate after it has rolled its offer back in the middle of gathering. That it can be is
/// played by `signalling/glare`.
async fn peers_join_and_negotiate_alone(polite: &str, impolite: &str) {
    let server = Server::start(Limits::default(), None).await.unwrap();
    let Some((mut alice, mut bob)) = pair(polite, impolite, &Surroundings::default()).await else { return };
    alice.ok(Command::CreateDataChannel(channel("from-alice"))).await;
    bob.ok(Command::CreateDataChannel(channel("from-bob"))).await;
    for (side, polite) in [(&alice, true), (&bob, false)] {
        side.ok(Command::Join { url: server.url(), room: "room".into(), polite }).await;
    }
    for (side, label) in [(&mut alice, "from-bob"), (&mut bob, "from-alice")] {
        side.until(|event| match event {
            PeerEvent::DataChannel { channel } if channel.label == label => Some(()),
            _ => None,
        })
        .await;
        let acted = |event: &PeerEvent| matches!(event, PeerEvent::Acted { operation, .. } if operation == "setLocalDescription");
        assert!(side.seen.iter().any(acted), "{:#?}", side.seen);
        let failed = |event: &&PeerEvent| matches!(event, PeerEvent::Acted { error: Some(_), .. });
        let failures: Vec<&PeerEvent> = side.seen.iter().filter(failed).collect();
        assert!(failures.is_empty(), "{failures:#?}");
    }
    server.stop().await;
    for side in [&mut alice, &mut bob] {
        let closed = |event: &PeerEvent| match event {
            PeerEvent::Acted { operation, .. } if operation == "signallingClosed" => Some(()),
            _ => None,
        };
        side.until(closed).await;
    }
    // The other side knows of the channel before this one has the acknowledgement.
    alice
        .until(|event| match event {
            PeerEvent::ChannelOpen { channel } if channel.label == "from-alice" => Some(()),
            _ => None,
        })
        .await;
    let message = Payload::Text("still here".into());
    alice.ok(Command::Send { channel: "from-alice".into(), message, times: None }).await;
    bob.until(|event| matches!(event, PeerEvent::ChannelMessage { .. }).then_some(())).await;
    end([alice, bob]).await;
}

fn pattern(size: usize, seed: u32) -> Vec<u8> {
    let mut x = seed;
    (0..size)
        .map(|_| {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            x.to_be_bytes()[0]
        })
        .collect()
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[test]
fn chrome_to_chrome_data_channel() {
    RUNTIME.block_on(data_channel_opens_and_echoes("chrome", "chrome"));
}

#[test]
fn firefox_to_firefox_data_channel() {
    RUNTIME.block_on(data_channel_opens_and_echoes("firefox", "firefox"));
}

#[test]
fn chrome_to_firefox_data_channel() {
    RUNTIME.block_on(data_channel_opens_and_echoes("chrome", "firefox"));
}

#[test]
fn firefox_to_chrome_data_channel() {
    RUNTIME.block_on(data_channel_opens_and_echoes("firefox", "chrome"));
}

#[test]
fn chrome_to_chrome_media() {
    RUNTIME.block_on(media_is_seen_and_heard("chrome", "chrome"));
}

#[test]
fn firefox_to_firefox_media() {
    RUNTIME.block_on(media_is_seen_and_heard("firefox", "firefox"));
}

#[test]
fn chrome_to_firefox_media() {
    RUNTIME.block_on(media_is_seen_and_heard("chrome", "firefox"));
}

#[test]
fn firefox_to_chrome_media() {
    RUNTIME.block_on(media_is_seen_and_heard("firefox", "chrome"));
}

#[test]
fn chrome_and_chrome_join_and_negotiate_alone() {
    RUNTIME.block_on(peers_join_and_negotiate_alone("chrome", "chrome"));
}

#[test]
fn firefox_and_firefox_join_and_negotiate_alone() {
    RUNTIME.block_on(peers_join_and_negotiate_alone("firefox", "firefox"));
}

#[test]
fn firefox_and_chrome_join_and_negotiate_alone() {
    RUNTIME.block_on(peers_join_and_negotiate_alone("firefox", "chrome"));
}
