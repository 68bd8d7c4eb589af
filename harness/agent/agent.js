// Makes the browser that opens this page a peer (docs/peer-protocol.md). README.md maps the modules.

import { channelCommands } from "./channels.js";
import { Connection, connectionCommands } from "./connection.js";
import { joinCommands } from "./join.js";
import { Line } from "./line.js";
import { mediaCommands } from "./media.js";

/** @import { Commands } from "./line.js" */

/** The version of the peer protocol. */
const PROTOCOL = 2;
/** What every browser has: the API of the W3C and what the protocol has a name for. */
const FEATURES = ["w3c-api", "data-channels", "audio", "video", "simulcast"];
/**
 * What only these have.
 * @type {Record<string, string[]>}
 */
const MORE_FEATURES = { chrome: ["dtls-1.3"], firefox: ["dtls-1.3"] };

/** Whether this browser has H.264, which in Firefox is a plug-in and in some builds of Chromium is left out. */
function hasH264() {
  return (RTCRtpReceiver.getCapabilities?.("video")?.codecs ?? []).some(({ mimeType }) => /^video\/h264$/i.test(mimeType));
}

/** Which browser this is, and in which version. */
async function browserIdentity() {
  const { userAgent, userAgentData } = /** @type {any} */ (navigator);
  const brands = (await userAgentData?.getHighEntropyValues(["fullVersionList"]))?.fullVersionList ?? [];
  const chromium = brands.find(({ brand }) => brand === "Chromium");
  if (chromium) return { implementation: "chrome", version: chromium.version };
  const [, name, version] = userAgent.match(/(Firefox|Chrome|Version)\/([\d.]+)/) ?? [];
  return { implementation: { Version: "safari" }[name] ?? name?.toLowerCase() ?? "browser", version: version ?? "unknown" };
}

/**
 * All commands.
 * @param {Connection} connection
 * @returns {Commands}
 */
function allCommands(connection) {
  /** @type {Commands} */
  const commands = {
    async hello() {
      const identity = await browserIdentity();
      const features = [...FEATURES, ...(MORE_FEATURES[identity.implementation] ?? []), ...(hasH264() ? ["h264"] : [])];
      return { protocol: PROTOCOL, ...identity, commands: Object.keys(commands), features };
    },
    ...connectionCommands(connection),
    ...mediaCommands(connection),
    ...channelCommands(connection),
    ...joinCommands(connection),
  };
  return commands;
}

const scheme = location.protocol === "https:" ? "wss" : "ws";
const token = new URLSearchParams(location.search).get("token");
const line = new Line(`${scheme}://${location.host}/ws?token=${token}`);
const connection = new Connection(line.report);

addEventListener("error", ({ message }) => line.report("log", { level: "error", message: String(message) }));
addEventListener("unhandledrejection", ({ reason }) =>
  line.report("log", { level: "error", message: `unhandled rejection: ${reason}` }));

line.serve(allCommands(connection));

// The lobby calls it before the frame goes.
Object.assign(window, { endPeer: () => connection.end() });
