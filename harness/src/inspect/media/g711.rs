//! What can be decoded of a stream: the codecs of the stack, and the sound of telephones (ITU-T G.711).

use super::PATIENCE;
use peerproof_stack::media::codec::AudioDecoder;
use peerproof_stack::media::{Codec, CodecError, Kind, Playout};

/// How a stream is encoded, if it can be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// By a codec of the stack.
    Of(Codec),
    /// By G.711.
    G711(Law),
}

/// The two encodings of G.711, a byte a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Law {
    /// PCMU (RFC 3551 §4.5.14).
    Mu,
    /// PCMA.
    A,
}

impl Coding {
    /// The one with this encoding name (`a=rtpmap`), whatever the case.
    pub(super) fn of(encoding: &str) -> Option<Self> {
        let law = match encoding.to_ascii_lowercase().as_str() {
            "pcmu" => Some(Law::Mu),
            "pcma" => Some(Law::A),
            _ => None,
        };
        law.map(Self::G711).or_else(|| {
            let name = |codec: &Codec| codec.mime().rsplit('/').next().unwrap_or_default();
            let is = |codec: &Codec| name(codec).eq_ignore_ascii_case(encoding);
            Codec::ALL.iter().copied().find(is).map(Self::Of)
        })
    }

    /// What it carries.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Of(codec) => codec.kind(),
            Self::G711(_) => Kind::Audio,
        }
    }

    /// Ticks a second of its RTP timestamps; of sound also the samples that are decoded.
    pub(super) fn clock_rate(self) -> u32 {
        match self {
            Self::Of(codec) => codec.clock_rate(),
            Self::G711(_) => 8_000,
        }
    }

    pub(super) fn playout(self) -> Result<Playout, CodecError> {
        match self {
            Self::Of(codec) => Playout::new(codec, PATIENCE),
            Self::G711(law) => Ok(Playout::of_sound(Box::new(law), PATIENCE)),
        }
    }
}

impl AudioDecoder for Law {
    fn decode(&mut self, data: &[u8]) -> Result<Vec<f32>, CodecError> {
        Ok(data.iter().map(|byte| f32::from(self.sample(*byte)) / f32::from(i16::MAX)).collect())
    }
}

impl Law {
    /// The sample that a byte stands for: sign, exponent and mantissa (ITU-T G.711, tables 1 and 2), on the scale of 16 bits.
    const fn sample(self, byte: u8) -> i16 {
        let byte = match self {
            Self::Mu => !byte,
            Self::A => byte ^ 0x55,
        };
        let (exponent, mantissa) = ((byte >> 4) & 7, ((byte & 0xF) as i16) << 1);
        let (magnitude, is_negative) = match self {
            // 33 stands below each segment, and half a step above.
            Self::Mu => ((((mantissa + 33) << exponent) - 33) << 2, byte & 0x80 != 0),
            Self::A if exponent == 0 => ((mantissa + 1) << 3, byte & 0x80 == 0),
            Self::A => (((mantissa + 33) << (exponent - 1)) << 3, byte & 0x80 == 0),
        };
        if is_negative { -magnitude } else { magnitude }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_the_samples_of_the_tables() {
        // The ends of the segments, as G.711 lists them (14 bits of the one law, 13 of the other).
        for (byte, sample) in [
            (0xFF, 0),
            (0x7F, 0),
            (0xFE, 8),
            (0xEF, 132),
            (0x80, 32_124),
            (0x00, -32_124),
            (0x8F, 16_764),
            (0x70, -120),
        ] {
            assert_eq!(Law::Mu.sample(byte), sample, "{byte:#x}");
        }
        for (byte, sample) in
            [(0xD5, 8), (0x55, -8), (0xAA, 32_256), (0x2A, -32_256), (0xDA, 248), (0xC5, 264), (0x80, 5_504)]
        {
            assert_eq!(Law::A.sample(byte), sample, "{byte:#x}");
        }
        // Each law has no sample that is not between its neighbours.
        let of = |law: Law| {
            (0..=u8::MAX).map(move |byte| law.sample(byte)).collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!((of(Law::Mu).len(), of(Law::A).len()), (255, 256));
    }
}
