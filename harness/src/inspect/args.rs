//! The arguments.

use super::{Frames, StreamName};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use peerproof_captures::decrypt::srtp::{MasterKey, Profile};
use std::path::PathBuf;

/// What is to be inspected, and how.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  peerproof inspect call.pcapng                          what happened, and what broke
  peerproof inspect call.pcap --keylog keys.log --sdp offer.sdp --sdp answer.sdp
  peerproof inspect runs/…/cases/data/echo/stack-chrome  a recording, with its descriptions
  peerproof inspect webrtc_internals_dump.gz             what a browser says of its calls, without packets
  peerproof inspect call.pcapng --dump webrtc_internals_dump.gz   both, on one axis and in one diagnosis
  tcpdump -w - udp | peerproof inspect -                 from standard input
  peerproof inspect call.pcapng --ladder                 who sent what to whom, with times
  peerproof inspect call.pcapng --packets --protocol dtls --frames 10-40
  peerproof inspect call.pcapng --html call.html         a page for a browser: messages, packets, streams over time
  peerproof inspect call.pcapng --export clear.pcapng    decrypted, for Wireshark
  peerproof inspect call.pcapng --export two.pcapng --connection 2
  peerproof inspect call.pcapng --png pictures --frames-of 0x1a2b3c4d
  peerproof inspect call.pcapng --wav sound.wav          the only stream of sound, as it was sent
  peerproof inspect call.pcapng --frame 23               one frame, byte by byte")]
pub struct InspectArgs {
    /// A pcap or pcapng file, gzip or not; a folder with a recording; `-` for standard input; a text log of Chrome or Firefox with packets
    /// in it; a dump of chrome://webrtc-internals, about:webrtc ("Copy Report") or rtcstats
    #[arg(value_name = "FILE")]
    pub capture: PathBuf,
    /// Print JSON (see `peerproof schema inspect`)
    #[arg(long, conflicts_with_all = ["packets", "frame", "ladder", "export"])]
    pub json: bool,
    /// One line for each packet
    #[arg(long, group = "in_frames", conflicts_with_all = ["ladder", "export"])]
    pub packets: bool,
    /// Each connection as a sequence of messages between its sides
    #[arg(long, group = "in_frames", conflicts_with_all = ["frame", "export"])]
    pub ladder: bool,
    /// Write a capture for Wireshark: the same packets, the secrets, and SCTP, RTP and RTCP in the clear beside them
    #[arg(long, value_name = "OUT.pcapng", groups = ["written", "of_connection"], conflicts_with = "frame")]
    pub export: Option<PathBuf>,
    /// Write a page that shows all of it in a browser, in one file
    #[arg(
        long,
        value_name = "OUT.html",
        groups = ["written", "in_frames"],
        conflicts_with_all = ["json", "packets", "ladder", "frame", "export"]
    )]
    pub html: Option<PathBuf>,
    /// Decode the pictures of a video stream (VP8, H.264) from its packets, and write them into a folder
    #[arg(
        long,
        value_name = "DIR",
        groups = ["written", "of_connection", "decoded", "in_frames"],
        conflicts_with_all = ["json", "packets", "ladder", "frame", "export", "html"]
    )]
    pub png: Option<PathBuf>,
    /// Decode the sound of a stream (Opus, PCMU, PCMA) from its packets, and write it into a file
    #[arg(
        long,
        value_name = "OUT.wav",
        groups = ["written", "of_connection", "decoded", "in_frames"],
        conflicts_with_all = ["json", "packets", "ladder", "frame", "export", "html", "png"]
    )]
    pub wav: Option<PathBuf>,
    /// The stream for --png or --wav, by its SSRC, or SENDER:SSRC where several have the same; not needed if there is only one
    #[arg(long, value_name = "STREAM", requires = "decoded")]
    pub frames_of: Option<StreamName>,
    /// Only this connection, with --export, --png or --wav; counted from one, as `inspect` without options lists them
    #[arg(long, value_name = "N", requires = "of_connection")]
    pub connection: Option<usize>,
    /// Replace what --export, --html or --wav would write over; write pictures into a folder that is not empty
    #[arg(long, requires = "written")]
    pub force: bool,
    /// Only packets of these protocols
    #[arg(long, value_delimiter = ',', value_enum, requires = "packets")]
    pub protocol: Vec<Protocol>,
    /// Only packets of these layers
    #[arg(long, value_delimiter = ',', value_enum, requires = "packets")]
    pub layer: Vec<PacketLayer>,
    /// Only packets to or from this: a peer named by its interface or description, an address, or address and port
    #[arg(long, value_name = "PEER", requires = "packets")]
    pub peer: Vec<String>,
    /// Only these frames, with --packets, --ladder, --html, --png or --wav: 10-20, 10-, -20
    #[arg(long, value_name = "FROM-TO", allow_hyphen_values = true, requires = "in_frames")]
    pub frames: Option<Frames>,
    /// One frame in full, with its bytes; with --packets only its line
    #[arg(long, value_name = "N", conflicts_with = "frames")]
    pub frame: Option<u64>,
    /// A dump that a browser or rtcstats made of the same call: its states and events are placed on the axis of the packets
    #[arg(long, value_name = "FILE")]
    pub dump: Vec<PathBuf>,
    /// What is known beside the capture.
    #[command(flatten)]
    pub beside: Beside,
}

