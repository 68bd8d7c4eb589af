// The peer connection: its commands and events. All that belongs to it hangs on one `Connection`.

import { Channels } from "./channels.js";
import { Unsupported, need, present, reject } from "./line.js";
import { Tracks } from "./media.js";
import { descriptionOf, stateOf } from "./state.mjs";
import { Transports, dtlsTransports } from "./transports.js";

/** @import { Commands, Report } from "./line.js" */

/**
 * A candidate in the protocol; null, which ends the candidates, stays null.
 * @param {RTCIceCandidate | null} candidate
 * @returns {object | null}
 */
export function candidateOf(candidate) {
  if (!candidate) return null;
  const { sdpMid, sdpMLineIndex, usernameFragment } = candidate;
  return { candidate: candidate.candidate, ...present({ sdpMid, sdpMLineIndex, usernameFragment }) };
}

/** The one connection of a frame with all its state. It is there from the beginning; its `RTCPeerConnection` is created by a command. */
export class Connection {
  /** @type {RTCPeerConnection | null} */
  pc = null;
  /**
   * What `createOffer` or `createAnswer` created last.
   * @type {RTCSessionDescriptionInit | null}
   */
  lastCreated = null;
  /** Whether `negotiationneeded` ever fired, for `join`, which may come later. */
  negotiationNeeded = false;
  /**
   * Rejects when a command closes the connection.
   * @type {Promise<never>}
   */
  #closed;
  /** @type {(reason: DOMException) => void} */
  #close;

  /** @param {Report} report */
  constructor(report) {
    this.report = report;
    this.transports = new Transports(report);
    this.channels = new Channels(report);
    this.tracks = new Tracks(report);
    this.#closed = new Promise((_, fail) => { this.#close = fail; });
    // Often nobody waits for it.
    this.#closed.catch(() => {});
  }

  /**
   * The `RTCPeerConnection`, which must exist.
   * @returns {RTCPeerConnection}
   */
  existing() {
    return this.pc ?? reject("InvalidStateError", "there is no peer connection yet");
  }

  /**
   * Creates the `RTCPeerConnection` and reports its events.
   * @param {RTCConfiguration} configuration
   * @returns {void}
   */
  create(configuration) {
    this.pc = new RTCPeerConnection(configuration);
    this.#watch(this.pc);
  }

  /**
   * Waits for an operation of the connection's queue. When the connection closes, the API leaves what is in the queue without a result
   * (webrtc-pc §4.4.1.2); a command has an answer all the same.
   * @template T
   * @param {Promise<T>} operation
   * @returns {Promise<T>}
   */
  untilClosed(operation) {
    return this.pc.signalingState === "closed" ? operation : Promise.race([operation, this.#closed]);
  }

  /**
   * Waits for an operation, then reports events of the transports that it created.
   * @template T
   * @param {Promise<T>} operation
   * @returns {Promise<T>}
   */
  async negotiated(operation) {
    const { pc } = this;
    try {
      return await this.untilClosed(operation);
    } finally {
      this.transports.watch(pc);
    }
  }

  /**
   * Closes it at the request of a command.
   * @returns {void}
   */
  close() {
    this.existing().close();
    this.#close(new DOMException("the connection was closed meanwhile", "AbortError"));
  }

  /**
   * Releases everything, since the frame goes.
   * @returns {void}
   */
  end() {
    this.pc?.close();
    this.tracks.end();
  }

  /** @param {RTCPeerConnection} pc */
  #watch(pc) {
    const on = (type, data) => pc.addEventListener(type, (event) => this.report(type, data(event)));
    on("negotiationneeded", () => { this.negotiationNeeded = true; });
    on("signalingstatechange", () => ({ state: pc.signalingState }));
    on("icegatheringstatechange", () => ({ state: pc.iceGatheringState }));
    on("iceconnectionstatechange", () => ({ state: pc.iceConnectionState }));
    on("connectionstatechange", () => ({ state: pc.connectionState }));
    on("icecandidate", ({ candidate }) => ({ candidate: candidateOf(candidate) }));
    on("icecandidateerror", ({ url, errorCode, errorText }) =>
      ({ url: url ?? "", errorCode, errorText: errorText ?? "" }));
    pc.addEventListener("icecandidate", ({ candidate }) => {
      if (candidate?.candidate) this.transports.addLocalCandidate(candidate.candidate);
    });
    pc.addEventListener("iceconnectionstatechange", () => this.transports.readPairFromStats(pc));
    pc.addEventListener("connectionstatechange", () => this.transports.watch(pc));
    pc.addEventListener("track", (event) => this.tracks.addRemote(event));
    pc.addEventListener("datachannel", ({ channel }) => this.channels.addRemote(channel));
  }
}

/**
 * The `RTCConfiguration` for one of the protocol, which names a certificate by its algorithm.
 * @param {any} configuration
 * @returns {Promise<RTCConfiguration>}
 */
async function configurationOf({ certificate, ...rest }) {
  if (!certificate) return rest;
  const algorithm = certificate === "ECDSA"
    ? { name: "ECDSA", namedCurve: "P-256" }
    : { name: certificate, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" };
  return { ...rest, certificates: [await RTCPeerConnection.generateCertificate(algorithm)] };
}

/**
 * The commands about the connection, its descriptions, candidates and states.
 * @param {Connection} connection
 * @returns {Commands}
 */
export function connectionCommands(connection) {
  const { transports } = connection;
  return {
    async createPeerConnection({ configuration, ice }) {
      if (ice?.lite) throw new Unsupported("a browser's ICE agent is a full one");
      if (ice?.tcp) throw new Unsupported("a browser decides itself whether it has TCP candidates");
      if (connection.pc) reject("InvalidStateError", "there is a peer connection already");
      connection.create(await configurationOf(configuration ?? {}));
    },

    async setConfiguration({ configuration }) {
      const pc = connection.existing();
      need(pc, "setConfiguration");
      pc.setConfiguration(await configurationOf(configuration));
    },

    async createOffer({ iceRestart }) {
      const offer = connection.existing().createOffer({ iceRestart: iceRestart ?? false });
      connection.lastCreated = descriptionOf(await connection.untilClosed(offer));
      return connection.lastCreated;
    },

    async createAnswer() {
      connection.lastCreated = descriptionOf(await connection.untilClosed(connection.existing().createAnswer()));
      return connection.lastCreated;
    },

    async setLocalDescription({ description, asType }) {
      const pc = connection.existing();
      const wanted = asType ? { type: asType, sdp: connection.lastCreated?.sdp ?? "" } : description;
      await connection.negotiated(wanted ? pc.setLocalDescription(wanted) : pc.setLocalDescription());
      return descriptionOf(pc.localDescription);
    },

    async setRemoteDescription({ description }) {
      transports.addRemoteDescription(description.sdp);
      await connection.negotiated(connection.existing().setRemoteDescription(description));
    },

    async addIceCandidate({ candidate }) {
      if (candidate?.candidate) transports.addRemoteCandidate(candidate.candidate);
      const pc = connection.existing();
      await connection.untilClosed(candidate ? pc.addIceCandidate(candidate) : pc.addIceCandidate());
    },

    restartIce() {
      const pc = connection.existing();
      need(pc, "restartIce");
      pc.restartIce();
    },

    getState() {
      const pc = connection.existing();
      return stateOf(pc, dtlsTransports(pc)[0]);
    },

    async getStats() {
      // An RTCStatsReport is a map of objects by their identifiers.
      return Object.fromEntries(/** @type {any} */ (await connection.existing().getStats()));
    },

    close() {
      connection.close();
    },
  };
}
