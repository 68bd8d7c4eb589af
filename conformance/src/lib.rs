//! Whether what was recorded is right.
//!
//! `Trace → findings → verdict`, by pure functions: a verdict computed while a case runs and one computed from its
//! recording years later, on another machine, are the same. Depends on `peerproof-captures` alone, never on a stack.
#![forbid(unsafe_code)]

mod api;
pub mod case;
pub mod catalogue;
pub mod checks;
pub mod deviations;
pub mod evidence;
pub mod expect;
pub mod explain;
pub mod nat;
pub mod verdict;
