// Descriptions side by side: what an offer and its answer mean, where they differ, and their texts.
"use strict";
{
  const { el } = P;

  /** Offers with their answers; what has no counterpart stands alone. */
  const exchanges = () => {
    const all = P.body.descriptions;
    const answered = new Set(all.map((it) => it.answers));
    return all.flatMap((it, n) => (it.answers !== undefined ? [[all[it.answers], it]] : answered.has(n) ? [] : [[it, null]]));
  };

  const name = (it) => (it ? `${it.kind || "description"} of ${it.by}${it.t_us !== undefined ? `, ${P.time(it.t_us)}` : ""}` : "no answer");

  const values = (list, other) => el("ul", {}, (list ?? []).map((value) => el("li", { class: other && !other.includes(value) ? "only" : "" }, value)));

  /** What a description says of an attribute for a section: there, or for the session as a whole. For the session it is what any section says. */
  const reach = (description, section, fact) => {
    const of = (it) => it?.facts.find(([own]) => own === fact)?.[1] ?? [];
    if (!description || fact !== "attributes") return of(section);
    return section && section !== description.sections[0] ? [...of(section), ...of(description.sections[0])] : description.sections.flatMap(of);
  };

  const section = (a, b, offer, answer) => {
    const names = [...new Set([...(a?.facts ?? []), ...(b?.facts ?? [])].map(([fact]) => fact))];
    const of = (it, fact) => it?.facts.find(([own]) => own === fact)?.[1];
    // These always differ.
    const own = ["ice-ufrag", "fingerprint", "DTLS role", "direction"];
    const rows = names.map((fact) => {
      const [left, right] = [of(a, fact), of(b, fact)];
      const compared = b && a && !own.includes(fact);
      const [theirs, ours] = compared ? [reach(answer, b, fact), reach(offer, a, fact)] : [];
      const lacks = (list, other) => (list ?? []).some((value) => !other.includes(value));
      // The order of codecs is a preference.
      const order = compared && fact === "codecs" && JSON.stringify(left) !== JSON.stringify(right);
      const differs = compared && (order || lacks(left, theirs) || lacks(right, ours));
      return el("tr", { class: differs ? "differs" : "" }, el("th", { scope: "row" }, fact), el("td", {}, values(left, differs && theirs)), b !== null && el("td", {}, values(right, differs && ours)));
    });
    const candidates = [a, b].map((it) => it?.candidates.length ?? 0);
    if (candidates[0] + candidates[1]) rows.push(el("tr", {}, el("th", { scope: "row" }, "candidates"), el("td", {}, values(a?.candidates)), b !== null && el("td", {}, values(b?.candidates))));
    return rows;
  };

  const text = (it) => {
    const split = (sdp) => sdp.split(/\r\n|\n|\r/).filter((line, n, all) => line || n < all.length - 1);
    const lines = (sdp, id, other) => el("pre", { class: "lines", tabindex: "0" }, split(sdp).map((line, n) =>
      el("span", { id: `${id}-line-${n + 1}`, class: other && !other.includes(line) ? "changed" : false }, line)));
    const id = `sdp-${it.entry}`;
    return el("div", {}, el("h4", {}, name(it), it.munged && " (changed by the scenario before it was set)"), lines(it.text, id, it.delivered !== undefined && split(it.delivered)),
      it.delivered !== undefined && [el("h4", {}, "as delivered, rewritten on the way"), lines(it.delivered, `${id}-delivered`, split(it.text))]);
  };

  P.views.push({
    id: "descriptions", title: "Descriptions", order: 30,
    count: () => P.body.descriptions.length,
    there: () => P.body.descriptions.length > 0,
    show: (panel) => {
      for (const [offer, answer] of exchanges()) {
        const sections = Array.from({ length: Math.max(offer.sections.length, answer?.sections.length ?? 0) }, (_, n) => [offer.sections[n], answer ? answer.sections[n] : null]);
        panel.append(el("section", { class: "part" }, el("h2", {}, answer ? `${name(offer)} – ${name(answer)}` : name(offer)),
          el("div", { class: "card scroll" }, sections.map(([a, b], n) => el("table", { class: "compare", "aria-label": "Descriptions side by side" },
            el("thead", {}, el("tr", {}, el("th", { scope: "col" }, n === 0 ? "session" : `${(a ?? b)?.media ?? ""} ${(a ?? b)?.mid !== undefined ? `(mid ${(a ?? b).mid})` : ""}`),
              el("th", { scope: "col" }, offer.by), answer && el("th", { scope: "col" }, answer.by))),
            el("tbody", {}, section(a, answer ? b ?? undefined : null, offer, answer))))),
          el("details", { class: "card", open: [offer, answer].some((it) => it?.delivered !== undefined) }, el("summary", {}, "SDP"), el("div", { class: "texts" }, text(offer), answer && text(answer)))));
      }
    },
  });

  /** Lights a line of a description. */
  P.toLine = (entry, line) => {
    const found = P.by(`sdp-${entry}-line-${line}`);
    if (!found) return false;
    for (let it = found; it; it = it.parentElement) if (it.tagName === "DETAILS") it.open = true;
    document.querySelectorAll(".lines .lit").forEach((it) => it.classList.remove("lit"));
    found.classList.add("lit");
    found.scrollIntoView({ block: "center" });
    return true;
  };
}
