// The page of a run: tiles, matrix, and the cases, filtered. What is chosen stands in the URL.
"use strict";
{
  const { el } = P;
  const STEP = 100;
  const TILES = [
    ["unexpected", "fail", (row) => row.unexpected],
    ["passed", "pass", (row) => row.standing === "expected" && row.outcome === "pass"],
    ["known deviations", "known", (row) => row.standing === "known"],
    ["controls held", "pass", (row) => row.standing === "control-held"],
    ["changed", "inconclusive", (row) => row.standing === "changed"],
    ["unsupported", "unsupported", (row) => row.standing === "expected" && row.outcome === "unsupported"],
    ["undecided", "inconclusive", (row) => row.standing === "expected" && !["pass", "unsupported"].includes(row.outcome)],
  ];
  const HEAD = JSON.parse(P.by("data-head").textContent);
  let rows = [];
  let breaches = [];
  let state = {};
  let shown = STEP;

  const blocks = new Map();
  /** All that is known of a case. */
  const whole = async (row) => {
    const size = Number(P.by("data-block-0").dataset.size);
    const block = Math.floor(row.n / size);
    if (!blocks.has(block)) blocks.set(block, P.unpack(P.by(`data-block-${block}`)));
    return (await blocks.get(block))[row.n % size];
  };

  const called = (peer) => { const name = `${peer.implementation} ${peer.version}`; return HEAD.called[name] ?? name; };

  // The URL.
  const KEYS = ["q", "show", "verdict", "family", "pair", "requirement", "version", "unexpected", "case"];
  const read = () => {
    const found = {};
    for (const part of P.fragment()) {
      const at = part.indexOf("=");
      const key = at < 0 ? part : part.slice(0, at);
      if (KEYS.includes(key)) found[key] = at < 0 ? "1" : part.slice(at + 1);
    }
    return found;
  };
  const fragment = (it) => KEYS.filter((key) => it[key]).map((key) => `${key}=${encodeURIComponent(it[key]).replaceAll("%2F", "/").replaceAll("%40", "@")}`).join("&");
  const hash = (it) => `#${fragment(it)}`;
  /** Keeps what is chosen in the URL without drawing again. */
  const keep = (more) => {
    state = { ...state, ...more };
    P.setFragment(fragment(state));
  };
  const change = (more) => {
    keep(more);
    shown = STEP;
    draw();
  };

  const tile = (name) => TILES.find(([own]) => own === name)?.[2] ?? (() => true);
  const matches = (it, row) =>
    (!it.show || tile(it.show)(row)) && (!it.verdict || row.outcome === it.verdict) && (!it.family || row.family === it.family) && (!it.pair || row.pair === it.pair) &&
    (!it.version || row.versions.includes(it.version)) && (!it.requirement || row.requirements.includes(it.requirement)) && (!it.unexpected || row.unexpected) &&
    (!it.q || it.q.toLowerCase().split(/\s+/).every((word) => row.text.includes(word)));

  const place = (row) => [P.layer(row.layer), row.side].filter(Boolean).join(", ");

  /** A path as a URL that leads to no other host and has no other scheme. */
  const local = (path) => (path.startsWith("/") ? path.replace(/^\/+/, "/") : `./${path}`);

  const detail = (row, it) => {
    const base = row.page && local(row.page);
    const files = it.folder ? it.files.filter((file) => file !== "page.html") : [];
    const link = (file) => `${it.folder}/${file}`.split("/").map((part) => encodeURIComponent(part)).join("/");
    const here = (file) => el("a", { href: local(link(file)) }, file);
    const differs = it.snapshot?.differs;
    const counts = Object.entries(it.requirements).filter(([, n]) => n).map(([name, n]) => `${n} ${name}`).join(", ");
    return el("div", { class: "body" },
      el("div", {},
        base ? el("a", { class: "open", href: base }, "Open the page of this case")
          : el("p", { class: "soft" }, "There is no page of this case yet: ", el("code", {}, `peerproof report RUN '${row.name}'`), " writes it."),
        el("h3", {}, "Scenario"), el("p", {}, it.title, it.rows?.length > 0 && el("span", { class: "soft" }, ` (${it.rows.join(", ")})`)),
        it.control_of && el("p", { class: "soft" }, `A control: ${it.control_of} with an intended fault.`),
        it.waiver && [el("h3", {}, "Known deviation"), el("p", {}, P.linked(it.waiver.reason), " ", el("span", { class: "soft" }, P.linked(it.waiver.link)))],
        el("h3", {}, "Peers"), el("ul", {}, it.peers.map((peer) => el("li", {}, el("strong", {}, peer.name), `: ${called(peer)}`))),
        it.evidence?.length > 0 && [el("h3", {}, "Evidence"), el("ul", {}, it.evidence.map((piece) => el("li", {}, P.place(piece.place, base), piece.text && [": ", P.linked(piece.text)])))],
        files.length > 0 && [el("h3", {}, "Recording"), el("p", {}, files.map((file, n) => [n ? " · " : "", here(file)]))]),
      el("div", {}, el("h3", {}, "Connection setup, step by step"), P.bars(it.steps, it.verdict.outcome), P.bitrates(it.bitrates)),
      differs && el("div", { class: "wide diff" }, el("h3", {}, `Snapshot differs in [${differs.section}], line ${differs.line}`), el("pre", {}, el("del", {}, `- ${differs.expected}`), el("ins", {}, `+ ${differs.seen}`))),
      counts && el("div", { class: "wide" }, el("h3", {}, "Requirements"), el("p", { class: "soft" }, counts)),
      it.breaches?.length > 0 && el("details", { class: "wide", open: it.breaches.some((one) => P.breachWord(one) === "fail") }, el("summary", {}, P.count(it.breaches.length, "finding")),
        el("div", { class: "scroll" }, el("table", { "aria-label": "Requirements of the case" }, P.breachHeads(), el("tbody", {}, it.breaches.map((one) => P.breach(one, base)))))),
      it.snapshot_text && el("details", { class: "wide" }, el("summary", {}, "Snapshot: descriptions, ICE and DTLS"), el("pre", { tabindex: "0" }, it.snapshot_text)));
  };

  const open = async (box, row) => {
    const it = await whole(row);
    if (box.querySelector(".body")) return;
    box.append(detail(row, it));
    box.querySelector("button").setAttribute("aria-expanded", "true");
  };

  const card = (row, expand) => {
    const remark = P.standings[row.standing];
    const right = [remark, row.attempt > 1 && `attempt ${row.attempt}`, P.span(row.duration_us)].filter(Boolean).join(" · ");
    const head = el("button", { type: "button", "aria-expanded": "false", on: { click: () => {
      const body = box.querySelector(".body");
      if (body) {
        body.remove();
        head.setAttribute("aria-expanded", "false");
        if (state.case === row.name) keep({ case: undefined });
      } else {
        keep({ case: row.name });
        open(box, row);
      }
    } } }, el("span", {}, P.chip(row.unexpected ? "fail" : row.standing === "known" ? "known" : row.outcome === "fail" ? "unsupported" : row.outcome, row.outcome)), el("span", { class: "name" }, row.name), el("span", { class: "right" }, right),
      (row.outcome !== "pass" || row.unexpected) && el("span", { class: `sentence${row.unexpected ? "" : " quiet"}` }, place(row) && el("strong", {}, `${place(row)}: `), row.sentence));
    const box = el("article", { class: `case ${row.unexpected ? "fail" : row.standing === "known" ? "known" : row.outcome === "fail" ? "pass" : row.outcome}`, "data-case": row.name }, head);
    if (expand) open(box, row);
    return box;
  };
  const tiles = () => el("div", { class: "tiles", role: "group", "aria-label": "Cases by standing" }, TILES.map(([name, kind, test]) => {
    const count = rows.filter(test).length;
    if (!count && ["changed", "undecided"].includes(name)) return null;
    return el("button", { type: "button", class: `${kind}${count ? "" : " none"}`, "aria-pressed": String(state.show === name), on: { click: () => { change({ show: state.show === name ? undefined : name, case: undefined }); } } }, el("b", {}, count.toLocaleString("en")), name);
  }));

  const matrix = () => {
    const families = [...new Set(rows.map((row) => row.family))];
    const pairs = [...new Set(rows.map((row) => row.pair))].sort();
    const cell = (family, pair) => {
      const all = rows.filter((row) => row.family === family && row.pair === pair);
      if (!all.length) return el("td", { class: "soft" }, "–");
      const bad = all.filter((row) => row.unexpected).length;
      const parts = TILES.map(([, kind, test]) => [kind, all.filter(test).length]).filter(([, n]) => n);
      const words = TILES.map(([name, , test]) => [name, all.filter(test).length]).filter(([, n]) => n).map(([name, n]) => `${n} ${name}`).join(", ");
      return el("td", { class: bad ? "bad" : "" }, el("a", { href: hash({ family, pair }), "aria-label": `${family}, ${pair}: ${words}`, title: words }, bad > 0 && el("span", { class: "count" }, `${bad} of `), all.length,
        el("span", { class: "meter" }, parts.map(([kind, n]) => el("i", { class: kind, style: { flex: String(n) } })))));
    };
    return [el("h2", {}, "Families and pairs"), el("div", { class: "card scroll" }, el("table", { class: "matrix" }, el("caption", {}, "Offerer first. Outlined cells have unexpected results; a cell leads to its cases."),
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "family"), pairs.map((pair) => el("th", { scope: "col" }, el("a", { href: hash({ pair }) }, pair))))),
      el("tbody", {}, families.map((family) => el("tr", {}, el("th", { scope: "row" }, el("a", { href: hash({ family }) }, family)), pairs.map((pair) => cell(family, pair)))))))];
  };

  const requirements = () => {
    if (!breaches.length) return [];
    return [el("h2", {}, "Requirements"), el("div", { class: "card scroll" }, el("table", { "aria-label": "Requirements" },
      el("thead", {}, el("tr", {}, ["", "requirement", "level", "source", "by", "cases"].map((name, n) => el("th", { scope: "col", class: n === 5 ? "num" : "" }, name)))),
      el("tbody", {}, breaches.map((it) => el("tr", {}, el("td", {}, P.chip(it.word)), el("td", { class: "wrap" }, el("a", { href: hash({ requirement: it.requirement }) }, it.requirement)),
        el("td", {}, it.level), el("td", {}, P.source(it.source)), el("td", {}, el("a", { href: hash({ version: it.implementation }) }, it.implementation)), el("td", { class: "num" }, it.cases))))))];
  };

  const select = (key, name, values) => el("select", { "aria-label": name, on: { change: (event) => change({ [key]: event.target.value || undefined }) } },
    el("option", { value: "" }, `${name}: all`), [...new Set([...values, state[key]].filter(Boolean))].sort().map((it) => el("option", { value: it, selected: state[key] === it }, it)));

  let bar, list, count;
  const draw = () => {
    P.by("tiles")?.replaceWith(Object.assign(tiles(), { id: "tiles" }));
    const found = rows.filter((row) => matches(state, row)).sort((a, b) => b.unexpected - a.unexpected || a.n - b.n);
    const clear = KEYS.some((key) => state[key] && key !== "case") && el("button", { type: "button", on: { click: () => { bar.querySelector("input").value = ""; change(Object.fromEntries(KEYS.map((key) => [key, undefined]))); } } }, "Clear");
    const input = bar.querySelector("input[type=search]") ?? el("input", { type: "search", id: "search", "aria-label": "Search cases", placeholder: "search names, sentences, layers, requirements", on: { input: () => change({ q: input.value || undefined }) } });
    if (document.activeElement !== input) input.value = state.q ?? "";
    const only = el("label", {}, el("input", { type: "checkbox", id: "only-unexpected", checked: Boolean(state.unexpected), on: { change: (event) => change({ unexpected: event.target.checked ? "1" : undefined }) } }), "unexpected only");
    const rest = [select("verdict", "verdict", rows.map((row) => row.outcome)), select("family", "family", rows.map((row) => row.family)), select("pair", "pair", rows.map((row) => row.pair)),
      select("version", "version", rows.flatMap((row) => row.versions).filter((it) => /\d/.test(it))), select("requirement", "requirement", rows.flatMap((row) => row.requirements)), only, clear, count];
    if (input.parentElement !== bar) bar.append(input);
    while (bar.lastChild !== input) bar.lastChild.remove();
    bar.append(...rest.filter(Boolean));
    count.textContent = found.length === rows.length ? P.count(rows.length, "case") : `${found.length.toLocaleString("en")} of ${P.count(rows.length, "case")}`;
    list.replaceChildren();
    if (!found.length) list.append(el("p", { class: "empty" }, rows.length ? "No case matches." : "No case was run."));
    let group = null;
    const wanted = state.case && found.findIndex((row) => row.name === state.case);
    if (wanted >= shown) shown = wanted + 1;
    for (const row of found.slice(0, shown)) {
      const name = row.unexpected ? "unexpected" : row.family;
      if (name !== group) list.append(el("h3", { class: "group" }, name, el("span", { class: "soft" }, found.filter((it) => (it.unexpected ? "unexpected" : it.family) === name).length)));
      group = name;
      list.append(card(row, row.name === state.case));
    }
    if (found.length > shown) list.append(el("button", { type: "button", class: "more", on: { click: () => { shown += STEP; draw(); } } }, `Show ${Math.min(STEP, found.length - shown)} more of ${found.length - shown}`));
  };

  const begin = async () => {
    const title = HEAD.unexpected ? P.chip("fail", `${HEAD.unexpected} unexpected`) : P.chip("pass", "all as expected");
    P.by("top").append(el("div", { class: "row" }, title, el("h1", {}, `Run of ${HEAD.began}`)),
      el("p", { class: "meta" }, [HEAD.tool, `took ${HEAD.took}`, `seed ${HEAD.seed}`].map((it) => el("span", {}, it))));
    if (HEAD.interrupted) P.by("top").append(el("p", { class: "note" }, "The run was interrupted: only these cases ran."));
    [rows, breaches] = await Promise.all([P.unpack(P.by("data-rows")), P.unpack(P.by("data-breaches"))]);
    rows.forEach((row, n) => {
      const parts = row.name.split("/");
      Object.assign(row, { n, family: parts[0], pair: parts.at(-1) });
      row.text = `${row.name} ${row.sentence} ${row.layer ?? ""} ${row.side ?? ""} ${row.versions.join(" ")} ${row.requirements.join(" ")} ${row.standing} ${row.nats ?? ""}`.toLowerCase();
    });
    const versions = [...new Set(rows.flatMap((row) => row.versions))].filter((it) => /\d/.test(it)).sort();
    P.by("top").append(el("p", { class: "meta" }, versions.map((it) => el("span", {}, it))), el("div", { id: "tiles" }));
    state = read();
    if (rows.length) P.by("matrix").append(...matrix());
    P.by("requirements").append(...requirements());
    bar = el("div", { class: "filters", role: "search" });
    list = el("div", {});
    count = el("span", { class: "soft", id: "count", "aria-live": "polite" });
    P.by("cases").append(el("h2", { id: "list" }, "Cases"), bar, list);
    // Unexpected results come first.
    if (HEAD.unexpected) P.by("main").prepend(P.by("cases"));
    draw();
    const reveal = () => [...document.querySelectorAll(".case")].find((it) => it.dataset.case === state.case)?.scrollIntoView({ block: "start" });
    if (state.case) requestAnimationFrame(reveal);
    addEventListener("hashchange", () => {
      state = read();
      shown = STEP;
      draw();
      if (state.case) reveal();
      else P.by("list").scrollIntoView({ block: "start" });
    });
    addEventListener("keydown", (event) => {
      if (event.key === "/" && !event.target.matches?.("input, select")) { P.by("search").focus(); event.preventDefault(); }
    });
    document.documentElement.dataset.ready = "true";
  };

  begin().catch((error) => {
    document.documentElement.dataset.ready = "failed";
    P.by("top").append(el("p", { class: "note" }, `The page's data cannot be shown: ${error.message}`));
    throw error;
  });
}
