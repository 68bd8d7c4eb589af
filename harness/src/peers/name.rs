//! Names of implementations.

use super::OpenError;

/// How names of implementations are written, for messages. A name with a version after `@` is refused when the implementation says another.
pub const NAME: &str = "letters, digits, `_` and `.`, and perhaps `@` and a version";

/// Whether it can be the name of an implementation. `-` stands between the two of a case.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let (base, version) = name.split_once('@').map_or((name, None), |(base, version)| (base, Some(version)));
    let word = |text: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        !text.is_empty() && text.len() <= 40 && text.chars().all(allowed) && !text.starts_with('.')
    };
    word(base) && version.is_none_or(word)
}

/// Makes sure that an implementation is of the version that its name says.
///
/// # Errors
/// It is not.
pub(crate) fn agrees(name: &str, version: &str) -> Result<(), OpenError> {
    match name.split_once('@') {
        Some((_, wanted)) if !is_of_version(wanted, version) => {
            Err(OpenError::Broken(format!("it has version {version}, but its name asks for {wanted}")))
        }
        _ => Ok(()),
    }
}

/// Whether a version is the wanted one, or begins with it: 150.0.7871 has version 150, and not of 15.
#[must_use]
pub fn is_of_version(wanted: &str, version: &str) -> bool {
    version.strip_prefix(wanted).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_leave_the_dash_between_them() {
        for good in ["stack", "chrome@150", "my_stack", "webrtc.rs@0.17", "A1"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "a-b", "@1", "a@", "a@b@c", "../x", ".hidden", "a b", "ä", &"x".repeat(41)] {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[test]
    fn a_version_in_the_name_is_the_one_that_plays() {
        assert!(agrees("chrome", "156.0.1").is_ok());
        assert!(agrees("chrome@156", "156.0.1").is_ok());
        assert!(agrees("chrome@156.0.1", "156.0.1").is_ok());
        assert!(agrees("chrome@15", "156.0.1").is_err());
        assert!(agrees("chrome@150", "156.0.1").is_err());
    }
}
