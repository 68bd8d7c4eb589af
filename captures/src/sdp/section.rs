//! The session section or one media section, and how its lines are found.

use super::line::Line;
use super::{
    Attribute, Candidate, Connection, Direction, ExtMap, Fingerprint, Fmtp, Malformed, MediaLine, Mid,
    RtcpFb, RtpMap, Scanner, SessionDescription, Ssrc,
};
use std::ops::Range;

/// A value and the line that it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnLine<T> {
    /// Number of the line, from one.
    pub line: usize,
    /// Bytes of the value in the text.
    pub range: Range<usize>,
    /// The value.
    pub value: T,
}

/// An `a=` line, RFC 8866 §5.13.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeLine<'a> {
    /// Number of the line, from one.
    pub line: usize,
    /// The name: everything before the first colon.
    pub name: &'a str,
    /// What follows the colon; `None` for a property attribute.
    pub value: Option<&'a str>,
    /// Bytes of the value (of the name, if there is none) in the text.
    pub range: Range<usize>,
}

impl<'a> AttributeLine<'a> {
    fn of(line: &Line<'a>) -> Option<Self> {
        if line.kind() != Some('a') {
            return None;
        }
        let whole = line.value();
        Some(match whole.split_once(':') {
            Some((name, value)) => Self {
                line: line.number,
                name,
                value: Some(value),
                range: line.range.end - value.len()..line.range.end,
            },
            None => Self {
                line: line.number,
                name: whole,
                value: None,
                range: line.value_start()..line.range.end,
            },
        })
    }

    /// Reads the value. Faults that do not hinder the understanding are not reported here but by
    /// [`SessionDescription::violations`].
    pub fn read<T: Attribute>(&self) -> Result<T, Malformed> {
        T::read(self.name, &mut Scanner::new(self.value.unwrap_or_default()))
    }
}

/// A section of a description.
#[derive(Debug, Clone)]
pub struct Section<'a> {
    description: &'a SessionDescription,
    index: Option<usize>,
    lines: Range<usize>,
}

impl<'a> Section<'a> {
    pub(super) fn new(
        description: &'a SessionDescription,
        index: Option<usize>,
        lines: Range<usize>,
    ) -> Self {
        Self { description, index, lines }
    }

