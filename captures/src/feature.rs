//! What an implementation has, in the closed set of names of the peer protocol (`features` of `hello`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A feature of an implementation, as its peer claims it.
///
/// Each name has a use: it decides what is judged, a scenario requires it, or `peerproof adapter check` holds the claim against
/// what the program does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Feature {
    /// Its API is the one of webrtc-pc, by its own documentation: events, states and descriptions are those of an
    /// `RTCPeerConnection`. Without it they are a translation by the adapter, and requirements on the API are not applicable.
    W3cApi,
    /// It opens data channels and sends on them.
    DataChannels,
    /// It sends audio of a source and hears what it receives.
    Audio,
    /// It sends video of a source and sees what it receives.
    Video,
    /// It sends several encodings of one track (`sendEncodings`).
    Simulcast,
    /// It negotiates DTLS 1.3 (RFC 9147) with a peer that does so too, in either role.
    #[serde(rename = "dtls-1.3")]
    Dtls13,
    /// It offers H.264 and decodes it, which in some implementations takes a plug-in that a machine has or lacks.
    #[serde(rename = "h264")]
    H264,
}

impl Feature {
    /// Every feature, in order.
    pub const ALL: [Self; 7] = [
        Self::W3cApi,
        Self::DataChannels,
        Self::Audio,
        Self::Video,
        Self::Simulcast,
        Self::Dtls13,
        Self::H264,
    ];

    /// Its name in the peer protocol.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::W3cApi => "w3c-api",
            Self::DataChannels => "data-channels",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Simulcast => "simulcast",
            Self::Dtls13 => "dtls-1.3",
            Self::H264 => "h264",
        }
    }

    /// The feature of that name; nothing if this version knows none.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feature| feature.as_str() == name)
    }
}

impl std::fmt::Display for Feature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_json() {
        for feature in Feature::ALL {
            assert_eq!(serde_json::to_value(feature).unwrap(), feature.as_str());
            assert_eq!(Feature::named(feature.as_str()), Some(feature));
        }
        assert_eq!(Feature::named("teleport"), None);
    }
}
