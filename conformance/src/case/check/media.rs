//! Remote tracks, and what was seen and heard of them.

use super::{Checked, Mismatch, words};
use crate::case::view::{MediaSample, PeerView};
use crate::expect::{AudioMatch, OrNone, PeerExpectations, TracksMatch, VideoMatch};
use crate::verdict::Layer;
use peerproof_captures::event::MediaKind;

const LAYER: Layer = Layer::Media;
/// How far off a tone may be in hertz, unless the scenario says otherwise.
const TONE_WITHIN: u32 = 15;

pub(super) fn check(name: &str, expected: &PeerExpectations, view: &PeerView, checked: &mut Checked) {
    match &expected.tracks {
        None => {}
        Some(OrNone::None) => {
            for kind in [MediaKind::Audio, MediaKind::Video] {
                checked.add(tracks(name, kind, 0, view));
            }
        }
        Some(OrNone::Some(TracksMatch { audio, video, msid })) => {
            for (kind, count) in [(MediaKind::Audio, audio), (MediaKind::Video, video)] {
                if let Some(count) = count {
                    checked.add(tracks(name, kind, *count, view));
                }
            }
            if *msid == Some(true) {
                checked.add(streams(name, view));
            }
        }
    }
    match &expected.media {
        None => {}
        Some(OrNone::None) => {
            for kind in [MediaKind::Audio, MediaKind::Video] {
                checked.add(unseen(name, kind, view));
            }
        }
        Some(OrNone::Some(media)) => {
            if let Some(wanted) = &media.video {
                checked.add(video(name, wanted, view));
            }
            if let Some(wanted) = &media.audio {
                checked.add(audio(name, wanted, view));
            }
        }
    }
}

fn tracks(name: &str, kind: MediaKind, count: usize, view: &PeerView) -> Option<Mismatch> {
    let mut mids: Vec<_> =
        view.tracks.iter().filter(|at| at.is.kind == kind).map(|at| (&at.is.mid, &at.is.id)).collect();
    mids.dedup();
    // That there is no track says nothing without a remote description.
    if count == 0 && mids.is_empty() && view.remote.is_empty() {
        let text = format!("{name} should get no {kind} tracks");
        return Some(Mismatch::new(LAYER, name, text, "it has no remote description").undecided());
    }
    (mids.len() != count).then(|| {
        let last = view.tracks.iter().rev().find(|at| at.is.kind == kind).map(|at| at.n);
        let text = format!("{name} should get {count} {kind} tracks");
        Mismatch::new(LAYER, name, text, format!("it got {}", mids.len())).at(last)
    })
}

/// RFC 8830 §3: a track's streams are the ids of the `a=msid` lines of its section.
fn streams(name: &str, view: &PeerView) -> Option<Mismatch> {
    for at in &view.tracks {
        let remote =
            view.remote.iter().rev().find(|remote| remote.n < at.n).or_else(|| view.remote.first())?;
        let mut mid = None;
        let mut ids: Vec<&str> = Vec::new();
        for line in remote.is.sdp.lines().map(str::trim_end) {
            if line.starts_with("m=") {
                if mid.is_some() && mid == at.is.mid.as_deref() {
                    break;
                }
                (mid, ids) = (None, Vec::new());
            } else if let Some(value) = line.strip_prefix("a=mid:") {
                mid = Some(value);
            } else if let Some(value) = line.strip_prefix("a=msid:") {
                ids.extend(value.split_ascii_whitespace().next().filter(|id| *id != "-"));
            }
        }
        let mut streams: Vec<&str> = at.is.streams.iter().map(String::as_str).collect();
        streams.sort_unstable();
        ids.sort_unstable();
        ids.dedup();
        if mid == at.is.mid.as_deref() && streams != ids {
            let text =
                format!("the {} track at {name} should belong to the streams {}", at.is.kind, words(ids));
            let is = format!("it belongs to {}", words(streams));
            return Some(Mismatch::new(Layer::Sdp, name, text, is).at(Some(at.n)));
        }
    }
    None
}

