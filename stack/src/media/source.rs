//! Where media comes from: a camera or microphone, synthetic or from a file.
//!
//! A source does nothing on its own. It knows which picture (or block of sound) is due when, and makes it when asked, so one
//! that nobody sends costs nothing, and all encoders of one source see the same pictures under the same numbers.

use super::codec::{CodecError, Kind};
use super::frame::Frame;
use super::picture;
use super::tone;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Blocks of sound a second.
const BLOCKS_PER_SECOND: f64 = 50.0;

/// The settings of a source, mediacapture-main §4.3.8 (`MediaTrackSettings`). What does not apply to its kind is absent.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// Name of the device.
    pub device_id: String,
    /// Devices of one group belong to one physical device.
    pub group_id: String,
    /// Pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Width over height.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aspect_ratio: Option<f64>,
    /// Pictures a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame_rate: Option<f64>,
    /// `user` or `environment`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facing_mode: Option<String>,
    /// Whether echo is cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub echo_cancellation: Option<bool>,
    /// Whether noise is suppressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise_suppression: Option<bool>,
    /// Whether the gain is controlled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_gain_control: Option<bool>,
    /// Hertz.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<u32>,
    /// Bits a sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_size: Option<u32>,
    /// Channels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_count: Option<u32>,
}

/// Makes pictures.
pub trait Camera: Send {
    /// The picture of this number in this size.
    ///
    /// # Errors
    /// It cannot be made (a file is broken).
    fn picture(&mut self, number: u64, width: u32, height: u32) -> Result<Frame, CodecError>;
}

/// Makes sound.
pub trait Microphone: Send {
    /// `count` samples at 48 kHz from number `first` on.
    fn samples(&mut self, first: u64, count: usize) -> Vec<f32>;
}

/// Numbered pictures.
#[derive(Debug)]
pub(super) struct Numbered;

impl Camera for Numbered {
    fn picture(&mut self, number: u64, width: u32, height: u32) -> Result<Frame, CodecError> {
        picture::draw(number as u16, width, height)
    }
}

/// A known tone.
#[derive(Debug)]
pub(super) struct Tone(pub(super) u32);

impl Microphone for Tone {
    fn samples(&mut self, first: u64, count: usize) -> Vec<f32> {
        tone::sine(self.0, first, count)
    }
}

enum Device {
    Camera(Box<dyn Camera>),
    Microphone(Box<dyn Microphone>),
}

/// When numbers are due: number `base` at `since`, and so on at the rate.
#[derive(Debug, Clone, Copy)]
struct Pace {
    since: Instant,
    base: u64,
    per_second: f64,
}

impl Pace {
    fn due_at(&self, number: u64) -> Instant {
        self.since + Duration::from_secs_f64(number.saturating_sub(self.base) as f64 / self.per_second)
    }

    fn number_at(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.since).as_secs_f64();
        self.base + (elapsed * self.per_second) as u64
    }
}

struct Inner {
    kind: Kind,
    label: String,
    enabled: AtomicBool,
    device: Mutex<Device>,
    state: Mutex<(Settings, Pace)>,
}

/// A source of one kind of media: what stands behind a `MediaStreamTrack`. Clones are the same source.
#[derive(Clone)]
pub struct Source(Arc<Inner>);

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source")
            .field("kind", &self.0.kind)
            .field("label", &self.0.label)
            .finish_non_exhaustive()
    }
}

impl Source {
    /// A camera with numbered pictures.
    ///
    /// # Errors
    /// The dimensions are odd, zero or too large.
    pub fn numbered(width: u32, height: u32, frame_rate: f64) -> Result<Self, CodecError> {
        let settings = Settings {
            device_id: "numbered".to_owned(),
            width: Some(width),
            height: Some(height),
            aspect_ratio: Some(f64::from(width) / f64::from(height)),
            frame_rate: Some(frame_rate),
            ..Settings::default()
        };
        Self::camera("numbered pictures", settings, Box::new(Numbered))
    }

    /// A microphone that hears a tone.
    #[must_use]
    pub fn tone(tone_hz: u32) -> Self {
        let settings = Settings {
            device_id: "tone".to_owned(),
            sample_rate: Some(tone::SAMPLE_RATE),
            channel_count: Some(1),
            ..Settings::default()
        };
        Self::microphone("tone", settings, Box::new(Tone(tone_hz)))
    }

    /// Any camera. The settings must contain width, height and frame rate.
    ///
    /// # Errors
    /// The dimensions are odd, zero or too large.
    pub fn camera(label: &str, settings: Settings, camera: Box<dyn Camera>) -> Result<Self, CodecError> {
        Frame::black(settings.width.unwrap_or_default(), settings.height.unwrap_or_default())?;
        Ok(Self::new(Kind::Video, label, settings, Device::Camera(camera)))
    }

    /// Any microphone.
    #[must_use]
    pub fn microphone(label: &str, settings: Settings, microphone: Box<dyn Microphone>) -> Self {
        Self::new(Kind::Audio, label, settings, Device::Microphone(microphone))
    }

    fn new(kind: Kind, label: &str, settings: Settings, device: Device) -> Self {
        let per_second = rate(kind, &settings);
        let pace = Pace { since: Instant::now(), base: 0, per_second };
        Self(Arc::new(Inner {
            kind,
            label: label.to_owned(),
            enabled: AtomicBool::new(true),
            device: Mutex::new(device),
            state: Mutex::new((settings, pace)),
        }))
    }

