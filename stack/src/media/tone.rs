//! Known tones, as `docs/media.md` defines them: sounded by every source, recognised by every sink.

use std::f32::consts::PI;

/// Samples a second.
pub const SAMPLE_RATE: u32 = 48_000;
/// Samples in a block of 20 ms.
pub const BLOCK: usize = 960;
/// Samples in the 100 ms that [`strongest`] wants at least.
pub const READ_BLOCK: usize = 4800;
/// Frequencies that a source may sound and a reader looks for, in hertz.
pub const RANGE_HZ: std::ops::RangeInclusive<u32> = 20..=16_000;

const AMPLITUDE: f64 = 0.5;
const SILENCE_RMS: f32 = 0.01;
/// Bins on either side of a peak that belong to it: the window spreads a sine over them.
const LOBE: usize = 3;
/// The part of the power that a tone has at least. What stutters or crackles has no tone.
const PURE: f32 = 0.5;

/// The samples from `first` on (counted from the source's beginning, so that the phase is continuous) of a sine.
#[must_use]
pub fn sine(tone_hz: u32, first: u64, count: usize) -> Vec<f32> {
    // The phase is taken modulo one second exactly, in integers, so that it does not drift in a long run.
    let rate = u64::from(SAMPLE_RATE);
    (0..count as u64)
        .map(|i| {
            let turns = (first + i) % rate * u64::from(tone_hz) % rate;
            ((turns as f64 / rate as f64 * std::f64::consts::TAU).sin() * AMPLITUDE) as f32
        })
        .collect()
}

/// The strongest tone in at least [`READ_BLOCK`] samples (the newest count), rounded to whole hertz. Nothing in silence, in noise
/// (no tone has half of the power) or in too few samples.
#[must_use]
pub fn strongest(samples: &[f32]) -> Option<u32> {
    let block = samples.get(samples.len().checked_sub(READ_BLOCK)?..)?;
    let power = block.iter().map(|s| s * s).sum::<f32>() / block.len() as f32;
    if !power.is_finite() || power.sqrt() < SILENCE_RMS {
        return None;
    }
    let size = READ_BLOCK.next_power_of_two();
    let mut spectrum: Vec<(f32, f32)> = block
        .iter()
        .enumerate()
        .map(|(i, s)| (s * (0.5 - 0.5 * (2.0 * PI * i as f32 / READ_BLOCK as f32).cos()), 0.0))
        .collect();
    spectrum.resize(size, (0.0, 0.0));
    fft(&mut spectrum);
    let bin_hz = SAMPLE_RATE as f32 / size as f32;
    let magnitude = |bin: usize| spectrum.get(bin).map_or(0.0, |(re, im)| re.hypot(*im));
    let from = (*RANGE_HZ.start() as f32 / bin_hz) as usize;
    let to = (*RANGE_HZ.end() as f32 / bin_hz).ceil() as usize + 1;
    let peak = (from.max(1)..to).max_by(|&a, &b| magnitude(a).total_cmp(&magnitude(b)))?;
    let power = |bins: std::ops::Range<usize>| bins.map(|bin| magnitude(bin).powi(2)).sum::<f32>();
    if power(peak.saturating_sub(LOBE).max(1)..peak + LOBE + 1) < PURE * power(1..size / 2) {
        return None;
    }
    // The true maximum lies between the bins: on the parabola through the peak and its neighbours.
    let (left, middle, right) = (magnitude(peak - 1), magnitude(peak), magnitude(peak + 1));
    let curve = left - 2.0 * middle + right;
    let offset = if curve.abs() > f32::EPSILON { 0.5 * (left - right) / curve } else { 0.0 };
    Some(((peak as f32 + offset) * bin_hz).round().max(0.0) as u32)
}

/// In-place radix-2 fast Fourier transform; the length is a power of two.
fn fft(data: &mut [(f32, f32)]) {
    let n = data.len();
    let mut j = 0;
    for i in 1..n {
        let mut bit = n >> 1;
        while j & bit != 0 {
            j ^= bit;
            bit >>= 1;
        }
        j |= bit;
        if i < j {
            data.swap(i, j);
        }
    }
    let mut half = 1;
    while half < n {
        let twiddles: Vec<(f32, f32)> = (0..half)
            .map(|k| {
                let (sin, cos) = (-PI * k as f32 / half as f32).sin_cos();
                (cos, sin)
            })
            .collect();
        for chunk in data.chunks_exact_mut(2 * half) {
            let (low, high) = chunk.split_at_mut(half);
            for ((a, b), (wr, wi)) in low.iter_mut().zip(high).zip(&twiddles) {
                let (tr, ti) = (b.0 * wr - b.1 * wi, b.0 * wi + b.1 * wr);
                *b = (a.0 - tr, a.1 - ti);
                *a = (a.0 + tr, a.1 + ti);
            }
        }
        half *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_read_back_within_ten_hertz() {
        for tone in [20, 33, 100, 440, 441, 997, 1000, 4321, 8000, 12_345, 16_000] {
            let heard = strongest(&sine(tone, 12_345, READ_BLOCK)).unwrap();
            assert!(heard.abs_diff(tone) <= 10, "{tone} Hz heard as {heard} Hz");
        }
    }

    #[test]
    fn the_phase_is_continuous_over_blocks_and_seconds() {
        let whole = sine(439, 0, 3 * BLOCK);
        let parts: Vec<f32> = (0..3).flat_map(|n| sine(439, n * BLOCK as u64, BLOCK)).collect();
        assert_eq!(whole, parts);
        assert_eq!(sine(439, 48_000 * 3600, 100), sine(439, 0, 100));
    }

    #[test]
    fn the_stronger_of_two_tones_wins() {
        let mix: Vec<f32> =
            sine(440, 0, 6000).iter().zip(sine(1500, 0, 6000)).map(|(a, b)| a + 0.3 * b).collect();
        assert!(strongest(&mix).unwrap().abs_diff(440) <= 10);
    }

    #[test]
    fn sound_without_one_tone_has_none() {
        let tones = [250, 440, 1000, 3000];
        let mut mix = vec![0.0; READ_BLOCK];
        for tone in tones {
            for (sum, sample) in mix.iter_mut().zip(sine(tone, 0, READ_BLOCK)) {
                *sum += sample / 4.0;
            }
        }
        assert_eq!(strongest(&mix), None);
        let click: Vec<f32> = (0..READ_BLOCK).map(|n| if n % 600 < 12 { 0.9 } else { 0.0 }).collect();
        assert_eq!(strongest(&click), None);
    }

    #[test]
    fn silence_whispers_and_short_blocks_have_no_tone() {
        assert_eq!(strongest(&vec![0.0; READ_BLOCK]), None);
        let whisper: Vec<f32> = sine(440, 0, READ_BLOCK).iter().map(|s| s * 0.02).collect();
        assert_eq!(strongest(&whisper), None);
        assert_eq!(strongest(&sine(440, 0, READ_BLOCK - 1)), None);
        assert_eq!(strongest(&[f32::NAN; READ_BLOCK]), None);
    }
}