fn media_samples(view: &PeerView, kind: MediaKind) -> Vec<(&MediaSample, u64)> {
    view.media_samples.iter().filter(|at| at.is.kind == kind).map(|at| (&at.is, at.n)).collect()
}

fn unseen(name: &str, kind: MediaKind, view: &PeerView) -> Option<Mismatch> {
    let seen = media_samples(view, kind);
    seen.iter().find(|(sample, _)| sample.frames > 0).map(|(sample, n)| {
        let text = format!("{name} should get no {kind}");
        Mismatch::new(LAYER, name, text, format!("it decoded {} frames", sample.frames)).at(Some(*n))
    })
}

fn video(name: &str, wanted: &VideoMatch, view: &PeerView) -> Option<Mismatch> {
    if wanted.seen == Some(false) {
        return unseen(name, MediaKind::Video, view);
    }
    let seen = media_samples(view, MediaKind::Video);
    let Some(&(newest, n)) = seen.last() else {
        return Some(Mismatch::new(LAYER, name, format!("{name} should see video"), "it saw none"));
    };
    let differs = |text: String, is: String| Some(Mismatch::new(LAYER, name, text, is).at(Some(n)));
    let most = seen.iter().map(|(sample, _)| sample.frames).max().unwrap_or(0);
    if let Some(least) = wanted.min_frames
        && most < least
    {
        return differs(format!("{name} should see at least {least} frames"), format!("it saw {most}"));
    }
    for (expected, is, what) in [
        (wanted.width, newest.size.map(|size| size.0), "wide"),
        (wanted.height, newest.size.map(|size| size.1), "high"),
    ] {
        if let Some(expected) = expected
            && is != Some(expected)
        {
            let is = is.map_or_else(|| "of unknown size".to_owned(), |is| format!("{is} pixels {what}"));
            return differs(
                format!("{name} should see video {expected} pixels {what}"),
                format!("it is {is}"),
            );
        }
    }
    if wanted.numbers.is_some() {
        let numbers: Vec<u32> = seen
            .iter()
            .filter(|(sample, _)| sample.track == newest.track)
            .filter_map(|(sample, _)| sample.number)
            .collect();
        let back = numbers.windows(2).find(|pair| matches!(pair, [a, b] if b < a));
        let grew = numbers.first().zip(numbers.last()).is_some_and(|(first, last)| last > first);
        let text = format!("the numbers in the frames that {name} sees should grow");
        if let Some([a, b]) = back {
            return differs(text, format!("{b} came after {a}"));
        }
        if !grew {
            let is = if numbers.is_empty() {
                "none was read".to_owned()
            } else {
                format!("it read {}", words(numbers))
            };
            return differs(text, is);
        }
    }
    None
}

fn audio(name: &str, wanted: &AudioMatch, view: &PeerView) -> Option<Mismatch> {
    if wanted.seen == Some(false) {
        return unseen(name, MediaKind::Audio, view);
    }
    let seen = media_samples(view, MediaKind::Audio);
    let Some(&(_, n)) = seen.last() else {
        return Some(Mismatch::new(LAYER, name, format!("{name} should hear audio"), "it heard none"));
    };
    let differs = |text: String, is: String| Some(Mismatch::new(LAYER, name, text, is).at(Some(n)));
    let most = seen.iter().map(|(sample, _)| sample.frames).max().unwrap_or(0);
    if let Some(least) = wanted.min_frames
        && most < least
    {
        return differs(format!("{name} should hear at least {least} blocks"), format!("it heard {most}"));
    }
    if let Some(tone) = wanted.tone {
        let within = wanted.within.unwrap_or(TONE_WITHIN);
        let heard: Vec<u32> = seen.iter().filter_map(|(sample, _)| sample.tone_hz).collect();
        // The first sightings may fall into the start of the tone: the last one counts.
        if heard.last().is_none_or(|heard| heard.abs_diff(tone) > within) {
            let is =
                heard.last().map_or_else(|| "it heard none".to_owned(), |hz| format!("it heard {hz} Hz"));
            return differs(format!("{name} should hear a tone of {tone} ± {within} Hz"), is);
        }
    }
    None
}
