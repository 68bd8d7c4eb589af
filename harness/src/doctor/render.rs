//! A diagnosis as text for people.

use super::{Availability, Diagnosis};
use std::fmt::Write;

/// One line a check, and one more with advice where there is any.
#[must_use]
pub fn render(diagnosis: &Diagnosis) -> String {
    let names = diagnosis.checks.iter().map(|check| check.item.name());
    let names = names.chain(diagnosis.browsers.iter().map(|browser| browser.name.as_str()));
    let names = names.chain(diagnosis.adapters.iter().map(|adapter| adapter.name.as_str()));
    let width = names.map(str::len).max().unwrap_or_default();
    let mut text = String::new();
    for check in &diagnosis.checks {
        let state = match check.state {
            Availability::Ok => "ok",
            Availability::Doubtful => "doubtful",
            Availability::Missing => "missing",
            Availability::Optional => "optional",
        };
        let found =
            [check.found.as_deref(), check.place.as_deref()].into_iter().flatten().collect::<Vec<_>>();
        let details = if found.is_empty() { format!("for {}", check.purpose) } else { found.join("  ") };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{state:<9} {:<width$}  {details}", check.item.name());
        if let Some(advice) = &check.advice {
            let _ = writeln!(text, "          {:<width$}  → {advice}", "");
        }
    }
    for browser in &diagnosis.browsers {
        let _ = match &browser.place {
            Some(place) => {
                writeln!(text, "ok        {:<width$}  {}  {}", browser.name, browser.version, place.display())
            }
            None => writeln!(
                text,
                "available {:<width$}  {}  (`peerproof setup --peers {}`)",
                browser.name, browser.version, browser.name
            ),
        };
    }
    for adapter in &diagnosis.adapters {
        let (state, advice) = match &adapter.missing {
            None => ("ok", String::new()),
            Some(missing) => ("available", format!("  ({missing})")),
        };
        let _ = writeln!(text, "{state:<9} {:<width$}  {}{advice}", adapter.name, adapter.title);
    }
    let verdict = if diagnosis.is_well() {
        "This machine can run everything."
    } else if diagnosis.missing().next().is_none() {
        "This machine can run everything, with warnings."
    } else {
        "Cases that need a missing item are unsupported; all others run."
    };
    let _ = writeln!(text, "\n{verdict}");
    text
}

#[cfg(test)]
mod tests {
    use super::super::{Adapted, Check, Item};
    use super::*;
    use crate::versions::Beside;

    fn check(item: Item, state: Availability, found: Option<&str>, advice: Option<&str>) -> Check {
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
            check(Item::Chrome, Availability::Ok, Some("156.0"), None),
            check(Item::Geckodriver, Availability::Missing, None, Some("run `peerproof setup`")),
        ];
        let text = render(&Diagnosis { checks, browsers: Vec::new(), adapters: Vec::new() });
        assert_eq!(
            text,
            "ok        chrome       156.0\n\
             missing   geckodriver  for Firefox as a peer\n\
             \x20                      → run `peerproof setup`\n\
             \nCases that need a missing item are unsupported; all others run.\n"
        );
    }

    #[test]
    fn other_versions_and_implementations_are_reported_with_the_way_to_get_them() {
        let beside = |name: &str, version: &str, place: Option<&str>| Beside {
            name: name.to_owned(),
            version: version.to_owned(),
            place: place.map(Into::into),
        };
        let browsers = vec![
            beside("chrome@150", "150.0.7", Some("/d/chromium")),
            beside("firefox@140", "140.12.0", None),
        ];
        let adapted = |name: &str, title: &str, missing: Option<&str>| Adapted {
            name: name.to_owned(),
            title: title.to_owned(),
            missing: missing.map(str::to_owned),
        };
        let adapters = vec![
            adapted("aiortc", "aiortc, Python", None),
            adapted("pion", "Pion, Go", Some("pion is not installed")),
        ];
        let checks = vec![check(Item::Tun, Availability::Ok, None, None)];
        assert_eq!(
            render(&Diagnosis { checks, browsers, adapters }),
            "ok        tun          for the lab: browsers behind NATs and on bad networks\n\
             ok        chrome@150   150.0.7  /d/chromium\n\
             available firefox@140  140.12.0  (`peerproof setup --peers firefox@140`)\n\
             ok        aiortc       aiortc, Python\n\
             available pion         Pion, Go  (pion is not installed)\n\
             \nThis machine can run everything.\n"
        );
    }

    #[test]
    fn a_machine_that_has_everything_is_reported_as_complete() {
        let checks = vec![check(Item::Tun, Availability::Ok, None, None)];
        let text = render(&Diagnosis { checks, browsers: Vec::new(), adapters: Vec::new() });
        assert!(text.ends_with("\nThis machine can run everything.\n"), "{text}");
    }
}
