//! Between the stack's types and those of the peer protocol.

use super::super::protocol::{ChannelOptions, Configuration};
use super::answer::Refusal;
use super::media::kind_of;
use peerproof_captures::event as seen;
use peerproof_stack::connection as stack;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt::Display;

/// A state that prints as the W3C names it, as the enum that is read by that name.
pub(super) fn state<T: DeserializeOwned>(state: impl Display) -> Option<T> {
    serde_json::from_value(Value::String(state.to_string())).ok()
}

pub(super) fn configuration(from: &Configuration) -> Result<stack::Configuration, Refusal> {
    let wrong =
        |what: &str, value: &str| Refusal::rejected("TypeError", format!("{value} is not a valid {what}"));
    let transport_policy = match from.ice_transport_policy.as_deref() {
        None | Some("all") => stack::TransportPolicy::All,
        Some("relay") => stack::TransportPolicy::Relay,
        Some(other) => return Err(wrong("RTCIceTransportPolicy", other)),
    };
    let bundle_policy = match from.bundle_policy.as_deref() {
        None | Some("balanced") => stack::BundlePolicy::Balanced,
        Some("max-compat") => stack::BundlePolicy::MaxCompat,
        Some("max-bundle") => stack::BundlePolicy::MaxBundle,
        Some(other) => return Err(wrong("RTCBundlePolicy", other)),
    };
    let certificate = match from.certificate.as_deref() {
        None => None,
        Some("ECDSA") => Some(stack::CertificateAlgorithm::Ecdsa),
        Some("RSASSA-PKCS1-v1_5") => Some(stack::CertificateAlgorithm::Rsa),
        Some(other) => {
            return Err(Refusal::rejected("NotSupportedError", format!("unknown algorithm {other}")));
        }
    };
    // The crate skips such servers without a word; better to report it.
    let beyond = |url: &&String| {
        url.starts_with("turns:") || url.starts_with("stuns:") || url.ends_with("transport=tcp")
    };
    if let Some(url) = from.ice_servers.iter().flat_map(|server| &server.urls).find(beyond) {
        let reason = format!("the webrtc crate reaches STUN and TURN servers by UDP only, not {url}");
        return Err(Refusal::Unsupported(reason));
    }
    let server = |server: &super::super::protocol::IceServer| stack::IceServer {
        urls: server.urls.clone(),
        username: server.username.clone(),
        credential: server.credential.clone(),
    };
    Ok(stack::Configuration {
        ice_servers: from.ice_servers.iter().map(server).collect(),
        transport_policy,
        bundle_policy,
        candidate_pool_size: from.ice_candidate_pool_size.unwrap_or_default(),
        certificate,
    })
}

pub(super) fn channel_init(from: ChannelOptions) -> stack::ChannelInit {
    stack::ChannelInit {
        label: from.label,
        ordered: from.ordered,
        max_retransmits: from.max_retransmits,
        max_packet_life_time: from.max_packet_life_time,
        protocol: from.protocol.unwrap_or_default(),
        negotiated: from.negotiated.unwrap_or_default(),
        id: from.id,
    }
}

pub(super) fn channel_info(from: stack::ChannelInfo) -> seen::ChannelInfo {
    seen::ChannelInfo {
        label: from.label,
        id: from.id,
        ordered: Some(from.ordered),
        max_retransmits: from.max_retransmits,
        max_packet_life_time: from.max_packet_life_time,
        protocol: from.protocol,
        negotiated: from.negotiated,
    }
}

pub(super) fn candidate(from: seen::IceCandidate) -> stack::Candidate {
    stack::Candidate {
        candidate: from.candidate,
        sdp_mid: from.sdp_mid,
        sdp_m_line_index: from.sdp_m_line_index,
        username_fragment: from.username_fragment,
    }
}

pub(super) fn sdp_type(kind: seen::SdpType) -> stack::RTCSdpType {
    match kind {
        seen::SdpType::Offer => stack::RTCSdpType::Offer,
        seen::SdpType::Pranswer => stack::RTCSdpType::Pranswer,
        seen::SdpType::Answer => stack::RTCSdpType::Answer,
        seen::SdpType::Rollback => stack::RTCSdpType::Rollback,
    }
}

pub(super) fn description(from: seen::Description) -> stack::Description {
    stack::Description { kind: sdp_type(from.kind), sdp: from.sdp }
}

/// A description as a command's answer.
pub(super) fn described(from: Option<stack::Description>) -> Value {
    from.map_or(Value::Null, |d| serde_json::json!({ "type": d.kind.to_string(), "sdp": d.sdp }))
}

