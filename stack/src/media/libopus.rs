//! Opus through the system's libopus.

use super::codec::{AudioDecoder, AudioEncoder, CodecError};
use super::tone::BLOCK;
use opusic_c::{Application, Bitrate, Channels, ErrorCode, SampleRate};

/// The longest packet is 120 ms (RFC 6716 §2.1.4).
const LONGEST: usize = 5760;
/// What RFC 6716 §3.4 allows one frame of a packet to have.
const MOST_BYTES: usize = 1276;

/// Encodes mono at 48 kHz.
pub(super) struct Encoder(opusic_c::Encoder);

impl Encoder {
    pub(super) fn new(bits_per_second: u32) -> Result<Self, CodecError> {
        let mut encoder = opusic_c::Encoder::new(Channels::Mono, SampleRate::Hz48000, Application::Audio)
            .map_err(|e| error("open an encoder", e))?;
        encoder.set_complexity(5).map_err(|e| error("set the complexity", e))?;
        let mut this = Self(encoder);
        this.set_bitrate(bits_per_second)?;
        Ok(this)
    }
}

impl AudioEncoder for Encoder {
    fn encode(&mut self, samples: &[f32]) -> Result<Vec<u8>, CodecError> {
        if samples.len() != BLOCK {
            return Err(error("encode a block that is not 20 ms long", ErrorCode::BadArg));
        }
        let mut data = vec![0; MOST_BYTES];
        let size = self.0.encode_float_to_slice(samples, &mut data).map_err(|e| error("encode", e))?;
        data.truncate(size);
        Ok(data)
    }

    fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), CodecError> {
        // libopus takes 500 bit/s to 512 kbit/s a channel.
        let value = Bitrate::Value(bits_per_second.clamp(6000, 510_000));
        self.0.set_bitrate(value).map_err(|e| error("set the bitrate", e))
    }
}

/// Decodes whatever Opus comes (stereo is mixed down by libopus) to mono at 48 kHz.
pub(super) struct Decoder(opusic_c::Decoder);

impl Decoder {
    pub(super) fn new() -> Result<Self, CodecError> {
        opusic_c::Decoder::new(Channels::Mono, SampleRate::Hz48000)
            .map(Self)
            .map_err(|e| error("open a decoder", e))
    }
}

impl AudioDecoder for Decoder {
    fn decode(&mut self, data: &[u8]) -> Result<Vec<f32>, CodecError> {
        if data.is_empty() {
            return Err(error("decode an empty packet", ErrorCode::InvalidPacket));
        }
        let mut samples = vec![0.0; LONGEST];
        let count =
            self.0.decode_float_to_slice(data, &mut samples, false).map_err(|e| error("decode", e))?;
        samples.truncate(count);
        Ok(samples)
    }
}

fn error(operation: &'static str, code: ErrorCode) -> CodecError {
    CodecError::Library { library: "libopus", operation, cause: format!("{code:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::tone;

    fn through_opus(tone_hz: u32, bits_per_second: u32) -> Vec<f32> {
        let mut encoder = Encoder::new(bits_per_second).unwrap();
        let mut decoder = Decoder::new().unwrap();
        (0..25)
            .flat_map(|n| {
                let packet = encoder.encode(&tone::sine(tone_hz, n * BLOCK as u64, BLOCK)).unwrap();
                decoder.decode(&packet).unwrap()
            })
            .collect()
    }

    #[test]
    fn tones_survive_the_codec() {
        for tone_hz in [100, 440, 1000, 3500] {
            let heard = tone::strongest(&through_opus(tone_hz, 32_000)).unwrap();
            assert!(heard.abs_diff(tone_hz) <= 10, "{tone_hz} Hz heard as {heard} Hz");
        }
    }

    #[test]
    fn a_lower_bitrate_makes_smaller_packets() {
        let mut encoder = Encoder::new(96_000).unwrap();
        let mut size = |bitrate| {
            encoder.set_bitrate(bitrate).unwrap();
            (0..50).map(|n| encoder.encode(&tone::sine(440, n * 960, BLOCK)).unwrap().len()).sum::<usize>()
        };
        let (high, low) = (size(96_000), size(12_000));
        assert!(low * 2 < high, "{low} against {high} bytes");
    }

    #[test]
    fn blocks_of_another_length_and_rubbish_are_errors() {
        assert!(Encoder::new(32_000).unwrap().encode(&[0.0; 100]).is_err());
        let mut decoder = Decoder::new().unwrap();
        assert!(decoder.decode(&[]).is_err());
        assert!(decoder.decode(&[0xFF, 0xFF, 0xFF]).is_err());
    }
}
