//! What a test needs of the machine.

use peerproof::run::peers::{is_required, missing};

/// Whether the machine has it. If not, a line says why the test is skipped, or the test fails if `PEERPROOF_REQUIRE` names it.
pub(crate) fn is_here(need: &str) -> bool {
    let Some(reason) = missing(need) else { return true };
    assert!(!is_required(need), "{need} is required: {reason}");
    println!("skipped: {reason}");
    false
}
