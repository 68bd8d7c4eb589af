//! H.264 through OpenH264, which is built from its source: constrained baseline, one slice a picture.

use super::codec::{CodecError, EncodedFrame, VideoDecoder, VideoEncoder};
use super::frame::Frame;
use openh264::encoder::{
    BitRate, Complexity, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, Level, Profile,
    RateControlMode, SpsPpsStrategy, UsageType,
};
use openh264::formats::{YUVSlices, YUVSource};
use openh264::{OpenH264API, Timestamp, decoder, encoder};

/// Pictures from key frame to key frame, if none is asked for.
const KEY_EVERY: u32 = 3000;

/// Encodes H.264 for a call: bits a second, no lag, key frames on demand.
pub(super) struct Encoder {
    encoder: encoder::Encoder,
    size: (u32, u32),
    frame_rate: f64,
}

impl Encoder {
    pub(super) fn new(
        width: u32,
        height: u32,
        frame_rate: f64,
        bits_per_second: u32,
    ) -> Result<Self, CodecError> {
        Frame::black(width, height)?;
        let encoder = open(frame_rate, bits_per_second)?;
        Ok(Self { encoder, size: (width, height), frame_rate })
    }
}

fn open(frame_rate: f64, bits_per_second: u32) -> Result<encoder::Encoder, CodecError> {
    let config = EncoderConfig::new()
        .bitrate(BitRate::from_bps(bits_per_second.clamp(20_000, 50_000_000)))
        .max_frame_rate(FrameRate::from_hz(frame_rate.clamp(1.0, 60.0) as f32))
        .usage_type(UsageType::CameraVideoRealTime)
        .rate_control_mode(RateControlMode::Bitrate)
        .skip_frames(true)
        .sps_pps_strategy(SpsPpsStrategy::ConstantId)
        .profile(Profile::Baseline)
        .level(Level::Level_3_1)
        .complexity(Complexity::Low)
        .scene_change_detect(false)
        .intra_frame_period(IntraFramePeriod::from_num_frames(KEY_EVERY))
        // A thread of its own would encode differently from time to time, and nothing waits for it in virtual time.
        .num_threads(1);
    encoder::Encoder::with_api_config(OpenH264API::from_source(), config)
        .map_err(|e| error("open an encoder", &e))
}

impl VideoEncoder for Encoder {
    fn encode(
        &mut self,
        frame: &Frame,
        timestamp: u64,
        key: bool,
    ) -> Result<Option<EncodedFrame>, CodecError> {
        let (width, height) = (frame.width(), frame.height());
        if (width, height) != self.size {
            return Err(CodecError::Dimensions { width, height });
        }
        let (w, h) = (width as usize, height as usize);
        let (luma, chroma) = frame.data().split_at(frame.luma().len());
        let (u, v) = chroma.split_at(chroma.len() / 2);
        let planes = YUVSlices::new((luma, u, v), (w, h), (w, w / 2, w / 2));
        if key {
            self.encoder.force_intra_frame();
        }
        let at = Timestamp::from_millis(timestamp / 90);
        let encoded = self.encoder.encode_at(&planes, at).map_err(|e| error("encode", &e))?;
        let kind = encoded.frame_type();
        let data = encoded.to_vec();
        if data.is_empty() || kind == FrameType::Skip {
            return Ok(None);
        }
        Ok(Some(EncodedFrame { data, key: matches!(kind, FrameType::IDR | FrameType::I) }))
    }

    fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), CodecError> {
        // The safe interface sets it only when an encoder is opened, which begins with a key frame.
        self.encoder = open(self.frame_rate, bits_per_second)?;
        Ok(())
    }
}

/// Decodes H.264.
pub(super) struct Decoder(decoder::Decoder);

impl Decoder {
    pub(super) fn new() -> Result<Self, CodecError> {
        decoder::Decoder::new().map(Self).map_err(|e| error("open a decoder", &e))
    }
}