/// What is known beside a capture.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Beside {
    /// Secrets in the format of SSLKEYLOGFILE
    #[arg(long, value_name = "FILE")]
    pub keylog: Vec<PathBuf>,
    /// A session description; names its peer by the name of the file, without number and type
    #[arg(long, value_name = "FILE")]
    pub sdp: Vec<PathBuf>,
    /// SRTP keys in hexadecimal or Base64: master key and salt of one direction, or the keying material of RFC 5764 for both. Profiles:
    /// aes128-cm-80, aes128-cm-32, aead-aes128-gcm, aead-aes256-gcm
    #[arg(long, value_name = "PROFILE:KEY", value_parser = srtp_keys)]
    pub srtp_key: Vec<SrtpKeys>,
}

/// One master key or two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SrtpKeys(pub Vec<MasterKey>);

const PROFILES: [(&str, Profile); 4] = [
    ("aes128-cm-80", Profile::Aes128CmSha1With80),
    ("aes128-cm-32", Profile::Aes128CmSha1With32),
    ("aead-aes128-gcm", Profile::AeadAes128Gcm),
    ("aead-aes256-gcm", Profile::AeadAes256Gcm),
];

/// The same as SDES names them (RFC 4568 §6.2, RFC 7714 §14.2).
const SUITES: [(&str, &str); 4] = [
    ("AES_CM_128_HMAC_SHA1_80", "aes128-cm-80"),
    ("AES_CM_128_HMAC_SHA1_32", "aes128-cm-32"),
    ("AEAD_AES_128_GCM", "aead-aes128-gcm"),
    ("AEAD_AES_256_GCM", "aead-aes256-gcm"),
];

fn srtp_keys(text: &str) -> Result<SrtpKeys, String> {
    // `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20|1:4`, or a part of it from the suite on.
    let suite = SUITES.iter().find_map(|(suite, name)| {
        let (before, key) = text.split_once(&format!("{suite} "))?;
        let is_line = before.is_empty() || before.starts_with("a=crypto:");
        is_line.then_some((*name, key.trim()))
    });
    let written = suite.or_else(|| text.split_once(':'));
    let (name, encoded) = written.ok_or("write PROFILE:KEY, such as aes128-cm-80:e1f9…")?;
    let known = || PROFILES.map(|(name, _)| name).join(", ");
    let name = SUITES.iter().find(|(suite, _)| *suite == name).map_or(name, |(_, name)| *name);
    let found = PROFILES.iter().find(|(known, _)| *known == name);
    let (_, profile) = found.ok_or_else(|| format!("there is no profile `{name}`; known: {}", known()))?;
    let one = profile.key_length() + profile.salt_length();
    // Behind it SDES has a lifetime and the index of a key.
    let encoded = encoded.split('|').next().unwrap_or_default();
    let bytes = decoded(encoded, one).ok_or("the key is neither in hexadecimal nor in Base64")?;
    let keys = if bytes.len() == one {
        let (key, salt) = bytes.split_at(profile.key_length());
        MasterKey::new(*profile, key, salt).map(|key| vec![key])
    } else {
        MasterKey::pair(*profile, &bytes).filter(|_| bytes.len() == 2 * one).map(|(a, b)| vec![a, b])
    };
    let wants = || format!("{name} takes {one} bytes for one direction or {} for both", 2 * one);
    keys.map(SrtpKeys).ok_or_else(|| format!("{}, these are {}", wants(), bytes.len()))
}

/// The bytes of a key. SDES has keys in Base64 (RFC 4568 §6.1), and some of those are hexadecimal by chance: then the length decides.
fn decoded(text: &str, one: usize) -> Option<Vec<u8>> {
    let fits = |bytes: &Vec<u8>| [one, 2 * one].contains(&bytes.len());
    let hex = unhex(text);
    let base64 = || STANDARD.decode(text.strip_prefix("inline:").unwrap_or(text)).ok();
    hex.clone().filter(fits).or_else(|| base64().filter(fits)).or(hex).or_else(base64)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let pairs = digits?;
    let pairs = pairs.chunks(2).map(|pair| match pair {
        [high, low] => Some(high << 4 | low),
        _ => None,
    });
    pairs.collect()
}

