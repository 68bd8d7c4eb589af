//! The server as its clients see it.

mod client;
mod faults;
mod foreign;
mod hostile;
mod turn;
