//! All tests of the executable that need no process of their own, in one program that is linked once.
//! `cargo test -p peerproof --test all html::` runs those of one file.

#[path = "common/children.rs"]
mod children;
#[expect(clippy::print_stdout, reason = "a test that is skipped says why")]
#[path = "common/needs.rs"]
mod needs;
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#[path = "common/poison.rs"]
mod poison;

mod adapter_check;
mod adapters;
mod changes;
mod check_server;
mod colours;
mod coverage;
mod decoded;
mod diff;
mod dumps;
mod field;
mod grid;
mod hostile;
mod html;
mod inspect;
mod judge;
mod lies;
mod pages;
mod programs;
mod readings;
mod scenarios;
mod schema;
mod servers;
mod setup;
mod simulated;
mod warm;
mod watch;
mod workflows;
