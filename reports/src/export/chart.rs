//! The bitrate of a peer over time as a drawing: where its lines, marks and words are. The page's template writes them out.

use crate::time::span;
use peerproof_conformance::case::{Bitrate, LinkChange};

/// Size of the drawing and of the field in it that the axes enclose, in its own units.
const WIDTH: u64 = 720;
const HEIGHT: u64 = 220;
const LEFT: u64 = 52;
const RIGHT: u64 = 708;
const TOP: u64 = 26;
const BOTTOM: u64 = 184;
/// So many steps on an axis are enough to read it.
const MOST_TICKS: u64 = 8;
/// Room that the words beside a mark need.
const LABEL: u64 = 130;

/// A line across the field with what it stands for.
pub(super) struct Tick {
    pub(super) at: u64,
    pub(super) text: String,
}

/// A change of a link.
pub(super) struct Mark {
    pub(super) x: u64,
    /// Where its words begin, and above which height.
    pub(super) text_x: u64,
    pub(super) text_y: u64,
    pub(super) text: String,
}

/// A drawing.
pub(super) struct Chart<'a> {
    pub(super) peer: &'a str,
    /// For those who cannot see it.
    pub(super) summary: String,
    pub(super) width: u64,
    pub(super) height: u64,
    pub(super) left: u64,
    pub(super) right: u64,
    pub(super) top: u64,
    pub(super) bottom: u64,
    pub(super) times: Vec<Tick>,
    pub(super) rates: Vec<Tick>,
    pub(super) marks: Vec<Mark>,
    /// The rate, as the points of a polyline.
    pub(super) rate: String,
    /// What the peer's own link carries, as a path; empty if it is not limited.
    pub(super) limit: String,
}

/// Maps times and rates to places.
struct Scale {
    from_us: u64,
    span_us: u64,
    most_kbit: u64,
}

impl Scale {
    fn x(&self, t_us: u64) -> u64 {
        let since = t_us.saturating_sub(self.from_us).min(self.span_us);
        LEFT + share(since, self.span_us, RIGHT - LEFT)
    }

    fn y(&self, kbit: u64) -> u64 {
        BOTTOM - share(kbit.min(self.most_kbit), self.most_kbit, BOTTOM - TOP)
    }
}

/// `part` of `whole`, in units of which the whole has so many.
fn share(part: u64, whole: u64, units: u64) -> u64 {
    let share = u128::from(part) * u128::from(units) / u128::from(whole.max(1));
    u64::try_from(share).unwrap_or(units).min(units)
}

impl<'a> Chart<'a> {
    pub(super) fn of(bitrate: &'a Bitrate) -> Self {
        let count = u64::try_from(bitrate.kbit.len()).unwrap_or(u64::MAX);
        let span_us = bitrate.slice_us.saturating_mul(count).max(1);
        let most = bitrate.kbit.iter().copied().max().unwrap_or(0);
        let step = round_step(most.saturating_add(most / 10).max(1));
        let scale = Scale {
            from_us: bitrate.from_us,
            span_us,
            most_kbit: most.saturating_add(most / 10).div_ceil(step).max(1).saturating_mul(step),
        };
        let points = bitrate.kbit.iter().zip(0_u64..).map(|(kbit, slice)| {
            // A slice's rate stands in its middle.
            let t_us = slice.saturating_mul(bitrate.slice_us).saturating_add(bitrate.slice_us / 2);
            format!("{},{}", scale.x(bitrate.from_us.saturating_add(t_us)), scale.y(*kbit))
        });
        let second = 1_000_000;
        let every = round_step(span_us.div_ceil(second).max(1)) * second;
        let times = (0..=span_us / every).map(|n| Tick {
            at: scale.x(bitrate.from_us.saturating_add(n * every)),
            text: (n * every / second).to_string(),
        });
        let rates = (0..=scale.most_kbit / step)
            .map(|n| Tick { at: scale.y(n * step), text: (n * step).to_string() });
        Self {
            peer: &bitrate.peer,
            summary: summary(bitrate, most, span_us),
            width: WIDTH,
            height: HEIGHT,
            left: LEFT,
            right: RIGHT,
            top: TOP,
            bottom: BOTTOM,
            times: times.collect(),
            rates: rates.collect(),
            marks: marks(bitrate, &scale),
            rate: points.collect::<Vec<_>>().join(" "),
            limit: limit(bitrate, &scale),
        }
    }
}

/// A step of 1, 2 or 5 times a power of ten, of which few make up `whole`.
fn round_step(whole: u64) -> u64 {
    let steps = (0..18).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u64.pow(power)));
    steps.into_iter().find(|step| whole / step <= MOST_TICKS).unwrap_or(whole.max(1))
}

