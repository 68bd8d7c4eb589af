//! VP8 through the system's libvpx. The only unsafe code of the media part, and its proof.
//!
//! What the soundness rests on:
//! - A context is zeroed, boxed (so that its address never changes), and used only after a successful init; `Drop` destroys it
//!   exactly once. One that failed to initialise is freed without being destroyed, as libvpx demands.
//! - All calls on a context take `&mut self`, so they never overlap. libvpx keeps no thread-local state in it and this build's
//!   own worker threads are off (`g_threads` 1), so it may move between threads: `Send`, not `Sync`.
//! - Pointers that libvpx returns (packets, images) are valid until the next call on the context: their content is copied out
//!   before, within bounds that are checked against what libvpx says of them.
//! - The bindings are those of the exact version of the library that pkg-config found (the build fails otherwise), and the init
//!   calls carry the ABI version, which libvpx checks.
#![expect(unsafe_code, reason = "libvpx is a C library; the module's documentation proves each use")]

use super::codec::{CodecError, EncodedFrame, VideoDecoder, VideoEncoder};
use super::frame::{Frame, MAX_PIXELS};
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::raw::{c_int, c_uint};
use std::ptr;
use vpx_sys::{vpx_codec_ctx_t, vpx_codec_enc_cfg_t, vpx_codec_err_t, vpx_img_fmt, vpx_kf_mode, vpx_rc_mode};

/// Speed over quality, the same in every frame whatever the machine's load (negative: libvpx does not adapt it).
const CPU_USED: c_int = -10;

/// An initialised context.
struct Context(Box<vpx_codec_ctx_t>);

// SAFETY: see the module's documentation; a context has no tie to the thread that made it.
unsafe impl Send for Context {}

impl Context {
    /// Makes a context with one of the init functions.
    fn new(
        operation: &'static str,
        init: impl FnOnce(*mut vpx_codec_ctx_t) -> vpx_codec_err_t,
    ) -> Result<Self, CodecError> {
        // SAFETY: the struct consists of pointers, integers and an enum that has a variant of value 0 (VPX_CODEC_OK).
        let mut context = Box::new(unsafe { MaybeUninit::<vpx_codec_ctx_t>::zeroed().assume_init() });
        match init(&raw mut *context) {
            vpx_codec_err_t::VPX_CODEC_OK => Ok(Self(context)),
            code => Err(error(operation, code)),
        }
    }

    fn as_mut_ptr(&mut self) -> *mut vpx_codec_ctx_t {
        &raw mut *self.0
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the context was initialised and is destroyed only here. The result can only be about a null pointer.
        unsafe { vpx_sys::vpx_codec_destroy(self.as_mut_ptr()) };
    }
}

/// Encodes VP8 for a call: constant bitrate, no lag, key frames on demand.
pub(super) struct Encoder {
    context: Context,
    config: vpx_codec_enc_cfg_t,
    duration: u64,
    last: Option<u64>,
}

// SAFETY: the configuration holds pointers (two-pass statistics), which are null and never used.
unsafe impl Send for Encoder {}

impl Encoder {
    pub(super) fn new(
        width: u32,
        height: u32,
        frame_rate: f64,
        bits_per_second: u32,
    ) -> Result<Self, CodecError> {
        Frame::black(width, height)?;
        let mut config = MaybeUninit::<vpx_codec_enc_cfg_t>::zeroed();
        // SAFETY: the interface is a static of the library; `config` is writable memory of the right type.
        let code = unsafe {
            vpx_sys::vpx_codec_enc_config_default(vpx_sys::vpx_codec_vp8_cx(), config.as_mut_ptr(), 0)
        };
        check("read the default configuration", code)?;
        // SAFETY: libvpx has copied a whole default configuration into it.
        let mut config = unsafe { config.assume_init() };
        config.g_w = width;
        config.g_h = height;
        config.g_threads = 1;
        config.g_timebase.num = 1;
        config.g_timebase.den = 90_000;
        config.g_lag_in_frames = 0;
        config.rc_end_usage = vpx_rc_mode::VPX_CBR;
        config.rc_target_bitrate = kilobits(bits_per_second);
        config.rc_dropframe_thresh = 30;
        config.rc_resize_allowed = 0;
        config.rc_min_quantizer = 2;
        config.rc_max_quantizer = 56;
        config.rc_undershoot_pct = 100;
        config.rc_overshoot_pct = 15;
        config.rc_buf_initial_sz = 500;
        config.rc_buf_optimal_sz = 600;
        config.rc_buf_sz = 1000;
        config.kf_mode = vpx_kf_mode::VPX_KF_AUTO;
        config.kf_max_dist = 3000;
        let mut context = Context::new("open an encoder", |context| {
            // SAFETY: context and configuration are valid for the call; libvpx copies the configuration.
            unsafe {
                vpx_sys::vpx_codec_enc_init_ver(
                    context,
                    vpx_sys::vpx_codec_vp8_cx(),
                    &raw const config,
                    0,
                    vpx_sys::VPX_ENCODER_ABI_VERSION as c_int,
                )
            }
        })?;
        let control = vpx_sys::vp8e_enc_control_id::VP8E_SET_CPUUSED as c_int;
        // SAFETY: this control takes one int, which is passed.
        let code = unsafe { vpx_sys::vpx_codec_control_(context.as_mut_ptr(), control, CPU_USED) };
        check("set the speed", code)?;
        let duration = (90_000.0 / frame_rate.clamp(1.0, 240.0)) as u64;
        Ok(Self { context, config, duration, last: None })
    }

