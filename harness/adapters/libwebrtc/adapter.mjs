// The adapter of libwebrtc by the package @roamhq/wrtc: `node adapter.mjs HOME`. It has the objects of the W3C, and beside them
// sources and sinks of decoded media, so that it sends and sees numbered frames and tones.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { library, present, reject, serve, unsupported } from "../javascript/line.mjs";
import { Peer } from "../javascript/connection.mjs";
import { BLOCK, SAMPLE_RATE, paintFrame, readFrame, tone, toneOf } from "../javascript/media.mjs";

const { exports: wrtc, version, folder } = library("@roamhq/wrtc");
/** The package's version says nothing of libwebrtc's; the list of its changes does, the newest first. */
const [, milestone] = readFileSync(join(folder, "CHANGELOG.md"), "utf8").match(/Update libwebrtc to (M\d+)/) ?? [];
const { RTCAudioSink, RTCAudioSource, RTCVideoSink, RTCVideoSource } = wrtc.nonstandard;

/** Commands that there is nothing for in this package. */
const lacks = {
  getUserMedia: "the package knows no devices, its getUserMedia makes tracks without media",
  applyConstraints: "the package has no MediaStreamTrack.applyConstraints",
  join: "this adapter does not act alone",
};

/** Events that the package does not fire. */
const unreported = ["channelclosing", "bufferedamountlow", "trackmute", "trackunmute", "trackended"];

/** How often a state is looked at that has no event of its own. */
const LOOK_EVERY_MS = 10;
const LOOK_AGAIN_MS = 60;
const REPORT_EVERY_MS = 250;
const AUDIO_EVERY_MS = 10;
const SAMPLES_OF_20_MS = SAMPLE_RATE / 50;

/**
 * The channel as the API has it. The package tells limits and an identifier that are not set as numbers, where the API has `null`,
 * and events without a type for states that have no event.
 */
class Channel {
  #channel;

  constructor(channel) {
    this.#channel = channel;
  }

