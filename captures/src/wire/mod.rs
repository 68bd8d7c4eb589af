//! Dissectors: what the bytes of each protocol say, with the place of every value.
//!
//! Each protocol unit is one file in one order: the RFC's figure, code points, the view, the walk, the one-line
//! `Display`, tests. Two layers come out of the same reading code:
//! - `view(bytes)` reads a typed, zero-copy view without allocating; lists (attributes, records, chunks) are iterated lazily;
//! - `tree(bytes)` makes the same reads with a [`node::Recorder`] and returns a [`node::Dissected`]: the view, the tree of all
//!   values with their byte ranges, and where and why reading stopped.
//!
//! A dissector never judges: whatever can be read is well-formed here. Reserved bits, padding and trailing bytes are kept,
//! unknown code points survive, and what was understood before an error is kept with the place and the cause.
//!
//! So a file holds, for a unit `Chunk`:
//! ```text
//! pub struct Chunk<'a> { pub kind: Field<ChunkType>, pub length: Field<u16>, pub value: Field<&'a [u8]>, … }
//! impl<'a> Chunk<'a> {
//!     /// The reading, silent or recorded: fields only, lists as one slice with an iterator over it.
//!     pub fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> { let kind = r.code("chunk type")?; … }
//!     /// The reading of everything, values inside included; ends with `r.summary(|| self.to_string())`.
//!     fn walk<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self>
//! }
//! pub fn view(bytes: &[u8]) -> Read<Chunk<'_>> { Chunk::read(&mut Reader::new("SCTP chunk", bytes)) }
//! pub fn tree(bytes: &[u8]) -> Dissected<Chunk<'_>> { node::record("SCTP chunk", bytes, Chunk::walk) }
//! ```
//!
//! Units of which lists are made implement [`list::Unit`] with one `read` for both: [`list::List`] iterates them lazily, and
//! reads them all when there is a recorder. One that cannot be read is remarked upon and does not hide what follows the list.
//!
//! Offsets are relative to the bytes given; [`reader::Reader::at`] and [`node::Node::shift`] place them in a larger whole.

#[macro_use]
mod code;
pub mod codes;
pub mod dcep;
pub mod demux;
pub mod dtls;
pub mod field;
pub mod foreign;
pub mod list;
pub mod mdns;
pub mod node;
pub mod payload;
pub mod reader;
pub mod rtcp;
pub mod rtp;
pub mod sctp;
pub(crate) mod show;
pub mod srtp;
pub mod stop;
pub mod stun;
#[cfg(test)]
pub(crate) mod testing;
pub mod turn;

pub use code::CodePoint;
pub use codes::Codes;
pub use field::{Field, Span};
pub use node::{Dissected, Node, Value};
pub use reader::{Reader, Sink};
pub use stop::Stop;