    /// Copies the encoded frame of the last call out.
    fn collect(&mut self) -> Option<EncodedFrame> {
        let mut iterator = ptr::null();
        let mut collected: Option<EncodedFrame> = None;
        loop {
            // SAFETY: the context is valid, the iterator is null or what the last call left in it.
            let packet =
                unsafe { vpx_sys::vpx_codec_get_cx_data(self.context.as_mut_ptr(), &raw mut iterator) };
            // SAFETY: libvpx returns null or a packet that is valid until the next encode call.
            let Some(packet) = (unsafe { packet.as_ref() }) else { return collected };
            if packet.kind != vpx_sys::vpx_codec_cx_pkt_kind::VPX_CODEC_CX_FRAME_PKT {
                continue;
            }
            // SAFETY: the kind says that this member of the union is the one that is set.
            let frame = unsafe { packet.data.frame };
            let Ok(size) = usize::try_from(frame.sz) else { continue };
            if frame.buf.is_null() || size == 0 {
                continue;
            }
            // SAFETY: `buf` has `sz` initialised bytes, valid until the next encode call; copied at once.
            let bytes = unsafe { std::slice::from_raw_parts(frame.buf.cast::<u8>(), size) };
            let whole = collected.get_or_insert(EncodedFrame { data: Vec::new(), key: false });
            whole.data.extend_from_slice(bytes);
            whole.key |= frame.flags & vpx_sys::VPX_FRAME_IS_KEY != 0;
        }
    }
}

impl VideoEncoder for Encoder {
    fn encode(
        &mut self,
        frame: &Frame,
        timestamp: u64,
        key: bool,
    ) -> Result<Option<EncodedFrame>, CodecError> {
        let (width, height) = (frame.width(), frame.height());
        if (width, height) != (self.config.g_w, self.config.g_h) {
            return Err(CodecError::Dimensions { width, height });
        }
        // libvpx wants strictly growing time stamps.
        let timestamp = self.last.map_or(timestamp, |last| timestamp.max(last + 1));
        self.last = Some(timestamp);
        let mut image = MaybeUninit::<vpx_sys::vpx_image_t>::zeroed();
        // SAFETY: `image` is writable. With an alignment of 1 and even dimensions I420 is laid out exactly as `Frame` holds
        // it, 1.5 bytes a pixel, so all planes lie within `frame.data()`, which outlives the image. Encoding only reads.
        let image = unsafe {
            vpx_sys::vpx_img_wrap(
                image.as_mut_ptr(),
                vpx_img_fmt::VPX_IMG_FMT_I420,
                width,
                height,
                1,
                frame.data().as_ptr().cast_mut(),
            )
        };
        if image.is_null() {
            return Err(CodecError::Dimensions { width, height });
        }
        let flags = if key { vpx_sys::VPX_EFLAG_FORCE_KF } else { 0 };
        // SAFETY: context and image are valid; libvpx copies the picture.
        let code = unsafe {
            vpx_sys::vpx_codec_encode(
                self.context.as_mut_ptr(),
                image,
                timestamp.cast_signed(),
                self.duration,
                flags.into(),
                vpx_sys::VPX_DL_REALTIME.into(),
            )
        };
        check("encode", code)?;
        Ok(self.collect())
    }

    fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), CodecError> {
        self.config.rc_target_bitrate = kilobits(bits_per_second);
        // SAFETY: context and configuration are valid; libvpx copies the configuration.
        let code =
            unsafe { vpx_sys::vpx_codec_enc_config_set(self.context.as_mut_ptr(), &raw const self.config) };
        check("set the bitrate", code)
    }
}

/// Decodes VP8.
pub(super) struct Decoder(Context);

