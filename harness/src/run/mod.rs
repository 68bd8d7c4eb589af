//! Playing scenarios: which cases there are, playing one, recording it, and what the whole run came to.
//!
//! [`plan`] makes cases of scenarios; [`case`] plays one ([`player`] its steps, through [`actor`]s and [`carrier`]s) and
//! has it recorded, on its network ([`laboratory`]); [`session`] plays many, as many at once as [`admission`] lets in, [`simulated`] in virtual time; [`snapshot`] compares with what is recorded.

pub mod actor;
pub mod admission;
pub mod carrier;
pub mod case;
mod hosts;
pub mod laboratory;
mod opening;
pub mod peers;
mod performance;
pub mod plan;
pub mod player;
pub mod provider;
pub mod session;
mod settle;
pub mod shard;
pub mod simulated;
pub mod snapshot;

pub use admission::{Admission, Jobs};
pub use case::{Played, Setting};
pub use plan::{Case, Filter, plan};
pub use provider::Provider;
pub use session::{Run, RunOptions};
