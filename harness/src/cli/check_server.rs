//! `peerproof check-server`.

use crate::check_server::{CheckError, CheckServerArgs, main};
use crate::terminal::clean;
use std::io::Write;

/// Checks STUN and TURN servers.
pub(crate) fn check_server(args: &CheckServerArgs) -> u8 {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            super::complain(format_args!("the runtime failed to start: {error}"));
            return super::HARNESS_ERROR;
        }
    };
    let mut out = super::stdout(args.json);
    let outcome = runtime.block_on(main(args, &mut out)).and_then(|code| {
        out.flush()?;
        Ok(code)
    });
    match outcome {
        Ok(code) => code,
        Err(CheckError::Write(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => 0,
        Err(error @ CheckError::Write(_)) => {
            super::complain(clean(&error.to_string()));
            super::HARNESS_ERROR
        }
        Err(error) => {
            super::complain(clean(&error.to_string()));
            super::USAGE
        }
    }
}
