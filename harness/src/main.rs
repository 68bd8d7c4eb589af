//! The command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|role| role == "supervisor") {
        return peerproof::process::supervisor::main(args);
    }
    peerproof::cli::main()
}
