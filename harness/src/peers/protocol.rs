//! The peer protocol, version 2: the commands and events of every peer. `docs/peer-protocol.md` is its prose.
//!
//! As JSON, a command is `{"id":7,"command":"createOffer","args":{"iceRestart":true}}`; its answer
//! `{"id":7,"answer":{"ok":{…}}}`, `{"id":7,"answer":{"rejected":{"name":…,"message":…}}}` or
//! `{"id":7,"answer":{"unsupported":{"reason":…}}}`; an event `{"seq":3,"t":12.345,"event":"track","data":{…}}` with `t` in
//! milliseconds of the peer's own clock.

use peerproof_captures::event::{Description, IceCandidate, MediaKind, SdpType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Version of this protocol.
pub const VERSION: u32 = 2;

/// The versions that a peer may speak. Version 2 adds `end`, `keylog`, `features` and `unreported`, and takes nothing away.
pub const VERSIONS: [u32; 2] = [1, VERSION];

/// `RTCIceTransportPolicy`, webrtc-pc §4.2.3.
pub const TRANSPORT_POLICIES: [&str; 2] = ["all", "relay"];
/// `RTCBundlePolicy`, webrtc-pc §4.2.4.
pub const BUNDLE_POLICIES: [&str; 3] = ["balanced", "max-compat", "max-bundle"];
/// Algorithms of certificates that implementations must support, webrtc-pc §4.9.2.
pub const CERTIFICATES: [&str; 2] = ["ECDSA", "RSASSA-PKCS1-v1_5"];

/// A server of `RTCConfiguration.iceServers`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IceServer {
    /// `stun:`, `turn:` and `turns:` URLs (RFC 7064, RFC 7065).
    pub urls: Vec<String>,
    /// TURN user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// TURN password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// Certificates in PEM (RFC 7468) of the authorities that vouch for the server over TLS, if those of the machine do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorities: Option<String>,
}

/// `RTCConfiguration`, webrtc-pc §4.2.1. What is absent has the standard's default.
//
// `S` is how a server is written: a scenario may name its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Configuration<S = IceServer> {
    /// STUN and TURN servers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ice_servers: Vec<S>,
    /// `all` or `relay`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ice_transport_policy: Option<String>,
    /// `balanced`, `max-compat` or `max-bundle`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle_policy: Option<String>,
    /// Candidates gathered ahead of need.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ice_candidate_pool_size: Option<u8>,
    /// Whether a certificate is generated ahead, with this algorithm (`ECDSA`, `RSASSA-PKCS1-v1_5`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

/// Options of `createDataChannel`, webrtc-pc §6.2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChannelOptions {
    /// The label; at most 65535 bytes of UTF-8.
    pub label: String,
    /// Default `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered: Option<bool>,
    /// Most retransmissions. Excludes `maxPacketLifeTime`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_retransmits: Option<u16>,
    /// Milliseconds. Excludes `maxRetransmits`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_packet_life_time: Option<u16>,
    /// Subprotocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Negotiated out of band; needs `id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negotiated: Option<bool>,
    /// Stream identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u16>,
}

/// What kind of ICE agent a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct IceAgent {
    /// A lite one, which has host candidates alone and says `a=ice-lite` (RFC 8445 §2.5).
    pub lite: bool,
    /// One with TCP candidates, active and passive, beside those of UDP (RFC 6544).
    pub tcp: bool,
}

/// What a message holds. Exactly one of the three.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Payload {
    /// A string.
    Text(String),
    /// Bytes in base64.
    Binary(String),
    /// Bytes that both sides can compute, so that large messages need not cross the control channel: byte `i` is the top
    /// byte of the `i`-th value of `x ← x·1664525 + 1013904223 (mod 2³²)`, started with `x = seed`. As text each byte is
    /// taken modulo 26 and added to `a`.
    Pattern {
        /// Length in bytes.
        size: u32,
        /// First value of the generator.
        seed: u32,
        /// Sent as a string instead of binary.
        #[serde(default)]
        text: bool,
    },
}

/// A track's direction, webrtc-pc §5.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// Only sent.
    SendOnly,
    /// Only received.
    RecvOnly,
    /// Neither.
    Inactive,
    /// For good neither.
    Stopped,
}

