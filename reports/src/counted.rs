//! Numbers of things in sentences.

use std::fmt::Display;

/// How many there are: `1 case`, `2 cases`. The plural is made with an `s`.
#[must_use]
pub fn counted(n: usize, one: impl Display) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        assert_eq!([0, 1, 2].map(|n| counted(n, "case")), ["0 cases", "1 case", "2 cases"]);
    }
}
