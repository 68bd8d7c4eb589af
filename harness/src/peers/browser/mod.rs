//! Browsers as peers: a page of ours, opened through WebDriver, whose agent speaks the peer protocol over a WebSocket.
//!
//! - [`server`]: serves the pages and takes their WebSockets, each by its token;
//! - [`launch`]: flags and preferences; starts driver and browser under a warden;
//! - [`instance`]: one browser process with its lobby, the page in which each case gets a frame;
//! - [`page`]: one frame in one case, the [`Peer`](super::Peer);
//! - [`pool`]: one process for each browser and surroundings, serving many cases, replaced when it breaks.

mod instance;
mod launch;
mod page;
mod pool;
mod server;

pub use launch::{Build, Kind, Remote};
pub use page::BrowserPeer;
pub(crate) use pool::interface_address;
pub use pool::{Browsers, Config};
