//! Lines of bounded length from a pipe.

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// Longest line that is taken: a session description and its escapes are far below.
pub(super) const LONGEST_LINE: usize = 8 * 1024 * 1024;

/// Why there is no next line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoLine {
    /// The pipe is at its end.
    End,
    /// A line is longer than [`LONGEST_LINE`].
    TooLong,
    /// It is no UTF-8.
    NoText,
}

/// The next line, without its end. Empty lines are passed over; what comes after the last line's end is a line too.
pub(super) async fn next(from: &mut (impl AsyncBufRead + Unpin)) -> Result<String, NoLine> {
    let mut line = Vec::new();
    loop {
        let Ok(new) = from.fill_buf().await else { return Err(NoLine::End) };
        let end = new.iter().position(|byte| *byte == b'\n');
        let (part, used) = match end {
            Some(end) => (new.get(..end), end + 1),
            None => (Some(new), new.len()),
        };
        line.extend_from_slice(part.unwrap_or_default());
        from.consume(used);
        if line.len() > LONGEST_LINE {
            return Err(NoLine::TooLong);
        }
        if end.is_none() && used > 0 {
            continue;
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        match String::from_utf8(std::mem::take(&mut line)) {
            Err(_) => return Err(NoLine::NoText),
            Ok(text) if !text.trim().is_empty() => return Ok(text),
            Ok(_) if used == 0 => return Err(NoLine::End),
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(bytes: &[u8]) -> (Vec<String>, NoLine) {
        let mut from = bytes;
        let mut lines = Vec::new();
        loop {
            match next(&mut from).await {
                Ok(line) => lines.push(line),
                Err(end) => return (lines, end),
            }
        }
    }

    #[tokio::test]
    async fn lines_end_as_they_like() {
        let (lines, end) = all(b"one\ntwo\r\n\n  \nthree").await;
        assert_eq!((lines, end), (vec!["one".into(), "two".into(), "three".into()], NoLine::End));
    }

    #[tokio::test]
    async fn what_is_no_line_is_reported() {
        assert_eq!(all(&[b'x', 0xff, b'\n']).await.1, NoLine::NoText);
        assert_eq!(all(&vec![b'x'; LONGEST_LINE + 1]).await.1, NoLine::TooLong);
        assert_eq!(all(b"").await, (vec![], NoLine::End));
    }
}
