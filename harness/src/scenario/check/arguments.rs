//! Arguments of commands that no peer would take, although their types are right. With `rejects` they may be asked for.

use super::super::document::{Document, ValuePath};
use super::super::error::{ScenarioError, nearest};
use super::{messages, said};
use crate::peers::protocol::{
    BUNDLE_POLICIES, CERTIFICATES, ChannelOptions, Command, Configuration, SendEncoding, TRANSPORT_POLICIES,
};
use peerproof_captures::event::MediaKind;
use std::collections::BTreeSet;

/// How an echo may be falsified.
const DEFECTS: [&str; 4] = ["corrupt-last-byte", "swap-pairs", "as-text", "drop-every-third"];

/// The largest identifier of a channel: 65535 is none (RFC 8832 §6, webrtc-pc §6.2).
const LARGEST_ID: u16 = 65_534;
/// Most pixels of a picture's side that a source makes.
pub(super) const LARGEST_SIDE: u32 = 16_384;

/// Pictures a second that a source makes.
const FRAME_RATES: [u32; 2] = [1, 240];
/// Frequencies of tones in hertz: what a person hears, and 48,000 samples a second carry.
pub(super) const TONES: [u32; 2] = [20, 20_000];
/// Most bytes of a label and of a subprotocol (webrtc-pc §6.1): DCEP has 16 bits for their lengths (RFC 8832 §5.1).
const LONGEST_LABEL: usize = 65_535;

/// Types of audio that WebRTC implementations negotiate (RFC 7874, and what they add).
const AUDIO: [&str; 12] = [
    "audio/opus",
    "audio/PCMU",
    "audio/PCMA",
    "audio/G722",
    "audio/CN",
    "audio/telephone-event",
    "audio/red",
    "audio/ILBC",
    "audio/ISAC",
    "audio/L16",
    "audio/multiopus",
    "audio/AC3",
];
/// Types of video (RFC 7742, and what they add).
const VIDEO: [&str; 9] = [
    "video/VP8",
    "video/VP9",
    "video/H264",
    "video/H265",
    "video/AV1",
    "video/rtx",
    "video/red",
    "video/ulpfec",
    "video/flexfec-03",
];

/// What is wrong with a command, at its arguments.
pub(super) fn of_command(
    document: &Document,
    command: &Command,
    path: &ValuePath,
    rejected: bool,
) -> Vec<ScenarioError> {
    let at = |key: &str| path.key(key);
    let mut errors = Vec::new();
    match command {
        Command::Send { message, times, .. } => {
            errors.extend(messages::sent(document, message, *times, &at).err());
        }
        Command::Echo { defect: Some(defect), .. } => {
            errors.extend(echo_defect(document, defect, &at("defect")).err());
        }
        // Whoever must reject it may be given anything.
        _ if rejected => {}
        Command::CreateDataChannel(options) => errors.extend(channel(document, options, &at)),
        Command::CreatePeerConnection { configuration, .. } | Command::SetConfiguration { configuration } => {
            errors.extend(self::configuration(document, configuration, &at("configuration")));
        }
        Command::CreateSource { kind, width, height, frame_rate, tone_hz } => {
            errors.extend(picture(document, &[("width", *width), ("height", *height)], &at));
            for (key, number, [least, most]) in
                [("frameRate", frame_rate, FRAME_RATES), ("toneHz", tone_hz, TONES)]
            {
                if number.is_some_and(|number| !(least..=most).contains(&number)) {
                    let message = format!("`{key}` must be from {least} to {most}");
                    errors.push(document.error(&at(key), message, None));
                }
            }
            let of_the_other: &[(&str, bool)] = match kind {
                MediaKind::Audio => &[
                    ("width", width.is_some()),
                    ("height", height.is_some()),
                    ("frameRate", frame_rate.is_some()),
                ],
                MediaKind::Video => &[("toneHz", tone_hz.is_some())],
            };
            for (key, _) in of_the_other.iter().filter(|(_, given)| *given) {
                errors.push(document.error(&at(key), format!("a source of {kind} has no `{key}`"), None));
            }
        }
        Command::AddTransceiver { send_encodings: Some(encodings), .. } => {
            errors.extend(self::encodings(document, encodings, &at("sendEncodings")));
        }
        Command::SetCodecPreferences { mime_types, .. } => {
            errors.extend(types(document, mime_types, &at("mimeTypes")));
        }
        _ => {}
    }
    errors
}

/// The defect of an echo is known.
pub(in crate::scenario) fn echo_defect(
    document: &Document,
    defect: &str,
    path: &ValuePath,
) -> Result<(), ScenarioError> {
    said::word(document, "defect", defect, &DEFECTS, path)
}

