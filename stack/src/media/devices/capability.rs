//! What a device can do, mediacapture-main §4.3.6.

use super::file::{Clip, Sound};
use crate::media::codec::{CodecError, Kind};
use crate::media::source::{Numbered, Settings, Source, Tone};
use crate::media::tone;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// What a device gives.
#[derive(Debug, Clone)]
pub enum Media {
    /// Numbered pictures.
    Numbered,
    /// A tone, its frequency in hertz.
    Tone(u32),
    /// The pictures of a file.
    Clip(Arc<Clip>),
    /// The sound of a file.
    Sound(Arc<Sound>),
}

/// What settings a device can have (`MediaTrackCapabilities`). What does not apply to its kind is absent.
#[derive(Debug, Clone, PartialEq)]
pub struct Capabilities {
    /// Pixels, even numbers of them.
    pub width: Option<RangeInclusive<u32>>,
    /// Pixels, even numbers of them.
    pub height: Option<RangeInclusive<u32>>,
    /// Pictures a second.
    pub frame_rate: Option<RangeInclusive<f64>>,
    /// The one way in which it faces.
    pub facing_mode: Option<&'static str>,
    /// Whether it has echo cancellation, noise suppression and gain control, each of which can be on or off.
    pub processing: bool,
    /// Hertz.
    pub sample_rate: Option<u32>,
    /// Channels.
    pub channel_count: Option<u32>,
}

/// A camera or microphone.
#[derive(Debug, Clone)]
pub struct Device {
    id: String,
    group: String,
    label: String,
    media: Media,
    capabilities: Capabilities,
    /// What it has when nobody wants anything else.
    native: Settings,
}

const NOTHING: Capabilities = Capabilities {
    width: None,
    height: None,
    frame_rate: None,
    facing_mode: None,
    processing: false,
    sample_rate: None,
    channel_count: None,
};

impl Device {
    /// The synthetic devices.
    pub(super) fn synthetic() -> Vec<Self> {
        let vga = (640, 480, 30.0);
        vec![
            Self::camera("camera", "Peerproof camera", Media::Numbered, Some("user"), vga),
            Self::camera(
                "camera-environment",
                "Peerproof camera, other side",
                Media::Numbered,
                Some("environment"),
                vga,
            ),
            Self::microphone("microphone", "Peerproof microphone (440 Hz)", Media::Tone(440), true),
        ]
    }

    /// A camera with this width, height and frame rate by itself.
    pub(super) fn camera(
        id: &str,
        label: &str,
        media: Media,
        facing_mode: Option<&'static str>,
        (width, height, frame_rate): (u32, u32, f64),
    ) -> Self {
        let native = Settings {
            device_id: id.to_owned(),
            group_id: format!("group-{id}"),
            width: Some(width),
            height: Some(height),
            aspect_ratio: Some(f64::from(width) / f64::from(height)),
            frame_rate: Some(frame_rate),
            facing_mode: facing_mode.map(str::to_owned),
            ..Settings::default()
        };
        let capabilities = Capabilities {
            width: Some(64..=1920),
            height: Some(64..=1080),
            frame_rate: Some(1.0..=60.0),
            facing_mode,
            ..NOTHING
        };
        Self::new(label, media, capabilities, native)
    }

    /// A microphone.
    pub(super) fn microphone(id: &str, label: &str, media: Media, processing: bool) -> Self {
        let native = Settings {
            device_id: id.to_owned(),
            group_id: format!("group-{id}"),
            echo_cancellation: Some(processing),
            noise_suppression: Some(processing),
            auto_gain_control: Some(processing),
            sample_rate: Some(tone::SAMPLE_RATE),
            sample_size: Some(16),
            channel_count: Some(1),
            ..Settings::default()
        };
        let capabilities = Capabilities {
            processing,
            sample_rate: Some(tone::SAMPLE_RATE),
            channel_count: Some(1),
            ..NOTHING
        };
        Self::new(label, media, capabilities, native)
    }

    fn new(label: &str, media: Media, capabilities: Capabilities, native: Settings) -> Self {
        let (id, group) = (native.device_id.clone(), native.group_id.clone());
        Self { id, group, label: label.to_owned(), media, capabilities, native }
    }

    /// `deviceId`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// `groupId`.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.group
    }

    /// `label`.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Audio or video.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.media {
            Media::Numbered | Media::Clip(_) => Kind::Video,
            Media::Tone(_) | Media::Sound(_) => Kind::Audio,
        }
    }

    /// `getCapabilities`.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    pub(super) fn native(&self) -> &Settings {
        &self.native
    }

    /// A source with these settings.
    pub(super) fn open(&self, settings: Settings) -> Result<Source, CodecError> {
        let label = &self.label;
        match &self.media {
            Media::Numbered => Source::camera(label, settings, Box::new(Numbered)),
            Media::Clip(clip) => Source::camera(label, settings, Clip::play(clip)?),
            Media::Tone(hertz) => Ok(Source::microphone(label, settings, Box::new(Tone(*hertz)))),
            Media::Sound(sound) => Ok(Source::microphone(label, settings, Sound::play(sound))),
        }
    }
}
