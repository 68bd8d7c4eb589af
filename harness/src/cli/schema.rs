//! `peerproof schema`.

use super::args::What;
use crate::scenario::{Control, Scenario, load};
use peerproof_conformance::case::CaseFile;

/// Prints a schema.
pub(crate) fn schema(what: What) -> u8 {
    let schema = match what {
        What::Scenario => {
            let mut schema = schemars::schema_for!(Scenario).to_value();
            load::extend_schema(&mut schema);
            return print(&schema);
        }
        What::Control => schemars::schema_for!(Control),
        What::Config => crate::config::schema(),
        What::Case => schemars::schema_for!(CaseFile),
        What::Peer => crate::peers::protocol::schema(),
        What::Judge => schemars::schema_for!(crate::judge::Judged),
        What::CheckServer => schemars::schema_for!(crate::check_server::Report),
        What::Requirements => schemars::schema_for!(crate::requirements::Listed),
        What::Dump => schemars::schema_for!(crate::inspect::DumpReport),
        What::Diff => schemars::schema_for!(peerproof_conformance::facts::Comparison),
        What::Archive => schemars::schema_for!(super::diff::Archive),
        What::Run => schemars::schema_for!(peerproof_reports::RunReport),
        What::Statements => schemars::schema_for!(crate::scenario::statements::Statements),
        What::Coverage => schemars::schema_for!(crate::coverage::Coverage),
        What::Page => schemars::schema_for!(peerproof_reports::session::Page<'_>),
        What::Inspect => schemars::schema_for!(crate::inspect::Report),
    };
    print(&schema)
}

fn print(schema: &impl serde::Serialize) -> u8 {
    match super::say_json(schema) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            super::complain(error);
            super::USAGE
        }
        _ => 0,
    }
}
