//! DTLS 1.2 and 1.3 as far as decryption needs them: which suite was chosen, and opening records.
//!
//! This reads only what leads to keys; dissecting is done elsewhere.

mod association;
mod bytes;
mod hello;
mod reassembly;
mod record;
mod v12;
mod v13;

pub(super) use association::{Association, NotOpened, Opened};
pub use association::{Side, Version};
pub(super) use hello::{ClientHello, ServerHello};
pub(super) use reassembly::Reassembly;
pub(super) use record::{Record, Records, content};