impl Decoder {
    pub(super) fn new() -> Result<Self, CodecError> {
        let config = vpx_sys::vpx_codec_dec_cfg { threads: 1, w: 0, h: 0 };
        Context::new("open a decoder", |context| {
            // SAFETY: context and configuration are valid for the call; libvpx copies the configuration.
            unsafe {
                vpx_sys::vpx_codec_dec_init_ver(
                    context,
                    vpx_sys::vpx_codec_vp8_dx(),
                    &raw const config,
                    0,
                    vpx_sys::VPX_DECODER_ABI_VERSION as c_int,
                )
            }
        })
        .map(Self)
    }

    /// Copies the newest picture of the last call out.
    fn collect(&mut self) -> Result<Option<Frame>, CodecError> {
        let mut iterator = ptr::null();
        let mut newest = None;
        loop {
            // SAFETY: the context is valid, the iterator is null or what the last call left in it.
            let image = unsafe { vpx_sys::vpx_codec_get_frame(self.0.as_mut_ptr(), &raw mut iterator) };
            // SAFETY: libvpx returns null or an image that is valid until the next decode call.
            let Some(image) = (unsafe { image.as_ref() }) else { return Ok(newest) };
            newest = Some(copy_image(image)?);
        }
    }
}

/// Copies an image of libvpx. An odd dimension loses its last row or column.
fn copy_image(image: &vpx_sys::vpx_image_t) -> Result<Frame, CodecError> {
    let (width, height) = (image.d_w & !1, image.d_h & !1);
    let dimensions = CodecError::Dimensions { width: image.d_w, height: image.d_h };
    if image.fmt != vpx_img_fmt::VPX_IMG_FMT_I420 || u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(dimensions);
    }
    let (w, h) = (width as usize, height as usize);
    let mut data = Vec::with_capacity(w * h * 3 / 2);
    for (plane, (columns, rows)) in [(0, (w, h)), (1, (w / 2, h / 2)), (2, (w / 2, h / 2))] {
        let start: *const u8 = image.planes[plane];
        let stride = usize::try_from(image.stride[plane]).map_err(|_| dimensions.clone())?;
        if start.is_null() || stride < columns {
            return Err(dimensions);
        }
        for row in 0..rows {
            // SAFETY: an I420 image of libvpx has at least d_h (chroma: half) rows of `stride` bytes in this plane, and
            // `columns` is at most the stride: the bytes are in the plane, initialised, and valid until the next call.
            data.extend_from_slice(unsafe { std::slice::from_raw_parts(start.add(row * stride), columns) });
        }
    }
    Frame::from_i420(width, height, data)
}

impl VideoDecoder for Decoder {
    fn decode(&mut self, data: &[u8]) -> Result<Option<Frame>, CodecError> {
        refuse_huge(data)?;
        let size = c_uint::try_from(data.len())
            .map_err(|_| error("decode", vpx_codec_err_t::VPX_CODEC_INVALID_PARAM))?;
        if size == 0 {
            return Err(error("decode an empty frame", vpx_codec_err_t::VPX_CODEC_INVALID_PARAM));
        }
        // SAFETY: the context is valid and `data` has `size` bytes, which libvpx only reads, within this call.
        let code = unsafe {
            vpx_sys::vpx_codec_decode(self.0.as_mut_ptr(), data.as_ptr(), size, ptr::null_mut(), 0)
        };
        check("decode", code)?;
        self.collect()
    }
}

/// Looks into a key frame's header (RFC 6386 §9.1) before libvpx allocates what it announces.
fn refuse_huge(data: &[u8]) -> Result<(), CodecError> {
    let Some(&[first, _, _, 0x9D, 0x01, 0x2A, w0, w1, h0, h1]) = data.first_chunk::<10>() else {
        return Ok(());
    };
    let (width, height) =
        (u32::from(u16::from_le_bytes([w0, w1]) & 0x3FFF), u32::from(u16::from_le_bytes([h0, h1]) & 0x3FFF));
    if first & 1 == 0 && u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(CodecError::Dimensions { width, height });
    }
    Ok(())
}

/// libvpx counts in thousands of bits a second.
fn kilobits(bits_per_second: u32) -> c_uint {
    (bits_per_second / 1000).clamp(10, 100_000)
}

fn check(operation: &'static str, code: vpx_codec_err_t) -> Result<(), CodecError> {
    match code {
        vpx_codec_err_t::VPX_CODEC_OK => Ok(()),
        code => Err(error(operation, code)),
    }
}

