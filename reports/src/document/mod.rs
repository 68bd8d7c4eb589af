//! HTML documents that hold their data and their scripts: what the pages of runs and of sessions have in common.

mod pack;

pub(crate) use pack::plain;
#[cfg(test)]
pub(crate) use pack::unpack;
pub use pack::{Packed, pack};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// Why a document could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Its data.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// Its markup.
    #[error("{0}")]
    Html(#[from] askama::Error),
}

/// A script or a style of documents.
pub(crate) type Part = &'static str;

/// What a page may do: run these scripts, use these styles, and nothing else (Content Security Policy Level 3).
pub(crate) struct Policy(String);

impl Policy {
    pub(crate) fn of(scripts: &[Part], styles: &[Part]) -> Self {
        let hashes = |parts: &[Part]| {
            parts.iter().fold(String::new(), |mut all, part| {
                let digest = STANDARD.encode(Sha256::digest(part.as_bytes()));
                let _ = write!(all, " 'sha256-{digest}'");
                all
            })
        };
        Self(format!(
            "default-src 'none'; script-src{}; style-src{}; base-uri 'none'; form-action 'none'",
            hashes(scripts),
            hashes(styles)
        ))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}
