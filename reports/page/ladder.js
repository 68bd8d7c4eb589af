// The message ladder: who sent what to whom, and what the peers' APIs reported beside it.
"use strict";
{
  const { el } = P;
  const STEP = 300;
  const GOOD = ["connected", "completed", "complete", "stable"];

  const hue = (rung) => {
    const row = rung.frame !== undefined && P.byFrame.get(rung.frame);
    if (rung.trouble) return "fail";
    return row ? P.protocol(row) : "other";
  };

  const lane = (rung) => {
    switch (rung.kind) {
      case "message":
        return el("span", { class: `arrow ${rung.from ? "back" : "forth"} ${hue(rung)}${rung.lost ? " lost" : ""}` },
          el("b", { "aria-hidden": "true" }), el("span", {}, rung.text, rung.times > 1 && ` × ${rung.times}`),
          rung.lost && el("span", { class: "cross", title: "did not arrive" }, "✕"));
      case "flow":
        return el("span", { class: "flow" }, rung.counts.map(([name, [forth, back]], n) =>
          [n ? ", " : "", name, forth ? ` ${forth} ▶` : "", back ? ` ◀ ${back}` : ""]));
      case "event": {
        const kind = rung.trouble ? " bad" : GOOD.includes(P.states.get(rung.entry)) ? " good" : "";
        return el("span", { class: `event${rung.at ? " right" : ""}${kind}` }, rung.text);
      }
      default:
        return el("span", { class: "silence" }, `nothing for ${P.span(rung.us)}`);
    }
  };

  const words = (rung, sides) => {
    const when = P.time(rung.t_us);
    if (rung.kind === "message") return `${when}, ${sides[rung.from]} to ${sides[1 - rung.from]}: ${rung.text}${rung.lost ? ", did not arrive" : ""}`;
    if (rung.kind === "event") return `${when}, ${sides[rung.at]} reports ${rung.text}`;
    return undefined;
  };

  const rung = (it, sides) => {
    const inside = [el("span", { class: "t" }, P.time(it.t_us)), el("span", { class: "f" }, it.frame ?? ""), el("span", { class: "lane" }, lane(it))];
    return it.frame !== undefined
      ? el("a", { class: `rung${it.frame === P.chosen ? " chosen" : ""}`, href: `#frame-${it.frame}`, "data-frame": it.frame, "aria-label": words(it, sides) }, inside)
      : el("div", { class: "rung" }, inside);
  };

  const draw = (panel) => {
    panel.replaceChildren();
    const { ladders, trace } = P.body;
    if (!ladders.length) {
      panel.append(el("p", { class: "empty" }, "No connection: the capture has no connectivity checks, DTLS, RTP or SCTP between two sides.",
        P.body.entries.length > 0 && [" ", el("a", { href: "#timeline" }, "The timeline"), " has what the peers did."]));
      return;
    }
    let shown = 0;
    for (const ladder of ladders) {
      const rows = ladder.rows.filter((it) => P.within(it.t_us));
      if (!rows.length && ladders.length > 1) continue;
      shown += 1;
      const box = el("section", { class: "ladder", "aria-label": `Messages of connection ${ladder.connection + 1}` },
        el("div", { class: "rung heads" }, el("span", { class: "t" }, "time"), el("span", { class: "f" }, "frame"),
          el("span", { class: "lane" }, el("span", {}, ladder.sides[0], " ", el("span", { class: "soft address" }, ladder.addresses[0] ?? "")), trace.connections.length > 1 && el("span", { class: "soft" }, `connection ${ladder.connection + 1}`), el("span", {}, el("span", { class: "soft address" }, ladder.addresses[1] ?? ""), " ", ladder.sides[1]))));
      let next = 0;
      const more = el("button", { type: "button", class: "more", on: { click: () => add() } });
      const add = () => {
        more.before(...rows.slice(next, next + STEP).map((it) => rung(it, ladder.sides)));
        next += STEP;
        more.textContent = `Show ${Math.min(STEP, rows.length - next)} more of ${rows.length - next}`;
        more.hidden = next >= rows.length;
        cut.replaceChildren(...(next < rows.length ? [P.cut(rows.length - next, "row")] : []));
      };
      const cut = el("div", {});
      box.append(more, cut);
      add();
      if (!rows.length) box.append(el("p", { class: "empty" }, "Nothing in this part of the time axis."));
      if (ladder.more) box.append(el("p", { class: "empty" }, `${ladder.more} more rows are not in this page (--frames chooses others).`));
      panel.append(box);
    }
    if (!shown) panel.append(el("p", { class: "empty" }, "Nothing in this part of the time axis."));
  };

  P.views.push({
    id: "messages", title: "Messages", order: 10,
    count: () => P.body.ladders.reduce((sum, it) => sum + it.rows.filter((row) => row.kind === "message").length, 0),
    there: () => P.body.ladders.length > 0 || !P.dumped(),
    show: draw,
    range: draw,
    chosen: (panel) => {
      panel.querySelectorAll(".rung.chosen").forEach((it) => it.classList.remove("chosen"));
      panel.querySelectorAll(`.rung[data-frame="${Number(P.chosen)}"]`).forEach((it) => {
        it.classList.add("chosen");
        it.scrollIntoView({ block: "nearest" });
      });
    },
  });
}
