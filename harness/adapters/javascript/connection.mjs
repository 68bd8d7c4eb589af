// A peer whose library has the objects of the W3C: RTCPeerConnection and what belongs to it. What a library does in its own way,
// its adapter overrides. The commands, their errors and the events are those of docs/peer-protocol.md.

import { Channels, channelInfo } from "./channels.mjs";
import { present, reject, unsupported } from "./line.mjs";
import { descriptionOf, stateOf } from "./state.mjs";

const candidateOf = ({ candidate, sdpMid, sdpMLineIndex, usernameFragment }) =>
  ({ candidate, ...present({ sdpMid, sdpMLineIndex, usernameFragment }) });

/** The commands, with the library's plain errors under the name that fits. */
function named(commands, rules) {
  const rename = (error) => {
    const [, name] = rules.find(([message]) => error?.name === "Error" && message.test(error.message)) ?? [];
    if (!name) return error;
    return name === "TypeError" ? new TypeError(error.message) : new DOMException(error.message, name);
  };
  const wrap = (run) => async (args) => {
    try {
      return await run(args);
    } catch (error) {
      throw rename(error);
    }
  };
  return Object.fromEntries(Object.entries(commands).map(([name, run]) => [name, wrap(run)]));
}

export class Peer {
  /** Pairs of a regular expression and the name of what a plain error is whose message fits it. */
  errorNames = [];
  /** The one connection, once it is there. */
  pc = null;
  /** What `createOffer` or `createAnswer` made last, for `asType`. */
  lastCreated = null;
  /** Tracks that came, by id: `{ track, receiver }`. */
  remoteTracks = new Map();
  #watched = new WeakSet();
  #lastPair = "";
  #noteClosed;
  #closed = new Promise((_, rejectAll) => { this.#noteClosed = rejectAll; });

  constructor(report) {
    this.report = report;
    this.channels = new Channels(report);
    this.#closed.catch(() => {});
  }

  /**
   * Makes the library's connection, from the configuration and what kind of ICE agent is wanted. Each adapter has its own.
   * @param {object} configuration @param {{lite?: boolean, tcp?: boolean}} ice
   */
  newConnection() {
    unsupported("there is no library");
  }

  /** The connection, which must exist. */
  connection() {
    return this.pc ?? reject("InvalidStateError", "no peer connection yet");
  }

