//! DNS messages as multicast DNS sends them: RFC 1035 §4.1 with the changes of RFC 6762 §18.

mod message;
mod name;
mod record;

pub use message::{Entries, Entry, Message, Opcode, Section, tree, view};
pub use name::Name;
pub use record::{Class, Data, Question, Record, RecordType};
