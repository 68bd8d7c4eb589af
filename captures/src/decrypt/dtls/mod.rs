//! DTLS 1.2 and 1.3 as far as decryption needs them: which suite was chosen, and opening records. What stands in records and
//! messages is read by [`crate::wire::dtls`].

mod association;
mod hello;
mod v12;
mod v13;

pub(super) use association::{Association, NotOpened, Opened};
pub use association::{Side, Tried, Version};
pub(super) use hello::{ClientHello, ConnectionId, ServerHello};
