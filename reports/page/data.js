// The data of the page: the head as JSON, views and packets compressed, and blocks of trees and bytes that are opened when they are looked at.
"use strict";
{
  P.head = JSON.parse(P.by("data-head").textContent);

  const blocks = [...document.querySelectorAll("script.block")].map((script) => ({
    first: Number(script.dataset.first),
    last: Number(script.dataset.last),
    script,
    details: null,
  }));

  /** Trees and bytes of a frame; nothing if they are not in the page. */
  P.detail = async (frame) => {
    for (const block of blocks.filter((it) => it.first <= frame && frame <= it.last)) {
      block.details ??= P.unpack(block.script);
      const found = (await block.details).find((it) => it.frame === frame);
      if (found) return found;
    }
    return null;
  };

  /** Microseconds on the page's axis of nanoseconds since 1970. */
  P.us = (ns) => ns / 1e3 - P.head.origin_us;

  P.load = async () => {
    [P.body, P.packets] = await Promise.all([P.unpack(P.by("data-body")), P.unpack(P.by("data-packets"))]);
    P.rows = P.packets.rows;
    P.body.ladders.forEach((ladder) => ladder.rows.forEach((row) => Object.assign(row, row.what)));
    P.states = new Map(P.body.states.map((it) => [it.entry, it.state]));
    P.byFrame = new Map();
    P.rows.forEach((row, n) => {
      row.n = n;
      if (!P.byFrame.has(row.f)) P.byFrame.set(row.f, row);
    });
  };

  /** Whether the page is that of a dump, in which there are no packets. */
  P.dumped = () => !P.head.case && !P.head.requirements && P.head.file.frames === 0;
  /** What became of a packet, in words: where it arrived or left, or how it was lost. */
  P.arrival = (row) => (!row.a ? "" : row.a.lost ?? (row.a.arrived !== undefined ? `arrived in frame ${row.a.arrived}` : `left in frame ${row.a.left}`));
  P.address = (index) => P.packets.addresses[index] ?? "";
  /** The innermost protocol of a row. */
  P.protocol = (row) => row.x[row.x.length - 1][0];
}
