//! The grammar of RFC 8866 §9, checked line by line. What deviates is reported; nothing is refused.

use super::attribute;
use super::fields::{Connection, MediaLine, Origin, Timing};
use super::line::{Ending, Line};
use super::scanner::{Malformed, Scanner, is_token_char};
use super::section::Section;
use super::{Bandwidth, SessionDescription};
use std::fmt;

/// The order of the lines of the session section.
const SESSION_ORDER: &str = "vosiuepcbtrzka";
/// The order of the lines of a media section.
const MEDIA_ORDER: &str = "micbka";
/// Lines that may stand more than once in the session section.
const SESSION_REPEATABLE: &str = "epbtra";
/// Lines that may stand more than once in a media section.
const MEDIA_REPEATABLE: &str = "cba";
/// Lines that the session section has to have.
const SESSION_REQUIRED: &str = "vost";

/// Which rule of the grammar a line breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Each line ends with CR LF.
    LineEnding(Ending),
    /// Each line is a type, an equals sign and a value.
    NoType,
    /// There is no such type of line here.
    UnknownType(char),
    /// The lines stand in a fixed order.
    OutOfOrder {
        /// The type of the line.
        found: char,
        /// The type of a line before it that it should precede.
        after: char,
    },
    /// This line stands once.
    Repeated(char),
    /// This line has to be there.
    Missing(char),
    /// The `k=` line must not be used (§5.12).
    KeyLine,
    /// The connection is given by the session or by each media section (§5.7).
    NoConnection,
    /// A value has characters that it must not have (NUL, or CR and LF).
    ForbiddenCharacter,
    /// The value does not fit the grammar.
    Value(Malformed),
    /// The value of a known attribute does not fit its grammar.
    Attribute(String, Malformed),
    /// The name of an attribute is a token.
    AttributeName,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LineEnding(Ending::None) => f.write_str("the last line does not end with CR LF"),
            Self::LineEnding(ending) => write!(f, "the line ends with {:?}, not CR LF", ending.as_str()),
            Self::NoType => f.write_str("the line is not a type, an equals sign and a value"),
            Self::UnknownType(kind) => write!(f, "no line of type {kind:?} belongs here"),
            Self::OutOfOrder { found, after } => write!(f, "{found}= has to stand before {after}="),
            Self::Repeated(kind) => write!(f, "{kind}= occurs more than once"),
            Self::Missing(kind) => write!(f, "missing {kind}= line"),
            Self::KeyLine => f.write_str("k= must not be used"),
            Self::NoConnection => f.write_str("neither the session nor the media section has a c= line"),
            Self::ForbiddenCharacter => f.write_str("the line has a NUL character"),
            Self::Value(malformed) => malformed.fmt(f),
            Self::Attribute(name, malformed) => write!(f, "a={name}: {malformed}"),
            Self::AttributeName => f.write_str("the name of the attribute is not a token"),
        }
    }
}

/// A line that deviates from the grammar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Number of the line, from one. What is missing is reported on the line after the section.
    pub line: usize,
    /// The line, without its ending.
    pub text: String,
    /// What is wrong with it.
    pub rule: Rule,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.rule)
    }
}

pub(super) fn check(description: &SessionDescription) -> Vec<Violation> {
    let mut report = Report { description, violations: Vec::new() };
    for line in description.lines() {
        report.check_line(&line);
    }
    report.check_section(&description.session());
    for section in description.media() {
        report.check_section(&section);
    }
    report.violations.sort_by_key(|violation| violation.line);
    report.violations
}

struct Report<'a> {
    description: &'a SessionDescription,
    violations: Vec<Violation>,
}

