//! What the dissectors of RTP need to know from a description: header extensions and payload formats.

use super::section::Section;
use crate::wire::payload::Format;
use crate::wire::rtp::{ExtensionKind, ExtensionMap};

impl Section<'_> {
    /// What the identifiers of header extensions stand for in this section.
    pub fn extension_map(&self) -> ExtensionMap {
        let pairs = self
            .extmaps()
            .into_iter()
            .filter_map(|map| Some((u8::try_from(map.id).ok()?, ExtensionKind::from_uri(&map.uri))));
        pairs.collect()
    }

    /// The payload types of this section whose format is understood.
    pub fn payload_formats(&self) -> Vec<(u8, Format)> {
        let formats = self.rtpmaps().into_iter();
        formats.filter_map(|map| Some((map.payload_type, Format::of(&map.encoding)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::SessionDescription;
    use super::super::samples::CHROME_OFFER;
    use super::*;

    #[test]
    fn a_section_has_its_header_extensions_and_formats() {
        let description = SessionDescription::parse(CHROME_OFFER);
        let audio = description.section(0).unwrap();
        assert_eq!(audio.extension_map().get(4), ExtensionKind::Mid);
        assert_eq!(audio.extension_map().get(2), ExtensionKind::Unknown);
        assert_eq!(audio.payload_formats(), [(111, Format::Opus), (63, Format::Red)]);
    }
}
