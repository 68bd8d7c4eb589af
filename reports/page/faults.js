// What rules and the network did to packets, one by one, and how often.
"use strict";
{
  const { el } = P;
  const MOST = 1000;

  const row = (it) => el("tr", {},
    el("td", { class: "num" }, P.time(it.t_us)), el("td", {}, P.chip("warn", it.kind)), el("td", { class: "wrap" }, it.text),
    el("td", { class: "num" }, it.frame !== undefined && P.frame(it.frame)), el("td", { class: "num" }, P.place({ entry: it.entry })));

  const draw = (panel) => {
    const rows = P.body.acts.filter((it) => P.within(it.t_us));
    const counts = new Map();
    for (const it of rows) counts.set(it.text, (counts.get(it.text) ?? 0) + 1);
    const often = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 30);
    panel.replaceChildren(rows.length
      ? el("div", {},
        el("div", { class: "card scroll" }, el("table", { "aria-label": "Rules" }, el("thead", {}, el("tr", {}, el("th", { scope: "col", class: "num" }, "times"), el("th", { scope: "col" }, "what"))),
          el("tbody", {}, often.map(([text, n]) => el("tr", {}, el("td", { class: "num" }, n.toLocaleString("en")), el("td", { class: "wrap" }, text)))))),
        el("div", { class: "card scroll" }, el("table", { id: "acts", "aria-label": "What rules and the scenario did" }, el("thead", {}, el("tr", {}, ["time", "kind", "what", "frame", "entry"].map((name, n) => el("th", { scope: "col", class: n === 1 || n === 2 ? "" : "num" }, name)))),
          el("tbody", {}, rows.slice(0, MOST).map(row)))),
        rows.length > MOST && el("p", { class: "soft" }, `The first ${MOST.toLocaleString("en")} of ${rows.length.toLocaleString("en")}; zoom the time axis for others.`))
      : el("p", { class: "empty" }, "Nothing in this part of the time axis."));
  };

  P.views.push({
    id: "faults", title: "Faults", order: 75, count: () => P.body.acts.length, there: () => P.body.acts.length > 0, show: draw, range: draw,
  });
}
