//! What descriptions say of the media that a peer sends, and its RTP packets as far as they can be read.

use super::timing::Off;
use super::transports::{Apart, Indices};
use super::{Fault, Place, Tally};
use crate::evidence::{Evidence, Kind, Packet, Peer, Unsent};
use peerproof_captures::sdp::{Codec, Section, SessionDescription};
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::payload::{Format, red};
use peerproof_captures::wire::rtp::{self, ExtensionMap, ExtensionValue, Header};
use peerproof_captures::wire::stun;
use std::collections::{BTreeMap, BTreeSet};

/// What is wrong, and whether the load of this machine may be why.
#[derive(Debug)]
pub(super) enum Wrong {
    Surely(Fault, String),
    Perhaps(String),
}

impl Wrong {
    /// A time is off.
    pub(super) fn by(fault: Fault, evidence: &Evidence, off: Off, sentence: String) -> Self {
        match off.doubt(evidence) {
            None => Self::Surely(fault, sentence),
            Some(why) => Self::Perhaps(format!("{sentence}: {why}")),
        }
    }

    /// What is sure, or else the first.
    pub(super) fn or(self, other: Option<Self>) -> Self {
        match (&self, other) {
            (Self::Perhaps(_), Some(other @ Self::Surely(..))) => other,
            _ => self,
        }
    }
}

/// Says what is wrong with something, if anything is. `complete` says that the recording has what decides it, `missing` what it
/// lacks otherwise.
#[cfg_attr(test, track_caller)]
pub(super) fn tell(wrong: Option<Wrong>, complete: bool, missing: &str, place: Place, tally: &mut Tally) {
    match wrong {
        None => tally.pass(place),
        Some(Wrong::Surely(fault, sentence)) if complete => tally.fail(fault, sentence, [place]),
        Some(Wrong::Surely(..)) => tally.inconclusive(missing, [place]),
        Some(Wrong::Perhaps(sentence)) => tally.inconclusive_time(sentence, [place]),
    }
}

/// The sections of the descriptions that a peer goes by when it sends, all or those among these: those of the receiver as they arrived, then
/// its own.
pub(super) fn sections<'a>(
    evidence: &'a Evidence,
    peer: Peer,
    among: Option<&'a Indices>,
) -> impl Iterator<Item = Section<'a>> {
    let other = evidence.other(peer);
    let remote = evidence.descriptions.iter().filter(move |made| Some(made.by) == other);
    let remote = remote.map(|made| made.received());
    let own = evidence.made_by(peer).map(|made| &made.sdp);
    let all = remote.chain(own).flat_map(SessionDescription::media);
    all.filter(move |section| is_among(section, among))
}

/// Whether a section is one of these, if there are any.
pub(super) fn is_among(section: &Section<'_>, among: Option<&Indices>) -> bool {
    among.is_none_or(|among| section.index().is_some_and(|index| among.contains(&index)))
}

/// What the payload types that a peer sends stand for: as the receiver says (RFC 3264 §5.1), or, for those that it does not
/// name, as the peer does. One that stands for several things is left out.
pub(crate) fn codecs(evidence: &Evidence, peer: Peer) -> Apart<BTreeMap<u8, Codec>> {
    Apart::new(evidence, |among| {
        payload_types(evidence, peer, among).map(|(payload_type, codec, _)| (payload_type, codec)).collect()
    })
}

/// The sections that list a payload type of [`codecs`], by their `a=mid`.
pub(super) fn mids(evidence: &Evidence, peer: Peer) -> Apart<BTreeMap<u8, BTreeSet<String>>> {
    Apart::new(evidence, |among| {
        payload_types(evidence, peer, among).map(|(payload_type, _, mids)| (payload_type, mids)).collect()
    })
}

