//! Maps that are looked into for every packet.
//!
//! Their keys are what a capture says, so the hash is seeded anew in each process: no file can be made whose keys collide. It is
//! several times as fast as the standard library's on keys as short as these.

use foldhash::fast::RandomState;
use indexmap::IndexMap;
use std::collections::HashMap;

/// A map that nobody goes over.
pub(crate) type Lookup<K, V> = HashMap<K, V, RandomState>;

/// A map that keeps the order in which its keys came.
pub(crate) type Ordered<K, V> = IndexMap<K, V, RandomState>;
