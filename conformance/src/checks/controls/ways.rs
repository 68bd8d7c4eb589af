//! The ways in which a check can turn red, read from its file: each sentence of a violation, and each call that adds one.

use crate::checks::Fault;
use crate::checks::tally::Violation;

/// Calls that add a violation; those of the second list do so for several checks.
const OF_TALLY: &[&str] = &["fail", "warn", "judge", "off", "warn_off"];
const SHARED: &[&str] = &["tell", "silent", "judge_ice_option"];
/// Calls with sentences that turn nothing red.
const HARMLESS: &[&str] =
    &["inconclusive", "inconclusive_time", "not_applicable", "contains", "starts_with", "split"];

/// A way of turning red.
#[derive(Debug, Clone)]
pub(super) struct Way {
    /// The line of the call, if the sentence stands there.
    line: Option<u32>,
    /// The sentence, with `{…}` for what it fills in; empty if it does not stand at the call.
    sentence: String,
    /// How the call begins.
    call: String,
}

impl Way {
    /// What names it in the list of those that no mutation reaches.
    pub(super) fn name(&self) -> &str {
        if self.sentence.is_empty() { &self.call } else { &self.sentence }
    }

    /// Whether a violation came about in this way.
    pub(super) fn is_of(&self, violation: &Violation) -> bool {
        let mut rest = violation.sentence.as_str();
        self.line.is_none_or(|line| line == violation.line)
            && parts(&self.sentence).all(|part| match rest.split_once(part) {
                Some((_, behind)) => {
                    rest = behind;
                    true
                }
                None => false,
            })
    }
}

/// What stands between the `{…}` of a sentence.
fn parts(sentence: &str) -> impl Iterator<Item = &str> {
    sentence.split('{').enumerate().map(|(n, part)| match n {
        0 => part,
        _ => part.split_once('}').map_or("", |(_, behind)| behind),
    })
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Text(String),
    Sign(char),
}

/// The words, strings and signs of a file before its tests, each with its line.
fn tokens(source: &str) -> Vec<(u32, Token<'_>)> {
    let source = source.find("\n#[cfg(test)]\nmod ").map_or(source, |end| &source[..end]);
    let is_word = |it: char| it.is_alphanumeric() || it == '_';
    let mut tokens = Vec::new();
    let mut at = 0;
    let mut line = 1;
    while let Some(next) = source[at..].chars().next() {
        let rest = &source[at..];
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if next == '"' {
            let mut escaped = false;
            let inside = rest[1..].find(|it: char| {
                let ends = it == '"' && !escaped;
                escaped = it == '\\' && !escaped;
                ends
            });
            let inside = inside.unwrap();
            tokens.push((line, Token::Text(unescape(&rest[1..=inside]))));
            inside + 2
        } else if let Some(quoted) =
            ["'\"'", "'{'", "'}'", "'('", "')'", "'\\\\'"].iter().find(|it| rest.starts_with(**it))
        {
            quoted.len()
        } else if is_word(next) {
            let length = rest.find(|it| !is_word(it)).unwrap_or(rest.len());
            tokens.push((line, Token::Word(&rest[..length])));
            length
        } else {
            if !next.is_whitespace() {
                tokens.push((line, Token::Sign(next)));
            }
            next.len_utf8()
        };
        line += rest[..length].matches('\n').count() as u32;
        at += length;
    }
    tokens
}

fn unescape(text: &str) -> String {
    let mut lines = text.split("\\\n");
    let first = lines.next().unwrap_or_default().to_owned();
    lines
        .fold(first, |text, line| text + line.trim_start())
        .replace("\\\"", "\"")
        .replace("{{", "")
        .replace("}}", "")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    /// A call that adds a violation: which of the ways is the call itself, if no sentence stands in it.
    Red(usize),
    Shared,
    Harmless,
    Other,
}

