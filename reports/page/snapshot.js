// The normal form of the case beside the recorded snapshot: descriptions, states and handshakes, with what is random named by what it means.
"use strict";
{
  const { el } = P;
  const MOST = 1500;

  /** Both texts line by line; a line that only one has stands alone. By the longest common subsequence. */
  const aligned = (a, b) => {
    const rows = [];
    if (a.length > MOST || b.length > MOST) {
      for (let n = 0; n < Math.max(a.length, b.length); n += 1) rows.push([a[n], b[n]]);
      return rows;
    }
    const width = b.length + 1;
    const length = new Uint16Array((a.length + 1) * width);
    for (let i = a.length - 1; i >= 0; i -= 1) {
      for (let j = b.length - 1; j >= 0; j -= 1) {
        length[i * width + j] = a[i] === b[j] ? length[(i + 1) * width + j + 1] + 1 : Math.max(length[(i + 1) * width + j], length[i * width + j + 1]);
      }
    }
    let [i, j] = [0, 0];
    while (i < a.length || j < b.length) {
      if (i < a.length && j < b.length && a[i] === b[j]) rows.push([a[i++], b[j++]]);
      else if (i < a.length && (j >= b.length || length[(i + 1) * width + j] >= length[i * width + j + 1])) rows.push([a[i++], undefined]);
      else rows.push([undefined, b[j++]]);
    }
    return rows;
  };

  const cell = (text, other) => el("td", {}, text !== undefined && el("code", { class: text !== other ? "only" : "" }, text));

  const list = (tag, values) => el("ul", {}, values.map((value) => el("li", {}, el(tag, {}, value))));

  /** What differs by meaning: codecs, extensions, attributes, states. */
  const meant = (rows) => el("div", { class: "card scroll" }, el("table", { class: "compare meaning", "aria-label": "What differs by meaning" },
    el("thead", {}, el("tr", {}, ["whose", "section", "what", "recorded", "this case"].map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", {}, rows.map((it) => el("tr", { class: "differs" }, el("td", {}, it.of), el("td", {}, it.section), el("th", { scope: "row" }, it.fact),
      el("td", {}, it.order ? "another order" : list("del", it.removed)), el("td", {}, it.order ? it.order.join(", ") : list("ins", it.added)))))));

  P.views.push({
    id: "snapshot", title: "Snapshot", order: 35,
    count: () => undefined,
    there: () => Boolean(P.body.snapshot),
    show: (panel) => {
      const { versions, on_record: before, seen, meaning } = P.body.snapshot;
      const split = (text) => text.trimEnd().split("\n");
      const rows = aligned(split(before), split(seen));
      const differs = rows.filter(([a, b]) => a !== b).length;
      panel.append(el("p", { class: "soft" }, differs ? `${P.count(differs, "line differs", "lines differ")} from the recorded snapshot` : "As recorded", ` (${versions}).`),
        meaning.length > 0 ? meant(meaning) : differs > 0 && el("p", { class: "soft" }, "They mean the same."),
        el("div", { class: "card scroll" }, el("table", { class: "compare snapshot", "aria-label": "The case against its snapshot" },
          el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "recorded"), el("th", { scope: "col" }, "this case"))),
          el("tbody", {}, rows.map(([a, b]) => el("tr", { class: a !== b ? "differs" : "" }, cell(a, b), cell(b, a)))))));
    },
  });
}
