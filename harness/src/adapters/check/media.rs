//! Media between two of the program: what is claimed to be seen and heard is what was sent.

use super::alone::track;
use super::features::Claims;
use super::outcome::{Group, Outcome, Tried, violates};
use super::pair::{PATIENCE, Pair, cannot};
use super::session::{Ground, Trouble};
use crate::machine::Limit;
use peerproof_captures::event::{MediaKind, PeerEvent};
use peerproof_captures::feature::Feature;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// A tone that is nobody's default.
const TONE_HZ: u32 = 523;
/// How far a reported tone may be off (docs/media.md).
const TONE_OFF: u32 = 10;
/// Pictures in a second, which is nobody's default either.
const FRAME_RATE: u32 = 10;
/// The smallest number of a frame that shows that pictures go on.
const ENOUGH: u64 = 5;

/// Sources of the offerer, watched by the answerer.
pub(super) async fn media(
    ground: &Ground,
    listed: &BTreeSet<String>,
    claims: &Claims,
) -> Result<Group, Trouble> {
    let mut group = Group::new("media between two instances");
    let lacks = cannot(listed).or_else(|| {
        let needed = ["createSource", "addTrack", "watch"];
        needed.iter().find(|name| !listed.contains(**name)).map(|name| format!("it has no {name}"))
    });
    for kind in [MediaKind::Audio, MediaKind::Video] {
        let (name, feature) = match kind {
            MediaKind::Audio => (format!("a tone of {TONE_HZ} Hz is heard"), Feature::Audio),
            MediaKind::Video => ("numbered pictures are seen".to_owned(), Feature::Video),
        };
        if let Some(because) = &lacks {
            group.skip(name, because);
            continue;
        }
        let (mut pair, made) = Pair::start(ground, kind.as_str()).await?;
        let seen = match made {
            Ok(()) => watch(&mut pair, kind).await,
            Err(outcome) => Err(outcome),
        };
        if let (Some(note), _) = (group.add(name, claims.hold(feature, seen)), ()) {
            group.note(note);
        }
        pair.end().await;
    }
    Ok(group)
}

/// One newest report of a watched track.
struct Seen {
    frames: u64,
    size: (Option<u32>, Option<u32>),
    number: Option<u32>,
    tone_hz: Option<u32>,
}

async fn watch(pair: &mut Pair, kind: MediaKind) -> Tried<String> {
    let mut args = json!({ "kind": kind });
    match kind {
        MediaKind::Audio => args["toneHz"] = json!(TONE_HZ),
        MediaKind::Video => args["frameRate"] = json!(FRAME_RATE),
    }
    let source = pair.offerer.call("createSource", args).await.done()?;
    let local = track(&source, kind.as_str())?;
    pair.offerer.call("addTrack", json!({ "track": local })).await.done()?;
    pair.connect().await?;
    let appeared = |event: &PeerEvent| match event {
        PeerEvent::Track { id, kind: reported, .. } if *reported == kind => Some(id.clone()),
        _ => None,
    };
    let remote = pair.answerer.event(0, &format!("track of kind {kind}"), PATIENCE, appeared).await?;
    let early = pair.answerer.events(0, |event| matches!(event, PeerEvent::MediaSeen { .. }).then_some(()));
    if !early.is_empty() {
        return violates("no mediaseen before watch", "mediaseen");
    }
    let began = Instant::now();
    pair.answerer.call("watch", json!({ "track": remote })).await.done()?;
    let limit = Limit::new(PATIENCE);
    let mut mark = 0;
    let mut last: Option<Seen> = None;
    loop {
        let left = limit.left();
        let what = match kind {
            MediaKind::Audio => format!("mediaseen with a tone of {TONE_HZ} Hz"),
            MediaKind::Video => "mediaseen with numbers that count up".to_owned(),
        };
        if left.is_zero() {
            return violates(what, last.map_or("no mediaseen".to_owned(), |seen| seen.text()));
        }
        let new = |event: &PeerEvent| match event {
            PeerEvent::MediaSeen { id, kind: reported, frames, width, height, number, tone_hz }
                if *id == remote =>
            {
                let seen =
                    Seen { frames: *frames, size: (*width, *height), number: *number, tone_hz: *tone_hz };
                Some((*reported, seen))
            }
            _ => None,
        };
        let seen = pair.answerer.event(mark, &what, left, new).await;
        mark = pair.answerer.mark();
        let (reported, seen) = match (seen, last.as_ref()) {
            (Err(Outcome::Violates { expected, came }), Some(last)) => {
                return violates(expected, format!("{came}, {}", last.text()));
            }
            (seen, _) => seen?,
        };
        if reported != kind {
            return violates(what, format!("mediaseen of kind {reported}"));
        }
        plausible(&seen, kind, began.elapsed())?;
        if let Some(note) = enough(&seen, last.as_ref(), kind) {
            return Ok(note);
        }
        last = Some(seen);
    }
}

