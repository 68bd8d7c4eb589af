// Messages of data channels: those that are sent, how those that arrive are reported, and what an echo sends back
// (docs/peer-protocol.md, "Data channels"). Adapters in Node use it too: there, data that arrived are a Buffer.

/** @typedef {{ size: number, seed: number, text?: boolean }} Pattern */
/** @typedef {{ text?: string, binary?: string, pattern?: Pattern }} Payload */
/** @typedef {string | ArrayBuffer | Uint8Array<ArrayBuffer>} Data what `RTCDataChannel.send` takes */

/** The most bytes of a text that is reported with its event. */
const LONGEST_VALUE = 1024;

const CRC32_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** @param {string} text */
const utf8 = (text) => new TextEncoder().encode(text);

/**
 * The CRC-32 of IEEE 802.3.
 * @param {Uint8Array} bytes
 * @returns {number}
 */
export function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC32_TABLE[(crc ^ byte) & 0xff];
  return (crc ^ 0xffffffff) >>> 0;
}

/**
 * The pattern that both sides can compute.
 * @param {Pattern} pattern
 * @returns {string | Uint8Array<ArrayBuffer>}
 */
export function pattern({ size, seed, text }) {
  const bytes = new Uint8Array(size);
  let x = seed >>> 0;
  for (let i = 0; i < size; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    bytes[i] = text ? 97 + ((x >>> 24) % 26) : x >>> 24;
  }
  return text ? new TextDecoder("latin1").decode(bytes) : bytes;
}

/**
 * One character U+0000–U+00FF a byte. A `TextDecoder` has no such encoding: its "latin1" is windows-1252.
 * @param {Uint8Array} bytes
 * @returns {string}
 */
const characters = (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");

/**
 * The message that is sent in this round, counted from zero: a pattern differs from round to round.
 * @param {Payload} message
 * @param {number} round
 * @returns {string | Uint8Array<ArrayBuffer>}
 */
export function payload(message, round) {
  if (message.text != null) return message.text;
  if (message.binary != null) return Uint8Array.from(atob(message.binary), (char) => char.charCodeAt(0));
  return pattern({ ...message.pattern, seed: (message.pattern.seed + round) >>> 0 });
}

/**
 * What is reported of a message that arrived: size and CRC-32 in UTF-8, and a short text itself.
 * @param {string | ArrayBuffer | Uint8Array} data
 * @returns {{ text: boolean, size: number, crc32: number, value?: string }}
 */
export function described(data) {
  const isText = typeof data === "string";
  const bytes = isText ? utf8(data) : new Uint8Array(data);
  const value = isText && bytes.length <= LONGEST_VALUE ? { value: data } : {};
  return { text: isText, size: bytes.length, crc32: crc32(bytes), ...value };
}

/**
 * What an echo does with each message, by the name of its defect: returns the messages to send back now. Every defect but `none` exists
 * for controls, which must notice it. Each echo needs a function of its own, since it may hold messages back.
 * @type {Record<string, () => (data: string | ArrayBuffer | Uint8Array<ArrayBuffer>) => Data[]>}
 */
export const defects = {
  none: () => (data) => [data],
  "corrupt-last-byte": () => (data) => {
    const bytes = typeof data === "string" ? utf8(data) : new Uint8Array(data.slice(0));
    if (bytes.length) bytes[bytes.length - 1] ^= 1;
    return [typeof data === "string" ? new TextDecoder().decode(bytes) : bytes];
  },
  "swap-pairs": () => {
    /** @type {Data[]} */
    let held = [];
    return (data) => {
      if (!held.length) {
        held = [data];
        return [];
      }
      const both = [data, ...held];
      held = [];
      return both;
    };
  },
  "as-text": () => (data) => [typeof data === "string" ? data : characters(new Uint8Array(data))],
  "drop-every-third": () => {
    let count = 0;
    return (data) => (++count % 3 === 0 ? [] : [data]);
  },
};
