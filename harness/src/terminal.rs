//! How text is laid out: colours and widths on a terminal, neither elsewhere.

use std::io::{self, IsTerminal, Write};

/// What a word stands for; its colour follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// As it should be: green.
    Good,
    /// Broken: red.
    Bad,
    /// To be looked at: yellow.
    Remarkable,
    /// Of little weight: grey.
    Soft,
    /// A heading: bold.
    Heading,
}

/// Colours and width of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether there are colours.
    pub colour: bool,
    /// Columns, if lines are to be broken.
    pub width: Option<usize>,
}

/// Narrower terminals are written to as if they had so many columns.
const NARROWEST: usize = 40;

impl Style {
    /// Neither colours nor a width.
    pub const PLAIN: Self = Self { colour: false, width: None };

    /// That of standard output: colours (unless `NO_COLOR` is set) and width if it is a terminal.
    #[must_use]
    pub fn of_stdout() -> Self {
        let stdout = io::stdout();
        if !stdout.is_terminal() {
            return Self::PLAIN;
        }
        let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let columns = console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns));
        Self { colour, width: columns.map(|columns| columns.max(NARROWEST)) }
    }

    /// The word in its colour.
    #[must_use]
    pub fn paint(&self, paint: Paint, word: &str) -> String {
        if !self.colour {
            return word.to_owned();
        }
        let code = match paint {
            Paint::Good => "32",
            Paint::Bad => "31;1",
            Paint::Remarkable => "33",
            Paint::Soft => "90",
            Paint::Heading => "1",
        };
        format!("\u{1b}[{code}m{word}\u{1b}[0m")
    }

    /// Writes a text behind `first`; where it has to be broken the next lines stand behind `next`.
    ///
    /// # Errors
    /// If the writer fails.
    pub fn wrapped(&self, out: &mut dyn Write, first: &str, next: &str, text: &str) -> io::Result<()> {
        for line in self.lines(first, next, text) {
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    /// The lines of a text, as [`Style::wrapped`] writes them.
    #[must_use]
    pub fn lines(&self, first: &str, next: &str, text: &str) -> Vec<String> {
        let text = clean(text);
        let Some(width) = self.width else { return vec![format!("{first}{text}")] };
        let mut lines = Vec::new();
        let mut line = first.to_owned();
        let mut empty = true;
        for word in text.split(' ') {
            if !empty && line.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::replace(&mut line, next.to_owned()));
                empty = true;
            }
            if !empty {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
        }
        lines.push(line);
        lines
    }
}

/// Without control characters: nothing that a peer says moves the cursor or colours the terminal.
#[must_use]
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_only_where_there_is_a_width() {
        let text = "no response came to any of the checks";
        let narrow = Style { colour: false, width: Some(20) };
        assert_eq!(
            narrow.lines("why: ", "     ", text),
            ["why: no response", "     came to any of", "     the checks",]
        );
        assert_eq!(
            Style::PLAIN.lines("why: ", "     ", text),
            ["why: no response came to any of the checks"]
        );
        assert_eq!(
            narrow.lines("", "", "averyveryverylongwordthatfitsnowhere x"),
            ["averyveryverylongwordthatfitsnowhere", "x",]
        );
    }

    #[test]
    fn nothing_in_a_text_steers_the_terminal() {
        assert_eq!(Style::PLAIN.lines("", "", "\u{1b}[2J"), ["\u{fffd}[2J"]);
        let coloured = Style { colour: true, width: None };
        assert_eq!(coloured.paint(Paint::Good, "pass"), "\u{1b}[32mpass\u{1b}[0m");
        assert_eq!(Style::PLAIN.paint(Paint::Good, "pass"), "pass");
    }
}