impl Report<'_> {
    fn add(&mut self, line: usize, rule: Rule) {
        let text = line.checked_sub(1).and_then(|index| self.description.lines_in(index..line).next());
        self.violations.push(Violation {
            line,
            text: text.map(|l| l.raw.to_owned()).unwrap_or_default(),
            rule,
        });
    }

    /// What can be said of a line without its neighbours.
    fn check_line(&mut self, line: &Line<'_>) {
        if line.ending != Ending::CrLf {
            self.add(line.number, Rule::LineEnding(line.ending));
        }
        if line.raw.contains('\0') {
            self.add(line.number, Rule::ForbiddenCharacter);
        }
        let value = line.value();
        let faults = match line.kind() {
            None => return self.add(line.number, Rule::NoType),
            Some('v') => faults(value, |s| {
                s.literal("0", "version 0")?;
                s.end();
                Ok(())
            }),
            Some('o') => faults(value, |s| Origin::read(s).map(drop)),
            Some('s' | 'i' | 'u' | 'e' | 'p') => faults(value, |s| s.some("a text", |_| true).map(drop)),
            Some('c') => faults(value, |s| Connection::read(s).map(drop)),
            Some('b') => faults(value, |s| Bandwidth::read(s).map(drop)),
            Some('t') => faults(value, |s| Timing::read(s).map(drop)),
            Some('m') => faults(value, |s| MediaLine::read(s).map(drop)),
            Some('a') => return self.check_attribute(line),
            Some('k') => return self.add(line.number, Rule::KeyLine),
            Some(_) => return,
        };
        for fault in faults {
            self.add(line.number, Rule::Value(fault));
        }
    }

    fn check_attribute(&mut self, line: &Line<'_>) {
        let (name, value) = match line.value().split_once(':') {
            Some((name, value)) => (name, Some(value)),
            None => (line.value(), None),
        };
        if name.is_empty() || !name.chars().all(is_token_char) {
            self.add(line.number, Rule::AttributeName);
        }
        let faults = match (attribute::faults(name, value), value) {
            (Some(faults), _) => faults,
            // `att-value = byte-string`: at least one byte.
            (None, Some("")) => vec![Scanner::new("").malformed("a value after the colon")],
            (None, _) => Vec::new(),
        };
        for fault in faults {
            self.add(line.number, Rule::Attribute(name.to_owned(), fault));
        }
    }

    /// Order, number and presence of the lines of a section.
    fn check_section(&mut self, section: &Section<'_>) {
        let (order, repeatable, required) = match section.index() {
            None => (SESSION_ORDER, SESSION_REPEATABLE, SESSION_REQUIRED),
            Some(_) => (MEDIA_ORDER, MEDIA_REPEATABLE, ""),
        };
        // Each type once, in the order of its first line.
        let mut seen: Vec<char> = Vec::new();
        for line in section.lines() {
            let Some(kind) = line.kind() else { continue };
            let Some(rank) = order.find(kind) else {
                self.add(line.number, Rule::UnknownType(kind));
                continue;
            };
            // Times and their repetitions alternate: t r r z t r.
            let among_times = |c: char| "trz".contains(c);
            let successor =
                |c: &&char| order.find(**c) > Some(rank) && !(among_times(kind) && among_times(**c));
            if let Some(after) = seen.iter().rfind(successor) {
                self.add(line.number, Rule::OutOfOrder { found: kind, after: *after });
            } else if matches!(kind, 'r' | 'z') && !seen.contains(&'t') {
                self.add(line.number, Rule::UnknownType(kind));
            }
            let repeated = seen.contains(&kind);
            if repeated && !repeatable.contains(kind) && kind != 'z' {
                self.add(line.number, Rule::Repeated(kind));
            }
            if !repeated {
                seen.push(kind);
            }
        }
        let next = section.lines().next_back().map_or(1, |line| line.number + 1);
        for kind in required.chars().filter(|kind| !seen.contains(kind)) {
            self.add(next, Rule::Missing(kind));
        }
        if section.index().is_some() && !seen.contains(&'c') && self.description.connection().is_none() {
            let first = section.lines().next().map_or(next, |line| line.number);
            self.add(first, Rule::NoConnection);
        }
    }
}

