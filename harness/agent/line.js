// The line to the harness: commands and their answers, and events, as JSON over a WebSocket (docs/peer-protocol.md).

/**
 * Reports an event. `t` is when it happened, in milliseconds of this peer's clock, if that is not now.
 * @typedef {(event: string, data?: object, t?: number) => void} Report
 */

/**
 * Commands by name. Each takes its arguments and returns its result or a promise of it. It throws {@link Unsupported}, or the error that
 * the command is rejected with.
 * @typedef {Record<string, (args: any) => any>} Commands
 */

/** @typedef {{ ok: any } | { rejected: { name: string, message: string } } | { unsupported: { reason: string } }} Answer */

/** The browser cannot do it, as opposed to what went wrong. */
export class Unsupported extends Error {}

/**
 * Milliseconds on this peer's own clock.
 * @returns {number}
 */
export const now = () => performance.timeOrigin + performance.now();

/**
 * Throws a `DOMException` of this name, as the API would.
 * @param {string} name
 * @param {string} message
 * @returns {never}
 */
export function reject(name, message) {
  throw new DOMException(message, name);
}

/**
 * Throws {@link Unsupported} if an object of the browser's API lacks this method.
 * @param {any} object
 * @param {string} method
 * @returns {void}
 */
export function need(object, method) {
  if (typeof object?.[method] !== "function") throw new Unsupported(`this browser has no ${method}`);
}

/**
 * The object without members that are null or undefined: the protocol leaves them out.
 * @param {object} object
 * @returns {Record<string, any>}
 */
export function present(object) {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value != null));
}

/** The WebSocket to the harness. Events that are reported before it is open are sent when it is. */
export class Line {
  #socket;
  #nextSeq = 0;
  /** @type {string[] | null} */
  #unsent = [];

  /** @param {string} url of the WebSocket */
  constructor(url) {
    this.#socket = new WebSocket(url);
    this.#socket.onopen = () => {
      for (const text of this.#unsent ?? []) this.#socket.send(text);
      this.#unsent = null;
    };
  }

  /** @type {Report} */
  report = (event, data, t = now()) => {
    this.#send({ seq: this.#nextSeq++, t, event, ...(data === undefined ? {} : { data }) });
  };

  /**
   * Answers every command that comes. Commands may overlap.
   * @param {Commands} commands
   * @returns {void}
   */
  serve(commands) {
    this.#socket.onmessage = async ({ data }) => {
      const { id, command, args } = JSON.parse(data);
      const answer = await perform(commands, command, args ?? {});
      this.#send({ id, t: now(), answer });
    };
  }

  /** @param {object} message */
  #send(message) {
    const text = JSON.stringify(message);
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(text);
    else this.#unsent?.push(text);
  }
}

/**
 * @param {Commands} commands
 * @param {string} command
 * @param {object} args
 * @returns {Promise<Answer>}
 */
async function perform(commands, command, args) {
  if (!Object.hasOwn(commands, command)) return { unsupported: { reason: `unknown command ${command}` } };
  try {
    return { ok: (await commands[command](args)) ?? null };
  } catch (error) {
    if (error instanceof Unsupported) return { unsupported: { reason: error.message } };
    const detail = error?.constraint ? ` (constraint: ${error.constraint})` : "";
    return { rejected: { name: error?.name ?? "Error", message: `${error?.message ?? error}${detail}` } };
  }
}
