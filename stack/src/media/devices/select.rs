//! The SelectSettings algorithm, mediacapture-main §5.2.
//!
//! The standard reasons about all possible settings of all devices. Here only those are looked at that some constraint points
//! to (its bounds, its ideal, and what the device has by itself): the fitness distance is monotonic between them, so the best of
//! all is among them.

use super::capability::Device;
use super::constraint::{Constraint, ConstraintError, ConstraintSet, Constraints};
use crate::media::codec::Kind;
use crate::media::source::Settings;
use serde_json::Value;
use std::ops::RangeInclusive;

/// Values of one property that are looked at, at most: bounds the work that long lists of advanced sets can cause.
const MOST_VALUES: usize = 12;

/// The settings with which a synthetic device of this kind fulfils the constraints best.
///
/// # Errors
/// `OverconstrainedError` if none fulfils what is required, `TypeError` if the constraints are malformed.
pub fn select_settings(kind: Kind, constraints: &Value) -> Result<Settings, ConstraintError> {
    let devices = Device::synthetic();
    let devices: Vec<&Device> = devices.iter().filter(|device| device.kind() == kind).collect();
    select(&devices, constraints).map(|(_, settings)| settings)
}

/// The device and the settings with which the constraints are fulfilled best.
pub(super) fn select<'a>(
    devices: &[&'a Device],
    constraints: &Value,
) -> Result<(&'a Device, Settings), ConstraintError> {
    let constraints = Constraints::read(constraints)?;
    let mut candidates: Vec<(&Device, Settings)> = devices
        .iter()
        .flat_map(|device| settings_of(device, &constraints).into_iter().map(|settings| (*device, settings)))
        .collect();
    // Step 3: what is required. The first constraint that leaves nothing is the one at fault.
    for (name, constraint) in &constraints.basic {
        candidates.retain(|(_, settings)| is_met(name, constraint, settings));
        if candidates.is_empty() {
            return Err(ConstraintError::unmet(name));
        }
    }
    // Step 5: each advanced set counts if it leaves anything.
    for set in &constraints.advanced {
        let is_met = |settings: &Settings| set.iter().all(|(name, c)| is_met(name, c, settings));
        if candidates.iter().any(|(_, settings)| is_met(settings)) {
            candidates.retain(|(_, settings)| is_met(settings));
        }
    }
    // Step 6: the smallest fitness distance; among equals, what is nearest to the device's own, then the first.
    candidates
        .into_iter()
        .map(|(device, settings)| {
            let rank = (distance(&constraints.basic, &settings), strangeness(device, &settings));
            (rank, device, settings)
        })
        .min_by(|(a, ..), (b, ..)| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)))
        .map(|(_, device, settings)| (device, settings))
        .ok_or_else(|| ConstraintError::unmet(""))
}

/// Settings of a device that some constraint points to.
fn settings_of(device: &Device, constraints: &Constraints) -> Vec<Settings> {
    let (native, can) = (device.native(), device.capabilities());
    let mut all = vec![native.clone()];
    if let (Some(widths), Some(heights), Some(rates)) = (&can.width, &can.height, &can.frame_rate) {
        let mut wanted_widths = pixels(native.width, &numbers(constraints, "width"), widths);
        let mut wanted_heights = pixels(native.height, &numbers(constraints, "height"), heights);
        // Each wanted ratio gives a height to each width, and a width to each height.
        for ratio in numbers(constraints, "aspectRatio").into_iter().filter(|r| r.is_finite() && *r > 0.0) {
            let more_heights: Vec<f64> = wanted_widths.iter().map(|w| f64::from(*w) / ratio).collect();
            let more_widths: Vec<f64> = wanted_heights.iter().map(|h| f64::from(*h) * ratio).collect();
            wanted_widths.extend(pixels(None, &more_widths, widths));
            wanted_heights.extend(pixels(None, &more_heights, heights));
        }
        wanted_widths.truncate(MOST_VALUES);
        wanted_heights.truncate(MOST_VALUES);
        let mut wanted_rates: Vec<f64> = native.frame_rate.into_iter().collect();
        for rate in numbers(constraints, "frameRate") {
            wanted_rates.push(rate.clamp(*rates.start(), *rates.end()));
        }
        wanted_rates.truncate(MOST_VALUES);
        all = Vec::new();
        for &width in &wanted_widths {
            for &height in &wanted_heights {
                for &frame_rate in &wanted_rates {
                    all.push(Settings {
                        width: Some(width),
                        height: Some(height),
                        aspect_ratio: Some(f64::from(width) / f64::from(height)),
                        frame_rate: Some(frame_rate),
                        ..native.clone()
                    });
                }
            }
        }
    }
    if can.processing {
        let switch_off: [fn(&mut Settings); 3] = [
            |settings| settings.echo_cancellation = Some(false),
            |settings| settings.noise_suppression = Some(false),
            |settings| settings.auto_gain_control = Some(false),
        ];
        for off in switch_off {
            let mut others = all.clone();
            others.iter_mut().for_each(off);
            all.extend(others);
        }
    }
    all
}

/// All numbers that constraints name for a property.
fn numbers(constraints: &Constraints, property: &str) -> Vec<f64> {
    std::iter::once(&constraints.basic)
        .chain(&constraints.advanced)
        .flatten()
        .filter(|(name, _)| name == property)
        .flat_map(|(_, constraint)| match constraint {
            Constraint::Number { min, max, exact, ideal } => [*min, *max, *exact, *ideal],
            _ => [None; 4],
        })
        .flatten()
        .collect()
}

