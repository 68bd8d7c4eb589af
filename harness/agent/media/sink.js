// Sees and hears remote tracks: reads frame numbers and tones from what was decoded and reports them (docs/media.md, "What is
// reported").

import { need, present } from "../line.js";
import { readFrame } from "./frame.js";
import { SAMPLE_RATE, toneOf } from "./tone.js";

/** @import { Report } from "../line.js" */

/** Milliseconds from one report to the next. */
const REPORT_EVERY_MS = 250;
/** Samples in a block of audio: 20 ms. */
const BLOCK = SAMPLE_RATE / 50;

/**
 * Reports the frames of a track from the first one on.
 * @param {MediaStreamTrack} track
 * @param {Report} report
 * @returns {void}
 */
export function watchVideo(track, report) {
  const video = Object.assign(document.createElement("video"), { muted: true, autoplay: true, playsInline: true });
  need(video, "requestVideoFrameCallback");
  document.body.append(video);
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true, alpha: false });
  let before = null;
  let newest = null;
  let reporting = false;
  const reportNewest = () => {
    const { frames, width, height, number } = newest;
    report("mediaseen", { id: track.id, kind: "video", frames, width, height, ...present({ number }) });
  };
  /** @type {VideoFrameRequestCallback} */
  const seen = (_, { presentedFrames, width, height }) => {
    before ??= presentedFrames - 1;
    newest = { frames: presentedFrames - before, width, height, number: readFrame(video, context) };
    if (!reporting) {
      reporting = true;
      repeat(track, reportNewest);
    }
    video.requestVideoFrameCallback(seen);
  };
  video.requestVideoFrameCallback(seen);
  video.srcObject = new MediaStream([track]);
  video.play().catch((error) => report("log", { level: "warn", message: `video does not play: ${error}` }));
}

/**
 * Reports the tone of a track from the first one on. The receiver's statistics have what was decoded before and since.
 * @param {MediaStreamTrack} track
 * @param {RTCRtpReceiver} receiver
 * @param {Report} report
 * @returns {Promise<void>}
 */
export async function watchAudio(track, receiver, report) {
  const stream = new MediaStream([track]);
  // Chrome decodes a remote track only where a media element plays it; muted will do.
  const element = Object.assign(document.createElement("audio"), { muted: true, autoplay: true, srcObject: stream });
  document.body.append(element);
  element.play().catch((error) => report("log", { level: "warn", message: `audio does not play: ${error}` }));
  const before = (await decodedBlocks(receiver)) ?? 0;
  // Firefox counts concealed samples earlier than all samples, so the difference may go down.
  let most = 0;
  const blocks = async () => {
    const all = await decodedBlocks(receiver);
    if (all === null) return null;
    most = Math.max(most, all - before);
    return most;
  };
  listen(track, stream, blocks, report);
}

/**
 * Calls `run` now and then every 250 ms, until the track ends or the page goes.
 * @param {MediaStreamTrack} track
 * @param {() => void} run
 */
function repeat(track, run) {
  run();
  const timer = setInterval(() => (track.readyState === "ended" ? clearInterval(timer) : run()), REPORT_EVERY_MS);
}

/**
 * Hears one piece of audio after the other and reports each, from the first tone on.
 * @param {MediaStreamTrack} track
 * @param {MediaStream} stream
 * @param {() => Promise<number | null>} countBlocks
 * @param {Report} report
 */
async function listen(track, stream, countBlocks, report) {
  let reporting = false;
  while (track.readyState === "live") {
    // A piece that holds nothing cannot be decoded: nothing was heard.
    const toneHz = await record(stream, REPORT_EVERY_MS).then(toneOf).catch(() => null);
    reporting ||= toneHz !== null;
    const frames = reporting ? await countBlocks() : null;
    // Meanwhile the connection may have closed, and with it the statistics are gone.
    if (frames !== null && track.readyState === "live") {
      report("mediaseen", { id: track.id, kind: "audio", frames, ...present({ toneHz }) });
    }
  }
}

/**
 * Records a stream for a while and decodes what was recorded. Works without an audio device, unlike a live AudioContext.
 * @param {MediaStream} stream
 * @param {number} milliseconds
 * @returns {Promise<AudioBuffer>}
 */
async function record(stream, milliseconds) {
  const recorder = new MediaRecorder(stream);
  /** @type {Promise<Blob>} */
  const piece = new Promise((resolve) => recorder.addEventListener("dataavailable", ({ data }) => resolve(data)));
  recorder.start();
  setTimeout(() => { if (recorder.state !== "inactive") recorder.stop(); }, milliseconds);
  const bytes = await (await piece).arrayBuffer();
  return new OfflineAudioContext(1, SAMPLE_RATE, SAMPLE_RATE).decodeAudioData(bytes);
}

/**
 * Blocks of a receiver that were really decoded, not concealed; `null` if it has no statistics of a stream.
 * @param {RTCRtpReceiver} receiver
 * @returns {Promise<number | null>}
 */
async function decodedBlocks(receiver) {
  for (const entry of /** @type {any} */ (await receiver.getStats()).values()) {
    if (entry.type !== "inbound-rtp" || entry.totalSamplesReceived === undefined) continue;
    return Math.floor((entry.totalSamplesReceived - (entry.concealedSamples ?? 0)) / BLOCK);
  }
  return null;
}
