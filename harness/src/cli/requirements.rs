//! `peerproof requirements`.

use crate::requirements::{RequirementsArgs, main};
use std::io::Write;

/// Lists the catalogue.
pub(crate) fn requirements(args: &RequirementsArgs) -> u8 {
    let mut out = super::stdout(args.json);
    let outcome = main(args, &mut out).and_then(|any| {
        out.flush()?;
        Ok(any)
    });
    match outcome {
        Ok(true) => 0,
        Ok(false) => {
            super::complain("no requirement matches (`peerproof requirements` lists all)");
            super::NOTHING_RAN
        }
        Err(error) if error.is_closed_output() => 0,
        Err(error) => {
            super::complain(error);
            super::USAGE
        }
    }
}
