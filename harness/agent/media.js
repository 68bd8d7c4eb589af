// Media of a connection: tracks, senders, receivers and transceivers. What local tracks carry comes from media/source.js, what remote
// ones carry is seen and heard by media/sink.js.

import { Unsupported, need, present, reject } from "./line.js";
import { watchAudio, watchVideo } from "./media/sink.js";
import { toneSource, videoSource } from "./media/source.js";

/** @import { Connection } from "./connection.js" */
/** @import { Commands, Report } from "./line.js" */
/** @import { Source } from "./media/source.js" */

/** The tracks of a connection by their identifiers. */
export class Tracks {
  #report;
  /** @type {Map<string, { track: MediaStreamTrack, stream: MediaStream, stop: () => void }>} */
  #local = new Map();
  /** @type {Map<string, { track: MediaStreamTrack, receiver: RTCRtpReceiver }>} */
  #remote = new Map();
  /** @type {WeakSet<MediaStreamTrack>} */
  #watched = new WeakSet();

  /** @param {Report} report */
  constructor(report) {
    this.#report = report;
  }

  /**
   * The local track, which must exist.
   * @param {string} id
   */
  local(id) {
    return this.#local.get(id) ?? reject("NotFoundError", `there is no local track ${id}`);
  }

  /**
   * The remote track, which must exist.
   * @param {string} id
   */
  remote(id) {
    return this.#remote.get(id) ?? reject("NotFoundError", `there is no remote track ${id}`);
  }

  /**
   * Adds the tracks of a source. Returns what the protocol says of them.
   * @param {Source} source
   */
  addLocal({ stream, stop }) {
    const tracks = stream.getTracks().map((track) => {
      this.#local.set(track.id, { track, stream, stop });
      this.#watch(track);
      return { id: track.id, kind: track.kind, settings: track.getSettings() };
    });
    return { stream: stream.id, tracks };
  }

  /**
   * Adds a track that the remote peer sends.
   * @param {RTCTrackEvent} event
   * @returns {void}
   */
  addRemote({ track, streams, transceiver: { mid, receiver } }) {
    this.#remote.set(track.id, { track, receiver });
    this.#report("track", { id: track.id, kind: track.kind, mid, streams: streams.map(({ id }) => id) });
    this.#watch(track);
  }

  /**
   * Stops all local tracks and their sources.
   * @returns {void}
   */
  end() {
    for (const { track, stop } of this.#local.values()) {
      stop();
      track.stop();
    }
  }

  /** @param {MediaStreamTrack} track */
  #watch(track) {
    if (this.#watched.has(track)) return;
    this.#watched.add(track);
    track.addEventListener("mute", () => this.#report("trackmute", { id: track.id }));
    track.addEventListener("unmute", () => this.#report("trackunmute", { id: track.id }));
    track.addEventListener("ended", () => this.#report("trackended", { id: track.id }));
  }
}

/**
 * The commands about media.
 * @param {Connection} connection
 * @returns {Commands}
 */
export function mediaCommands(connection) {
  const { report, tracks } = connection;

  const transceiver = (index) =>
    connection.existing().getTransceivers()[index] ?? reject("NotFoundError", `there is no transceiver ${index}`);

  const senderOf = (id) =>
    connection.existing().getSenders().find(({ track }) => track?.id === id)
      ?? reject("NotFoundError", `no sender has the track ${id}`);

  return {
    async getUserMedia({ constraints }) {
      // Without a secure context there is no mediaDevices: then a page sees a TypeError.
      if (!navigator.mediaDevices) throw new TypeError("there is no navigator.mediaDevices: this is no secure context");
      return tracks.addLocal({ stream: await navigator.mediaDevices.getUserMedia(constraints), stop() {} });
    },

    async createSource(args) {
      return tracks.addLocal(args.kind === "video" ? videoSource(args) : await toneSource(args));
    },

    async applyConstraints({ track: id, constraints }) {
      const { track } = tracks.local(id);
      await track.applyConstraints(constraints);
      return track.getSettings();
    },

    addTrack({ track: id }) {
      const { track, stream } = tracks.local(id);
      const pc = connection.existing();
      const sender = pc.addTrack(track, stream);
      const { mid } = pc.getTransceivers().find((each) => each.sender === sender);
      return { mid };
    },

    removeTrack({ track: id }) {
      connection.existing().removeTrack(senderOf(id));
    },

    async replaceTrack({ track: id, with: other }) {
      await senderOf(id).replaceTrack(other === undefined ? null : tracks.local(other).track);
    },

    addTransceiver({ kind, direction, track: id, sendEncodings }) {
      const local = id === undefined ? null : tracks.local(id);
      const init = present({ direction, sendEncodings, streams: local && [local.stream] });
      const pc = connection.existing();
      const added = pc.addTransceiver(local?.track ?? kind, init);
      return { transceiver: pc.getTransceivers().indexOf(added), mid: added.mid };
    },

    setDirection({ transceiver: index, direction }) {
      transceiver(index).direction = direction;
    },

    stopTransceiver({ transceiver: index }) {
      const target = transceiver(index);
      need(target, "stop");
      target.stop();
    },

    setCodecPreferences({ transceiver: index, mimeTypes }) {
      const target = transceiver(index);
      need(target, "setCodecPreferences");
      const all = RTCRtpReceiver.getCapabilities(target.receiver.track.kind).codecs;
      const like = (name) => all.filter(({ mimeType }) => mimeType.toLowerCase() === name.toLowerCase());
      const chosen = mimeTypes.flatMap(like);
      if (!chosen.length) throw new Unsupported(`this browser has none of ${mimeTypes.join(", ")}`);
      target.setCodecPreferences([...chosen, ...like("video/rtx")]);
    },

    getTransceivers() {
      return connection.existing().getTransceivers().map((each) => ({
        mid: each.mid,
        kind: each.receiver.track.kind,
        direction: each.direction,
        currentDirection: each.currentDirection,
        stopped: /** @type {any} */ (each).stopped ?? /** @type {string} */ (each.direction) === "stopped",
        sender: each.sender.track?.id ?? null,
        receiver: each.receiver.track.id,
      }));
    },

    async watch({ track: id }) {
      const { track, receiver } = tracks.remote(id);
      await (track.kind === "video" ? watchVideo(track, report) : watchAudio(track, receiver, report));
    },
  };
}
