// What the arguments of each command have to be. Anything else is a TypeError, as where the API converts its arguments.

const text = (value) => typeof value === "string";
const flag = (value) => typeof value === "boolean";
const count = (value) => Number.isInteger(value) && value >= 0 && value <= 0xffffffff;
const object = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const texts = (value) => Array.isArray(value) && value.every(text);
const oneOf = (...values) => (value) => values.includes(value);
const optional = (check) => (value) => value == null || check(value);

const kind = oneOf("audio", "video");
const direction = oneOf("sendrecv", "sendonly", "recvonly", "inactive");
const type = oneOf("offer", "pranswer", "answer", "rollback");
const description = (value) => object(value) && type(value.type) && optional(text)(value.sdp);
const candidate = (value) => object(value) && optional(text)(value.candidate);
const message = (value) => object(value) && (text(value.text) || text(value.binary) || pattern(value.pattern));
const pattern = (value) => object(value) && count(value.size) && count(value.seed) && optional(flag)(value.text);

const policy = oneOf("all", "relay");
const configuration = (value) =>
  object(value) && optional(Array.isArray)(value.iceServers) && optional(policy)(value.iceTransportPolicy);

const channel = { channel: text };
const track = { track: text };
const transceiver = { transceiver: count };

const shapes = {
  createPeerConnection: { configuration: optional(configuration), ice: optional(object) },
  setConfiguration: { configuration },
  createOffer: { iceRestart: optional(flag) },
  setLocalDescription: { description: optional(description), asType: optional(type) },
  setRemoteDescription: { description },
  addIceCandidate: { candidate: optional(candidate) },
  createDataChannel: {
    label: text,
    ordered: optional(flag),
    maxRetransmits: optional(count),
    maxPacketLifeTime: optional(count),
    protocol: optional(text),
    negotiated: optional(flag),
    id: optional(count),
  },
  send: { ...channel, message, times: optional(count) },
  echo: { ...channel, defect: optional(text) },
  closeDataChannel: channel,
  getDataChannel: channel,
  getUserMedia: { constraints: object },
  createSource: {
    kind,
    width: optional(count),
    height: optional(count),
    frameRate: optional(count),
    toneHz: optional(count),
  },
  applyConstraints: { ...track, constraints: object },
  addTrack: track,
  removeTrack: track,
  replaceTrack: { ...track, with: optional(text) },
  addTransceiver: { kind, direction: optional(direction), track: optional(text) },
  setDirection: { ...transceiver, direction },
  stopTransceiver: transceiver,
  setCodecPreferences: { ...transceiver, mimeTypes: texts },
  watch: track,
};

/** Throws a TypeError unless the arguments are such as the command takes. */
export function checkArguments(command, args) {
  if (!object(args)) throw new TypeError(`${command}: the arguments are no object`);
  for (const [name, fits] of Object.entries(shapes[command] ?? {})) {
    if (!fits(args[name])) throw new TypeError(`${command}: ${name} cannot be ${JSON.stringify(args[name])}`);
  }
}
