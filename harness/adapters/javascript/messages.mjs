// Messages of data channels: those that are sent, and what is told of those that came. See docs/peer-protocol.md, "Data channels".

const CRC32_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** CRC-32 of IEEE 802.3. */
export function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC32_TABLE[(crc ^ byte) & 0xff];
  return (crc ^ 0xffffffff) >>> 0;
}

/** The pattern that both sides can compute. */
export function pattern({ size, seed, text }) {
  const bytes = Buffer.alloc(size);
  let x = seed >>> 0;
  for (let i = 0; i < size; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    bytes[i] = text ? 97 + ((x >>> 24) % 26) : x >>> 24;
  }
  return text ? bytes.toString("latin1") : bytes;
}

/** The `round`-th message of a payload: a string or a Buffer. */
export function payload(message, round) {
  if (message.text != null) return message.text;
  if (message.binary != null) return Buffer.from(message.binary, "base64");
  return pattern({ ...message.pattern, seed: (message.pattern.seed + round) >>> 0 });
}

/** A message that came (a string or a Buffer), as it is told. */
export function described(data) {
  const text = typeof data === "string";
  const bytes = text ? Buffer.from(data, "utf8") : data;
  const value = text && bytes.length <= 1024 ? { value: data } : {};
  return { text, size: bytes.length, crc32: crc32(bytes), ...value };
}

/** What an echo does with each message: returns those to send back now. */
export const defects = {
  none: () => (data) => [data],
  "corrupt-last-byte": () => (data) => {
    const bytes = Buffer.from(data);
    if (bytes.length) bytes[bytes.length - 1] ^= 1;
    return [typeof data === "string" ? bytes.toString("utf8") : bytes];
  },
  "swap-pairs": () => {
    let held = [];
    return (data) => {
      if (!held.length) {
        held = [data];
        return [];
      }
      const both = [data, held[0]];
      held = [];
      return both;
    };
  },
  "as-text": () => (data) => [typeof data === "string" ? data : data.toString("latin1")],
  "drop-every-third": () => {
    let count = 0;
    return (data) => (++count % 3 === 0 ? [] : [data]);
  },
};
