// Sources of synthetic media: a canvas with numbered frames, and a tone.

import { need } from "../line.js";
import { paintFrame } from "./frame.js";
import { toneFile } from "./tone.js";

/**
 * Local media: its stream, and what stops the source.
 * @typedef {{ stream: MediaStream, stop: () => void }} Source
 */

/**
 * Numbered frames on a canvas.
 * @param {{ width?: number, height?: number, frameRate?: number }} options in pixels and frames a second
 * @returns {Source}
 */
export function videoSource({ width = 320, height = 240, frameRate = 15 }) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  document.body.append(canvas);
  const context = canvas.getContext("2d", { alpha: false });
  /** Firefox has `requestFrame` at the stream, others at the track as the standard says. @type {any} */
  const stream = canvas.captureStream(0);
  const [track] = stream.getVideoTracks();
  const capture = track.requestFrame ? () => track.requestFrame() : () => stream.requestFrame();
  let number = 0;
  const paint = () => {
    paintFrame(context, width, height, number);
    number = (number + 1) & 0xffff;
    capture();
  };
  const timer = setInterval(paint, 1000 / frameRate);
  paint();
  return { stream, stop() { clearInterval(timer); canvas.remove(); } };
}

/**
 * A tone. It is played from a file, not by an oscillator: without an audio device the AudioContext of Firefox never runs.
 * @param {{ toneHz?: number }} options
 * @returns {Promise<Source>}
 */
export async function toneSource({ toneHz = 440 }) {
  const url = URL.createObjectURL(toneFile(toneHz));
  /** @type {any} */
  const element = Object.assign(new Audio(url), { loop: true });
  need(element, element.mozCaptureStream ? "mozCaptureStream" : "captureStream");
  await element.play();
  const stream = element.mozCaptureStream?.() ?? element.captureStream();
  if (!stream.getAudioTracks().length) {
    await new Promise((resolve) => stream.addEventListener("addtrack", resolve, { once: true }));
  }
  return { stream, stop() { element.pause(); URL.revokeObjectURL(url); } };
}
