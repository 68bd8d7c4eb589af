// Negotiates alone with another client of a signalling server (docs/signalling.md): perfect negotiation (webrtc-pc §10.7).

import { candidateOf } from "./connection.js";
import { descriptionOf } from "./state.mjs";

/** @import { Connection } from "./connection.js" */
/** @import { Commands } from "./line.js" */

/** The version of the signalling protocol. */
const VERSION = 1;

/** @param {{ name: string, message: string }} error */
const textOf = ({ name, message }) => `${name}: ${message}`;

/** One client in a room, which negotiates with the first other client in it. */
class Client {
  #connection;
  #report;
  #polite;
  #socket;
  /**
   * The identifier of the other client, once there is one.
   * @type {string | null}
   */
  #other = null;
  #needed;
  #makingOffer = false;
  #settingRemoteAnswer = false;
  /** ICE user names of offers that were ignored: their candidates cannot be added, which is no failure. */
  #ignored = new Set();

  /**
   * @param {Connection} connection
   * @param {{ url: string, polite: boolean }} options
   */
  constructor(connection, { url, polite }) {
    this.#connection = connection;
    this.#report = connection.report;
    this.#polite = polite;
    this.#needed = connection.negotiationNeeded;
    this.#socket = new WebSocket(url);
    const pc = connection.existing();
    // The failure of a step is reported where it happens.
    pc.addEventListener("negotiationneeded", () => {
      this.#needed = true;
      this.#offer().catch(() => {});
    });
    pc.addEventListener("icecandidate", ({ candidate }) => {
      if (this.#other) this.#send({ type: "candidate", candidate: candidateOf(candidate), to: this.#other });
    });
  }

  /**
   * Joins a room. Resolves once the server has let this client in; negotiation then goes on by itself.
   * @param {string} room
   * @returns {Promise<void>}
   */
  join(room) {
    return new Promise((resolve, fail) => {
      const take = {
        joined: ({ peers }) => {
          this.#act("join", async () => null);
          this.#other = peers[0] ?? null;
          resolve();
          return this.#offer();
        },
        "peer-joined": ({ id }) => {
          this.#other ??= id;
          return this.#offer();
        },
        "peer-left": ({ id }) => {
          if (id === this.#other) return this.#act("peerLeft", async () => null);
        },
        description: ({ from, description }) => {
          this.#other ??= from;
          return this.#takeDescription(description);
        },
        candidate: ({ candidate }) => this.#takeCandidate(candidate),
        error: (error) => {
          this.#report("log", { level: "warn", message: `signalling: ${textOf(error)}` });
          fail(new DOMException(textOf(error), "OperationError"));
        },
      };
      // The failure of a step is reported where it happens.
      this.#socket.onmessage = ({ data }) => {
        const message = JSON.parse(data);
        take[message.type]?.(message)?.catch?.(() => {});
      };
      this.#socket.onopen = () => this.#send({ type: "join", version: VERSION, room });
      this.#socket.onclose = ({ code }) => {
        this.#act("signallingClosed", async () => null);
        fail(new DOMException(`the signalling server closed the connection (${code})`, "NetworkError"));
      };
    });
  }

  /** @param {object} message */
  #send(message) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /**
   * Takes a step and reports it. `run` returns the description involved, if any.
   * @param {string} operation
   * @param {() => Promise<RTCSessionDescriptionInit | null>} run
   */
  async #act(operation, run) {
    try {
      const description = await run();
      this.#report("acted", { operation, ...(description && { description: descriptionOf(description) }) });
    } catch (error) {
      this.#report("acted", { operation, error: textOf(error) });
      throw error;
    }
  }

  /** Sets an offer or an answer of its own and sends it. The implicit form of the API decides by itself which of the two. */
  async #describe() {
    const pc = this.#connection.existing();
    await this.#act("setLocalDescription", async () => {
      await this.#connection.negotiated(pc.setLocalDescription());
      return pc.localDescription;
    });
    this.#send({ type: "description", description: descriptionOf(pc.localDescription), to: this.#other });
  }

  async #offer() {
    if (!this.#other || !this.#needed || this.#connection.existing().signalingState !== "stable") return;
    this.#needed = false;
    this.#makingOffer = true;
    try {
      await this.#describe();
    } finally {
      this.#makingOffer = false;
    }
  }

  /** @param {RTCSessionDescriptionInit} description */
  async #takeDescription(description) {
    const connection = this.#connection;
    const pc = connection.existing();
    const isOffer = description.type === "offer";
    const ready = !this.#makingOffer && (pc.signalingState === "stable" || this.#settingRemoteAnswer);
    if (isOffer && !ready && !this.#polite) {
      for (const [, ufrag] of description.sdp.matchAll(/^a=ice-ufrag:(.*?)\r?$/gm)) this.#ignored.add(ufrag);
      return this.#act("ignoreOffer", async () => description);
    }
    this.#settingRemoteAnswer = description.type === "answer";
    // The answer covers what was needed; if not all, the connection says so again.
    if (isOffer) this.#needed = false;
    try {
      await this.#act("setRemoteDescription", async () => {
        connection.transports.addRemoteDescription(description.sdp);
        await connection.negotiated(pc.setRemoteDescription(description));
        return description;
      });
    } finally {
      this.#settingRemoteAnswer = false;
    }
    if (isOffer) await this.#describe();
  }

  /** @param {RTCIceCandidateInit | null} candidate */
  async #takeCandidate(candidate) {
    if (candidate && this.#ignored.has(candidate.usernameFragment)) return;
    const { transports } = this.#connection;
    const pc = this.#connection.existing();
    try {
      if (candidate?.candidate) transports.addRemoteCandidate(candidate.candidate);
      await (candidate ? pc.addIceCandidate(candidate) : pc.addIceCandidate());
    } catch (error) {
      // The end of candidates has no user name; before there is an accepted offer it ends an ignored one's.
      if (candidate || !this.#ignored.size) this.#report("acted", { operation: "addIceCandidate", error: textOf(error) });
    }
  }
}

/**
 * The command to negotiate alone.
 * @param {Connection} connection
 * @returns {Commands}
 */
export function joinCommands(connection) {
  return {
    join({ url, room, polite }) {
      // Before the WebSocket: without a connection there is nothing to negotiate.
      connection.existing();
      return new Client(connection, { url, polite }).join(room);
    },
  };
}