  get label() { return this.#channel.label; }
  get ordered() { return this.#channel.ordered; }
  get protocol() { return this.#channel.protocol; }
  get negotiated() { return this.#channel.negotiated; }
  get readyState() { return this.#channel.readyState; }
  get bufferedAmount() { return this.#channel.bufferedAmount; }
  get id() { return this.#set(this.#channel.id); }
  get maxRetransmits() { return this.#set(this.#channel.maxRetransmits); }
  get maxPacketLifeTime() { return this.#set(this.#channel.maxPacketLifeTime); }

  set binaryType(type) { this.#channel.binaryType = type; }

  #set(number) {
    return number < 0 || number === 0xffff ? null : number;
  }

  addEventListener(type, listener) { this.#channel.addEventListener(type, listener); }
  send(data) { this.#channel.send(data); }
  close() { this.#channel.close(); }
}

class LibwebrtcPeer extends Peer {
  errorNames = [[/RTCPeerConnection is closed/, "InvalidStateError"]];
  /** Local tracks by id: `{ track, stream, settings }`. */
  localTracks = new Map();
  #channels = new WeakMap();
  /** Candidate-attributes as they were signalled, for the pair in use. */
  #localCandidates = [];
  #remoteCandidates = [];
  /** What goes on by itself until the case ends. */
  #timers = [];
  #lookAgain;
  #sinks = [];

  every(milliseconds, run) {
    const timer = setInterval(run, milliseconds);
    this.#timers.push(timer);
    return timer;
  }

  /** Calls `tell` every 250 ms until the track ends. */
  whileLive(track, tell) {
    const timer = this.every(REPORT_EVERY_MS, () => (track.readyState === "ended" ? clearInterval(timer) : tell()));
  }

  configurationOf({ certificate, ...rest }) {
    const urls = (rest.iceServers ?? []).flatMap((server) => server.urls);
    if (urls.some((url) => url.startsWith("turns:"))) {
      unsupported("over TLS libwebrtc trusts the authorities that are compiled into it, and the package hands it no others");
    }
    // There is no generateCertificate, but each connection makes an ECDSA certificate of its own.
    if (certificate && certificate !== "ECDSA") unsupported("the package has no RTCPeerConnection.generateCertificate");
    return rest;
  }

  newConnection(configuration, { lite, tcp }) {
    if (lite) unsupported("libwebrtc's ICE agent is a full one");
    if (tcp) unsupported("libwebrtc decides itself whether it has TCP candidates");
    return new wrtc.RTCPeerConnection(this.configurationOf(configuration));
  }

  listen(pc) {
    super.listen(pc);
    pc.addEventListener("icecandidate", ({ candidate }) => {
      if (candidate?.candidate) this.#localCandidates.push(candidate.candidate);
    });
    pc.addEventListener("iceconnectionstatechange", () => this.#deducePair());
    // The package fires both events when libwebrtc's old state of ICE changes, which is neither of the two that it tells by then.
    let seen = pc.iceConnectionState;
    this.every(LOOK_EVERY_MS, () => {
      this.reportIceConnectionState();
      this.reportConnectionState();
      if (pc.iceConnectionState === seen) return;
      seen = pc.iceConnectionState;
      this.#deducePair();
    });
  }

  channel(channel) {
    if (!this.#channels.has(channel)) this.#channels.set(channel, new Channel(channel));
    return this.#channels.get(channel);
  }

  /** `getSelectedCandidatePair` is not implemented; the statistics tell. */
  reportPairOf() {}

  async #deducePair() {
    if (!["connected", "completed"].includes(this.pc.iceConnectionState)) return;
    const stats = await this.pc.getStats().catch(() => new Map());
    const transport = [...stats.values()].find(({ type }) => type === "transport");
    const pair = stats.get(transport?.selectedCandidatePairId);
    const local = pair && lineOf(stats.get(pair.localCandidateId), this.#localCandidates);
    const remote = pair && lineOf(stats.get(pair.remoteCandidateId), this.#remoteCandidates);
    clearTimeout(this.#lookAgain);
    if (local && remote) this.reportPair(local, remote);
    // The statistics are those of up to 50 ms ago, in which there is no pair, or a remote candidate that was not signalled yet and has
    // no address.
    else this.#lookAgain = setTimeout(() => this.#deducePair(), LOOK_AGAIN_MS);
  }

  /** There is no implicit form here, but it is no more than this. */
  async setLocal(description) {
    const { pc } = this;
    if (description) return pc.setLocalDescription(description);
    const offers = ["stable", "have-local-offer", "have-remote-pranswer"].includes(pc.signalingState);
    return pc.setLocalDescription(await (offers ? pc.createOffer() : pc.createAnswer()));
  }

  addCandidate(candidate) {
    if (candidate?.candidate) this.#remoteCandidates.push(candidate.candidate);
    return this.pc.addIceCandidate(candidate);
  }

  localTrack(id) {
    return this.localTracks.get(id) ?? super.localTrack(id);
  }

  checkEncodings() {}

  addTransceiver(kind, init, id) {
    if (id == null) return super.addTransceiver(kind, init);
    const { track, stream } = this.localTrack(id);
    return super.addTransceiver(track, { ...init, streams: [stream] });
  }

  senderOf(id) {
    return this.connection().getSenders().find(({ track }) => track?.id === id)
      ?? reject("NotFoundError", `no sender has the track ${id}`);
  }

  commands() {
    return {
      ...super.commands(),
      setConfiguration: ({ configuration }) => {
        this.connection().setConfiguration(this.configurationOf(configuration));
      },
      restartIce: () => {
        this.connection().restartIce();
      },
      setRemoteDescription: async ({ description }) => {
        const lines = (description.sdp ?? "").matchAll(/^a=(candidate:.*?)\r?$/gm);
        this.#remoteCandidates.push(...[...lines].map(([, line]) => line));
        await this.negotiated(this.connection().setRemoteDescription(description));
      },
      createSource: (args) => (args.kind === "video" ? this.#videoSource(args) : this.#toneSource(args)),
      addTrack: ({ track: id }) => {
        const { track, stream } = this.localTrack(id);
        const sender = this.connection().addTrack(track, stream);
        const added = this.pc.getTransceivers().find((each) => each.sender === sender);
        return { mid: added?.mid ?? null };
      },
      removeTrack: ({ track }) => {
        this.connection().removeTrack(this.senderOf(track));
      },
      replaceTrack: async ({ track, with: other }) => {
        await this.senderOf(track).replaceTrack(other == null ? null : this.localTrack(other).track);
      },
      setCodecPreferences: ({ transceiver, mimeTypes }) => {
        const target = this.transceiver(transceiver);
        const all = wrtc.RTCRtpReceiver.getCapabilities(target.receiver.track.kind).codecs;
        const like = (name) => all.filter(({ mimeType }) => mimeType.toLowerCase() === name.toLowerCase());
        const chosen = mimeTypes.flatMap(like);
        if (!chosen.length) unsupported(`the package has none of ${mimeTypes.join(", ")}`);
        target.setCodecPreferences([...chosen, ...like("video/rtx")]);
      },
      watch: ({ track: id }) => {
        const { track } = this.remoteTracks.get(id) ?? reject("NotFoundError", `unknown remote track ${id}`);
        if (track.kind === "video") this.#watchVideo(track);
        else this.#watchAudio(track);
      },
    };
  }

  // ---------------------------------------------------------------------------------------------------------- media

  /** The settings are the source's: the package's `getSettings` tells those of a device that is not there. */
  #addLocal(track, settings) {
    const stream = new wrtc.MediaStream();
    stream.addTrack(track);
    this.localTracks.set(track.id, { track, stream, settings });
    this.watchTrack(track);
    return { stream: stream.id, tracks: [{ id: track.id, kind: track.kind, settings }] };
  }

  #videoSource({ width, height, frameRate }) {
    const settings = { width: width ?? 320, height: height ?? 240, frameRate: frameRate ?? 15 };
    const source = new RTCVideoSource();
    const local = this.#addLocal(source.createTrack(), settings);
    let number = 0;
    const capture = () => {
      source.onFrame(paintFrame(settings.width, settings.height, number));
      number = (number + 1) & 0xffff;
    };
    this.every(1000 / settings.frameRate, capture);
    capture();
    return local;
  }

  #toneSource({ toneHz }) {
    const source = new RTCAudioSource();
    const next = tone(toneHz ?? 440);
    const count = (SAMPLE_RATE * AUDIO_EVERY_MS) / 1000;
    const begun = performance.now();
    let given = 0;
    // A timer that comes late makes up for it, so that the tone has no gaps.
    this.every(AUDIO_EVERY_MS, () => {
      for (; given * AUDIO_EVERY_MS <= performance.now() - begun; given++) {
        source.onData({ samples: next(count), sampleRate: SAMPLE_RATE, bitsPerSample: 16, channelCount: 1, numberOfFrames: count });
      }
    });
    return this.#addLocal(source.createTrack(), { sampleRate: SAMPLE_RATE, channelCount: 1 });
  }

  #watchVideo(track) {
    const sink = new RTCVideoSink(track);
    this.#sinks.push(sink);
    let frames = 0;
    let newest;
    const tell = () => {
      const { width, height } = newest;
      const seen = { frames, width, height, ...present({ number: readFrame(newest) }) };
      this.report("mediaseen", { id: track.id, kind: "video", ...seen });
    };
    sink.onframe = ({ frame }) => {
      frames += 1;
      newest = frame;
      if (frames > 1) return;
      tell();
      this.whileLive(track, tell);
    };
  }

  #watchAudio(track) {
    const sink = new RTCAudioSink(track);
    this.#sinks.push(sink);
    let newest = new Int16Array(BLOCK);
    let rate = SAMPLE_RATE;
    sink.ondata = ({ samples, sampleRate, channelCount }) => {
      if (sampleRate !== rate) newest.fill(0);
      rate = sampleRate;
      // All channels carry the same.
      const mono = channelCount > 1 ? samples.filter((_, i) => i % channelCount === 0) : samples;
      newest.copyWithin(0, mono.length);
      newest.set(mono, BLOCK - mono.length);
    };
    let before = null;
    let reporting = false;
    this.whileLive(track, async () => {
      const decoded = await this.#decodedBlocks(track);
      if (decoded === null) return;
      before ??= decoded;
      const toneHz = toneOf(newest, rate);
      reporting ||= toneHz !== null;
      if (reporting) {
        this.report("mediaseen", { id: track.id, kind: "audio", frames: decoded - before, ...present({ toneHz }) });
      }
    });
  }

  /**
   * Samples of a track that were really decoded, in blocks of 20 ms: the sink is given blocks where nothing came, too. `null` if
   * that is unknown.
   */
  async #decodedBlocks(track) {
    const stats = await this.pc.getStats().catch(() => new Map());
    for (const { type, trackIdentifier, totalSamplesReceived, concealedSamples } of stats.values()) {
      if (type !== "inbound-rtp" || trackIdentifier !== track.id || totalSamplesReceived === undefined) continue;
      return Math.floor((totalSamplesReceived - (concealedSamples ?? 0)) / SAMPLES_OF_20_MS);
    }
    return null;
  }

  async end() {
    for (const timer of this.#timers) clearInterval(timer);
    clearTimeout(this.#lookAgain);
    for (const sink of this.#sinks) sink.stop();
    for (const { track } of this.localTracks.values()) track.stop();
    await super.end();
  }
}

/**
 * The candidate-attribute of a candidate from the statistics: as it was signalled, or composed if it never was. A peer-reflexive
 * one has no address there; if the peer signals it later, its port tells which it is.
 */
function lineOf({ address, port, protocol, candidateType, priority, foundation }, known) {
  const same = known.find((text) => {
    const [, , transport, , host, number, , type] = text.split(" ");
    if (transport.toLowerCase() !== protocol || Number(number) !== port) return false;
    return address ? host === address && type === candidateType : candidateType === "prflx";
  });
  if (same || !address) return same ?? null;
  return `candidate:${foundation ?? 0} 1 ${protocol} ${priority ?? 0} ${address} ${port} typ ${candidateType}`;
}

serve({
  implementation: "libwebrtc",
  version: milestone ? `${version} (${milestone})` : version,
  features: ["w3c-api", "data-channels", "audio", "video", "simulcast"],
  unreported,
  createPeer(report) {
    const peer = new LibwebrtcPeer(report);
    return { commands: peer.allCommands(), lacks, end: () => peer.end() };
  },
});
