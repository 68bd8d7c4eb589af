//! The scenario language: reading it, and refusing what cannot be played, with its line.
//!
//! [`load`] and [`document`] read; [`model`], [`step`], [`condition`] and [`rewrite`] are the language; [`check`] finds
//! what types cannot.

pub mod check;
pub mod claims;
pub mod command;
pub mod condition;
pub mod document;
pub mod error;
pub mod load;
pub mod model;
pub mod network;
pub mod pattern;
pub mod recorded;
pub mod reference;
pub mod rewrite;
pub mod server;
pub mod statements;
pub mod step;
mod words;

pub use error::ScenarioError;
pub use load::{ControlFile, ScenarioFile, Source, Suite};
pub use model::{Control, PeerSpec, Role, Scenario};
pub use step::{Action, Step};

pub use crate::span::Span;
