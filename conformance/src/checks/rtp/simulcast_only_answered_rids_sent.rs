//! RFC 8853 §5.3.3: of the streams of a simulcast only those are sent that the other side takes, and one alone if it takes no simulcast.

use super::streams::{Source, agreed, sources};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "simulcast-only-answered-rids-sent",
    layer: Layer::Media,
    subject: "sources of simulcast that was not taken as offered",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let Some(agreed) = agreed(evidence, peer) else {
        tally.inconclusive("later descriptions changed what streams are sent", []);
        return;
    };
    if agreed.values().all(|streams| streams.kept == streams.offered) {
        tally.not_applicable("the other side took all streams that were offered");
        return;
    }
    let sources = sources(evidence, peer);
    for (mid, streams) in agreed.iter().filter(|(_, streams)| streams.kept != streams.offered) {
        let media: BTreeMap<u32, &Source> = sources
            .iter()
            .filter(|(_, it)| it.mid == *mid && !it.repairs)
            .map(|(ssrc, it)| (*ssrc, it))
            .collect();
        let answer = Place::Entry(streams.entry);
        if streams.kept.is_empty() {
            alone(&media, mid, answer, tally);
            continue;
        }
        for (ssrc, source) in media {
            let left =
                |(rid, _): &(&String, &u64)| streams.offered.contains(*rid) && !streams.kept.contains(*rid);
            match source.rids.iter().find(left) {
                Some((rid, frame)) => tally.fail(
                    Fault("rid-not-taken"),
                    format!(
                        "source {ssrc:#010x} sends the stream {rid:?}, which the other side does not take"
                    ),
                    [Place::Frame(*frame), answer],
                ),
                None if source.rids.is_empty() => {
                    tally.inconclusive(
                        "a source does not say which stream it is",
                        [Place::Frame(source.frame)],
                    );
                }
                None => tally.pass(Place::Frame(source.frame)),
            }
        }
    }
}

/// Judges that one source alone is active at a time.
fn alone(media: &BTreeMap<u32, &Source>, mid: &str, answer: Place, tally: &mut Tally) {
    for (ssrc, source) in media {
        let place = Place::Frame(source.frame);
        let beside = media
            .iter()
            .find(|(other, it)| *other != ssrc && it.from_us < source.from_us && source.from_us < it.to_us);
        match beside {
            Some((other, it)) => tally.fail(
                Fault("several-sources-without-simulcast"),
                format!(
                    "sources {other:#010x} and {ssrc:#010x} both send for section {mid:?}, and no simulcast was agreed"
                ),
                [place, Place::Frame(it.frame), answer],
            ),
            None => tally.pass(place),
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace, rtp};
    use crate::checks::media::extensions;
    use crate::evidence::{Evidence, Peer};
    use peerproof_captures::wire::rtp::ExtensionKind;

    /// As if a fourth stream had been offered, which the answer left out and nobody sends.
    fn fourth(evidence: &mut Evidence) {
        let lines = "a=rid:z send\r\na=simulcast:send h;m;l;z";
        replace(&mut evidence.descriptions[0].sdp, "a=simulcast:send h;m;l", lines);
    }

    /// Sends that one instead of the smallest.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Simulcast, fourth, |evidence| {
        let id = extensions(evidence, Peer(0)).id_of(ExtensionKind::Rid).unwrap();
        let mut renamed = 0;
        rtp::edit_elements(evidence, Peer(0), id, |value| {
            if value == b"l" {
                value[0] = b'z';
                renamed += 1;
            }
        });
        assert!(renamed > 0);
    })
    .and(&[Mutation::new(Recording::Simulcast, "no simulcast was agreed", |evidence| {
        replace(&mut evidence.descriptions[1].sdp, "a=simulcast:recv h;m;l\r\n", "");
    })
    .prepared(fourth)]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;

    /// What two sources come to that send in these times.
    fn two(times: [(u64, u64); 2]) -> Status {
        let sources =
            times.map(|(from_us, to_us)| Source { from_us, to_us, packets: 2, ..Source::default() });
        let media = sources.iter().enumerate().map(|(ssrc, source)| (ssrc as u32, source)).collect();
        let mut tally = Tally::default();
        alone(&media, "0", Place::Entry(1), &mut tally);
        tally.finish(&CHECK, "alice", true).result
    }

    #[test]
    fn without_simulcast_one_source_is_active_at_a_time() {
        assert_eq!(two([(0, 100), (50, 150)]), Status::Fail);
        assert_eq!(two([(50, 150), (0, 100)]), Status::Fail);
        assert_eq!(two([(0, 100), (101, 150)]), Status::Pass);
    }

    #[test]
    fn one_that_was_not_taken_at_all_may_send_one_stream_alone() {
        let mut evidence = crate::checks::controls::Recording::Simulcast.evidence();
        assert_eq!(CHECK.run(&evidence)[0].result, Status::NotApplicable, "all were taken");
        let answer = evidence.descriptions[1].sdp.as_str().replace("a=simulcast:recv h;m;l\r\n", "");
        evidence.descriptions[1].sdp = peerproof_captures::sdp::SessionDescription::parse(answer);
        let finding = &CHECK.run(&evidence)[0];
        assert_eq!(finding.result, Status::Fail);
        assert!(finding.sentence.contains("no simulcast was agreed"), "{}", finding.sentence);
    }
}
