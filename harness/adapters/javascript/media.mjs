// Numbered frames and tones, see docs/media.md: made, and read back. Pictures are I420 (a plane of luminance and two of chroma,
// each of these a quarter of its size); sound is 16 bit and mono.

import { CELLS, cellArea, frameCode, readCode } from "./code.mjs";
import { BLOCK, SILENCE, strongest } from "./peak.mjs";

export { BLOCK };

const BLACK = 16;
const WHITE = 235;
const NEUTRAL = 128;

/** The frame of that number. */
export function paintFrame(width, height, number) {
  const data = new Uint8ClampedArray((width * height * 3) / 2).fill(NEUTRAL, width * height);
  const fill = (left, top, right, bottom, luminance) => {
    for (let y = top; y < bottom; y++) data.fill(luminance, y * width + left, y * width + right);
  };
  const code = frameCode(number);
  for (let cell = 0; cell < CELLS; cell++) {
    const { left, top, right, bottom } = cellArea(cell, width, height);
    fill(left, top, right, bottom, (code >>> (CELLS - 1 - cell)) & 1 ? WHITE : BLACK);
  }
  // The lower half only has to be worth encoding: bars that move, and blocks that flicker.
  const half = height / 2;
  for (let y = half; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (((x + (y - half) - 4 * number) % 64) + 64) % 64;
      data[y * width + x] = BLACK + ((WHITE - BLACK) * at) / 64;
    }
  }
  for (let block = number % 4; block < 128; block += 4) {
    const [left, right] = [block % 16, (block % 16) + 1].map((c) => Math.floor((c * width) / 16));
    const [top, bottom] = [Math.floor(block / 16), Math.floor(block / 16) + 1].map((r) => half + Math.floor((r * half) / 8));
    fill(left, top, right, bottom, BLACK + Math.floor(Math.random() * (WHITE - BLACK + 1)));
  }
  return { width, height, data };
}

/** The number of a frame, or null. Of `data` only the plane of luminance is read, which comes first. */
export const readFrame = ({ width, height, data }) => readCode(width, height, data);

export const SAMPLE_RATE = 48000;

/** Returns a function that gives the next samples of a sine at half of full scale. */
export function tone(hertz) {
  let at = 0;
  return (count) => Int16Array.from({ length: count }, () =>
    Math.round(0x4000 * Math.sin((2 * Math.PI * hertz * (at++ % SAMPLE_RATE)) / SAMPLE_RATE)));
}

/** The tone of a block in hertz, or null in silence and in noise. */
export function toneOf(samples, sampleRate) {
  const power = samples.reduce((sum, value) => sum + (value / 0x8000) ** 2, 0) / samples.length;
  if (Math.sqrt(power) < SILENCE) return null;
  return strongest(spectrum(samples), sampleRate / BLOCK);
}

/** The power in each bin, of a block under a Hann window: a fast Fourier transform in place, radix 2. */
function spectrum(samples) {
  const re = new Float64Array(BLOCK);
  const im = new Float64Array(BLOCK);
  const bits = Math.log2(BLOCK);
  for (let i = 0; i < BLOCK; i++) {
    let reversed = 0;
    for (let bit = 0; bit < bits; bit++) reversed |= ((i >> bit) & 1) << (bits - 1 - bit);
    re[reversed] = (samples[i] / 0x8000) * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / BLOCK));
  }
  for (let size = 2; size <= BLOCK; size *= 2) {
    const half = size / 2;
    for (let k = 0; k < half; k++) {
      const [cos, sin] = [Math.cos((-2 * Math.PI * k) / size), Math.sin((-2 * Math.PI * k) / size)];
      for (let i = k; i < BLOCK; i += size) {
        const j = i + half;
        const [x, y] = [re[j] * cos - im[j] * sin, re[j] * sin + im[j] * cos];
        [re[j], im[j]] = [re[i] - x, im[i] - y];
        re[i] += x;
        im[i] += y;
      }
    }
  }
  return Float64Array.from({ length: BLOCK / 2 }, (_, bin) => 10 * Math.log10(re[bin] ** 2 + im[bin] ** 2 + 1e-20));
}
