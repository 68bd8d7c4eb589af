//! Which line holds for a media section when an attribute may stand on several levels.

use super::SessionDescription;
use super::section::{AttributeLine, Section};

/// Where a line that holds for a section was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// In the media section itself.
    Media,
    /// In the session section.
    Session,
    /// In the tagged section of its BUNDLE group (RFC 9143 §7.2).
    BundleTag,
}

/// A line that holds for a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective<'a> {
    /// Where it stands.
    pub level: Level,
    /// The line.
    pub attribute: AttributeLine<'a>,
}

/// The attributes of the multiplexing categories TRANSPORT and IDENTICAL (RFC 8859), which stand for a whole BUNDLE group in
/// its tagged section alone (RFC 9143 §7.1.3).
const SHARED_IN_BUNDLE: &[&str] = &[
    "candidate",
    "connection",
    "end-of-candidates",
    "fingerprint",
    "ice-lite",
    "ice-options",
    "ice-pacing",
    "ice-pwd",
    "ice-ufrag",
    "remote-candidates",
    "rtcp",
    "rtcp-mux",
    "rtcp-mux-only",
    "rtcp-rsize",
    "setup",
    "tls-id",
];

impl SessionDescription {
    /// The tagged section of the BUNDLE group that a section belongs to: the first of the group's tags that names a section.
    /// `None` if it is in no group.
    pub fn bundle_tag_section(&self, index: usize) -> Option<Section<'_>> {
        let group = self.bundle_with(&self.section(index)?.mid()?)?;
        group.tags.iter().find_map(|tag| self.section_with_mid(tag))
    }

    /// The lines of an attribute that hold for the media section with this index: its own, else the session's, else (for
    /// attributes of the transport) those of the tagged section of its BUNDLE group.
    pub fn effective_all(&self, index: usize, name: &str) -> Vec<Effective<'_>> {
        fn on<'a>(level: Level, section: &Section<'a>, name: &str) -> Vec<Effective<'a>> {
            section.named(name).map(|attribute| Effective { level, attribute }).collect()
        }
        let Some(section) = self.section(index) else { return Vec::new() };
        let own = on(Level::Media, &section, name);
        if !own.is_empty() {
            return own;
        }
        let session = on(Level::Session, &self.session(), name);
        if !session.is_empty() || !SHARED_IN_BUNDLE.contains(&name) {
            return session;
        }
        self.bundle_tag_section(index).map(|tag| on(Level::BundleTag, &tag, name)).unwrap_or_default()
    }

    /// The first of [`Self::effective_all`].
    pub fn effective(&self, index: usize, name: &str) -> Option<Effective<'_>> {
        self.effective_all(index, name).into_iter().next()
    }

    /// The value of the first of [`Self::effective_all`].
    pub fn effective_value(&self, index: usize, name: &str) -> Option<&str> {
        self.effective(index, name)?.attribute.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUNDLED: &str = "v=0\r\na=group:BUNDLE a b\r\na=setup:actpass\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:a\r\na=ice-ufrag:tag\r\na=ptime:20\r\na=fingerprint:sha-256 AA\r\n\
        m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:b\r\na=bundle-only\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:c\r\na=ice-ufrag:own\r\na=setup:active\r\n";

    #[track_caller]
    fn check(index: usize, name: &str, expected: Option<(Level, &str)>) {
        let description = SessionDescription::parse(BUNDLED);
        let found = description.effective(index, name);
        assert_eq!(
            found.map(|e| (e.level, e.attribute.value.unwrap_or_default())),
            expected,
            "{name} of {index}"
        );
    }

    #[test]
    fn media_goes_before_session_and_session_before_the_tagged_section() {
        check(0, "ice-ufrag", Some((Level::Media, "tag")));
        check(1, "ice-ufrag", Some((Level::BundleTag, "tag")));
        check(1, "fingerprint", Some((Level::BundleTag, "sha-256 AA")));
        check(1, "setup", Some((Level::Session, "actpass")));
        check(2, "setup", Some((Level::Media, "active")));
    }

    #[test]
    fn only_attributes_of_the_transport_are_shared_and_only_within_the_group() {
        check(1, "ptime", None);
        check(2, "fingerprint", None);
        check(3, "setup", None);
    }
}
