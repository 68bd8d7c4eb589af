//! RFC 8834 §8, RFC 3550 §6.3: who sends media reports on it, and who receives it reports on that, again and again.

use super::{blocks, packets};
use crate::checks::media::codecs;
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::Packet;
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::rtcp::Body;
use peerproof_captures::wire::rtp;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "rtcp-reports-sent-regularly",
    layer: Layer::Media,
    subject: "sources that are reported on",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// How long media must last to be judged, and how long it may go without a report, in microseconds.
const LONGEST_US: u64 = 10_000_000;

/// A source that is silent for longer pauses: nothing is to be reported on it meanwhile (RFC 3550 §6.4), in microseconds.
const PAUSE_US: u64 = 1_000_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let Some(other) = evidence.other(peer) else { return };
    let (mut sent, mut received) = (BTreeMap::new(), BTreeMap::new());
    for (packet, body) in packets(evidence, peer).map(|(packet, _, body)| (packet, body)) {
        if let Body::SenderReport(report) = body {
            sent.entry(report.ssrc.value).or_insert_with(Vec::new).push(packet.t_us);
        }
    }
    for (packet, block) in blocks(evidence, peer) {
        received.entry(block.ssrc.value).or_insert_with(Vec::new).push(packet.t_us);
    }
    for (source, reports, what) in [(peer, sent, "SR"), (other, received, "report block")] {
        for (ssrc, media) in sources(evidence, peer, source)
            .iter()
            .flat_map(|(ssrc, all)| all.iter().map(move |it| (ssrc, it)))
        {
            judge(evidence, peer, media, reports.get(ssrc).map_or(&[][..], Vec::as_slice), tally, || {
                format!("no {what} of source {ssrc:#010x}")
            });
        }
    }
}

/// Media of a source at a peer, without a pause.
struct Media {
    frame: u64,
    first_us: u64,
    last_us: u64,
}

/// The sources of media, without retransmissions, as they pass a peer. Only what was opened is known to have arrived.
fn sources(evidence: &Evidence, at: Peer, source: Peer) -> BTreeMap<u32, Vec<Media>> {
    let codecs = codecs(evidence, source);
    let mut sources: BTreeMap<u32, Vec<Media>> = BTreeMap::new();
    let is_media = |packet: &&Packet| packet.class() == Class::Rtp && packet.sender == source;
    for packet in evidence.wire.iter().flat_map(|wire| wire.at(at)).filter(is_media) {
        let Some(clear) = packet.clear.first() else { continue };
        let Ok(read) = rtp::view(&clear.bytes) else { continue };
        if codecs.of(packet).get(&read.header.payload_type()).is_none_or(|codec| codec.is_rtx()) {
            continue;
        }
        let all = sources.entry(read.header.ssrc.value).or_default();
        match all.last_mut() {
            Some(media) if packet.t_us.saturating_sub(media.last_us) <= PAUSE_US => {
                media.last_us = packet.t_us;
            }
            _ => all.push(Media { frame: packet.frame, first_us: packet.t_us, last_us: packet.t_us }),
        }
    }
    sources
}

fn judge(
    evidence: &Evidence,
    peer: Peer,
    media: &Media,
    reports: &[u64],
    tally: &mut Tally,
    missing: impl Fn() -> String,
) {
    let place = Place::Frame(media.frame);
    if media.last_us.saturating_sub(media.first_us) <= LONGEST_US {
        tally.inconclusive("the media is in the recording for less than ten seconds", [place]);
        return;
    }
    let mut since = media.first_us;
    let mut pauses = Vec::new();
    for at in reports.iter().filter(|at| **at <= media.last_us).chain([&media.last_us]) {
        let now = since.max(*at);
        pauses.push((std::mem::replace(&mut since, now), now));
    }
    let long = pauses.iter().filter_map(|(from, to)| Some((to - from, Off::late(*from, LONGEST_US, *to)?)));
    // A fault says more than one that is in doubt.
    match long.max_by_key(|(pause_us, off)| (off.doubt(evidence).is_none(), *pause_us)) {
        None => tally.pass(place),
        Some((pause_us, off)) if evidence.sees_all_sent_by(peer) => {
            let seconds = pause_us as f64 / 1e6;
            tally.off(
                Fault("no-report"),
                evidence,
                off,
                format!("{} for {seconds:.1} s", missing()),
                [place],
            );
        }
        Some(_) => tally.inconclusive("reports may have been lost before the recording", [place]),
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, rtcp};
    use crate::evidence::{Evidence, Peer};

    /// As if the call had lasted twice as long as the recording.
    fn prepare(evidence: &mut Evidence) {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let begin = packets[0].t_us;
        packets.iter_mut().for_each(|it| it.t_us += it.t_us - begin);
    }

    /// Takes the report block of the video, which is the last one, out of each RR.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Call, prepare, |evidence| {
        let media = 0xe805_2741_u32.to_be_bytes();
        for found in rtcp::find_all(evidence, Peer(1), rtcp::RR) {
            rtcp::edit(evidence, found, |packet| {
                // Another source's in its place: a length of its own would move what follows.
                for block in packet[8..].chunks_mut(24).filter(|block| block[..4] == media) {
                    block[0] ^= 1;
                }
            });
        }
    })
    .also_breaks(&["rtcp-report-block-of-received-source"]);
}
