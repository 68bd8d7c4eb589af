//! Codecs: what the payload types of a media section stand for, and when two of them are the same (RFC 3264 §6.1,
//! RFC 9143 §9.1.1).

use super::{Fmtp, RtpMap, Section};
use crate::wire::payload::Format;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

/// What a payload type stands for.
///
/// Two codecs are equal if they are the same format: encoding, clock rate, channels and the parameters that configure it. The
/// number of the payload type does not count.
#[derive(Debug, Clone)]
pub struct Codec {
    /// The name of the encoding as it was written. It is compared without case (RFC 4855 §3).
    pub encoding: String,
    /// The clock rate of the timestamps in hertz.
    pub clock_rate: u32,
    /// The number of channels, one if `a=rtpmap` does not give it.
    pub channels: u32,
    /// The parameters that make it another format, in words: the profile, what is retransmitted. Empty for most.
    pub configuration: String,
    /// The payload type whose packets RTX repeats (`apt`, RFC 4588 §8.1).
    pub repairs: Option<u8>,
}

impl Codec {
    fn new(map: &RtpMap, maps: &BTreeMap<u8, RtpMap>, formats: &BTreeMap<u8, Fmtp>) -> Self {
        let format = formats.get(&map.payload_type);
        let parameter = |key| format.and_then(|fmtp| fmtp.get(key));
        let repairs = parameter("apt").and_then(|apt| apt.parse().ok());
        let configuration = match map.encoding.to_ascii_lowercase().as_str() {
            "h264" => H264::of(format).to_string(),
            "vp9" => format!("profile {}", parameter("profile-id").unwrap_or("0")),
            "av1" => format!("profile {}", parameter("profile").unwrap_or("0")),
            "h265" => format!("profile {}", parameter("profile-id").unwrap_or("1")),
            // RTX of RTX has no meaning, and might name itself.
            "rtx" => repairs
                .and_then(|apt| maps.get(&apt))
                .filter(|map| !map.is("rtx"))
                .map_or_else(String::new, |map| format!("of {}", Self::new(map, maps, formats))),
            _ => String::new(),
        };
        Self {
            encoding: map.encoding.clone(),
            clock_rate: map.clock_rate,
            channels: map.channels.unwrap_or(1),
            configuration,
            repairs,
        }
    }

    /// Whether this is the encoding, whatever the case.
    pub fn is(&self, encoding: &str) -> bool {
        self.encoding.eq_ignore_ascii_case(encoding)
    }

    /// Whether both have the same encoding, clock rate and channels, however configured.
    pub fn has_encoding_of(&self, other: &Self) -> bool {
        self.is(&other.encoding) && (self.clock_rate, self.channels) == (other.clock_rate, other.channels)
    }

    /// The payload format, if it is understood.
    pub fn format(&self) -> Option<Format> {
        Format::of(&self.encoding)
    }

    /// Whether it is RTX (RFC 4588).
    pub fn is_rtx(&self) -> bool {
        self.format() == Some(Format::Rtx)
    }

    fn identity(&self) -> (String, u32, u32, &str) {
        (self.encoding.to_ascii_lowercase(), self.clock_rate, self.channels, &self.configuration)
    }
}

impl PartialEq for Codec {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Codec {}

impl PartialOrd for Codec {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Codec {
    fn cmp(&self, other: &Self) -> Ordering {
        self.identity().cmp(&other.identity())
    }
}

/// `opus/48000/2`, `rtx/90000 (of vp8/90000)`.
impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.encoding.to_ascii_lowercase(), self.clock_rate)?;
        if self.channels != 1 {
            write!(f, "/{}", self.channels)?;
        }
        if self.configuration.is_empty() { Ok(()) } else { write!(f, " ({})", self.configuration) }
    }
}

impl Section<'_> {
    /// What each `a=rtpmap` line says, in order, and behind those the static payload types of the `m=` line that have no such
    /// line (RFC 3551 §6). A payload type may have several lines; the last one counts where another refers to it.
    pub fn codecs(&self) -> Vec<(u8, Codec)> {
        let mut all = self.rtpmaps();
        let media = self.media_line().and_then(|line| line.value.ok());
        for payload_type in media.iter().flat_map(|media| media.payload_types()) {
            if all.iter().all(|map| map.payload_type != payload_type) {
                all.extend(static_payload_type(payload_type));
            }
        }
        let maps: BTreeMap<u8, RtpMap> = all.iter().map(|map| (map.payload_type, map.clone())).collect();
        let formats = self.every::<Fmtp>().filter_map(|fmtp| Some((fmtp.payload_type()?, fmtp))).collect();
        all.iter().map(|map| (map.payload_type, Codec::new(map, &maps, &formats))).collect()
    }
}