/// Layers to choose packets by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PacketLayer {
    /// Connectivity: STUN and TURN, mDNS
    Ice,
    /// Security: DTLS
    Security,
    /// Audio and video: RTP and RTCP, protected or not
    Media,
    /// Data channels: SCTP
    Data,
}

impl PacketLayer {
    /// The layer of a protocol.
    pub(super) const fn of(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Stun | Protocol::Turn | Protocol::Other => Self::Ice,
            Protocol::Dtls => Self::Security,
            Protocol::Rtp | Protocol::Rtcp => Self::Media,
            Protocol::Sctp => Self::Data,
        }
    }
}

/// The words of `--protocol` and `--layer`: each protocol with its layer, in the order of the options.
pub(super) fn words() -> Vec<[String; 2]> {
    let layer = |protocol| PacketLayer::of(protocol).to_possible_value();
    let pair = |protocol: &Protocol| {
        let layer = layer(*protocol).map_or_else(String::new, |it| it.get_name().to_owned());
        [protocol.name().to_owned(), layer]
    };
    Protocol::value_variants().iter().map(pair).collect()
}

impl Protocol {
    /// Its word on the command line.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Stun => "stun",
            Self::Turn => "turn",
            Self::Dtls => "dtls",
            Self::Rtp => "rtp",
            Self::Rtcp => "rtcp",
            Self::Sctp => "sctp",
            Self::Other => "other",
        }
    }
}

/// Protocols to choose packets by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// STUN, and TURN's control messages
    Stun,
    /// TURN ChannelData
    Turn,
    /// DTLS
    Dtls,
    /// RTP and SRTP
    Rtp,
    /// RTCP and SRTCP
    Rtcp,
    /// SCTP, decrypted or in the clear
    Sctp,
    /// Anything else
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_protocol_has_a_layer() {
        let all: Vec<String> = words().iter().map(|pair| pair.join(" ")).collect();
        let expected =
            ["stun ice", "turn ice", "dtls security", "rtp media", "rtcp media", "sctp data", "other ice"];
        assert_eq!(all, expected);
        for protocol in Protocol::value_variants() {
            assert_eq!(protocol.to_possible_value().unwrap().get_name(), protocol.name());
        }
    }

    #[test]
    fn srtp_keys_are_for_one_direction_or_for_both() {
        let key = "aes128-cm-80:e1f97a0d3e018be0d64fa32c06de4139".to_owned();
        let one = srtp_keys(&format!("{key}0ec675ad498afeebb6960b3aabe6")).unwrap();
        assert_eq!(one.0.len(), 1);
        for base64 in
            ["4fl6DT4Bi+DWT6MsBt5BOQ7Gda1Jiv7rtpYLOqvm", "inline:4fl6DT4Bi+DWT6MsBt5BOQ7Gda1Jiv7rtpYLOqvm"]
        {
            assert_eq!(srtp_keys(&format!("aes128-cm-80:{base64}")).unwrap(), one.clone(), "as SDES has it");
            for before in [
                "AES_CM_128_HMAC_SHA1_80 ",
                "AES_CM_128_HMAC_SHA1_80:",
                "a=crypto:1 AES_CM_128_HMAC_SHA1_80 ",
            ] {
                assert_eq!(srtp_keys(&format!("{before}{base64}")).unwrap(), one.clone(), "{before}");
            }
            assert_eq!(
                srtp_keys(&format!("AES_CM_128_HMAC_SHA1_80 {base64}|2^20|1:4")).unwrap(),
                one.clone()
            );
        }
        let both = srtp_keys(&format!("aead-aes128-gcm:{}", "00".repeat(56))).unwrap();
        assert_eq!(both.0.len(), 2);
        for (given, expected) in [
            ("aes128-cm-80".to_owned(), "PROFILE:KEY"),
            ("aes256:00".to_owned(), "known: aes128-cm-80"),
            (key.clone(), "30 bytes for one direction or 60 for both, these are 16"),
            (format!("{key}0"), "neither in hexadecimal nor in Base64"),
            ("aes128-cm-80:z".to_owned(), "neither in hexadecimal nor in Base64"),
        ] {
            let error = srtp_keys(&given).unwrap_err();
            assert!(error.contains(expected), "{given}: {error}");
        }
    }
}
