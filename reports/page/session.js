// The page as a whole: its views as tabs, the place in the URL, and the keys.
"use strict";
{
  const { el } = P;
  P.state = {};
  let current = null;
  let views = [];
  // The entry or the line of a description that the URL names, as long as nothing else was chosen.
  let place = "";

  /** What the URL says: `#frame-48&view=packets&filter=dtls&zoom=0.1-0.2`. */
  const read = () => {
    const state = {};
    for (const part of P.fragment()) {
      const found = /^(frame|entry|sdp)-(\d+)(?:-line-(\d+))?$/.exec(part);
      const pair = /^(view|filter|zoom)=(.*)$/s.exec(part);
      if (found) Object.assign(state, { [found[1]]: Number(found[2]), line: found[3] && Number(found[3]) });
      if (found && found[1] !== "frame") state.place = part;
      else if (pair) state[pair[1]] = pair[2];
      else if (views.some((it) => it.id === part)) state.view = part;
    }
    return state;
  };

  const write = () => {
    const parts = [];
    if (place) parts.push(place);
    if (P.chosen !== null) parts.push(`frame-${P.chosen}`);
    if (current && current !== views[0]) parts.push(`view=${current.id}`);
    if (P.state.filter) parts.push(`filter=${encodeURIComponent(P.state.filter)}`);
    if (P.range) parts.push(`zoom=${P.range.map((it) => (it / 1e6).toFixed(6)).join("..")}`);
    P.setFragment(parts.join("&"));
  };

  /** Keeps the place in the URL: it can be shared. */
  const keep = (named) => {
    place = named;
    write();
  };

  P.choose = (frame) => {
    P.chosen = frame;
    place = "";
    P.fire("chosen");
    views.forEach((it) => it.made && it.chosen?.(it.panel));
    P.showFrame(frame);
    write();
    if (frame !== null) P.say(`Frame ${frame}: ${P.byFrame.get(frame)?.x.map((line) => line[1]).join("; ") ?? "not in this page"}`);
  };

  const make = (view) => {
    if (!view.made) {
      view.made = true;
      view.show(view.panel);
    } else if (view.stale) {
      view.range?.(view.panel);
    }
    view.stale = false;
  };

  P.open = (id, focus = false) => {
    const view = views.find((it) => it.id === id) ?? views[0];
    // A dump may hold nothing that a view shows.
    if (!view) return;
    current = view;
    place = "";
    for (const it of views) {
      const on = it === view;
      it.panel.hidden = !on;
      it.tab.setAttribute("aria-selected", String(on));
      it.tab.tabIndex = on ? 0 : -1;
    }
    make(view);
    view.visible?.(view.panel);
    view.tab.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (focus) view.tab.focus();
    write();
  };

  const follow = () => {
    const state = read();
    P.state.filter = state.filter;
    const zoom = /^(-?[\d.]+)\.\.(-?[\d.]+)$/.exec(state.zoom ?? "");
    if (zoom) P.zoom([Number(zoom[1]) * 1e6, Number(zoom[2]) * 1e6]);
    if (state.sdp !== undefined && P.body.descriptions.length) {
      P.open("descriptions");
      P.toLine(state.sdp, state.line ?? 1);
      keep(state.place);
      return;
    }
    if (state.entry !== undefined) {
      if (state.line !== undefined && P.body.descriptions.length) {
        P.open("descriptions");
        if (P.toLine(state.entry, state.line)) {
          keep(state.place);
          return;
        }
      }
      P.open("timeline");
      P.toEntry(state.entry);
      keep(state.place);
      return;
    }
    if (state.view) P.open(state.view);
    else if (!current) P.open(state.filter ? "packets" : views[0]?.id);
    views.forEach((it) => it.made && it.state?.());
    if (state.frame !== undefined && state.frame !== P.chosen) P.choose(state.frame);
  };

  const keys = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches?.("input, select, textarea")) {
      if (event.key === "Escape") event.target.blur?.();
      return;
    }
    const number = Number(event.key);
    if (number >= 1 && number <= views.length) P.open(views[number - 1].id, true);
    else if (event.key === "/" && P.by("tab-packets")) { P.open("packets"); P.by("filter").focus(); event.preventDefault(); }
    else if (event.key === "[" || event.key === "k") P.stepFrame(-1);
    else if (event.key === "]" || event.key === "j") P.stepFrame(1);
    else if (event.key === "Escape" && P.chosen !== null) P.choose(null);
    else if (event.key === "Escape" && P.range) P.zoom(null);
  };

  const begin = async () => {
    P.showHead();
    await P.load();
    views = P.views.filter((it) => it.there()).sort((a, b) => a.order - b.order);
    for (const view of views) {
      const count = view.count?.();
      view.panel = el("section", { class: "panel", id: `panel-${view.id}`, role: "tabpanel", "aria-labelledby": `tab-${view.id}`, hidden: true });
      view.tab = el("button", { type: "button", role: "tab", id: `tab-${view.id}`, "aria-controls": `panel-${view.id}`, on: { click: () => P.open(view.id) } }, view.title, count !== undefined && el("span", { class: "n" }, count.toLocaleString("en")));
      P.by("views").append(view.panel);
      P.by("tabs").append(view.tab);
    }
    P.by("tabs").addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (by) { P.open(views[(views.indexOf(current) + by + views.length) % views.length].id, true); event.preventDefault(); }
    });
    P.listen("range", () => { views.forEach((it) => (it.stale = true)); if (current) make(current); write(); });
    P.listen("layout", () => current?.visible?.(current.panel));
    P.listen("state", write);
    const key = (name) => el("kbd", {}, name);
    P.by("foot").append(el("p", {}, `${P.head.tool}. Keys: `, key("1"), "…", key(String(views.length)), " views, ", key("/"), " filter, ", key("["), " ", key("]"), " frames, ", key("Esc"), " back; on the axis ", key("+"), " ", key("−"), " ", key("←"), " ", key("→"), "."));
    follow();
    P.showAxis();
    addEventListener("hashchange", follow);
    addEventListener("keydown", keys);
    addEventListener("beforeprint", () => views.forEach(make));
    document.documentElement.dataset.ready = "true";
  };

  begin().catch((error) => {
    document.documentElement.dataset.ready = "failed";
    P.by("views").append(el("p", { class: "empty" }, `The page's data cannot be shown: ${error.message}`));
    throw error;
  });
}
