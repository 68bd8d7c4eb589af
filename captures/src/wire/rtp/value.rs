//! What header extensions say: the registered ones (RFC 8285 §5 names them by URI) and those that browsers use.

use crate::wire::node::Value;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

macro_rules! kinds {
    ($($(#[$meta:meta])* $variant:ident = $uri:literal => $name:literal),+ $(,)?) => {
        /// A header extension by what it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub enum ExtensionKind {
            $($(#[$meta])* $variant,)+
            /// Not known here, or not given.
            #[default]
            Unknown,
        }

        impl ExtensionKind {
            /// All known ones.
            pub const KNOWN: &'static [Self] = &[$(Self::$variant),+];

            /// The URI that descriptions name it by.
            pub const fn uri(self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => Some($uri),)+
                    Self::Unknown => None,
                }
            }

            /// A short name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Unknown => "unknown header extension",
                }
            }
        }
    };
}

kinds! {
    /// The MID of the media section, RFC 9143 §15.
    Mid = "urn:ietf:params:rtp-hdrext:sdes:mid" => "mid",
    /// The restriction identifier of the stream, RFC 8852 §3.1.
    Rid = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id" => "rtp-stream-id",
    /// The restriction identifier of the stream that this one repairs, RFC 8852 §3.2.
    RepairedRid = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id" => "repaired-rtp-stream-id",
    /// When the packet left, in seconds modulo 64.
    AbsSendTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time" => "abs-send-time",
    /// The transport-wide sequence number, draft-holmer-rmcat-transport-wide-cc-extensions-01.
    TransportSequence = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01" =>
        "transport-wide-cc",
    /// The same with requests for feedback.
    TransportSequence2 = "http://www.webrtc.org/experiments/rtp-hdrext/transport-wide-cc-02" => "transport-wide-cc-02",
    /// The level of the audio, RFC 6464.
    AudioLevel = "urn:ietf:params:rtp-hdrext:ssrc-audio-level" => "ssrc-audio-level",
    /// The levels of the contributing sources, RFC 6465.
    CsrcAudioLevel = "urn:ietf:params:rtp-hdrext:csrc-audio-level" => "csrc-audio-level",
    /// Coordination of video orientation, 3GPP TS 26.114 §7.4.5.
    VideoOrientation = "urn:3gpp:video-orientation" => "video-orientation",
    /// Bounds of the playout delay.
    PlayoutDelay = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay" => "playout-delay",
    /// The transmission time offset, RFC 5450.
    TransmissionOffset = "urn:ietf:params:rtp-hdrext:toffset" => "toffset",
    /// When the sender did what with the frame.
    VideoTiming = "http://www.webrtc.org/experiments/rtp-hdrext/video-timing" => "video-timing",
    /// Camera or screen.
    VideoContentType = "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type" => "video-content-type",
    /// The colour space of the frame.
    ColorSpace = "http://www.webrtc.org/experiments/rtp-hdrext/color-space" => "color-space",
    /// When the frame was captured.
    AbsCaptureTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time" => "abs-capture-time",
    /// Which frames this one depends on (AV1 RTP specification, appendix A).
    DependencyDescriptor = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension" =>
        "dependency-descriptor",
    /// Which spatial layers are sent at which rate.
    VideoLayersAllocation = "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00" =>
        "video-layers-allocation",
    /// The predecessor of the dependency descriptor.
    GenericFrameDescriptor = "http://www.webrtc.org/experiments/rtp-hdrext/generic-frame-descriptor-00" =>
        "generic-frame-descriptor",
    /// Frame marking, draft-ietf-avtext-framemarking.
    FrameMarking = "urn:ietf:params:rtp-hdrext:framemarking" => "framemarking",
    /// A number by which a frame is followed.
    VideoFrameTrackingId = "http://www.webrtc.org/experiments/rtp-hdrext/video-frame-tracking-id" =>
        "video-frame-tracking-id",
    /// Samples by which a corrupted frame is found.
    CorruptionDetection = "http://www.webrtc.org/experiments/rtp-hdrext/corruption-detection" =>
        "corruption-detection",
    /// The canonical name of the sender, RFC 7941 §4.1.
    Cname = "urn:ietf:params:rtp-hdrext:sdes:cname" => "cname",
    /// When the packet was captured, as an NTP timestamp of 64 bits, RFC 6051 §3.3.
    Ntp64 = "urn:ietf:params:rtp-hdrext:ntp-64" => "ntp-64",
    /// The same without its first 8 bits, RFC 6051 §3.3.
    Ntp56 = "urn:ietf:params:rtp-hdrext:ntp-56" => "ntp-56",
    /// Header extensions encrypted by RFC 6904.
    Encrypted = "urn:ietf:params:rtp-hdrext:encrypt" => "encrypted",
}

