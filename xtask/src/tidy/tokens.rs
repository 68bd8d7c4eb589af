//! Rust as a tree of tokens, without what a compiler needs beyond that: comments are left out, literals say nothing.

use anyhow::{Result, bail};
use std::iter::Peekable;
use std::str::Chars;

/// A token, with the line on which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) line: usize,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or a keyword.
    Word(String),
    /// A character of punctuation.
    Mark(char),
    /// A number, a character, a lifetime, a text.
    Literal,
    /// What stands between a bracket of this kind and its closing one.
    Group(char, Vec<Token>),
}

impl Token {
    pub(super) fn is(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }

    pub(super) fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }
}

/// Reads a file.
///
/// # Errors
/// If brackets do not match or a comment or a text does not end.
pub(super) fn read(text: &str) -> Result<Vec<Token>> {
    let mut reader = Reader { rest: text.chars().peekable(), line: 1 };
    // The groups that are open, each with the tokens before it.
    let mut open: Vec<(char, usize, Vec<Token>)> = Vec::new();
    let mut tokens = Vec::new();
    while let Some(token) = reader.token()? {
        match token.kind {
            Kind::Mark(bracket @ ('(' | '[' | '{')) => {
                open.push((bracket, token.line, std::mem::take(&mut tokens)));
            }
            Kind::Mark(bracket @ (')' | ']' | '}')) => {
                let Some((opening, line, before)) = open.pop() else {
                    bail!("line {}: a {bracket} too many", token.line)
                };
                if !matches!((opening, bracket), ('(', ')') | ('[', ']') | ('{', '}')) {
                    bail!("line {}: {bracket} closes the {opening} of line {line}", token.line);
                }
                let inner = std::mem::replace(&mut tokens, before);
                tokens.push(Token { kind: Kind::Group(opening, inner), line });
            }
            _ => tokens.push(token),
        }
    }
    match open.pop() {
        Some((bracket, line, _)) => bail!("line {line}: {bracket} is not closed"),
        None => Ok(tokens),
    }
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    line: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.rest.next();
        self.line += usize::from(next == Some('\n'));
        next
    }

    fn eat(&mut self, wanted: char) -> bool {
        let is_next = self.rest.peek() == Some(&wanted);
        if is_next {
            self.next();
        }
        is_next
    }

    fn token(&mut self) -> Result<Option<Token>> {
        loop {
            let line = self.line;
            let Some(first) = self.next() else { return Ok(None) };
            let kind = match first {
                space if space.is_whitespace() => continue,
                '/' if self.eat('/') => {
                    while self.rest.peek().is_some_and(|c| *c != '\n') {
                        self.next();
                    }
                    continue;
                }
                '/' if self.eat('*') => {
                    self.block_comment(line)?;
                    continue;
                }
                '"' => self.text(line, None)?,
                '\'' => self.after_quote(),
                digit if digit.is_ascii_digit() => {
                    self.word_after(digit);
                    Kind::Literal
                }
                letter if letter.is_alphabetic() || letter == '_' => self.word_or_text(letter, line)?,
                mark => Kind::Mark(mark),
            };
            return Ok(Some(Token { kind, line }));
        }
    }

    /// Comments of this kind may stand within each other.
    fn block_comment(&mut self, line: usize) -> Result<()> {
        let mut depth = 1;
        while depth > 0 {
            match self.next() {
                Some('/') if self.eat('*') => depth += 1,
                Some('*') if self.eat('/') => depth -= 1,
                Some(_) => {}
                None => bail!("line {line}: a comment does not end"),
            }
        }
        Ok(())
    }

    fn word_after(&mut self, first: char) -> String {
        let mut word = String::from(first);
        while let Some(c) = self.rest.peek().copied().filter(|c| c.is_alphanumeric() || *c == '_') {
            word.push(c);
            self.next();
        }
        word
    }

    /// A word, or the text whose prefix it is: `r"…"`, `br#"…"#`, `b'…'`.
    fn word_or_text(&mut self, first: char, line: usize) -> Result<Kind> {
        let word = self.word_after(first);
        match (word.as_str(), self.rest.peek()) {
            ("b" | "c", Some('"')) => {
                self.next();
                self.text(line, None)
            }
            ("b", Some('\'')) => {
                self.next();
                Ok(self.after_quote())
            }
            ("r" | "br" | "cr", Some('"' | '#')) => {
                let mut hashes = 0;
                while self.eat('#') {
                    hashes += 1;
                }
                if self.eat('"') {
                    return self.text(line, Some(hashes));
                }
                // `r#type` is a word that would be a keyword without it.
                let first = self.next().unwrap_or('_');
                Ok(Kind::Word(self.word_after(first)))
            }
            _ => Ok(Kind::Word(word)),
        }
    }

    /// A text after its opening quote; a raw one ends with this number of hashes.
    fn text(&mut self, line: usize, raw: Option<usize>) -> Result<Kind> {
        loop {
            match (self.next(), raw) {
                (Some('\\'), None) => {
                    self.next();
                }
                (Some('"'), None) => return Ok(Kind::Literal),
                (Some('"'), Some(hashes)) => {
                    if (0..hashes).all(|_| self.eat('#')) {
                        return Ok(Kind::Literal);
                    }
                }
                (Some(_), _) => {}
                (None, _) => bail!("line {line}: a text does not end"),
            }
        }
    }

    /// What follows a single quote: a character, or the name of a lifetime.
    fn after_quote(&mut self) -> Kind {
        match self.next() {
            Some('\\') => {
                self.next();
                while self.next().is_some_and(|c| c != '\'') {}
            }
            Some(first) if first.is_alphanumeric() || first == '_' => {
                self.word_after(first);
                // `'a'` ends with a quote and `'a` does not.
                self.eat('\'');
            }
            Some(_) => {
                self.eat('\'');
            }
            None => {}
        }
        Kind::Literal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        fn add(tokens: &[Token], all: &mut Vec<String>) {
            for token in tokens {
                match &token.kind {
                    Kind::Word(word) => all.push(format!("{}:{word}", token.line)),
                    Kind::Group(_, inner) => add(inner, all),
                    _ => {}
                }
            }
        }
        let mut all = Vec::new();
        add(&read(text).unwrap(), &mut all);
        all
    }

    #[test]
    fn comments_and_literals_hold_no_words() {
        let text = "a // b\n/* c /* d */ e */ \"f \\\" g\" r#\"h \" i\"# b\"j\" br\"k\\\" c\"l\" 'm' b'n' '\\'' '\\u{6f}' 1u8 \"\n\" z";
        assert_eq!(words(text), ["1:a", "3:z"]);
    }

    #[test]
    fn lifetimes_are_no_characters() {
        assert_eq!(words("fn f<'a, 'b>(x: &'a str) { '(' }"), ["1:fn", "1:f", "1:x", "1:str"]);
        assert_eq!(words("'\"' a '{' b"), ["1:a", "1:b"]);
    }

    #[test]
    fn a_raw_word_is_a_word() {
        assert_eq!(words("r#type br r"), ["1:type", "1:br", "1:r"]);
    }

    #[test]
    fn groups_are_nested() {
        let tokens = read("a(b[c]{d})").unwrap();
        assert_eq!(tokens.len(), 2);
        let Kind::Group('(', inner) = &tokens[1].kind else { panic!("{tokens:?}") };
        assert!(matches!(inner[1].kind, Kind::Group('[', _)) && matches!(inner[2].kind, Kind::Group('{', _)));
    }

    #[test]
    fn what_does_not_close_is_an_error() {
        for text in ["(", ")", "(]", "/* /* */", "\"a", "r#\"a\""] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