fn channel(
    document: &Document,
    options: &ChannelOptions,
    at: &impl Fn(&str) -> ValuePath,
) -> Vec<ScenarioError> {
    let mut errors = Vec::new();
    if options.max_retransmits.is_some() && options.max_packet_life_time.is_some() {
        errors.push(document.error(
            &at("maxPacketLifeTime"),
            "`maxRetransmits` and `maxPacketLifeTime` exclude each other (webrtc-pc §6.1)",
            Some("to show that a peer refuses both, add `rejects: TypeError`".to_owned()),
        ));
    }
    // One that cannot be read is there, too.
    let has_id = options.id.is_some() || !document.part(&at("id")).value.is_null();
    if options.negotiated == Some(true) && !has_id {
        errors.push(document.error(&at("negotiated"), "a negotiated channel needs an `id`", None));
    }
    if options.id.is_some_and(|id| id > LARGEST_ID) {
        let help = "to show that a peer refuses a larger one, add `rejects: TypeError`".to_owned();
        let message = format!("the `id` of a channel is at most {LARGEST_ID} (webrtc-pc §6.1)");
        errors.push(document.error(&at("id"), message, Some(help)));
    }
    let texts = [("label", Some(&options.label)), ("protocol", options.protocol.as_ref())];
    for (key, text) in texts {
        if text.is_some_and(|text| text.len() > LONGEST_LABEL) {
            let help = "to show that a peer refuses a longer one, add `rejects: TypeError`".to_owned();
            let message =
                format!("the `{key}` of a channel has at most {LONGEST_LABEL} bytes (webrtc-pc §6.1)");
            errors.push(document.error(&at(key), message, Some(help)));
        }
    }
    errors
}

/// What is wrong with a configuration apart from its servers.
pub(in crate::scenario) fn configuration<S>(
    document: &Document,
    configuration: &Configuration<S>,
    path: &ValuePath,
) -> Vec<ScenarioError> {
    let Configuration { ice_transport_policy, bundle_policy, certificate, .. } = configuration;
    let words: [(&str, &str, &Option<String>, &[&str]); 3] = [
        ("iceTransportPolicy", "policy", ice_transport_policy, &TRANSPORT_POLICIES),
        ("bundlePolicy", "policy", bundle_policy, &BUNDLE_POLICIES),
        ("certificate", "algorithm", certificate, &CERTIFICATES),
    ];
    let checked = words.into_iter().filter_map(|(key, what, word, words)| {
        said::word(document, what, word.as_deref()?, words, &path.key(key)).err()
    });
    checked.collect()
}

/// A picture has sides that a source can make.
fn picture(
    document: &Document,
    sides: &[(&str, Option<u32>)],
    at: &impl Fn(&str) -> ValuePath,
) -> Vec<ScenarioError> {
    let bad = |side: &Option<u32>| side.is_some_and(|side| !(1..=LARGEST_SIDE).contains(&side));
    let wrong = sides.iter().filter(|(_, side)| bad(side));
    wrong
        .map(|(key, _)| {
            document.error(&at(key), format!("a picture has from 1 to {LARGEST_SIDE} pixels a side"), None)
        })
        .collect()
}

/// Encodings that `addTransceiver` takes (webrtc-pc §5.1).
fn encodings(document: &Document, encodings: &[SendEncoding], path: &ValuePath) -> Vec<ScenarioError> {
    let mut errors = Vec::new();
    let mut wrong = |path: &ValuePath, message: String| {
        let help = Some("to show that a peer refuses it, add `rejects` with the exception".to_owned());
        errors.push(document.error(path, message, help));
    };
    let mut known = BTreeSet::new();
    for (n, encoding) in encodings.iter().enumerate() {
        let path = path.index(n);
        match &encoding.rid {
            Some(rid) if !known.insert(rid) => wrong(&path.key("rid"), format!("`{rid}` stands here twice")),
            Some(rid) if rid.is_empty() || !rid.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                wrong(&path.key("rid"), "a `rid` has letters and digits (RFC 8852 §3.1)".to_owned());
            }
            None if encodings.len() > 1 => {
                wrong(&path, "each of several encodings needs a `rid` (webrtc-pc §5.1)".to_owned());
            }
            _ => {}
        }
        // What is no number is not at least 1 either.
        if encoding.scale_resolution_down_by.is_some_and(|by| {
            !matches!(by.partial_cmp(&1.0), Some(std::cmp::Ordering::Equal | std::cmp::Ordering::Greater))
        }) {
            let message = "`scaleResolutionDownBy` must be at least 1 (webrtc-pc §5.1)".to_owned();
            wrong(&path.key("scaleResolutionDownBy"), message);
        }
    }
    errors
}

/// Types of codecs, which are of one kind.
fn types(document: &Document, types: &[String], path: &ValuePath) -> Vec<ScenarioError> {
    let mut errors = Vec::new();
    let is = |list: &[&str], name: &String| list.iter().any(|known| known.eq_ignore_ascii_case(name));
    for (n, name) in types.iter().enumerate().filter(|(_, name)| !is(&AUDIO, name) && !is(&VIDEO, name)) {
        let help = match nearest(name, AUDIO.into_iter().chain(VIDEO)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known: {}, {}", AUDIO.join(", "), VIDEO.join(", ")),
        };
        errors.push(document.error(&path.index(n), format!("unknown codec `{name}`"), Some(help)));
    }
    if types.iter().any(|name| is(&AUDIO, name)) && types.iter().any(|name| is(&VIDEO, name)) {
        errors.push(document.error(path, "a transceiver has codecs of one kind", None));
    }
    errors
}

/// The kind of media of a codec's type.
pub(super) fn kind_of_type(name: &str) -> Option<MediaKind> {
    let kind = name.split('/').next().unwrap_or_default();
    [MediaKind::Audio, MediaKind::Video].into_iter().find(|it| kind.eq_ignore_ascii_case(&it.to_string()))
}
