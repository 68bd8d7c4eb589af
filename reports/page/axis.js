// The time axis: states of both peers, steps, packets by protocol, and where something happened. Dragging zooms; so do the buttons and keys.
"use strict";
{
  const { el, svg } = P;
  const MACHINES = ["signalingState", "iceGatheringState", "iceConnectionState", "dtlsState", "sctpState", "connectionState"];
  const SHORT = { signalingState: "signaling", iceGatheringState: "gathering", iceConnectionState: "ICE", dtlsState: "DTLS", sctpState: "SCTP", connectionState: "connection" };
  const HUES = { failed: "var(--fail)", closed: "var(--other)", disconnected: "var(--inconclusive)", connected: "var(--pass)", completed: "var(--pass)", complete: "var(--pass)", stable: "var(--pass)" };
  const LANE = 17;
  let figure, caption, back;
  let all = false;

  const whole = () => P.head.axis_us;
  const shown = () => P.range ?? whole();

  P.zoom = (range) => {
    const [first, last] = whole();
    let next = range && [Math.max(first, range[0]), Math.min(last, range[1])];
    if (next && (next[1] - next[0] < 10 || (next[0] <= first && next[1] >= last))) next = next[1] - next[0] < 10 ? P.range : null;
    P.range = next;
    P.fire("range");
    P.say(next ? `Zoomed to ${P.time(next[0])} to ${P.time(next[1])}` : "The whole time axis is shown");
  };
  const scale = (factor) => {
    const [a, b] = shown();
    const [middle, half] = [(a + b) / 2, ((b - a) / 2) * factor];
    P.zoom([middle - half, middle + half]);
  };
  const move = (share) => {
    const [a, b] = shown();
    const [first, last] = whole();
    const by = Math.max(first - a, Math.min(last - b, (b - a) * share));
    if (P.range) P.zoom([a + by, b + by]);
  };

  const ticks = (a, b, most) => {
    const raw = (b - a) / most;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((it) => it * power).find((it) => it >= raw);
    const list = [];
    for (let t = Math.ceil(a / step) * step; t <= b; t += step) list.push(t);
    return [list, Math.max(0, Math.min(6, 6 - Math.floor(Math.log10(step))))];
  };

  const lanes = () => {
    const found = [];
    for (const peer of P.head.peers) {
      const of = P.body.states.filter((it) => it.peer === peer.name);
      const machines = MACHINES.filter((it) => of.some((state) => state.machine === it));
      const wanted = all ? machines : machines.filter((it) => ["iceConnectionState", "dtlsState", "connectionState"].includes(it));
      for (const machine of wanted) found.push({ peer: peer.name, machine, states: of.filter((it) => it.machine === machine) });
    }
    return found;
  };

  const marks = () => {
    const frames = new Map();
    const add = (frame, text) => {
      const row = P.byFrame.get(frame);
      if (row && frames.size < 400) frames.set(frame, { t: row.t, text: frames.has(frame) ? frames.get(frame).text : text });
    };
    P.head.diagnosis.forEach((it) => it.frame !== null && it.severity !== "notice" && add(it.frame, it.what));
    P.head.case?.verdict.evidence?.forEach((it) => it.frame !== undefined && add(it.frame, P.head.case.verdict.sentence));
    P.findings().filter((it) => P.breachWord(it) === "fail").forEach((it) => it.evidence?.slice(0, 1).forEach((place) => place.frame !== undefined && add(place.frame, it.sentence)));
    return frames;
  };

  const draw = () => {
    const width = Math.max(320, figure.clientWidth - 20);
    const gutter = Math.min(150, Math.max(78, width * 0.12));
    const [a, b] = shown();
    const x = (us) => gutter + ((us - a) / (b - a)) * (width - gutter - 6);
    const at = (px) => a + ((px - gutter) / (width - gutter - 6)) * (b - a);
    const parts = [];
    let y = 4;
    const label = (text, row) => parts.push(svg("text", { x: 0, y: row + 12 }, text.length > gutter / 6 ? `${text.slice(0, Math.floor(gutter / 6) - 1)}…` : text, svg("title", {}, text)));

    for (const lane of lanes()) {
      label(`${lane.peer} ${SHORT[lane.machine]}`, y);
      lane.states.forEach((state, n) => {
        const from = Math.max(a, state.t_us);
        const to = Math.min(b, lane.states[n + 1]?.t_us ?? whole()[1]);
        if (to < from) return;
        const w = Math.max(1.5, x(to) - x(from));
        const hue = HUES[state.state] ?? "var(--link)";
        const words = `${lane.peer}: ${lane.machine} ${state.state} at ${P.time(state.t_us)}`;
        parts.push(svg("a", { href: `#entry-${state.entry}`, "aria-label": words, tabindex: "0" },
          svg("rect", { x: x(from), y, width: w, height: LANE - 3, rx: 2, fill: hue }), svg("title", {}, words),
          w > state.state.length * 6.4 + 8 && svg("text", { class: "on", x: x(from) + 4, y: y + 11 }, state.state)));
      });
      y += LANE;
    }
    if (P.body.steps.length) {
      label("steps", y);
      for (const step of P.body.steps) {
        const to = step.to_us ?? whole()[1];
        if (to < a || step.from_us > b) continue;
        const [from, until] = [x(Math.max(a, step.from_us)), x(Math.min(b, to))];
        const words = `step ${step.number}: ${step.text}${step.trouble ? ` – ${step.trouble}` : ""}`;
        const w = Math.max(2, until - from - 1);
        parts.push(svg("a", { href: `#entry-${step.entry}`, "aria-label": words, tabindex: "0" },
          svg("rect", { x: from, y, width: w, height: LANE - 3, rx: 2, fill: step.trouble || step.to_us === undefined ? "var(--fail)" : "var(--soft)", "fill-opacity": step.number % 2 ? 0.75 : 0.5 }),
          svg("title", {}, words), w > 16 && svg("text", { class: "on", x: from + 4, y: y + 11 }, step.number)));
      }
      y += LANE;
    }
    // Packets, by protocol.
    const height = P.rows.length ? 44 : 0;
    const cells = Math.max(40, Math.floor((width - gutter) / 5));
    const columns = Array.from({ length: cells }, () => ({}));
    for (const row of P.rows) {
      if (row.t < a || row.t > b || row.c !== undefined) continue;
      const column = columns[Math.min(cells - 1, Math.floor(((row.t - a) / (b - a)) * cells))];
      const name = P.protocol(row);
      column[name] = (column[name] ?? 0) + 1;
    }
    const highest = Math.max(1, ...columns.map((it) => Object.values(it).reduce((sum, n) => sum + n, 0)));
    if (height) label("packets", y + height / 2 - 10);
    const wide = (width - gutter - 6) / cells;
    columns.forEach((column, n) => {
      let top = y + height;
      for (const name of P.protocols.filter((it) => column[it])) {
        const tall = Math.max(1.5, (column[name] / highest) * (height - 4));
        top -= tall;
        parts.push(svg("rect", { x: gutter + n * wide, y: top, width: Math.max(1, wide - 1), height: tall, fill: `var(--${name})` }));
      }
    });
    y += height;
    parts.push(svg("line", { class: "grid", x1: gutter, x2: width - 6, y1: y, y2: y }));
    // What rules and the network did, and what decides.
    const acts = P.body.acts.filter((it) => it.t_us >= a && it.t_us <= b).slice(0, 600);
    const found = [...marks()].filter(([, it]) => it.t >= a && it.t <= b);
    if (acts.length || found.length) {
      label(acts.length && found.length ? "faults, findings" : acts.length ? "faults" : "findings", y);
      for (const act of acts) {
        const words = `${act.text} at ${P.time(act.t_us)}`;
        parts.push(svg("a", { href: act.frame ? `#frame-${act.frame}` : `#entry-${act.entry}`, "aria-label": words, tabindex: "-1" },
          svg("rect", { x: x(act.t_us) - 1.5, y: y + 2, width: 3, height: 11, fill: "var(--inconclusive)" }), svg("title", {}, words)));
      }
      for (const [frame, it] of found) {
        const px = x(it.t);
        parts.push(svg("a", { href: `#frame-${frame}`, "aria-label": `frame ${frame}: ${it.text}`, tabindex: "0" },
          svg("path", { d: `M${px - 5} ${y + 13}h10l-5 -10z`, fill: "var(--fail)" }), svg("title", {}, `frame ${frame}: ${it.text}`)));
      }
      y += LANE;
    }
    const [list, digits] = ticks(a, b, Math.max(3, (width - gutter) / 110));
    for (const t of list) {
      parts.unshift(svg("line", { class: "grid", x1: x(t), x2: x(t), y1: 2, y2: y }));
      parts.push(svg("text", { x: Math.min(x(t), width - 50), y: y + 12, "text-anchor": x(t) < gutter + 25 ? "start" : "middle" }, P.time(t, digits)));
    }
    y += 16;
    const chosen = P.chosen && P.byFrame.get(P.chosen);
    if (chosen && P.within(chosen.t)) parts.push(svg("line", { class: "cursor", x1: x(chosen.t), x2: x(chosen.t), y1: 0, y2: y - 14 }));
    const brush = svg("rect", { class: "brush", y: 0, height: y - 14, visibility: "hidden" });
    const image = svg("svg", { viewBox: `0 0 ${width} ${y}`, height: y, tabindex: "0", role: "group", "aria-label": "Time axis: drag to zoom, plus and minus to zoom, arrows to move, Escape for all" }, parts, brush);
    let begun = null;
    const place = (event) => Math.max(gutter, Math.min(width - 6, ((event.clientX - image.getBoundingClientRect().left) / image.clientWidth) * width));
    image.addEventListener("pointerdown", (event) => {
      if (event.button === 0 && place(event) > gutter) begun = place(event);
    });
    image.addEventListener("pointermove", (event) => {
      if (begun === null) return;
      const now = place(event);
      if (Math.abs(now - begun) > 3) {
        image.setPointerCapture(event.pointerId);
        brush.setAttribute("visibility", "visible");
      }
      brush.setAttribute("x", Math.min(begun, now));
      brush.setAttribute("width", Math.abs(now - begun));
    });
    image.addEventListener("pointerup", (event) => {
      const from = begun;
      begun = null;
      if (from !== null && Math.abs(place(event) - from) > 3) P.zoom([at(Math.min(from, place(event))), at(Math.max(from, place(event)))]);
    });
    image.addEventListener("pointercancel", () => { begun = null; brush.setAttribute("visibility", "hidden"); });
    image.addEventListener("dblclick", () => P.zoom(null));
    image.addEventListener("keydown", (event) => {
      const keys = { "+": () => scale(0.5), "=": () => scale(0.5), "-": () => scale(2), ArrowLeft: () => move(-0.25), ArrowRight: () => move(0.25), Escape: () => P.zoom(null) };
      if (keys[event.key]) { keys[event.key](); event.preventDefault(); figure.querySelector("svg").focus(); }
    });
    figure.querySelector("svg")?.remove();
    figure.append(image);
    caption.textContent = P.range ? `${P.time(a)} to ${P.time(b)} (${P.span(b - a)})` : `all of ${P.span(b - a)}`;
    back.disabled = !P.range;
  };

  P.showAxis = () => {
    const button = (text, name, call) => el("button", { type: "button", "aria-label": name, title: name, on: { click: call } }, text);
    caption = el("span", { class: "soft", id: "zoomed" });
    back = button("All", "Show the whole time", () => P.zoom(null));
    const there = P.protocols.filter((name) => P.rows.some((row) => P.protocol(row) === name));
    const more = P.body.states.length > 0 && el("button", { type: "button", "aria-pressed": "false", on: { click: (event) => {
      all = !all;
      event.currentTarget.setAttribute("aria-pressed", String(all));
      draw();
    } } }, "all states");
    figure = el("figure", {}, el("div", { class: "bar" },
      button("+", "Zoom in", () => scale(0.5)), button("−", "Zoom out", () => scale(2)), button("◀", "Earlier", () => move(-0.5)), button("▶", "Later", () => move(0.5)),
      back, more, caption, el("span", { class: "grow" }),
      el("div", { class: "legend" }, there.map((name) => el("span", { class: `key ${name}` }, name.toUpperCase().replace("OTHER", "other"))))));
    P.by("axis").append(figure);
    P.listen("range", draw);
    P.listen("chosen", draw);
    draw();
    // An observer reports the width once when it begins, too.
    let width = P.by("axis").clientWidth;
    new ResizeObserver(() => requestAnimationFrame(() => {
      if (width === P.by("axis").clientWidth) return;
      width = P.by("axis").clientWidth;
      draw();
    })).observe(P.by("axis"));
  };
}
