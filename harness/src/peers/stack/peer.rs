//! The peer itself: every command to the stack, every event back.

use super::super::protocol::{Command, Direction, IceAgent, VERSION};
use super::super::{ANSWER_DEADLINE, CaseClock, OpenError, Opened, Peer, PeerInfo, Surroundings};
use super::answer::{Outcome, Refusal, answer};
use super::channels::Channels;
use super::joined;
use super::media::{self, LocalMedia};
use super::outlet::Outlet;
use super::translate;
use crate::machine::within;
use async_trait::async_trait;
use peerproof_captures::event::{Description, PeerEvent, SdpType};
use peerproof_captures::feature::Feature;
use peerproof_captures::timeline::Answer;
use peerproof_stack::connection::{
    self as stack, ChannelEvent, Event, Faults, Mdns, Options, PeerConnection, Rejection,
};
use peerproof_stack::join::{JoinOptions, LocalEvent};
use peerproof_stack::media::Codec;
use peerproof_stack::tap::{SecretSink, Tap};
use peerproof_stack::workarounds::Workarounds;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Mutex, OnceCell, watch};

/// Commands that the stack can do.
const COMMANDS: &[&str] = &[
    "hello",
    "createPeerConnection",
    "setConfiguration",
    "getUserMedia",
    "createSource",
    "applyConstraints",
    "addTrack",
    "removeTrack",
    "replaceTrack",
    "addTransceiver",
    "setDirection",
    "stopTransceiver",
    "setCodecPreferences",
    "getTransceivers",
    "createDataChannel",
    "send",
    "echo",
    "closeDataChannel",
    "getDataChannel",
    "createOffer",
    "createAnswer",
    "setLocalDescription",
    "setRemoteDescription",
    "addIceCandidate",
    "restartIce",
    "getState",
    "getStats",
    "watch",
    "join",
    "close",
];

/// What a stack peer is made with.
#[derive(Debug, Clone)]
pub struct StackOptions {
    /// Sees every datagram and decides about it.
    pub tap: Arc<dyn Tap>,
    /// Gets every secret.
    pub secrets: Arc<dyn SecretSink>,
    /// Addresses to bind; none means all of this machine's interfaces.
    pub addresses: Vec<IpAddr>,
    /// Which defects of the `webrtc` crate are worked around.
    pub workarounds: Workarounds,
    /// Faults on purpose.
    pub faults: Faults,
}

impl Default for StackOptions {
    fn default() -> Self {
        let options = Options::default();
        Self {
            tap: options.tap,
            secrets: options.secrets,
            addresses: options.addresses,
            workarounds: options.workarounds,
            faults: options.faults,
        }
    }
}

/// Opens the stack as a peer. Cheap: the connection is made by its command.
///
/// # Errors
/// None so far; the signature is that of all providers.
pub fn open(
    name: &str,
    clock: CaseClock,
    surroundings: &Surroundings,
    options: StackOptions,
) -> Result<Opened, OpenError> {
    peerproof_stack::install_log();
    let (sender, events) = unbounded_channel();
    let info = PeerInfo {
        name: name.to_owned(),
        implementation: "stack".to_owned(),
        version: peerproof_stack::VERSION.to_owned(),
        // The webrtc crate speaks DTLS 1.2 alone.
        features: Some(Feature::ALL.into_iter().filter(|feature| *feature != Feature::Dtls13).collect()),
        unreported: Vec::new(),
    };
    let peer = StackPeer {
        info,
        surroundings: surroundings.clone(),
        options,
        outlet: Arc::new(Outlet::new(clock, sender)),
        channels: Arc::default(),
        media: LocalMedia::new(name, surroundings),
        connection: OnceCell::new(),
        local_events: Mutex::default(),
        ended: watch::Sender::new(false),
        created: Mutex::default(),
    };
    Ok(Opened { peer: Box::new(peer), events })
}

