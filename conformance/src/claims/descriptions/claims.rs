//! What descriptions and candidate-attributes claim (RFC 8839, RFC 9429 and those that they refer to).

use crate::claims::Claim;
use crate::verdict::Layer;

pub(in crate::claims) const CLAIMS: &[Claim] = &[
    Claim::checked(
        "description/fingerprint",
        Layer::Dtls,
        "sec-fingerprint-matches-presented-cert: the Certificate message",
    ),
    Claim::checked("description/ice-ufrag", Layer::Checks, "ice-check-credentials: the USERNAME of checks"),
    Claim::checked(
        "description/ice-pwd",
        Layer::Checks,
        "the checks that are made with it, which its agent must accept, and ice-check-credentials",
    ),
    Claim::checked(
        "description/setup",
        Layer::Dtls,
        "dtls-client-hello-follows-setup-role: who sends the ClientHello",
    ),
    Claim::checked(
        "description/tls-id",
        Layer::Dtls,
        "the handshake that another one begins, and dtls-role-kept-on-renegotiation",
    ),
    Claim::checked(
        "description/sctp-port",
        Layer::Sctp,
        "the port from which the peer sends, and sctp-ports-match-signalling: those of the association",
    ),
    Claim::checked("description/max-message-size", Layer::DataChannel, "the messages that are sent"),
    Claim::checked(
        "description/mid",
        Layer::Sdp,
        "jsep-mid-stable, and hdrext-mid-sent-and-correct of the RTP",
    ),
    Claim::checked(
        "description/group",
        Layer::Sdp,
        "bundle-group-membership-valid, and the pairs that carry packets",
    ),
    Claim::checked(
        "description/direction",
        Layer::Media,
        "oa-direction-respected-on-wire: the RTP of the section",
    ),
    Claim::checked("description/payload-types", Layer::Media, "rtp-only-negotiated-payload-types: the RTP"),
    Claim::checked(
        "description/rtpmap",
        Layer::Media,
        "codec checks of the payload, and rtp-timestamp-tracks-media-clock",
    ),
    Claim::checked(
        "description/fmtp",
        Layer::Media,
        "codec-h264-packetization-mode-obeyed and the other codec checks",
    ),
    Claim::checked("description/rtcp-fb", Layer::Media, "avpf-only-negotiated-feedback: the RTCP"),
    Claim::checked("description/extmap", Layer::Media, "hdrext-ids-declared-by-sender: the RTP"),
    Claim::checked("description/rtcp-mux", Layer::Media, "rtcp-mux-honoured: the RTCP"),
    Claim::checked(
        "description/rtcp-rsize",
        Layer::Sdp,
        "jsep-rtcp-rsize-in-offer, and rtcp-reduced-size-only-when-negotiated: the RTCP",
    ),
    Claim::checked(
        "description/rid",
        Layer::Media,
        "simulcast-only-answered-rids-sent, hdrext-rid-sent-for-rid-streams: the RTP",
    ),
    Claim::checked("description/simulcast", Layer::Media, "simulcast-only-answered-rids-sent: the RTP"),
    Claim::checked(
        "description/ssrc",
        Layer::Media,
        "the RTP of the peer, and rtcp-cname-equals-signalled: the SDES of that SSRC",
    ),
    Claim::checked(
        "description/msid",
        Layer::Sdp,
        "the a=ssrc lines of its section, and the track event of the other side, which repeats it",
    ),
    Claim::checked(
        "description/ice-options",
        Layer::Sdp,
        "ice-options-ice2, trickle-option-announced, and candidates that come later",
    ),
    Claim::checked("description/ice-lite", Layer::Checks, "ice-initial-role and the checks of the agent"),
    Claim::checked(
        "description/end-of-candidates",
        Layer::Signalling,
        "trickle-nothing-after-end: candidates that come later",
    ),
    Claim::checked(
        "description/candidate",
        Layer::Gathering,
        "ice-candidate-grammar, and the packets from its socket",
    ),
    Claim::checked(
        "description/origin",
        Layer::Sdp,
        "oa-origin-line-continuity: its versions; ice-credentials-wellformed: credentials that another session has too",
    ),
    Claim::unchecked("description/bandwidth", Layer::Media, "b= is a wish of the receiver"),
    Claim::checked(
        "candidate/address",
        Layer::Gathering,
        "mdns-no-address-leak, the packets from it, and what servers reported",
    ),
    Claim::checked("candidate/port", Layer::Gathering, "the packets from it, and what servers reported"),
    Claim::checked("candidate/type", Layer::Gathering, "what servers reported, and the policy"),
    Claim::checked(
        "candidate/priority",
        Layer::Checks,
        "ice-candidate-priorities, and the PRIORITY of checks",
    ),
    Claim::checked("candidate/foundation", Layer::Gathering, "ice-candidate-grammar"),
    Claim::checked("candidate/component", Layer::Gathering, "ice-candidate-grammar"),
    Claim::checked(
        "candidate/protocol",
        Layer::Gathering,
        "icetcp-candidate-format, and the packets from it",
    ),
    Claim::checked("candidate/raddr", Layer::Gathering, "ice-candidate-related-address"),
    Claim::checked("candidate/ufrag", Layer::Gathering, "the description: candidate-event-contents"),
    Claim::checked(
        "candidate/sdpMid",
        Layer::Gathering,
        "the sections of the description: candidate-event-contents",
    ),
];
