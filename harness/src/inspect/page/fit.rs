//! What a page leaves out so that it stays small, each time with a word about it.

use super::FEWEST;
use peerproof_conformance::verdict::Place;
use peerproof_reports::session::{Body, DocumentError, Head, Page, Series};
use std::collections::BTreeSet;

/// Points of a curve that has too many: the lowest and the highest of each stretch.
const POINTS: usize = 120;
/// Longest text of an entry, in characters, where the entries are too many.
const TEXT: usize = 200;
/// Fewer entries, messages and curves than this are not halved.
const FEW: usize = 100;

/// Makes the views smaller until everything but the packets takes at most `most` bytes, or nothing is left that can be spared. Returns
/// what it takes then.
pub(super) fn views(page: &mut Page<'_>, most: u64) -> Result<u64, DocumentError> {
    let mut size = page.size_without_packets()?;
    let measures: [fn(&mut Page<'_>) -> Option<String>; 2] = [thin, cut];
    for measure in measures {
        if size <= most {
            return Ok(size);
        }
        if let Some(note) = measure(page) {
            page.head.left_out.push(note);
            size = page.size_without_packets()?;
        }
    }
    let all = counts(&page.body);
    let deciding = entries(&page.head);
    while size > most && halve(&mut page.body, &deciding) {
        size = page.size_without_packets()?;
    }
    let left = counts(&page.body);
    for (n, what) in ["entries of the timeline", "messages on data channels", "numbers of statistics"]
        .into_iter()
        .enumerate()
    {
        let (Some(all), Some(left)) = (all.get(n), left.get(n)) else { continue };
        if left < all {
            page.head.left_out.push(format!("{} of {all} {what}, to keep the page small", all - left));
        }
    }
    Ok(size)
}

fn counts(body: &Body<'_>) -> [usize; 3] {
    [body.entries.len(), body.messages.len(), body.stats.len()]
}

/// Keeps the extremes of each stretch of long curves.
fn thin(page: &mut Page<'_>) -> Option<String> {
    let mut thinned = 0;
    for series in page.body.stats.iter_mut().filter(|series| series.points.len() > POINTS) {
        series.points = extremes(series);
        thinned += 1;
    }
    (thinned > 0).then(|| {
        format!("points of {thinned} curves of statistics between the lowest and the highest of each stretch, to keep the page small")
    })
}

fn extremes(series: &Series) -> Vec<(i64, f64)> {
    let stretch = (series.points.len() * 2).div_ceil(POINTS);
    let mut kept = Vec::with_capacity(POINTS);
    for points in series.points.chunks(stretch) {
        let by_value = |a: &&(i64, f64), b: &&(i64, f64)| a.1.total_cmp(&b.1);
        let (low, high) = (points.iter().min_by(by_value), points.iter().max_by(by_value));
        let mut both: Vec<(i64, f64)> = low.into_iter().chain(high).copied().collect();
        both.sort_by_key(|(t_us, _)| *t_us);
        both.dedup();
        kept.extend(both);
    }
    kept
}

/// Cuts the texts of entries.
fn cut(page: &mut Page<'_>) -> Option<String> {
    let mut cut = 0;
    for entry in &mut page.body.entries {
        if let Some((at, _)) = entry.text.char_indices().nth(TEXT) {
            entry.text.truncate(at);
            entry.text.push('…');
            cut += 1;
        }
    }
    (cut > 0).then(|| format!("the ends of {cut} long entries of the timeline, to keep the page small"))
}

/// The entries that decide something.
fn entries(head: &Head<'_>) -> BTreeSet<u64> {
    let of_case = head.case.iter().flat_map(|case| {
        case.verdict.evidence.iter().chain(case.breaches.iter().flat_map(|breach| &breach.evidence))
    });
    let of_diagnosis = head.diagnosis.iter().chain(head.besides).flat_map(|it| &it.evidence);
    let places = of_case.chain(of_diagnosis).filter_map(|place| match place {
        Place::Entry(entry) | Place::Line { entry, .. } => Some(*entry),
        _ => None,
    });
    places.collect()
}

/// Drops the later half of what there is most of. Returns whether anything could be dropped.
fn halve(body: &mut Body<'_>, deciding: &BTreeSet<u64>) -> bool {
    let points: usize = body.stats.iter().map(|series| series.points.len() + 4).sum();
    // An entry is some words, a point some digits.
    let sizes = [body.entries.len() * 8, body.messages.len() * 8, points];
    let Some(most) = sizes.iter().max() else { return false };
    if *most == points && body.stats.len() > FEW {
        body.stats.truncate(body.stats.len() / 2);
    } else if body.entries.len() > FEW {
        let (half, mut n) = (body.entries.len() / 2, 0);
        body.entries.retain(|entry| {
            n += 1;
            n <= half || deciding.contains(&entry.entry)
        });
        return body.entries.len() <= half + deciding.len() && half > deciding.len();
    } else if body.messages.len() > FEW {
        body.messages.truncate(body.messages.len() / 2);
    } else if body.stats.len() > FEW {
        body.stats.truncate(body.stats.len() / 2);
    } else {
        return false;
    }
    true
}

/// The page as HTML, with fewer packets if it would be larger than that otherwise: what rows take when they are packed was only estimated.
pub(super) fn html(mut page: Page<'_>, most: u64) -> Result<Vec<u8>, DocumentError> {
    let (all, mut noted) = (page.packets.rows.len(), false);
    loop {
        let html = page.html()?;
        let kept = page.packets.rows.len();
        if html.len() as u64 <= most || kept < FEWEST {
            return Ok(html);
        }
        // Blocks first: that a packet was there says more than its bytes.
        if page.packets.blocks.len() > 1 {
            page.packets.blocks.truncate(page.packets.blocks.len() / 2);
        } else {
            page.packets.rows.truncate(kept / 4 * 3);
        }
        if noted {
            page.head.left_out.pop();
        }
        noted = true;
        let left = all - page.packets.rows.len();
        let packets = if left > 0 { format!("the last {left} of {all} packets, ") } else { String::new() };
        let last = page.packets.rows.last().map_or(0, |row| row.frame);
        let bytes = page.packets.blocks.last().map(|block| block.last);
        page.head.left_out.push(format!(
            "{packets}bytes and fields after frame {}, to keep the page small; `--frames {}-` makes a page of others",
            bytes.unwrap_or(0),
            bytes.unwrap_or(last) + 1
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thinned_curve_keeps_its_extremes() {
        let mut points: Vec<(i64, f64)> = (0..5_000).map(|n| (n, (n % 7) as f64)).collect();
        points[3_333].1 = 1e9;
        points[4_444].1 = -1e9;
        let text = String::new;
        let series = Series { peer: text(), kind: text(), id: text(), ssrc: None, name: text(), points };
        let thin = extremes(&series);
        assert!(thin.len() <= POINTS && thin.is_sorted_by_key(|(t_us, _)| *t_us));
        assert!(thin.contains(&(3_333, 1e9)) && thin.contains(&(4_444, -1e9)));
    }
}
