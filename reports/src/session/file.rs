//! A page as a file: scripts, styles and data in one HTML document that may fetch nothing.

use super::{Block, Page};
use crate::document::{DocumentError, Packed, Part, Policy, pack, plain};
use crate::escape::lines;
use askama::Template;

/// The scripts of a session's page, in the order in which they run. Each is a block of its own that adds its view.
const SCRIPTS: [Part; 17] = [
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
    include_str!("../../page/snapshot.js"),
    include_str!("../../page/transport.js"),
    include_str!("../../page/charts.js"),
    include_str!("../../page/faults.js"),
    include_str!("../../page/log.js"),
    include_str!("../../page/session.js"),
];

/// Its styles.
const STYLES: [Part; 2] = [include_str!("../../page/base.css"), include_str!("../../page/session.css")];

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
    blocks: &'a [Block],
}

/// What the markup takes, and what changes in the head while packets are added, in bytes.
const MARKUP: usize = 8 << 10;

impl Page<'_> {
    /// What the page takes without its packets, in bytes.
    ///
    /// # Errors
    /// If the data cannot be JSON.
    pub fn size_without_packets(&self) -> Result<u64, DocumentError> {
        let parts: usize = SCRIPTS.iter().chain(&STYLES).map(|part| part.len()).sum();
        Ok((parts + plain(&self.head)?.len() + MARKUP) as u64 + pack(&self.body)?.size())
    }

    /// The page as an HTML file.
    ///
    /// # Errors
    /// If the data cannot be JSON.
    pub fn html(&self) -> Result<Vec<u8>, DocumentError> {
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
        Ok(lines(&document.render()?).into_owned().into_bytes())
    }
}
