//! RFC 9429 §5.2.1: an offer has a group of semantics LS for each MediaStream that several of its sections send.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::{Group, Msid};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const CHECK: Check = Check {
    id: "jsep-ls-groups-in-offer",
    layer: Layer::Sdp,
    subject: "MediaStreams of several sections",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.offers(peer) {
        let groups: Vec<BTreeSet<String>> = synchronized(made);
        for (stream, mids) in streams(made).into_iter().filter(|(_, mids)| mids.len() > 1) {
            let is_grouped = groups.iter().any(|group| mids.is_subset(group));
            tally.judge(Fault("no-group"), is_grouped, Place::Entry(made.entry), || {
                let mids = mids.iter().cloned().collect::<Vec<_>>().join(", ");
                format!("no a=group:LS has the sections {mids}, which send the MediaStream {stream}")
            });
        }
    }
}

/// The sections of each group for lip synchronization (RFC 5888 §7).
fn synchronized(made: &Description) -> Vec<BTreeSet<String>> {
    let all = made.sdp.session().every::<Group>().filter(|group| group.semantics == "LS");
    all.map(|group| group.tags.into_iter().collect()).collect()
}

/// The sections that send each MediaStream (RFC 8830 §2). A hyphen stands for none.
fn streams(made: &Description) -> BTreeMap<String, BTreeSet<String>> {
    let mut streams: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for section in made.sdp.media().filter(|section| look::is_rtp(section) && !section.is_rejected()) {
        let Some(mid) = section.mid().filter(|_| section.direction().sends()) else { continue };
        for msid in section.every::<Msid>().filter(|msid| msid.stream != "-") {
            streams.entry(msid.stream).or_default().insert(mid.clone());
        }
    }
    streams
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace, replace_all};
    use crate::evidence::Evidence;

    /// Sends both tracks as of one MediaStream, which is grouped.
    fn share(evidence: &mut Evidence) {
        const STREAMS: [&str; 2] =
            ["a=msid:95dde0e7-64a3-44c1-ac68-21221e58ea7c ", "a=msid:f265fa04-a25d-4876-92d5-30cf231ee2e9 "];
        replace_all(&mut evidence.descriptions[0].sdp, STREAMS[0], STREAMS[1]);
        for made in &mut evidence.descriptions {
            replace(&mut made.sdp, "a=group:BUNDLE 0 1\r\n", "a=group:BUNDLE 0 1\r\na=group:LS 0 1\r\n");
        }
    }

    /// Takes a section out of the group.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Video, share, |evidence| {
        replace(&mut evidence.descriptions[0].sdp, "a=group:LS 0 1", "a=group:LS 0");
        replace(&mut evidence.descriptions[1].sdp, "a=group:LS 0 1", "a=group:LS 0");
    });
}
