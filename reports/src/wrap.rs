//! Text broken at words for a terminal.

use crate::escape;

/// The lines of a text, made harmless for a terminal: the first behind `first`, the others behind `next`, none longer than `width` columns
/// unless a single word is. Without a width it is one line.
#[must_use]
pub fn lines(width: Option<usize>, first: &str, next: &str, text: &str) -> Vec<String> {
    let text = escape::terminal(text);
    let Some(width) = width else { return vec![format!("{first}{text}")] };
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
