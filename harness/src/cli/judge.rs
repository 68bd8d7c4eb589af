//! `peerproof judge`.

use crate::judge::{JudgeArgs, JudgeError, main};
use crate::terminal::clean;
use std::io::Write;

/// Judges recordings and captures.
pub(crate) fn judge(args: &JudgeArgs) -> u8 {
    let mut out = super::stdout(args.json);
    let outcome = main(args, &mut out).and_then(|code| {
        out.flush()?;
        Ok(code)
    });
    match outcome {
        Ok(code) => code,
        Err(error) if error.is_closed_output() => 0,
        Err(error) => {
            match error {
                // Shows the line of its file.
                JudgeError::Expected(error) => super::complain(error),
                error => super::complain(clean(&error.to_string())),
            }
            super::USAGE
        }
    }
}
