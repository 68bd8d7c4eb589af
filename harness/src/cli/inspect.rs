//! `peerproof inspect`.

use crate::inspect::{InspectArgs, main};
use std::io::{BufWriter, Write};

/// Explains a capture.
pub(crate) fn inspect(args: &InspectArgs) -> u8 {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let outcome = main(args, &mut out).and_then(|()| Ok(out.flush()?));
    match outcome {
        Err(error) if !error.is_closed_output() => {
            super::complain(error);
            super::USAGE
        }
        _ => 0,
    }
}
