// Numbered frames (docs/media.md, "Video"): the code of a number, and how it is painted and read.

const GRID = { columns: 8, rows: 4 };
const CELLS = GRID.columns * GRID.rows;
const SYNC = 0xa6;

/** Larger frames are read scaled down to this width: the grid survives, and reading pixels is expensive. */
const READ_WIDTH = 320;

/** @param {number[]} bytes */
function crc8(bytes) {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x80 ? 0x07 : 0)) & 0xff;
  }
  return crc;
}

/**
 * The 32 cells of a frame's number, the first one in the highest bit.
 * @param {number} number from 0 to 65535
 * @returns {number}
 */
export function frameCode(number) {
  return ((SYNC << 24) | (number << 8) | crc8([number >> 8, number & 0xff])) >>> 0;
}

/** @param {number} cell */
const placeOf = (cell) => ({ column: cell % GRID.columns, row: Math.floor(cell / GRID.columns) });

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
    const { column, row } = placeOf(cell);
    const [left, right] = [column, column + 1].map((c) => Math.floor((c * width) / GRID.columns));
    const [top, bottom] = [row, row + 1].map((r) => Math.floor((r * height) / (2 * GRID.rows)));
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
  if (width < 64 || rows < 32) return null;
  const { data } = context.getImageData(0, 0, width, rows);
  let code = 0;
  for (let cell = 0; cell < CELLS; cell++) {
    // The middle of the cell: what is at its edges, an encoder smears.
    const { column, row } = placeOf(cell);
    const [left, right] = [4 * column + 1, 4 * column + 3].map((c) => Math.floor((c * width) / 32));
    const [top, bottom] = [4 * row + 1, 4 * row + 3].map((r) => Math.floor((r * height) / 32));
    let sum = 0;
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) sum += data[(y * width + x) * 4 + 1];
    }
    code = ((code << 1) | (sum >= 128 * (right - left) * (bottom - top) ? 1 : 0)) >>> 0;
  }
  const number = (code >>> 8) & 0xffff;
  return code === frameCode(number) ? number : null;
}
