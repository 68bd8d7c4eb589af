//! What browsers write down themselves, for those who have no capture: packets in their text logs, and dumps of
//! their diagnostic pages.

mod internals;
mod log;

pub use internals::{Called, DumpedConnection, DumpedStats, Internals};
pub use log::{Kind, Logged, header, line};
