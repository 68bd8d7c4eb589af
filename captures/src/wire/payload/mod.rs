//! What RTP payloads say by format: the headers of the payload formats and as much of the codecs' own as shows key frames,
//! layers, sizes and durations.
//!
//! Which format a payload type stands for comes from a description (`a=rtpmap`): see [`Format::of`].

pub mod av1;
pub mod flexfec;
pub mod h264;
pub mod h264_sps;
pub mod opus;
pub mod red;
pub mod rtx;
pub mod ulpfec;
pub mod vp8;
pub mod vp9;

use super::node::Node;
use super::stop::Stop;
use std::fmt;

/// The payload formats that are understood here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// RFC 7741.
    Vp8,
    /// RFC 9628.
    Vp9,
    /// RFC 6184.
    H264,
    /// The AV1 RTP specification.
    Av1,
    /// RFC 7587.
    Opus,
    /// RFC 2198.
    Red,
    /// RFC 5109.
    Ulpfec,
    /// draft-ietf-payload-flexible-fec-scheme-03, as browsers have it.
    Flexfec03,
    /// RFC 8627.
    Flexfec,
    /// RFC 4588.
    Rtx,
}

impl Format {
    /// The format with this encoding name (`a=rtpmap`), whatever the case.
    pub fn of(encoding: &str) -> Option<Self> {
        Some(match encoding.to_ascii_lowercase().as_str() {
            "vp8" => Self::Vp8,
            "vp9" => Self::Vp9,
            "h264" => Self::H264,
            "av1" => Self::Av1,
            "opus" => Self::Opus,
            "red" => Self::Red,
            "ulpfec" => Self::Ulpfec,
            "flexfec-03" => Self::Flexfec03,
            "flexfec" => Self::Flexfec,
            "rtx" => Self::Rtx,
            _ => return None,
        })
    }

    /// The encoding name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::H264 => "H264",
            Self::Av1 => "AV1",
            Self::Opus => "opus",
            Self::Red => "red",
            Self::Ulpfec => "ulpfec",
            Self::Flexfec03 => "flexfec-03",
            Self::Flexfec => "flexfec",
            Self::Rtx => "rtx",
        }
    }

    /// The tree of a payload.
    pub fn tree(self, payload: &[u8]) -> (Node, Option<Stop>) {
        match self {
            Self::Vp8 => vp8::tree(payload).outcome(),
            Self::Vp9 => vp9::tree(payload).outcome(),
            Self::H264 => h264::tree(payload).outcome(),
            Self::Av1 => av1::tree(payload).outcome(),
            Self::Opus => opus::tree(payload).outcome(),
            Self::Red => red::tree(payload).outcome(),
            Self::Ulpfec => ulpfec::tree(payload).outcome(),
            Self::Flexfec03 => flexfec::tree_03(payload).outcome(),
            Self::Flexfec => flexfec::tree(payload).outcome(),
            Self::Rtx => rtx::tree(payload).outcome(),
        }
    }

    /// Whether a key frame begins in this payload; `None` for audio and repair, and if the payload cannot be read.
    pub fn begins_key_frame(self, payload: &[u8]) -> Option<bool> {
        match self {
            Self::Vp8 => vp8::view(payload).ok().map(|payload| payload.begins_key_frame()),
            Self::Vp9 => vp9::view(payload).ok().map(|payload| payload.begins_key_frame()),
            Self::H264 => h264::view(payload).ok().map(|payload| payload.begins_key_frame()),
            Self::Av1 => av1::view(payload).ok().map(|payload| payload.begins_key_frame()),
            Self::Opus | Self::Red | Self::Ulpfec | Self::Flexfec03 | Self::Flexfec | Self::Rtx => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Format; 10] = [
        Format::Vp8,
        Format::Vp9,
        Format::H264,
        Format::Av1,
        Format::Opus,
        Format::Red,
        Format::Ulpfec,
        Format::Flexfec03,
        Format::Flexfec,
        Format::Rtx,
    ];

    #[test]
    fn every_format_is_found_by_its_encoding_name() {
        for format in ALL {
            assert_eq!(Format::of(&format.name().to_uppercase()), Some(format));
        }
        assert_eq!(Format::of("telephone-event"), None);
    }

    #[test]
    fn an_empty_payload_is_borne_by_every_format() {
        for format in ALL {
            format.tree(&[]);
            assert_ne!(format.begins_key_frame(&[]), Some(true));
        }
    }
}
