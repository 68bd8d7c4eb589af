// Tones (docs/media.md, "The tone"): made as a file, and found in audio.

import { BLOCK, SILENCE, strongest } from "./peak.mjs";

/** Samples in a second, of what is made and of what is analysed. */
export const SAMPLE_RATE = 48000;

/** Seconds until the tone begins again: a whole number, so that the phase of a whole number of hertz goes on. */
const TONE_SECONDS = 10;

/**
 * A WAV file (16 bit, mono) of a sine at half of full scale.
 * @param {number} hertz
 * @returns {Blob}
 */
export function toneFile(hertz) {
  const samples = SAMPLE_RATE * TONE_SECONDS;
  const view = new DataView(new ArrayBuffer(44 + 2 * samples));
  const text = (offset, letters) => [...letters].forEach((letter, i) => view.setUint8(offset + i, letter.charCodeAt(0)));
  const fields = [[16, 16], [20, 1 | (1 << 16)], [24, SAMPLE_RATE], [28, SAMPLE_RATE * 2], [32, 2 | (16 << 16)]];
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples, true);
  text(8, "WAVEfmt ");
  for (const [offset, value] of fields) view.setUint32(offset, value, true);
  text(36, "data");
  view.setUint32(40, 2 * samples, true);
  for (let i = 0; i < samples; i++) {
    view.setInt16(44 + 2 * i, 0x4000 * Math.sin((2 * Math.PI * hertz * (i % SAMPLE_RATE)) / SAMPLE_RATE), true);
  }
  return new Blob([view], { type: "audio/wav" });
}

/**
 * The tone at the end of a piece of audio in hertz; null in silence and in noise.
 * @param {AudioBuffer} audio
 * @returns {Promise<number | null>}
 */
export async function toneOf(audio) {
  const newest = audio.getChannelData(0).subarray(-BLOCK);
  const power = newest.reduce((sum, value) => sum + value * value, 0) / newest.length;
  if (Math.sqrt(power) < SILENCE) return null;
  const context = new OfflineAudioContext(1, audio.length, audio.sampleRate);
  const source = new AudioBufferSourceNode(context, { buffer: audio });
  const analyser = new AnalyserNode(context, { fftSize: BLOCK, smoothingTimeConstant: 0 });
  source.connect(analyser).connect(context.destination);
  source.start();
  await context.startRendering();
  const spectrum = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(spectrum);
  return strongest(spectrum, audio.sampleRate / BLOCK);
}
