// Numbered frames (docs/media.md, "Video"): painted on a canvas, and read from a video.

import { CELLS, cellArea, frameCode, readCode } from "./code.mjs";

/** Larger frames are read scaled down to this width: the grid survives, and reading pixels is expensive. */
const READ_WIDTH = 320;

/**
 * Paints the frame of that number.
 * @param {CanvasRenderingContext2D} context
 * @param {number} width in pixels
 * @param {number} height in pixels
 * @param {number} number from 0 to 65535
 * @returns {void}
 */
export function paintFrame(context, width, height, number) {
  const code = frameCode(number);
  for (let cell = 0; cell < CELLS; cell++) {
    const { left, top, right, bottom } = cellArea(cell, width, height);
    context.fillStyle = (code >>> (CELLS - 1 - cell)) & 1 ? "#fff" : "#000";
    context.fillRect(left, top, right - left, bottom - top);
  }
  // The lower half only has to be worth encoding: bars that move, and blocks that flicker.
  const half = Math.floor(height / 2);
  const shift = (number * 4) % 64;
  for (let x = shift - 64; x < width; x += 64) {
    const bar = context.createLinearGradient(x, half, x + 64, half);
    bar.addColorStop(0, "#000");
    bar.addColorStop(1, "#fff");
    context.fillStyle = bar;
    context.fillRect(x, half, 64, height - half);
  }
  for (let block = number % 4; block < 128; block += 4) {
    const grey = Math.floor(Math.random() * 256);
    context.fillStyle = `rgb(${grey} ${grey} ${grey})`;
    context.fillRect(((block % 16) * width) / 16, half + (Math.floor(block / 16) * half) / 8, width / 16, half / 8);
  }
}

/**
 * The number of the frame that a video element shows; null if it shows none.
 * @param {HTMLVideoElement} video
 * @param {OffscreenCanvasRenderingContext2D} context of a canvas to read it with
 * @returns {number | null}
 */
export function readFrame(video, context) {
  const scale = Math.min(1, READ_WIDTH / video.videoWidth);
  const width = Math.round(video.videoWidth * scale);
  const height = Math.round(video.videoHeight * scale);
  if (context.canvas.width !== width || context.canvas.height !== height) {
    Object.assign(context.canvas, { width, height });
  }
  context.drawImage(video, 0, 0, width, height);
  const rows = Math.floor(height / 2);
  if (!width || !rows) return null;
  // Of the four bytes of a pixel, green is nearest to its brightness.
  return readCode(width, height, context.getImageData(0, 0, width, rows).data, 4, 1);
}