/// The static payload types of RFC 3551 §6 that WebRTC meets, which need no `a=rtpmap`.
fn static_payload_type(payload_type: u8) -> Option<RtpMap> {
    let encoding = match payload_type {
        0 => "PCMU",
        8 => "PCMA",
        9 => "G722",
        13 => "CN",
        _ => return None,
    };
    Some(RtpMap { payload_type, encoding: encoding.to_owned(), clock_rate: 8000, channels: None })
}

/// The parameters of H.264 that an answer must keep (RFC 6184 §8.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct H264 {
    /// `profile_idc`.
    pub profile: u8,
    /// `profile-iop`, the constraint flags.
    pub constraints: u8,
    /// `packetization-mode`.
    pub packetization_mode: u8,
}

impl H264 {
    /// Constrained Baseline, the profile that RFC 7742 §5 demands.
    pub const CONSTRAINED_BASELINE: (u8, u8) = (0x42, 0x40);

    /// Reads them, with their defaults (RFC 6184 §8.1).
    pub fn of(format: Option<&Fmtp>) -> Self {
        let profile = format.and_then(|it| it.get("profile-level-id")).unwrap_or("420010");
        let byte = |at: usize| profile.get(at..at + 2).and_then(|it| u8::from_str_radix(it, 16).ok());
        let mode = format.and_then(|it| it.get("packetization-mode")).and_then(|mode| mode.parse().ok());
        Self {
            profile: byte(0).unwrap_or(0),
            constraints: byte(2).unwrap_or(0),
            packetization_mode: mode.unwrap_or(0),
        }
    }

    /// The profile under one name, as several spellings are the same (RFC 6184 §8.1, table 5). Of Baseline, Main and Extended the flag
    /// `constraint_set3` is a part of the level (1b), not of the profile.
    pub const fn same_profile(self) -> (u8, u8) {
        match (self.profile, self.constraints) {
            (0x42, iop) if iop & 0x40 != 0 => Self::CONSTRAINED_BASELINE,
            (0x4d, iop) if iop & 0x80 != 0 => Self::CONSTRAINED_BASELINE,
            (0x58, iop) if iop & 0xc0 == 0xc0 => Self::CONSTRAINED_BASELINE,
            (0x42, _) => (0x42, 0),
            (0x58, iop) if iop & 0xc0 == 0x80 => (0x42, 0),
            (0x4d, iop) if iop & 0x20 == 0 => (0x4d, 0),
            (0x58, iop) if iop & 0xc0 == 0 => (0x58, 0),
            other => other,
        }
    }
}

impl fmt::Display for H264 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (profile, constraints) = self.same_profile();
        write!(f, "profile {profile:02x}{constraints:02x}, packetization-mode {}", self.packetization_mode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp::SessionDescription;

    fn codecs(text: &str) -> Vec<(u8, Codec)> {
        SessionDescription::parse(text).section(0).unwrap().codecs()
    }

    #[test]
    fn codecs_are_the_same_by_what_they_are_not_by_their_numbers() {
        let one = codecs(
            "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=rtpmap:96 H264/90000\r\n\
             a=fmtp:96 packetization-mode=1;profile-level-id=42e01f\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n",
        );
        let other = codecs(
            "m=video 9 UDP/TLS/RTP/SAVPF 102 103\r\na=rtpmap:102 h264/90000\r\n\
             a=fmtp:102 profile-level-id=42C033;packetization-mode=1\r\na=rtpmap:103 RTX/90000\r\na=fmtp:103 apt=102\r\n",
        );
        let names = |all: &[(u8, Codec)]| all.iter().map(|(_, codec)| codec.clone()).collect::<Vec<_>>();
        assert_eq!(names(&one), names(&other));
        assert_eq!((one[1].1.repairs, other[1].1.repairs), (Some(96), Some(102)));
        let high = codecs(
            "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 H264/90000\r\n\
             a=fmtp:96 packetization-mode=1;profile-level-id=640c1f\r\n",
        );
        assert_ne!(one[0].1, high[0].1);
        assert!(one[0].1.has_encoding_of(&high[0].1));
    }

    #[test]
    fn rtx_that_names_itself_is_read_too() {
        let read = codecs("m=video 9 UDP/TLS/RTP/SAVPF 97\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=97\r\n");
        assert_eq!(read.iter().map(|(_, codec)| codec.to_string()).collect::<Vec<_>>(), ["rtx/90000"]);
    }

    #[test]
    fn static_payload_types_need_no_line_and_may_have_one() {
        let read = codecs("m=audio 9 UDP/TLS/RTP/SAVPF 0 8 111\r\na=rtpmap:8 X-NONE/16000\r\n");
        let names: Vec<_> = read.iter().map(|(number, codec)| (*number, codec.to_string())).collect();
        assert_eq!(names, [(8, "x-none/16000".to_owned()), (0, "pcmu/8000".to_owned())]);
    }
}
