// The timeline: what was done and what happened, entry by entry, with what rules and the network did to packets.
"use strict";
{
  const { el } = P;
  const STEP = 500;
  let kinds = new Set();
  let shown = STEP;
  let sought = "";

  const row = (it) => el("tr", { id: `entry-${it.entry}`, class: it.trouble ? "bad" : "" },
    el("td", { class: "num" }, P.time(it.t_us)), el("td", { class: "num" }, el("a", { href: `#entry-${it.entry}` }, it.entry)), el("td", {}, it.kind), el("td", { class: "wrap" }, it.text));

  const draw = (panel) => {
    const all = P.body.entries;
    const names = [...new Set(all.map((it) => it.kind))];
    const rows = all.filter((it) => P.within(it.t_us) && (!kinds.size || kinds.has(it.kind)) && it.text.toLowerCase().includes(sought.toLowerCase()));
    const more = rows.length > shown && el("button", { type: "button", class: "more", on: { click: () => { shown += STEP; draw(panel); } } }, `Show ${Math.min(STEP, rows.length - shown)} more of ${rows.length - shown}`);
    const old = panel.querySelector("input");
    const input = old ?? el("input", { type: "search", "aria-label": "Filter the timeline", placeholder: "filter the timeline", on: { input: () => { sought = input.value; shown = STEP; draw(panel); } } });
    const buttons = names.map((name) => el("button", { type: "button", "aria-pressed": String(kinds.has(name)), on: { click: () => {
      if (!kinds.delete(name)) kinds.add(name);
      shown = STEP;
      draw(panel);
    } } }, name));
    const bar = old?.parentElement ?? el("div", { class: "filter" }, input);
    bar.replaceChildren(input, ...buttons);
    if (!old) panel.append(bar);
    panel.querySelector(".card, .empty")?.remove();
    panel.append(rows.length
      ? el("div", { class: "card scroll" }, el("table", { class: "log", "aria-label": "Timeline" }, el("thead", {}, el("tr", {}, ["time", "entry", "kind", "what"].map((name, n) => el("th", { scope: "col", class: n < 2 ? "num" : "" }, name)))), el("tbody", {}, rows.slice(0, shown).map(row))), more, more && P.cut(rows.length - shown, "entry", "entries"))
      : el("p", { class: "empty" }, "Nothing matches."));
  };

  P.views.push({
    id: "timeline", title: "Timeline", order: 80, count: () => P.body.entries.length, there: () => P.body.entries.length > 0, show: draw, range: draw,
  });

  /** Shows an entry. */
  P.toEntry = (entry) => {
    const panel = P.by("panel-timeline");
    const index = P.body.entries.findIndex((it) => it.entry === entry);
    if (index < 0 || !panel) return;
    if (!P.by(`entry-${entry}`)) {
      kinds = new Set();
      sought = "";
      shown = Math.max(shown, index + STEP);
      if (P.range && !P.within(P.body.entries[index].t_us)) P.zoom(null);
      draw(panel);
    }
    panel.querySelectorAll("tr.chosen").forEach((it) => it.classList.remove("chosen"));
    const found = P.by(`entry-${entry}`);
    found?.classList.add("chosen");
    found?.scrollIntoView({ block: "center" });
  };
}
