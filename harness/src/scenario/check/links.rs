//! A link of the lab is one that packets can pass: rates, delays and sizes are within bounds, so that no peer is blamed for a network through
//! which nothing can go.

use super::super::document::{Document, ValuePath};
use super::super::error::ScenarioError;
use crate::network::fabric::link::{LinkQuality, Loss};
use crate::network::fabric::topology::Topology;

/// Rates in kbit/s: up to 10 Gbit/s.
const RATES: [u64; 2] = [1, 10_000_000];
/// Times in milliseconds: longer than a minute no peer waits.
const TIMES: [u64; 2] = [0, 60_000];
/// Longest packets in bytes: what every host takes (RFC 791 §3.1), and what an IPv4 packet can have.
const MTUS: [u64; 2] = [576, 65_535];

/// All links of a network.
pub(super) fn of_topology(
    document: &Document,
    topology: &Topology,
    path: &ValuePath,
) -> Result<(), ScenarioError> {
    let segments = topology.segments.iter().map(|(name, it)| ("segments", name, [&it.up, &it.down]));
    let interfaces = topology.interfaces.iter().map(|(name, it)| ("interfaces", name, [&it.up, &it.down]));
    for (kind, name, [up, down]) in segments.chain(interfaces) {
        let path = path.key(kind).key(name);
        quality(document, up, &path.key("up"))?;
        quality(document, down, &path.key("down"))?;
    }
    Ok(())
}

/// One direction of a link.
pub(super) fn quality(
    document: &Document,
    quality: &LinkQuality,
    path: &ValuePath,
) -> Result<(), ScenarioError> {
    let LinkQuality {
        rate_kbit,
        queue_ms,
        delay_ms,
        jitter_ms,
        loss,
        reorder,
        reorder_by_ms,
        duplicate,
        corrupt,
        mtu,
    } = quality;
    let wrong = |path: &ValuePath, key: &str, [least, most]: [u64; 2], unit: &str| {
        Err(document.error(path, format!("`{key}` must be from {least} to {most}{unit}"), None))
    };
    let numbers = [
        ("rateKbit", rate_kbit.unwrap_or(RATES[0]), RATES, " kbit/s"),
        ("queueMs", *queue_ms, TIMES, " ms"),
        ("delayMs", *delay_ms, TIMES, " ms"),
        ("jitterMs", *jitter_ms, TIMES, " ms"),
        ("reorderByMs", *reorder_by_ms, TIMES, " ms"),
        ("mtu", u64::try_from(*mtu).unwrap_or(u64::MAX), MTUS, " bytes"),
    ];
    for (key, number, bounds, unit) in numbers {
        if !(bounds[0]..=bounds[1]).contains(&number) {
            return wrong(&path.key(key), key, bounds, unit);
        }
    }
    let lost = path.key("loss");
    let losses = match *loss {
        Loss::None => Vec::new(),
        Loss::Random(percent) => vec![(lost.key("random"), "random", percent)],
        Loss::Bursts { into, out_of, within } => {
            let bursts = lost.key("bursts");
            [("into", into), ("out_of", out_of), ("within", within)]
                .map(|(key, percent)| (bursts.key(key), key, percent))
                .to_vec()
        }
    };
    let own = [("reorder", *reorder), ("duplicate", *duplicate), ("corrupt", *corrupt)];
    let own = own.map(|(key, percent)| (path.key(key), key, percent));
    for (path, key, percent) in own.into_iter().chain(losses) {
        // What is no number is in no range either.
        if !(0.0..=100.0).contains(&percent) {
            return wrong(&path, key, [0, 100], " percent");
        }
    }
    Ok(())
}
