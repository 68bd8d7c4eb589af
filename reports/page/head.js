// The head of the page: verdict, what is wrong and where, who plays, what the file is, and what is not in the page.
"use strict";
{
  const { el } = P;
  const places = (it) => [it.frame !== null && P.frame(it.frame), (it.evidence ?? []).filter((place) => place.frame === undefined).slice(0, 3).map((place) => [" ", P.place(place)])];
  const grouped = (all) => {
    const groups = new Map();
    for (const it of all) {
      const key = JSON.stringify([it.kind, it.severity, it.layer, it.why, it.next]);
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(it);
    }
    return [...groups.values()];
  };
  const MOST = 8;
  const list = (it) => el("dl", {}, el("dt", {}, "why"), el("dd", {}, P.linked(it.why)), el("dt", {}, "next"), el("dd", {}, P.linked(it.next)));

  /** What was seen, each time that it was. */
  const seen = (group) => group.length < 2 ? [] : [
    group.slice(0, MOST).map((it) => el("p", {}, it.connection !== null && el("span", { class: "soft" }, `connection ${it.connection + 1}: `), P.linked(it.what), " ", places(it))),
    group.length > MOST && el("p", { class: "soft" }, `and ${P.count(group.length - MOST, "more", "more")}`)];

  /** A notice takes one line until it is opened. */
  const brief = (group) => el("details", { class: `card why brief ${group[0].severity}` },
    el("summary", {}, P.chip(group[0].severity), " ", el("strong", {}, P.layer(group[0].layer)), group.length > 1 ? ` ${group.length} times: ` : " ", P.linked(group[0].what), " ", places(group[0])),
    seen(group), list(group[0]));

  const why = (group) => {
    const [it] = group;
    if (it.severity === "notice") return brief(group);
    return el("article", { class: `card why ${it.severity}` },
      el("div", { class: "row" }, P.chip(it.severity), el("strong", {}, P.layer(it.layer)),
        it.side && group.every((one) => one.side === it.side) && el("span", { class: "soft" }, `look at ${it.side}`),
        group.length > 1 && el("span", { class: "soft" }, `${group.length} times`),
        el("span", { class: "grow" }),
        group.length === 1 && places(it)),
      group.length > 1 ? seen(group) : el("p", {}, P.linked(it.what)), list(it));
  };

  P.showHead = () => {
    const { head } = P;
    const verdict = head.case?.verdict;
    const bad = head.diagnosis.filter((it) => it.severity === "broken").length;
    const violated = P.findings().filter((it) => P.breachWord(it) === "fail").length;
    const chips = verdict ? [P.chip(verdict.outcome)] : [
      head.diagnosis.length > 0 && P.chip(bad ? "broken" : head.diagnosis[0].severity, P.count(head.diagnosis.length, "diagnosis", "diagnoses")),
      violated > 0 && P.chip("fail", P.count(violated, "violation")),
      head.requirements?.skipped && P.chip("notice", "requirements not judged"),
    ].filter(Boolean);
    const state = chips.length ? chips.flatMap((it, n) => (n ? [" ", it] : [it])) : P.chip("pass", "no problem found");
    const standing = head.case && P.standings[head.case.standing];
    const top = P.by("top");
    top.append(el("div", { class: "title" }, state, el("h1", {}, head.title), standing && el("span", { class: "soft" }, standing)));
    if (head.case) top.append(el("p", { class: "soft" }, head.case.title));
    if (verdict && (verdict.outcome !== "pass" || verdict.sentence)) {
      const at = [P.layer(verdict.layer), verdict.side].filter(Boolean).join(", ");
      top.append(el("p", { class: "sentence" }, at && el("strong", {}, `${at}: `), P.linked(verdict.sentence), " ",
        verdict.evidence?.length > 0 && el("span", { class: "soft" }, "(", P.places(verdict.evidence), ")")));
    }
    const meta = [
      ...head.peers.map((peer) => [el("b", {}, peer.name), peer.role && ` (${peer.role})`, peer.version && ` ${peer.version}`]),
      P.dumped() ? [`a dump of ${head.file.format}, without packets`, head.file.size && `, ${P.bytes(head.file.size)}`]
        : [P.count(head.file.frames, "frame"), head.file.size && `, ${P.bytes(head.file.size)} ${head.file.format}`],
      [P.span(head.axis_us[1] - head.axis_us[0])],
      [P.clock(head.origin_us)],
      head.seed && [`seed ${head.seed}`],
      !head.file.secrets && head.file.frames > 0 && ["no keys: encrypted packets cannot be decrypted"],
    ].filter(Boolean);
    top.append(el("p", { class: "meta" }, meta.map((it) => el("span", {}, it))));
    const groups = grouped(head.diagnosis);
    const shown = groups.slice(0, 6);
    if (shown.length) top.append(el("div", { class: "diagnoses" }, shown.map(why)));
    const more = (rest, text) => rest.length && top.append(el("details", {}, el("summary", {}, text), el("div", { class: "diagnoses" }, rest.map(why))));
    more(groups.slice(shown.length), `${groups.length - shown.length} more`);
    const besides = grouped(head.besides ?? []);
    more(besides, `Seen besides, and not what failed the case (${besides.length})`);
    if (head.requirements?.skipped) top.append(el("p", { class: "note" }, "Requirements: ", P.code(head.requirements.skipped), "."));
    for (const defect of head.file.defects) top.append(el("p", { class: "note" }, `Capture: ${defect}`));
    if (head.left_out.length) top.append(el("p", { class: "note" }, "Not in this page: ", P.code(head.left_out.join("; ")), "."));
  };

  /** Entries of a place in a capture are indices of the descriptions that are beside it. */
  const described = (place) => place.line ? { sdp: place.line.entry, line: place.line.line } : place.entry !== undefined ? { sdp: place.entry, line: 1 } : place;
  /** The requirements that are violated: by the case, or by what a capture shows. */
  P.findings = () => P.head.case?.breaches ?? (P.head.requirements?.violations ?? []).map((it) => ({ ...it, evidence: (it.evidence ?? []).map(described) }));
  const tally = (counts) => Object.entries(counts).filter(([, n]) => n).map(([name, n]) => `${n} ${name}`).join(", ");
  const table = () => P.findings().length ? el("div", { class: "card scroll" }, el("table", { "aria-label": "Requirements" }, P.breachHeads(), el("tbody", {}, P.findings().map((one) => P.breach(one))))) : "";

  P.views.push({
    id: "findings", title: "Findings", order: 90,
    count: () => P.findings().length || undefined,
    there: () => Boolean(P.head.case) || Object.values(P.head.requirements?.counts ?? {}).some((n) => n > 0),
    show: (panel) => {
      const it = P.head.case;
      if (!it) {
        const { counts } = P.head.requirements;
        panel.append(el("h2", {}, "Requirements"), el("p", { class: "soft" }, tally(counts), ". A capture has no scenario: it is judged by the documents alone, as ", el("code", {}, "peerproof judge"), " does."), table());
        return;
      }
      panel.append(el("h2", {}, "Connection setup, step by step"), el("div", { class: "card" }, P.bars(it.steps, it.verdict.outcome)));
      if (it.waiver) panel.append(el("h2", {}, "Known deviation"), el("p", { class: "card" }, P.linked(it.waiver.reason), " ", el("span", { class: "soft" }, P.linked(it.waiver.link))));
      if (it.evidence?.length) panel.append(el("h2", {}, "What decided the verdict"), el("ul", { class: "card" },
        it.evidence.map((piece) => el("li", {}, P.place(piece.place), piece.text && [": ", P.linked(piece.text)]))));
      panel.append(el("h2", {}, "Requirements"), el("p", { class: "soft" }, tally(it.requirements) || "None applied."), table());
      if (it.snapshot_text) panel.append(el("h2", {}, "Snapshot"), el("pre", { tabindex: "0" }, it.snapshot_text));
    },
  });
}
