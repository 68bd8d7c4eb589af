// The adapter of libdatachannel by the package node-datachannel: `node adapter.mjs HOME`. It uses the package's native API; its
// imitation of the W3C's adds states and events that the library does not tell.
//
// What is otherwise than in the API:
// - libdatachannel makes a description by setting it, in one step. So `createOffer` and `createAnswer` set what they make, with all
//   events of that, and `setLocalDescription` with that description finds it done.
// - An operation in the wrong state throws in C++ where the package does not catch it, and the process is gone. So the states
//   that the library checks are checked here before.
// - The package does not tell order and limits of a channel that the remote peer opened, though the library knows them. They are
//   left out.

import { Channels, channelInfo } from "../javascript/channels.mjs";
import { library, present, reject, serve, unsupported } from "../javascript/line.mjs";

const { exports: ndc, version } = library("node-datachannel");

const NO_MEDIA = "libdatachannel passes RTP through: codecs and transceivers are the application's";

/** Commands that there is nothing for in libdatachannel. */
const lacks = {
  setConfiguration: "libdatachannel cannot change the configuration of a connection",
  restartIce: "libdatachannel cannot restart ICE",
  getStats: "libdatachannel has no report of statistics",
  join: "this adapter does not act alone",
  ...Object.fromEntries([
    "getUserMedia", "createSource", "applyConstraints", "addTrack", "removeTrack", "replaceTrack", "addTransceiver", "setDirection",
    "stopTransceiver", "setCodecPreferences", "getTransceivers", "watch",
  ].map((name) => [name, NO_MEDIA])),
};

/** Events that the library does not let anybody know of. */
const unreported = [
  "negotiationneeded", "icecandidateerror", "sctpstatechange", "channelclosing", "trackmute", "trackunmute", "trackended", "mediaseen",
  "datachannel:ordered", "datachannel:maxRetransmits", "datachannel:maxPacketLifeTime",
];

/** A server as the package takes it, from a URL of RFC 7064 or RFC 7065. */
function serverOf(url, { username, credential }) {
  const parts = url.match(/^(stuns?|turns?):(\[[^\]]+\]|[^:?]+)(?::(\d+))?(?:\?transport=(\w+))?$/);
  if (!parts) reject("SyntaxError", `no URL of a server: ${url}`);
  const [, scheme, address, port, transport] = parts;
  const server = { hostname: address.replace(/^\[|\]$/g, ""), port: Number(port ?? (scheme.endsWith("s") ? 5349 : 3478)) };
  if (scheme.startsWith("stun")) return server;
  if (scheme === "turns" || transport === "tcp") unsupported("libdatachannel reaches relays by UDP alone with this ICE agent");
  return { ...server, username: username ?? "", password: credential ?? "", relayType: "TurnUdp" };
}

function configurationOf({ iceServers = [], iceTransportPolicy, bundlePolicy, iceCandidatePoolSize, certificate }) {
  if (bundlePolicy && bundlePolicy !== "max-bundle") unsupported(`libdatachannel always bundles, it knows no ${bundlePolicy}`);
  if (iceCandidatePoolSize) unsupported("libdatachannel gathers no candidates ahead");
  // Each connection makes an ECDSA certificate of its own.
  if (certificate && certificate !== "ECDSA") unsupported(`the package generates no certificates with ${certificate}`);
  const servers = iceServers.flatMap((server) => [server.urls].flat().map((url) => serverOf(url, server)));
  return { iceServers: servers, disableAutoNegotiation: true, ...present({ iceTransportPolicy }) };
}

/** What the library's messages mean in the API. */
const errorNames = [
  [/not open|is closed|on destroyed|without remote description/, "InvalidStateError"],
  [/Unexpected (local|remote)/, "InvalidStateError"],
];

function renamed(error) {
  if (error?.constructor !== Error) return error;
  if (/Message size exceeds limit/.test(error.message)) return new TypeError(error.message);
  const [, name] = errorNames.find(([message]) => message.test(error.message)) ?? [];
  return new DOMException(error.message, name ?? "OperationError");
}

