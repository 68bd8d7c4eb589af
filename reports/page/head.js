// The head of the page: verdict, what is wrong and where, who plays, what the file is, and what is not in the page.
"use strict";
{
  const { el } = P;
  const places = (it) => [it.frame !== null && P.frame(it.frame), (it.evidence ?? []).filter((place) => place.frame === undefined).slice(0, 3).map((place) => [" ", P.place(place)])];
  const list = (it) => el("dl", {}, el("dt", {}, "why"), el("dd", {}, it.why), el("dt", {}, "next"), el("dd", {}, it.next));

  /** A notice takes one line until it is opened. */
  const brief = (it) => el("details", { class: `card why brief ${it.severity}` },
    el("summary", {}, P.chip(it.severity), " ", el("strong", {}, P.layer(it.layer)), ` ${it.what} `, places(it)), list(it));

  const why = (it) => it.severity === "notice" ? brief(it) :
    el("article", { class: `card why ${it.severity}` },
      el("div", { class: "row" }, P.chip(it.severity), el("strong", {}, P.layer(it.layer)),
        it.side && el("span", { class: "soft" }, `look at ${it.side}`),
        el("span", { class: "grow" }),
        places(it)),
      el("p", {}, it.what), list(it));

  const time = (us) => new Date(us / 1e3).toISOString().replace("T", " ").replace("Z", " UTC");

  P.showHead = () => {
    const { head } = P;
    const verdict = head.case?.verdict;
    const bad = head.diagnosis.filter((it) => it.severity === "broken").length;
    const state = verdict ? P.chip(verdict.outcome)
      : head.diagnosis.length ? P.chip(bad ? "broken" : head.diagnosis[0].severity, P.count(head.diagnosis.length, "diagnosis", "diagnoses"))
      : P.chip("pass", "no problem found");
    const standing = head.case && P.standings[head.case.standing];
    const top = P.by("top");
    top.append(el("div", { class: "title" }, state, el("h1", {}, head.title), standing && el("span", { class: "soft" }, standing)));
    if (head.case) top.append(el("p", { class: "soft" }, head.case.title));
    if (verdict && (verdict.outcome !== "pass" || verdict.sentence)) {
      const at = [P.layer(verdict.layer), verdict.side].filter(Boolean).join(", ");
      top.append(el("p", { class: "sentence" }, at && el("strong", {}, `${at}: `), verdict.sentence, " ",
        verdict.evidence?.length > 0 && el("span", { class: "soft" }, "(", P.places(verdict.evidence), ")")));
    }
    const meta = [
      ...head.peers.map((peer) => [el("b", {}, peer.name), peer.role && ` (${peer.role})`, peer.version && ` ${peer.version}`]),
      [P.count(head.file.frames, "frame"), head.file.size && `, ${P.bytes(head.file.size)} ${head.file.format}`],
      [P.span(head.axis_us[1] - head.axis_us[0])],
      [time(head.origin_us)],
      head.seed && [`seed ${head.seed}`],
      !head.file.secrets && head.file.frames > 0 && ["no keys: encrypted packets cannot be decrypted"],
    ].filter(Boolean);
    top.append(el("p", { class: "meta" }, meta.map((it) => el("span", {}, it))));
    const shown = head.diagnosis.slice(0, 6);
    if (shown.length) top.append(el("div", { class: "diagnoses" }, shown.map(why)));
    if (head.diagnosis.length > shown.length) {
      const rest = head.diagnosis.slice(shown.length);
      top.append(el("details", {}, el("summary", {}, `${rest.length} more`), el("div", { class: "diagnoses" }, rest.map(why))));
    }
    for (const defect of head.file.defects) top.append(el("p", { class: "note" }, `Capture: ${defect}`));
    if (head.left_out.length) top.append(el("p", { class: "note" }, "Not in this page: ", P.code(head.left_out.join("; ")), "."));
  };

  P.views.push({
    id: "findings", title: "Findings", order: 90,
    count: () => P.head.case?.breaches?.length,
    there: () => Boolean(P.head.case),
    show: (panel) => {
      const it = P.head.case;
      panel.append(el("h2", {}, "Connection setup, step by step"), el("div", { class: "card" }, P.bars(it.steps, it.verdict.outcome)));
      if (it.waiver) panel.append(el("h2", {}, "Known deviation"), el("p", { class: "card" }, it.waiver.reason, " ", el("span", { class: "soft" }, it.waiver.link)));
      if (it.evidence?.length) panel.append(el("h2", {}, "What decided the verdict"), el("ul", { class: "card" },
        it.evidence.map((piece) => el("li", {}, P.place(piece.place), piece.text && `: ${piece.text}`))));
      const counts = Object.entries(it.requirements).filter(([, n]) => n).map(([name, n]) => `${n} ${name}`).join(", ");
      panel.append(el("h2", {}, "Requirements"), el("p", { class: "soft" }, counts || "None applied."));
      if (it.breaches?.length) panel.append(el("div", { class: "card scroll" }, el("table", {}, P.breachHeads(),
        el("tbody", {}, it.breaches.map((one) => P.breach(one))))));
      if (it.snapshot_text) panel.append(el("h2", {}, "Snapshot"), el("pre", { tabindex: "0" }, it.snapshot_text));
    },
  });
}
