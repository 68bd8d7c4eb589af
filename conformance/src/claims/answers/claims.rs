//! What answers claim: one for each command of the peer protocol.

use crate::claims::Claim;
use crate::verdict::Layer;

pub(in crate::claims) const CLAIMS: &[Claim] = &[
    Claim::unchecked(
        "answer/hello",
        Layer::PeerProtocol,
        "who a peer is, it alone can say; a configuration that expects a name and a version compares them",
    ),
    Claim::checked(
        "answer/impossible",
        Layer::PeerProtocol,
        "it must be unsupported: otherwise nothing that the peer answers counts",
    ),
    Claim::checked(
        "answer/createPeerConnection",
        Layer::Gathering,
        "ice-relay-policy-no-leak and the servers that are asked",
    ),
    Claim::checked(
        "answer/setConfiguration",
        Layer::Gathering,
        "the candidates gathered after the next restart, and the servers asked then",
    ),
    Claim::checked(
        "answer/getUserMedia",
        Layer::Media,
        "the size in the key frames that it sends, which is no larger, and the one that a scenario awaits",
    ),
    Claim::checked("answer/createSource", Layer::Media, "the kind and size that were asked for"),
    Claim::checked("answer/applyConstraints", Layer::Media, "the constraints with exact values"),
    Claim::checked("answer/addTrack", Layer::Sdp, "the section of the next description"),
    Claim::checked(
        "answer/removeTrack",
        Layer::Sdp,
        "the direction of the next description, and the RTP of the track, which ends",
    ),
    Claim::checked(
        "answer/replaceTrack",
        Layer::Media,
        "the tone that the other side hears, and the RTP, which goes on with another track and ends without one",
    ),
    Claim::checked(
        "answer/addTransceiver",
        Layer::Sdp,
        "the section of the next offer: kind, direction and streams of a simulcast",
    ),
    Claim::checked(
        "answer/setDirection",
        Layer::Sdp,
        "the direction of the next description; oa-direction-respected-on-wire judges the RTP",
    ),
    Claim::checked(
        "answer/stopTransceiver",
        Layer::Media,
        "the RTP of the transceiver, which ends, and jsep-stopped-section-port-zero",
    ),
    Claim::checked(
        "answer/setCodecPreferences",
        Layer::Sdp,
        "the codecs of the next description; rtp-only-negotiated-payload-types judges the RTP",
    ),
    Claim::checked(
        "answer/getTransceivers",
        Layer::Sdp,
        "the descriptions that were set: section, kind and current direction",
    ),
    Claim::checked(
        "answer/createDataChannel",
        Layer::DataChannel,
        "the properties that were asked for, the section of the next offer; dcep-open-reflects-options judges the OPEN",
    ),
    Claim::checked(
        "answer/send",
        Layer::DataChannel,
        "the DATA on the wire and the messages of the other side",
    ),
    Claim::checked("answer/echo", Layer::DataChannel, "the messages that come back"),
    Claim::checked("answer/closeDataChannel", Layer::DataChannel, "dc-close-resets-both-directions"),
    Claim::checked(
        "answer/getDataChannel",
        Layer::DataChannel,
        "the properties with which the channel was created",
    ),
    Claim::checked(
        "answer/createOffer",
        Layer::Sdp,
        "its type, and what was done before: sections, directions, credentials",
    ),
    Claim::checked("answer/createAnswer", Layer::Sdp, "its type, the offer and what was done before"),
    Claim::checked("answer/setLocalDescription", Layer::Sdp, "the description that was set, line by line"),
    Claim::checked("answer/setRemoteDescription", Layer::Sdp, "getState, and signaling-state-transitions"),
    Claim::checked(
        "answer/addIceCandidate",
        Layer::Checks,
        "the packets to that address, if there is time before a pair works, or in spite of a rejection",
    ),
    Claim::checked("answer/restartIce", Layer::Sdp, "ice-restart-changes-both-credentials"),
    Claim::checked("answer/getState", Layer::Sdp, "the events before, and the descriptions that were set"),
    Claim::checked(
        "answer/getStats",
        Layer::Media,
        "the claims on statistics, and the dictionaries that must be there (webrtc-pc §8.6)",
    ),
    Claim::checked("answer/watch", Layer::Media, "mediaseen events"),
    Claim::checked("answer/join", Layer::Signalling, "the messages at the signalling server"),
    Claim::checked("answer/close", Layer::Checks, "the packets that leave it afterwards"),
    Claim::unchecked("answer/end", Layer::PeerProtocol, "nothing of the case follows it"),
];
