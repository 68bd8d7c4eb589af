//! What session descriptions show about the packets: names, passwords, codecs, fingerprints.

use crate::sdp::{Codec, Direction, IcePwd, IceUfrag, SessionDescription, SsrcGroup};
use std::collections::{BTreeMap, BTreeSet};

/// Most descriptions that are remembered.
const DESCRIPTIONS: usize = 256;

/// A description as far as packets need it.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// What its peer is called.
    pub(super) name: String,
    /// ICE credentials.
    credentials: Vec<(String, String)>,
    codecs: BTreeMap<u8, Codec>,
    /// Sources that it announces.
    sources: BTreeSet<u32>,
    /// RTX source by what it repairs.
    repairs: BTreeMap<u32, u32>,
    /// SHA-256 fingerprints, as in a certificate's `sha256`.
    pub(super) fingerprints: Vec<String>,
    /// Whether its keys come by another way than DTLS, if it has any.
    pub(super) is_without_dtls: bool,
    /// The first `a=setup`.
    pub(super) setup: Option<String>,
    /// Whether a media section would send, receive.
    pub(super) sends_media: bool,
    pub(super) receives_media: bool,
}

/// All descriptions given.
#[derive(Debug, Clone, Default)]
pub(super) struct Context {
    known: Vec<Known>,
}

impl Context {
    pub(super) fn add(&mut self, name: &str, description: &SessionDescription) {
        if self.known.len() >= DESCRIPTIONS {
            return;
        }
        let mut known = Known { name: name.to_owned(), ..Known::default() };
        known.is_without_dtls = description.is_without_dtls();
        let mut setups =
            (0..description.media().len()).filter_map(|at| description.effective_value(at, "setup"));
        known.setup = setups.next().map(str::to_owned);
        for section in std::iter::once(description.session()).chain(description.media()) {
            if let (Some(IceUfrag(ufrag)), Some(IcePwd(password))) = (section.first(), section.first()) {
                known.credentials.push((ufrag, password));
            }
            for fingerprint in section.fingerprints() {
                if fingerprint.hash.eq_ignore_ascii_case("sha-256") {
                    known.fingerprints.push(hex(&fingerprint.bytes));
                }
            }
            known.codecs.extend(section.codecs());
            known.sources.extend(section.ssrcs().iter().map(|ssrc| ssrc.ssrc));
            for group in section.every::<SsrcGroup>() {
                if let ("FID", [source, repair]) = (group.semantics.as_str(), group.ssrcs.as_slice()) {
                    known.repairs.insert(*repair, *source);
                }
            }
            let is_media = section
                .media_line()
                .and_then(|line| line.value.ok())
                .is_some_and(|line| line.media == "audio" || line.media == "video");
            if is_media && !section.is_rejected() {
                let direction = section.direction();
                known.sends_media |= matches!(direction, Direction::SendRecv | Direction::SendOnly);
                known.receives_media |= matches!(direction, Direction::SendRecv | Direction::RecvOnly);
            }
        }
        self.known.push(known);
    }

    /// The newest description with that ufrag, by its index.
    pub(super) fn with_ufrag(&self, ufrag: &str) -> Option<usize> {
        self.known.iter().rposition(|known| known.credentials.iter().any(|(found, _)| found == ufrag))
    }

    pub(super) fn get(&self, index: usize) -> Option<&Known> {
        self.known.get(index)
    }

    /// The password that goes with a ufrag.
    pub(super) fn password(&self, ufrag: &str) -> Option<&str> {
        let credentials = self.known.iter().rev().flat_map(|known| &known.credentials);
        credentials.into_iter().find(|(found, _)| found == ufrag).map(|(_, password)| password.as_str())
    }

    /// The codec of a payload type: as one of these descriptions says, else as the only one given.
    pub(super) fn codec(&self, payload_type: u8, of: [Option<usize>; 2]) -> Option<&Codec> {
        let named = of.into_iter().flatten().filter_map(|index| self.get(index));
        let all = self.known.iter().rev();
        let mut candidates = named.chain(all.filter(|_| of == [None, None]));
        candidates.find_map(|known| known.codecs.get(&payload_type))
    }

    /// Whether one of these descriptions announces a source.
    pub(super) fn describes(&self, ssrc: u32, of: [Option<usize>; 2]) -> bool {
        of.into_iter()
            .flatten()
            .filter_map(|index| self.get(index))
            .any(|known| known.sources.contains(&ssrc))
    }

    /// The source that `ssrc` repairs.
    pub(super) fn repaired_by(&self, ssrc: u32) -> Option<u32> {
        self.known.iter().rev().find_map(|known| known.repairs.get(&ssrc).copied())
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    crate::wire::show::Hex(bytes).to_string()
}
