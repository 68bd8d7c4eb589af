// Data channels: their commands and events.

import { now, present, reject } from "./line.js";
import { defects, described, payload } from "./messages.mjs";

/** @import { Connection } from "./connection.js" */
/** @import { Commands, Report } from "./line.js" */

/** Past this many bytes in a channel's buffer, `send` waits until it has drained. */
const FULL = 4 * 1024 * 1024;

/**
 * A channel's properties in the protocol.
 * @param {RTCDataChannel} channel
 * @returns {object}
 */
export function channelInfo({ label, id, ordered, maxRetransmits, maxPacketLifeTime, protocol, negotiated }) {
  return { label, ordered, protocol, negotiated, ...present({ id, maxRetransmits, maxPacketLifeTime }) };
}

/** The channels of a connection by label; of several with one label the newest. */
export class Channels {
  #report;
  /** @type {Map<string, RTCDataChannel>} */
  #channels = new Map();
  /** @type {Map<string, (channel: RTCDataChannel, data: string | ArrayBuffer) => void>} */
  #echoes = new Map();

  /** @param {Report} report */
  constructor(report) {
    this.#report = report;
  }

  /**
   * The channel of that label, which must exist.
   * @param {string} label
   * @returns {RTCDataChannel}
   */
  named(label) {
    return this.#channels.get(label) ?? reject("NotFoundError", `there is no channel ${label}`);
  }

  /**
   * A channel that the remote peer opened.
   * @param {RTCDataChannel} channel
   * @returns {void}
   */
  addRemote(channel) {
    this.#report("datachannel", { channel: channelInfo(channel) });
    this.add(channel);
  }

  /**
   * Adds a channel and reports its events from now on.
   * @param {RTCDataChannel} channel
   * @returns {void}
   */
  add(channel) {
    const { label } = channel;
    this.#channels.set(label, channel);
    channel.binaryType = "arraybuffer";
    // A closed channel may have no identifier any more.
    let known = null;
    const id = () => present({ id: (known = channel.id ?? known) });
    id();
    const on = (type, event, data) => channel.addEventListener(type, (detail) => this.#report(event, data(detail)));
    on("open", "channelopen", () => (id(), { channel: channelInfo(channel) }));
    on("bufferedamountlow", "bufferedamountlow", () => ({ channel: label }));
    on("closing", "channelclosing", () => ({ channel: label, ...id() }));
    on("close", "channelclose", () => ({ channel: label, ...id() }));
    on("error", "channelerror", ({ error }) =>
      ({ channel: label, error: error?.errorDetail ?? error?.message ?? "unknown" }));
    channel.addEventListener("message", ({ data }) => {
      const at = now();
      this.#report("channelmessage", { message: { channel: label, ...described(data) }, ...id() }, at);
      this.#echoes.get(label)?.(channel, data);
    });
  }

  /**
   * Sends back what arrives on channels of that label, also on those that do not exist yet.
   * @param {string} label
   * @param {string} defect
   * @returns {void}
   */
  echo(label, defect) {
    if (!Object.hasOwn(defects, defect)) throw new TypeError(`there is no defect ${defect}`);
    const answersTo = defects[defect]();
    this.#echoes.set(label, (channel, data) => {
      for (const answer of answersTo(data)) {
        try {
          channel.send(/** @type {any} */ (answer));
        } catch (error) {
          this.#report("channelerror", { channel: label, error: `echo: ${error.message}` });
        }
      }
    });
  }
}

/**
 * Waits while the channel's buffer is full.
 * @param {RTCDataChannel} channel
 */
async function drained(channel) {
  while (channel.readyState === "open" && channel.bufferedAmount > FULL) {
    await new Promise((resolve) => {
      for (const type of ["bufferedamountlow", "close"]) channel.addEventListener(type, resolve, { once: true });
    });
  }
}

/**
 * The commands about data channels.
 * @param {Connection} connection
 * @returns {Commands}
 */
export function channelCommands(connection) {
  const { channels } = connection;
  return {
    createDataChannel({ label, ...options }) {
      const channel = connection.existing().createDataChannel(label, options);
      channels.add(channel);
      return channelInfo(channel);
    },

    async send({ channel: label, message, times = 1 }) {
      const channel = channels.named(label);
      for (let round = 0; round < times; round++) {
        await drained(channel);
        channel.send(/** @type {any} */ (payload(message, round)));
      }
    },

    echo({ channel: label, defect = "none" }) {
      channels.echo(label, defect);
    },

    closeDataChannel({ channel: label }) {
      channels.named(label).close();
    },

    getDataChannel({ channel: label }) {
      const channel = channels.named(label);
      return { ...channelInfo(channel), readyState: channel.readyState, bufferedAmount: channel.bufferedAmount };
    },
  };
}
