//! RFC 4588 §8.1: each payload type of rtx names in `apt` one that the section has, that is no rtx, and whose clock has
//! the same rate.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::{Fmtp, RtpMap, Section};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const CHECK: Check = Check {
    id: "rtx-apt-names-existing-payload-type",
    layer: Layer::Sdp,
    subject: "rtx payload types",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        made.sdp
            .media()
            .filter(|section| !section.is_rejected())
            .for_each(|section| judge(made, &section, tally));
    }
}

fn judge(made: &Description, section: &Section<'_>, tally: &mut Tally) {
    let Some(media) = look::media(section) else { return };
    let listed: BTreeSet<u8> = media.payload_types().collect();
    let maps: BTreeMap<u8, RtpMap> =
        section.rtpmaps().into_iter().map(|map| (map.payload_type, map)).collect();
    let formats = section.every::<Fmtp>().filter_map(|fmtp| Some((fmtp.payload_type()?, fmtp)));
    let formats: BTreeMap<u8, Fmtp> = formats.collect();
    for map in section.typed::<RtpMap>() {
        let place: Place = look::line(made, map.line);
        let Some(map) = map.value.ok().filter(|map| map.is("rtx") && listed.contains(&map.payload_type))
        else {
            continue;
        };
        let apt = formats.get(&map.payload_type).and_then(|fmtp| fmtp.get("apt"));
        let what = format!("rtx {}", map.payload_type);
        let Some(apt) = apt else {
            tally.fail(Fault("no-apt"), format!("{what} does not say what it repeats"), [place]);
            continue;
        };
        match apt.parse().ok().filter(|apt| listed.contains(apt)).and_then(|apt: u8| maps.get(&apt)) {
            None => tally.fail(
                Fault("unknown-apt"),
                format!("{what} repeats {apt}, which the section does not have"),
                [place],
            ),
            Some(of) if of.is("rtx") => {
                tally.fail(Fault("apt-of-rtx"), format!("{what} repeats {apt}, which is rtx too"), [place]);
            }
            Some(of) => tally.judge(Fault("other-clock"), of.clock_rate == map.clock_rate, place, || {
                format!(
                    "{what} has a clock of {} Hz, what it repeats one of {} Hz",
                    map.clock_rate, of.clock_rate
                )
            }),
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace};

    /// Names a payload type that is not used, in the offer and its answer.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        for made in &mut evidence.descriptions {
            replace(&mut made.sdp, "a=fmtp:97 apt=96", "a=fmtp:97 apt=95");
        }
    })
    .and(&[
        Mutation::new(Recording::Descriptions, "rtx 97 does not say what it repeats", |evidence| {
            for made in &mut evidence.descriptions {
                replace(&mut made.sdp, "a=fmtp:97 apt=96\r\n", "");
            }
        }),
        Mutation::new(Recording::Descriptions, "rtx 97 repeats 103, which is rtx too", |evidence| {
            for made in &mut evidence.descriptions {
                replace(&mut made.sdp, "a=fmtp:97 apt=96", "a=fmtp:97 apt=103");
            }
        }),
        Mutation::new(Recording::Descriptions, "rtx 97 has a clock of 48000 Hz", |evidence| {
            for made in &mut evidence.descriptions {
                replace(&mut made.sdp, "a=rtpmap:97 rtx/90000", "a=rtpmap:97 rtx/48000");
            }
        }),
    ]);
}
