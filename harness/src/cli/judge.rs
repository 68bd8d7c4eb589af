//! `peerproof judge`.

use crate::judge::{JudgeArgs, main};
use std::io::{BufWriter, Write};

/// Judges recordings and captures.
pub(crate) fn judge(args: &JudgeArgs) -> u8 {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let outcome = main(args, &mut out).and_then(|code| {
        out.flush()?;
        Ok(code)
    });
    match outcome {
        Ok(code) => code,
        Err(error) if error.is_closed_output() => 0,
        Err(error) => {
            super::complain(error);
            super::USAGE
        }
    }
}