/// One encoding of a track that is sent: what is of use of `RTCRtpEncodingParameters`, webrtc-pc §5.2.5. What is absent has the
/// standard's default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SendEncoding {
    /// The stream's identifier, alphanumeric (RFC 8852 §3.1). Each of several needs one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rid: Option<String>,
    /// Whether it is sent; default `true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// By how much width and height are divided; at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_resolution_down_by: Option<f64>,
    /// Bits per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bitrate: Option<u32>,
}

/// A command. Names and meaning are those of webrtc-pc and mediacapture-main unless marked as ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "command",
    content = "args",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Command {
    /// Ours: who are you? Answer: `{protocol, implementation, version, commands: [name],
    /// features: [name], unreported: [name]}`.
    Hello,
    /// Ours: a command that no peer has; each must answer `unsupported` before its results count.
    Impossible,
    /// `new RTCPeerConnection(configuration)`. All other commands on a connection are rejected with `InvalidStateError`
    /// before.
    CreatePeerConnection {
        /// Its configuration.
        #[serde(default)]
        configuration: Configuration,
        /// Ours: kinds of ICE agents that the API cannot ask for. Who cannot be one answers `unsupported`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ice: Option<IceAgent>,
    },
    /// `setConfiguration`.
    SetConfiguration {
        /// The new configuration.
        configuration: Configuration,
    },
    /// `navigator.mediaDevices.getUserMedia(constraints)`. Answer: `{stream, tracks: [{id, kind, settings}]}`.
    GetUserMedia {
        /// `MediaStreamConstraints`.
        constraints: Value,
    },
    /// Ours: a source whose frames are numbered (video) or that sounds a known tone (audio), see `docs/media.md`.
    /// Answer: `{stream, tracks: [{id, kind, settings}]}`.
    CreateSource {
        /// Audio or video.
        kind: MediaKind,
        /// Pixels; default 320.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        width: Option<u32>,
        /// Pixels; default 240.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        height: Option<u32>,
        /// Frames a second; default 15.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        frame_rate: Option<u32>,
        /// Hertz; default 440.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tone_hz: Option<u32>,
    },
    /// `MediaStreamTrack.applyConstraints`. Answer: the new settings.
    ApplyConstraints {
        /// The track's id.
        track: String,
        /// `MediaTrackConstraints`.
        constraints: Value,
    },
    /// `addTrack`. Answer: `{mid}` (null before negotiation).
    AddTrack {
        /// The track's id.
        track: String,
    },
    /// `removeTrack` for the sender of this track.
    RemoveTrack {
        /// The track's id.
        track: String,
    },
    /// `RTCRtpSender.replaceTrack`.
    ReplaceTrack {
        /// The track that is being sent.
        track: String,
        /// The one to be sent instead; nothing if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        with: Option<String>,
    },
    /// `addTransceiver(kind, init)`.
    AddTransceiver {
        /// Audio or video.
        kind: MediaKind,
        /// Default `sendrecv`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        direction: Option<Direction>,
        /// A track to send, instead of none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        track: Option<String>,
        /// The encodings of the track that are sent: several are simulcast (RFC 8853).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        send_encodings: Option<Vec<SendEncoding>>,
    },
    /// Assigns `RTCRtpTransceiver.direction`.
    SetDirection {
        /// Index in `getTransceivers()`.
        transceiver: usize,
        /// The direction.
        direction: Direction,
    },
    /// `RTCRtpTransceiver.stop()`.
    StopTransceiver {
        /// Index in `getTransceivers()`.
        transceiver: usize,
    },
    /// `RTCRtpTransceiver.setCodecPreferences`: the named codecs first and alone (with their RTX).
    SetCodecPreferences {
        /// Index in `getTransceivers()`.
        transceiver: usize,
        /// MIME types (`video/VP8`), compared without case.
        mime_types: Vec<String>,
    },
    /// Answer: `[{mid, kind, direction, currentDirection, stopped, sender: trackId, receiver: trackId}]`.
    GetTransceivers,
    /// `createDataChannel`. Answer: the channel's properties.
    CreateDataChannel(ChannelOptions),
    /// `RTCDataChannel.send`. Answered once it is in the channel's buffer.
    Send {
        /// The channel's label.
        channel: String,
        /// The message.
        message: Payload,
        /// Send it this many times (a pattern's seed grows by one each time). Default 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        times: Option<u32>,
    },
    /// Ours: from now on send back every message of this channel, as it came.
    Echo {
        /// The channel's label; it need not exist yet.
        channel: String,
        /// How the echo is falsified, for controls: `corrupt-last-byte`, `swap-pairs`, `as-text`, `drop-every-third`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        defect: Option<String>,
    },
    /// `RTCDataChannel.close`.
    CloseDataChannel {
        /// The channel's label.
        channel: String,
    },
    /// Answer: the channel's properties with `readyState` and `bufferedAmount`.
    GetDataChannel {
        /// The channel's label.
        channel: String,
    },
    /// `createOffer`. Answer: the description.
    CreateOffer {
        /// `RTCOfferOptions.iceRestart`.
        #[serde(default)]
        ice_restart: bool,
    },
    /// `createAnswer`. Answer: the description.
    CreateAnswer,
    /// `setLocalDescription`; without a description the implicit form. Answer: `localDescription`.
    SetLocalDescription {
        /// The description.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<Description>,
        /// Ours: only the type, with the SDP last created (`pranswer` of a created answer).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        as_type: Option<SdpType>,
    },
    /// `setRemoteDescription`.
    SetRemoteDescription {
        /// The description.
        description: Description,
    },
    /// `addIceCandidate`; nothing means the end of candidates.
    AddIceCandidate {
        /// The candidate.
        #[serde(default)]
        candidate: Option<IceCandidate>,
    },
    /// `restartIce`.
    RestartIce,
    /// Answer: all states: `{signaling, iceGathering, iceConnection, connection, dtls, ice, sctp, localDescription,
    /// remoteDescription, canTrickle}`; null where there is none.
    GetState,
    /// `getStats`. Answer: the report as an object by id.
    GetStats,
    /// Ours: decode this remote track and report `mediaseen`: at the first decoded picture or the first tone, and every 250 ms from then on.
    Watch {
        /// The track's id.
        track: String,
    },
    /// Ours: act alone through the reference signalling server: join the room, negotiate by the perfect negotiation
    /// pattern (webrtc-pc §10.7), trickle, report each step as `acted`.
    Join {
        /// `ws://` URL of the signalling server.
        url: String,
        /// The room.
        room: String,
        /// Whether this peer gives way in a glare.
        polite: bool,
    },
    /// `RTCPeerConnection.close`.
    Close,
    /// Ours: the case is over. Forget everything of it, number events from zero again, and await the next `hello`. Only programs that
    /// serve several cases get it.
    End,
}

