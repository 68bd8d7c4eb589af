// Media and statistics over time: small charts on the page's time axis.
"use strict";
{
  const { el } = P;
  const SLICE = { packets: 0, bytes: 1, missing: 2, marked: 3, keyFrames: 4, nacked: 5, requests: 6, jitter: 7, rtt: 8 };

  const { chart } = P;

  const points = (over, of, value = (it) => it) => over.slices.flatMap((slice, n) => {
    const it = of(slice);
    return it === null ? [] : [[over.from_us + (n + 0.5) * over.width_us, value(it)]];
  });
  const known = (index, scale) => (slice) => (slice[index] < 0 ? null : slice[index] / scale);

  /** Readings without those that follow another soon, as the last one may: what has come in such a moment is no rate. */
  const apart = ({ points }) => {
    const usual = (points.at(-1)[0] - points[0][0]) / Math.max(1, points.length - 1);
    return points.reduce((kept, point) => (kept.length && point[0] - kept.at(-1)[0] < usual / 3 ? kept : [...kept, point]), []);
  };
  /** The growth of a counter as a rate. */
  const rate = (series, factor) => apart(series).flatMap(([t, value], n, all) => (n ? [[(t + all[n - 1][0]) / 2, (Math.max(0, value - all[n - 1][1]) * factor * 1e6) / Math.max(1, t - all[n - 1][0])]] : []));

  const moves = (lines) => lines.some((line) => line.points.some(([, value]) => value > 0));

  const card = (connection, stream, over) => {
    const name = connection.peers[stream.from]?.name ?? stream.from.toUpperCase();
    const codec = stream.codec ?? `payload type ${Object.keys(stream.payload_types).join(", ")}`;
    const seconds = over.width_us / 1e6;
    const stats = P.body.stats.filter((it) => it.ssrc === stream.ssrc && it.points.length > 1);
    // What peers report of the same, beside what the wire shows: of their own, or as the other one reported it to them by RTCP.
    const own = /^(in|out)bound-rtp$/;
    const who = (it) => `${it.name} of ${it.peer}${own.test(it.kind) ? "" : " (by RTCP)"}`;
    const said = stats.filter((it) => own.test(it.kind) && (it.name === "bytesSent" || it.name === "bytesReceived"));
    const beside = (name, value) => stats.filter((it) => it.name === name).map((it) => ({ kind: "dtls", dash: true, points: value(it), of: who(it) }));
    const scaled = (factor) => (it) => it.points.map(([t, value]) => [t, value * factor]);
    const growth = (it) => it.points.slice(1).map(([t, value], n) => [t, Math.max(0, value - it.points[n][1])]);
    const [jitter, trip, lost, nacks, frames] = [beside("jitter", scaled(1000)), beside("roundTripTime", scaled(1000)), beside("packetsLost", growth), beside("nackCount", growth), stream.clock_rate === 90000 ? beside("framesPerSecond", scaled(1)) : []];
    const heading = `${name} sends ${codec}${stream.repairs !== null ? " (repair)" : ""}`;
    const facts = [
      P.count(stream.packets, "packet"), P.bytes(stream.bytes), `${stream.lost} lost${stream.expected ? ` (${((100 * stream.lost) / stream.expected).toFixed(1)} %)` : ""}`,
      stream.reordered > 0 && `${stream.reordered} reordered`, stream.duplicates > 0 && `${stream.duplicates} duplicated`,
      stream.jitter_ns !== null && `jitter ${P.span(stream.jitter_ns / 1e3)}`, stream.marked > 0 && `${stream.marked} with marker`, stream.payload_read && P.count(stream.key_frames, "key frame"),
      stream.feedback.nacks > 0 && `${stream.feedback.nacks} NACK for ${stream.feedback.nacked_packets}`, stream.feedback.plis > 0 && `${stream.feedback.plis} PLI`, stream.feedback.firs > 0 && `${stream.feedback.firs} FIR`,
      `longest gap ${P.span(stream.longest_gap_ns / 1e3)}`,
    ].filter(Boolean);
    const at = (n) => over.from_us + (n + 0.5) * over.width_us;
    const marks = over.slices.flatMap((slice, n) => [slice[SLICE.keyFrames] && { t: at(n), up: true, text: "key frame" }, slice[SLICE.requests] && { t: at(n), up: false, text: "key frame requested" }].filter(Boolean));
    const has = (index) => over.slices.some((slice) => slice[index] > 0);
    // A chart is there if the packets or the peers have something for it.
    const there = (lines, seen) => seen || moves(lines);
    const isLost = there(lost, stream.lost > 0);
    const isAsked = there(nacks, has(SLICE.nacked));
    const hasJitter = there(jitter, has(SLICE.jitter));
    const hasTrip = there(trip, has(SLICE.rtt));
    const hasFrames = there(frames, has(SLICE.marked) && stream.clock_rate === 90000);
    const drawn = [[lost, isLost], [nacks, isAsked], [jitter, hasJitter], [trip, hasTrip], [frames, hasFrames]].flatMap(([lines, is]) => (is ? lines.map((it) => it.of) : []));
    const names = [...new Set([...said.map(who), ...drawn])];
    return el("article", { class: "card" }, el("h3", {}, heading, " ", el("code", { class: "soft" }, `0x${stream.ssrc.toString(16).padStart(8, "0")}`)),
      el("p", { class: "soft" }, facts.join(", "), ", from ", P.frame(stream.first.frame), " to ", P.frame(stream.last.frame), stream.first_key_frame && [", first key frame ", P.frame(stream.first_key_frame.frame)]),
      chart("bitrate", "kbit/s", [{ kind: "rtp", points: points(over, (slice) => (slice[SLICE.bytes] * 8) / 1000 / seconds) },
        ...said.map((it) => ({ kind: it.name === "bytesSent" ? "stun" : "dtls", dash: true, points: rate(it, 8 / 1000) }))], marks),
      names.length > 0 && el("p", { class: "soft" }, "dashed, as the peers report it: ", names.join(", ")),
      isLost && chart("lost", "packets", [{ kind: "fail", points: points(over, (slice) => Math.max(0, slice[SLICE.missing])) }, ...lost]),
      isAsked && chart("requested by NACK", "packets", [{ kind: "inconclusive", points: points(over, (slice) => slice[SLICE.nacked]) }, ...nacks]),
      hasJitter && chart("jitter", "ms", [{ kind: "sctp", points: points(over, known(SLICE.jitter, 1000)) }, ...jitter]),
      hasTrip && chart("round trip by RTCP", "ms", [{ kind: "stun", points: points(over, known(SLICE.rtt, 1000)) }, ...trip]),
      hasFrames && chart("frames", "per s", [{ kind: "rtp", points: stream.clock_rate === 90000 ? points(over, (slice) => slice[SLICE.marked] / seconds) : [] }, ...frames]));
  };

  const draw = (panel) => {
    panel.replaceChildren();
    const { trace, streams } = P.body;
    // Repair streams come last.
    const of = (over) => trace.connections[over.connection].streams[over.stream];
    const sorted = [...streams].sort((a, b) => a.connection - b.connection || (of(a).repairs !== null) - (of(b).repairs !== null) || of(b).bytes - of(a).bytes);
    const cards = sorted.slice(0, 200).map((over) => card(trace.connections[over.connection], trace.connections[over.connection].streams[over.stream], over));
    panel.append(el("div", { class: "grid2" }, cards));
    const rates = P.bitrates(P.head.case?.bitrates);
    if (rates.length) panel.append(el("h2", {}, "What the scenario expects"), el("div", { class: "grid2" }, rates.map((it) => el("article", { class: "card" }, it))));
    if (streams.length > 200) panel.append(el("p", { class: "soft" }, `${streams.length - 200} more streams are in peerproof inspect FILE --json.`));
    panel.append(el("p", { class: "soft" }, "▲ a key frame begins, ▼ a key frame is requested. Loss, jitter and round trip are those of the place where the packets were recorded."));
  };

  P.views.push({
    id: "media", title: "Media", order: 60, count: () => P.body.streams.length, there: () => P.body.streams.length > 0, show: draw, range: draw,
  });

  const COUNTERS = /^(bytes|packets|frames|keyFrames|nackCount|pliCount|firCount|header|requests|responses|messages|total|retransmitted|consent|samples)/;

  P.views.push({
    id: "statistics", title: "Statistics", order: 70,
    count: () => P.body.stats.length,
    there: () => P.body.stats.length > 0,
    show: (panel) => {
      const groups = new Map();
      for (const it of P.body.stats) {
        const key = `${it.peer}\u0000${it.kind}\u0000${it.id}`;
        groups.set(key, [...(groups.get(key) ?? []), it]);
      }
      const input = el("input", { type: "search", "aria-label": "Filter statistics", placeholder: "filter: inbound-rtp, bytes, …", on: { input: () => drawStatistics() } });
      const box = el("div", {});
      const drawStatistics = () => {
        const sought = input.value.toLowerCase();
        const found = [];
        for (const series of groups.values()) {
          const [first] = series;
          const fits = (it) => `${it.peer} ${it.kind} ${it.id} ${it.name}`.toLowerCase().includes(sought);
          const chosen = series.filter(fits);
          if (!chosen.length) continue;
          const moving = chosen.filter((it) => it.points.length > 2 && it.points.some(([, value]) => value !== it.points[0][1]));
          const open = found.length < 3 || Boolean(sought);
          found.push(el("details", { class: "card", open }, el("summary", {}, el("strong", {}, `${first.peer}: ${first.kind}`), " ", el("code", { class: "soft" }, first.id)),
            moving.length > 0 && el("div", { class: "grid2" }, moving.slice(0, 24).map((it) => COUNTERS.test(it.name)
              ? chart(`${it.name} per second`, "", [{ kind: "stun", points: rate(it, 1) }]) : chart(it.name, "", [{ kind: "dtls", points: it.points }]))),
            el("div", { class: "scroll" }, el("table", { "aria-label": "Statistics" }, el("thead", {}, el("tr", {}, ["member", "first", "last", "reports"].map((name, n) => el("th", { scope: "col", class: n ? "num" : "" }, name)))),
              el("tbody", {}, chosen.map((it) => el("tr", {}, el("td", {}, it.name), el("td", { class: "num" }, it.points[0][1]), el("td", { class: "num" }, it.points.at(-1)[1]), el("td", { class: "num" }, it.points.length))))))));
          if (found.length >= 100) break;
        }
        box.replaceChildren(...(found.length ? found : [el("p", { class: "empty" }, "No statistics match.")]));
      };
      panel.append(el("div", { class: "filter" }, input), box);
      drawStatistics();
      P.listen("range", drawStatistics);
    },
  });
}
