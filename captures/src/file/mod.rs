//! Reading captures of any origin: pcap and pcapng, compressed with gzip or not, from any [`std::io::Read`].
//!
//! A [`CaptureReader`] hands out one [`Item`] after another in the order of the file, borrowed from its buffer. Memory is
//! bounded whatever the file holds. What a damaged or truncated file still has is given, and [`CaptureReader::stop`]
//! says where and why it ended.

mod input;
mod item;
mod options;
mod pcap;
mod pcapng;
mod reader;

pub use item::{Direction, Format, Frame, Interface, Item, LinkType, Section, Skipped, Stop, StopCause};
pub use options::{ByteOrder, OptionField, Options};
pub use pcapng::{Names, SECRETS_TLS_KEY_LOG, Secrets};
pub use reader::{CaptureReader, Limits};
