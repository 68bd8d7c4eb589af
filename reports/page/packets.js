// The list of packets. Only the rows that can be seen are elements.
"use strict";
{
  const { el } = P;
  const ROW = 24;
  const HEADS = 24;
  let rows = [];
  let body, list, input, wrong, total;

  const cells = (row) => {
    const name = P.protocol(row);
    // The column beside says it already.
    const plain = (line) => line[1].replace(new RegExp(`^${line[0].toUpperCase()} (?![0-9])`), "");
    // What was decrypted says more than what carried it.
    const lines = row.x.length > 1 ? [...row.x.slice(1), row.x[0]] : row.x;
    const text = lines.map((line, n) => (n && n === lines.length - 1 ? el("span", { class: "inner" }, ` ⊂ ${plain(line)}`) : `${n ? ", " : ""}${plain(line)}`));
    return [
      el("span", { class: "num" }, row.f), el("span", { class: "num soft" }, (row.t / 1e6).toFixed(6)),
      el("span", { class: "wide soft" }, P.address(row.e[0])), el("span", { class: "wide soft" }, P.address(row.e[1])),
      el("span", { class: "p" }, name.toUpperCase()), el("span", { class: "num wide soft" }, row.l),
      el("span", {}, row.a?.lost !== undefined && el("span", { class: "gone" }, `[${row.a.lost}] `), text),
    ];
  };

  const draw = () => {
    if (!body) return;
    const first = Math.max(0, Math.floor((list.scrollTop - HEADS) / ROW) - 10);
    const last = Math.min(rows.length, first + Math.ceil(list.clientHeight / ROW) + 20);
    body.replaceChildren(...rows.slice(first, last).map((row, n) =>
      el("div", { class: `pkt ${P.protocol(row)}${row.f === P.chosen ? " chosen" : ""}${row.c !== undefined ? " copy" : ""}`, role: "option", id: `row-${row.n}`,
        "aria-selected": String(row.f === P.chosen), "aria-posinset": first + n + 1, "aria-setsize": rows.length, "data-frame": row.f,
        style: { top: `${(first + n) * ROW}px` } }, cells(row))));
    const chosen = body.querySelector(".chosen");
    if (chosen) list.setAttribute("aria-activedescendant", chosen.id);
    else list.removeAttribute("aria-activedescendant");
  };

  const reveal = () => {
    const index = rows.findIndex((row) => row.f === P.chosen);
    if (index < 0 || !list) return;
    const top = index * ROW;
    if (top < list.scrollTop || top + ROW + HEADS > list.scrollTop + list.clientHeight) list.scrollTop = Math.max(0, top - list.clientHeight / 2);
  };

  /** Applies filter and zoom. */
  const apply = () => {
    let test;
    try {
      test = P.filter(input.value);
      wrong.hidden = true;
      input.removeAttribute("aria-invalid");
    } catch (error) {
      wrong.textContent = error.message;
      wrong.hidden = false;
      input.setAttribute("aria-invalid", "true");
      return;
    }
    const copies = P.copies;
    rows = P.rows.filter((row) => P.within(row.t) && (copies || row.c === undefined) && test(row));
    body.style.height = `${Math.max(rows.length * ROW, 1)}px`;
    const of = P.rows.filter((row) => copies || row.c === undefined).length;
    total.textContent = rows.length === of ? P.count(of, "packet") : `${rows.length.toLocaleString("en")} of ${P.count(of, "packet")}`;
    list.querySelector(".empty")?.remove();
    if (!rows.length) body.after(el("p", { class: "empty" }, "No packet matches. ", P.range ? "The time axis is zoomed: “All” shows the rest." : ""));
    const words = input.value.split(/\s+/);
    document.querySelectorAll("#panel-packets .filter button[data-word]").forEach((it) => it.setAttribute("aria-pressed", String(words.includes(it.dataset.word))));
    draw();
  };

  const toggle = (word) => {
    const words = input.value.split(/\s+/).filter(Boolean);
    input.value = (words.includes(word) ? words.filter((it) => it !== word) : [...words.filter((it) => !it.startsWith("protocol:")), word]).join(" ");
    input.dispatchEvent(new Event("input"));
  };

  const step = (by) => {
    const index = rows.findIndex((row) => row.f === P.chosen);
    const next = rows[Math.max(0, Math.min(rows.length - 1, index < 0 ? 0 : index + by))];
    if (next) P.choose(next.f);
  };
  P.stepFrame = (by) => {
    const of = rows.some((row) => row.f === P.chosen) ? rows : P.rows.filter((row) => row.c === undefined);
    const index = of.findIndex((row) => row.f === P.chosen);
    const next = of[index + by];
    if (index >= 0 && next) P.choose(next.f);
  };

  P.views.push({
    id: "packets", title: "Packets", order: 20,
    count: () => P.rows.filter((row) => row.c === undefined).length,
    there: () => P.rows.length > 0 || !P.dumped(),
    show: (panel) => {
      input = el("input", { type: "search", id: "filter", "aria-label": "Filter packets", spellcheck: "false", autocomplete: "off", autocapitalize: "off",
        placeholder: "filter: protocol:dtls  layer:media  peer:alice  frames:10-40  ClientHello  -keepalive", value: P.state.filter ?? "",
        on: { input: () => { P.state.filter = input.value; apply(); P.fire("state"); } } });
      wrong = el("p", { class: "wrong", role: "alert", hidden: true });
      total = el("span", { class: "soft", "aria-live": "polite", id: "total" });
      const there = P.protocols.filter((name) => P.rows.some((row) => row.x.some((line) => line[0] === name)));
      const copied = P.rows.some((row) => row.c !== undefined);
      panel.append(el("div", { class: "filter", role: "search" }, input,
        there.map((name) => el("button", { type: "button", class: name, "data-word": `protocol:${name}`, "aria-pressed": "false", on: { click: () => toggle(`protocol:${name}`) } }, name)),
        copied && el("button", { type: "button", "aria-pressed": "false", title: "Packets of the interfaces that have them decrypted", on: { click: (event) => {
          P.copies = !P.copies;
          event.currentTarget.setAttribute("aria-pressed", String(P.copies));
          apply();
        } } }, "decrypted copies"), total), wrong);
      body = el("div", { class: "body" });
      list = el("div", { class: "list", role: "listbox", tabindex: "0", "aria-label": "Packets" },
        el("div", { class: "heads", "aria-hidden": "true" }, el("span", { class: "num" }, "no"), el("span", { class: "num" }, "seconds"), el("span", { class: "wide" }, "from"), el("span", { class: "wide" }, "to"),
          el("span", {}, ""), el("span", { class: "num wide" }, "bytes"), el("span", {}, "what")), body);
      list.addEventListener("scroll", draw, { passive: true });
      list.addEventListener("click", (event) => {
        const found = event.target.closest(".pkt");
        if (found) P.choose(Number(found.dataset.frame));
      });
      list.addEventListener("keydown", (event) => {
        const page = Math.max(1, Math.floor(list.clientHeight / ROW) - 2);
        const by = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[event.key];
        if (by === undefined) return;
        event.preventDefault();
        if (Number.isFinite(by)) step(by);
        else if (rows.length) P.choose(rows[by < 0 ? 0 : rows.length - 1].f);
      });
      panel.append(list);
      new ResizeObserver(draw).observe(list);
      addEventListener("beforeprint", () => { const kept = rows; rows = rows.slice(0, 400); body.replaceChildren(...rows.map((row) => el("div", { class: `pkt ${P.protocol(row)}` }, cells(row))), ...(kept.length > rows.length ? [P.cut(kept.length - rows.length, "packet")] : [])); rows = kept; });
      addEventListener("afterprint", draw);
      apply();
      reveal();
    },
    range: () => apply(),
    chosen: () => {
      const row = P.byFrame.get(P.chosen);
      if (row && row.c !== undefined && !P.copies) { P.copies = true; apply(); }
      draw();
      reveal();
    },
    visible: () => { draw(); reveal(); },
    state: () => { if (input && input.value !== (P.state.filter ?? "")) { input.value = P.state.filter ?? ""; apply(); } },
  });
}
