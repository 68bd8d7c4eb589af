//! Patterns for names of cases: `*` stands for anything but a slash, `**` for anything.

/// Whether `pattern` matches the whole `name`.
#[must_use]
pub fn matches(pattern: &str, name: &str) -> bool {
    fn go(pattern: &[u8], name: &[u8]) -> bool {
        match pattern {
            [] => name.is_empty(),
            [b'*', b'*', rest @ ..] => {
                (0..=name.len()).any(|n| name.get(n..).is_some_and(|name| go(rest, name)))
            }
            [b'*', rest @ ..] => (0..=name.len())
                .take_while(|n| name.get(..*n).is_some_and(|part| !part.contains(&b'/')))
                .any(|n| name.get(n..).is_some_and(|name| go(rest, name))),
            [first, rest @ ..] => {
                name.split_first().is_some_and(|(head, name)| head == first && go(rest, name))
            }
        }
    }
    go(pattern.as_bytes(), name.as_bytes())
}

/// Whether a filter of the command line chooses a name: a part of it, or a pattern if it has a star.
#[must_use]
pub fn chooses(filter: &str, name: &str) -> bool {
    if filter.contains('*') { matches(filter, name) } else { name.contains(filter) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_star_stays_within_a_part_and_two_do_not() {
        assert!(matches("data/*/stack-*", "data/echo/stack-chrome"));
        assert!(!matches("data/*", "data/echo/stack-chrome"));
        assert!(matches("data/**", "data/echo/stack-chrome"));
        assert!(!matches("dtls/**", "data/echo/stack-chrome"));
        assert!(chooses("echo", "data/echo/stack-chrome") && !chooses("ecco", "data/echo/stack-chrome"));
    }
}
