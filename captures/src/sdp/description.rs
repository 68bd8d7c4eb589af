//! A whole description: the text, its lines and its sections (RFC 8866 §5).

use super::grammar::{self, Violation};
use super::line::{Line, Span, split};
use super::section::{OnLine, Section};
use super::{Connection, Group, Malformed, Origin};
use std::fmt;
use std::ops::Range;

/// A session description, kept as it came.
///
/// Parsing never fails. Printing gives back the very same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionDescription {
    text: String,
    spans: Vec<Span>,
    /// Index of the first line of each media section.
    media_starts: Vec<usize>,
}

impl SessionDescription {
    /// Reads a description.
    pub fn parse(text: impl Into<String>) -> Self {
        let text = text.into();
        let spans = split(&text);
        let is_media = |span: &Span| text.get(span.range.clone()).is_some_and(|raw| raw.starts_with("m="));
        let media_starts =
            spans.iter().enumerate().filter(|(_, span)| is_media(span)).map(|(i, _)| i).collect();
        Self { text, spans, media_starts }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// All lines in order.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = Line<'_>> + ExactSizeIterator {
        self.lines_in(0..self.spans.len())
    }

    pub(super) fn lines_in(
        &self,
        indexes: Range<usize>,
    ) -> impl DoubleEndedIterator<Item = Line<'_>> + ExactSizeIterator {
        let first = indexes.start;
        self.spans.get(indexes).unwrap_or_default().iter().enumerate().map(move |(i, span)| Line {
            number: first + i + 1,
            range: span.range.clone(),
            raw: self.text.get(span.range.clone()).unwrap_or_default(),
            ending: span.ending,
        })
    }

    /// The session section: everything before the first `m=` line.
    pub fn session(&self) -> Section<'_> {
        let end = self.media_starts.first().copied().unwrap_or(self.spans.len());
        Section::new(self, None, 0..end)
    }

    /// The media sections in order.
    pub fn media(&self) -> impl DoubleEndedIterator<Item = Section<'_>> + ExactSizeIterator {
        (0..self.media_starts.len()).map(|index| self.media_section(index))
    }

    fn media_section(&self, index: usize) -> Section<'_> {
        let start = self.media_starts.get(index).copied().unwrap_or(self.spans.len());
        let end = self.media_starts.get(index + 1).copied().unwrap_or(self.spans.len());
        Section::new(self, Some(index), start..end)
    }

    /// The media section with this index, from zero.
    pub fn section(&self, index: usize) -> Option<Section<'_>> {
        (index < self.media_starts.len()).then(|| self.media_section(index))
    }

    /// The first media section with this MID (`a=mid`, RFC 5888 §4).
    pub fn section_with_mid(&self, mid: &str) -> Option<Section<'_>> {
        self.media().find(|section| section.mid().is_some_and(|m| m == mid))
    }

    /// The `o=` line, RFC 8866 §5.2.
    pub fn origin(&self) -> Option<OnLine<Result<Origin, Malformed>>> {
        self.session().first_of('o', Origin::read)
    }

    /// The session's `c=` line, RFC 8866 §5.7.
    pub fn connection(&self) -> Option<OnLine<Result<Connection, Malformed>>> {
        self.session().first_of('c', Connection::read)
    }

    /// The well-formed `a=group` lines, RFC 5888 §5.
    pub fn groups(&self) -> Vec<Group> {
        self.session().every::<Group>().collect()
    }

    /// The first BUNDLE group (RFC 9143 §7) that lists this tag.
    pub fn bundle_of(&self, mid: &str) -> Option<Group> {
        self.groups().into_iter().find(|group| group.is_bundle() && group.tags.iter().any(|tag| tag == mid))
    }

    /// Every deviation from the grammar, in the order of the lines.
    pub fn violations(&self) -> Vec<Violation> {
        grammar::check(self)
    }

    /// The description with another line in the place of the given one (number from one); the ending stays.
    /// Unchanged if there is no such line.
    #[must_use]
    pub fn with_line_replaced(&self, number: usize, line: &str) -> Self {
        self.rewritten(number, |span| (span.range.clone(), line.to_owned()))
    }

    /// The description without the given line (number from one). Unchanged if there is no such line.
    #[must_use]
    pub fn with_line_removed(&self, number: usize) -> Self {
        self.rewritten(number, |span| {
            (span.range.start..span.range.end + span.ending.as_str().len(), String::new())
        })
    }

    /// The description with a line more, before the given one (number from one). Past the end it is appended.
    #[must_use]
    pub fn with_line_inserted(&self, number: usize, line: &str) -> Self {
        if number > self.spans.len() {
            return Self::parse(format!("{}{line}\r\n", self.text));
        }
        self.rewritten(number, |span| (span.range.start..span.range.start, format!("{line}\r\n")))
    }

    fn rewritten(&self, number: usize, edit: impl FnOnce(&Span) -> (Range<usize>, String)) -> Self {
        let mut text = self.text.clone();
        if let Some(span) = number.checked_sub(1).and_then(|index| self.spans.get(index)) {
            let (range, replacement) = edit(span);
            text.replace_range(range, &replacement);
        }
        Self::parse(text)
    }
}

impl fmt::Display for SessionDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::CHROME_OFFER;
    use super::*;

    #[test]
    fn printing_gives_back_the_same_bytes() {
        for text in [CHROME_OFFER, "", "\r\n\r\n", "m=\n\rv=0", "no equals sign", "é=ü\r\n"] {
            let description = SessionDescription::parse(text);
            assert_eq!(description.to_string(), text);
            let joined: String =
                description.lines().map(|l| format!("{}{}", l.raw, l.ending.as_str())).collect();
            assert_eq!(joined, text);
            assert!(description.lines().all(|l| &text[l.range.clone()] == l.raw));
        }
    }

    #[test]
    fn every_line_belongs_to_one_section() {
        let description = SessionDescription::parse(CHROME_OFFER);
        let mut numbers: Vec<usize> = description.session().lines().map(|l| l.number).collect();
        numbers.extend(description.media().flat_map(|s| s.lines().map(|l| l.number).collect::<Vec<_>>()));
        assert_eq!(numbers, (1..=description.lines().len()).collect::<Vec<_>>());
        assert_eq!(description.media().len(), 3);
        assert_eq!(description.section_with_mid("1").unwrap().index(), Some(1));
        assert!(description.section_with_mid("9").is_none());
        assert_eq!(description.bundle_of("2").unwrap().tags, ["0", "1", "2"]);
    }

    #[test]
    fn lines_are_replaced_removed_and_inserted_where_asked() {
        let description = SessionDescription::parse("v=0\r\no=-\r\ns=-\r\n");
        assert_eq!(description.with_line_replaced(2, "o=x").as_str(), "v=0\r\no=x\r\ns=-\r\n");
        assert_eq!(description.with_line_removed(1).as_str(), "o=-\r\ns=-\r\n");
        assert_eq!(description.with_line_inserted(3, "i=y").as_str(), "v=0\r\no=-\r\ni=y\r\ns=-\r\n");
        assert_eq!(description.with_line_inserted(4, "t=0 0").as_str(), "v=0\r\no=-\r\ns=-\r\nt=0 0\r\n");
        assert_eq!(description.with_line_removed(0), description);
        assert_eq!(description.with_line_removed(4), description);
    }
}
