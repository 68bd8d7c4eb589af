//! Writing `capture.pcapng`: one interface per place of observation, secrets in the file, comments on the packets.
//!
//! A [`Recorder`] writes whole blocks and flushes after each, so that a killed run leaves a readable file. Secrets are
//! written as they come; [`finalise`] moves them and the interfaces in front of the first packet, where Wireshark wants
//! them, without changing the numbers of the frames.

mod copy;
mod exported;
mod finalise;
mod headers;
mod packet;
mod recorder;

pub use finalise::{FinaliseError, finalise};
pub use packet::{Content, Direction, Observes, PacketRecord};
pub use recorder::{About, InterfaceId, RecordError, Recorder};
