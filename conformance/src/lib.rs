//! Whether what was recorded is right.
//!
//! `Trace → findings → verdict`, by pure functions: a verdict computed while a case runs and one computed from its
//! recording years later, on another machine, are the same. Depends on `peerproof-captures` alone, never on a stack.
#![forbid(unsafe_code)]

mod address;
mod api;
pub mod case;
mod case_file;
pub mod catalogue;
pub mod checks;
pub mod claims;
pub mod deviations;
pub mod evidence;
pub mod expect;
pub mod explain;
pub mod facts;
mod finding;
pub mod floors;
pub mod nat;
mod record;
pub mod verdict;
