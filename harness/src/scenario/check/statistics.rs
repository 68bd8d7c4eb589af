//! Members of statistics and their values (webrtc-stats), so that no expectation names what is not there.

use super::super::document::ValuePath;
use super::found::Found;
use peerproof_conformance::expect::StatMatch;
use serde_json::Value;

/// What a member holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Number,
    Text,
    Bool,
    /// Objects and lists.
    Other,
    /// One of these words.
    Word(&'static [&'static str]),
}
use Holds::{Bool, Number, Other, Text, Word};

const KIND: Holds = Word(&["audio", "video"]);
const DTLS: Holds = Word(&["new", "connecting", "connected", "closed", "failed"]);
const ICE: Holds = Word(&["new", "checking", "connected", "completed", "disconnected", "failed", "closed"]);
const PAIR: Holds = Word(&["frozen", "waiting", "in-progress", "failed", "succeeded"]);
const CHANNEL: Holds = Word(&["connecting", "open", "closing", "closed"]);
const CANDIDATE: Holds = Word(&["host", "srflx", "prflx", "relay"]);
const TRANSPORT: Holds = Word(&["udp", "tcp"]);
const RELAY: Holds = Word(&["udp", "tcp", "tls"]);
const LIMIT: Holds = Word(&["none", "cpu", "bandwidth", "other"]);

/// The types of statistics that come from others, with their members.
type Members = &'static [(&'static str, Holds)];

const ALL: Members = &[("id", Text), ("timestamp", Number), ("type", Text)];
const STREAM: Members =
    &[("ssrc", Number), ("kind", KIND), ("mediaType", KIND), ("transportId", Text), ("codecId", Text)];
