//! The commands of the peer protocol.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use str0m::{Rtc, RtcConfig};

use crate::Incoming;
use crate::channels::{Echo, Message, Sending, flag, number, options, text};
use crate::connection::{Connection, Context};
use crate::keylog;
use crate::media::direction;
use crate::network::Network;
use crate::wire::{Answer, Refusal, Wire, rejected, unsupported};

const PROTOCOL: u32 = 2;

type Args = Map<String, Value>;

pub struct Peer {
    context: Context,
    inbox: SyncSender<Incoming>,
    connection: Option<Connection>,
}

const COMMANDS: [&str; 21] = [
    "hello",
    "createPeerConnection",
    "createOffer",
    "createAnswer",
    "setLocalDescription",
    "setRemoteDescription",
    "addIceCandidate",
    "restartIce",
    "getState",
    "getStats",
    "close",
    "createDataChannel",
    "send",
    "echo",
    "closeDataChannel",
    "getDataChannel",
    "addTransceiver",
    "setDirection",
    "stopTransceiver",
    "getTransceivers",
    "end",
];

impl Peer {
    pub fn new(inbox: SyncSender<Incoming>) -> Self {
        Self { context: Context { wire: Wire::new(), echoes: HashMap::new() }, inbox, connection: None }
    }

    pub fn wakes_at(&self) -> Instant {
        // str0m's way of saying "never" is a moment that is very far away.
        let latest = Instant::now() + Duration::from_secs(3600);
        let wanted = self.connection.as_ref().and_then(Connection::wakes_at);
        wanted.map_or(latest, |wanted| wanted.min(latest))
    }

    pub fn wake(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.wake(&mut self.context);
        }
    }

    pub fn datagram(&mut self, at: Instant, local: SocketAddr, source: SocketAddr, bytes: &[u8]) {
        if let Some(connection) = &mut self.connection {
            connection.datagram(&mut self.context, at, local, source, bytes);
        }
    }

    pub fn command(&mut self, id: u64, name: &str, args: &Args) {
        // str0m's clock stands still between inputs.
        self.wake();
        match self.perform(id, name, args) {
            Ok(None) => {}
            Ok(Some(value)) => self.context.wire.answer(id, Ok(value)),
            Err(refusal) => self.context.wire.answer(id, Err(refusal)),
        }
        let Some(connection) = &mut self.connection else { return };
        if name == "setLocalDescription" {
            // After the answer, as in a browser.
            connection.gather(&mut self.context);
        }
        connection.drain(&mut self.context);
        connection.send_waiting(&mut self.context);
        if name == "end" {
            self.end();
        }
    }

    /// Does a command. Returns nothing if it is answered later.
    fn perform(&mut self, id: u64, name: &str, args: &Args) -> Result<Option<Value>, Refusal> {
        match name {
            "hello" => return Ok(Some(hello())),
            "end" => {
                if let Some(connection) = &mut self.connection {
                    connection.close(&mut self.context);
                }
                self.context.echoes.clear();
                return Ok(Some(Value::Null));
            }
            "createPeerConnection" => return self.create_peer_connection(args).map(Some),
            "echo" => {
                self.context.echoes.insert(text(args, "channel")?, Echo::parse(args)?);
                return Ok(Some(Value::Null));
            }
            _ if !COMMANDS.contains(&name) => return unsupported(why_unknown(name)),
            _ => {}
        }
        let Some(connection) = &mut self.connection else {
            return rejected("InvalidStateError", "no peer connection yet");
        };
        let context = &mut self.context;
        let done = match name {
            "createOffer" => connection.create_offer(context, flag(args, "iceRestart", false)?),
            "createAnswer" => connection.create_answer(),
            "setLocalDescription" => connection.set_local_description(context, args),
            "setRemoteDescription" => connection.set_remote_description(context, args),
            "addIceCandidate" => connection.add_ice_candidate(args),
            "restartIce" => restart_ice(connection),
            "getState" => Ok(state(connection)),
            "getStats" => Ok(connection.stats.report()),
            "close" => {
                connection.close(context);
                Ok(Value::Null)
            }
            "createDataChannel" => connection.create_channel(options(args)?),
            "send" => return send(connection, id, args).map(|()| None),
            "closeDataChannel" => {
                let n = connection.channel(&text(args, "channel")?)?;
                connection.close_channel(n);
                Ok(Value::Null)
            }
            "getDataChannel" => {
                let n = connection.channel(&text(args, "channel")?)?;
                let mut info = connection.channels[n].info();
                info["readyState"] = connection.channels[n].state.into();
                info["bufferedAmount"] = connection.buffered(n).into();
                Ok(info)
            }
            "addTransceiver" => {
                if args.get("track").is_some_and(|track| !track.is_null()) {
                    return rejected("NotFoundError", "there are no local tracks");
                }
                if args.get("sendEncodings").is_some_and(|encodings| !encodings.is_null()) {
                    return unsupported("str0m passes encoded media through, it has no encoder");
                }
                let wanted =
                    if args.contains_key("direction") { text(args, "direction")? } else { "sendrecv".into() };
                connection.add_transceiver(&text(args, "kind")?, direction(&wanted)?)
            }
            "setDirection" => connection.set_direction(index(args)?, direction(&text(args, "direction")?)?),
            "stopTransceiver" => connection.stop_transceiver(index(args)?),
            "getTransceivers" => Ok(connection.get_transceivers()),
            _ => unsupported(format!("unknown command {name}")),
        };
        done.map(Some)
    }

    fn create_peer_connection(&mut self, args: &Args) -> Answer {
        if self.connection.is_some() {
            return rejected("InvalidStateError", "the peer connection exists already");
        }
        let config = configuration(args)?;
        self.connection = Some(Connection::new(config, Network::new(self.inbox.clone())));
        Ok(Value::Null)
    }

    /// The next command is the `hello` of another case.
    fn end(&mut self) {
        self.connection = None;
        keylog::take();
        self.context.wire.begin();
    }
}

