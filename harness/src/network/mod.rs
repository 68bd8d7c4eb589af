//! The path between the peers: which packets there are, what becomes of them, and networks made of them.

pub mod chunk;
pub mod class;
pub mod fabric;
pub mod follow;
pub mod lab;
pub mod rule;