const RECEIVED: Members = &[
    ("packetsReceived", Number),
    ("packetsReceivedWithEct1", Number),
    ("packetsReceivedWithCe", Number),
    ("packetsReportedAsLost", Number),
    ("packetsReportedAsLostButRecovered", Number),
    ("packetsLost", Number),
    ("jitter", Number),
];
const SENT: Members = &[("packetsSent", Number), ("bytesSent", Number), ("packetsSentWithEct1", Number)];
const INBOUND: Members = &[
    ("trackIdentifier", Text),
    ("mid", Text),
    ("remoteId", Text),
    ("trackId", Text),
    ("framesDecoded", Number),
    ("keyFramesDecoded", Number),
    ("framesRendered", Number),
    ("framesDropped", Number),
    ("frameWidth", Number),
    ("frameHeight", Number),
    ("framesPerSecond", Number),
    ("qpSum", Number),
    ("totalDecodeTime", Number),
    ("totalInterFrameDelay", Number),
    ("totalSquaredInterFrameDelay", Number),
    ("pauseCount", Number),
    ("totalPausesDuration", Number),
    ("freezeCount", Number),
    ("totalFreezesDuration", Number),
    ("lastPacketReceivedTimestamp", Number),
    ("headerBytesReceived", Number),
    ("packetsDiscarded", Number),
    ("fecBytesReceived", Number),
    ("fecPacketsReceived", Number),
    ("fecPacketsDiscarded", Number),
    ("fecSsrc", Number),
    ("bytesReceived", Number),
    ("nackCount", Number),
    ("firCount", Number),
    ("pliCount", Number),
    ("totalProcessingDelay", Number),
    ("estimatedPlayoutTimestamp", Number),
    ("jitterBufferDelay", Number),
    ("jitterBufferTargetDelay", Number),
    ("jitterBufferEmittedCount", Number),
    ("jitterBufferMinimumDelay", Number),
    ("totalSamplesReceived", Number),
    ("concealedSamples", Number),
    ("silentConcealedSamples", Number),
    ("concealmentEvents", Number),
    ("insertedSamplesForDeceleration", Number),
    ("removedSamplesForAcceleration", Number),
    ("audioLevel", Number),
    ("totalAudioEnergy", Number),
    ("totalSamplesDuration", Number),
    ("framesReceived", Number),
    ("decoderImplementation", Text),
    ("playoutId", Text),
    ("powerEfficientDecoder", Bool),
    ("framesAssembledFromMultiplePackets", Number),
    ("totalAssemblyTime", Number),
    ("retransmittedPacketsReceived", Number),
    ("retransmittedBytesReceived", Number),
    ("rtxSsrc", Number),
    ("totalCorruptionProbability", Number),
    ("contentType", Text),
];
const OUTBOUND: Members = &[
    ("mid", Text),
    ("mediaSourceId", Text),
    ("remoteId", Text),
    ("trackId", Text),
    ("rid", Text),
    ("encodingIndex", Number),
    ("headerBytesSent", Number),
    ("retransmittedPacketsSent", Number),
    ("retransmittedBytesSent", Number),
    ("rtxSsrc", Number),
    ("targetBitrate", Number),
    ("totalEncodedBytesTarget", Number),
    ("frameWidth", Number),
    ("frameHeight", Number),
    ("framesPerSecond", Number),
    ("framesSent", Number),
    ("hugeFramesSent", Number),
    ("framesEncoded", Number),
    ("keyFramesEncoded", Number),
    ("qpSum", Number),
    ("totalEncodeTime", Number),
    ("totalPacketSendDelay", Number),
    ("qualityLimitationReason", LIMIT),
    ("qualityLimitationDurations", Other),
    ("qualityLimitationResolutionChanges", Number),
    ("nackCount", Number),
    ("firCount", Number),
    ("pliCount", Number),
    ("encoderImplementation", Text),
    ("powerEfficientEncoder", Bool),
    ("active", Bool),
    ("scalabilityMode", Text),
    ("contentType", Text),
];
const REMOTE_INBOUND: Members = &[
    ("localId", Text),
    ("roundTripTime", Number),
    ("totalRoundTripTime", Number),
    ("fractionLost", Number),
    ("roundTripTimeMeasurements", Number),
];
const REMOTE_OUTBOUND: Members = &[
    ("localId", Text),
    ("remoteTimestamp", Number),
    ("reportsSent", Number),
    ("roundTripTime", Number),
    ("totalRoundTripTime", Number),
    ("roundTripTimeMeasurements", Number),
];
const CODEC: Members = &[
    ("payloadType", Number),
    ("transportId", Text),
    ("mimeType", Text),
    ("clockRate", Number),
    ("channels", Number),
    ("sdpFmtpLine", Text),
    ("codecType", Text),
];
const SOURCE: Members = &[
    ("trackIdentifier", Text),
    ("kind", KIND),
    ("audioLevel", Number),
    ("totalAudioEnergy", Number),
    ("totalSamplesDuration", Number),
    ("echoReturnLoss", Number),
    ("echoReturnLossEnhancement", Number),
    ("width", Number),
    ("height", Number),
    ("frames", Number),
    ("framesPerSecond", Number),
];
const PLAYOUT: Members = &[
    ("kind", KIND),
    ("synthesizedSamplesDuration", Number),
    ("synthesizedSamplesEvents", Number),
    ("totalSamplesDuration", Number),
    ("totalPlayoutDelay", Number),
    ("totalSamplesCount", Number),
];
const CONNECTION: Members = &[("dataChannelsOpened", Number), ("dataChannelsClosed", Number)];
const DATA: Members = &[
    ("label", Text),
    ("protocol", Text),
    ("dataChannelIdentifier", Number),
    ("state", CHANNEL),
    ("messagesSent", Number),
    ("bytesSent", Number),
    ("messagesReceived", Number),
    ("bytesReceived", Number),
];
const CARRIER: Members = &[
    ("packetsSent", Number),
    ("packetsReceived", Number),
    ("bytesSent", Number),
    ("bytesReceived", Number),
    ("iceRole", Word(&["unknown", "controlling", "controlled"])),
    ("iceLocalUsernameFragment", Text),
    ("dtlsState", DTLS),
    ("iceState", ICE),
    ("selectedCandidatePairId", Text),
    ("localCertificateId", Text),
    ("remoteCertificateId", Text),
    ("tlsVersion", Text),
    ("dtlsCipher", Text),
    ("dtlsRole", Word(&["client", "server", "unknown"])),
    ("srtpCipher", Text),
    ("selectedCandidatePairChanges", Number),
    ("rtcpTransportStatsId", Text),
    ("ccfbMessagesSent", Number),
    ("ccfbMessagesReceived", Number),
];
const OF_CANDIDATE: Members = &[
    ("transportId", Text),
    ("address", Text),
    ("ip", Text),
    ("port", Number),
    ("protocol", TRANSPORT),
    ("candidateType", CANDIDATE),
    ("priority", Number),
    ("url", Text),
    ("relayProtocol", RELAY),
    ("foundation", Text),
    ("relatedAddress", Text),
    ("relatedPort", Number),
    ("usernameFragment", Text),
    ("tcpType", Word(&["active", "passive", "so"])),
    ("networkType", Text),
    ("networkAdapterType", Text),
    ("isRemote", Bool),
    ("vpn", Bool),
    ("proxied", Bool),
];
const OF_PAIR: Members = &[
    ("transportId", Text),
    ("localCandidateId", Text),
    ("remoteCandidateId", Text),
    ("state", PAIR),
    ("nominated", Bool),
    ("selected", Bool),
    ("writable", Bool),
    ("readable", Bool),
    ("priority", Number),
    ("componentId", Number),
    ("packetsSent", Number),
    ("packetsReceived", Number),
    ("bytesSent", Number),
    ("bytesReceived", Number),
    ("lastPacketSentTimestamp", Number),
    ("lastPacketReceivedTimestamp", Number),
    ("totalRoundTripTime", Number),
    ("currentRoundTripTime", Number),
    ("availableOutgoingBitrate", Number),
    ("availableIncomingBitrate", Number),
    ("requestsReceived", Number),
    ("requestsSent", Number),
    ("responsesReceived", Number),
    ("responsesSent", Number),
    ("consentRequestsSent", Number),
    ("packetsDiscardedOnSend", Number),
    ("bytesDiscardedOnSend", Number),
];
const CERTIFICATE: Members = &[
    ("fingerprint", Text),
    ("fingerprintAlgorithm", Text),
    ("base64Certificate", Text),
    ("issuerCertificateId", Text),
];