/// str0m has an API of its own, without states of a connection, and passes encoded media through.
const FEATURES: [&str; 1] = ["data-channels"];

/// Events of which str0m tells nothing; see `main.rs`.
const UNREPORTED: [&str; 5] = [
    "channelclosing",
    "dtlsstatechange:connecting",
    "icecandidateerror",
    "negotiationneeded",
    "sctpstatechange:connecting",
];

fn hello() -> Value {
    // The version that was built: that of the lock file.
    let version = include_str!("../Cargo.lock")
        .split_once("name = \"str0m\"\nversion = \"")
        .and_then(|(_, rest)| rest.split('"').next());
    json!({
        "protocol": PROTOCOL, "implementation": "str0m", "version": version, "commands": COMMANDS, "features": FEATURES,
        "unreported": UNREPORTED,
    })
}

/// Why there is no such command, where str0m is the reason.
fn why_unknown(name: &str) -> String {
    let reason = match name {
        "createSource" | "watch" | "getUserMedia" | "applyConstraints" | "addTrack" | "removeTrack"
        | "replaceTrack" => "str0m passes encoded media through: it has no devices, no tracks, no codecs",
        "setCodecPreferences" => "str0m's codecs are chosen for the whole session, before it begins",
        "setConfiguration" => "str0m's configuration cannot be changed once it runs",
        "join" => "this adapter does not act alone",
        _ => return format!("unknown command {name}"),
    };
    reason.to_owned()
}

fn configuration(args: &Args) -> Result<RtcConfig, Refusal> {
    let nothing = Args::new();
    let object = |name: &str| match args.get(name) {
        None | Some(Value::Null) => Ok(&nothing),
        Some(Value::Object(object)) => Ok(object),
        Some(_) => rejected("TypeError", format!("{name} must be an object")),
    };
    let (configuration, ice) = (object("configuration")?, object("ice")?);
    match configuration.get("iceServers") {
        None | Some(Value::Null) => {}
        Some(Value::Array(servers)) if servers.is_empty() => {}
        Some(Value::Array(_)) => {
            return unsupported("str0m has no STUN or TURN client: it expects one in the application");
        }
        Some(_) => return rejected("TypeError", "iceServers must be a list"),
    }
    match configuration.get("iceTransportPolicy").and_then(Value::as_str) {
        None | Some("all") => {}
        Some("relay") => return unsupported("str0m has no TURN client: it expects one in the application"),
        Some(other) => return rejected("TypeError", format!("{other} is no iceTransportPolicy")),
    }
    match configuration.get("bundlePolicy").and_then(Value::as_str) {
        None | Some("balanced" | "max-bundle") => {}
        Some("max-compat") => return unsupported("str0m has one transport for all"),
        Some(other) => return rejected("TypeError", format!("{other} is no bundlePolicy")),
    }
    match configuration.get("certificate").and_then(Value::as_str) {
        // That is what str0m makes by itself.
        None | Some("ECDSA") => {}
        Some(other) => return unsupported(format!("str0m makes ECDSA certificates only, no {other}")),
    }
    if flag(ice, "tcp", false)? {
        return unsupported("str0m expects TCP sockets in the application, and this one has none");
    }
    Ok(Rtc::builder().set_ice_lite(flag(ice, "lite", false)?))
}

fn restart_ice(connection: &mut Connection) -> Answer {
    connection.must_be_open()?;
    connection.restart = true;
    connection.offer_is_stale = true;
    Ok(Value::Null)
}

fn index(args: &Args) -> Result<usize, Refusal> {
    if !args.contains_key("transceiver") {
        return rejected("TypeError", "transceiver must be a number");
    }
    Ok(number(args, "transceiver", 0)? as usize)
}

fn send(connection: &mut Connection, id: u64, args: &Args) -> Result<(), Refusal> {
    let n = connection.channel(&text(args, "channel")?)?;
    let message = Message::parse(args)?;
    let times = number(args, "times", 1)?;
    let channel = &mut connection.channels[n];
    if channel.state != "open" {
        return rejected("InvalidStateError", format!("the channel is {}", channel.state));
    }
    channel.outbox.push_back(Sending { command: Some(id), message, round: 0, times });
    Ok(())
}

fn state(connection: &Connection) -> Value {
    let Connection { signaling, gathering, ice, dtls, sctp, remote, .. } = connection;
    let can_trickle = remote.as_ref().map(|(_, sdp)| sdp.contains("a=ice-options:trickle"));
    json!({
        "signaling": signaling,
        "iceGathering": gathering,
        "iceConnection": ice,
        "connection": connection.connection,
        // Before `Connected` str0m does not tell, so there is nothing.
        "dtls": dtls,
        "ice": if connection.local.is_some() { Some(ice) } else { None },
        "sctp": sctp,
        "localDescription": connection.local_description(),
        "remoteDescription": remote.as_ref().map(|(kind, sdp)| json!({ "type": kind, "sdp": sdp })),
        "canTrickle": can_trickle,
    })
}