impl ExtensionKind {
    /// The kind with this URI.
    pub fn from_uri(uri: &str) -> Self {
        Self::KNOWN.iter().copied().find(|kind| kind.uri() == Some(uri)).unwrap_or_default()
    }
}

impl fmt::Display for ExtensionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What the local identifiers of a session stand for (`a=extmap`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtensionMap([ExtensionKind; 256]);

impl Default for ExtensionMap {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl ExtensionMap {
    /// Nothing is known.
    pub const EMPTY: Self = Self([ExtensionKind::Unknown; 256]);

    /// Says what an identifier stands for.
    pub fn set(&mut self, id: u8, kind: ExtensionKind) {
        if let Some(slot) = self.0.get_mut(usize::from(id)) {
            *slot = kind;
        }
    }

    /// What an identifier stands for.
    pub fn get(&self, id: u8) -> ExtensionKind {
        self.0.get(usize::from(id)).copied().unwrap_or_default()
    }

    /// The identifier of a kind.
    pub fn id_of(&self, kind: ExtensionKind) -> Option<u8> {
        self.0.iter().position(|k| *k == kind).and_then(|id| u8::try_from(id).ok())
    }
}

impl FromIterator<(u8, ExtensionKind)> for ExtensionMap {
    fn from_iter<I: IntoIterator<Item = (u8, ExtensionKind)>>(pairs: I) -> Self {
        let mut map = Self::default();
        pairs.into_iter().for_each(|(id, kind)| map.set(id, kind));
        map
    }
}

/// The value of a header extension.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ExtensionValue<'a> {
    /// Text: `mid`, `rtp-stream-id`, `repaired-rtp-stream-id`, `cname`.
    Text(&'a [u8]),
    /// Seconds modulo 64, as a fixed-point number with 18 bits of fraction.
    AbsSendTime(u32),
    /// The transport-wide sequence number and, in the second version, the request for feedback: bit 15 for timestamps, the
    /// others for the number of packets.
    TransportSequence(u16, Option<u16>),
    /// Whether it is speech, and the level below full scale in dB.
    AudioLevel(bool, u8),
    /// The levels of the contributing sources in dB below full scale.
    CsrcAudioLevel(&'a [u8]),
    /// Back-facing camera (8), flipped (4), and quarter turns (0 to 3).
    VideoOrientation(u8),
    /// The least and the greatest delay in units of 10 ms.
    PlayoutDelay(u16, u16),
    /// The offset in units of the clock.
    TransmissionOffset(i32),
    /// Flags, then milliseconds since capture: encode start, encode finish, packetisation, pacer exit, two in the network.
    VideoTiming(u8, [u16; 6]),
    /// 0 for a camera, 1 for a screen; further bits by experiment.
    VideoContentType(u8),
    /// Capture time as NTP timestamp, and the estimated offset of the capture clock in units of 2⁻³² s.
    AbsCaptureTime(u64, Option<i64>),
    /// Capture time as NTP timestamp; of `ntp-56` the highest 8 bits are zero.
    Ntp(u64),
    /// Start of frame, end of frame, template, frame number, and whether a template structure or more follows.
    DependencyDescriptor {
        /// First packet of the frame.
        start: bool,
        /// Last packet of the frame.
        end: bool,
        /// The template.
        template: u8,
        /// The number of the frame.
        frame: u16,
        /// Whether there is more than these.
        extended: bool,
    },
    /// Anything else.
    Bytes(&'a [u8]),
}

impl<'a> ExtensionValue<'a> {
    /// Reads the value of an element, which is all that is left.
    pub fn read<S: Sink>(r: &mut Reader<'a, S>, kind: ExtensionKind) -> Read<Self> {
        use ExtensionKind as Kind;
        Ok(match kind {
            Kind::Mid | Kind::Rid | Kind::RepairedRid | Kind::Cname => {
                Self::Text(r.text(kind.name(), r.remaining())?.value)
            }
            Kind::AbsSendTime => {
                let time = r.u24("send time")?.value;
                r.meaning(|| Value::Real(f64::from(time) / f64::from(1 << 18)));
                Self::AbsSendTime(time)
            }
            Kind::TransportSequence => {
                Self::TransportSequence(r.u16("transport sequence number")?.value, None)
            }
            Kind::TransportSequence2 => {
                let sequence = r.u16("transport sequence number")?.value;
                let request = if r.is_empty() { None } else { Some(r.u16("feedback request")?.value) };
                if let Some(request) = request {
                    r.part("timing information", 0x8000, request);
                    r.part("packets", 0x7fff, request);
                }
                Self::TransportSequence(sequence, request)
            }
            Kind::AudioLevel => {
                let level = r.u8("V, level")?.value;
                r.part("voice activity", 0x80, level);
                r.part("level in -dBov", 0x7f, level);
                if !r.is_empty() {
                    // The two-byte form of RFC 6464 §3 pads with a zero.
                    r.u8("padding")?;
                }
                Self::AudioLevel(level & 0x80 != 0, level & 0x7f)
            }
            Kind::CsrcAudioLevel => Self::CsrcAudioLevel(r.rest("levels in -dBov").value),
            Kind::VideoOrientation => {
                let byte = r.u8("C, F, R1, R0")?.value;
                r.part("back-facing camera", 0x08, byte);
                r.part("flipped", 0x04, byte);
                r.part_meaning("rotation in degrees", 0x03, || Value::Unsigned(u64::from(byte & 3) * 90));
                Self::VideoOrientation(byte & 0x0f)
            }
            Kind::PlayoutDelay => {
                let delays = r.u24("min, max delay")?.value;
                r.part_meaning("min delay in ms", 0xfff000, || Value::Unsigned(u64::from(delays >> 12) * 10));
                r.part_meaning("max delay in ms", 0x000fff, || {
                    Value::Unsigned(u64::from(delays & 0xfff) * 10)
                });
                Self::PlayoutDelay((delays >> 12) as u16, (delays & 0xfff) as u16)
            }
            Kind::TransmissionOffset => {
                let raw = r.u24("transmission offset")?.value;
                let offset = ((raw << 8) as i32) >> 8;
                r.meaning(|| Value::Signed(offset.into()));
                Self::TransmissionOffset(offset)
            }
            Kind::VideoTiming => Self::read_video_timing(r)?,
            Kind::VideoContentType => Self::VideoContentType(r.u8("content type")?.value),
            Kind::AbsCaptureTime => {
                let time = r.u64("capture timestamp")?.value;
                r.meaning(|| Value::Hex(time, 8));
                let offset =
                    if r.is_empty() { None } else { Some(r.u64("capture clock offset")?.value as i64) };
                if let Some(offset) = offset {
                    r.meaning(|| Value::Signed(offset));
                }
                Self::AbsCaptureTime(time, offset)
            }
            Kind::Ntp64 => {
                let time = r.u64("capture timestamp")?.value;
                r.meaning(|| Value::Hex(time, 8));
                Self::Ntp(time)
            }
            Kind::Ntp56 => {
                let seconds = u64::from(r.u24("seconds modulo 2^24")?.value);
                let fraction = u64::from(r.u32("fraction of a second")?.value);
                Self::Ntp(seconds << 32 | fraction)
            }
            Kind::DependencyDescriptor => {
                let first = r.u8("start, end, template")?.value;
                r.part("start of frame", 0x80, first);
                r.part("end of frame", 0x40, first);
                r.part("template", 0x3f, first);
                let frame = r.u16("frame number")?.value;
                let extended = !r.is_empty();
                r.rest("extended descriptor");
                Self::DependencyDescriptor {
                    start: first & 0x80 != 0,
                    end: first & 0x40 != 0,
                    template: first & 0x3f,
                    frame,
                    extended,
                }
            }
            _ => Self::Bytes(r.rest("value").value),
        })
    }

    fn read_video_timing<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        const DELTAS: [&str; 6] =
            ["encode start", "encode finish", "packetization", "pacer exit", "network 1", "network 2"];
        let flags = r.u8("flags")?.value;
        let mut deltas = [0; 6];
        for (delta, name) in deltas.iter_mut().zip(DELTAS) {
            *delta = r.u16(name)?.value;
        }
        Ok(Self::VideoTiming(flags, deltas))
    }

    /// Reads a value without a record; `None` if it is too short for its kind.
    pub fn of(kind: ExtensionKind, bytes: &'a [u8]) -> Option<Self> {
        Self::read(&mut Reader::new(kind.name(), bytes), kind).ok()
    }
}

impl fmt::Display for ExtensionValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{}", String::from_utf8_lossy(text)),
            Self::AbsSendTime(time) => write!(f, "{:.6} s", f64::from(*time) / f64::from(1 << 18)),
            Self::TransportSequence(sequence, None) => write!(f, "{sequence}"),
            Self::TransportSequence(sequence, Some(request)) => {
                write!(f, "{sequence}, feedback for {} packets", request & 0x7fff)
            }
            Self::AudioLevel(voice, level) => {
                write!(f, "-{level} dBov{}", if *voice { " voice" } else { "" })
            }
            Self::CsrcAudioLevel(levels) => write!(f, "-{levels:?} dBov"),
            Self::VideoOrientation(bits) => {
                let camera = if bits & 8 != 0 { " back camera" } else { "" };
                let flip = if bits & 4 != 0 { " flipped" } else { "" };
                write!(f, "{}°{flip}{camera}", u16::from(bits & 3) * 90)
            }
            Self::PlayoutDelay(min, max) => {
                write!(f, "{} to {} ms", u32::from(*min) * 10, u32::from(*max) * 10)
            }
            Self::TransmissionOffset(offset) => write!(f, "{offset}"),
            Self::VideoTiming(flags, deltas) => write!(f, "flags {flags:#04x} {deltas:?} ms"),
            Self::VideoContentType(0) => f.write_str("camera"),
            Self::VideoContentType(kind) if kind & 1 == 1 => f.write_str("screen"),
            Self::VideoContentType(kind) => write!(f, "{kind:#04x}"),
            Self::AbsCaptureTime(time, _) => write!(f, "{time:#018x}"),
            Self::Ntp(time) => write!(f, "{time:#018x}"),
            Self::DependencyDescriptor { start, end, template, frame, .. } => {
                let place = match (start, end) {
                    (true, true) => "whole",
                    (true, false) => "start of",
                    (false, true) => "end of",
                    (false, false) => "middle of",
                };
                write!(f, "{place} frame {frame} template {template}")
            }
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::node::record;
    use crate::wire::testing::{check_all, hex};

    #[track_caller]
    fn check(kind: ExtensionKind, bytes: &str, expected: &str) {
        let bytes = hex(bytes);
        assert_eq!(ExtensionValue::of(kind, &bytes).unwrap().to_string(), expected);
        assert!(bytes.is_empty() || kind == ExtensionKind::Mid || ExtensionValue::of(kind, &[]).is_none());
        check_all(&bytes, |b| record(kind.name(), b, |r| ExtensionValue::read(r, kind)).outcome());
    }

    #[test]
    fn values_are_understood_by_kind() {
        check(ExtensionKind::Mid, "766964656f", "video");
        check(ExtensionKind::AbsSendTime, "040000", "1.000000 s");
        check(ExtensionKind::TransportSequence, "1234", "4660");
        check(ExtensionKind::TransportSequence2, "1234 8005", "4660, feedback for 5 packets");
        check(ExtensionKind::AudioLevel, "9e", "-30 dBov voice");
        check(ExtensionKind::VideoOrientation, "0d", "90° flipped back camera");
        check(ExtensionKind::PlayoutDelay, "001028", "10 to 400 ms");
        check(ExtensionKind::TransmissionOffset, "ffffff", "-1");
        check(
            ExtensionKind::VideoTiming,
            "01 0001 0002 0003 0004 0005 0006",
            "flags 0x01 [1, 2, 3, 4, 5, 6] ms",
        );
        check(ExtensionKind::VideoContentType, "01", "screen");
        check(ExtensionKind::AbsCaptureTime, "e000000080000000", "0xe000000080000000");
        check(ExtensionKind::Ntp64, "e000000080000000", "0xe000000080000000");
        check(ExtensionKind::Ntp56, "00000180000000", "0x0000000180000000");
        check(ExtensionKind::DependencyDescriptor, "80 0007", "start of frame 7 template 0");
    }

    #[test]
    fn kinds_are_found_by_their_uri_and_identifiers_by_kind() {
        for kind in ExtensionKind::KNOWN {
            assert_eq!(ExtensionKind::from_uri(kind.uri().unwrap()), *kind);
        }
        assert_eq!(ExtensionKind::from_uri("urn:x"), ExtensionKind::Unknown);
        let map: ExtensionMap = [(4, ExtensionKind::Mid)].into_iter().collect();
        assert_eq!(map.id_of(ExtensionKind::Mid), Some(4));
        assert_eq!(map.get(5), ExtensionKind::Unknown);
    }
}
