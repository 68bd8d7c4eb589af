// The transports of a connection (RTCSctpTransport, RTCDtlsTransport, RTCIceTransport): events about their states and the selected
// candidate pair.

import { present } from "./line.js";

/** @import { Report } from "./line.js" */

/**
 * Every DTLS transport of the connection, that of data channels first; none when it is closed (Firefox then throws).
 * @param {RTCPeerConnection} pc
 * @returns {RTCDtlsTransport[]}
 */
export function dtlsTransports(pc) {
  if (pc.signalingState === "closed") return [];
  const all = [pc.sctp, ...pc.getSenders(), ...pc.getReceivers()];
  return [...new Set(all.map((user) => user?.transport).filter((transport) => transport != null))];
}

/** Reports what happens to the transports of a connection. */
export class Transports {
  #report;
  /** @type {WeakSet<object>} */
  #watched = new WeakSet();
  #lastPair = "";
  /** @type {string[]} */
  #localCandidates = [];
  /** @type {string[]} */
  #remoteCandidates = [];

  /** @param {Report} report */
  constructor(report) {
    this.#report = report;
  }

  /**
   * Reports events of transports that came into being since the last call. There is no event for that: whoever does what may create one
   * calls it.
   * @param {RTCPeerConnection | null} pc
   * @returns {void}
   */
  watch(pc) {
    if (!pc) return;
    const { sctp } = pc;
    if (this.#isNew(sctp)) {
      const reportState = () => this.#report("sctpstatechange", { state: sctp.state });
      sctp.addEventListener("statechange", reportState);
      if (sctp.state !== "connecting") reportState();
    }
    for (const dtls of dtlsTransports(pc)) {
      if (this.#isNew(dtls)) this.#watchDtls(dtls);
      if (this.#isNew(dtls.iceTransport)) this.#watchIce(dtls.iceTransport);
    }
  }

  /**
   * Remembers a local candidate-attribute.
   * @param {string} candidate
   * @returns {void}
   */
  addLocalCandidate(candidate) {
    this.#localCandidates.push(candidate);
  }

  /**
   * Remembers a remote candidate-attribute.
   * @param {string} candidate
   * @returns {void}
   */
  addRemoteCandidate(candidate) {
    this.#remoteCandidates.push(candidate);
  }

  /**
   * Remembers the candidates of a remote description.
   * @param {string | undefined} sdp
   * @returns {void}
   */
  addRemoteDescription(sdp) {
    for (const [, candidate] of (sdp ?? "").matchAll(/^a=(candidate:.*?)\r?$/gm)) this.addRemoteCandidate(candidate);
  }

  /**
   * Reports the selected candidate pair from the statistics, where RTCIceTransport does not have it (Firefox).
   * @param {RTCPeerConnection} pc
   * @returns {Promise<void>}
   */
  async readPairFromStats(pc) {
    if (typeof RTCIceTransport !== "undefined" && RTCIceTransport.prototype.getSelectedCandidatePair) return;
    if (!["connected", "completed"].includes(pc.iceConnectionState)) return;
    const stats = await pc.getStats();
    for (const pair of stats.values()) {
      if (pair.type !== "candidate-pair" || !(pair.selected ?? (pair.nominated && pair.state === "succeeded"))) continue;
      const local = stats.get(pair.localCandidateId);
      const remote = stats.get(pair.remoteCandidateId);
      if (local && remote) {
        this.#reportPair(attributeOf(local, this.#localCandidates), attributeOf(remote, this.#remoteCandidates));
      }
      return;
    }
  }

  /**
   * True the first time for each object.
   * @param {object | null | undefined} object
   */
  #isNew(object) {
    if (!object || this.#watched.has(object)) return false;
    this.#watched.add(object);
    return true;
  }

  /** @param {RTCDtlsTransport} dtls */
  #watchDtls(dtls) {
    let reason = null;
    const reportState = () => this.#report("dtlsstatechange", { state: dtls.state, ...present({ reason }) });
    dtls.addEventListener("error", (event) => {
      const { error } = /** @type {RTCErrorEvent} */ (event);
      reason = error?.errorDetail ?? error?.message ?? null;
    });
    dtls.addEventListener("statechange", reportState);
    // It may have left `new` before anybody could listen.
    if (dtls.state !== "new") reportState();
  }

  /** @param {RTCIceTransport} ice */
  #watchIce(ice) {
    const reportState = () => this.#report("icetransportstatechange", { state: ice.state });
    ice.addEventListener("statechange", reportState);
    if (ice.state !== "new") reportState();
    if (typeof ice.getSelectedCandidatePair !== "function") return;
    const reportPair = () => {
      const pair = ice.getSelectedCandidatePair();
      if (pair) this.#reportPair(pair.local.candidate, pair.remote.candidate);
    };
    ice.addEventListener("selectedcandidatepairchange", reportPair);
    reportPair();
  }

  /**
   * @param {string} local
   * @param {string} remote
   */
  #reportPair(local, remote) {
    const pair = `${local}\n${remote}`;
    if (this.#lastPair === pair) return;
    this.#lastPair = pair;
    this.#report("selectedcandidatepairchange", { local, remote });
  }
}

/**
 * The candidate-attribute of a candidate from the statistics: as it was signalled, or composed if it never was.
 * @param {any} candidate an RTCIceCandidateStats
 * @param {string[]} signalled
 */
function attributeOf({ address, port, protocol, candidateType, priority, foundation }, signalled) {
  const same = signalled.find((text) => {
    const [, , transport, , host, number, , type] = text.split(" ");
    return transport.toLowerCase() === protocol && Number(number) === port && type === candidateType
      && (host === address || host.endsWith(".local"));
  });
  return same
    ?? `candidate:${foundation ?? 0} 1 ${protocol} ${priority ?? 0} ${address} ${port} typ ${candidateType}`;
}
