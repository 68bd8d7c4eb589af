//! `peerproof schema`.

use super::args::What;
use crate::scenario::{Control, Scenario, load};
use peerproof_conformance::case::CaseFile;
use serde_json::Value;

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
    let unlinked = serde_json::to_value(schema).map(|mut schema| {
        unlink(&mut schema);
        schema
    });
    let printed = unlinked.map_err(std::io::Error::from).and_then(|schema| super::say_json(&schema));
    match printed {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            super::complain(error);
            super::USAGE
        }
        _ => 0,
    }
}

/// Takes the links of rustdoc out of descriptions, which lead nowhere there.
fn unlink(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "description" => *text = unlinked(text),
                    _ => unlink(member),
                }
            }
        }
        Value::Array(members) => members.iter_mut().for_each(unlink),
        _ => {}
    }
}

/// ``[`Trace::flows`](super::Trace::flows)`` is `` `flows` ``.
fn unlinked(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, link)) = rest.split_once("[`") {
        let Some((name, after)) = link.split_once("`]") else { break };
        let target = after.strip_prefix('(').and_then(|target| target.split_once(')'));
        let last = name.rsplit("::").next().unwrap_or(name);
        out.push_str(&format!("{before}`{last}`"));
        rest = target.map_or(after, |(_, after)| after);
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_rustdoc_are_words() {
        for (text, expected) in [
            ("of [`Trace::flows`](super::Trace::flows), in", "of `flows`, in"),
            ("[`limits`]: counted (not kept)", "`limits`: counted (not kept)"),
            ("`[...]` where [`a", "`[...]` where [`a"),
            ("none", "none"),
        ] {
            assert_eq!(unlinked(text), expected);
        }
    }
}
