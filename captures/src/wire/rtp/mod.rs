//! RTP: RFC 3550 §5 with header extensions by RFC 8285.
//!
//! [`Header`] is what is in the clear on the wire even under SRTP; [`Packet`] is a whole packet in the clear.
//! Values of header extensions are understood when an [`ExtensionMap`] says what their identifiers stand for.

mod extension;
mod header;
mod packet;
mod value;

pub use extension::{Element, Elements, ExtensionBlock, Form};
pub use header::{Csrc, Header};
pub use packet::{Packet, tree, tree_with, view};
pub use value::{ExtensionKind, ExtensionMap, ExtensionValue};