/// The even numbers nearest to the wanted ones, within what the device can do, and what it has by itself.
fn pixels(native: Option<u32>, wanted: &[f64], can: &RangeInclusive<u32>) -> Vec<u32> {
    let mut all: Vec<u32> = native.into_iter().collect();
    for number in wanted {
        let number = number.clamp(f64::from(*can.start()), f64::from(*can.end())) as u32;
        // An odd bound may be a minimum or a maximum: the even numbers on both sides.
        for even in [number & !1, number.saturating_add(1) & !1] {
            if can.contains(&even) && !all.contains(&even) {
                all.push(even);
            }
        }
    }
    all
}

/// The value of a setting.
enum Setting<'a> {
    Number(f64),
    Boolean(bool),
    String(&'a str),
}

fn setting<'a>(name: &str, settings: &'a Settings) -> Option<Setting<'a>> {
    let number = |value: Option<u32>| value.map(|v| Setting::Number(v.into()));
    match name {
        "width" => number(settings.width),
        "height" => number(settings.height),
        "sampleRate" => number(settings.sample_rate),
        "sampleSize" => number(settings.sample_size),
        "channelCount" => number(settings.channel_count),
        "aspectRatio" => settings.aspect_ratio.map(Setting::Number),
        "frameRate" => settings.frame_rate.map(Setting::Number),
        "echoCancellation" => settings.echo_cancellation.map(Setting::Boolean),
        "noiseSuppression" => settings.noise_suppression.map(Setting::Boolean),
        "autoGainControl" => settings.auto_gain_control.map(Setting::Boolean),
        "deviceId" => Some(Setting::String(&settings.device_id)),
        "groupId" => Some(Setting::String(&settings.group_id)),
        "facingMode" => settings.facing_mode.as_deref().map(Setting::String),
        _ => None,
    }
}

/// Whether what is required holds. A property that the device lacks fulfils no requirement (§5.2, fitness distance, step 2).
fn is_met(name: &str, constraint: &Constraint, settings: &Settings) -> bool {
    let has = setting(name, settings);
    match constraint {
        Constraint::Number { min: None, max: None, exact: None, .. }
        | Constraint::Boolean { exact: None, .. }
        | Constraint::String { exact: None, .. } => true,
        Constraint::Number { min, max, exact, .. } => {
            let Some(Setting::Number(has)) = has else { return false };
            // A ratio is hardly ever hit exactly in whole, even pixels.
            let tolerance = if name == "aspectRatio" { 0.01 } else { 0.0 };
            min.is_none_or(|min| has >= min - tolerance)
                && max.is_none_or(|max| has <= max + tolerance)
                && exact.is_none_or(|exact| (has - exact).abs() <= tolerance)
        }
        Constraint::Boolean { exact: Some(exact), .. } => {
            matches!(has, Some(Setting::Boolean(has)) if has == *exact)
        }
        Constraint::String { exact: Some(exact), .. } => {
            matches!(has, Some(Setting::String(has)) if exact.iter().any(|e| e == has))
        }
    }
}

/// The fitness distance of settings to what is ideal: 0 for each that is met, up to 1 for each that is not.
fn distance(set: &ConstraintSet, settings: &Settings) -> f64 {
    set.iter().map(|(name, constraint)| distance_of(constraint, setting(name, settings))).sum()
}

fn distance_of(constraint: &Constraint, has: Option<Setting<'_>>) -> f64 {
    match (constraint, has) {
        (Constraint::Number { ideal: None, .. }, _)
        | (Constraint::Boolean { ideal: None, .. }, _)
        | (Constraint::String { ideal: None, .. }, _) => 0.0,
        (Constraint::Number { ideal: Some(ideal), .. }, Some(Setting::Number(has))) => relative(has, *ideal),
        (Constraint::Boolean { ideal: Some(ideal), .. }, Some(Setting::Boolean(has))) => {
            f64::from(u8::from(has != *ideal))
        }
        (Constraint::String { ideal: Some(ideal), .. }, Some(Setting::String(has))) => {
            f64::from(u8::from(!ideal.iter().any(|i| i == has)))
        }
        // The device has no such property.
        _ => 1.0,
    }
}

/// How far settings are from what the device has by itself.
fn strangeness(device: &Device, settings: &Settings) -> f64 {
    let native = device.native();
    let number = |has: Option<f64>, native: Option<f64>| match (has, native) {
        (Some(has), Some(native)) => relative(has, native),
        _ => 0.0,
    };
    let pixels = |has: Option<u32>, native: Option<u32>| number(has.map(f64::from), native.map(f64::from));
    let switches = [
        (settings.echo_cancellation, native.echo_cancellation),
        (settings.noise_suppression, native.noise_suppression),
        (settings.auto_gain_control, native.auto_gain_control),
    ];
    pixels(settings.width, native.width)
        + pixels(settings.height, native.height)
        + number(settings.frame_rate, native.frame_rate)
        + number(settings.aspect_ratio, native.aspect_ratio)
        + switches.iter().filter(|(has, native)| has != native).count() as f64
}

/// |actual − ideal| / max(|actual|, |ideal|), §5.2.
fn relative(actual: f64, ideal: f64) -> f64 {
    let largest = actual.abs().max(ideal.abs());
    if largest == 0.0 { 0.0 } else { (actual - ideal).abs() / largest }
}