/// What crosses the line, for [`schema`]: one of these, with `id` (commands, answers) or `seq` and `t` (events) beside.
#[derive(Debug, JsonSchema)]
#[schemars(title = "Peerproof peer protocol, version 2")]
#[expect(dead_code, reason = "only its schema is used")]
struct Messages {
    /// From the harness: also has `id`, a number.
    command: Command,
    /// From the peer, as `{"id": …, "answer": …, "t": …}`.
    answer: peerproof_captures::timeline::Answer,
    /// What the answer to `hello` is `ok` with.
    greeting: super::greeting::Greeting,
    /// The names that `features` in it may have.
    feature: peerproof_captures::feature::Feature,
    /// From the peer: also has `seq`, a number from zero, and `t`, milliseconds.
    event: peerproof_captures::event::PeerEvent,
    /// The same, of what is put into the capture and not into the timeline.
    secret: Secret,
}

/// What a peer reports of its secrets, for [`schema`].
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "event", content = "data", rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum Secret {
    /// A secret of a DTLS association.
    KeyLog {
        /// A line of the NSS key log format.
        line: String,
    },
}

/// The JSON Schema of commands, answers and events.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Messages)
}

impl Command {
    /// The command's name, as on the wire.
    #[must_use]
    pub fn name(&self) -> String {
        self.to_json().0
    }

