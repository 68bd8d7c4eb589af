//! Browsers as peers: a page of ours, opened through WebDriver or by somebody, whose agent speaks the peer protocol over a WebSocket.
//!
//! - [`server`]: serves the files of [`pages`] and takes the pages' WebSockets, each by its token;
//! - [`launch`]: flags and preferences; starts driver and browser under a supervisor;
//! - [`lobby`]: the page in which each case gets a frame, and [`frame`]: one of them, the [`Peer`](super::Peer) of one case;
//! - [`instance`]: one browser process with its lobby, and [`page`]: what it adds to a frame;
//! - [`guest`]: a browser that somebody opens, without WebDriver;
//! - [`pool`]: one process for each browser and surroundings, serving many cases, replaced when it breaks.

mod frame;
mod guest;
mod instance;
mod launch;
mod lobby;
mod page;
mod pages;
mod pool;
mod server;

pub use guest::{Door, PageSpec, WAIT};
pub use launch::{Build, Kind, Remote};
pub(crate) use pool::interface_address;
pub use pool::{Browsers, Config};
