//! How text is laid out: colours and widths on a terminal, neither elsewhere; and what stands between all output and the terminal.

use peerproof_captures::scan;
use peerproof_reports::{escape, wrap};
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

/// The codes that end each colour and begin one, here and in the tables of reports (SGR, ECMA-48 §8.3.117).
const CODES: [&str; 9] = ["0m", "1m", "31m", "31;1m", "32m", "33m", "34m", "35m", "90m"];

/// Narrower terminals are written to as if they had this number of columns.
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
        let colour = colour(&stdout);
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
        wrap::lines(self.width, first, next, text)
    }
}

/// Whether colours may be written there: it is a terminal, and `NO_COLOR` is not set (<https://no-color.org>).
#[must_use]
pub fn colour(to: &impl IsTerminal) -> bool {
    to.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A text as it may stand on one line of a terminal: nothing that a peer says moves the cursor or colours the terminal.
#[must_use]
pub fn clean(text: &str) -> String {
    escape::terminal(text).into_owned()
}

/// Longest part of an error that is shown, in characters.
const LONGEST_ERROR: usize = 300;

/// An error on one line, of which no more is shown than is of use: readers of JSON quote what they did not expect, however long.
#[must_use]
pub fn brief(error: impl std::fmt::Display) -> String {
    clean(&escape::shortened(&error.to_string(), LONGEST_ERROR))
}

/// What is kept of a line that does not end.
const LONGEST_LINE: usize = 1 << 16;

/// The writer through which every command writes to standard output and standard error. Texts are made harmless where they are put in,
/// since only there it is known what is foreign; whatever was forgotten stops here: hidden characters (see
/// [`escape::is_hidden`]) are replaced, and escape sequences too, but for the colours of [`Style::paint`], where there are colours.
#[derive(Debug)]
pub struct Guard<W: Write> {
    inner: W,
    /// Since the last line's end.
    line: Vec<u8>,
    colour: bool,
    json: bool,
}

impl<W: Write> Guard<W> {
    /// For text, with colours or without.
    pub const fn text(inner: W, colour: bool) -> Self {
        Self { inner, line: Vec::new(), colour, json: false }
    }

    /// For JSON, in which hidden characters become `\u` escapes.
    pub const fn json(inner: W) -> Self {
        Self { inner, line: Vec::new(), colour: false, json: true }
    }

    /// Writes what is kept up to here.
    fn pass(&mut self, until: usize) -> io::Result<()> {
        let Self { inner, line, colour, json } = self;
        let bytes = line.get(..until).unwrap_or_default();
        // Nearly all output.
        if scan::is_printable_lines(bytes) {
            inner.write_all(bytes)?;
        } else {
            let text = String::from_utf8_lossy(bytes);
            if *json {
                inner.write_all(escape::json(&text).as_bytes())?;
            } else if *colour {
                inner.write_all(painted(&text).as_bytes())?;
            } else {
                inner.write_all(escape::lines(&text).as_bytes())?;
            }
        }
        line.drain(..until);
        Ok(())
    }
}

/// Where the last whole character of the bytes ends.
fn whole(bytes: &[u8]) -> usize {
    let begun = bytes.iter().rev().take(4).position(|byte| byte & 0xc0 != 0x80);
    let Some(back) = begun.map(|back| back + 1) else { return bytes.len() };
    let at = bytes.len() - back;
    let wanted = match bytes.get(at) {
        Some(0xc0..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf7) => 4,
        _ => 1,
    };
    if back < wanted { at } else { bytes.len() }
}

impl<W: Write> Write for Guard<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let before = self.line.len();
        self.line.extend_from_slice(bytes);
        if let Some(end) = scan::last_line_feed(bytes) {
            self.pass(before + end + 1)?;
        } else if self.line.len() > LONGEST_LINE {
            self.pass(whole(&self.line))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass(whole(&self.line))?;
        self.inner.flush()
    }
}

impl<W: Write> Drop for Guard<W> {
    fn drop(&mut self) {
        // Nothing can be done about it here; who wants to know flushes.
        let _ = self.pass(self.line.len());
    }
}

/// A text in which only the codes of [`Style::paint`] are left of escape sequences.
fn painted(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (n, part) in text.split('\u{1b}').enumerate() {
        let code =
            CODES.iter().find(|code| part.strip_prefix('[').is_some_and(|rest| rest.starts_with(**code)));
        match code {
            _ if n == 0 => {}
            Some(_) => shown.push('\u{1b}'),
            None => shown.push(escape::REPLACEMENT),
        }
        shown.push_str(&escape::lines(part));
    }
    shown
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

    /// What comes out behind a guard.
    fn guarded(colour: bool, pieces: &[&[u8]]) -> String {
        let mut out = Vec::new();
        let mut guard = Guard::text(&mut out, colour);
        for piece in pieces {
            guard.write_all(piece).unwrap();
        }
        guard.flush().unwrap();
        drop(guard);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_nobody_made_harmless_stops_at_the_guard() {
        let hostile = "a\u{1b}[2J\u{9b}1m\u{202e}b\u{1b}[32mc\n".as_bytes();
        assert_eq!(guarded(false, &[hostile]), "a\u{fffd}[2J\u{fffd}1m\u{fffd}b\u{fffd}[32mc\n");
        assert_eq!(guarded(true, &[hostile]), "a\u{fffd}[2J\u{fffd}1m\u{fffd}b\u{1b}[32mc\n");
        let bytes: Vec<&[u8]> = hostile.chunks(1).collect();
        assert_eq!(guarded(true, &bytes), guarded(true, &[hostile]), "however it comes in pieces");
    }

    #[test]
    fn a_guard_keeps_no_line_without_end_and_cuts_no_character() {
        let text = "ä→😀".repeat(LONGEST_LINE / 3);
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(1_001).collect();
        assert_eq!(guarded(false, &pieces), text);
        let mut guard = Guard::text(io::sink(), false);
        for piece in pieces {
            guard.write_all(piece).unwrap();
            assert!(guard.line.len() <= LONGEST_LINE + piece.len());
        }
    }

    #[test]
    fn json_behind_a_guard_says_the_same() {
        let text =
            serde_json::to_string_pretty(&serde_json::json!({ "a": "x\u{9b}\u{202e}\u{1b}" })).unwrap();
        let mut out = Vec::new();
        Guard::json(&mut out).write_all(text.as_bytes()).unwrap();
        assert!(out.is_ascii(), "{}", String::from_utf8_lossy(&out));
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(&out).unwrap(),
            serde_json::from_str::<serde_json::Value>(&text).unwrap()
        );
    }

    #[test]
    fn each_colour_passes_the_guard() {
        let style = Style { colour: true, width: None };
        for paint in [Paint::Good, Paint::Bad, Paint::Remarkable, Paint::Soft, Paint::Heading] {
            let word = style.paint(paint, "word");
            assert_eq!(guarded(true, &[word.as_bytes()]), word);
        }
    }

    #[test]
    fn nothing_in_a_text_steers_the_terminal() {
        assert_eq!(Style::PLAIN.lines("", "", "\u{1b}[2J"), ["\u{fffd}[2J"]);
        let coloured = Style { colour: true, width: None };
        assert_eq!(coloured.paint(Paint::Good, "pass"), "\u{1b}[32mpass\u{1b}[0m");
        assert_eq!(Style::PLAIN.paint(Paint::Good, "pass"), "pass");
    }
}
