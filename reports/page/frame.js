// One frame: its fields as a tree, and its bytes. What is pointed at or focused is highlighted in both.
"use strict";
{
  const { el } = P;

  const hex = (digits, length) => {
    const count = digits.length / 2;
    const width = P.by("frame").clientWidth > 480 ? 16 : 8;
    const box = el("div", { class: "hex", role: "group", "aria-label": `${length} bytes` });
    const bytes = [];
    for (let at = 0; at < count; at += width) {
      const line = el("span", { class: "bytes" });
      const letters = el("span", { class: "letters", "aria-hidden": "true" });
      for (let n = at; n < Math.min(at + width, count); n += 1) {
        const text = digits.slice(2 * n, 2 * n + 2);
        const code = parseInt(text, 16);
        const byte = el("i", { "data-n": n }, text);
        const letter = el("i", { "data-n": n }, code >= 32 && code < 127 ? String.fromCharCode(code) : "·");
        line.append(byte, n % width === width - 1 ? "" : n % 8 === 7 ? "  " : " ");
        letters.append(letter);
        bytes.push([byte, letter]);
      }
      box.append(el("span", { class: "at" }, at.toString(16).padStart(4, "0")), line, letters);
    }
    if (count < length) box.append(el("span", {}), el("span", { class: "soft" }, `… ${length - count} more bytes are not in this page`), el("span", {}));
    return { box, bytes };
  };

  /** Trees and bytes that highlight each other. */
  const both = (trees, digits, length) => {
    const { box, bytes } = hex(digits, length);
    const owner = [];
    let lit = [];
    const light = (element, from, to) => {
      lit.forEach((it) => it.classList.remove("lit"));
      lit = element ? [element, ...bytes.slice(from, to).flat()] : [];
      lit.forEach((it) => it.classList.add("lit"));
    };
    const bind = (element, from, to) => {
      for (let n = from; n < Math.min(to, bytes.length); n += 1) owner[n] = [element, from, to];
      element.addEventListener("mouseenter", () => light(element, from, to));
      element.addEventListener("focus", () => light(element, from, to));
      element.addEventListener("click", () => light(element, from, to));
    };
    const leaf = ([name, from, to, value, parts]) => {
      const line = el("span", { class: "leaf", tabindex: "-1" }, el("span", { class: "name" }, `${name}: `), value);
      bind(line, from, to);
      return el("li", {}, line, parts && el("ul", {}, parts.map(([part, it]) => el("li", {}, el("span", { class: "name" }, `${part}: `), it))));
    };
    const unit = (node, depth) => {
      const line = el("summary", {}, el("strong", {}, node.n), node.s && ` ${node.s}`);
      bind(line, node.r[0], node.r[1]);
      const inside = node.i.map((it) => (Array.isArray(it) ? leaf(it) : el("li", {}, unit(it, depth + 1))));
      const odd = (node.a ?? []).map(([from, to, what]) => {
        const text = el("span", { class: "leaf odd", tabindex: "-1" }, `⚠ ${what}`);
        bind(text, from, to);
        return el("li", {}, text);
      });
      return el("details", { open: depth < 4 }, line, el("ul", {}, inside, odd));
    };
    const tree = el("div", { class: "tree" }, trees.map((it, n) => {
      const made = unit(it, 0);
      // Link and IP are seldom what is looked for.
      if (n === 0 && trees.length > 1) made.open = false;
      return made;
    }));
    tree.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
      const items = [...tree.querySelectorAll("summary, .leaf")].filter((it) => it.offsetParent !== null);
      const next = items[items.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1)];
      if (next) { next.focus(); event.preventDefault(); }
    });
    box.addEventListener("mouseover", (event) => {
      const found = event.target.dataset?.n !== undefined && owner[Number(event.target.dataset.n)];
      if (found) light(...found);
    });
    box.addEventListener("click", (event) => {
      const found = event.target.dataset?.n !== undefined && owner[Number(event.target.dataset.n)];
      if (!found) return;
      for (let it = found[0].parentElement; it && it !== tree; it = it.parentElement) if (it.tagName === "DETAILS") it.open = true;
      found[0].scrollIntoView({ block: "nearest" });
    });
    return [tree, box];
  };

  const arrival = (it) => it.lost ?? (it.arrived !== undefined ? ["arrived in ", P.frame(it.arrived)] : ["left in ", P.frame(it.left)]);

  P.showFrame = async (number) => {
    const box = P.by("frame");
    const work = P.by("work");
    if (number === null) {
      box.hidden = true;
      work.classList.remove("split");
      P.fire("layout");
      return;
    }
    const was = box.hidden;
    box.hidden = false;
    work.classList.add("split");
    if (was) P.fire("layout");
    const rows = P.rows.filter((row) => row.f === number);
    const button = (text, name, call) => el("button", { type: "button", "aria-label": name, title: name, on: { click: call } }, text);
    const bar = el("header", {}, el("h2", {}, `Frame ${number}`),
      button("◀", "Previous frame", () => P.stepFrame(-1)), button("▶", "Next frame", () => P.stepFrame(1)), button("✕", "Close", () => P.choose(null)));
    if (!rows.length) {
      box.replaceChildren(bar, el("p", { class: "empty" }, "This frame is not in the page: it is beyond the page's limit, or carries no WebRTC."));
      return;
    }
    const row = rows[0];
    const copy = row.c ?? null;
    const facts = [
      `${P.time(row.t, 6)}, `, `${P.address(row.e[0])} → ${P.address(row.e[1])}, `, `${row.l} bytes`,
      P.head.file.interfaces[row.i] && `, at ${P.head.file.interfaces[row.i]}`,
    ];
    const acts = P.body.acts.filter((it) => it.frame === number);
    const about = [
      ...[...P.head.diagnosis, ...(P.head.besides ?? [])].filter((it) => it.frame === number).map((it) => [P.chip(it.severity), " ", P.linked(it.what)]),
      ...P.findings().filter((it) => it.evidence?.some((place) => place.frame === number)).map((it) => [P.chip(P.breachWord(it)), " ", el("code", {}, it.requirement), " ", P.linked(it.sentence)]),
      ...acts.map((it) => [P.chip("warn", it.kind), " ", it.text]),
    ];
    const head = el("section", {}, el("p", { class: "facts soft" }, facts, row.a && [", ", arrival(row.a)], copy !== null && [", plaintext of ", P.frame(copy)]),
      el("div", { class: "said" }, rows.flatMap((it) => it.x).map((line) => el("p", {}, P.chip(line[0], line[0].toUpperCase()), " ", line[1]))),
      about.length > 0 && el("div", { class: "said" }, about.map((it) => el("p", {}, it))));
    box.replaceChildren(bar, head);
    const detail = await P.detail(number);
    if (P.chosen !== number) return;
    if (!detail) {
      box.append(el("section", {}, el("p", { class: "soft" }, copy !== null ? ["Fields and bytes are at ", P.frame(copy), "."]
        : `Fields and bytes of this frame are not in the page. peerproof inspect FILE --frame ${number} shows them.`)));
      return;
    }
    box.append(el("section", {}, el("h3", {}, "On the wire"), both(detail.trees, detail.bytes, detail.length)),
      ...detail.inside.map(([name, digits, length, tree]) => el("section", {}, el("h3", {}, name[0].toUpperCase() + name.slice(1)), both([tree], digits, length))));
  };
}