/// The members of a type; none of a type that is not read.
fn members(kind: &str) -> &'static [Members] {
    match kind {
        "inbound-rtp" => &[ALL, STREAM, RECEIVED, INBOUND],
        "outbound-rtp" => &[ALL, STREAM, SENT, OUTBOUND],
        "remote-inbound-rtp" => &[ALL, STREAM, RECEIVED, REMOTE_INBOUND],
        "remote-outbound-rtp" => &[ALL, STREAM, SENT, REMOTE_OUTBOUND],
        "codec" => &[ALL, CODEC],
        "media-source" => &[ALL, SOURCE],
        "media-playout" => &[ALL, PLAYOUT],
        "peer-connection" => &[ALL, CONNECTION],
        "data-channel" => &[ALL, DATA],
        "transport" => &[ALL, CARRIER],
        "local-candidate" | "remote-candidate" => &[ALL, OF_CANDIDATE],
        "candidate-pair" => &[ALL, OF_PAIR],
        "certificate" => &[ALL, CERTIFICATE],
        _ => &[],
    }
}

/// The type of the statistics that a member refers to.
fn referred(member: &str) -> Option<&'static str> {
    Some(match member {
        "transportId" | "rtcpTransportStatsId" => "transport",
        "codecId" => "codec",
        "localCandidateId" => "local-candidate",
        "remoteCandidateId" => "remote-candidate",
        "selectedCandidatePairId" => "candidate-pair",
        "localCertificateId" | "remoteCertificateId" | "issuerCertificateId" => "certificate",
        "mediaSourceId" => "media-source",
        "playoutId" => "media-playout",
        _ => return None,
    })
}

