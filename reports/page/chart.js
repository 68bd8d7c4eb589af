// A small chart of lines over time.
"use strict";
{
  const { el, svg } = P;
  const WIDTH = 420;
  const HEIGHT = 96;

  /** A chart of lines: each has points (time, value), a class for its colour, perhaps dashes. Marks stand at the top. */
  P.chart = (title, unit, lines, marks = [], range = P.range ?? P.head.axis_us) => {
    const [a, b] = range;
    const within = lines.map((line) => ({ ...line, points: line.points.filter(([t], n, all) => (all[n + 1]?.[0] ?? t) >= a && (all[n - 1]?.[0] ?? t) <= b) }));
    const values = within.flatMap((line) => line.points.map(([, value]) => value));
    const top = Math.max(...values, 0) || 1;
    const low = Math.min(...values, 0);
    const left = 40;
    const x = (t) => left + Math.max(-0.02, Math.min(1.02, (t - a) / (b - a))) * (WIDTH - left - 6);
    const y = (value) => 14 + (1 - (value - low) / (top - low)) * (HEIGHT - 32);
    const short = (value) => (Math.abs(value) >= 1e6 ? `${+(value / 1e6).toPrecision(3)} M` : Math.abs(value) >= 1e4 ? `${+(value / 1e3).toPrecision(3)} k` : `${+value.toPrecision(3)}`);
    const parts = [
      svg("line", { class: "grid", x1: left, x2: WIDTH - 6, y1: y(top), y2: y(top) }), svg("line", { class: "grid", x1: left, x2: WIDTH - 6, y1: y(low), y2: y(low) }),
      svg("text", { x: left - 5, y: y(top) + 4, "text-anchor": "end" }, short(top)), svg("text", { x: left - 5, y: y(low) + 3, "text-anchor": "end" }, short(low)),
      svg("text", { x: left, y: HEIGHT - 3 }, P.time(a, 1)), svg("text", { x: WIDTH - 6, y: HEIGHT - 3, "text-anchor": "end" }, P.time(b, 1)),
    ];
    for (const line of within) {
      const path = line.points.map(([t, value], n) => `${n ? "L" : "M"}${x(t).toFixed(1)} ${y(value).toFixed(1)}`).join("");
      if (line.points.length === 1) parts.push(svg("circle", { class: `dot ${line.kind}`, cx: x(line.points[0][0]), cy: y(line.points[0][1]), r: 2.5 }));
      else if (path) {
        if (!line.dash && low === 0) parts.push(svg("path", { class: `area ${line.kind}`, d: `${path}L${x(line.points.at(-1)[0]).toFixed(1)} ${y(0)}L${x(line.points[0][0]).toFixed(1)} ${y(0)}z` }));
        parts.push(svg("path", { class: `line ${line.kind}${line.dash ? " dash" : ""}`, d: path }));
      }
    }
    for (const mark of marks.filter((it) => it.t >= a && it.t <= b).slice(0, 300)) {
      parts.push(svg("path", { d: `M${x(mark.t) - 3.5} ${mark.up ? 9 : 2}h7l-3.5 ${mark.up ? -7 : 7}z`, fill: mark.up ? "var(--pass)" : "var(--fail)" }, svg("title", {}, `${mark.text} at ${P.time(mark.t)}`)));
    }
    const clip = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": values.length ? `${title}: from ${short(Math.min(...values))} to ${short(Math.max(...values))} ${unit}` : `${title}: no data` }, parts);
    const last = within[0]?.points.at(-1)?.[1];
    return el("figure", { class: "chart" }, el("figcaption", {}, el("b", {}, title), el("span", {}, last === undefined ? "no data" : `up to ${short(Math.max(...values))} ${unit}`)), clip);
  };

  /** What peers sent over time, of whom the scenario expects a bitrate, and the capacity of their links. */
  P.bitrates = (of) => (of ?? []).map((it) => {
    const points = it.kbit.map((value, n) => [it.from_us + (n + 0.5) * it.slice_us, value]);
    const end = it.from_us + it.kbit.length * it.slice_us;
    const marks = (it.links ?? []).map((link) => ({ t: link.t_us, up: false, text: `${link.name ?? "the link changes"}: ${link.of}${link.up?.kbit ? `, up ${link.up.kbit} kbit/s` : ""}${link.down?.kbit ? `, down ${link.down.kbit} kbit/s` : ""}` }));
    return P.chart(`media sent by ${it.peer}`, "kbit/s", [{ kind: "rtp", points }], marks, [it.from_us, Math.max(end, it.from_us + 1)]);
  });
}