    /// The description that it belongs to.
    pub fn description(&self) -> &'a SessionDescription {
        self.description
    }

    /// Index of the media section, from zero; `None` for the session section.
    pub fn index(&self) -> Option<usize> {
        self.index
    }

    /// Its lines in order, the `m=` line first.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = Line<'a>> + ExactSizeIterator + use<'a> {
        self.description.lines_in(self.lines.clone())
    }

    /// Its lines of one type.
    pub fn lines_of(&self, kind: char) -> impl Iterator<Item = Line<'a>> + use<'a> {
        self.lines().filter(move |line| line.kind() == Some(kind))
    }

    /// Its attributes in order, known or not.
    pub fn attributes(&self) -> impl Iterator<Item = AttributeLine<'a>> + use<'a> {
        self.lines().filter_map(|line| AttributeLine::of(&line))
    }

    /// Its attributes of one name.
    pub fn named<'n>(&self, name: &'n str) -> impl Iterator<Item = AttributeLine<'a>> + use<'a, 'n> {
        self.attributes().filter(move |attribute| attribute.name == name)
    }

    /// Whether there is an attribute of this name.
    pub fn has(&self, name: &str) -> bool {
        self.named(name).next().is_some()
    }

    /// The value of the first attribute of this name, if it has one.
    pub fn value(&self, name: &str) -> Option<&'a str> {
        self.named(name).find_map(|attribute| attribute.value)
    }

    /// All attributes of one type, read, with their lines.
    pub fn typed<T: Attribute>(&self) -> impl Iterator<Item = OnLine<Result<T, Malformed>>> + use<'a, T> {
        self.attributes().filter(|attribute| T::NAMES.contains(&attribute.name)).map(|attribute| OnLine {
            line: attribute.line,
            value: T::read(attribute.name, &mut Scanner::new(attribute.value.unwrap_or_default())),
            range: attribute.range,
        })
    }

    /// All well-formed attributes of one type.
    pub fn every<T: Attribute>(&self) -> impl Iterator<Item = T> + use<'a, T> {
        self.typed::<T>().filter_map(|found| found.value.ok())
    }

    /// The first well-formed attribute of one type.
    pub fn first<T: Attribute>(&self) -> Option<T> {
        self.every::<T>().next()
    }

    pub(super) fn first_of<T>(
        &self,
        kind: char,
        read: impl Fn(&mut Scanner<'_>) -> Result<T, Malformed>,
    ) -> Option<OnLine<Result<T, Malformed>>> {
        let line = self.lines_of(kind).next()?;
        let range = line.value_start()..line.range.end;
        Some(OnLine { line: line.number, range, value: read(&mut Scanner::new(line.value())) })
    }

    /// The `m=` line, RFC 8866 §5.14; `None` for the session section.
    pub fn media_line(&self) -> Option<OnLine<Result<MediaLine, Malformed>>> {
        self.first_of('m', MediaLine::read)
    }

    /// The first `c=` line, RFC 8866 §5.7.
    pub fn connection(&self) -> Option<OnLine<Result<Connection, Malformed>>> {
        self.first_of('c', Connection::read)
    }

    /// Whether the section is rejected or unused: its port is zero and it is not bundle-only (RFC 9143 §6).
    pub fn is_rejected(&self) -> bool {
        let port = self.media_line().and_then(|line| line.value.ok()).map(|line| line.port);
        port == Some(0) && !self.has("bundle-only")
    }

    /// The MID, RFC 5888 §4.
    pub fn mid(&self) -> Option<String> {
        self.first::<Mid>().map(|mid| mid.0)
    }

    /// The direction: of the section, else of the session, else `sendrecv` (RFC 8866 §6.7).
    pub fn direction(&self) -> Direction {
        let session = || self.description.session().first::<Direction>();
        self.first::<Direction>().or_else(session).unwrap_or(Direction::SendRecv)
    }

    /// The well-formed `a=rtpmap` lines.
    pub fn rtpmaps(&self) -> Vec<RtpMap> {
        self.every().collect()
    }

    /// What a payload type stands for.
    pub fn rtpmap(&self, payload_type: u8) -> Option<RtpMap> {
        self.every::<RtpMap>().find(|map| map.payload_type == payload_type)
    }

    /// The format parameters of a payload type.
    pub fn fmtp(&self, payload_type: u8) -> Option<Fmtp> {
        let format = payload_type.to_string();
        self.every::<Fmtp>().find(|fmtp| fmtp.format == format)
    }

    /// The feedback messages for a payload type, those for all (`*`) included.
    pub fn rtcp_fbs(&self, payload_type: u8) -> Vec<RtcpFb> {
        self.every::<RtcpFb>().filter(|fb| fb.payload_type.is_none_or(|pt| pt == payload_type)).collect()
    }

    /// The header extensions: of the section and of the session.
    pub fn extmaps(&self) -> Vec<ExtMap> {
        let session = self.index.map(|_| self.description.session());
        session.iter().flat_map(|session| session.every()).chain(self.every()).collect()
    }

    /// The well-formed candidates.
    pub fn candidates(&self) -> Vec<Candidate> {
        self.every().collect()
    }

    /// The fingerprints on this level.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.every().collect()
    }

    /// The `a=ssrc` lines.
    pub fn ssrcs(&self) -> Vec<Ssrc> {
        self.every().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::CHROME_OFFER;
    use super::*;

    #[test]
    fn an_attribute_is_found_with_the_line_and_the_bytes_of_its_value() {
        let description = SessionDescription::parse(CHROME_OFFER);
        let audio = description.section(0).unwrap();
        let mid = audio.typed::<Mid>().next().unwrap();
        assert_eq!(&CHROME_OFFER[mid.range.clone()], "0");
        assert_eq!(CHROME_OFFER.lines().nth(mid.line - 1), Some("a=mid:0"));
        let mux = audio.named("rtcp-mux").next().unwrap();
        assert_eq!((mux.value, &CHROME_OFFER[mux.range]), (None, "rtcp-mux"));
    }

    #[test]
    fn codecs_are_looked_up_by_payload_type() {
        let description = SessionDescription::parse(CHROME_OFFER);
        let audio = description.section(0).unwrap();
        assert_eq!(audio.rtpmap(111).unwrap().to_string(), "111 opus/48000/2");
        assert_eq!(audio.fmtp(111).unwrap().get("useinbandfec"), Some("1"));
        assert_eq!(
            audio.rtcp_fbs(111).iter().map(RtcpFb::to_string).collect::<Vec<_>>(),
            ["111 transport-cc"]
        );
        assert!(audio.rtpmap(96).is_none());
    }

    #[test]
    fn the_direction_is_inherited_from_the_session_and_defaults_to_both() {
        let direction = |session: &str, media: &str| {
            let text = format!("v=0\r\n{session}m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n{media}");
            SessionDescription::parse(text).section(0).unwrap().direction()
        };
        assert_eq!(direction("", ""), Direction::SendRecv);
        assert_eq!(direction("a=recvonly\r\n", ""), Direction::RecvOnly);
        assert_eq!(direction("a=recvonly\r\n", "a=inactive\r\n"), Direction::Inactive);
    }

    #[test]
    fn a_section_with_port_zero_is_rejected_unless_it_is_bundle_only() {
        let rejected = |text: &str| SessionDescription::parse(text).section(0).unwrap().is_rejected();
        assert!(rejected("m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n"));
        assert!(!rejected("m=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=bundle-only\r\n"));
        assert!(!rejected("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"));
    }
}