impl VideoDecoder for Decoder {
    fn decode(&mut self, data: &[u8]) -> Result<Option<Frame>, CodecError> {
        let Some(picture) = self.0.decode(data).map_err(|e| error("decode", &e))? else { return Ok(None) };
        let ((width, height), (y_stride, u_stride, v_stride)) = (picture.dimensions(), picture.strides());
        let dimensions = || CodecError::Dimensions { width: width as u32, height: height as u32 };
        Frame::black(
            u32::try_from(width).map_err(|_| dimensions())?,
            u32::try_from(height).map_err(|_| dimensions())?,
        )?;
        let mut planes = Vec::with_capacity(width * height * 3 / 2);
        let all = [
            (picture.y(), y_stride, width, height),
            (picture.u(), u_stride, width / 2, height / 2),
            (picture.v(), v_stride, width / 2, height / 2),
        ];
        for (plane, stride, width, height) in all {
            for row in plane.chunks(stride.max(1)).take(height) {
                planes.extend_from_slice(row.get(..width).ok_or_else(dimensions)?);
            }
        }
        Frame::from_i420(width as u32, height as u32, planes).map(Some)
    }
}

fn error(operation: &'static str, error: &openh264::Error) -> CodecError {
    CodecError::Library { library: "OpenH264", operation, cause: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::picture;

    fn encode(encoder: &mut Encoder, n: u16, key: bool) -> Option<EncodedFrame> {
        let frame = picture::draw(n, 64, 64).unwrap();
        encoder.encode(&frame, u64::from(n) * 6000, key).unwrap()
    }

    #[test]
    fn key_frames_come_first_and_on_demand() {
        let mut encoder = Encoder::new(64, 64, 15.0, 300_000).unwrap();
        let keys: Vec<bool> = (0..8).filter_map(|n| Some(encode(&mut encoder, n, n == 5)?.key)).collect();
        assert_eq!(keys, [true, false, false, false, false, true, false, false]);
    }

    #[test]
    fn another_bitrate_begins_with_a_key_frame_of_the_same_size() {
        let mut encoder = Encoder::new(64, 64, 15.0, 300_000).unwrap();
        let mut decoder = Decoder::new().unwrap();
        for n in 0..6 {
            if n == 3 {
                encoder.set_bitrate(100_000).unwrap();
            }
            let encoded = encode(&mut encoder, n, false).unwrap();
            assert_eq!(encoded.key, n % 3 == 0);
            let frame = decoder.decode(&encoded.data).unwrap().unwrap();
            assert_eq!(picture::read(&frame), Some(n));
        }
    }

    #[test]
    fn the_same_pictures_give_the_same_bits() {
        let all = || {
            let mut encoder = Encoder::new(320, 240, 30.0, 200_000).unwrap();
            let frames = (0..30).map(|n| picture::draw(n, 320, 240).unwrap());
            frames
                .zip(0..)
                .map(|(frame, n)| encoder.encode(&frame, n * 3000, n == 20).unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(all(), all());
    }

    #[test]
    fn a_picture_of_another_size_is_refused() {
        let mut encoder = Encoder::new(64, 64, 15.0, 300_000).unwrap();
        let frame = Frame::black(96, 64).unwrap();
        assert_eq!(encoder.encode(&frame, 0, false), Err(CodecError::Dimensions { width: 96, height: 64 }));
        assert!(Encoder::new(63, 64, 15.0, 300_000).is_err());
    }

    #[test]
    fn a_delta_frame_without_a_key_frame_and_rubbish_give_no_picture() {
        let mut encoder = Encoder::new(64, 64, 15.0, 300_000).unwrap();
        encode(&mut encoder, 0, false).unwrap();
        let delta = encode(&mut encoder, 1, false).unwrap();
        let mut decoder = Decoder::new().unwrap();
        for data in [&delta.data[..], &[], &[0], &[0, 0, 0, 1], &[0, 0, 0, 1, 0x65, 1, 2, 3], &[0xff; 100]] {
            assert!(!matches!(decoder.decode(data), Ok(Some(_))), "{data:02x?}");
        }
    }
}