  /** True the first time for each object. */
  unwatched(object) {
    if (!object || this.#watched.has(object)) return false;
    this.#watched.add(object);
    return true;
  }

  // --------------------------------------------------------------------------------------------------------- events

  /** Returns a function that reports a state unless it was the last one reported. Some libraries report a change that is none. */
  reporter(event, read, first) {
    let last = first;
    return (detail) => {
      const state = read();
      if (state === last || state === undefined) return;
      last = state;
      this.report(event, { state, ...present({ reason: detail?.reason }) });
    };
  }

  listen(pc) {
    const on = (type, take) => pc.addEventListener(type, take);
    on("negotiationneeded", () => this.report("negotiationneeded"));
    const reportSignalingState = this.reporter("signalingstatechange", () => pc.signalingState, "stable");
    on("signalingstatechange", () => {
      reportSignalingState();
      this.watchTransports();
    });
    on("icegatheringstatechange", this.reporter("icegatheringstatechange", () => pc.iceGatheringState, "new"));
    this.reportIceConnectionState = this.reporter("iceconnectionstatechange", () => pc.iceConnectionState, "new");
    on("iceconnectionstatechange", () => this.reportIceConnectionState());
    this.reportConnectionState = this.reporter("connectionstatechange", () => pc.connectionState, "new");
    on("connectionstatechange", () => {
      this.reportConnectionState();
      this.watchTransports();
    });
    on("icecandidate", ({ candidate }) =>
      this.report("icecandidate", { candidate: candidate ? candidateOf(candidate) : null }));
    on("icecandidateerror", ({ url, errorCode, errorText }) =>
      this.report("icecandidateerror", { url: url ?? "", errorCode, errorText: errorText ?? "" }));
    on("track", ({ track, streams, transceiver }) => {
      const id = this.trackId(track);
      this.remoteTracks.set(id, { track, receiver: transceiver.receiver });
      this.report("track", { id, kind: track.kind, mid: transceiver.mid ?? null, streams: streams.map((each) => each.id) });
      this.watchTrack(track);
    });
    on("datachannel", ({ channel }) => {
      const taken = this.channel(channel);
      this.report("datachannel", { channel: channelInfo(taken) });
      this.channels.add(taken, { remote: true });
    });
  }

  /** A channel as `Channels` takes it. */
  channel(channel) {
    return channel;
  }

  trackId(track) {
    return track.id;
  }

  watchTrack(track) {
    if (!this.unwatched(track)) return;
    const on = (type, event) => track.addEventListener(type, () => this.report(event, { id: this.trackId(track) }));
    on("mute", "trackmute");
    on("unmute", "trackunmute");
    on("ended", "trackended");
  }

  /** The DTLS transports of the connection, the data channels' first. */
  dtlsTransports() {
    const { pc } = this;
    if (pc.signalingState === "closed") return [];
    const all = [pc.sctp, ...pc.getSenders(), ...pc.getReceivers()];
    return [...new Set(all.map((user) => user?.transport).filter(Boolean))];
  }

  /** Looks for transports that came into being, and listens to them. */
  watchTransports() {
    const { pc } = this;
    if (!pc || pc.signalingState === "closed") return;
    if (this.unwatched(pc.sctp)) this.watchState(pc.sctp, "sctpstatechange", "connecting");
    for (const dtls of this.dtlsTransports()) {
      if (this.unwatched(dtls)) this.watchState(dtls, "dtlsstatechange", "new");
      if (this.unwatched(dtls.iceTransport)) {
        this.watchState(dtls.iceTransport, "icetransportstatechange", "new", () => this.reportPairOf(dtls.iceTransport));
      }
    }
  }

  /** Reports each state of a transport from now on, and the present one if it is not the first; then calls `also`. */
  watchState(transport, event, first, also = () => {}) {
    const reportState = this.reporter(event, () => transport.state, first);
    const change = () => {
      reportState();
      also();
    };
    transport.addEventListener("statechange", change);
    change();
  }

  /** Reports the candidate pair in use, where the library reports it. */
  reportPairOf(ice) {
    const pair = ice.getSelectedCandidatePair?.();
    if (pair) this.reportPair(pair.local.candidate, pair.remote.candidate);
  }

  reportPair(local, remote) {
    if (this.#lastPair === `${local}\n${remote}`) return;
    this.#lastPair = `${local}\n${remote}`;
    this.report("selectedcandidatepairchange", { local, remote });
  }

  // ------------------------------------------------------------------------------------------------------- commands

  /** When the connection closes, the API leaves operations without a result; a command has an answer all the same. */
  untilClosed(operation) {
    return this.pc.signalingState === "closed" ? operation : Promise.race([operation, this.#closed]);
  }

  /** Waits for the operation, then looks for transports that it brought into being. */
  async negotiated(operation) {
    try {
      return await this.untilClosed(operation);
    } finally {
      this.watchTransports();
    }
  }

  transceiver(index) {
    return this.connection().getTransceivers()[index] ?? reject("NotFoundError", `unknown transceiver ${index}`);
  }

  /** All commands. */
  allCommands() {
    return named(this.commands(), this.errorNames);
  }

  /** The commands of every such peer; an adapter adds those of its own. */
  commands() {
    return {
      createPeerConnection: async ({ configuration, ice }) => {
        if (this.pc) reject("InvalidStateError", "the peer connection exists already");
        const pc = await this.newConnection(configuration ?? {}, ice ?? {});
        this.pc = pc;
        this.listen(pc);
      },
      createOffer: async ({ iceRestart }) => {
        const made = this.connection().createOffer({ iceRestart: iceRestart ?? false });
        this.lastCreated = descriptionOf(await this.untilClosed(made));
        return this.lastCreated;
      },
      createAnswer: async () => {
        this.lastCreated = descriptionOf(await this.untilClosed(this.connection().createAnswer()));
        return this.lastCreated;
      },
      setLocalDescription: async ({ description, asType }) => {
        const wanted = asType ? { type: asType, sdp: this.lastCreated?.sdp ?? "" } : description ?? undefined;
        this.connection();
        await this.negotiated(this.setLocal(wanted));
        return descriptionOf(this.pc.localDescription);
      },
      setRemoteDescription: async ({ description }) => {
        await this.negotiated(this.connection().setRemoteDescription(description));
      },
      addIceCandidate: async ({ candidate }) => {
        this.connection();
        await this.untilClosed(this.addCandidate(candidate ?? null));
      },
      getState: () => this.state(),
      getStats: async () => Object.fromEntries(await this.connection().getStats()),
      close: async () => {
        const closing = this.connection().close();
        this.#noteClosed(new DOMException("the connection was closed meanwhile", "AbortError"));
        await closing;
      },
      getTransceivers: () => this.connection().getTransceivers().map((each) => this.transceiverInfo(each)),
      addTransceiver: ({ kind, direction, track, sendEncodings }) => {
        this.connection();
        if (track != null) this.localTrack(track);
        if (sendEncodings != null) this.checkEncodings(sendEncodings);
        return this.addTransceiver(kind, present({ direction, sendEncodings }), track);
      },
      setDirection: ({ transceiver, direction }) => {
        this.transceiver(transceiver).direction = direction;
      },
      stopTransceiver: async ({ transceiver }) => {
        await this.transceiver(transceiver).stop();
      },
      ...this.channels.commands((label, options) =>
        this.channel(this.connection().createDataChannel(label, options))),
    };
  }

  /** Without a description the implicit form of the API. */
  setLocal(description) {
    return description ? this.pc.setLocalDescription(description) : this.pc.setLocalDescription();
  }

  /** `null` is the end of candidates. */
  addCandidate(candidate) {
    return candidate ? this.pc.addIceCandidate(candidate) : this.pc.addIceCandidate();
  }

  /** Refuses several encodings of a track where the library has none; an adapter whose library has them overrides it. */
  checkEncodings() {
    unsupported("there is no encoder, so that there are no several encodings");
  }

  localTrack(id) {
    return reject("NotFoundError", `unknown local track ${id}`);
  }

  addTransceiver(kind, init) {
    const added = this.pc.addTransceiver(kind, init);
    return { transceiver: this.pc.getTransceivers().indexOf(added), mid: added.mid ?? null };
  }

  transceiverInfo({ mid, kind, direction, currentDirection, stopped, sender, receiver }) {
    return {
      mid: mid ?? null,
      kind: kind ?? receiver.track.kind,
      direction,
      currentDirection: currentDirection ?? null,
      stopped: stopped ?? direction === "stopped",
      sender: sender.track ? this.trackId(sender.track) : null,
      receiver: receiver.track ? this.trackId(receiver.track) : null,
    };
  }

  state() {
    return stateOf(this.connection(), this.dtlsTransports()[0]);
  }

  /** Lets go of the case. */
  async end() {
    await this.pc?.close();
  }
}
