//! `peerproof adapter`.

use super::args::AdapterCommand;
use super::{HARNESS_ERROR, complain};
use crate::peers::stack;

/// Does what is asked for.
pub(crate) fn adapter(what: &AdapterCommand) -> u8 {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(format_args!("the runtime does not start: {error}"));
            return HARNESS_ERROR;
        }
    };
    let done = match what {
        AdapterCommand::Stack => runtime.block_on(stack::serve()),
    };
    // Standard input is read by a thread that may wait there for ever.
    runtime.shutdown_background();
    match done {
        Ok(()) => 0,
        Err(trouble) => {
            complain(trouble);
            super::USAGE
        }
    }
}