struct StackPeer {
    info: PeerInfo,
    surroundings: Surroundings,
    options: StackOptions,
    outlet: Arc<Outlet>,
    channels: Arc<Channels>,
    media: LocalMedia,
    connection: OnceCell<Arc<PeerConnection>>,
    /// What a joined peer has to learn, from the connection's beginning on.
    local_events: Mutex<Option<UnboundedReceiver<LocalEvent>>>,
    ended: watch::Sender<bool>,
    /// The SDP last created.
    created: Mutex<String>,
}

impl StackPeer {
    fn connection(&self) -> Result<&Arc<PeerConnection>, Refusal> {
        let none = || Refusal::rejected("InvalidStateError", "no peer connection yet");
        self.connection.get().ok_or_else(none)
    }

    async fn create(&self, configuration: stack::Configuration, ice: IceAgent) -> Outcome {
        let options = Options {
            configuration,
            addresses: self.options.addresses.clone(),
            tcp: ice.tcp,
            lite: ice.lite,
            mdns: if self.surroundings.mdns { Mdns::Gather } else { Mdns::Query },
            tap: self.options.tap.clone(),
            secrets: self.options.secrets.clone(),
            workarounds: self.options.workarounds.clone(),
            faults: self.options.faults.clone(),
        };
        let (connection, events) = PeerConnection::new(options).await?;
        if let Err(unused) = self.connection.set(Arc::new(connection)) {
            // Another command was quicker.
            let (tokio::sync::SetError::AlreadyInitializedError(connection)
            | tokio::sync::SetError::InitializingError(connection)) = unused;
            connection.close().await?;
            return Err(Refusal::rejected("InvalidStateError", "the peer connection exists already"));
        }
        let (local_in, local_events) = unbounded_channel();
        *self.local_events.lock().await = Some(local_events);
        tokio::spawn(pump(events, self.outlet.clone(), self.channels.clone(), local_in));
        Ok(Value::Null)
    }

    async fn created(&self, description: stack::Description) -> Value {
        *self.created.lock().await = description.sdp.clone();
        translate::described(Some(description))
    }

    async fn set_local(&self, description: Option<Description>, as_type: Option<SdpType>) -> Outcome {
        let connection = self.connection()?;
        let description = match as_type {
            Some(SdpType::Rollback) => Some(Description { kind: SdpType::Rollback, sdp: String::new() }),
            Some(kind) => Some(Description { kind, sdp: self.created.lock().await.clone() }),
            None => description,
        };
        connection.set_local_description(description.map(translate::description)).await?;
        Ok(translate::described(connection.local_description().await))
    }

    async fn state(&self) -> Outcome {
        let connection = self.connection()?;
        let states = connection.states();
        let named = |state: Option<String>| state.map_or(Value::Null, Value::String);
        Ok(json!({
            "signaling": connection.signaling_state().await.to_string(),
            "iceGathering": states.gathering.to_string(),
            "iceConnection": states.ice_connection.to_string(),
            "connection": states.connection.to_string(),
            "dtls": named(states.dtls.map(|s| s.to_string())),
            "ice": named(states.ice_transport.map(|s| s.to_string())),
            "sctp": named(states.sctp.map(|s| s.to_string())),
            "localDescription": translate::described(connection.local_description().await),
            "remoteDescription": translate::described(connection.remote_description().await),
            "canTrickle": connection.can_trickle().await,
        }))
    }

