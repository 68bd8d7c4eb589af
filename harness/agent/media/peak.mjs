// The strongest tone of a spectrum (docs/media.md, "The tone").

/** Samples that a tone is looked for in: 170 ms at 48 kHz. */
export const BLOCK = 8192;

/** The root mean square, as a part of full scale, below which audio is silence. */
export const SILENCE = 0.01;

/** Bins on either side of a peak that belong to it: the window spreads a sine over them. */
const LOBE = 3;

/** The part of the power that a tone has at least. What stutters or crackles has no tone. */
const PURE = 0.5;

/**
 * The frequency of the highest peak from 20 Hz to 16 kHz, in whole hertz; null if it does not have half of the power.
 * @param {Float32Array | Float64Array} spectrum in decibels
 * @param {number} width of a bin in hertz
 * @returns {number | null}
 */
export function strongest(spectrum, width) {
  let best = Math.ceil(20 / width);
  for (let bin = best; bin <= 16000 / width && bin < spectrum.length - 1; bin++) {
    if (spectrum[bin] > spectrum[best]) best = bin;
  }
  const power = (decibels) => decibels.reduce((sum, value) => sum + 10 ** (value / 10), 0);
  if (power(spectrum.subarray(Math.max(best - LOBE, 1), best + LOBE + 1)) < PURE * power(spectrum.subarray(1))) return null;
  // The top of the parabola through the three bins around the peak.
  const [left, peak, right] = [spectrum[best - 1], spectrum[best], spectrum[best + 1]];
  const offset = left + right < 2 * peak ? (left - right) / (2 * (left - 2 * peak + right)) : 0;
  return Math.round((best + offset) * width);
}
