// What all scripts of a page share: making elements, times in words, and events between views. All text of captures and peers
// becomes a text node; nothing is parsed as HTML.
"use strict";
const P = { views: [], range: null, chosen: null };
{
  // Errors are kept in an attribute of the root element, where tests find them.
  const wrong = (text) => (document.documentElement.dataset.errors = `${document.documentElement.dataset.errors ?? ""}${text}\n`);
  addEventListener("error", (event) => wrong(event.message));
  addEventListener("unhandledrejection", (event) => wrong(String(event.reason)));
  document.addEventListener("securitypolicyviolation", (event) => wrong(`policy: ${event.violatedDirective} ${event.blockedURI}`));

  const SVG = "http://www.w3.org/2000/svg";
  const listeners = new Map();

  // The characters that `escape::lines` replaces: they hide, or turn the order of what stands around them.
  const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\u{e0000}-\u{e007f}]/gu;
  const lines = (text) => String(text).replace(HIDDEN, "\ufffd");

  const fill = (element, props, children) => {
    for (const [name, value] of Object.entries(props)) {
      if (value === undefined || value === null || value === false) continue;
      if (name === "on") for (const [event, call] of Object.entries(value)) element.addEventListener(event, call);
      else if (name === "style") for (const [key, it] of Object.entries(value)) element.style.setProperty(key, it);
      else element.setAttribute(name, value === true ? "" : name === "title" || name === "aria-label" ? lines(value) : value);
    }
    for (const child of children.flat(Infinity)) {
      if (child !== undefined && child !== null && child !== false) element.append(child instanceof Node ? child : lines(child));
    }
    return element;
  };

  /** An element with attributes, listeners (`on`), styles (`style`) and children; anything but a node becomes text. */
  P.el = (tag, props = {}, ...children) => fill(document.createElement(tag), props, children);
  /** The same in SVG. */
  P.svg = (tag, props = {}, ...children) => fill(document.createElementNS(SVG, tag), props, children);
  P.by = (id) => document.getElementById(id);
  P.chip = (kind, text = kind) => P.el("span", { class: `chip ${kind}` }, text);

  /** Calls a function whenever an event of that name fires. */
  P.listen = (name, call) => listeners.set(name, [...(listeners.get(name) ?? []), call]);
  P.fire = (name, what) => (listeners.get(name) ?? []).forEach((call) => call(what));
  /** Announces something to screen readers. */
  P.say = (text) => (P.by("live").textContent = lines(text));

  /** `0.173 s`: microseconds as a place on the axis. */
  P.time = (us, digits = 3) => {
    const value = us / 1e6;
    return `${(Math.abs(value) < 0.5 / 10 ** digits ? 0 : value).toFixed(digits)} s`;
  };
  /** `2026-11-29 11:27:24.500 UTC`: microseconds since 1970. */
  P.clock = (us) => new Date(us / 1e3).toISOString().replace("T", " ").replace("Z", " UTC");
  /** `12 ms`: a duration. */
  P.span = (us) => {
    const abs = Math.abs(us);
    if (abs < 1e3) return `${Math.round(us)} µs`;
    if (abs < 1e6) return `${+(us / 1e3).toPrecision(3)} ms`;
    if (abs < 6e7) return `${+(us / 1e6).toPrecision(3)} s`;
    return `${Math.floor(us / 6e7)} min ${Math.round((us % 6e7) / 1e6)} s`;
  };
  P.bytes = (n) => (n < 1024 ? `${n} B` : n < 1 << 20 ? `${(n / 1024).toFixed(1)} KB` : `${(n / 1048576).toFixed(1)} MB`);
  P.count = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

  /** The document that a source such as `RFC 8445 §7.2.2` names, or nothing. */
  P.rfc = (source) => {
    const rfc = /^RFC\s*(\d{3,5})(?:.*?§\s*([0-9A-Z][0-9.]*))?/.exec(source);
    if (rfc) return `https://www.rfc-editor.org/rfc/rfc${rfc[1]}${rfc[2] ? `#section-${rfc[2].replace(/\.$/, "")}` : ""}`;
    if (/^webrtc-pc/i.test(source)) return "https://www.w3.org/TR/webrtc/";
    if (/^webrtc-stats/i.test(source)) return "https://www.w3.org/TR/webrtc-stats/";
    return null;
  };
  /** A source with a link for each document that is known. Only these addresses are ever links out of the page. */
  P.source = (source) => source.split("; ").flatMap((part, n) => {
    const href = P.rfc(part);
    return [n ? "; " : "", href ? P.el("a", { href, rel: "noreferrer noopener", target: "_blank" }, part) : part];
  });

  // A section of a document as sentences write it, or the address of a document on the hosts that publish them.
  const CITED = /(?:RFC\s?\d{3,5}(?:\s§\s?[0-9A-Z]+(?:\.[0-9]+)*)?|webrtc-(?:pc|stats)\b|https:\/\/(?:www\.rfc-editor\.org|www\.w3\.org)\/[\w.\/#%-]*[\w\/#-])/g;
  /** A text in which documents are links; whatever else looks like an address stays text. */
  P.linked = (text) => {
    const parts = [];
    let from = 0;
    for (const { 0: cited, index } of text.matchAll(CITED)) {
      const href = cited.startsWith("https:") ? cited : P.rfc(cited);
      parts.push(text.slice(from, index), P.el("a", { href, rel: "noreferrer noopener", target: "_blank" }, cited));
      from = index + cited.length;
    }
    return [...parts, text.slice(from)].filter((it) => it !== "");
  };

  const LAYERS = { sdp: "SDP", dtls: "DTLS", srtp: "SRTP", sctp: "SCTP" };
  /** A layer by its name for people. */
  P.layer = (name) => LAYERS[name] ?? (name ?? "").replaceAll("-", " ");

  /** A text in which what stands between backticks is code. */
  P.code = (text) => text.split("`").map((part, n) => (n % 2 ? P.el("code", {}, part) : part));

  /** A line on paper only: what is not printed. */
  P.cut = (n, one, many = `${one}s`) => P.el("p", { class: "cut soft" }, `${P.count(n, one, many)} more ${n === 1 ? "is" : "are"} not printed: on the screen, choose or show them first.`);

  /** A link to a frame of the page `base`, this one if that is empty. */
  P.frame = (number, text = `frame ${number}`, base = "") => P.el("a", { class: "place", href: `${base}#frame-${number}` }, text);
  /** A link to a place of evidence; only its name if `base` is null, since there is no page. */
  P.place = (place, base = "") => {
    const link = (to, text) => (base === null ? text : P.el("a", { href: `${base}#${to}` }, text));
    if (place.sdp !== undefined) {
      const by = P.body?.descriptions.find((it) => it.entry === place.sdp)?.by;
      return link(`sdp-${place.sdp}-line-${place.line}`, `line ${place.line} of the description ${by ? `of ${by}` : place.sdp + 1}`);
    }
    if (place.frame !== undefined) return link(`frame-${place.frame}`, `frame ${place.frame}`);
    if (place.entry !== undefined) return link(`entry-${place.entry}`, `entry ${place.entry}`);
    if (place.line) {
      const { entry, line } = place.line;
      return link(`entry-${entry}-line-${line}`, `line ${line} of the description in entry ${entry}`);
    }
    if (place.file) return `${place.file.path} line ${place.file.line}`;
    return "";
  };
  P.places = (places, base = "") => (places ?? []).slice(0, 12).flatMap((place, n) => (n ? [", ", P.place(place, base)] : [P.place(place, base)]));

  /** The JSON that a script element holds, compressed with gzip and in Base64. */
  P.unpack = async (script) => {
    if (typeof DecompressionStream === "undefined") throw new Error("this browser has no DecompressionStream; Chrome 80, Firefox 113 and Safari 16.4 have");
    const letters = atob(script.textContent);
    const bytes = new Uint8Array(letters.length);
    for (let n = 0; n < letters.length; n += 1) bytes[n] = letters.charCodeAt(n);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  };

  /** The parts of the URL's fragment between `&`, each decoded; one that is malformed stays as it is. */
  P.fragment = () => location.hash.slice(1).split("&").filter(Boolean).map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  /** Puts another fragment into the URL, without an entry in the history. An empty one goes with its `#`. */
  P.setFragment = (text) => history.replaceState(null, "", text ? `#${text}` : location.pathname.split("/").pop() + location.search);

  /** Whether a time is within what is zoomed to. */
  P.within = (us) => !P.range || (us >= P.range[0] && us <= P.range[1]);
}
