//! What statistics claim and nothing can contradict: the members that browsers or the stack report, each with the reason.

use crate::claims::Claim;
use crate::verdict::Layer;

const REPEATS: &str =
    "it repeats or sums up the RTCP of the other side, which the requirements on RTCP judge";
const AT_EITHER_END: &str =
    "it is of what is before the encoder or behind the decoder: nothing of it leaves the peer";
const SIGNALLED: &str =
    "the candidate that was signalled is judged; implementations write other values here, or none";
const OWN_WORDS: &str = "it is in words, or by rules, of the implementation, and nothing follows from it";
const ESTIMATE: &str = "it is an estimate, or a time that the implementation notes for itself";
const STREAM: &str = "ssrc is compared; hdrext-rid-sent-for-rid-streams and simulcast-only-answered-rids-sent judge those of a simulcast";
const ECN: &str = "no network of the harness marks packets, so that none are counted";
const LIKE_PACKETS: &str =
    "what it counts is of packets that implementations take into account in different ways";
const SIZE: &str = "it may be that of another frame than the last; mediaseen reports sizes";
const WITHIN: &str =
    "what it counts is within the encoder, the decoder or the jitter buffer, and shows nowhere else";

const fn other(name: &'static str, layer: Layer, reason: &'static str) -> Claim {
    Claim::unchecked(name, layer, reason)
}