/// A member is known of the type. Nothing if it is not, which is an error then.
fn member(kind: &str, name: &str, path: &ValuePath, found: &mut Found<'_>) -> Option<Holds> {
    let known = members(kind);
    let of_it = || known.iter().copied().flatten();
    if known.is_empty() {
        return None;
    }
    let holds = of_it().find(|(member, _)| *member == name).map(|(_, holds)| *holds);
    if holds.is_none() {
        let names: Vec<&str> = of_it().map(|(member, _)| *member).collect();
        found.unknown(path, format!("statistics of type {kind} have no `{name}`"), name, &names);
    }
    holds
}

fn value(holds: Holds, value: &Value, path: &ValuePath, found: &mut Found<'_>) {
    let (fits, wanted) = match holds {
        Number => (value.is_number(), "a number"),
        Text => (value.is_string(), "a text"),
        Bool => (value.is_boolean(), "`true` or `false`"),
        Other => (true, ""),
        Word(words) => {
            match value.as_str() {
                Some(word) if words.contains(&word) => {}
                Some(word) => found.unknown(path, format!("the member is never `{word}`"), word, words),
                None => found.help(path, "the member holds a word", format!("known: {}", words.join(", "))),
            }
            return;
        }
    };
    if !fits {
        found.add(path, format!("the member holds {wanted}"));
    }
}

/// Checks the members that an expectation names, and what they are compared with.
pub(super) fn check(stat: &StatMatch, path: &ValuePath, found: &mut Found<'_>) {
    if members(&stat.kind).is_empty() {
        return;
    }
    for (name, wanted) in &stat.having {
        let at = path.key("where").key(name);
        if let Some(holds) = member(&stat.kind, name, &at, found) {
            value(holds, wanted, &at, found);
        }
    }
    let mut kind = Some(stat.kind.as_str());
    if let Some(by) = &stat.follow {
        let at = path.key("follow");
        let known = member(&stat.kind, by, &at, found);
        kind = referred(by);
        if known.is_some() && kind.is_none() && !by.ends_with("Id") {
            found.add(&at, format!("`{by}` refers to no other statistics"));
        }
        if stat.field.is_none() {
            found.add(&at, "`follow` needs a `field`");
        }
    }
    if let (Some(field), Some(kind)) = (&stat.field, kind)
        && let Some(holds) = member(kind, field, &path.key("field"), found)
    {
        compared(stat, holds, path, found);
    }
    if stat.equals.is_some() && stat.one_of.is_some() {
        found.add(&path.key("oneOf"), "`equals` and `oneOf` exclude each other");
    }
    if stat.one_of.as_ref().is_some_and(Vec::is_empty) {
        found.add(&path.key("oneOf"), "no value is one of none");
    }
    if stat.count == Some(0) && stat.field.is_some() {
        found.add(&path.key("field"), "there are to be none, so the field is compared with nothing");
    }
}

fn compared(stat: &StatMatch, holds: Holds, path: &ValuePath, found: &mut Found<'_>) {
    if let Some(wanted) = &stat.equals {
        value(holds, wanted, &path.key("equals"), found);
    }
    for (n, wanted) in stat.one_of.iter().flatten().enumerate() {
        value(holds, wanted, &path.key("oneOf").index(n), found);
    }
    let bounds =
        [("above", stat.above), ("below", stat.below), ("atLeast", stat.at_least), ("atMost", stat.at_most)];
    if let Some((key, _)) = bounds.iter().find(|(_, bound)| bound.is_some())
        && !matches!(holds, Number | Other)
    {
        found.add(&path.key(key), "only numbers are compared so");
    }
}
