//! Text that others wrote (peers, captures, scenarios, names of files), made harmless for where it is shown: one function for each kind
//! of output, and every exporter and command writes foreign text through the one of its output.
//! What *hidden* is: [`peerproof_captures::scan`].

pub use peerproof_captures::scan::is_hidden;

use peerproof_captures::scan;
use std::borrow::Cow;

/// What stands for a hidden character: U+FFFD, the replacement character.
pub const REPLACEMENT: char = '\u{fffd}';

/// Longest name that [`file_name`] gives, in bytes. File systems take 255, and an ending has to fit.
const LONGEST_NAME: usize = 120;

/// For one line on a terminal: each hidden character, line breaks included, becomes U+FFFD. Nothing in the text moves the cursor, colours
/// the terminal, begins a line, or turns the order of characters.
#[must_use]
pub fn terminal(text: &str) -> Cow<'_, str> {
    if !scan::hides_any(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if is_hidden(c) { REPLACEMENT } else { c }).collect())
}

/// For a text of several lines: as [`terminal`], but line feeds and tabs stay. Also what rendered HTML and XML pass through, whose markup
/// is escaped by then.
#[must_use]
pub fn lines(text: &str) -> Cow<'_, str> {
    if !scan::hides_in_lines(text) {
        return Cow::Borrowed(text);
    }
    let hidden = |c: char| is_hidden(c) && !matches!(c, '\n' | '\t');
    Cow::Owned(text.chars().map(|c| if hidden(c) { REPLACEMENT } else { c }).collect())
}

/// For Markdown on one line: what the text says is shown, and nothing in it is markup, a link, a mention or HTML.
#[must_use]
pub fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut last = ' ';
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            // Whom a peer mentions need not hear of it.
            '@' if !last.is_alphanumeric() => escaped.push_str("&#64;"),
            // No link is made of `https://`.
            '/' if last == ':' => escaped.push_str("&#47;"),
            '\r' | '\n' | '\t' => escaped.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '!' | '~' | '$' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c if is_hidden(c) => escaped.push(REPLACEMENT),
            c => escaped.push(c),
        }
        last = c;
    }
    escaped
}

/// For JSON that has been written already: hidden characters become `\u` escapes (RFC 8259 §7), so that the text says the same and shows
/// them. They stand nowhere but in strings; line feeds between values stay.
#[must_use]
pub fn json(text: &str) -> Cow<'_, str> {
    if !scan::hides_in_lines(text) {
        return Cow::Borrowed(text);
    }
    let hidden = |c: char| is_hidden(c) && !matches!(c, '\n' | '\r' | '\t');
    let mut escaped = String::with_capacity(text.len() + 64);
    for c in text.chars() {
        if hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// For the name of a file: letters, digits, `-`, `_` and `.` of ASCII, the rest replaced by `_`. It has no separator, does not begin with
/// a dot, is not empty, and has at most 120 bytes.
#[must_use]
pub fn file_name(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut name: String = text.chars().take(LONGEST_NAME).map(|c| if safe(c) { c } else { '_' }).collect();
    if name.is_empty() || name.starts_with('.') {
        name.replace_range(..name.len().min(1), "_");
    }
    name
}

/// The beginning of a text of which at most a given number of characters is of use; `…` stands for the rest.
#[must_use]
pub fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some((at, _)) => Cow::Owned(format!("{}…", text.get(..at).unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever hurts an output.
    const HOSTILE: &str = "a\u{1b}[2J\u{9b}31m\u{7}\r\nb|`c`<script>../\u{202e}\u{2066}\u{2028}\u{7f}\u{feff}\u{0}@me https://x#1 $x$ ~~y~~";

    #[test]
    fn nothing_hidden_is_left_for_a_terminal() {
        let shown = terminal(HOSTILE);
        assert!(!shown.chars().any(is_hidden), "{shown:?}");
        assert_eq!(shown.chars().count(), HOSTILE.chars().count(), "each is replaced by one character");
        assert_eq!(lines("a\n\tb\u{1b}"), "a\n\tb\u{fffd}");
        assert!(matches!(terminal("größer → 漢字"), Cow::Borrowed(_)));
    }

    #[test]
    fn markdown_shows_the_text_and_nothing_of_it_is_markup() {
        let shown = markdown(HOSTILE);
        assert!(!shown.chars().any(is_hidden) && !shown.contains('<') && !shown.contains("://"), "{shown:?}");
        assert!(!shown.contains("@me") && shown.contains("\\|\\`c\\`"), "{shown}");
    }

    #[test]
    fn json_says_the_same_and_hides_nothing() {
        let value = serde_json::json!({ "a": HOSTILE, "tag": "\u{e0041}" });
        let text = serde_json::to_string_pretty(&value).unwrap();
        let shown = json(&text);
        assert!(!shown.chars().any(|c| is_hidden(c) && c != '\n'), "{shown:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }

    #[test]
    fn a_name_of_a_file_leads_nowhere_else() {
        assert_eq!(file_name("../../x"), "_._.._x");
        assert_eq!((file_name(""), file_name("..")), ("_".to_owned(), "_.".to_owned()));
        assert_eq!(file_name("stack-chrome@156.0"), "stack-chrome_156.0");
        let long = file_name(&"ä/".repeat(500));
        assert!(long.len() <= LONGEST_NAME && long.bytes().all(|b| b == b'_'), "{long}");
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(shortened("äöü", 2), "äö…");
        assert_eq!(shortened("äöü", 3), "äöü");
    }
}
