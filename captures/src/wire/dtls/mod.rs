//! DTLS 1.2 (RFC 6347, over RFC 5246) and 1.3 (RFC 9147, over RFC 8446): records, alerts, ACKs, handshake messages with all
//! their extensions, and the reassembly of fragments. What is encrypted stays so here; decrypted contents go through
//! [`handshake::view`], [`alert::view`] and [`ack::view`] like those of plain records.

pub mod ack;
pub mod alert;
mod cipher_suite;
pub mod extension;
mod group;
pub mod handshake;
pub mod record;
mod signature;
mod vector;
mod version;

pub use cipher_suite::CipherSuite;
pub use group::Group;
pub use record::{ContentType, Datagram, PlainRecord, Record, Records, UnifiedRecord, tree, view};
pub use signature::SignatureScheme;
pub use version::Version;

#[cfg(test)]
pub(crate) mod samples;
