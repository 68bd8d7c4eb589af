//! What statistics claim (webrtc-stats), by type and member.

use crate::claims::Claim;
use crate::verdict::Layer;

const WITH_ALL: &str = "the packets on the wire: no more than all, of a single transport at least half of those without STUN; bytes against packets";

pub(in crate::claims) const CLAIMS: &[Claim] = &[
    Claim::checked(
        "stat/outbound-rtp.packetsSent",
        Layer::Media,
        "the RTP of that SSRC on the wire, when it was asked for and when it was answered",
    ),
    Claim::checked(
        "stat/outbound-rtp.bytesSent",
        Layer::Media,
        "the RTP of that SSRC on the wire, when it was asked for and when it was answered",
    ),
    Claim::checked(
        "stat/outbound-rtp.framesSent",
        Layer::Media,
        "the RTP of that SSRC on the wire, when it was asked for and when it was answered",
    ),
    Claim::checked(
        "stat/outbound-rtp.retransmittedPacketsSent",
        Layer::Media,
        "the RTP of that SSRC on the wire, when it was asked for and when it was answered",
    ),
    Claim::checked(
        "stat/outbound-rtp.ssrc",
        Layer::Media,
        "the SSRCs on the wire: a stream that is not there has no packets",
    ),
    Claim::checked("stat/outbound-rtp.kind", Layer::Media, "the codec beside it"),
    Claim::checked(
        "stat/outbound-rtp.mid",
        Layer::Media,
        "the sections of the descriptions, and their kinds",
    ),
    Claim::checked("stat/outbound-rtp.keyFramesEncoded", Layer::Media, "framesEncoded beside it"),
    Claim::unchecked(
        "stat/outbound-rtp.framesEncoded",
        Layer::Media,
        "an encoder may drop what it encoded; framesSent is compared",
    ),
    Claim::unchecked(
        "stat/outbound-rtp.headerBytesSent",
        Layer::Media,
        "implementations count header extensions and SRTP differently",
    ),
    Claim::unchecked(
        "stat/outbound-rtp.retransmittedBytesSent",
        Layer::Media,
        "retransmittedPacketsSent is compared; implementations count headers differently",
    ),
    Claim::unchecked(
        "stat/outbound-rtp.nackCount",
        Layer::Media,
        "implementations count packets or lost sequence numbers",
    ),
    Claim::unchecked(
        "stat/outbound-rtp.pliCount",
        Layer::Media,
        "feedback that arrived too late to be counted is not distinguished",
    ),
    Claim::unchecked(
        "stat/outbound-rtp.firCount",
        Layer::Media,
        "feedback that arrived too late to be counted is not distinguished",
    ),
    Claim::unchecked("stat/outbound-rtp.targetBitrate", Layer::Media, "it is an intention of the encoder"),
    Claim::unchecked(
        "stat/outbound-rtp.totalEncodeTime",
        Layer::Media,
        "time within the encoder shows nowhere else",
    ),
    Claim::unchecked(
        "stat/outbound-rtp.qualityLimitationReason",
        Layer::Media,
        "it is an estimate of the encoder",
    ),
    Claim::checked(
        "stat/inbound-rtp.packetsReceived",
        Layer::Media,
        "the RTP of that SSRC that arrived, when it was asked for and when it was answered",
    ),
    Claim::checked(
        "stat/inbound-rtp.bytesReceived",
        Layer::Media,
        "the RTP of that SSRC that arrived, when it was asked for and when it was answered",
    ),
    Claim::checked(
        "stat/inbound-rtp.framesReceived",
        Layer::Media,
        "the RTP of that SSRC that arrived, when it was asked for and when it was answered",
    ),
    Claim::checked(
        "stat/inbound-rtp.framesDecoded",
        Layer::Media,
        "the RTP of that SSRC that arrived, when it was asked for and when it was answered",
    ),
    Claim::checked(
        "stat/inbound-rtp.retransmittedPacketsReceived",
        Layer::Media,
        "the RTP of that SSRC that arrived, when it was asked for and when it was answered",
    ),
    Claim::checked(
        "stat/inbound-rtp.ssrc",
        Layer::Media,
        "the SSRCs on the wire: a stream that did not arrive has no packets",
    ),
    Claim::checked("stat/inbound-rtp.kind", Layer::Media, "the codec beside it"),
    Claim::checked("stat/inbound-rtp.mid", Layer::Media, "the sections of the descriptions, and their kinds"),
    Claim::checked("stat/inbound-rtp.trackIdentifier", Layer::Media, "its track events"),
    Claim::checked(
        "stat/inbound-rtp.pliCount",
        Layer::Media,
        "the RTCP that it sent: no more than datagrams of it",
    ),
    Claim::checked(
        "stat/inbound-rtp.firCount",
        Layer::Media,
        "the RTCP that it sent: no more than datagrams of it",
    ),
    Claim::checked("stat/inbound-rtp.keyFramesDecoded", Layer::Media, "framesDecoded beside it"),
    Claim::unchecked(
        "stat/inbound-rtp.headerBytesReceived",
        Layer::Media,
        "implementations count header extensions and SRTP differently",
    ),
    Claim::unchecked(
        "stat/inbound-rtp.jitter",
        Layer::Media,
        "it depends on when the receiver reads its socket",
    ),
    Claim::unchecked(
        "stat/inbound-rtp.packetsLost",
        Layer::Media,
        "a packet that came late counts or not, by the implementation",
    ),
    Claim::unchecked(
        "stat/inbound-rtp.nackCount",
        Layer::Media,
        "implementations count packets or lost sequence numbers",
    ),
    Claim::unchecked(
        "stat/inbound-rtp.framesPerSecond",
        Layer::Media,
        "it is an average over a time that the implementation chooses",
    ),
    Claim::unchecked(
        "stat/inbound-rtp.frameWidth",
        Layer::Media,
        "it may be that of another frame than the last; mediaseen reports sizes",
    ),
    Claim::unchecked(
        "stat/inbound-rtp.audioLevel",
        Layer::Media,
        "the sound is encoded; mediaseen reports its tone",
    ),
    Claim::unchecked(
        "stat/inbound-rtp.totalDecodeTime",
        Layer::Media,
        "time within the decoder shows nowhere else",
    ),
    Claim::unchecked(
        "stat/inbound-rtp.jitterBufferDelay",
        Layer::Media,
        "time within the receiver shows nowhere else",
    ),
    Claim::unchecked(
        "stat/remote-inbound-rtp.packetsLost",
        Layer::Media,
        "it repeats the RTCP of the other side, which rtcp-rr-lsr-dlsr and rtcp-sr-counters-match-wire judge",
    ),
    Claim::checked(
        "stat/remote-inbound-rtp.roundTripTime",
        Layer::Media,
        "the time that the session has lasted",
    ),
    Claim::unchecked(
        "stat/remote-outbound-rtp.packetsSent",
        Layer::Media,
        "it repeats the RTCP of the other side, which rtcp-sr-counters-match-wire judges",
    ),
    Claim::unchecked(
        "stat/media-source.frames",
        Layer::Media,
        "a source is before the encoder: nothing of it leaves the peer",
    ),
    Claim::checked(
        "stat/codec.payloadType",
        Layer::Media,
        "the rtpmap of both descriptions: payload type, name and clock rate",
    ),
    Claim::checked(
        "stat/codec.mimeType",
        Layer::Media,
        "the rtpmap of both descriptions: payload type, name and clock rate",
    ),
    Claim::checked(
        "stat/codec.channels",
        Layer::Media,
        "the rtpmap of both descriptions for that payload type",
    ),
    Claim::checked(
        "stat/codec.clockRate",
        Layer::Media,
        "the rtpmap of both descriptions: payload type, name and clock rate",
    ),
    Claim::checked("stat/transport.packetsSent", Layer::Checks, WITH_ALL),
    Claim::checked("stat/transport.packetsReceived", Layer::Checks, WITH_ALL),
    Claim::checked("stat/transport.bytesSent", Layer::Checks, WITH_ALL),
    Claim::checked("stat/transport.bytesReceived", Layer::Checks, WITH_ALL),
    Claim::checked(
        "stat/transport.dtlsState",
        Layer::Dtls,
        "its dtlsstatechange events, which it does not go back behind",
    ),
    Claim::checked("stat/transport.dtlsRole", Layer::Dtls, "who sent the ClientHello"),
    Claim::checked("stat/transport.tlsVersion", Layer::Dtls, "the version in the ServerHello"),
    Claim::checked("stat/transport.dtlsCipher", Layer::Dtls, "the suite in the ServerHello"),
    Claim::checked("stat/transport.srtpCipher", Layer::Srtp, "the profile that use_srtp chose"),
    Claim::checked("stat/transport.iceRole", Layer::Checks, "the role attribute of its checks"),
    Claim::checked("stat/transport.iceLocalUsernameFragment", Layer::Checks, "its own descriptions"),
    Claim::checked(
        "stat/transport.selectedCandidatePairId",
        Layer::Nomination,
        "its pairs, the packets that left its socket, and those that go to its remote candidate",
    ),
    Claim::unchecked(
        "stat/transport.iceState",
        Layer::Checks,
        "icetransportstatechange is compared; implementations keep the old state here after close",
    ),
    Claim::unchecked(
        "stat/transport.selectedCandidatePairChanges",
        Layer::Nomination,
        "implementations count the first selection or not",
    ),
    Claim::checked(
        "stat/certificate.fingerprint",
        Layer::Dtls,
        "the Certificate message, and where it cannot be read the descriptions",
    ),
    Claim::checked(
        "stat/certificate.fingerprintAlgorithm",
        Layer::Dtls,
        "the length of the fingerprint beside it",
    ),
    Claim::unchecked(
        "stat/certificate.base64Certificate",
        Layer::Dtls,
        "the fingerprint beside it identifies the certificate",
    ),
    Claim::checked(
        "stat/local-candidate.address",
        Layer::Gathering,
        "the candidates that it reported: address, port and type",
    ),
    Claim::checked(
        "stat/local-candidate.port",
        Layer::Gathering,
        "the candidates that it reported: address, port and type",
    ),
    Claim::checked(
        "stat/local-candidate.candidateType",
        Layer::Gathering,
        "the candidates that it reported: address, port and type",
    ),
    Claim::checked("stat/local-candidate.protocol", Layer::Gathering, "the candidate that it reported there"),
    Claim::checked(
        "stat/local-candidate.foundation",
        Layer::Gathering,
        "the candidate that it reported there",
    ),
    Claim::checked("stat/local-candidate.usernameFragment", Layer::Gathering, "its own descriptions"),
    Claim::checked(
        "stat/remote-candidate.address",
        Layer::Gathering,
        "the candidates that it was given: address, port and type",
    ),
    Claim::checked(
        "stat/remote-candidate.port",
        Layer::Gathering,
        "the candidates that it was given: address, port and type",
    ),
    Claim::checked(
        "stat/remote-candidate.candidateType",
        Layer::Gathering,
        "the candidates that it was given: address, port and type",
    ),
    Claim::checked(
        "stat/remote-candidate.protocol",
        Layer::Gathering,
        "the candidate that it was given there",
    ),
    Claim::unchecked(
        "stat/local-candidate.priority",
        Layer::Gathering,
        "ice-candidate-priorities judges those that are signalled; implementations write others here",
    ),
    Claim::checked(
        "stat/candidate-pair.packetsSent",
        Layer::Checks,
        "the packets on the wire: no pair carried more than all did",
    ),
    Claim::checked(
        "stat/candidate-pair.packetsReceived",
        Layer::Checks,
        "the packets on the wire: no pair carried more than all did",
    ),
    Claim::checked(
        "stat/candidate-pair.bytesSent",
        Layer::Checks,
        "the packets on the wire: no pair carried more than all did",
    ),
    Claim::checked(
        "stat/candidate-pair.bytesReceived",
        Layer::Checks,
        "the packets on the wire: no pair carried more than all did",
    ),
    Claim::checked(
        "stat/candidate-pair.requestsSent",
        Layer::Checks,
        "the packets on the wire: no pair carried more than all did",
    ),
    Claim::checked(
        "stat/candidate-pair.requestsReceived",
        Layer::Checks,
        "the packets on the wire: no pair carried more than all did",
    ),
    Claim::checked(
        "stat/candidate-pair.responsesSent",
        Layer::Checks,
        "the packets on the wire: no pair carried more than all did",
    ),
    Claim::checked(
        "stat/candidate-pair.responsesReceived",
        Layer::Checks,
        "the packets on the wire: no pair carried more than all did",
    ),
    Claim::checked(
        "stat/candidate-pair.consentRequestsSent",
        Layer::Checks,
        "the packets on the wire: no pair carried more than all did",
    ),
    Claim::checked(
        "stat/candidate-pair.nominated",
        Layer::Nomination,
        "the transport that is connected over the pair",
    ),
    Claim::checked(
        "stat/candidate-pair.currentRoundTripTime",
        Layer::Checks,
        "the time that the session has lasted; it contains the time within both agents",
    ),
    Claim::checked(
        "stat/candidate-pair.totalRoundTripTime",
        Layer::Checks,
        "the time that the session has lasted, for each of responsesReceived",
    ),
    Claim::checked(
        "stat/candidate-pair.state",
        Layer::Checks,
        "of the selected pair iceconnectionstatechange and the state of the transport; the other pairs are the agent's own",
    ),
    Claim::unchecked("stat/candidate-pair.availableOutgoingBitrate", Layer::Media, "it is an estimate"),
    Claim::checked(
        "stat/data-channel.messagesSent",
        Layer::DataChannel,
        "the messages that it was asked to send, and those that it reported",
    ),
    Claim::checked(
        "stat/data-channel.messagesReceived",
        Layer::DataChannel,
        "the messages that it was asked to send, and those that it reported",
    ),
    Claim::checked(
        "stat/data-channel.bytesSent",
        Layer::DataChannel,
        "the messages that it was asked to send, and those that it reported",
    ),
    Claim::checked(
        "stat/data-channel.bytesReceived",
        Layer::DataChannel,
        "the messages that it was asked to send, and those that it reported",
    ),
    Claim::checked(
        "stat/data-channel.state",
        Layer::DataChannel,
        "its channelopen events, and what ends a channel",
    ),
    Claim::checked("stat/data-channel.label", Layer::DataChannel, "the channels that it created or reported"),
    Claim::checked(
        "stat/data-channel.dataChannelIdentifier",
        Layer::DataChannel,
        "the channels that it created or reported, and DATA_CHANNEL_OPEN on the wire",
    ),
    Claim::checked(
        "stat/data-channel.protocol",
        Layer::DataChannel,
        "the channels that it created or reported",
    ),
    Claim::checked("stat/peer-connection.dataChannelsOpened", Layer::DataChannel, "its channelopen events"),
    Claim::unchecked(
        "stat/peer-connection.dataChannelsClosed",
        Layer::DataChannel,
        "implementations count channels that were never open or not",
    ),
    Claim::checked(
        "stat/timestamp",
        Layer::Media,
        "the clock of the case, when it was asked for and answered; the reading before: time goes on",
    ),
];
