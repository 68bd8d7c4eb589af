//! A page as a file: scripts, styles and data in one HTML document that may fetch nothing.

use super::pack::{pack, plain};
use super::{Packed, Page};
use crate::export::ExportError;
use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// A script or a style of pages.
pub(crate) type Part = &'static str;

/// The scripts of a session's page, in the order in which they run. Each is a block of its own that adds its view.
const SCRIPTS: [Part; 15] = [
    include_str!("../../page/base.js"),
    include_str!("../../page/parts.js"),
    include_str!("../../page/chart.js"),
    include_str!("../../page/data.js"),
    include_str!("../../page/filter.js"),
    include_str!("../../page/head.js"),
    include_str!("../../page/axis.js"),
    include_str!("../../page/ladder.js"),
    include_str!("../../page/packets.js"),
    include_str!("../../page/frame.js"),
    include_str!("../../page/descriptions.js"),
    include_str!("../../page/transport.js"),
    include_str!("../../page/charts.js"),
    include_str!("../../page/log.js"),
    include_str!("../../page/session.js"),
];

/// Its styles.
const STYLES: [Part; 2] = [include_str!("../../page/base.css"), include_str!("../../page/session.css")];

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

/// JSON for the page, to stand in a script that is data.
pub(crate) fn data<T: Serialize + ?Sized>(value: &T) -> Result<String, serde_json::Error> {
    plain(value)
}

#[derive(Template)]
#[template(path = "session.html")]
struct Document<'a> {
    title: &'a str,
    tool: &'a str,
    policy: &'a str,
    styles: &'a [Part],
    scripts: &'a [Part],
    head: String,
    body: Packed,
    packets: Packed,
    blocks: &'a [super::Block],
}

impl Page<'_> {
    /// The page as an HTML file.
    ///
    /// # Errors
    /// If the data cannot be JSON.
    pub fn html(&self) -> Result<Vec<u8>, ExportError> {
        let policy = Policy::of(&SCRIPTS, &STYLES);
        let document = Document {
            title: &self.head.title,
            tool: &self.head.tool,
            policy: policy.as_str(),
            styles: &STYLES,
            scripts: &SCRIPTS,
            head: plain(&self.head)?,
            body: pack(&self.body)?,
            packets: pack(&self.packets)?,
            blocks: &self.packets.blocks,
        };
        Ok(document.render()?.into_bytes())
    }
}