    async fn perform(&self, command: Command) -> Outcome {
        match command {
            Command::Hello => Ok(json!({
                "protocol": VERSION,
                "implementation": self.info.implementation,
                "version": self.info.version,
                "commands": COMMANDS,
                "features": self.info.features,
            })),
            Command::CreatePeerConnection { configuration, ice } => {
                if self.connection.initialized() {
                    return Err(Refusal::rejected("InvalidStateError", "the peer connection exists already"));
                }
                self.create(translate::configuration(&configuration)?, ice.unwrap_or_default()).await
            }
            Command::SetConfiguration { configuration } => {
                self.connection()?.set_configuration(&translate::configuration(&configuration)?).await?;
                Ok(Value::Null)
            }
            Command::CreateDataChannel(options) => {
                let channel =
                    self.connection()?.create_data_channel(&translate::channel_init(options)).await?;
                self.channels.add(&channel);
                serde_json::to_value(translate::channel_info(channel.info()))
                    .map_err(|error| Refusal::rejected("OperationError", error.to_string()))
            }
            Command::Send { channel, message, times } => {
                self.channels.send(&channel, &message, times.unwrap_or(1)).await
            }
            Command::Echo { channel, defect } => self.channels.echo(channel, defect.as_deref()),
            Command::CloseDataChannel { channel } => self.channels.close(&channel).await,
            Command::GetDataChannel { channel } => self.channels.get(&channel).await,
            Command::CreateOffer { ice_restart } => {
                Ok(self.created(self.connection()?.create_offer(ice_restart).await?).await)
            }
            Command::CreateAnswer => Ok(self.created(self.connection()?.create_answer().await?).await),
            Command::SetLocalDescription { description, as_type } => {
                self.set_local(description, as_type).await
            }
            Command::SetRemoteDescription { description } => {
                self.connection()?.set_remote_description(translate::description(description)).await?;
                Ok(Value::Null)
            }
            Command::AddIceCandidate { candidate } => {
                self.connection()?.add_ice_candidate(candidate.map(translate::candidate)).await?;
                Ok(Value::Null)
            }
            Command::RestartIce => {
                self.connection()?.restart_ice().await?;
                Ok(Value::Null)
            }
            Command::GetState => self.state().await,
            Command::GetStats => Ok(self.connection()?.stats().await),
            Command::Watch { track } => {
                self.connection()?.watch(&track)?;
                Ok(Value::Null)
            }
            Command::Join { url, room, polite } => self.join(url, room, polite).await,
            Command::Close => {
                self.connection()?.close().await?;
                Ok(Value::Null)
            }
            other => self.perform_media(other).await,
        }
    }
}

impl StackPeer {
    async fn perform_media(&self, command: Command) -> Outcome {
        match command {
            Command::GetUserMedia { constraints } => self.media.get_user_media(&constraints),
            Command::CreateSource { kind, width, height, frame_rate, tone_hz } => {
                self.media.create_source(kind, (width, height), frame_rate, tone_hz)
            }
            Command::ApplyConstraints { track, constraints } => {
                self.media.apply_constraints(&track, &constraints)
            }
            Command::AddTrack { track } => {
                let mid = self.connection()?.add_track(&self.media.track(&track)?).await?;
                Ok(json!({ "mid": mid }))
            }
            Command::RemoveTrack { track } => done(self.connection()?.remove_track(&track).await),
            Command::ReplaceTrack { track, with } => {
                let with = with.map(|with| self.media.track(&with)).transpose()?;
                done(self.connection()?.replace_track(&track, with).await)
            }
            Command::AddTransceiver { kind, direction, track, send_encodings } => {
                let encodings = send_encodings.unwrap_or_default().into_iter().map(media::encoding).collect();
                let direction = media::direction(direction.unwrap_or(Direction::SendRecv))?;
                let track = track.map(|track| self.media.track(&track)).transpose()?;
                let connection = self.connection()?;
                let (index, mid) =
                    connection.add_transceiver(media::kind(kind), direction, track, encodings).await?;
                Ok(json!({ "transceiver": index, "mid": mid }))
            }
            Command::SetDirection { transceiver, direction } => {
                let direction = media::direction(direction)?;
                done(self.connection()?.set_direction(transceiver, direction).await)
            }
            Command::StopTransceiver { transceiver } => {
                done(self.connection()?.stop_transceiver(transceiver).await)
            }
            Command::SetCodecPreferences { transceiver, mime_types } => {
                let known = |mime: &String| Codec::from_mime(mime).is_some();
                if !mime_types.iter().any(known) {
                    let wanted = mime_types.join(", ");
                    return Err(Refusal::Unsupported(format!("the stack supports none of {wanted}")));
                }
                let known: Vec<String> = mime_types.into_iter().filter(known).collect();
                done(self.connection()?.set_codec_preferences(transceiver, &known).await)
            }
            Command::GetTransceivers => media::transceivers(self.connection()?).await,
            other => Err(Refusal::Unsupported(format!("the stack has no {}", other.name()))),
        }
    }

