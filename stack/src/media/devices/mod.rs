//! The counterpart of `getUserMedia` (mediacapture-main §10): named devices, constraints, settings.
//!
//! The synthetic devices are two cameras (`camera`, which faces the user, and `camera-environment`) and a `microphone`; files
//! can be added as further devices ([`Devices::add_file`]). Whoever asks gets a [`Source`] with the settings that fit the
//! constraints best, or the error that the standard names.

mod capability;
mod constraint;
mod file;
mod select;

pub use capability::{Capabilities, Device, Media};
pub use constraint::{ConstraintError, ErrorKind};
pub use file::FileError;
pub use select::select_settings;

use super::codec::{CodecError, Kind};
use super::source::{Settings, Source};
use serde_json::Value;
use std::path::Path;

/// Why there is no media.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MediaError {
    /// The constraints are malformed, or nothing fulfils them.
    #[error(transparent)]
    Constraint(#[from] ConstraintError),
    /// Neither audio nor video was asked for (a `TypeError`).
    #[error("neither audio nor video is requested")]
    NothingRequested,
    /// There is no device of this kind.
    #[error("there is no {0:?} device")]
    NotFound(Kind),
    /// The device does not work.
    #[error("the device failed: {0}")]
    NotReadable(#[from] CodecError),
}

impl MediaError {
    /// Name of the `DOMException` or `TypeError` with which `getUserMedia` is rejected.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Constraint(error) => error.name(),
            Self::NothingRequested => "TypeError",
            Self::NotFound(_) => "NotFoundError",
            Self::NotReadable(_) => "NotReadableError",
        }
    }
}

/// The devices of a peer.
#[derive(Debug, Clone)]
pub struct Devices(Vec<Device>);

impl Default for Devices {
    fn default() -> Self {
        Self::synthetic()
    }
}

impl Devices {
    /// The synthetic ones.
    #[must_use]
    pub fn synthetic() -> Self {
        Self(Device::synthetic())
    }

    /// No devices at all.
    #[must_use]
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// Adds a file as a device: `.ivf` (VP8) and `.y4m` (4:2:0) as cameras, `.wav` (16-bit PCM) as a microphone. It plays in a
    /// loop.
    ///
    /// # Errors
    /// The file cannot be read or is not of these formats.
    pub fn add_file(&mut self, id: &str, path: &Path) -> Result<(), FileError> {
        self.0.push(file::open(id, path)?);
        Ok(())
    }

    /// All of them (`enumerateDevices`).
    #[must_use]
    pub fn list(&self) -> &[Device] {
        &self.0
    }

    /// `getUserMedia(constraints)`: a source of each kind that is asked for, audio before video as the standard orders them.
    /// Permission is the caller's business: this is what happens once it was granted.
    ///
    /// # Errors
    /// See [`MediaError`].
    pub fn get_user_media(&self, constraints: &Value) -> Result<Vec<Source>, MediaError> {
        let mut sources = Vec::new();
        for (kind, key) in [(Kind::Audio, "audio"), (Kind::Video, "video")] {
            let nothing = Value::Object(serde_json::Map::new());
            let wanted = match constraints.get(key) {
                None | Some(Value::Null | Value::Bool(false)) => continue,
                Some(Value::Bool(true)) => &nothing,
                Some(wanted) => wanted,
            };
            let candidates: Vec<&Device> = self.0.iter().filter(|device| device.kind() == kind).collect();
            if candidates.is_empty() {
                return Err(MediaError::NotFound(kind));
            }
            let (device, settings) = select::select(&candidates, wanted)?;
            sources.push(device.open(settings)?);
        }
        if sources.is_empty() {
            return Err(MediaError::NothingRequested);
        }
        Ok(sources)
    }

    /// `applyConstraints` on a source that came from here: the new settings.
    ///
    /// # Errors
    /// As [`Devices::get_user_media`]; the source then stays as it is.
    pub fn apply_constraints(&self, source: &Source, constraints: &Value) -> Result<Settings, MediaError> {
        let current = source.settings();
        let device = self.0.iter().find(|device| device.id() == current.device_id);
        let Some(device) = device else { return Err(MediaError::NotFound(source.kind())) };
        let (_, settings) = select::select(&[device], constraints)?;
        source.apply(settings.clone())?;
        Ok(settings)
    }
}

#[cfg(test)]
mod tests;