    /// Name and arguments, as on the wire.
    #[must_use]
    pub fn to_json(&self) -> (String, Value) {
        let mut whole = match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            _ => serde_json::Map::new(),
        };
        let name = whole.get("command").and_then(Value::as_str).unwrap_or_default().to_owned();
        (name, whole.remove("args").unwrap_or(Value::Object(serde_json::Map::new())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::AGENT;

    /// The committed schema is what the types say. `PEERPROOF_BLESS=1` writes it anew.
    #[test]
    fn the_committed_schema_matches_the_types() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/peer-protocol.schema.json");
        let now = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
        if std::env::var_os("PEERPROOF_BLESS").is_some() {
            std::fs::write(file, &now).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(file).unwrap_or_default(),
            now,
            "run again with PEERPROOF_BLESS=1"
        );
    }

    /// Every name of a tagged type in the schema.
    fn names(definition: &str, tag: &str) -> Vec<String> {
        let schema = serde_json::to_value(schema()).unwrap();
        let variants = schema["$defs"][definition]["oneOf"].as_array().unwrap().clone();
        variants
            .iter()
            .map(|variant| variant["properties"][tag]["const"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn each_condition_has_an_event() {
        use crate::scenario::condition::Condition;
        let schema = serde_json::to_value(schemars::schema_for!(Condition)).unwrap();
        let events = names("PeerEvent", "event");
        let mut tried = 0;
        for variant in schema["oneOf"].as_array().unwrap() {
            let units = variant["const"].as_str().map(Value::from);
            let keyed = variant["required"][0].as_str();
            for value in ["stable", "new", "connected", "x"].map(Value::from).into_iter().chain([
                serde_json::json!({"channel": "x"}),
                serde_json::json!({}),
                serde_json::json!({"kind": "audio"}),
            ]) {
                let condition = units.clone().unwrap_or_else(|| serde_json::json!({ keyed.unwrap(): value }));
                if let Ok(condition) = serde_json::from_value::<Condition>(condition) {
                    assert!(events.iter().any(|name| name == condition.event()), "{condition}");
                    tried += 1;
                    break;
                }
            }
        }
        assert_eq!(tried, schema["oneOf"].as_array().unwrap().len(), "every condition was tried");
    }

    /// The modules of the agent, one after the other.
    fn agent() -> String {
        let modules = AGENT.files().filter(|file| file.path().extension().is_some_and(|kind| kind == "js"));
        modules.filter_map(include_dir::File::contents_utf8).collect()
    }

    #[test]
    fn the_prose_names_every_command_and_event() {
        let prose = include_str!("../../../docs/peer-protocol.md");
        for name in names("Command", "command").into_iter().chain(names("PeerEvent", "event")) {
            assert!(prose.contains(&format!("`{name}`")), "{name} is not in docs/peer-protocol.md");
        }
    }

    #[test]
    fn the_prose_names_every_feature_and_the_agent_and_the_stack_of_those_that_they_have() {
        use peerproof_captures::feature::Feature;
        let prose = include_str!("../../../docs/peer-protocol.md");
        let agent = agent();
        for feature in Feature::ALL {
            assert!(prose.contains(&format!("| `{feature}` |")), "{feature} is not in docs/peer-protocol.md");
            assert!(agent.contains(&format!("\"{feature}\"")), "{feature} is not in harness/agent");
        }
    }

    #[test]
    fn the_agent_knows_every_command_but_the_impossible() {
        let agent = agent();
        for name in names("Command", "command") {
            let known = [format!("\n    {name}("), format!("\n    async {name}(")]
                .iter()
                .any(|head| agent.contains(head));
            // A page serves one case.
            assert_eq!(known, !["impossible", "end"].contains(&name.as_str()), "{name}");
        }
    }

    #[test]
    fn every_example_of_a_command_in_the_prose_is_one() {
        let prose = include_str!("../../../docs/peer-protocol.md");
        let examples: Vec<Value> = prose
            .lines()
            .filter_map(|line| serde_json::from_str(line.trim().strip_prefix("→ ")?).ok())
            .collect();
        assert!(examples.len() > 5);
        for mut example in examples {
            let id = example.as_object_mut().unwrap().remove("id");
            assert!(id.is_some_and(|id| id.is_u64()), "{example}");
            let command: Command = serde_json::from_value(example.clone()).unwrap();
            let (name, args) = command.to_json();
            assert_eq!(example["command"], name);
            assert!(args.is_object());
        }
    }
}
