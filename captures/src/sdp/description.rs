//! A whole description: the text, its lines and its sections (RFC 8866 §5).

use super::grammar::{self, Violation};
use super::line::{Line, Span, split};
use super::section::{OnLine, Section};
use super::{Connection, Group, Malformed, Origin};
use std::collections::BTreeMap;
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
    /// What is looked up for each section, read once.
    grouping: Grouping,
}

/// The well-formed groups and MIDs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Grouping {
    groups: Vec<Group>,
    /// The first BUNDLE group that lists each tag, an index into `groups`.
    bundles: BTreeMap<String, usize>,
    /// The first media section with each MID.
    mids: BTreeMap<String, usize>,
}

impl Grouping {
    fn of(description: &SessionDescription) -> Self {
        let groups: Vec<Group> = description.session().every::<Group>().collect();
        let (mut bundles, mut mids) = (BTreeMap::new(), BTreeMap::new());
        for (index, group) in groups.iter().enumerate().filter(|(_, group)| group.is_bundle()) {
            for tag in &group.tags {
                bundles.entry(tag.clone()).or_insert(index);
            }
        }
        for (index, section) in description.media().enumerate() {
            if let Some(mid) = section.mid() {
                mids.entry(mid).or_insert(index);
            }
        }
        Self { groups, bundles, mids }
    }
}

/// Most media sections of a description. A conference of 500 has as many for each of audio and video.
pub const MOST_SECTIONS: usize = 1_000;
/// Most lines of a section, and of what stands ahead of the first. The sections of browsers have some 150.
pub const MOST_LINES: usize = 4_000;

/// Which limit a description exceeds. Parsing takes any text; who judges one looks at every section for each of the others, and at every line
/// ahead of the first for each section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Excess {
    /// It has more than [`MOST_SECTIONS`].
    #[error("too large: a description has at most {MOST_SECTIONS} media sections")]
    Sections,
    /// A section has more than [`MOST_LINES`].
    #[error("too large: a section of a description has at most {MOST_LINES} lines")]
    Lines,
}

impl Excess {
    /// The limit that a text exceeds as a description.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let (mut sections, mut lines) = (0_usize, 0_usize);
        for line in text.split(['\n', '\r']).filter(|line| !line.is_empty()) {
            lines += 1;
            if line.starts_with("m=") {
                (sections, lines) = (sections + 1, 1);
            }
            if sections > MOST_SECTIONS {
                return Some(Self::Sections);
            }
            if lines > MOST_LINES {
                return Some(Self::Lines);
            }
        }
        None
    }
}

impl SessionDescription {
    /// Reads a description.
    pub fn parse(text: impl Into<String>) -> Self {
        let text = text.into();
        let spans = split(&text);
        let is_media = |span: &Span| text.get(span.range.clone()).is_some_and(|raw| raw.starts_with("m="));
        let media_starts =
            spans.iter().enumerate().filter(|(_, span)| is_media(span)).map(|(i, _)| i).collect();
        let mut description = Self { text, spans, media_starts, grouping: Grouping::default() };
        description.grouping = Grouping::of(&description);
        description
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
        self.section(*self.grouping.mids.get(mid)?)
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
        self.grouping.groups.clone()
    }

    /// The first BUNDLE group (RFC 9143 §7) that lists this tag.
    pub fn bundle_of(&self, mid: &str) -> Option<Group> {
        self.bundle_with(mid).cloned()
    }

    pub(super) fn bundle_with(&self, mid: &str) -> Option<&Group> {
        self.grouping.groups.get(*self.grouping.bundles.get(mid)?)
    }

    /// Whether it has sections and says of none that DTLS protects it, by its protocol or by a fingerprint: then it is no description of WebRTC
    /// (RFC 8827 §6.5), but of SIP, RTSP or another protocol that has descriptions too. One that cannot be read is not.
    pub fn is_without_dtls(&self) -> bool {
        let is_without = |section: Section<'_>| {
            section.media_line().and_then(|line| line.value.ok()).is_some_and(|line| !line.is_dtls())
        };
        let with_keys = |section: &Section<'_>| section.has("fingerprint") || section.has("tls-id");
        let keys = std::iter::once(self.session()).chain(self.media()).any(|section| with_keys(&section));
        self.media().len() > 0 && !keys && self.media().all(is_without)
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
    fn what_says_nothing_of_dtls_is_another_protocols() {
        for (text, is_without) in [
            ("m=audio 49170 RTP/AVP 0\r\nm=message 7394 TCP/MSRP *\r\n", true),
            ("m=audio 49170 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AA\r\n", true),
            ("m=image 49180 udptl t38\r\n", true),
            ("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n", false),
            ("m=audio 9 RTP/AVP 0\r\nm=application 9 DTLS/SCTP 5000\r\n", false),
            ("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n", false),
            ("m=audio 9 RTP/SAVPF 0\r\na=fingerprint:sha-256 AA\r\n", false),
            ("a=fingerprint:sha-256 AA\r\nm=audio 9 RTP/SAVPF 0\r\n", false),
            ("m=audio 9 RTP/SAVPF 0\r\na=tls-id:abc\r\n", false),
            ("m=audio x RTP/AVP 0\r\n", false),
            ("s=-\r\n", false),
        ] {
            assert_eq!(SessionDescription::parse(text).is_without_dtls(), is_without, "{text}");
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
    fn of_several_groups_and_sections_with_one_mid_the_first_counts() {
        let text = "v=0\r\na=group:LS a\r\na=group:BUNDLE b a\r\na=group:BUNDLE a\r\n\
            m=audio 9 X 0\r\na=mid:a\r\nm=audio 9 X 0\r\na=mid:a\r\nm=audio 9 X 0\r\na=mid:\r\na=mid:b\r\n";
        let description = SessionDescription::parse(text);
        assert_eq!(description.groups().len(), 3);
        assert_eq!(description.bundle_of("a").unwrap().tags, ["b", "a"]);
        let index = |mid| description.section_with_mid(mid).and_then(|section| section.index());
        assert_eq!(["a", "b", "c"].map(index), [Some(0), Some(2), None]);
        assert_eq!(description.bundle_tag_section(1).unwrap().index(), Some(2));
    }

    #[test]
    fn what_exceeds_a_limit_is_named() {
        let sections = |n: usize| Excess::of(&format!("v=0\r\n{}", "m=audio 9 X 0\r\n".repeat(n)));
        assert_eq!(sections(MOST_SECTIONS), None);
        assert_eq!(sections(MOST_SECTIONS + 1), Some(Excess::Sections));
        let lines = |n: usize, head: &str| Excess::of(&format!("{head}{}", "a=x\n".repeat(n)));
        for head in ["v=0\n", "v=0\nm=audio 9 X 0\n"] {
            assert_eq!(lines(MOST_LINES - 1, head), None);
            assert_eq!(lines(MOST_LINES, head), Some(Excess::Lines));
        }
        let named = [Excess::Sections, Excess::Lines].map(|it| it.to_string());
        assert!(named[0].ends_with("1000 media sections") && named[1].ends_with("4000 lines"), "{named:?}");
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
