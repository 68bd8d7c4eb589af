//! The codecs that are offered: those that can really be encoded and decoded here.

use crate::media::{Codec, Kind};
use rtc::peer_connection::configuration::media_engine::MIME_TYPE_RTX;
use rtc::rtp_transceiver::rtp_sender::{RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RtpCodecKind};
use webrtc::error::Error;
use webrtc::peer_connection::MediaEngine;

/// RTP payload types from the dynamic range of RFC 3551 §6, those that browsers use.
const fn payload_type(codec: Codec) -> u8 {
    match codec {
        Codec::Vp8 => 96,
        Codec::H264 => 102,
        Codec::Opus => 111,
    }
}

/// As the crate names the kind.
pub(super) const fn kind(kind: Kind) -> RtpCodecKind {
    match kind {
        Kind::Audio => RtpCodecKind::Audio,
        Kind::Video => RtpCodecKind::Video,
    }
}

/// What the crate's kind means.
pub(super) fn kind_of(kind: RtpCodecKind) -> Kind {
    if kind == RtpCodecKind::Audio { Kind::Audio } else { Kind::Video }
}

/// The codec of a kind that is preferred.
pub(super) fn preferred(kind: Kind) -> Option<Codec> {
    Codec::ALL.iter().copied().find(|codec| codec.kind() == kind)
}

/// The format parameters of a video codec. Of H.264: constrained baseline of level 3.1 in packetization mode 1 (RFC 6184 §8.1), as
/// RFC 7742 §6.2 wants it at least.
const fn parameters_of(codec: Codec) -> &'static str {
    match codec {
        Codec::H264 => "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
        _ => "",
    }
}

/// A codec as the crate describes it.
pub(super) fn description(codec: Codec) -> RTCRtpCodec {
    let feedback = |typ: &str, parameter: &str| RTCPFeedback { typ: typ.into(), parameter: parameter.into() };
    let (channels, fmtp, feedback) = match codec.kind() {
        Kind::Audio => (2, "minptime=10;useinbandfec=1", vec![]),
        Kind::Video => (
            0,
            parameters_of(codec),
            vec![feedback("ccm", "fir"), feedback("nack", ""), feedback("nack", "pli")],
        ),
    };
    RTCRtpCodec {
        mime_type: codec.mime().to_owned(),
        clock_rate: codec.clock_rate(),
        channels,
        sdp_fmtp_line: fmtp.to_owned(),
        rtcp_feedback: feedback,
    }
}

/// A codec with its payload type, and its retransmission format (RFC 4588) if it is video.
pub(super) fn parameters(codec: Codec) -> Vec<RTCRtpCodecParameters> {
    let payload_type = payload_type(codec);
    let mut all = vec![RTCRtpCodecParameters { rtp_codec: description(codec), payload_type }];
    if codec.kind() == Kind::Video {
        let rtp_codec = RTCRtpCodec {
            mime_type: MIME_TYPE_RTX.to_owned(),
            clock_rate: codec.clock_rate(),
            channels: 0,
            sdp_fmtp_line: format!("apt={payload_type}"),
            rtcp_feedback: vec![],
        };
        all.push(RTCRtpCodecParameters { rtp_codec, payload_type: payload_type + 1 });
    }
    all
}

/// A media engine that knows them.
pub(in super::super) fn engine() -> Result<MediaEngine, Error> {
    let mut engine = MediaEngine::default();
    for codec in Codec::ALL {
        for parameters in parameters(*codec) {
            engine.register_codec(parameters, kind(codec.kind()))?;
        }
    }
    Ok(engine)
}