fn payload_types(
    evidence: &Evidence,
    peer: Peer,
    among: Option<&Indices>,
) -> impl Iterator<Item = (u8, Codec, BTreeSet<String>)> + use<> {
    let mut all: BTreeMap<u8, (Codec, BTreeSet<String>, bool)> = BTreeMap::new();
    for section in sections(evidence, peer, among) {
        let mid = section.mid();
        for (payload_type, codec) in section.codecs() {
            let (known, mids, one) =
                all.entry(payload_type).or_insert_with(|| (codec.clone(), BTreeSet::new(), true));
            *one &= known.is(&codec.encoding) && known.clock_rate == codec.clock_rate;
            mids.extend(mid.clone());
        }
    }
    all.into_iter()
        .filter(|(_, (_, _, one))| *one)
        .map(|(payload_type, (codec, mids, _))| (payload_type, codec, mids))
}

/// What the identifiers of header extensions stand for in what a peer sends.
pub(super) fn extensions(evidence: &Evidence, peer: Peer) -> Apart<ExtensionMap> {
    Apart::new(evidence, |among| {
        let maps = sections(evidence, peer, among).flat_map(|section| section.extmaps());
        let pairs =
            maps.filter_map(|map| Some((u8::try_from(map.id).ok()?, rtp::ExtensionKind::from_uri(&map.uri))));
        pairs.collect()
    })
}

/// The RTP packets that a peer sent, by their headers, which SRTP leaves in clear; and all of those that could be opened.
pub(super) fn headers(evidence: &Evidence, peer: Peer) -> impl Iterator<Item = (&Packet, Header<'_>)> {
    let sent = evidence.wire.iter().flat_map(move |wire| wire.sent(peer));
    sent.filter_map(|packet| {
        let clear = packet.clear.iter().find(|clear| clear.kind == Kind::Rtp);
        let closed = || (packet.class() == Class::Rtp).then_some(packet.bytes.as_slice());
        let bytes = clear.map(|clear| clear.bytes.as_slice()).or_else(closed)?;
        Some((packet, rtp::view(bytes).ok()?.header))
    })
}

/// An RTP packet whose version is another than 2, so that its first byte says that it is of another protocol (RFC 7983): payload type and
/// source are announced, or the source is one of other packets of the peer.
#[derive(Debug, Clone, Copy)]
pub(super) struct OtherVersion {
    pub(super) version: u8,
    pub(super) payload_type: u8,
    pub(super) ssrc: u32,
}

/// The packets of a peer that are RTP of another version, by their frames.
pub(super) fn other_versions(evidence: &Evidence, peer: Peer) -> BTreeMap<u64, OtherVersion> {
    let sent = evidence.wire.iter().flat_map(|wire| wire.sent(peer));
    let odd = sent.filter(|packet| {
        !evidence.is_faulted(packet.frame)
            && !matches!(packet.class(), Class::Rtp | Class::Rtcp | Class::Dtls)
            && !stun::looks_like_stun(&packet.bytes)
    });
    let mut odd = odd.filter_map(|packet| Some((packet.frame, read_version(&packet.bytes)?))).peekable();
    if odd.peek().is_none() {
        return BTreeMap::new();
    }
    let codecs = codecs(evidence, peer);
    let mut sources: BTreeSet<u32> = headers(evidence, peer).map(|(_, header)| header.ssrc.value).collect();
    for section in evidence.made_by(peer).flat_map(|made| made.sdp.media()) {
        sources.extend(section.ssrcs().iter().map(|ssrc| ssrc.ssrc));
    }
    odd.filter(|(_, it)| codecs.contains_key(&it.payload_type) && sources.contains(&it.ssrc)).collect()
}

fn read_version(bytes: &[u8]) -> Option<OtherVersion> {
    let [first, second, _, _, _, _, _, _, ssrc @ ..] = bytes.first_chunk::<12>()?;
    let (version, payload_type) = (first >> 6, second & 0x7f);
    (version != 2).then(|| OtherVersion { version, payload_type, ssrc: u32::from_be_bytes(*ssrc) })
}

/// The stream identifiers (RtpStreamId, RFC 8852 §3.1) that a peer's packets carry, each with the frame of the first. `None` if none of its RTP
/// was recorded.
pub(crate) fn rids(evidence: &Evidence, peer: Peer) -> Option<BTreeMap<String, u64>> {
    let extensions = extensions(evidence, peer);
    let mut rids = None;
    for (packet, header) in headers(evidence, peer) {
        let rids = rids.get_or_insert_with(BTreeMap::new);
        let mut elements = header.elements();
        let rid = elements.find(|element| extensions.of(packet).get(element.id) == rtp::ExtensionKind::Rid);
        if let Some(rid) = rid {
            let rid = String::from_utf8_lossy(rid.value.value).into_owned();
            rids.entry(rid).or_insert(packet.frame);
        }
        if rids.len() > MOST_RIDS {
            break;
        }
    }
    rids
}

