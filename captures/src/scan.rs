//! Scans of long texts.
//!
//! *Hidden* is a character that does not show as itself: control characters, which steer a terminal (ECMA-48), controls of bidirectional
//! text, which show a line in another order than it has (UAX #9), separators of lines, and characters without width.
//!
//! The scans stand in this crate, and are not inlined elsewhere, because it is the one that release builds optimise: reading and writing the
//! files of a run passes every byte through them.

/// Whether a character is hidden.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' // soft hyphen
                | '\u{61c}' // Arabic letter mark
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}' // without width, and marks of direction
                | '\u{2028}'..='\u{202e}' // separators, embeddings and overrides
                | '\u{2060}'..='\u{206f}' // isolates
                | '\u{feff}' // byte order mark
                | '\u{fff9}'..='\u{fffb}'
                | '\u{fffe}' | '\u{ffff}' // no characters, which XML forbids
                | '\u{e0000}'..='\u{e007f}' // tags
        )
}

/// Whether a text has a hidden character.
#[inline(never)]
#[must_use]
pub fn hides_any(text: &str) -> bool {
    !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && text.contains(is_hidden)
}

/// Whether a text has a hidden character other than line feed and tab.
#[inline(never)]
#[must_use]
pub fn hides_in_lines(text: &str) -> bool {
    !is_printable_lines(text.as_bytes()) && text.contains(|c| is_hidden(c) && !matches!(c, '\n' | '\t'))
}

/// Whether all bytes are printable ASCII (`0x20` to `0x7e`), line feeds or tabs.
#[inline(never)]
#[must_use]
pub fn is_printable_lines(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t'))
}

/// Where the last line feed is.
#[inline(never)]
#[must_use]
pub fn last_line_feed(bytes: &[u8]) -> Option<usize> {
    bytes.iter().rposition(|byte| *byte == b'\n')
}

/// How many commas and opening brackets a text of JSON has, in strings too: it has at most one value more.
#[inline(never)]
#[must_use]
pub fn json_values(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_counts() {
        for byte in 0..=255u8 {
            let printable = (0x20..0x7f).contains(&byte);
            assert_eq!(is_printable_lines(&[b'a', byte]), printable || matches!(byte, 9 | 10), "{byte:#x}");
            let text = format!("a→{}", char::from(byte));
            assert_eq!(hides_any(&text), is_hidden(char::from(byte)), "{byte:#x}");
            assert_eq!(hides_in_lines(&text), hides_any(&text) && !matches!(byte, 9 | 10), "{byte:#x}");
        }
        assert_eq!(
            (last_line_feed(b"a\nb\nc"), last_line_feed(b"abc"), last_line_feed(b"")),
            (Some(3), None, None)
        );
        assert_eq!(json_values(br#"{"a":[1,2,{}],"b":","}"#), 7);
    }
}
