//! RFC 9143 §15, RFC 9429 §5.11: if the MID extension was negotiated, the first packets of each source name its section.

use crate::checks::media::{self, extensions, headers};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::SessionDescription;
use peerproof_captures::wire::rtp::ExtensionKind;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const CHECK: Check = Check {
    id: "hdrext-mid-sent-and-correct",
    layer: Layer::Media,
    subject: "sources with MID",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Among how many packets of a source there must be one with MID: the choice of the catalogue.
const FIRST: usize = 20;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let Some(other) = evidence.other(peer) else { return };
    let own = mids(evidence.made_by(peer).map(|made| &made.sdp));
    let remote = mids(evidence.made_by(other).map(|made| made.received()));
    let negotiated: BTreeSet<&String> = own.intersection(&remote).collect();
    let (listed, extensions) = (media::mids(evidence, peer), extensions(evidence, peer));
    let mut sources: BTreeMap<u32, Source> = BTreeMap::new();
    for (packet, header) in headers(evidence, peer) {
        let Some(sections) = listed.of(packet).get(&header.payload_type()) else { continue };
        if !sections.iter().any(|mid| negotiated.contains(mid)) {
            continue;
        }
        let source = sources
            .entry(header.ssrc.value)
            .or_insert_with(|| Source { frame: packet.frame, ..Source::default() });
        source.packets += 1;
        let mut elements = header.elements();
        let Some(mid) = elements.find(|it| extensions.of(packet).get(it.id) == ExtensionKind::Mid) else {
            continue;
        };
        let mid = String::from_utf8_lossy(mid.value.value).into_owned();
        source.named |= source.packets <= FIRST;
        if !sections.contains(&mid) && !evidence.is_faulted(packet.frame) {
            source.wrong.get_or_insert((packet.frame, mid, header.payload_type()));
        }
    }
    for (ssrc, source) in sources {
        let place = Place::Frame(source.frame);
        match source.wrong {
            Some((frame, mid, payload_type)) => tally.fail(
                Fault("mid-of-other-section"),
                format!(
                    "source {ssrc:#010x} names section {mid:?}, which does not list payload type {payload_type}"
                ),
                [Place::Frame(frame)],
            ),
            None if source.named => tally.pass(place),
            None if source.packets < FIRST || !evidence.whole => {
                tally.inconclusive(
                    format!("few packets of source {ssrc:#010x} are in the recording, none with MID"),
                    [place],
                );
            }
            None => tally.warn(
                Fault("mid-missing"),
                format!(
                    "none of the first {FIRST} packets of source {ssrc:#010x} has the MID that was negotiated"
                ),
                [place],
            ),
        }
    }
}

#[derive(Default)]
struct Source {
    frame: u64,
    packets: usize,
    named: bool,
    wrong: Option<(u64, String, u8)>,
}

/// The sections that map the MID extension.
fn mids<'a>(descriptions: impl Iterator<Item = &'a SessionDescription>) -> BTreeSet<String> {
    let has = |map: &peerproof_captures::sdp::ExtMap| ExtensionKind::from_uri(&map.uri) == ExtensionKind::Mid;
    let sections = descriptions.flat_map(SessionDescription::media);
    sections.filter(|it| it.extmaps().iter().any(has)).filter_map(|it| it.mid()).collect()
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtp};
    use crate::checks::media::extensions;
    use crate::evidence::Peer;
    use peerproof_captures::wire::rtp::ExtensionKind;

    /// Gives the audio the MID of the video, and the other way round.
    pub(super) const CONTROL: Control = Control::new(Recording::Video, |evidence| {
        let id = extensions(evidence, Peer(0)).id_of(ExtensionKind::Mid).unwrap();
        let mut swapped = 0;
        rtp::edit_elements(evidence, Peer(0), id, |value| {
            value[0] = if value == b"0" { b'1' } else { b'0' };
            swapped += 1;
        });
        assert!(swapped > 0);
    })
    .also_breaks(&["oa-rtp-payload-type-from-remote"])
    .and(&[Mutation::new(Recording::Video, "has the MID that was negotiated", |evidence| {
        let id = extensions(evidence, Peer(0)).id_of(ExtensionKind::Mid).unwrap();
        rtp::erase_elements(evidence, Peer(0), id);
    })]);
}