/// The ways of a check's file, in its order.
pub(super) fn of(source: &str) -> Vec<Way> {
    let tokens = tokens(source);
    let mut ways: Vec<Way> = Vec::new();
    let mut empty = Vec::new();
    let mut open = Vec::new();
    let word = |at: Option<usize>| match at.map(|at| &tokens[at].1) {
        Some(Token::Word(word)) => *word,
        _ => "",
    };
    for (at, (_, token)) in tokens.iter().enumerate() {
        match token {
            Token::Sign('(') => {
                let name = word(at.checked_sub(1));
                let by = word(at.checked_sub(3));
                let defined = word(at.checked_sub(2)) == "fn";
                let red = (by == "tally" && OF_TALLY.contains(&name)) || (by == "rising" && name == "judge");
                let shared = SHARED.contains(&name) && !defined;
                if red || shared {
                    let argument = match (tokens.get(at + 1), tokens.get(at + 3)) {
                        (Some((_, Token::Word("Fault"))), Some((_, Token::Text(fault)))) => fault,
                        (Some((_, Token::Word(word))), _) => *word,
                        _ => "…",
                    };
                    let line = tokens[at - 1].0;
                    ways.push(Way {
                        line: Some(line),
                        sentence: String::new(),
                        call: format!("{name}({argument})"),
                    });
                }
                open.push(match () {
                    () if red && by == "tally" => Open::Red(ways.len() - 1),
                    () if shared || red => Open::Shared,
                    () if HARMLESS.contains(&name) => Open::Harmless,
                    () => Open::Other,
                });
            }
            Token::Sign('{' | '[') => open.push(Open::Other),
            Token::Sign(')' | '}' | ']') => {
                open.pop();
            }
            Token::Text(text) if is_sentence(text) => match open.iter().rfind(|it| **it != Open::Other) {
                Some(Open::Red(call)) => {
                    empty.push(*call);
                    let way = Way { sentence: text.clone(), ..ways[*call].clone() };
                    ways.push(way);
                }
                Some(_) => {}
                None if tokens.get(at.wrapping_sub(2)).is_some_and(|it| it.1 == Token::Word("subject")) => {}
                None => ways.push(Way { line: None, sentence: text.clone(), call: String::new() }),
            },
            _ => {}
        }
    }
    let mut index = 0;
    ways.retain(|_| {
        index += 1;
        !empty.contains(&(index - 1))
    });
    ways
}

/// The faults that stand in a check's file, in its order.
pub(super) fn faults(source: &str) -> Vec<String> {
    let tokens: Vec<_> = tokens(source).into_iter().map(|(_, token)| token).collect();
    let named = tokens.windows(3).filter_map(|three| match three {
        [Token::Word("Fault"), Token::Sign('('), Token::Text(name)] => Some(name.clone()),
        _ => None,
    });
    named.collect()
}

/// Whether a string is (a part of) a sentence: it has words, and a space between them.
fn is_sentence(text: &str) -> bool {
    let words = parts(text).flat_map(str::split_whitespace);
    text.trim().contains(' ') && words.filter(|it| it.chars().all(char::is_alphabetic)).count() > 0
}

#[test]
fn each_sentence_and_each_call_without_one_is_a_way() {
    let source = r#"
        const CHECK: Check = Check { subject: "checks of something" };
        fn evaluate(tally: &mut Tally) {
            // tally.fail("a comment is none");
            tally.fail(Fault("header-short"), "the header is short", [place]);
            tally
                .judge(Fault("too-long"), fits, place, || format!("{} bytes do not \
                    fit", length));
            tally.fail(fault, sentence, [place]);
            tally.inconclusive("the header is missing", [place]);
            tell(wrong, complete, "nobody was there", place, tally);
        }
        fn fault(it: u8) -> Option<&'static str> {
            if it.contains("a b") { Some((Fault("tail-long"), "the tail is (too) \"long\"")) } else { None }
        }

#[cfg(test)]
mod control { const SAYS: &str = "of the tests"; }"#;
    let ways = of(source);
    let named: Vec<_> = ways.iter().map(|way| (way.line, way.name())).collect();
    let expected = [
        (Some(5), "the header is short"),
        (Some(7), "{} bytes do not fit"),
        (Some(9), "fail(fault)"),
        (Some(11), "tell(wrong)"),
        (None, "the tail is (too) \"long\""),
    ];
    assert_eq!(named, expected);
    assert_eq!(faults(source), ["header-short", "too-long", "tail-long"]);
    let violation = |line, sentence: &str| {
        let sentence = sentence.to_owned();
        Violation { line, fault: Fault("of-any-kind"), sentence }
    };
    assert!(ways[1].is_of(&violation(7, "7 bytes do not fit")));
    assert!(!ways[1].is_of(&violation(8, "7 bytes do not fit")) && !ways[1].is_of(&violation(7, "7 bytes")));
    assert!(ways[2].is_of(&violation(9, "whatever")) && !ways[2].is_of(&violation(10, "whatever")));
    assert!(ways[4].is_of(&violation(9, "the tail is (too) \"long\"")));
}
