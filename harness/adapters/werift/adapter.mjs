// The adapter of werift, WebRTC in TypeScript alone: `node adapter.mjs HOME`. werift has the objects of the W3C, so that most is in
// ../javascript; here is what it does in its own way. It passes RTP through and has no codecs.

import { library, present, reject, serve, unsupported } from "../javascript/line.mjs";
import { Peer } from "../javascript/connection.mjs";

const { exports: werift, version } = library("werift");

const NO_CODECS = "werift passes RTP through, it has no encoders and decoders";

/** Commands that there is nothing for in werift. */
const lacks = {
  getUserMedia: "werift has no getUserMedia for devices",
  createSource: NO_CODECS,
  applyConstraints: NO_CODECS,
  addTrack: NO_CODECS,
  removeTrack: NO_CODECS,
  replaceTrack: NO_CODECS,
  watch: NO_CODECS,
  setCodecPreferences: "werift has no RTCRtpTransceiver.setCodecPreferences",
  join: "this adapter does not act alone",
};

/** The certificate that the configuration asks for. */
function certificateOf(algorithm) {
  const signature = { ECDSA: "ecdsa_3", "RSASSA-PKCS1-v1_5": "rsa_1" }[algorithm];
  if (!signature) reject("NotSupportedError", `there are no certificates with ${algorithm}`);
  const how = { signature: werift.SignatureAlgorithm[signature], hash: werift.HashAlgorithm.sha256_4 };
  return werift.createSelfSignedCertificate(how, werift.NamedCurveAlgorithm.secp256r1_23);
}

class WeriftPeer extends Peer {
  errorNames = [
    [/cannot be changed/, "InvalidModificationError"],
    [/^(createAnswer failed|wrong state)/, "InvalidStateError"],
    [/^(ID must be in range|max-message-size exceeded)/, "TypeError"],
  ];
  /** What is known of the association: werift's own states are not those of RTCSctpTransport. */
  sctpState = null;

  async configurationOf({ certificate, iceServers, iceCandidatePoolSize, ...rest }) {
    if (iceCandidatePoolSize) unsupported("werift gathers no candidates ahead: it refuses iceCandidatePoolSize");
    // Without servers of ours werift would ask one in the internet.
    const configuration = { ...rest, iceServers: iceServers ?? [] };
    if (!certificate) return configuration;
    const { keyPem, certPem, signatureHash } = await certificateOf(certificate);
    return { ...configuration, certificates: [new werift.RTCCertificate(keyPem, certPem, signatureHash)] };
  }

  async newConnection(configuration, { lite, tcp }) {
    const agent = present({ iceLite: lite || null, iceUseTcp: tcp || null });
    return new werift.RTCPeerConnection({ ...(await this.configurationOf(configuration)), ...agent });
  }

  /** A track that came without an msid has no `id`. */
  trackId(track) {
    return track.id ?? track.uuid;
  }

  /** `closing` is a handler alone, no event. */
  channel(channel) {
    channel.onclosing ??= () => channel.emit("closing");
    return channel;
  }

  /** There is no `unmute` event, but `muted` goes with the first packet. */
  watchTrack(track) {
    if (!this.unwatched(track)) return;
    const id = this.trackId(track);
    track.addEventListener("ended", () => this.report("trackended", { id }));
    track.onReceiveRtp.once(() => this.report("trackunmute", { id }));
  }

  dtlsTransports() {
    const first = this.pc.sctp?.dtlsTransport;
    return [...new Set([...(first ? [first] : []), ...this.pc.dtlsTransports])];
  }

  watchTransports() {
    if (!this.pc) return;
    for (const dtls of this.dtlsTransports()) {
      if (this.unwatched(dtls)) this.watchState(dtls, "dtlsstatechange", "new", () => this.tellKeys(dtls));
      const ice = dtls.iceTransport;
      if (this.unwatched(ice)) {
        this.watchState(ice, "icetransportstatechange", "new", () => this.reportPairOf(ice));
      }
    }
    // The association is made anew when bundling moves it to another transport.
    const association = this.pc.sctp?.sctp;
    if (!this.unwatched(association)) return;
    this.sctpState = "connecting";
    for (const state of ["connected", "closed"]) {
      association.stateChanged[state].subscribe(() => {
        if (this.sctpState === state) return;
        this.sctpState = state;
        this.report("sctpstatechange", { state });
      });
    }
  }

  reportPairOf(ice) {
    if (!["connected", "completed"].includes(ice.state)) return;
    const pair = ice.getSelectedCandidatePair();
    const line = ({ candidate }) => (candidate.startsWith("candidate:") ? candidate : `candidate:${candidate}`);
    if (pair) this.reportPair(line(pair.local), line(pair.remote));
  }

  /** The secrets of the handshake are in its objects, once it is done. */
  tellKeys({ state, dtls }) {
    if (state !== "connected") return;
    const { masterSecret, localRandom, remoteRandom } = dtls.cipher;
    const clientRandom = dtls instanceof werift.DtlsClient ? localRandom : remoteRandom;
    const hex = (bytes) => bytes.toString("hex");
    this.report("keylog", { line: `CLIENT_RANDOM ${hex(clientRandom.serialize())} ${hex(masterSecret)}` });
  }

  state() {
    return { ...super.state(), sctp: this.pc?.signalingState === "closed" ? null : this.sctpState };
  }

  commands() {
    return {
      ...super.commands(),
      setConfiguration: async ({ configuration }) => {
        this.connection().setConfiguration(await this.configurationOf(configuration));
      },
      restartIce: () => this.connection().restartIce(),
    };
  }
}

serve({
  implementation: "werift",
  version,
  // Its README leaves "API compatible with browser RTCPeerConnection" unticked.
  features: ["data-channels"],
  // It has an onicecandidateerror, which nothing calls, and a track is muted until its first packet, never again.
  unreported: ["icecandidateerror", "trackmute", "mediaseen"],
  createPeer(report) {
    const peer = new WeriftPeer(report);
    return { commands: peer.allCommands(), lacks, end: () => peer.end() };
  },
});
