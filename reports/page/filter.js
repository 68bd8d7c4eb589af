// The filter of packets, in the words of `peerproof inspect --packets`: --protocol, --layer, --peer, --frames; other words are looked for in the text.
"use strict";
{
  // The words are those of the program that made the page: protocols in their order, each with its layer.
  const PROTOCOLS = P.head.words.map(([protocol]) => protocol);
  const LAYERS = {};
  for (const [protocol, layer] of P.head.words) (LAYERS[layer] ??= []).push(protocol);

  const words = (text) => [...text.matchAll(/"([^"]*)"?|(\S+)/g)].map((it) => ({ text: it[1] ?? it[2], quoted: it[1] !== undefined }));

  const range = (text) => {
    const found = /^(\d*)(-?)(\d*)$/.exec(text);
    if (!found || text === "-" || text === "") throw new Error(`frames: write 10-20, 10-, -20 or 12, not “${text}”`);
    const [, first, dash, last] = found;
    const from = first ? Number(first) : 1;
    return (frame) => frame >= from && frame <= (dash ? (last ? Number(last) : Infinity) : from);
  };

  /** Whether a row is of a peer: by the name of its interface, or an address with or without its port. */
  const isOf = (row, name) => {
    const place = P.head.file.interfaces[row.i] ?? "";
    if (place.split(" (")[0] === name) return true;
    return row.e.some((end) => {
      const address = P.address(end);
      const bare = address.startsWith("[") ? address.slice(1, address.lastIndexOf("]")) : address.slice(0, address.lastIndexOf(":"));
      return address === name || bare === name;
    });
  };

  const test = (key, value) => {
    const values = value.split(",").filter(Boolean);
    if (!values.length) throw new Error(`${key}: a value is missing`);
    if (key === "frames") {
      const tests = values.map(range);
      return (row) => tests.some((it) => it(row.f));
    }
    if (key === "peer") return (row) => values.some((it) => isOf(row, it));
    const known = key === "protocol" ? PROTOCOLS : Object.keys(LAYERS);
    const unknown = values.find((it) => !known.includes(it));
    if (unknown !== undefined) throw new Error(`${key} “${unknown}”? known: ${known.join(", ")}`);
    const wanted = key === "protocol" ? values : values.flatMap((it) => LAYERS[it]);
    return (row) => row.x.some((line) => wanted.includes(line[0]));
  };

  const search = (row) => (row.s ??= `${row.x.map((line) => line[1]).join(" ")} ${row.e.map(P.address).join(" ")} ${P.arrival(row)}`.toLowerCase());

  /** What a filter asks for: a test of rows. Throws what is wrong with it. */
  P.filter = (text) => {
    const tests = [];
    const all = words(text);
    for (let n = 0; n < all.length; n += 1) {
      let { text: word, quoted } = all[n];
      if (!word) continue;
      const flag = /^--(protocol|layer|peer|frames)(?:=(.*))?$/.exec(word);
      const pair = /^(-?)(protocol|layer|peer|frames):(.*)$/.exec(word);
      if (!quoted && flag) {
        const value = flag[2] ?? all[(n += 1)]?.text ?? "";
        tests.push(test(flag[1], value));
      } else if (!quoted && pair) {
        const found = test(pair[2], pair[3]);
        tests.push(pair[1] ? (row) => !found(row) : found);
      } else if (!quoted && PROTOCOLS.includes(word.toLowerCase())) {
        tests.push(test("protocol", word.toLowerCase()));
      } else {
        const not = !quoted && word.length > 1 && word.startsWith("-");
        if (not) word = word.slice(1);
        const sought = word.toLowerCase();
        tests.push((row) => search(row).includes(sought) !== not);
      }
    }
    return (row) => tests.every((it) => it(row));
  };
  P.protocols = PROTOCOLS;
}
