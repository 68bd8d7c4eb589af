//! `peerproof coverage`.

use crate::coverage::{CoverageArgs, CoverageError, main};
use std::io::Write;

/// Exit code: a statement is not shown.
const NOT_SHOWN: u8 = 1;

/// Shows what proves each statement.
pub(crate) fn coverage(args: &CoverageArgs) -> u8 {
    let mut out = super::stdout(args.json);
    let outcome = main(args, &mut out).and_then(|coverage| {
        out.flush()?;
        Ok(coverage)
    });
    match outcome {
        Ok(coverage) if coverage.statements.is_empty() && !args.open => {
            super::complain("there is no statement");
            super::NOTHING_RAN
        }
        Ok(coverage) if coverage.whole == coverage.total => 0,
        Ok(_) => NOT_SHOWN,
        Err(CoverageError::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => 0,
        Err(error) => {
            super::complain(error);
            super::USAGE
        }
    }
}