pub(in crate::claims) const OTHERS: &[Claim] = &[
    other("stat/candidate-pair.availableIncomingBitrate", Layer::Checks, ESTIMATE),
    other("stat/candidate-pair.bytesDiscardedOnSend", Layer::Checks, LIKE_PACKETS),
    other("stat/candidate-pair.packetsDiscardedOnSend", Layer::Checks, LIKE_PACKETS),
    other("stat/candidate-pair.priority", Layer::Checks, SIGNALLED),
    other("stat/candidate-pair.readable", Layer::Checks, OWN_WORDS),
    other("stat/candidate-pair.writable", Layer::Checks, OWN_WORDS),
    other("stat/codec.codecType", Layer::Media, OWN_WORDS),
    other("stat/inbound-rtp.concealedSamples", Layer::Media, WITHIN),
    other("stat/inbound-rtp.concealmentEvents", Layer::Media, WITHIN),
    other("stat/inbound-rtp.corruptionMeasurements", Layer::Media, WITHIN),
    other("stat/inbound-rtp.decoderImplementation", Layer::Media, OWN_WORDS),
    other("stat/inbound-rtp.discardedPackets", Layer::Media, LIKE_PACKETS),
    other("stat/inbound-rtp.estimatedPlayoutTimestamp", Layer::Media, ESTIMATE),
    other("stat/inbound-rtp.fecBytesReceived", Layer::Media, LIKE_PACKETS),
    other("stat/inbound-rtp.fecPacketsDiscarded", Layer::Media, LIKE_PACKETS),
    other("stat/inbound-rtp.fecPacketsReceived", Layer::Media, LIKE_PACKETS),
    other("stat/inbound-rtp.fecSsrc", Layer::Media, STREAM),
    other("stat/inbound-rtp.frameHeight", Layer::Media, SIZE),
    other("stat/inbound-rtp.framesAssembledFromMultiplePackets", Layer::Media, WITHIN),
    other("stat/inbound-rtp.framesDropped", Layer::Media, WITHIN),
    other("stat/inbound-rtp.framesRendered", Layer::Media, WITHIN),
    other("stat/inbound-rtp.freezeCount", Layer::Media, WITHIN),
    other("stat/inbound-rtp.googTimingFrameInfo", Layer::Media, OWN_WORDS),
    other("stat/inbound-rtp.insertedSamplesForDeceleration", Layer::Media, WITHIN),
    other("stat/inbound-rtp.jitterBufferEmittedCount", Layer::Media, WITHIN),
    other("stat/inbound-rtp.jitterBufferMinimumDelay", Layer::Media, WITHIN),
    other("stat/inbound-rtp.jitterBufferTargetDelay", Layer::Media, WITHIN),
    other("stat/inbound-rtp.packetsDiscarded", Layer::Media, LIKE_PACKETS),
    other("stat/inbound-rtp.packetsReceivedWithCe", Layer::Media, ECN),
    other("stat/inbound-rtp.packetsReceivedWithEct1", Layer::Media, ECN),
    other("stat/inbound-rtp.packetsReportedAsLost", Layer::Media, LIKE_PACKETS),
    other("stat/inbound-rtp.packetsReportedAsLostButRecovered", Layer::Media, LIKE_PACKETS),
    other("stat/inbound-rtp.pauseCount", Layer::Media, WITHIN),
    other("stat/inbound-rtp.powerEfficientDecoder", Layer::Media, OWN_WORDS),
    other("stat/inbound-rtp.qpSum", Layer::Media, WITHIN),
    other("stat/inbound-rtp.removedSamplesForAcceleration", Layer::Media, WITHIN),
    other("stat/inbound-rtp.retransmittedBytesReceived", Layer::Media, LIKE_PACKETS),
    other("stat/inbound-rtp.silentConcealedSamples", Layer::Media, WITHIN),
    other("stat/inbound-rtp.totalAssemblyTime", Layer::Media, WITHIN),
    other("stat/inbound-rtp.totalAudioEnergy", Layer::Media, WITHIN),
    other("stat/inbound-rtp.totalCorruptionProbability", Layer::Media, WITHIN),
    other("stat/inbound-rtp.totalFreezesDuration", Layer::Media, WITHIN),
    other("stat/inbound-rtp.totalInterFrameDelay", Layer::Media, WITHIN),
    other("stat/inbound-rtp.totalPausesDuration", Layer::Media, WITHIN),
    other("stat/inbound-rtp.totalProcessingDelay", Layer::Media, WITHIN),
    other("stat/inbound-rtp.totalSamplesDuration", Layer::Media, WITHIN),
    other("stat/inbound-rtp.totalSamplesReceived", Layer::Media, WITHIN),
    other("stat/inbound-rtp.totalSquaredCorruptionProbability", Layer::Media, WITHIN),
    other("stat/inbound-rtp.totalSquaredInterFrameDelay", Layer::Media, WITHIN),
    other("stat/local-candidate.networkType", Layer::Gathering, OWN_WORDS),
    other("stat/local-candidate.relatedAddress", Layer::Gathering, SIGNALLED),
    other("stat/local-candidate.relatedPort", Layer::Gathering, SIGNALLED),
    other("stat/local-candidate.relayProtocol", Layer::Gathering, SIGNALLED),
    other("stat/local-candidate.tcpType", Layer::Gathering, SIGNALLED),
    other("stat/local-candidate.url", Layer::Gathering, SIGNALLED),
    other("stat/media-playout.kind", Layer::Media, AT_EITHER_END),
    other("stat/media-playout.synthesizedSamplesDuration", Layer::Media, AT_EITHER_END),
    other("stat/media-playout.synthesizedSamplesEvents", Layer::Media, AT_EITHER_END),
    other("stat/media-playout.totalPlayoutDelay", Layer::Media, AT_EITHER_END),
    other("stat/media-playout.totalSamplesCount", Layer::Media, AT_EITHER_END),
    other("stat/media-playout.totalSamplesDuration", Layer::Media, AT_EITHER_END),
    other("stat/media-source.audioLevel", Layer::Media, AT_EITHER_END),
    other("stat/media-source.framesPerSecond", Layer::Media, AT_EITHER_END),
    other("stat/media-source.height", Layer::Media, AT_EITHER_END),
    other("stat/media-source.kind", Layer::Media, AT_EITHER_END),
    other("stat/media-source.totalAudioEnergy", Layer::Media, AT_EITHER_END),
    other("stat/media-source.totalSamplesDuration", Layer::Media, AT_EITHER_END),
    other("stat/media-source.trackIdentifier", Layer::Media, AT_EITHER_END),
    other("stat/media-source.width", Layer::Media, AT_EITHER_END),
    other("stat/outbound-rtp.active", Layer::Media, OWN_WORDS),
    other("stat/outbound-rtp.encoderImplementation", Layer::Media, OWN_WORDS),
    other("stat/outbound-rtp.frameHeight", Layer::Media, SIZE),
    other("stat/outbound-rtp.frameWidth", Layer::Media, SIZE),
    other("stat/outbound-rtp.framesPerSecond", Layer::Media, ESTIMATE),
    other("stat/outbound-rtp.hugeFramesSent", Layer::Media, WITHIN),
    other("stat/outbound-rtp.packetsSentWithEct1", Layer::Media, ECN),
    other("stat/outbound-rtp.powerEfficientEncoder", Layer::Media, OWN_WORDS),
    other("stat/outbound-rtp.psnrMeasurements", Layer::Media, WITHIN),
    other("stat/outbound-rtp.psnrSum", Layer::Media, WITHIN),
    other("stat/outbound-rtp.qpSum", Layer::Media, WITHIN),
    other("stat/outbound-rtp.qualityLimitationDurations", Layer::Media, OWN_WORDS),
    other("stat/outbound-rtp.qualityLimitationResolutionChanges", Layer::Media, OWN_WORDS),
    other("stat/outbound-rtp.scalabilityMode", Layer::Media, OWN_WORDS),
    other("stat/outbound-rtp.totalEncodedBytesTarget", Layer::Media, ESTIMATE),
    other("stat/outbound-rtp.totalPacketSendDelay", Layer::Media, WITHIN),
    other("stat/remote-candidate.foundation", Layer::Gathering, SIGNALLED),
    other("stat/remote-candidate.priority", Layer::Gathering, SIGNALLED),
    other("stat/remote-candidate.relatedAddress", Layer::Gathering, SIGNALLED),
    other("stat/remote-candidate.relatedPort", Layer::Gathering, SIGNALLED),
    other("stat/remote-candidate.relayProtocol", Layer::Gathering, SIGNALLED),
    other("stat/remote-candidate.tcpType", Layer::Gathering, SIGNALLED),
    other("stat/remote-candidate.url", Layer::Gathering, SIGNALLED),
    other("stat/remote-candidate.usernameFragment", Layer::Gathering, SIGNALLED),
    other("stat/remote-inbound-rtp.fractionLost", Layer::Media, REPEATS),
    other("stat/remote-inbound-rtp.jitter", Layer::Media, REPEATS),
    other("stat/remote-inbound-rtp.packetsReceived", Layer::Media, REPEATS),
    other("stat/remote-inbound-rtp.packetsReceivedWithCe", Layer::Media, REPEATS),
    other("stat/remote-inbound-rtp.packetsReceivedWithEct1", Layer::Media, REPEATS),
    other("stat/remote-inbound-rtp.packetsReportedAsLost", Layer::Media, REPEATS),
    other("stat/remote-inbound-rtp.packetsReportedAsLostButRecovered", Layer::Media, REPEATS),
    other("stat/remote-inbound-rtp.packetsWithBleachedEct1Marking", Layer::Media, REPEATS),
    other("stat/remote-inbound-rtp.roundTripTimeMeasurements", Layer::Media, REPEATS),
    other("stat/remote-inbound-rtp.totalRoundTripTime", Layer::Media, REPEATS),
    other("stat/remote-outbound-rtp.bytesSent", Layer::Media, REPEATS),
    other("stat/remote-outbound-rtp.remoteTimestamp", Layer::Media, REPEATS),
    other("stat/remote-outbound-rtp.reportsSent", Layer::Media, REPEATS),
    other("stat/remote-outbound-rtp.roundTripTime", Layer::Media, REPEATS),
    other("stat/remote-outbound-rtp.roundTripTimeMeasurements", Layer::Media, REPEATS),
    other("stat/remote-outbound-rtp.totalRoundTripTime", Layer::Media, REPEATS),
    other("stat/transport.ccfbMessagesReceived", Layer::Checks, ECN),
    other("stat/transport.ccfbMessagesSent", Layer::Checks, ECN),
];
