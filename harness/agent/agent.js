// Peerproof's agent: makes the browser that opens this page a peer. It speaks the peer protocol, version 2
// (docs/peer-protocol.md), as JSON over the WebSocket it was given a token for. No build step, no library.
"use strict";

const PROTOCOL = 2;

// ---------------------------------------------------------------------------------------------------------- the line

const token = new URLSearchParams(location.search).get("token");
const line = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws?token=${token}`);

/** Milliseconds on this peer's own clock. */
const now = () => performance.timeOrigin + performance.now();

let nextSeq = 0;
let unsent = [];

function say(message) {
  const text = JSON.stringify(message);
  if (line.readyState === WebSocket.OPEN) line.send(text);
  else if (unsent) unsent.push(text);
}

/** Reports an event. `t` is when it happened, if that is not now. */
function report(event, data, t = now()) {
  say({ seq: nextSeq++, t, event, ...(data === undefined ? {} : { data }) });
}

line.onopen = () => {
  for (const text of unsent) line.send(text);
  unsent = null;
};

line.onmessage = async ({ data }) => {
  const { id, command, args } = JSON.parse(data);
  const answer = await perform(command, args ?? {});
  say({ id, t: now(), answer });
};

/** What cannot be done here, as opposed to what went wrong. */
class Unsupported extends Error {}

async function perform(command, args) {
  const run = Object.hasOwn(commands, command) ? commands[command] : undefined;
  if (!run) return { unsupported: { reason: `unknown command ${command}` } };
  try {
    return { ok: (await run(args)) ?? null };
  } catch (error) {
    if (error instanceof Unsupported) return { unsupported: { reason: error.message } };
    const detail = error?.constraint ? ` (constraint: ${error.constraint})` : "";
    return { rejected: { name: error?.name ?? "Error", message: `${error?.message ?? error}${detail}` } };
  }
}

/** Refuses what this browser's API does not have. */
function need(object, method) {
  if (typeof object?.[method] !== "function") throw new Unsupported(`this browser has no ${method}`);
}

const reject = (name, message) => { throw new DOMException(message, name); };

addEventListener("error", (event) => report("log", { level: "error", message: String(event.message) }));
addEventListener("unhandledrejection", (event) =>
  report("log", { level: "error", message: `unhandled rejection: ${event.reason}` }));

// ---------------------------------------------------------------------------------------------------- bytes and checks

const CRC32_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC32_TABLE[(crc ^ byte) & 0xff];
  return (crc ^ 0xffffffff) >>> 0;
}

const utf8 = (text) => new TextEncoder().encode(text);

/** The pattern that both sides can compute. */
function pattern({ size, seed, text }) {
  const bytes = new Uint8Array(size);
  let x = seed >>> 0;
  for (let i = 0; i < size; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    bytes[i] = text ? 97 + ((x >>> 24) % 26) : x >>> 24;
  }
  return text ? new TextDecoder("latin1").decode(bytes) : bytes;
}

/** The `round`-th message of a payload. */
function payload(message, round) {
  if (message.text !== undefined) return message.text;
  if (message.binary !== undefined) return Uint8Array.from(atob(message.binary), (char) => char.charCodeAt(0));
  return pattern({ ...message.pattern, seed: (message.pattern.seed + round) >>> 0 });
}

/** Drops what is null or undefined: in the protocol the absent is left out. */
const present = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value != null));

// ------------------------------------------------------------------------------------------------------- the connection

let pc = null;
let lastCreated = null;
/** Whether negotiation was ever asked for, for `join` which may come later. */
let negotiationNeeded = false;

/** The connection, which must exist. */
function connection() {
  return pc ?? reject("InvalidStateError", "there is no peer connection yet");
}

const descriptionOf = (description) => description && { type: description.type, sdp: description.sdp };

/** Rejects once the connection is closed by a command. */
let noteClosed;
const connectionClosed = new Promise((_, rejectAll) => {
  noteClosed = () => rejectAll(new DOMException("the connection was closed meanwhile", "AbortError"));
});
connectionClosed.catch(() => {});

/**
 * Waits for an operation of the connection's queue. When the connection closes, the API leaves what is in the queue without a result
 * (webrtc-pc §4.4.1.2); a command has an answer all the same.
 */
function untilClosed(operation) {
  return pc.signalingState === "closed" ? operation : Promise.race([operation, connectionClosed]);
}

/** Waits for the operation, then looks for transports that it brought into being. */
async function negotiated(operation) {
  const connection = pc;
  try {
    return await untilClosed(operation);
  } finally {
    watchTransports(connection);
  }
}

function watchConnection(connection) {
  const on = (type, tell) => connection.addEventListener(type, (event) => report(type, tell(event)));
  on("negotiationneeded", () => { negotiationNeeded = true; });
  on("signalingstatechange", () => ({ state: connection.signalingState }));
  on("icegatheringstatechange", () => ({ state: connection.iceGatheringState }));
  on("iceconnectionstatechange", () => ({ state: connection.iceConnectionState }));
  on("connectionstatechange", () => ({ state: connection.connectionState }));
  on("icecandidate", ({ candidate }) => ({ candidate: candidate && candidateOf(candidate) }));
  on("icecandidateerror", ({ url, errorCode, errorText }) => ({ url: url ?? "", errorCode, errorText: errorText ?? "" }));
  connection.addEventListener("icecandidate", ({ candidate }) => {
    if (candidate?.candidate) localCandidates.push(candidate.candidate);
  });
  connection.addEventListener("iceconnectionstatechange", () => deduceSelectedPair(connection));
  connection.addEventListener("connectionstatechange", () => watchTransports(connection));
  connection.addEventListener("track", ({ track, streams, transceiver }) => {
    remoteTracks.set(track.id, { track, receiver: transceiver.receiver });
    report("track", { id: track.id, kind: track.kind, mid: transceiver.mid, streams: streams.map(({ id }) => id) });
    watchTrack(track);
  });
  connection.addEventListener("datachannel", ({ channel }) => {
    report("datachannel", { channel: channelInfo(channel) });
    watchChannel(channel);
  });
}

const candidateOf = ({ candidate, sdpMid, sdpMLineIndex, usernameFragment }) =>
  ({ candidate, ...present({ sdpMid, sdpMLineIndex, usernameFragment }) });

// ------------------------------------------------------------------------------------------------------- the transports

const watched = new WeakSet();

/** True the first time for each object. */
function unwatched(object) {
  if (!object || watched.has(object)) return false;
  watched.add(object);
  return true;
}

/** Every DTLS transport of the connection, the data channels' first; none when it is closed (Firefox then throws). */
function dtlsTransports(connection) {
  if (connection.signalingState === "closed") return [];
  const all = [connection.sctp, ...connection.getSenders(), ...connection.getReceivers()];
  return [...new Set(all.map((user) => user?.transport).filter(Boolean))];
}

function watchTransports(connection) {
  if (!connection) return;
  const sctp = connection.sctp;
  if (unwatched(sctp)) {
    const tell = () => report("sctpstatechange", { state: sctp.state });
    sctp.addEventListener("statechange", tell);
    if (sctp.state !== "connecting") tell();
  }
  for (const dtls of dtlsTransports(connection)) {
    if (unwatched(dtls)) watchDtls(dtls);
    if (unwatched(dtls.iceTransport)) watchIce(dtls.iceTransport);
  }
}

function watchDtls(dtls) {
  let reason = null;
  const tell = () => report("dtlsstatechange", { state: dtls.state, ...present({ reason }) });
  dtls.addEventListener("error", ({ error }) => { reason = error?.errorDetail ?? error?.message ?? null; });
  dtls.addEventListener("statechange", tell);
  // A state that was reached before anybody could listen.
  if (dtls.state !== "new") tell();
}

function watchIce(ice) {
  const tell = () => report("icetransportstatechange", { state: ice.state });
  ice.addEventListener("statechange", tell);
  if (ice.state !== "new") tell();
  if (typeof ice.getSelectedCandidatePair !== "function") return;
  const tellPair = () => {
    const pair = ice.getSelectedCandidatePair();
    if (pair) reportPair(pair.local.candidate, pair.remote.candidate);
  };
  ice.addEventListener("selectedcandidatepairchange", tellPair);
  tellPair();
}

let lastPair = "";

function reportPair(local, remote) {
  if (lastPair === `${local}\n${remote}`) return;
  lastPair = `${local}\n${remote}`;
  report("selectedcandidatepairchange", { local, remote });
}

const localCandidates = [];
const remoteCandidates = [];

/** Remembers the candidates of a remote description. */
function noteRemote(sdp) {
  for (const [, candidate] of (sdp ?? "").matchAll(/^a=(candidate:.*?)\r?$/gm)) remoteCandidates.push(candidate);
}

/** Where RTCIceTransport does not tell the selected pair (Firefox), the statistics do. */
async function deduceSelectedPair(connection) {
  if (typeof RTCIceTransport !== "undefined" && RTCIceTransport.prototype.getSelectedCandidatePair) return;
  if (!["connected", "completed"].includes(connection.iceConnectionState)) return;
  const stats = await connection.getStats();
  for (const pair of stats.values()) {
    if (pair.type !== "candidate-pair" || !(pair.selected ?? (pair.nominated && pair.state === "succeeded"))) continue;
    const local = stats.get(pair.localCandidateId);
    const remote = stats.get(pair.remoteCandidateId);
    if (local && remote) reportPair(lineOf(local, localCandidates), lineOf(remote, remoteCandidates));
    return;
  }
}

/** The candidate-attribute of a candidate from the statistics: as it was signalled, or composed if it never was. */
function lineOf({ address, port, protocol, candidateType, priority, foundation }, known) {
  const same = known.find((text) => {
    const [, , transport, , host, number, , type] = text.split(" ");
    return transport.toLowerCase() === protocol && Number(number) === port && type === candidateType
      && (host === address || host.endsWith(".local"));
  });
  return same
    ?? `candidate:${foundation ?? 0} 1 ${protocol} ${priority ?? 0} ${address} ${port} typ ${candidateType}`;
}

// --------------------------------------------------------------------------------------------------------- data channels

const channels = new Map();
const echoes = new Map();

const channelInfo = ({ label, id, ordered, maxRetransmits, maxPacketLifeTime, protocol, negotiated }) =>
  ({ label, ordered, protocol, negotiated, ...present({ id, maxRetransmits, maxPacketLifeTime }) });

/** The channel of that label, which must exist; of several the newest. */
function channelNamed(label) {
  return channels.get(label) ?? reject("NotFoundError", `there is no channel ${label}`);
}

function watchChannel(channel) {
  channels.set(channel.label, channel);
  channel.binaryType = "arraybuffer";
  const name = channel.label;
  // A closed channel may tell no identifier any more.
  let known = null;
  const id = () => present({ id: (known = channel.id ?? known) });
  id();
  const on = (type, event, tell) => channel.addEventListener(type, (detail) => report(event, tell(detail)));
  on("open", "channelopen", () => (id(), { channel: channelInfo(channel) }));
  on("bufferedamountlow", "bufferedamountlow", () => ({ channel: name }));
  on("closing", "channelclosing", () => ({ channel: name, ...id() }));
  on("close", "channelclose", () => ({ channel: name, ...id() }));
  on("error", "channelerror", ({ error }) =>
    ({ channel: name, error: error?.errorDetail ?? error?.message ?? "unknown" }));
  channel.addEventListener("message", ({ data }) => {
    const at = now();
    const text = typeof data === "string";
    const bytes = text ? utf8(data) : new Uint8Array(data);
    const value = text && bytes.length <= 1024 ? data : null;
    report("channelmessage",
      { message: { channel: name, text, size: bytes.length, crc32: crc32(bytes), ...present({ value }) }, ...id() }, at);
    echoes.get(name)?.(channel, data);
  });
}

/** What an echo does with each message: returns those to send back now. */
const defects = {
  none: () => (data) => [data],
  "corrupt-last-byte": () => (data) => {
    const bytes = typeof data === "string" ? utf8(data) : new Uint8Array(data.slice(0));
    if (bytes.length) bytes[bytes.length - 1] ^= 1;
    return [typeof data === "string" ? new TextDecoder().decode(bytes) : bytes];
  },
  "swap-pairs": () => {
    let held = [];
    return (data) => {
      if (!held.length) { held = [data]; return []; }
      const both = [data, held[0]];
      held = [];
      return both;
    };
  },
  "as-text": () => (data) => [typeof data === "string" ? data : new TextDecoder("latin1").decode(data)],
  "drop-every-third": () => {
    let count = 0;
    return (data) => (++count % 3 === 0 ? [] : [data]);
  },
};

/** Past this many bytes in a channel's buffer, `send` waits for them to go. */
const FULL = 4 * 1024 * 1024;

async function drained(channel) {
  while (channel.readyState === "open" && channel.bufferedAmount > FULL) {
    await new Promise((resolve) => {
      for (const type of ["bufferedamountlow", "close"]) channel.addEventListener(type, resolve, { once: true });
    });
  }
}

// ---------------------------------------------------------------------------------------------------------------- media

/** Local tracks by id: `{ track, stream, stop }`. */
const localTracks = new Map();
/** Remote tracks by id: `{ track, receiver }`. */
const remoteTracks = new Map();

const localTrack = (id) => localTracks.get(id) ?? reject("NotFoundError", `there is no local track ${id}`);

function addLocal(stream, stop = () => {}) {
  const tracks = stream.getTracks().map((track) => {
    localTracks.set(track.id, { track, stream, stop });
    watchTrack(track);
    return { id: track.id, kind: track.kind, settings: track.getSettings() };
  });
  return { stream: stream.id, tracks };
}

function watchTrack(track) {
  if (!unwatched(track)) return;
  track.addEventListener("mute", () => report("trackmute", { id: track.id }));
  track.addEventListener("unmute", () => report("trackunmute", { id: track.id }));
  track.addEventListener("ended", () => report("trackended", { id: track.id }));
}

// ------------------------------------------------------------------- numbered frames and tones, see docs/media.md

const GRID = { columns: 8, rows: 4 };
const SYNC = 0xa6;

function crc8(bytes) {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x80 ? 0x07 : 0)) & 0xff;
  }
  return crc;
}

/** The 32 cells of a frame's number. */
const frameCode = (number) => ((SYNC << 24) | (number << 8) | crc8([number >> 8, number & 0xff])) >>> 0;

function paintFrame(context, width, height, number) {
  const code = frameCode(number);
  for (let cell = 0; cell < 32; cell++) {
    const column = cell % GRID.columns;
    const row = Math.floor(cell / GRID.columns);
    const [left, right] = [column, column + 1].map((c) => Math.floor((c * width) / GRID.columns));
    const [top, bottom] = [row, row + 1].map((r) => Math.floor((r * height) / (2 * GRID.rows)));
    context.fillStyle = (code >>> (31 - cell)) & 1 ? "#fff" : "#000";
    context.fillRect(left, top, right - left, bottom - top);
  }
  // The lower half only has to be worth encoding: bars that move, and blocks that flicker.
  const half = Math.floor(height / 2);
  const shift = (number * 4) % 64;
  for (let x = shift - 64; x < width; x += 64) {
    const bar = context.createLinearGradient(x, half, x + 64, half);
    bar.addColorStop(0, "#000");
    bar.addColorStop(1, "#fff");
    context.fillStyle = bar;
    context.fillRect(x, half, 64, height - half);
  }
  for (let block = number % 4; block < 128; block += 4) {
    const grey = Math.floor(Math.random() * 256);
    context.fillStyle = `rgb(${grey} ${grey} ${grey})`;
    context.fillRect(((block % 16) * width) / 16, half + (Math.floor(block / 16) * half) / 8, width / 16, half / 8);
  }
}

function videoSource({ width = 320, height = 240, frameRate = 15 }) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  document.body.append(canvas);
  const context = canvas.getContext("2d", { alpha: false });
  const stream = canvas.captureStream(0);
  const [track] = stream.getVideoTracks();
  const capture = track.requestFrame ? () => track.requestFrame() : () => stream.requestFrame();
  let number = 0;
  const paint = () => {
    paintFrame(context, width, height, number);
    number = (number + 1) & 0xffff;
    capture();
  };
  const timer = setInterval(paint, 1000 / frameRate);
  paint();
  return addLocal(stream, () => { clearInterval(timer); canvas.remove(); });
}

const SAMPLE_RATE = 48000;
/** Seconds until the tone begins anew: a whole number, so that the phase of a whole number of hertz goes on. */
const TONE_SECONDS = 10;

/** A WAV file (16 bit, mono) of a sine at half of full scale. */
function toneFile(hertz) {
  const samples = SAMPLE_RATE * TONE_SECONDS;
  const view = new DataView(new ArrayBuffer(44 + 2 * samples));
  const text = (offset, letters) => [...letters].forEach((letter, i) => view.setUint8(offset + i, letter.charCodeAt(0)));
  const fields = [[16, 16], [20, 1 | (1 << 16)], [24, SAMPLE_RATE], [28, SAMPLE_RATE * 2], [32, 2 | (16 << 16)]];
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples, true);
  text(8, "WAVEfmt ");
  for (const [offset, value] of fields) view.setUint32(offset, value, true);
  text(36, "data");
  view.setUint32(40, 2 * samples, true);
  for (let i = 0; i < samples; i++) {
    view.setInt16(44 + 2 * i, 0x4000 * Math.sin((2 * Math.PI * hertz * (i % SAMPLE_RATE)) / SAMPLE_RATE), true);
  }
  return new Blob([view], { type: "audio/wav" });
}

/** Plays a file instead of an oscillator: without an audio device Firefox's AudioContext never runs. */
async function toneSource({ toneHz = 440 }) {
  const url = URL.createObjectURL(toneFile(toneHz));
  const element = Object.assign(new Audio(url), { loop: true });
  need(element, element.mozCaptureStream ? "mozCaptureStream" : "captureStream");
  await element.play();
  const stream = element.mozCaptureStream?.() ?? element.captureStream();
  if (!stream.getAudioTracks().length) {
    await new Promise((resolve) => stream.addEventListener("addtrack", resolve, { once: true }));
  }
  return addLocal(stream, () => { element.pause(); URL.revokeObjectURL(url); });
}

/** Wider frames are read scaled down to this: the grid survives, and reading pixels is dear. */
const READ_WIDTH = 320;

/** The number of the frame that a video element shows, or null. */
function readFrame(video, context) {
  const scale = Math.min(1, READ_WIDTH / video.videoWidth);
  const width = Math.round(video.videoWidth * scale);
  const height = Math.round(video.videoHeight * scale);
  if (context.canvas.width !== width || context.canvas.height !== height) {
    Object.assign(context.canvas, { width, height });
  }
  context.drawImage(video, 0, 0, width, height);
  const rows = Math.floor(height / 2);
  if (width < 64 || rows < 32) return null;
  const { data } = context.getImageData(0, 0, width, rows);
  let code = 0;
  for (let cell = 0; cell < 32; cell++) {
    const column = cell % GRID.columns;
    const row = Math.floor(cell / GRID.columns);
    const [left, right] = [4 * column + 1, 4 * column + 3].map((c) => Math.floor((c * width) / 32));
    const [top, bottom] = [4 * row + 1, 4 * row + 3].map((r) => Math.floor((r * height) / 32));
    let sum = 0;
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) sum += data[(y * width + x) * 4 + 1];
    }
    code = ((code << 1) | (sum >= 128 * (right - left) * (bottom - top) ? 1 : 0)) >>> 0;
  }
  const number = (code >>> 8) & 0xffff;
  return code === frameCode(number) ? number : null;
}

const REPORT_EVERY_MS = 250;

/** Calls `tell` at once and then every 250 ms, until the track ends or the page goes. */
function reportRegularly(track, tell) {
  tell();
  const timer = setInterval(() => (track.readyState === "ended" ? clearInterval(timer) : tell()), REPORT_EVERY_MS);
}

async function watchVideo(track) {
  const video = Object.assign(document.createElement("video"), { muted: true, autoplay: true, playsInline: true });
  need(video, "requestVideoFrameCallback");
  document.body.append(video);
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true, alpha: false });
  let before = null;
  let newest = null;
  let reporting = false;
  const tell = () => {
    const { frames, width, height, number } = newest;
    report("mediaseen", { id: track.id, kind: "video", frames, width, height, ...present({ number }) });
  };
  const seen = (_, { presentedFrames, width, height }) => {
    before ??= presentedFrames - 1;
    newest = { frames: presentedFrames - before, width, height, number: readFrame(video, context) };
    if (!reporting) {
      reporting = true;
      reportRegularly(track, tell);
    }
    video.requestVideoFrameCallback(seen);
  };
  video.requestVideoFrameCallback(seen);
  video.srcObject = new MediaStream([track]);
  video.play().catch((error) => report("log", { level: "warn", message: `video does not play: ${error}` }));
}

const FFT_SIZE = 8192;
const SILENCE = 0.01;

/** The strongest tone at the end of a piece of audio in hertz, or null in silence. */
async function toneOf(audio) {
  const newest = audio.getChannelData(0).subarray(-FFT_SIZE);
  const power = newest.reduce((sum, value) => sum + value * value, 0) / newest.length;
  if (Math.sqrt(power) < SILENCE) return null;
  const context = new OfflineAudioContext(1, audio.length, audio.sampleRate);
  const source = new AudioBufferSourceNode(context, { buffer: audio });
  const analyser = new AnalyserNode(context, { fftSize: FFT_SIZE, smoothingTimeConstant: 0 });
  source.connect(analyser).connect(context.destination);
  source.start();
  await context.startRendering();
  const spectrum = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(spectrum);
  return strongest(spectrum, audio.sampleRate / FFT_SIZE);
}

/** The frequency of the highest peak from 20 Hz to 16 kHz, in whole hertz; `width` is that of a bin. */
function strongest(spectrum, width) {
  let best = Math.ceil(20 / width);
  for (let bin = best; bin <= 16000 / width && bin < spectrum.length - 1; bin++) {
    if (spectrum[bin] > spectrum[best]) best = bin;
  }
  // The top of the parabola through the three bins around the peak.
  const [left, peak, right] = [spectrum[best - 1], spectrum[best], spectrum[best + 1]];
  const offset = left + right < 2 * peak ? (left - right) / (2 * (left - 2 * peak + right)) : 0;
  return Math.round((best + offset) * width);
}

/** Records a track for a while and decodes what was recorded. Works without an audio device, unlike a live AudioContext. */
async function record(stream, milliseconds) {
  const recorder = new MediaRecorder(stream);
  const piece = new Promise((resolve) => recorder.addEventListener("dataavailable", ({ data }) => resolve(data)));
  recorder.start();
  setTimeout(() => { if (recorder.state !== "inactive") recorder.stop(); }, milliseconds);
  const bytes = await (await piece).arrayBuffer();
  return new OfflineAudioContext(1, SAMPLE_RATE, SAMPLE_RATE).decodeAudioData(bytes);
}

/** Samples of a receiver that were really decoded, in blocks of 20 ms. */
async function decodedBlocks(receiver) {
  for (const entry of (await receiver.getStats()).values()) {
    if (entry.type !== "inbound-rtp" || entry.totalSamplesReceived === undefined) continue;
    return Math.floor((entry.totalSamplesReceived - (entry.concealedSamples ?? 0)) / 960);
  }
  return 0;
}

async function watchAudio(track, receiver) {
  const stream = new MediaStream([track]);
  // Chrome decodes a remote track only where a media element plays it; muted will do.
  const element = Object.assign(document.createElement("audio"), { muted: true, autoplay: true, srcObject: stream });
  document.body.append(element);
  element.play().catch((error) => report("log", { level: "warn", message: `audio does not play: ${error}` }));
  const before = await decodedBlocks(receiver);
  listen(track, stream, async () => (await decodedBlocks(receiver)) - before);
}

/** Hears one piece of audio after the other and reports each, from the first tone on. */
async function listen(track, stream, countBlocks) {
  let reporting = false;
  while (track.readyState === "live") {
    // A piece that holds nothing cannot be decoded: nothing was heard.
    const toneHz = await record(stream, REPORT_EVERY_MS).then(toneOf).catch(() => null);
    reporting ||= toneHz !== null;
    if (reporting) report("mediaseen", { id: track.id, kind: "audio", frames: await countBlocks(), ...present({ toneHz }) });
  }
}

// ------------------------------------------------------------------- acting alone, see docs/signalling.md and webrtc-pc §10.7

/** Takes a step and tells about it. `run` returns the description involved, if any. */
async function act(operation, run) {
  try {
    const description = await run();
    report("acted", { operation, ...present({ description: description && descriptionOf(description) }) });
  } catch (error) {
    report("acted", { operation, error: `${error.name}: ${error.message}` });
    throw error;
  }
}

/** Joins a room and negotiates with the first other client in it. Resolves once the server has let this client in. */
function joinRoom(connection, { url, room, polite }) {
  const server = new WebSocket(url);
  const send = (message) => {
    if (server.readyState === WebSocket.OPEN) server.send(JSON.stringify(message));
  };
  let other = null;
  let needed = negotiationNeeded;
  let makingOffer = false;
  /** ICE user names of offers that were ignored: their candidates cannot be added, which is no failure. */
  const ignored = new Set();
  let settingRemoteAnswer = false;

  const offer = async () => {
    if (!other || !needed || connection.signalingState !== "stable") return;
    needed = false;
    makingOffer = true;
    try {
      // The implicit form decides by itself between offer and answer, so a description arriving now does no harm.
      await act("setLocalDescription", async () => {
        await negotiated(connection.setLocalDescription());
        return connection.localDescription;
      });
      send({ type: "description", description: descriptionOf(connection.localDescription), to: other });
    } finally {
      makingOffer = false;
    }
  };

  const takeDescription = async (description) => {
    const ready = !makingOffer && (connection.signalingState === "stable" || settingRemoteAnswer);
    if (description.type === "offer" && !ready && !polite) {
      for (const [, ufrag] of description.sdp.matchAll(/^a=ice-ufrag:(.*?)\r?$/gm)) ignored.add(ufrag);
      return act("ignoreOffer", () => description);
    }
    settingRemoteAnswer = description.type === "answer";
    // The answer covers what was needed; if not all, the connection says so again.
    if (description.type === "offer") needed = false;
    try {
      await act("setRemoteDescription", async () => {
        noteRemote(description.sdp);
        await negotiated(connection.setRemoteDescription(description));
        return description;
      });
    } finally {
      settingRemoteAnswer = false;
    }
    if (description.type !== "offer") return;
    await act("setLocalDescription", async () => {
      await negotiated(connection.setLocalDescription());
      return connection.localDescription;
    });
    send({ type: "description", description: descriptionOf(connection.localDescription), to: other });
  };

  const takeCandidate = async (candidate) => {
    if (candidate && ignored.has(candidate.usernameFragment)) return;
    try {
      if (candidate?.candidate) remoteCandidates.push(candidate.candidate);
      await (candidate ? connection.addIceCandidate(candidate) : connection.addIceCandidate());
    } catch (error) {
      // The end of candidates tells no user name; before there is an accepted offer it ends an ignored one's.
      if (candidate || !ignored.size) report("acted", { operation: "addIceCandidate", error: `${error.name}: ${error.message}` });
    }
  };

  connection.addEventListener("negotiationneeded", () => { needed = true; offer().catch(() => {}); });
  connection.addEventListener("icecandidate", ({ candidate }) => {
    if (other) send({ type: "candidate", candidate: candidate && candidateOf(candidate), to: other });
  });

  return new Promise((resolve, fail) => {
    const take = {
      joined({ peers }) {
        act("join", () => {});
        other = peers[0] ?? null;
        resolve();
        return offer();
      },
      "peer-joined"({ id }) { other ??= id; return offer(); },
      "peer-left"({ id }) { if (id === other) return act("peerLeft", () => {}); },
      description({ from, description }) { other ??= from; return takeDescription(description); },
      candidate({ candidate }) { return takeCandidate(candidate); },
      error({ name, message }) {
        report("log", { level: "warn", message: `signalling: ${name}: ${message}` });
        fail(new DOMException(`${name}: ${message}`, "OperationError"));
      },
    };
    // Each step has told about its own failure.
    server.onmessage = ({ data }) => { const said = JSON.parse(data); take[said.type]?.(said)?.catch?.(() => {}); };
    server.onopen = () => send({ type: "join", version: 1, room });
    server.onclose = ({ code }) => {
      act("signallingClosed", () => {});
      fail(new DOMException(`the signalling server closed the connection (${code})`, "NetworkError"));
    };
  });
}

// ------------------------------------------------------------------------------------------------------------- commands

const transceiver = (index) =>
  connection().getTransceivers()[index] ?? reject("NotFoundError", `there is no transceiver ${index}`);

async function configurationOf({ certificate, ...rest }) {
  if (!certificate) return rest;
  const algorithm = certificate === "ECDSA"
    ? { name: "ECDSA", namedCurve: "P-256" }
    : { name: certificate, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" };
  return { ...rest, certificates: [await RTCPeerConnection.generateCertificate(algorithm)] };
}

async function browserIdentity() {
  const brands = (await navigator.userAgentData?.getHighEntropyValues(["fullVersionList"]))?.fullVersionList ?? [];
  const chromium = brands.find(({ brand }) => brand === "Chromium");
  if (chromium) return { implementation: "chrome", version: chromium.version };
  const [, name, version] = navigator.userAgent.match(/(Firefox|Chrome|Version)\/([\d.]+)/) ?? [];
  return { implementation: { Version: "safari" }[name] ?? name?.toLowerCase() ?? "browser", version: version ?? "unknown" };
}

/** What every browser has: the API of the W3C and all that the protocol has a name for. */
const FEATURES = ["w3c-api", "data-channels", "audio", "video", "simulcast"];

const commands = {
  async hello() {
    return { protocol: PROTOCOL, ...(await browserIdentity()), commands: Object.keys(commands), features: FEATURES };
  },

  async createPeerConnection({ configuration, ice }) {
    if (ice?.lite) throw new Unsupported("a browser's ICE agent is a full one");
    if (ice?.tcp) throw new Unsupported("a browser decides itself whether it has TCP candidates");
    if (pc) reject("InvalidStateError", "there is a peer connection already");
    const ready = await configurationOf(configuration ?? {});
    pc = new RTCPeerConnection(ready);
    watchConnection(pc);
  },

  async setConfiguration({ configuration }) {
    need(connection(), "setConfiguration");
    pc.setConfiguration(await configurationOf(configuration));
  },

  async getUserMedia({ constraints }) {
    // Without a secure context there is no mediaDevices: then a page sees a TypeError.
    if (!navigator.mediaDevices) throw new TypeError("there is no navigator.mediaDevices: this is no secure context");
    return addLocal(await navigator.mediaDevices.getUserMedia(constraints));
  },

  createSource(args) {
    return args.kind === "video" ? videoSource(args) : toneSource(args);
  },

  async applyConstraints({ track, constraints }) {
    const local = localTrack(track).track;
    await local.applyConstraints(constraints);
    return local.getSettings();
  },

  addTrack({ track }) {
    const local = localTrack(track);
    const sender = connection().addTrack(local.track, local.stream);
    const { mid } = pc.getTransceivers().find((each) => each.sender === sender);
    return { mid };
  },

  removeTrack({ track }) {
    connection().removeTrack(senderOf(track));
  },

  async replaceTrack({ track, with: other }) {
    await senderOf(track).replaceTrack(other === undefined ? null : localTrack(other).track);
  },

  addTransceiver({ kind, direction, track, sendEncodings }) {
    const local = track === undefined ? null : localTrack(track);
    const init = present({ direction, sendEncodings, streams: local && [local.stream] });
    const added = connection().addTransceiver(local?.track ?? kind, init);
    return { transceiver: pc.getTransceivers().indexOf(added), mid: added.mid };
  },

  setDirection({ transceiver: index, direction }) {
    transceiver(index).direction = direction;
  },

  stopTransceiver({ transceiver: index }) {
    need(transceiver(index), "stop");
    transceiver(index).stop();
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
    return connection().getTransceivers().map(({ mid, direction, currentDirection, stopped, sender, receiver }) => ({
      mid,
      kind: receiver.track.kind,
      direction,
      currentDirection,
      stopped: stopped ?? direction === "stopped",
      sender: sender.track?.id ?? null,
      receiver: receiver.track.id,
    }));
  },

  createDataChannel({ label, ...options }) {
    const channel = connection().createDataChannel(label, options);
    watchChannel(channel);
    return channelInfo(channel);
  },

  async send({ channel: label, message, times = 1 }) {
    const channel = channelNamed(label);
    for (let round = 0; round < times; round++) {
      await drained(channel);
      channel.send(payload(message, round));
    }
  },

  echo({ channel: label, defect = "none" }) {
    if (!Object.hasOwn(defects, defect)) throw new TypeError(`there is no defect ${defect}`);
    const answersTo = defects[defect]();
    echoes.set(label, (channel, data) => {
      for (const answer of answersTo(data)) {
        try {
          channel.send(answer);
        } catch (error) {
          report("channelerror", { channel: label, error: `echo: ${error.message}` });
        }
      }
    });
  },

  closeDataChannel({ channel }) {
    channelNamed(channel).close();
  },

  getDataChannel({ channel: label }) {
    const channel = channelNamed(label);
    return { ...channelInfo(channel), readyState: channel.readyState, bufferedAmount: channel.bufferedAmount };
  },

  async createOffer({ iceRestart }) {
    lastCreated = descriptionOf(await untilClosed(connection().createOffer({ iceRestart: iceRestart ?? false })));
    return lastCreated;
  },

  async createAnswer() {
    lastCreated = descriptionOf(await untilClosed(connection().createAnswer()));
    return lastCreated;
  },

  async setLocalDescription({ description, asType }) {
    const wanted = asType ? { type: asType, sdp: lastCreated?.sdp ?? "" } : description;
    await negotiated(wanted ? connection().setLocalDescription(wanted) : connection().setLocalDescription());
    return descriptionOf(pc.localDescription);
  },

  async setRemoteDescription({ description }) {
    noteRemote(description.sdp);
    await negotiated(connection().setRemoteDescription(description));
  },

  async addIceCandidate({ candidate }) {
    if (candidate?.candidate) remoteCandidates.push(candidate.candidate);
    const added = candidate ? connection().addIceCandidate(candidate) : connection().addIceCandidate();
    await untilClosed(added);
  },

  restartIce() {
    need(connection(), "restartIce");
    pc.restartIce();
  },

  getState() {
    const [dtls] = dtlsTransports(connection());
    // A closed connection of Firefox throws where the standard has a value.
    const closed = pc.signalingState === "closed";
    return {
      signaling: pc.signalingState,
      iceGathering: pc.iceGatheringState,
      iceConnection: pc.iceConnectionState,
      connection: pc.connectionState,
      dtls: dtls?.state ?? null,
      ice: dtls?.iceTransport?.state ?? null,
      sctp: closed ? null : pc.sctp?.state ?? null,
      localDescription: closed ? null : descriptionOf(pc.localDescription),
      remoteDescription: closed ? null : descriptionOf(pc.remoteDescription),
      canTrickle: closed ? null : pc.canTrickleIceCandidates,
    };
  },

  async getStats() {
    return Object.fromEntries(await connection().getStats());
  },

  async watch({ track: id }) {
    const { track, receiver } = remoteTracks.get(id) ?? reject("NotFoundError", `there is no remote track ${id}`);
    await (track.kind === "video" ? watchVideo(track) : watchAudio(track, receiver));
  },

  join(args) {
    return joinRoom(connection(), args);
  },

  close() {
    connection().close();
    noteClosed();
  },
};

function senderOf(id) {
  return connection().getSenders().find(({ track }) => track?.id === id)
    ?? reject("NotFoundError", `no sender has the track ${id}`);
}

/** Called by the lobby before the frame goes. */
window.endPeer = () => {
  pc?.close();
  for (const { track, stop } of localTracks.values()) { stop(); track.stop(); }
};
