//! `peerproof inspect`.

use crate::inspect::{InspectArgs, main};
use std::io::Write;

/// Explains a capture.
pub(crate) fn inspect(args: &InspectArgs) -> u8 {
    let mut out = super::stdout(args.json);
    let outcome = main(args, &mut out).and_then(|()| Ok(out.flush()?));
    match outcome {
        Err(error) if !error.is_closed_output() => {
            super::complain(crate::terminal::clean(&error.to_string()));
            super::USAGE
        }
        _ => 0,
    }
}
