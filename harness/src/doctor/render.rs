//! A diagnosis as text for people.

use super::{Diagnosis, State};
use std::fmt::Write;

/// One line a check, and one more with advice where there is any.
#[must_use]
pub fn render(diagnosis: &Diagnosis) -> String {
    let width = diagnosis.checks.iter().map(|check| check.item.name().len()).max().unwrap_or_default();
    let mut text = String::new();
    for check in &diagnosis.checks {
        let state = match check.state {
            State::Ok => "ok",
            State::Doubtful => "doubtful",
            State::Missing => "missing",
        };
        let found =
            [check.found.as_deref(), check.place.as_deref()].into_iter().flatten().collect::<Vec<_>>();
        let told = if found.is_empty() { format!("for {}", check.purpose) } else { found.join("  ") };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{state:<9} {:<width$}  {told}", check.item.name());
        if let Some(advice) = &check.advice {
            let _ = writeln!(text, "          {:<width$}  → {advice}", "");
        }
    }
    let verdict = if diagnosis.is_well() {
        "This machine can run everything."
    } else if diagnosis.missing().next().is_none() {
        "This machine can run everything, with doubts."
    } else {
        "What is missing makes its cases unsupported; all others run."
    };
    let _ = writeln!(text, "\n{verdict}");
    text
}

#[cfg(test)]
mod tests {
    use super::super::{Check, Item};
    use super::*;

    fn check(item: Item, state: State, found: Option<&str>, advice: Option<&str>) -> Check {
        Check {
            item,
            state,
            found: found.map(str::to_owned),
            place: None,
            purpose: item.purpose(),
            advice: advice.map(str::to_owned),
        }
    }

    #[test]
    fn a_missing_item_shows_what_for_and_what_to_do() {
        let checks = vec![
            check(Item::Chrome, State::Ok, Some("156.0"), None),
            check(Item::Geckodriver, State::Missing, None, Some("run `peerproof setup`")),
        ];
        let text = render(&Diagnosis { checks });
        assert_eq!(
            text,
            "ok        chrome       156.0\n\
             missing   geckodriver  for Firefox as a peer\n\
             \x20                      → run `peerproof setup`\n\
             \nWhat is missing makes its cases unsupported; all others run.\n"
        );
    }

    #[test]
    fn a_machine_that_has_everything_is_told_so() {
        let text = render(&Diagnosis { checks: vec![check(Item::Tun, State::Ok, None, None)] });
        assert!(text.ends_with("\nThis machine can run everything.\n"), "{text}");
    }
}
