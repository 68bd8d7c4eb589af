// What the page of a case and the page of a run show alike: standings, the steps of connecting, requirements that are broken.
"use strict";
{
  const { el } = P;
  // As other reports call them.
  P.standings = {
    "control-held": "control: failed as intended",
    "control-broken": "control: did not get its intended verdict",
    known: "known deviation",
    "waiver-stale": "passes although expected.toml says it fails",
    changed: "snapshot is new or changed",
    unexpected: "unexpected",
  };

  /** The eight steps of connecting as bars. One that was not completed is drawn to the end, hatched. */
  P.bars = (steps, outcome) => {
    const times = steps.flatMap((it) => [it.began_us, it.ended_us]).filter((it) => it !== undefined && it !== null);
    if (!times.length) return el("p", { class: "soft" }, "Connection setup was not reached.");
    const from = Math.min(...times);
    const length = Math.max(1, Math.max(...times) - from) * 1.04;
    return el("div", { class: "bars" }, steps.map((it) => {
      const began = it.began_us ?? it.ended_us;
      const open = (it.ended_us ?? null) === null;
      const reached = (began ?? null) !== null;
      const end = open ? from + length : it.ended_us;
      const words = !reached ? "not reached" : open ? `from ${P.time(began)}, not completed` : `${P.time(began)} to ${P.time(end)}`;
      return [el("span", {}, it.step), el("span", { class: "track" }, reached && el("i", { class: open ? `open${outcome === "fail" ? "" : " calm"}` : "",
        style: { left: `${(100 * (began - from)) / length}%`, width: `${Math.max(0.5, (100 * (end - began)) / length)}%` } })),
        el("span", { class: "soft" }, words)];
    }));
  };

  /** `fail`, `known` or `warn`. */
  P.breachWord = (it) => (it.result === "fail" && it.waiver ? "known" : it.result);

  /** A row of the table of requirements. `base` is the page to which places lead. */
  P.breach = (it, base = "") =>
    el("tr", {}, el("td", {}, P.chip(P.breachWord(it))), el("td", {}, el("code", {}, it.requirement)), el("td", {}, it.level ?? ""),
      el("td", {}, P.source(it.source)), el("td", {}, it.endpoint),
      el("td", { class: "wrap" }, P.linked(it.sentence), it.waiver && el("div", { class: "soft" }, "Known: ", P.linked(it.waiver.reason), " (", P.linked(it.waiver.link), ")")),
      el("td", { class: "wrap" }, P.places(it.evidence, base)));
  P.breachHeads = () => el("thead", {}, el("tr", {}, ["", "requirement", "level", "source", "at", "what", "where"].map((name) => el("th", { scope: "col" }, name))));
}
