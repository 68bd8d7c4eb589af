//! `peerproof list`.

use super::args::Chosen;
use super::play;
use super::{NOTHING_RAN, USAGE, complain, say};
use crate::terminal::clean;

/// Lists the cases that would run, each with the reason if this machine cannot run it.
pub(crate) fn list(chosen: &Chosen) -> u8 {
    let wanted = match play::wanted(chosen) {
        Ok(wanted) => wanted,
        Err(trouble) => {
            complain(trouble);
            return USAGE;
        }
    };
    for case in &wanted.cases {
        match case.missing().next() {
            Some((_, reason)) => say(clean(&format!("{}  ({reason})", case.name))),
            None => say(&case.name),
        }
    }
    if wanted.cases.is_empty() {
        complain(wanted.no_case());
        return NOTHING_RAN;
    }
    0
}
