//! RFC 8834 §4.9: a connection has one canonical name for all its sources, and another one than other connections.

use super::cnames;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "rtcp-single-cname-per-connection",
    layer: Layer::Media,
    subject: "canonical names",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let other = evidence.other(peer);
    let theirs: Vec<&[u8]> =
        other.into_iter().flat_map(|other| cnames(evidence, other)).map(|it| it.2).collect();
    let mut first: Option<(u64, &[u8])> = None;
    for (packet, ssrc, name) in cnames(evidence, peer) {
        let place = Place::Frame(packet.frame);
        let (frame, known) = *first.get_or_insert((packet.frame, name));
        let text = String::from_utf8_lossy;
        if known != name {
            tally.fail(
                Fault("several-cnames"),
                format!("source {ssrc:#010x} is named {:?}, another one {:?}", text(name), text(known)),
                [place, Place::Frame(frame)],
            );
        } else {
            tally.pass(place);
        }
    }
    if let Some((frame, name)) = first.filter(|(_, name)| theirs.contains(name)) {
        let name = String::from_utf8_lossy(name);
        tally.fail(
            Fault("cname-of-other-side"),
            format!("both sides are named {name:?}"),
            [Place::Frame(frame)],
        );
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, rtcp};
    use crate::evidence::{Evidence, Peer};
    use peerproof_captures::sdp::SessionDescription;

    /// Reports no name in the description, with which `rtcp-cname-equals-signalled` would compare.
    fn prepare(evidence: &mut Evidence) {
        for made in &mut evidence.descriptions {
            let kept = made.sdp.as_str().split_inclusive('\n').filter(|line| !line.starts_with("a=ssrc:"));
            made.sdp = SessionDescription::parse(kept.collect::<String>());
        }
    }

    /// Changes a character of a name.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Call, prepare, |evidence| {
        let found = rtcp::find_all(evidence, Peer(0), rtcp::SDES).last().unwrap();
        rtcp::edit(evidence, found, |packet| packet[12] ^= 1);
    });
}
