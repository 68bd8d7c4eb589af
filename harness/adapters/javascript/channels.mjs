// The data channels of a peer, for channel objects that are like RTCDataChannel.

import { setTimeout as sleep } from "node:timers/promises";
import { now, present, reject } from "./line.mjs";
import { defects, described, payload } from "./messages.mjs";

/** Past this many bytes in a channel's buffer, `send` waits for them to go. */
const FULL = 4 * 1024 * 1024;
const LOOK_EVERY_MS = 5;

export const channelInfo = ({ label, id, ordered, maxRetransmits, maxPacketLifeTime, protocol, negotiated }) =>
  ({ label, ordered, protocol, negotiated, ...present({ id, maxRetransmits, maxPacketLifeTime }) });

/** What is sent, as the libraries take it: a string or a Buffer. */
const sendable = (data) => (typeof data === "string" ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength));

/** What came, as a string or a Buffer. */
const received = (data) => {
  if (typeof data === "string" || Buffer.isBuffer(data)) return data;
  return ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.from(data);
};

/** Channels by their label; of several with one label the newest. */
export class Channels {
  #report;
  #byLabel = new Map();
  #echoes = new Map();

  constructor(report) {
    this.#report = report;
  }

  #named(label) {
    return this.#byLabel.get(label) ?? reject("NotFoundError", `unknown channel ${label}`);
  }

  /** Takes the channel in, which the remote peer made or this one, and reports what happens to it. */
  add(channel, { remote }) {
    const { label } = channel;
    this.#byLabel.set(label, channel);
    channel.binaryType = "arraybuffer";
    // A closed channel may have no identifier any more.
    let known = null;
    const id = () => present({ id: (known = channel.id ?? known) });
    id();
    const on = (type, event, data) =>
      channel.addEventListener(type, (detail) => this.#report(event, data(detail)));
    let reported = false;
    const reportOpen = () => {
      if (reported) return;
      reported = true;
      id();
      this.#report("channelopen", { channel: channelInfo(channel) });
    };
    channel.addEventListener("open", reportOpen);
    // Some libraries open a channel at once, before anybody could listen.
    if (channel.readyState === "open" && !remote) reportOpen();
    on("bufferedamountlow", "bufferedamountlow", () => ({ channel: label }));
    on("closing", "channelclosing", () => ({ channel: label, ...id() }));
    on("close", "channelclose", () => ({ channel: label, ...id() }));
    on("error", "channelerror", ({ error }) =>
      ({ channel: label, error: error?.errorDetail ?? error?.message ?? String(error ?? "unknown") }));
    channel.addEventListener("message", (event) => {
      const at = now();
      const data = received(event.data);
      this.#report("channelmessage", { message: { channel: label, ...described(data) }, ...id() }, at);
      this.#echoes.get(label)?.(channel, data);
    });
  }

  #echo(label, defect) {
    if (!Object.hasOwn(defects, defect)) throw new TypeError(`unknown defect ${defect}`);
    const answersTo = defects[defect]();
    this.#echoes.set(label, async (channel, data) => {
      for (const answer of answersTo(data)) {
        try {
          await channel.send(sendable(answer));
        } catch (error) {
          this.#report("channelerror", { channel: label, error: `echo: ${error.message}` });
        }
      }
    });
  }

  async #send(label, message, times) {
    const channel = this.#named(label);
    for (let round = 0; round < times; round++) {
      while (channel.readyState === "open" && channel.bufferedAmount > FULL) await sleep(LOOK_EVERY_MS);
      // Whether a channel that is not open refuses is for the library to say.
      await channel.send(sendable(payload(message, round)));
    }
  }

  /** The commands about channels; `create` makes one of the library's. */
  commands(create) {
    return {
      createDataChannel: ({ label, ...options }) => {
        const channel = create(label, present(options));
        this.add(channel, { remote: false });
        return channelInfo(channel);
      },
      send: ({ channel, message, times }) => this.#send(channel, message, times ?? 1),
      echo: ({ channel, defect }) => this.#echo(channel, defect ?? "none"),
      closeDataChannel: ({ channel }) => { this.#named(channel).close(); },
      getDataChannel: ({ channel: label }) => {
        const channel = this.#named(label);
        return { ...channelInfo(channel), readyState: channel.readyState, bufferedAmount: channel.bufferedAmount };
      },
    };
  }
}