/** A channel of the library in the form of RTCDataChannel. */
class Channel {
  #native;
  #id = null;
  #closing = false;
  #closed = false;
  #listeners = new Map();

  constructor(native, { ordered, maxRetransmits, maxPacketLifeTime, negotiated = false } = {}) {
    this.#native = native;
    this.label = native.getLabel();
    this.protocol = native.getProtocol();
    Object.assign(this, { ordered, maxRetransmits, maxPacketLifeTime, negotiated });
    native.onOpen(() => this.#fire("open"));
    native.onClosed(() => {
      this.#closed = true;
      this.#fire("close");
    });
    native.onError((message) => this.#fire("error", { error: { message } }));
    native.onBufferedAmountLow(() => this.#fire("bufferedamountlow"));
    native.onMessage((data) => this.#fire("message", { data }));
  }

  /** Unknown before the association is there; the native channel tells it only as long as it lives. */
  get id() {
    if (!this.#closing && !this.#closed) {
      const id = this.#native.getId();
      if (id >= 0 && id < 0xffff) this.#id = id;
    }
    return this.#id;
  }

  get readyState() {
    if (this.#closed) return "closed";
    if (this.#closing) return "closing";
    return this.#native.isOpen() ? "open" : "connecting";
  }

  get bufferedAmount() { return this.#native.bufferedAmount(); }

  addEventListener(type, listener) {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  #fire(type, event = {}) {
    for (const listener of this.#listeners.get(type) ?? []) listener(event);
  }

  send(data) {
    try {
      if (typeof data === "string") this.#native.sendMessage(data);
      else this.#native.sendMessageBinary(data);
    } catch (error) {
      throw renamed(error);
    }
  }

  close() {
    void this.id;
    this.#closing = true;
    this.#native.close();
  }
}

class LibdatachannelPeer {
  #pc = null;
  #dtls = "new";
  #iceStates = new Set();
  #report;
  #channels;
  #mayNegotiate = false;
  #lastCreated = null;
  #reportMade = () => {};
  #lastPair = "";

  constructor(report) {
    this.#report = report;
    this.#channels = new Channels(report);
  }

  #connection() {
    return this.#pc ?? reject("InvalidStateError", "no peer connection yet");
  }

  #listen(pc) {
    const report = this.#report;
    pc.onLocalDescription((sdp, type) => this.#reportMade({ type, sdp }));
    pc.onSignalingStateChange((state) => report("signalingstatechange", { state }));
    pc.onIceStateChange((state) => {
      this.#iceStates.add(state);
      report("iceconnectionstatechange", { state });
      // Everything is bundled, so that this is the state of the one transport.
      report("icetransportstatechange", { state });
      // The library begins the handshake in that moment.
      if (state === "connected") this.#reportDtls("connecting");
      this.#reportPair();
    });
    pc.onStateChange((state) => {
      // The library tells nothing of its DTLS transport. It calls the connection connected when the handshake is complete, and failed
      // when ICE, DTLS or SCTP has failed; SCTP begins after the handshake.
      if (state === "connected") this.#reportDtls(state);
      if (state === "failed") this.#blameDtls();
      if (state === "closed") this.#reportMade(pc.localDescription());
      report("connectionstatechange", { state });
      this.#reportPair();
    });
    pc.onGatheringStateChange((state) => {
      report("icegatheringstatechange", { state: gathering(state) });
      // The library tells the end of gathering by this state alone.
      if (state === "complete") this.#candidateLater(null);
    });
    pc.onLocalCandidate((line, mid) => {
      report("icecandidate", { candidate: { candidate: line.replace(/^a=/, ""), sdpMid: mid, ...this.#indexOf(mid) } });
    });
    pc.onDataChannel((native) => {
      const channel = new Channel(native);
      report("datachannel", { channel: channelInfo(channel) });
      this.#channels.add(channel, { remote: true });
    });
    pc.onTrack((track) => {
      const kind = track.type();
      const mid = track.mid();
      if (!["audio", "video"].includes(kind)) return;
      // What the API has of a track is in the description alone; it has one of each section, also where nothing can come.
      const section = this.#remoteSection(mid);
      if (/^a=(recvonly|inactive)\r?$/m.test(section)) return;
      const [, stream, id] = section?.match(/^a=msid:(\S+) (\S+)\r?$/m) ?? [];
      report("track", { id: id ?? mid, kind, mid, streams: stream && stream !== "-" ? [stream] : [] });
    });
  }

  /** Tells this state of the DTLS transport unless it is told or passed; one that was passed over comes before it. */
  #reportDtls(state) {
    const states = ["new", "connecting", "connected"];
    for (const each of states.slice(states.indexOf(this.#dtls) + 1, states.indexOf(state) + 1)) {
      this.#dtls = each;
      this.#report("dtlsstatechange", { state: each });
    }
  }

  /** The connection failed. Without a complete handshake it was DTLS, if not ICE, whose callback may come after this one. */
  #blameDtls() {
    setImmediate(() => {
      if (this.#dtls !== "connecting" || this.#iceStates.has("failed") || this.#verified()) return;
      this.#dtls = "failed";
      this.#report("dtlsstatechange", { state: "failed" });
    });
  }

  /** Whether the handshake has brought the certificate that the remote description names. */
  #verified() {
    const { value } = this.#pc.remoteFingerprint();
    return Boolean(value) && Boolean(this.#pc.remoteDescription()?.sdp.toUpperCase().includes(value.toUpperCase()));
  }

  /** The callbacks of a step come in no fixed order; the end of candidates follows those that came with it. */
  #candidateLater(candidate) {
    setImmediate(() => this.#report("icecandidate", { candidate }));
  }

  #indexOf(mid) {
    const mids = [...(this.#pc.localDescription()?.sdp ?? "").matchAll(/^a=mid:(.*?)\r?$/gm)].map(([, each]) => each);
    return mids.includes(mid) ? { sdpMLineIndex: mids.indexOf(mid) } : {};
  }

  #remoteSection(mid) {
    const sections = (this.#pc.remoteDescription()?.sdp ?? "").split(/^(?=m=)/m);
    return sections.find((section) => section.match(/^a=mid:(.*?)\r?$/m)?.[1] === mid);
  }

  #reportPair() {
    const pair = this.#pc.getSelectedCandidatePair();
    if (!pair) return;
    const told = { local: pair.local.candidate, remote: pair.remote.candidate };
    if (this.#lastPair === JSON.stringify(told)) return;
    this.#lastPair = JSON.stringify(told);
    this.#report("selectedcandidatepairchange", told);
  }

  /** Makes and sets a description of this type; what the library gives to be sent to the peer, before it gathers. */
  async #make(type, states) {
    const pc = this.#connection();
    if (pc.state() === "closed") reject("InvalidStateError", "the connection is closed");
    const state = pc.signalingState();
    if (!states.includes(state)) reject("InvalidStateError", `no ${type} can be made in the state ${state}`);
    if (!this.#mayNegotiate) reject("OperationError", "libdatachannel makes no offer without a channel");
    // The library makes no second offer beside the one that is open.
    if (state === "have-local-offer") return this.#lastCreated;
    const made = new Promise((resolve) => { this.#reportMade = resolve; });
    pc.setLocalDescription(type);
    this.#lastCreated = await made;
    return this.#lastCreated;
  }

  #offer() {
    return this.#make("offer", ["stable", "have-local-offer"]);
  }

  #answer() {
    return this.#make("answer", ["have-remote-offer"]);
  }

  async #setLocalDescription({ description, asType }) {
    const pc = this.#connection();
    if (asType && asType !== this.#lastCreated?.type) {
      unsupported(`libdatachannel has set its ${this.#lastCreated?.type ?? "description"} when it was made, not as ${asType}`);
    }
    if (description?.type === "rollback") {
      const state = pc.signalingState();
      if (state !== "have-local-offer") reject("InvalidStateError", `there is nothing to roll back in the state ${state}`);
      pc.setLocalDescription("rollback");
      return pc.localDescription();
    }
    if (description && (description.type !== this.#lastCreated?.type || description.sdp !== this.#lastCreated?.sdp)) {
      reject("InvalidModificationError", "libdatachannel sets the description that it made last and no other");
    }
    if (!description && !asType) {
      await (pc.signalingState() === "have-remote-offer" ? this.#answer() : this.#offer());
    }
    return pc.localDescription();
  }

  #addIceCandidate(candidate) {
    const pc = this.#connection();
    if (!candidate?.candidate) unsupported("libdatachannel cannot be told the end of candidates");
    const mids = [...(pc.remoteDescription()?.sdp ?? "").matchAll(/^a=mid:(.*?)\r?$/gm)].map(([, each]) => each);
    pc.addRemoteCandidate(candidate.candidate, candidate.sdpMid ?? mids[candidate.sdpMLineIndex ?? 0] ?? "");
  }

  #createDataChannel(label, options) {
    const { ordered, maxRetransmits, maxPacketLifeTime, protocol, negotiated, id } = options;
    const unordered = ordered === undefined ? undefined : !ordered;
    const init = present({ unordered, maxRetransmits, maxPacketLifeTime, protocol, negotiated, id });
    const native = this.#connection().createDataChannel(label, init);
    this.#mayNegotiate = true;
    return new Channel(native, { ...options, ordered: ordered ?? true });
  }

  #state() {
    const pc = this.#connection();
    return {
      signaling: pc.signalingState(),
      iceGathering: gathering(pc.gatheringState()),
      iceConnection: pc.iceState(),
      connection: pc.state(),
      dtls: pc.state() === "closed" && this.#dtls !== "failed" ? "closed" : this.#dtls,
      ice: pc.iceState(),
      sctp: null,
      localDescription: pc.localDescription(),
      remoteDescription: pc.remoteDescription(),
      canTrickle: null,
    };
  }

  commands() {
    const commands = {
      createPeerConnection: ({ configuration, ice }) => {
        if (ice?.lite) unsupported("libdatachannel's ICE agent is a full one");
        if (ice?.tcp) unsupported("libdatachannel has no TCP candidates with this ICE agent");
        if (this.#pc) reject("InvalidStateError", "the peer connection exists already");
        this.#pc = new ndc.PeerConnection("peer", configurationOf(configuration ?? {}));
        this.#listen(this.#pc);
      },
      createOffer: ({ iceRestart }) => {
        if (iceRestart) unsupported(lacks.restartIce);
        return this.#offer();
      },
      createAnswer: () => this.#answer(),
      setLocalDescription: (args) => this.#setLocalDescription(args),
      setRemoteDescription: ({ description: { type, sdp } }) => {
        this.#connection().setRemoteDescription(sdp ?? "", type);
        this.#mayNegotiate = true;
      },
      addIceCandidate: ({ candidate }) => this.#addIceCandidate(candidate),
      getState: () => this.#state(),
      close: () => this.#connection().close(),
      ...this.#channels.commands((label, options) => this.#createDataChannel(label, options)),
    };
    const wrap = (run) => async (args) => {
      try {
        return await run(args);
      } catch (error) {
        throw renamed(error);
      }
    };
    return Object.fromEntries(Object.entries(commands).map(([name, run]) => [name, wrap(run)]));
  }

  async end() {
    this.#pc?.close();
  }
}

/** The library's state of gathering under the API's name. */
function gathering(state) {
  return state === "in-progress" ? "gathering" : state;
}

serve({
  implementation: "libdatachannel",
  version: `${ndc.getLibraryVersion()} (node-datachannel ${version})`,
  // Its own API is played, not the package's imitation of the W3C's, which would stand between.
  features: ["data-channels"],
  unreported,
  createPeer(report) {
    const peer = new LibdatachannelPeer(report);
    return { commands: peer.commands(), lacks, end: () => peer.end() };
  },
});
