//! What browsers write down themselves, for those who have no capture: packets in their text logs, and dumps of
//! their diagnostic pages.

mod firefox;
mod internals;
mod log;
mod rtcstats;

pub use internals::{
    Called, DumpedConnection, DumpedDescription, DumpedSeries, DumpedStats, Internals, Origin,
};
pub use log::{Kind, Logged, header, line};

use serde_json::Value;

/// Whether a file that begins so may be a dump.
#[must_use]
pub fn may_be_dump(first: &[u8]) -> bool {
    let first = first.trim_ascii_start();
    first.starts_with(rtcstats::MAGIC.as_bytes()) || matches!(first.first(), Some(b'{' | b'['))
}

/// Reads a dump of chrome://webrtc-internals, a report of about:webrtc, or a dump of rtcstats; nothing if it is none of them.
#[must_use]
pub fn read(text: &[u8]) -> Option<Internals> {
    if text.starts_with(rtcstats::MAGIC.as_bytes()) {
        return rtcstats::of(std::str::from_utf8(text).ok()?);
    }
    let value: Value = serde_json::from_slice(text).ok()?;
    Internals::of(&value).or_else(|| firefox::of(&value))
}
