// The line of an adapter: JSON lines on standard input and output, see docs/peer-protocol.md. Every adapter in JavaScript ends in
// `serve`, to which it gives its name and a function that makes a peer.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import process from "node:process";
import { checkArguments } from "./arguments.mjs";

const PROTOCOL = 2;

/** Milliseconds on this peer's own clock: monotonic, and finer than a millisecond. */
export const now = () => performance.timeOrigin + performance.now();

/** What cannot be done here, as opposed to what went wrong. */
export class Unsupported extends Error {}

/** @returns {never} */
export const unsupported = (reason) => { throw new Unsupported(reason); };

/** Rejects as the API would: with a `DOMException` of this name. @returns {never} */
export const reject = (name, message) => { throw new DOMException(message, name); };

/** Drops what is null or undefined: in the protocol the absent is left out. */
export const present = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value != null));

/**
 * A library, its version and its folder: what was installed in the folder that is the first argument of the program. The adapter
 * lies elsewhere, so that an import by name would not find it.
 */
export function library(name) {
  const home = process.argv[2];
  if (!home) {
    process.stderr.write("usage: node adapter.mjs HOME (the folder that has node_modules)\n");
    process.exit(2);
  }
  const folder = resolve(home, "node_modules", name);
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return { exports: createRequire(resolve(home, "adapter.mjs"))(name), version, folder };
}

/**
 * Serves one case after the other until standard input ends.
 *
 * `features` is what the implementation has, by the names of docs/peer-protocol.md, and `unreported` are the events that the library
 * does not let anybody know of.
 *
 * `createPeer(report)` makes the peer of a case: `{ commands, lacks, end }`. `commands` has a function for each command, which
 * takes the arguments and returns the result (or a promise of it); it throws `Unsupported`, or whatever the command is rejected
 * with. `lacks` says of other commands why the library has them not. `report(event, data, t)` reports an event; `end()` lets go
 * of all that the case had.
 */
export function serve({ implementation, version, features, unreported = [], createPeer }) {
  // Standard output carries the protocol and nothing else; what a library prints goes where the harness records it.
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = process.stderr.write.bind(process.stderr);
  const say = (message) => write(`${JSON.stringify(message, jsonSafe)}\n`);

  let current = newCase();

  function newCase() {
    let seq = 0;
    // A case reports nothing before it is greeted, since what comes then may be late from the one before, and nothing once it is being
    // ended. Once it is over, its late answers are nobody's either.
    let ending = null;
    let silent = true;
    let over = false;
    const report = (event, data, t = now()) => {
      if (!silent) say({ seq: seq++, t, event, ...(data === undefined ? {} : { data }) });
    };
    const peer = createPeer(report);
    const commands = {
      hello: () => {
        silent = false;
        return { protocol: PROTOCOL, implementation, version, commands: Object.keys(commands), features, unreported };
      },
      ...peer.commands,
      end: () => {
        silent = true;
        ending = peer.end();
        return ending;
      },
    };
    const finish = () => {
      over = true;
      current = newCase();
    };
    return { commands, lacks: peer.lacks, report, ended: () => ending, isOver: () => over, finish };
  }

  async function take(line) {
    const { id, command, args } = parse(line);
    // What comes while a case ends is for the next one, which begins when that is done.
    await current.ended();
    const served = current;
    const answer = await perform(served, command, args ?? {});
    if (served.isOver()) return;
    say({ id, t: now(), answer });
    if (command === "end") served.finish();
  }

  // A fault that nobody waited for must not take the process with it: the case may be about just that.
  const note = (error) => {
    process.stderr.write(`${error?.stack ?? error}\n`);
    current.report("log", { level: "error", message: `uncaught: ${error?.message ?? error}` });
  };
  process.on("uncaughtException", note);
  process.on("unhandledRejection", note);
  process.on("SIGTERM", () => process.exit(0));
  readLines(take);
}

async function perform({ commands, lacks }, command, args) {
  const run = Object.hasOwn(commands, command) ? commands[command] : undefined;
  if (!run) {
    const reason = Object.hasOwn(lacks, command) ? lacks[command] : `unknown command ${command}`;
    return { unsupported: { reason } };
  }
  try {
    checkArguments(command, args);
    return { ok: (await run(args)) ?? null };
  } catch (error) {
    if (error instanceof Unsupported) return { unsupported: { reason: error.message } };
    return { rejected: { name: nameOf(error), message: String(error?.message ?? error) } };
  }
}

/** The name of what an operation was rejected with. A library's error without a name of the standard's is an `OperationError`. */
function nameOf(error) {
  if (error instanceof DOMException) return error.name;
  if (error instanceof TypeError || error instanceof RangeError) return error.constructor.name;
  return /^[A-Z]\w+Error$/.test(error?.name ?? "") ? error.name : "OperationError";
}

/** Numbers beyond 2⁵³ come as bigint, which JSON does not know. */
const jsonSafe = (_, value) => (typeof value === "bigint" ? Number(value) : value);

function parse(line) {
  let message;
  try {
    message = JSON.parse(line);
  } catch {
    message = null;
  }
  if (typeof message?.command === "string" && Number.isInteger(message.id)) return message;
  process.stderr.write(`not a command: ${line.slice(0, 200)}\n`);
  process.exit(2);
}

/**
 * Calls `take` with each line, and not with the next before what it did at once is done. Lines end at line feeds alone: JSON may
 * hold the other separators of Unicode as they are.
 */
function readLines(take) {
  const lines = [];
  const next = () => {
    if (!lines.length) return;
    take(lines.shift());
    setImmediate(next);
  };
  let pieces = [];
  process.stdin.on("data", (chunk) => {
    const idle = !lines.length;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a)) {
      lines.push(Buffer.concat([...pieces, chunk.subarray(0, end)]).toString("utf8"));
      pieces = [];
      chunk = chunk.subarray(end + 1);
    }
    if (chunk.length) pieces.push(chunk);
    if (idle) next();
  });
  process.stdin.on("end", () => process.exit(0));
}