    async fn join(&self, url: String, room: String, polite: bool) -> Outcome {
        let connection = self.connection()?.clone();
        let Some(events) = self.local_events.lock().await.take() else {
            return Err(Refusal::rejected("InvalidStateError", "the peer has joined a room already"));
        };
        let options = JoinOptions { url, room, name: Some(self.info.name.clone()), polite };
        joined::join(options, connection, events, self.outlet.clone(), self.ended.subscribe()).await
    }
}

/// An operation without a result.
fn done(result: Result<(), Rejection>) -> Outcome {
    result?;
    Ok(Value::Null)
}

/// Carries events until the connection's end.
async fn pump(
    mut events: UnboundedReceiver<stack::Reported>,
    outlet: Arc<Outlet>,
    channels: Arc<Channels>,
    local: UnboundedSender<LocalEvent>,
) {
    while let Some(reported) = events.recv().await {
        let (at, event) = (reported.at, reported.event);
        if let Some(event) = LocalEvent::of(&event) {
            // A peer that has not joined, or not any more, does not want to know.
            let _ = local.send(event);
        }
        if let Event::DataChannel(channel) = &event {
            channels.add(channel);
        }
        let message = match &event {
            Event::Channel(channel, ChannelEvent::Message { text, data }) => {
                Some((channel.clone(), *text, data.clone()))
            }
            _ => None,
        };
        if let Some(event) = translate::event(event) {
            outlet.report_at(at, event);
        }
        outlet.took();
        if let Some((channel, text, data)) = message
            && let Some(error) = channels.on_message(&channel, text, &data).await
        {
            let error = format!("echo: {error}");
            outlet.report(PeerEvent::ChannelError { channel: channel.info().label, error });
        }
    }
    outlet.took_all();
}

#[async_trait]
impl Peer for StackPeer {
    fn info(&self) -> &PeerInfo {
        &self.info
    }

    async fn call(&self, command: Command) -> Answer {
        if let Some(reason) = self.outlet.lost() {
            return Answer::Lost { reason };
        }
        let name = command.name();
        let performed = async {
            let outcome = self.perform(command).await;
            if let Some(connection) = self.connection.get() {
                self.outlet.caught_up(connection.reported()).await;
            }
            outcome
        };
        match within(ANSWER_DEADLINE, performed).await {
            Ok(outcome) => answer(outcome),
            Err(_) => {
                let reason = format!("no answer to {name} within {} s", ANSWER_DEADLINE.as_secs());
                self.outlet.report(PeerEvent::Lost { reason: reason.clone(), violates: false });
                Answer::Lost { reason }
            }
        }
    }

    fn reported(&self) -> u64 {
        self.outlet.reported()
    }

    async fn end(&self) {
        self.ended.send_replace(true);
        if let Some(connection) = self.connection.get() {
            // A connection that cannot be closed has nothing more to free.
            let _ = connection.close().await;
        }
        self.outlet.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::Reported;
    use crate::peers::protocol::{ChannelOptions, Configuration, Payload};
    use std::net::Ipv4Addr;
    use std::time::Duration;

    struct Side {
        peer: Box<dyn Peer>,
        events: UnboundedReceiver<Reported>,
        next: u64,
    }

    impl Side {
        async fn open(name: &str) -> Self {
            let options =
                StackOptions { addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)], ..StackOptions::default() };
            let Opened { peer, events } =
                open(name, CaseClock::start(), &Surroundings::default(), options).unwrap();
            let side = Self { peer, events, next: 0 };
            side.ok(Command::CreatePeerConnection { configuration: Configuration::default(), ice: None })
                .await;
            side
        }

        async fn ok(&self, command: Command) -> Value {
            match self.peer.call(command).await {
                Answer::Ok(value) => value,
                other => panic!("{other:?}"),
            }
        }

        async fn until<T>(&mut self, mut pick: impl FnMut(&PeerEvent) -> Option<T>) -> T {
            loop {
                let reported = tokio::time::timeout(Duration::from_secs(20), self.events.recv());
                let reported = reported.await.expect("in time").expect("an event");
                assert_eq!(reported.seq, self.next, "no gap");
                self.next += 1;
                if let Some(picked) = pick(&reported.event) {
                    return picked;
                }
            }
        }