fn faults(value: &str, read: impl FnOnce(&mut Scanner<'_>) -> Result<(), Malformed>) -> Vec<Malformed> {
    let mut scanner = Scanner::new(value);
    let error = read(&mut scanner).err();
    scanner.into_remarks().into_iter().chain(error).collect()
}

#[cfg(test)]
mod tests {
    use super::super::samples::{CHROME_OFFER, FIREFOX_ANSWER};
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found: Vec<_> =
            SessionDescription::parse(text).violations().iter().map(Violation::to_string).collect();
        assert_eq!(found, expected, "{text}");
    }

    const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";

    #[test]
    fn descriptions_of_browsers_fit_the_grammar() {
        check(CHROME_OFFER, &[]);
        check(FIREFOX_ANSWER, &[]);
        check(HEAD, &[]);
    }

    #[test]
    fn the_time_after_an_attribute_is_out_of_order() {
        let moved = CHROME_OFFER.replacen("t=0 0\r\n", "", 1).replacen(
            "a=group:BUNDLE 0 1 2\r\n",
            "a=group:BUNDLE 0 1 2\r\nt=0 0\r\n",
            1,
        );
        check(&moved, &["line 5: t= has to stand before a="]);
    }

    #[test]
    fn line_endings_other_than_cr_lf_are_reported() {
        check(&HEAD.replacen("s=-\r\n", "s=-\n", 1), &["line 3: the line ends with \"\\n\", not CR LF"]);
        check(HEAD.trim_end(), &["line 4: the last line does not end with CR LF"]);
    }

    #[test]
    fn lines_missing_repeated_or_unknown_are_reported() {
        check(&HEAD.replacen("t=0 0\r\n", "", 1), &["line 4: missing t= line"]);
        check(&HEAD.replacen("s=-\r\n", "s=-\r\ns=-\r\n", 1), &["line 4: s= occurs more than once"]);
        check(&HEAD.replacen("s=-\r\n", "s=-\r\nx=-\r\n", 1), &["line 4: no line of type 'x' belongs here"]);
        check(&format!("{HEAD}k=prompt\r\n"), &["line 5: k= must not be used"]);
        check(&format!("{HEAD}hello\r\n"), &["line 5: the line is not a type, an equals sign and a value"]);
        check(&format!("{HEAD}t=0 0\r\nr=1 2 3\r\nz=0 0\r\nt=0 0\r\n"), &[]);
    }

    #[test]
    fn a_media_section_has_a_connection_of_its_own_or_the_sessions() {
        let media = "m=audio 9 RTP/AVP 0\r\n";
        let c = "c=IN IP4 0.0.0.0\r\n";
        check(
            &format!("{HEAD}{media}"),
            &["line 5: neither the session nor the media section has a c= line"],
        );
        check(&format!("{HEAD}{media}{c}"), &[]);
        check(&format!("{}{media}", HEAD.replacen("t=", &format!("{c}t="), 1)), &[]);
        check(&format!("{HEAD}{media}a=sendrecv\r\n{c}"), &["line 7: c= has to stand before a="]);
    }

    #[test]
    fn malformed_values_are_reported_with_their_line() {
        check(
            &format!("{HEAD}a=setup:maybe\r\n"),
            &[
                "line 5: a=setup: expected active, passive, actpass or holdconn at byte 0 of the value, found \"maybe\"",
            ],
        );
        check(
            &format!("{HEAD}a=mid:\r\n"),
            &["line 5: a=mid: expected a MID at byte 0 of the value, found its end"],
        );
        check(
            &format!("{HEAD}a=x-other:\r\n"),
            &["line 5: a=x-other: expected a value after the colon at byte 0 of the value, found its end"],
        );
        check(&format!("{HEAD}a=x y:1\r\n"), &["line 5: the name of the attribute is not a token"]);
        check(
            &HEAD.replacen("v=0", "v=1", 1),
            &["line 1: expected version 0 at byte 0 of the value, found \"1\""],
        );
    }

    #[test]
    fn every_truncation_and_every_changed_byte_is_borne() {
        for length in (0..CHROME_OFFER.len()).step_by(7) {
            SessionDescription::parse(&CHROME_OFFER[..length]).violations();
            let mut bytes = CHROME_OFFER.as_bytes().to_vec();
            bytes[length] ^= 0x15;
            if let Ok(text) = String::from_utf8(bytes) {
                SessionDescription::parse(text).violations();
            }
        }
    }
}