/// Most stream identifiers that are recorded of a peer.
const MOST_RIDS: usize = 64;

/// The RTP packets that a peer sent and that could be opened.
pub(crate) fn packets(evidence: &Evidence, peer: Peer) -> impl Iterator<Item = (&Packet, rtp::Packet<'_>)> {
    evidence.wire.iter().flat_map(move |wire| wire.rtp_read(peer))
}

/// The payload of a packet with its format; out of RED (RFC 2198), if the primary block is alone in it.
pub(super) fn payload<'a>(codecs: &BTreeMap<u8, Codec>, rtp: &rtp::Packet<'a>) -> Option<(Format, &'a [u8])> {
    let format = codecs.get(&rtp.header.payload_type())?.format()?;
    if format != Format::Red {
        return Some((format, rtp.payload.value));
    }
    let mut blocks = red::view(rtp.payload.value).ok()?.blocks();
    let (block, None) = (blocks.next()?, blocks.next()) else { return None };
    Some((codecs.get(&block.payload_type)?.format()?, block.data.value))
}

/// Judges that each number of 16 bits is one more than the one before, where all that was sent is known.
pub(super) struct Rising<'a> {
    evidence: &'a Evidence,
    complete: bool,
    unsent: Unsent,
}

impl<'a> Rising<'a> {
    pub(super) fn of(evidence: &'a Evidence, peer: Peer) -> Self {
        Self { evidence, complete: evidence.sees_all_sent_by(peer), unsent: evidence.unsent(peer) }
    }

    /// `fault` is what it is if it is not, `newest` is the number before and its packet, if there was one; `what` names the number in a fault.
    #[cfg_attr(test, track_caller)]
    pub(super) fn judge(
        &self,
        fault: Fault,
        newest: Option<(u16, &Packet)>,
        (number, packet): (u16, &Packet),
        what: impl FnOnce() -> String,
        tally: &mut Tally,
    ) {
        let place = Place::Frame(packet.frame);
        match newest {
            Some((before, earlier)) if number != before.wrapping_add(1) => {
                let is_faulted = [packet, earlier].iter().any(|it| self.evidence.is_faulted(it.frame));
                // A number that comes again was not taken by what did not leave.
                let is_skip = number.wrapping_sub(before) < 0x8000 && number != before;
                if is_skip && self.unsent.touches(earlier.t_us, packet.t_us) {
                    tally.inconclusive("what took the numbers between may not have left the peer", [place]);
                } else if self.complete && !is_faulted {
                    let places = [place, Place::Frame(earlier.frame)];
                    tally.fail(fault, format!("{} follows {before}", what()), places);
                } else {
                    tally
                        .inconclusive("packets may have been lost or repeated before the recording", [place]);
                }
            }
            _ => tally.pass(place),
        }
    }
}

/// The transport-wide sequence number of a packet, if it bears one.
pub(super) fn transport_sequence(header: &Header<'_>, extensions: &ExtensionMap) -> Option<u16> {
    header.elements().find_map(|element| {
        match ExtensionValue::of(extensions.get(element.id), element.value.value)? {
            ExtensionValue::TransportSequence(number, _) => Some(number),
            _ => None,
        }
    })
}

/// Numbers of 16 bits of one source, counted on beyond their width.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Extender {
    newest: Option<i64>,
}

impl Extender {
    /// The number that is nearest to the newest one so far.
    pub(super) fn extend(&mut self, number: u16) -> i64 {
        let Some(newest) = self.newest else {
            self.newest = Some(number.into());
            return number.into();
        };
        let step = number.wrapping_sub(newest as u16) as i16;
        let extended = newest + i64::from(step);
        self.newest = Some(newest.max(extended));
        extended
    }
}