        async fn gathered(&mut self) -> Description {
            self.until(|e| matches!(e, PeerEvent::IceCandidate { candidate: None }).then_some(())).await;
            let state = self.ok(Command::GetState).await;
            serde_json::from_value(state["localDescription"].clone()).unwrap()
        }
    }

    fn channel(label: &str) -> ChannelOptions {
        serde_json::from_value(json!({ "label": label })).unwrap()
    }

    async fn connected() -> (Side, Side) {
        let (mut alice, mut bob) = (Side::open("alice").await, Side::open("bob").await);
        alice.ok(Command::CreateDataChannel(channel("chat"))).await;
        alice.ok(Command::SetLocalDescription { description: None, as_type: None }).await;
        let offer = alice.gathered().await;
        bob.ok(Command::SetRemoteDescription { description: offer }).await;
        bob.ok(Command::SetLocalDescription { description: None, as_type: None }).await;
        let answer = bob.gathered().await;
        alice.ok(Command::SetRemoteDescription { description: answer }).await;
        (alice, bob)
    }

    #[tokio::test]
    async fn what_is_sent_comes_back_from_an_echo() {
        let (mut alice, mut bob) = connected().await;
        bob.ok(Command::Echo { channel: "chat".to_owned(), defect: None }).await;
        alice.until(|e| matches!(e, PeerEvent::ChannelOpen { .. }).then_some(())).await;
        bob.until(|e| matches!(e, PeerEvent::ChannelOpen { .. }).then_some(())).await;
        let message = Payload::Pattern { size: 262_144, seed: 1, text: false };
        alice.ok(Command::Send { channel: "chat".to_owned(), message, times: Some(2) }).await;
        let mut sums = Vec::new();
        for side in [&mut bob, &mut alice] {
            for _ in 0..2 {
                let sum = |e: &PeerEvent| match e {
                    PeerEvent::ChannelMessage { message, .. } => Some((message.size, message.crc32)),
                    _ => None,
                };
                sums.push(side.until(sum).await);
            }
        }
        assert_eq!(sums[..2], sums[2..]);
        assert!(sums.iter().all(|(size, _)| *size == 262_144) && sums[0] != sums[1]);
        let stats = alice.ok(Command::GetStats).await;
        assert!(stats.as_object().unwrap().values().any(|s| s["type"] == "candidate-pair"), "{stats}");
        alice.peer.end().await;
        bob.peer.end().await;
        while bob.events.recv().await.is_some() {}
    }

    #[tokio::test]
    async fn commands_out_of_turn_are_rejected_by_name() {
        let options = StackOptions::default();
        let Opened { peer, .. } =
            open("alice", CaseClock::start(), &Surroundings::default(), options).unwrap();
        let early = peer.call(Command::CreateAnswer).await;
        assert!(matches!(early, Answer::Rejected { name, .. } if name == "InvalidStateError"));
        assert!(matches!(peer.call(Command::Impossible).await, Answer::Unsupported { .. }));
        let side = Side::open("bob").await;
        let answer = side.peer.call(Command::CreateAnswer).await;
        assert!(
            matches!(&answer, Answer::Rejected { name, .. } if name == "InvalidStateError"),
            "{answer:?}"
        );
        let twice = Command::CreatePeerConnection { configuration: Configuration::default(), ice: None };
        assert!(matches!(side.peer.call(twice).await, Answer::Rejected { .. }));
    }

    #[tokio::test]
    async fn hello_lists_only_commands_that_exist() {
        let options = StackOptions::default();
        let Opened { peer, .. } =
            open("alice", CaseClock::start(), &Surroundings::default(), options).unwrap();
        let Answer::Ok(hello) = peer.call(Command::Hello).await else { panic!("no hello") };
        assert_eq!(hello["implementation"], "stack");
        assert!(hello["version"].as_str().unwrap().contains("webrtc 0.21.1"));
        assert!(!hello["commands"].as_array().unwrap().contains(&json!("impossible")));
    }
}
