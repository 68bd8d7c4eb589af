// The code of a numbered frame (docs/media.md, "Video"): a sync byte, the number and its CRC-8, one bit a cell.

const GRID = { columns: 8, rows: 4 };
const SYNC = 0xa6;

/** Cells of a frame, row by row from the top left. */
export const CELLS = GRID.columns * GRID.rows;

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
 * The pixels of a cell in the upper half of a frame: `right` and `bottom` are the first ones behind it.
 * @param {number} cell
 * @param {number} width of the frame in pixels
 * @param {number} height of the frame in pixels
 * @returns {{ left: number, top: number, right: number, bottom: number }}
 */
export function cellArea(cell, width, height) {
  const { column, row } = placeOf(cell);
  const [left, right] = [column, column + 1].map((c) => Math.floor((c * width) / GRID.columns));
  const [top, bottom] = [row, row + 1].map((r) => Math.floor((r * height) / (2 * GRID.rows)));
  return { left, top, right, bottom };
}

/**
 * The number of a frame, or null if it shows none.
 * @param {number} width of the frame in pixels
 * @param {number} height of the frame in pixels
 * @param {ArrayLike<number>} data with the brightness of the upper half, row by row
 * @param {number} [stride] from one pixel's brightness to the next one's
 * @param {number} [first] the index of the first pixel's brightness
 * @returns {number | null}
 */
export function readCode(width, height, data, stride = 1, first = 0) {
  const rows = Math.floor(height / 2);
  if (width < 64 || rows < 32) return null;
  let code = 0;
  for (let cell = 0; cell < CELLS; cell++) {
    // The middle of the cell: what is at its edges, an encoder smears.
    const { column, row } = placeOf(cell);
    const [left, right] = [4 * column + 1, 4 * column + 3].map((c) => Math.floor((c * width) / 32));
    const [top, bottom] = [4 * row + 1, 4 * row + 3].map((r) => Math.floor((r * height) / 32));
    let sum = 0;
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) sum += data[first + (y * width + x) * stride];
    }
    code = ((code << 1) | (sum >= 128 * (right - left) * (bottom - top) ? 1 : 0)) >>> 0;
  }
  const number = (code >>> 8) & 0xffff;
  return code === frameCode(number) ? number : null;
}