fn summary(bitrate: &Bitrate, most: u64, span_us: u64) -> String {
    let changes = bitrate.links.iter().filter(|change| change.t_us >= bitrate.from_us).map(|change| {
        format!("; at {} {}", span(change.t_us.saturating_sub(bitrate.from_us)), words(change))
    });
    format!(
        "What {} sent over {}, at most {most} kilobits per second{}",
        bitrate.peer,
        span(span_us),
        changes.collect::<String>()
    )
}

/// A change in few words.
fn words(change: &LinkChange) -> String {
    let name = change.name.as_deref().unwrap_or(&change.of);
    let rate = change.up.or(change.down);
    match rate.map(|rate| rate.kbit) {
        Some(Some(kbit)) => format!("{name}: {kbit} kbit/s"),
        Some(None) => format!("{name}: unlimited"),
        None => name.to_owned(),
    }
}

fn marks(bitrate: &Bitrate, scale: &Scale) -> Vec<Mark> {
    let until = scale.from_us.saturating_add(scale.span_us);
    let shown = bitrate.links.iter().filter(|change| (bitrate.from_us..=until).contains(&change.t_us));
    let marks = shown.zip(0_u64..).map(|(change, n)| {
        let x = scale.x(change.t_us);
        // Neighbours on two lines, so that they do not run into one another.
        Mark { x, text_x: (x + 4).min(RIGHT - LABEL), text_y: 10 + n % 2 * 12, text: words(change) }
    });
    marks.collect()
}

/// What the way from the peer's own interfaces carries. Above the field it runs along its edge.
fn limit(bitrate: &Bitrate, scale: &Scale) -> String {
    let own = |change: &&LinkChange| {
        change.up.is_some() && change.of.split_once('/').is_some_and(|(host, _)| host == bitrate.peer)
    };
    let mut path = String::new();
    let mut pen = false;
    for change in bitrate.links.iter().filter(own) {
        let x = scale.x(change.t_us);
        let kbit = change.up.and_then(|rate| rate.kbit);
        if pen {
            path.push_str(&format!("H{x}"));
        }
        match kbit {
            Some(kbit) if pen => path.push_str(&format!("V{}", scale.y(kbit))),
            Some(kbit) => path.push_str(&format!("M{x} {}", scale.y(kbit))),
            None => {}
        }
        pen = kbit.is_some();
    }
    if pen {
        path.push_str(&format!("H{RIGHT}"));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use peerproof_captures::timeline::LinkRate;

    fn change(t_us: u64, kbit: Option<u64>) -> LinkChange {
        let up = Some(LinkRate { kbit });
        LinkChange { t_us, name: None, of: "alice/eth0".to_owned(), up, down: None }
    }

    fn bitrate(kbit: Vec<u64>, links: Vec<LinkChange>) -> Bitrate {
        Bitrate { peer: "alice".to_owned(), from_us: 1_000_000, slice_us: 500_000, kbit, links }
    }

    #[test]
    fn rates_and_marks_stand_at_their_times() {
        let links = vec![change(0, Some(400)), change(2_000_000, Some(200)), change(2_500_000, None)];
        let bitrate = bitrate(vec![400, 400, 200, 0], links);
        let chart = Chart::of(&bitrate);
        // Two seconds over 656 units, and 440 rounded up to 450 over 158.
        assert_eq!(chart.rate, "134,44 298,44 462,114 626,184");
        assert_eq!(chart.marks.iter().map(|mark| mark.x).collect::<Vec<_>>(), [380, 544]);
        assert_eq!(chart.limit, "M52 44H380V114H544", "an unlimited link has no limit that could be drawn");
        assert_eq!(chart.rates.first().map(|tick| (tick.at, tick.text.as_str())), Some((184, "0")));
        assert!(chart.summary.contains("at most 400"), "{}", chart.summary);
    }

    #[test]
    fn whatever_a_recording_says_stays_in_the_drawing() {
        let hostile = [
            bitrate(vec![], vec![]),
            bitrate(vec![0], vec![change(u64::MAX, Some(u64::MAX))]),
            bitrate(vec![u64::MAX; 600], vec![change(0, Some(0)), change(1, None), change(2, Some(1))]),
            Bitrate {
                from_us: u64::MAX,
                slice_us: u64::MAX,
                ..bitrate(vec![1, 2, 3], vec![change(7, None)])
            },
        ];
        for bitrate in &hostile {
            let chart = Chart::of(bitrate);
            let numbers = |text: &str| -> Vec<u64> {
                let digits = text.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
                digits.map(|digits| digits.parse().unwrap()).collect()
            };
            assert!(chart.times.len() <= 12 && chart.rates.len() <= 12);
            let xs = chart.times.iter().map(|tick| tick.at).chain(chart.marks.iter().map(|mark| mark.x));
            assert!(xs.chain(numbers(&chart.rate)).chain(numbers(&chart.limit)).all(|at| at <= RIGHT));
        }
    }
}
