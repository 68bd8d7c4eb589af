//! Variables of the environment that change what Peerproof does.

use crate::terminal::clean;
use crate::tools::Tool;
use std::env;

/// Variables besides those that name a program, with what each is for.
const OTHERS: [(&str, &str); 10] = [
    ("PEERPROOF_REQUIRE", "what must be there: if it is missing, that is an error"),
    ("PEERPROOF_TURN_PASSWORD", "the password of check-server --username"),
    ("PEERPROOF_TURN_SECRET", "the secret of check-server --secret"),
    ("SSL_CERT_FILE", "the authorities that check-server trusts"),
    ("NO_COLOR", "no colours, if it is not empty"),
    ("INSTA_UPDATE", "`no`: a run leaves no .snap.new for review"),
    ("CI", "the same, if INSTA_UPDATE does not say otherwise"),
    ("XDG_DATA_HOME", "where setup puts what it unpacks, in peerproof (else ~/.local/share)"),
    ("PEERPROOF_BLESS", "the tests rewrite generated files and lists"),
    ("PEERPROOF_ORACLE", "a folder of captures that the test against tshark reads too"),
];

/// Every variable with what it is for.
pub(super) fn variables() -> impl Iterator<Item = (&'static str, String)> {
    let programs = Tool::ALL.iter().map(|tool| (tool.variable(), format!("the path of {}", tool.name())));
    programs.chain(OTHERS.iter().map(|(name, what)| (*name, (*what).to_owned())))
}

/// Those that are set, one a line; nothing if none is. Secrets are not shown.
#[must_use]
pub fn environment() -> String {
    let set = variables().filter_map(|(name, what)| {
        let value = env::var_os(name).filter(|value| !value.is_empty())?;
        let is_secret = name.ends_with("_PASSWORD") || name.ends_with("_SECRET");
        let value = if is_secret { "(set)".to_owned() } else { clean(&value.to_string_lossy()) };
        Some(format!("  {name}={value}  {what}\n"))
    });
    let set: String = set.collect();
    if set.is_empty() { set } else { format!("Set in the environment:\n{set}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_lists_each_variable() {
        let readme = include_str!("../../../README.md");
        let missing: Vec<_> =
            variables().filter(|(name, _)| !readme.contains(&format!("| `{name}` |"))).collect();
        assert_eq!(missing, []);
    }
}