impl Seen {
    fn text(&self) -> String {
        let Self { frames, size: (width, height), number, tone_hz } = self;
        let reported = json!({ "frames": frames, "width": width, "height": height, "number": number, "toneHz": tone_hz });
        format!("at last mediaseen {reported}")
    }
}

/// Whether this number of frames of that size can have come in that time.
fn plausible(seen: &Seen, kind: MediaKind, elapsed: Duration) -> Tried {
    let rate = match kind {
        MediaKind::Audio => 50.0,
        MediaKind::Video => f64::from(FRAME_RATE),
    };
    // Twice as many, since what was buffered may be decoded at once.
    let most = 20.0 + elapsed.as_secs_f64() * rate * 2.0;
    if seen.frames as f64 > most {
        return violates(
            format!("at most {most:.0} frames after {:.1} s", elapsed.as_secs_f64()),
            seen.text(),
        );
    }
    match (kind, seen.size) {
        (MediaKind::Video, (Some(width), Some(height))) if width <= 320 && height <= 240 => Ok(()),
        (MediaKind::Video, _) => violates("pictures of at most 320 × 240 pixels", seen.text()),
        (MediaKind::Audio, _) => Ok(()),
    }
}

/// What was seen, if it is enough.
fn enough(seen: &Seen, last: Option<&Seen>, kind: MediaKind) -> Option<String> {
    match kind {
        MediaKind::Audio => {
            let tone = seen.tone_hz.filter(|tone| tone.abs_diff(TONE_HZ) <= TONE_OFF)?;
            (seen.frames >= ENOUGH).then(|| format!("{tone} Hz after {} blocks", seen.frames))
        }
        MediaKind::Video => {
            let (number, before) = (seen.number?, last?.number?);
            (seen.frames >= ENOUGH && number > before)
                .then(|| format!("frame {number} after {} frames", seen.frames))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(frames: u64, number: Option<u32>, tone_hz: Option<u32>) -> Seen {
        Seen { frames, size: (Some(320), Some(240)), number, tone_hz }
    }

    #[test]
    fn a_tone_is_the_one_that_was_sent() {
        assert!(enough(&seen(10, None, Some(525)), None, MediaKind::Audio).is_some());
        assert!(enough(&seen(10, None, Some(440)), None, MediaKind::Audio).is_none());
        assert!(enough(&seen(1, None, Some(523)), None, MediaKind::Audio).is_none());
    }

    #[test]
    fn pictures_count_up() {
        let (first, next) = (seen(10, Some(9), None), seen(12, Some(11), None));
        assert!(enough(&next, Some(&first), MediaKind::Video).is_some());
        assert!(enough(&first, Some(&first), MediaKind::Video).is_none());
        assert!(enough(&first, None, MediaKind::Video).is_none());
        assert!(plausible(&seen(1_000_000, None, None), MediaKind::Video, PATIENCE).is_err());
        assert!(plausible(&first, MediaKind::Video, PATIENCE).is_ok());
    }
}
