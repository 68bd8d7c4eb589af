"""Makes Janus a peer: speaks the peer protocol (docs/peer-protocol.md) as JSON lines on standard input and output.

This file reads commands, answers them and writes events down. What they do stands in peer.py, how Janus is run in
gateway.py, how it is configured for a connection in settings.py.
"""

import asyncio
import contextlib
import inspect
import json
import os
import signal
import sys
import threading
import time
from typing import Any, TextIO

from errors import Rejected, Unsupported
from gateway import GatewayError
from peer import UNSUPPORTED, Peer

# What an argument must be, by its name.
ARGUMENTS = {"asType": str, "candidate": dict, "configuration": dict, "description": dict, "ice": dict}
END_SECONDS = 5


def now() -> float:
    """Milliseconds on the system's monotonic clock, which Janus uses too."""
    return time.monotonic_ns() / 1e6


class Case:
    """What belongs to one case: its peer, the commands that are under way, and the number of the next event."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._next_seq = 0
        self._ended = False
        self._under_way: set[asyncio.Task[None]] = set()
        self.peer = Peer(self.report, lambda why: give_up(why, status=1))

    def report(self, event: str, data: dict[str, Any] | None = None, t: float | None = None) -> None:
        """Writes an event down. `t` is when it happened, if that is not now."""
        if self._ended:
            return
        said: dict[str, Any] = {"seq": self._next_seq, "t": now() if t is None else t, "event": event}
        if data is not None:
            said["data"] = data
        self._next_seq += 1
        self._write(said)

    def begin(self, number: int, command: str, args: dict[str, Any]) -> None:
        """Begins a command; it is answered when it is done, while others may be under way."""
        task = asyncio.create_task(self._carry_out(number, command, args))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def end(self, number: int) -> None:
        """Forgets everything of the case, so that the next one begins as in a new process."""
        closing = asyncio.create_task(self.peer.end())
        _, late = await asyncio.wait({closing, *self._under_way}, timeout=END_SECONDS)
        if late:
            give_up("the case could not be ended", status=1)
        self._write({"id": number, "t": now(), "answer": {"ok": None}})
        self._ended = True

    async def _carry_out(self, number: int, command: str, args: dict[str, Any]) -> None:
        answer = await perform(self.peer, command, args)
        self._write({"id": number, "t": now(), "answer": answer})

    def _write(self, said: dict[str, Any]) -> None:
        self._out.write(json.dumps(said, separators=(",", ":")) + "\n")
        self._out.flush()


async def perform(peer: Peer, command: str, args: dict[str, Any]) -> dict[str, Any]:
    """Carries a command out. Returns the answer, whatever happens."""
    run = peer.commands.get(command)
    if run is None:
        return {"unsupported": {"reason": UNSUPPORTED.get(command, f"unknown command {command}")}}
    args = {name: value for name, value in args.items() if value is not None}
    try:
        for name, value in args.items():
            if not isinstance(value, ARGUMENTS.get(name, ())):
                raise Rejected("TypeError", f"{name} cannot be {value!r}")
        try:
            inspect.signature(run).bind(**args)
        except TypeError as error:
            raise Rejected("TypeError", str(error)) from error
        return {"ok": await run(**args)}
    except Unsupported as reason:
        return {"unsupported": {"reason": str(reason)}}
    except Rejected as error:
        return {"rejected": {"name": error.name, "message": str(error)}}
    except (GatewayError, OSError, TimeoutError) as error:
        return {"rejected": {"name": "OperationError", "message": str(error) or repr(error)}}
    except Exception as error:
        return {"rejected": {"name": "OperationError", "message": repr(error)}}


def parse(line: bytes) -> tuple[int, str, dict[str, Any]]:
    """The number, name and arguments of a command. What is no command ends this process."""
    try:
        said = json.loads(line)
        number, command, args = said["id"], said["command"], said.get("args")
    except (ValueError, KeyError, TypeError, AttributeError):
        give_up(f"this is no command: {line[:200]!r}", status=2)
    if not isinstance(number, int) or not isinstance(command, str) or not isinstance(args, dict | None):
        give_up(f"this is no command: {line[:200]!r}", status=2)
    return number, command, args or {}


def give_up(why: str, status: int) -> None:
    """Complains and ends the process at once; the kernel then ends Janus."""
    print(why, file=sys.stderr, flush=True)
    os._exit(status)


async def serve(out: TextIO) -> None:
    """Carries out commands, case after case, until standard input ends."""
    loop = asyncio.get_running_loop()
    case = Case(out)
    loop.add_signal_handler(signal.SIGTERM, lambda: give_up("told to end", status=143))
    # What a task of the adapter throws is nobody's answer, but should be known.
    loop.set_exception_handler(lambda _, fault: case.report("log", {"level": "error", "message": str(fault)}))

    # A thread reads, since standard input may be a pipe, a file or a terminal; None is its end.
    lines: asyncio.Queue[bytes | None] = asyncio.Queue()

    def read() -> None:
        for line in sys.stdin.buffer:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=read, daemon=True).start()
    while (line := await lines.get()) is not None:
        number, command, args = parse(line)
        if command == "end":
            await case.end(number)
            case = Case(out)
        else:
            case.begin(number, command, args)
            # Lets it begin before the next one is looked at.
            await asyncio.sleep(0)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(case.peer.end(), END_SECONDS)
    # Nothing may hold this up, such as a thread that waits for an event of Janus.
    os._exit(0)


def main() -> None:
    """Takes standard output for the protocol alone, and serves."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    # Whoever else prints, prints to standard error.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    asyncio.run(serve(out))


if __name__ == "__main__":
    main()