fn error(operation: &'static str, code: vpx_codec_err_t) -> CodecError {
    // SAFETY: libvpx returns a static, terminated string for every code.
    let text = unsafe { CStr::from_ptr(vpx_sys::vpx_codec_err_to_string(code)) };
    CodecError::Library { library: "libvpx", operation, cause: text.to_string_lossy().into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::picture;

    fn encode(encoder: &mut Encoder, numbers: std::ops::Range<u16>, (w, h): (u32, u32)) -> Vec<EncodedFrame> {
        numbers
            .filter_map(|n| {
                encoder.encode(&picture::draw(n, w, h).unwrap(), u64::from(n) * 6000, false).unwrap()
            })
            .collect()
    }

    #[test]
    fn numbers_survive_the_codec() {
        let (mut encoder, mut decoder) =
            (Encoder::new(320, 240, 15.0, 300_000).unwrap(), Decoder::new().unwrap());
        for number in 0..30 {
            let frame = picture::draw(number, 320, 240).unwrap();
            let Some(encoded) = encoder.encode(&frame, u64::from(number) * 6000, false).unwrap() else {
                continue;
            };
            let decoded = decoder.decode(&encoded.data).unwrap().unwrap();
            assert_eq!((decoded.width(), decoded.height()), (320, 240));
            assert_eq!(picture::read(&decoded), Some(number));
        }
    }

    #[test]
    fn key_frames_come_first_and_on_demand() {
        let mut encoder = Encoder::new(320, 240, 15.0, 300_000).unwrap();
        let keys: Vec<bool> = encode(&mut encoder, 0..10, (320, 240)).iter().map(|f| f.key).collect();
        assert!(keys[0] && keys[1..].iter().all(|key| !key), "{keys:?}");
        let demanded = encoder.encode(&picture::draw(10, 320, 240).unwrap(), 60_000, true).unwrap().unwrap();
        assert!(demanded.key);
    }

    #[test]
    fn the_bitrate_can_be_changed_while_encoding() {
        let mut encoder = Encoder::new(320, 240, 15.0, 800_000).unwrap();
        let size = |frames: &[EncodedFrame]| frames.iter().map(|f| f.data.len()).sum::<usize>();
        let high = size(&encode(&mut encoder, 0..60, (320, 240))[15..]);
        encoder.set_bitrate(100_000).unwrap();
        let _settling = encode(&mut encoder, 60..90, (320, 240));
        let low = size(&encode(&mut encoder, 90..135, (320, 240)));
        assert!(low * 3 < high, "{low} against {high} bytes in 3 s");
    }

    #[test]
    fn a_delta_frame_without_a_key_frame_and_rubbish_are_errors() {
        let mut encoder = Encoder::new(320, 240, 15.0, 300_000).unwrap();
        let frames = encode(&mut encoder, 0..2, (320, 240));
        assert!(Decoder::new().unwrap().decode(&frames[1].data).is_err());
        let mut decoder = Decoder::new().unwrap();
        assert!(decoder.decode(&[]).is_err());
        assert!(decoder.decode(&[0xFF; 100]).is_err());
    }

    #[test]
    fn a_key_frame_that_announces_a_huge_picture_is_refused() {
        let mut encoder = Encoder::new(320, 240, 15.0, 300_000).unwrap();
        let mut data = encode(&mut encoder, 0..1, (320, 240)).remove(0).data;
        data[6..10].copy_from_slice(&[0xFF, 0x3F, 0xFF, 0x3F]);
        let refused = Decoder::new().unwrap().decode(&data);
        assert_eq!(refused, Err(CodecError::Dimensions { width: 16_383, height: 16_383 }));
    }

    #[test]
    fn a_picture_of_another_size_is_refused() {
        let mut encoder = Encoder::new(320, 240, 15.0, 300_000).unwrap();
        assert!(encoder.encode(&Frame::black(160, 120).unwrap(), 0, false).is_err());
        assert!(Encoder::new(321, 240, 15.0, 300_000).is_err());
    }

    #[test]
    fn truncated_and_corrupted_frames_never_crash() {
        let mut encoder = Encoder::new(64, 64, 15.0, 300_000).unwrap();
        let frames = encode(&mut encoder, 0..4, (64, 64));
        let mut decoder = Decoder::new().unwrap();
        for frame in &frames {
            for cut in (0..frame.data.len()).step_by(7) {
                let _ = decoder.decode(&frame.data[..cut]);
            }
            for at in (0..frame.data.len()).step_by(3) {
                let mut data = frame.data.clone();
                data[at] ^= 0xA5;
                let _ = decoder.decode(&data);
            }
        }
        let key = &frames[0].data;
        assert!(decoder.decode(key).unwrap().is_some(), "the decoder recovers with the next key frame");
    }
}
