//! Where and why reading stopped.

use super::field::Span;
use thiserror::Error;

/// Why reading could not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Cause {
    /// Fewer bytes than the format needs.
    #[error("too few bytes")]
    Short,
    /// A value with which the rest cannot be found.
    #[error("{0}")]
    Invalid(&'static str),
}

/// The place and the cause of an unfinished reading. What came before it has been understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// The unit being read, as its RFC calls it.
    pub layer: &'static str,
    /// The first byte that was not understood.
    pub offset: u32,
    /// Bytes needed from there.
    pub needed: u32,
    /// Bytes there.
    pub available: u32,
    /// The length field that set the limit; `None` when it was the end of the data itself.
    pub length_from: Option<Span>,
    /// Why.
    pub cause: Cause,
}

/// What every read returns.
pub type Read<T> = Result<T, Stop>;

impl std::error::Error for Stop {}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { layer, offset, needed, available, length_from, cause } = self;
        write!(f, "{layer} stops at byte {offset}: {cause}")?;
        if *cause == Cause::Short {
            write!(f, ", {needed} needed, {available} there")?;
            if let Some(span) = length_from {
                write!(f, " by the length at {span}")?;
            }
        }
        Ok(())
    }
}
