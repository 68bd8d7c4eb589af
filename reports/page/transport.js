// Transport: candidates and pairs with their checks, servers, the flights of DTLS; and data channels with their messages.
"use strict";
{
  const { el } = P;
  const SIDES = ["a", "b"];
  const table = (heads, rows) => el("div", { class: "card scroll" }, el("table", { "aria-label": heads.join(", ") }, el("thead", {}, el("tr", {}, heads.map((it) => el("th", { scope: "col", class: it.endsWith("#") ? "num" : "" }, it.replace("#", ""))))), el("tbody", {}, rows)));
  /** What a table leaves out. */
  const rest = (all, most) => all.length > most && el("p", { class: "soft" }, `${(all.length - most).toLocaleString("en")} more are not shown.`);
  const cell = (...inside) => el("td", { class: "wrap" }, inside);
  const num = (...inside) => el("td", { class: "num" }, inside);
  const at = (it, text) => (it ? P.frame(it.frame, text ?? P.time(P.us(it.ns))) : "–");
  const who = (connection, side) => connection.peers[side]?.name ?? side.toUpperCase();
  const ms = (ns) => (ns === null || ns === undefined ? "–" : P.span(ns / 1e3));

  const pairs = (connection) => table(["pair", "state", "from", "checks#", "answered#", "retransmitted#", "round trip#", "first", "nominated"],
    connection.pairs.flatMap((pair) => {
      const kind = { nominated: "pass", succeeded: "unsupported", failed: "fail", unanswered: "fail" }[pair.state];
      const sides = SIDES.filter((side) => pair.checks[side].sent);
      return (sides.length ? sides : ["a"]).map((side, n) => {
        const checks = pair.checks[side];
        const answered = checks.succeeded + Object.values(checks.errors).reduce((sum, it) => sum + it, 0);
        return el("tr", {},
          n === 0 && el("td", { rowspan: Math.max(1, sides.length), class: "wrap" }, `${pair.addresses.a} ↔ ${pair.addresses.b}`, pair.via && el("div", { class: "soft" }, `via ${pair.via}`)),
          n === 0 && el("td", { rowspan: Math.max(1, sides.length) }, P.chip(kind, pair.state === "unanswered" ? "no check answered" : pair.state)),
          cell(who(connection, side)), num(checks.sent), num(answered), num(checks.retransmissions),
          num(checks.round_trips.count ? ms(checks.round_trips.sum_ns / checks.round_trips.count) : "–"), cell(at(checks.first)),
          n === 0 && el("td", { rowspan: Math.max(1, sides.length) }, at(pair.nominated)));
      });
    }));

  const transactions = (connection) => {
    const all = connection.pairs.flatMap((pair) => pair.transactions.map((it) => [pair, it])).sort((x, y) => x[1].request.ns - y[1].request.ns);
    if (!all.length) return null;
    const row = ([pair, it]) => {
      const outcome = typeof it.outcome === "object" ? `error ${it.outcome.error}` : it.outcome;
      return el("tr", {}, cell(at(it.request)), cell(who(connection, it.from)), cell(`${pair.addresses[it.from]} → ${pair.addresses[it.from === "a" ? "b" : "a"]}`),
        el("td", {}, P.chip(outcome === "success" ? "pass" : outcome === "unanswered" ? "warn" : "fail", outcome)), num(it.retransmissions || ""), num(ms(it.rtt_ns)),
        cell(at(it.response, it.response && `frame ${it.response.frame}`), it.use_candidate && " USE-CANDIDATE", it.answered_from && ` from ${it.answered_from}`));
    };
    return el("details", {}, el("summary", {}, `Checks one by one (${all.length})`), table(["request", "from", "pair", "outcome", "retransmitted#", "round trip#", "response"], all.slice(0, 2000).map(row)), rest(all, 2000));
  };

  const flights = (connection, handshake) => {
    const about = [handshake.version ?? "DTLS, version unknown", `client ${who(connection, handshake.client)}`, handshake.cipher_suite, handshake.srtp_profile].filter(Boolean).join(", ");
    return el("article", { class: "card" }, el("div", { class: "row" }, handshake.complete ? P.chip("pass", "complete") : P.chip("fail", "not complete"), el("strong", {}, about)),
      el("p", { class: "soft" }, "ClientHello ", at(handshake.client_hello), handshake.complete && [", complete ", at(handshake.complete), ` after ${ms(handshake.complete.ns - handshake.client_hello.ns)}`],
        handshake.retransmissions > 0 && `, ${handshake.retransmissions} messages retransmitted`),
      el("ol", { class: "flights" }, handshake.flights.map((flight) => el("li", { class: flight.from === "a" ? "forth" : "back" },
        el("strong", {}, who(connection, flight.from)), " ", at(flight.first), flight.last.frame !== flight.first.frame && [" to ", at(flight.last)], ": ", flight.messages.join(", "),
        flight.retransmissions > 0 && el("span", { class: "chip warn" }, `sent ${flight.retransmissions + 1} times`)))),
      handshake.certificates.map((it) => el("p", { class: "soft wrap" }, `${who(connection, it.from)}: certificate `, at(it.at), ` sha-256 ${it.sha256}`,
        it.matches_description === true && " matches the description", it.matches_description === false && el("strong", {}, " does not match the description"))),
      handshake.alerts.map((it) => el("p", {}, P.chip(it.level === 2 ? "fail" : "notice", it.level === 2 ? "fatal alert" : "alert"), ` ${who(connection, it.from)}: ${it.description ?? "encrypted"} `, at(it.at))));
  };

  const candidates = () => {
    const rows = P.body.candidates.map((it) => el("tr", {}, cell(it.t_us !== undefined ? el("a", { href: `#entry-${it.entry}` }, P.time(it.t_us)) : "–"), cell(it.peer), el("td", {}, P.chip("other", it.kind)),
      cell(it.transport.toUpperCase()), cell(it.address), num(it.priority), cell(it.mid ?? ""), cell(it.fate ?? "")));
    return rows.length ? [el("h2", {}, "Candidates"), table(["signaled", "by", "type", "transport", "address", "priority#", "mid", "delivery"], rows)] : [];
  };

  const servers = (trace) => {
    const rows = [
      ...trace.gatherings.map((it) => el("tr", {}, cell("STUN"), cell(it.server), cell(it.client), cell(it.answered ? ["mapped to ", it.mapped ?? "?", " ", at(it.answered)] : it.error ? [`error ${it.error[1]} `, at(it.error[0])] : P.chip("fail", "no answer")), num(it.requests))),
      ...trace.allocations.map((it) => el("tr", {}, cell("TURN"), cell(it.server), cell(it.client), cell(it.granted ? ["relays ", it.relayed ?? "?", " ", at(it.granted)] : P.chip("fail", "no allocation"),
        Object.entries(it.error_counts).map(([code, n]) => ` ${n} × ${code}`), it.bound.length > 0 && el("div", { class: "soft" }, it.bound.map((bound) => `${bound.channel === null ? "permission" : `channel ${bound.channel}`} for ${bound.peer}`).join(", "))), num(it.requests))),
    ];
    return rows.length ? [el("h2", {}, "Servers"), table(["", "server", "client", "result", "requests#"], rows)] : [];
  };

  const WORST = ["broken", "degraded", "notice"];
  /** What is wrong with the connection of a flow, the worst of it; that there is no connection, if there is none. */
  const standing = (flow, servers) => {
    if (servers.has(flow.initiator) || servers.has(flow.responder)) return P.chip("other", "server");
    if (flow.connection === null) return P.chip("other", "not WebRTC");
    const found = [...P.head.diagnosis, ...(P.head.besides ?? [])].filter((it) => it.connection === flow.connection);
    const worst = WORST.find((severity) => found.some((it) => it.severity === severity));
    return worst ? P.chip(worst) : P.chip("pass", "no problem found");
  };

  const flows = (trace) => {
    const servers = new Set([...trace.gatherings, ...trace.allocations].map((it) => it.server));
    const sum = (it, name) => it.forth[name] + it.back[name];
    const all = trace.flows.filter((it) => it.carrier !== "plaintext");
    const rows = all.slice(0, 500).map((it) => {
      const firsts = [it.forth.first, it.back.first].filter(Boolean).sort((x, y) => x.ns - y.ns);
      const lasts = [it.forth.last, it.back.last].filter(Boolean).sort((x, y) => y.ns - x.ns);
      const kinds = ["stun", "channel_data", "dtls", "rtp", "rtcp", "sctp", "other"].filter((name) => sum(it, name)).map((name) => `${name.replace("_", " ")} ${sum(it, name)}`);
      return el("tr", {}, cell(`${it.initiator} ↔ ${it.responder}`, it.via && el("div", { class: "soft" }, `via ${it.via}`)), cell(it.carrier.toUpperCase()), cell(kinds.join(", ")),
        num(sum(it, "packets")), num(P.bytes(sum(it, "bytes"))), cell(at(firsts[0]), firsts[0] && el("div", { class: "soft" }, P.clock(firsts[0].ns / 1e3))), num(lasts[0] ? P.span((lasts[0].ns - firsts[0].ns) / 1e3) : "–"), cell(standing(it, servers), it.connection !== null && ` connection ${it.connection + 1}`));
    });
    return rows.length ? [el("h2", {}, "Conversations"), table(["addresses", "carrier", "protocols", "packets#", "bytes#", "begins", "duration#", "verdict"], rows), rest(all, 500)].filter(Boolean) : [];
  };

  P.views.push({
    id: "transport", title: "ICE and DTLS", order: 40,
    count: () => P.body.trace.connections.reduce((sum, it) => sum + it.pairs.length, 0) || undefined,
    there: () => P.body.trace.flows.length > 0 || P.body.candidates.length > 0,
    show: (panel) => {
      const { trace } = P.body;
      trace.connections.forEach((connection, n) => {
        const roles = SIDES.filter((side) => connection.peers[side].role).map((side) => `${who(connection, side)} is ${connection.peers[side].role.controlling ? "controlling" : "controlled"}`);
        panel.append(el("section", { class: "part" }, el("h2", {}, trace.connections.length > 1 ? `Connection ${n + 1}: ` : "", `${who(connection, "a")} and ${who(connection, "b")}`),
          roles.length > 0 && el("p", { class: "soft" }, roles.join(", ")),
          connection.delivery && el("p", { class: "soft" }, SIDES.map((side) => `${connection.delivery[side].left} packets left ${who(connection, side)}, ${connection.delivery[side].arrived} arrived. `)),
          connection.pairs.length > 0 ? [pairs(connection), transactions(connection)] : el("p", { class: "soft" }, "No connectivity checks were seen."),
          connection.handshakes.length > 0 && el("h2", {}, "DTLS flights"), connection.handshakes.map((it) => flights(connection, it)),
          connection.handshakes.length === 0 && connection.records_without_handshake > 0 && el("p", { class: "soft" }, `${connection.records_without_handshake} DTLS records whose handshake is not in the capture.`)));
      });
      panel.append(...candidates(), ...servers(trace), ...flows(trace));
    },
  });

  const associations = () => P.body.trace.connections.flatMap((connection) => connection.associations.map((it) => [connection, it]));

  P.views.push({
    id: "channels", title: "Data channels", order: 50,
    count: () => associations().reduce((sum, [, it]) => sum + it.channels.length, 0),
    there: () => associations().length > 0 || P.body.messages.length > 0,
    show: (panel) => {
      for (const [connection, it] of associations()) {
        const steps = [["INIT", it.init.a ?? it.init.b], ["INIT-ACK", it.init_ack], ["COOKIE-ECHO", it.cookie_echo], ["COOKIE-ACK", it.established], ["SHUTDOWN", it.shutdown], ["ABORT", it.abort?.at]].filter(([, when]) => when);
        panel.append(el("section", { class: "part" }, el("h2", {}, `SCTP association, ports ${it.ports.a} and ${it.ports.b}`),
          el("p", { class: "soft" }, steps.map(([name, when], n) => [n ? ", " : "", name, " ", at(when)])),
          it.abort && el("p", {}, P.chip("notice", "ABORT"), ` ${who(connection, it.abort.from)}: ${it.abort.causes.join(", ") || "no cause"}`),
          table(["sent by", "DATA chunks#", "bytes#", "retransmitted#", "SACKs#", "with gaps#", "FORWARD-TSN#", "HEARTBEAT#", "streams out, in"], SIDES.map((side) => {
            const sent = it.sent[side];
            return el("tr", {}, cell(who(connection, side)), num(sent.data_chunks), num(P.bytes(sent.bytes)), num(sent.retransmissions), num(sent.sacks), num(sent.sacks_with_gaps), num(sent.forward_tsns), num(sent.heartbeats), cell(`${sent.outgoing_streams ?? "–"}, ${sent.incoming_streams ?? "–"}`));
          })),
          it.channels.length > 0 && table(["stream#", "label", "kind", "opened", "acknowledged", "closed", "messages#", "bytes#"], it.channels.map((channel) => el("tr", {}, num(channel.stream),
            cell(channel.label ?? el("span", { class: "soft" }, "opening not captured"), channel.protocol && el("div", { class: "soft" }, channel.protocol)),
            cell(channel.kind ?? "–", channel.reliability !== null && ` (${channel.reliability})`), cell(at(channel.open), channel.opened_by && ` by ${who(connection, channel.opened_by)}`), cell(at(channel.acknowledged)), cell(at(channel.reset)),
            num(SIDES.map((side, n) => [n > 0 && el("br"), `${who(connection, side)} ${channel.sent[side].messages}`])), num(SIDES.map((side, n) => [n > 0 && el("br"), P.bytes(channel.sent[side].bytes)])))))));
      }
      const { messages } = P.body;
      if (messages.length) panel.append(el("h2", {}, `${messages[0].frame !== undefined ? "Messages that were captured" : "Messages as the peers reported them"} (${messages.length})`), rest(messages, 1000) || "", table(["time", "received by", "channel", "bytes#", "message"],
        messages.slice(0, 1000).map((it) => el("tr", {}, cell(it.frame !== undefined ? P.frame(it.frame, P.time(it.t_us)) : el("a", { href: `#entry-${it.entry}` }, P.time(it.t_us))), cell(it.peer), cell(it.channel), num(it.size), cell(it.value ?? el("span", { class: "soft" }, it.is_text ? "text" : "binary"))))));
    },
  });
}