    /// Audio or video.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The device's name for people (`MediaStreamTrack.label`).
    #[must_use]
    pub fn label(&self) -> &str {
        &self.0.label
    }

    /// The settings that are in force (`getSettings`).
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.state().0.clone()
    }

    /// Puts other settings in force. The numbers go on without a gap.
    ///
    /// # Errors
    /// The dimensions are odd, zero or too large.
    pub fn apply(&self, settings: Settings) -> Result<(), CodecError> {
        if self.0.kind == Kind::Video {
            Frame::black(settings.width.unwrap_or_default(), settings.height.unwrap_or_default())?;
        }
        let now = Instant::now();
        let mut state = self.state();
        let per_second = rate(self.0.kind, &settings);
        let base = state.1.number_at(now) + 1;
        let since = now + Duration::from_secs_f64(1.0 / per_second);
        *state = (settings, Pace { since, base, per_second });
        Ok(())
    }

    /// `MediaStreamTrack.enabled`: a source that is not gives black and silence.
    pub fn set_enabled(&self, enabled: bool) {
        self.0.enabled.store(enabled, Ordering::Relaxed);
    }

    /// The number to come after `last` (the current one without), and when it is due. Numbers whose time has passed are left out,
    /// as a camera leaves out pictures that nobody collects.
    pub(super) fn next(&self, last: Option<u64>, patience: Duration) -> (u64, Instant) {
        let pace = self.state().1;
        let now = Instant::now();
        let current = pace.number_at(now);
        let number = match last {
            None => current,
            Some(last) if now.saturating_duration_since(pace.due_at(last + 1)) > patience => {
                current.max(last + 1)
            }
            Some(last) => last + 1,
        };
        (number, pace.due_at(number))
    }

    /// The picture of this number, smaller than the settings say by a factor; black if the source is not enabled.
    ///
    /// # Errors
    /// It is no camera, or the device is broken.
    pub(super) fn picture(&self, number: u64, scale_down_by: f64) -> Result<Frame, CodecError> {
        let settings = self.settings();
        // Encoders want even sizes.
        let scaled =
            |size: Option<u32>| match (f64::from(size.unwrap_or_default()) / scale_down_by) as u32 & !1 {
                scaled if scale_down_by > 1.0 => scaled.max(2),
                _ => size.unwrap_or_default(),
            };
        let (width, height) = (scaled(settings.width), scaled(settings.height));
        if !self.0.enabled.load(Ordering::Relaxed) {
            return Frame::black(width, height);
        }
        match &mut *self.device() {
            Device::Camera(camera) => camera.picture(number, width, height),
            Device::Microphone(_) => Err(CodecError::Dimensions { width: 0, height: 0 }),
        }
    }

    /// The block of this number, 20 ms; silence if the source is not enabled or no microphone.
    pub(super) fn block(&self, number: u64) -> Vec<f32> {
        if self.0.enabled.load(Ordering::Relaxed)
            && let Device::Microphone(microphone) = &mut *self.device()
        {
            return microphone.samples(number * tone::BLOCK as u64, tone::BLOCK);
        }
        vec![0.0; tone::BLOCK]
    }

    // A panic elsewhere leaves both as they were between two calls: whole.
    fn state(&self) -> MutexGuard<'_, (Settings, Pace)> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn device(&self) -> MutexGuard<'_, Device> {
        self.0.device.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn rate(kind: Kind, settings: &Settings) -> f64 {
    match kind {
        Kind::Audio => BLOCKS_PER_SECOND,
        Kind::Video => settings.frame_rate.unwrap_or(15.0).clamp(1.0, 240.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_begin_at_zero_and_follow_each_other() {
        let source = Source::numbered(64, 64, 240.0).unwrap();
        let patience = Duration::from_secs(3600);
        let first = source.next(Some(0), patience);
        let second = source.next(Some(first.0), patience);
        assert_eq!((first.0, second.0), (1, 2));
        assert!(second.1 > first.1);
        assert_eq!(picture::read(&source.picture(7, 1.0).unwrap()), Some(7));
    }

    #[test]
    fn numbers_whose_time_has_passed_are_left_out() {
        let source = Source::tone(440);
        source.state().1.since = Instant::now().checked_sub(Duration::from_secs(10)).unwrap();
        let (number, _) = source.next(Some(3), Duration::from_millis(100));
        assert!((500..520).contains(&number), "{number}");
        assert_eq!(source.next(Some(3), Duration::from_secs(3600)).0, 4);
    }

    #[test]
    fn other_settings_go_on_with_the_numbers() {
        let source = Source::numbered(64, 64, 15.0).unwrap();
        source.state().1.base = 1000;
        let settings = Settings { width: Some(128), frame_rate: Some(30.0), ..source.settings() };
        source.apply(settings).unwrap();
        assert!(source.next(None, Duration::ZERO).0 >= 1001);
        assert_eq!(source.picture(5, 1.0).unwrap().width(), 128);
        assert!(source.apply(Settings::default()).is_err());
    }

    #[test]
    fn a_disabled_source_gives_black_and_silence() {
        let (camera, microphone) = (Source::numbered(64, 64, 15.0).unwrap(), Source::tone(440));
        assert!(microphone.block(1).iter().any(|&s| s != 0.0));
        camera.set_enabled(false);
        microphone.set_enabled(false);
        assert_eq!(camera.picture(1, 1.0).unwrap(), Frame::black(64, 64).unwrap());
        assert!(microphone.block(1).iter().all(|&s| s == 0.0));
    }
}