/// An event as the peer protocol has it; nothing for those that it has not.
pub(super) fn event(from: stack::Event) -> Option<seen::PeerEvent> {
    use seen::PeerEvent as P;
    use stack::Event as E;
    Some(match from {
        E::NegotiationNeeded => P::NegotiationNeeded,
        E::IceCandidate(candidate) => P::IceCandidate {
            candidate: candidate.map(|c| seen::IceCandidate {
                candidate: c.candidate,
                sdp_mid: c.sdp_mid,
                sdp_m_line_index: c.sdp_m_line_index,
                username_fragment: c.username_fragment,
            }),
        },
        E::IceCandidateError { url, code, text } => {
            P::IceCandidateError { url, error_code: code, error_text: text }
        }
        E::SignalingState(s) => P::SignalingStateChange { state: state(s)? },
        E::IceGatheringState(s) => P::IceGatheringStateChange { state: state(s)? },
        E::IceConnectionState(s) => P::IceConnectionStateChange { state: state(s)? },
        E::ConnectionState(s) => P::ConnectionStateChange { state: state(s)? },
        E::IceTransportState(s) => P::IceTransportStateChange { state: state(s)? },
        E::SelectedPair { local, remote } => P::SelectedCandidatePairChange { local, remote },
        E::DtlsState { state: s, reason } => P::DtlsStateChange { state: state(s)?, reason },
        E::SctpState(s) => P::SctpStateChange { state: state(s)? },
        E::DataChannel(channel) => P::DataChannel { channel: channel_info(channel.info()) },
        E::Channel(channel, event) => return channel_event(channel.info(), event),
        E::Track { id, kind, mid, streams } => P::Track { id, kind: kind_of(kind), mid, streams },
        E::TrackMute(id) => P::TrackMute { id },
        E::TrackUnmute(id) => P::TrackUnmute { id },
        E::TrackEnded(id) => P::TrackEnded { id },
        E::MediaSeen { id, kind, seen } => P::MediaSeen {
            id,
            kind: kind_of(kind),
            frames: seen.frames,
            width: seen.width,
            height: seen.height,
            number: seen.number.map(u32::from),
            tone_hz: seen.tone_hz,
        },
        E::Log { level, message } => P::Log { level: level.to_owned(), message },
        E::DriverDied { reason } => {
            P::Lost { reason: format!("the stack's event loop has ended: {reason}"), violates: false }
        }
    })
}

fn channel_event(info: stack::ChannelInfo, event: stack::ChannelEvent) -> Option<seen::PeerEvent> {
    use seen::PeerEvent as P;
    use stack::ChannelEvent as E;
    let id = info.id;
    Some(match event {
        E::Open => P::ChannelOpen { channel: channel_info(info) },
        E::Message { text, data } => P::ChannelMessage { message: message(info.label, text, &data), id },
        E::BufferedAmountLow => P::BufferedAmountLow { channel: info.label },
        E::Closing => P::ChannelClosing { channel: info.label, id },
        E::Close => P::ChannelClose { channel: info.label, id },
        E::Error => P::ChannelError { channel: info.label, error: "not reported by the stack".to_owned() },
    })
}

/// Longest text that is reported in full, in bytes.
const MOST_VALUE_BYTES: usize = 1024;

fn message(channel: String, text: bool, data: &[u8]) -> seen::Message {
    let value = (text && data.len() <= MOST_VALUE_BYTES).then(|| String::from_utf8_lossy(data).into_owned());
    seen::Message { channel, text, size: data.len() as u64, crc32: crc32fast::hash(data), value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_read_by_its_name() {
        use stack::{RTCDtlsTransportState as D, RTCIceTransportState as I, RTCPeerConnectionState as C};
        assert_eq!(state(D::Failed), Some(seen::DtlsState::Failed));
        assert_eq!(state(I::Completed), Some(seen::IceState::Completed));
        assert_eq!(state(C::Disconnected), Some(seen::ConnectionState::Disconnected));
        assert_eq!(
            state(stack::RTCSignalingState::HaveRemotePranswer),
            Some(seen::SignalingState::HaveRemotePranswer)
        );
        assert_eq!(
            state::<seen::SctpState>(stack::RTCSctpTransportState::Connected),
            Some(seen::SctpState::Connected)
        );
        assert_eq!(state::<seen::DtlsState>("Unspecified"), None);
    }

    #[test]
    fn a_long_text_is_reported_by_its_sum_only() {
        let long = "x".repeat(MOST_VALUE_BYTES + 1);
        let reported = message("c".to_owned(), true, long.as_bytes());
        assert_eq!((reported.size, reported.value), (1025, None));
        assert_eq!(message("c".to_owned(), false, b"123456789").crc32, 0xCBF4_3926);
    }
}
