"""The line of an adapter: JSON lines on standard input and output, see docs/peer-protocol.md.

An adapter in Python with asyncio ends in `serve`, to which it gives a function that creates the peer of a case. A peer has
`commands`, the methods that carry commands out, by their names; the parameters of a method are the arguments of its command.
"""

import asyncio
import contextlib
import inspect
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, Protocol, TextIO

# A connection that takes longer to close when a case ends is not waited for: the next case gets a new process.
END_SECONDS = 5

# What an argument must be, by its name: no name means two things in the protocol.
ARGUMENTS: dict[str, type | tuple[type, ...]] = {
    "asType": str, "candidate": dict, "channel": str, "configuration": dict, "constraints": dict, "defect": str,
    "description": dict, "direction": str, "frameRate": (int, float), "height": int, "ice": dict, "iceRestart": bool, "id": int,
    "kind": str, "label": str, "maxPacketLifeTime": int, "maxRetransmits": int, "message": dict, "mimeTypes": list,
    "negotiated": bool, "ordered": bool, "protocol": str, "sendEncodings": list, "times": int, "toneHz": (int, float), "track": str, "transceiver": int,
    "width": int, "with": str,
}  # fmt: skip

# Reports an event: its name, its data, and when it happened in milliseconds of `now`, if that is not now.
Report = Callable[..., None]


class Rejected(Exception):
    """Rejected as the API rejects it: with the name of a `DOMException`, or with `TypeError` or `RangeError`."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class Unsupported(Exception):
    """What the implementation cannot do, as opposed to what went wrong."""


class Peer(Protocol):
    """The peer of one case."""

    commands: Mapping[str, Callable[..., Any]]

    async def end(self) -> None:
        """Ends all that runs, so that nothing of the case is left."""


def now() -> float:
    """Milliseconds on this peer's own clock, which never goes back."""
    return time.monotonic_ns() / 1e6


def give_up(why: str, status: int) -> NoReturn:
    """Complains and ends the process at once, whatever is under way."""
    print(why, file=sys.stderr, flush=True)
    os._exit(status)


class Adapter:
    """What an adapter brings: how to create a peer, and how its library fails."""

    def __init__(
        self,
        create_peer: Callable[[Report], Peer],
        lacks: Mapping[str, str],
        rejection: Callable[[Exception], tuple[str, str]],
        started: Callable[[Report], None] = lambda report: None,
        closing_seconds: float = 0,
    ) -> None:
        """
        `lacks` says of commands why the implementation does not have them. `rejection` returns the name and the message for an
        exception of the library. `started` is called once in the event loop, with a function that reports an event of the case
        that is served then. When standard input ends, the last peer may take `closing_seconds` to end.
        """
        self.create_peer = create_peer
        self.lacks = lacks
        self.rejection = rejection
        self.started = started
        self.closing_seconds = closing_seconds


class Case:
    """What belongs to one case: its peer, the commands that are under way, and the number of the next event."""

    def __init__(self, adapter: Adapter, out: TextIO) -> None:
        self._adapter = adapter
        self._out = out
        self._next_seq = 0
        self._ended = False
        self._under_way: set[asyncio.Task[None]] = set()
        self.peer = adapter.create_peer(self.report)

    def report(self, event: str, data: dict[str, Any] | None = None, t: float | None = None) -> None:
        """Reports an event."""
        if self._ended:
            return
        message: dict[str, Any] = {"seq": self._next_seq, "t": now() if t is None else t, "event": event}
        if data is not None:
            message["data"] = data
        self._next_seq += 1
        self._write(message)

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
        answer = await self._perform(command, args)
        self._write({"id": number, "t": now(), "answer": answer})

    async def _perform(self, command: str, args: dict[str, Any]) -> dict[str, Any]:
        """Carries a command out. Returns the answer, whatever happens."""
        run = self.peer.commands.get(command)
        if run is None:
            return {"unsupported": {"reason": self._adapter.lacks.get(command, f"unknown command {command}")}}
        try:
            result = run(**checked(run, args))
            return {"ok": await result if inspect.isawaitable(result) else result}
        except Unsupported as reason:
            return {"unsupported": {"reason": str(reason)}}
        except Rejected as error:
            return {"rejected": {"name": error.name, "message": str(error)}}
        except Exception as error:  # whatever the library throws is its answer
            name, message = self._adapter.rejection(error)
            return {"rejected": {"name": name, "message": message}}

    def _write(self, message: dict[str, Any]) -> None:
        self._out.write(json.dumps(message, separators=(",", ":")) + "\n")
        self._out.flush()


def checked(run: Callable[..., Any], args: dict[str, Any]) -> dict[str, Any]:
    """The arguments without those that are null, which is the same as absent. Refuses what is malformed."""
    args = {name: value for name, value in args.items() if value is not None}
    for name, value in args.items():
        wanted = ARGUMENTS.get(name)
        # In Python a bool is an int.
        if wanted is None or not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            raise Rejected("TypeError", f"{name} cannot be {value!r}")
    # `with` is a word of Python.
    args = {"other" if name == "with" else name: value for name, value in args.items()}
    try:
        inspect.signature(run).bind(**args)
    except TypeError as error:
        raise Rejected("TypeError", str(error)) from error
    return args


def parse(line: bytes) -> tuple[int, str, dict[str, Any]]:
    """The number, name and arguments of a command. What is no command ends this process."""
    try:
        message = json.loads(line)
        number, command, args = message["id"], message["command"], message.get("args")
    except (ValueError, KeyError, TypeError, AttributeError):
        give_up(f"this is no command: {line[:200]!r}", status=2)
    if not isinstance(number, int) or not isinstance(command, str) or not isinstance(args, dict | None):
        give_up(f"this is no command: {line[:200]!r}", status=2)
    return number, command, args or {}


def describe(fault: dict[str, Any]) -> str:
    """What the event loop says of an exception that nobody caught."""
    error = fault.get("exception")
    return f"{fault.get('message')}: {error!r}" if error else str(fault.get("message"))


async def carry_out_all(adapter: Adapter, out: TextIO) -> NoReturn:
    """Carries out commands, case after case, until standard input ends."""
    loop = asyncio.get_running_loop()
    case = Case(adapter, out)
    adapter.started(lambda event, data=None, t=None: case.report(event, data, t))
    # What tasks of the library or the adapter throw is nobody's answer, but should be known.
    loop.set_exception_handler(lambda _, fault: case.report("log", {"level": "error", "message": describe(fault)}))

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
            case = Case(adapter, out)
        else:
            case.begin(number, command, args)
            # Lets it begin before the next one is looked at.
            await asyncio.sleep(0)
    if adapter.closing_seconds:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(case.peer.end(), adapter.closing_seconds)
    # Nothing may hold this up: no thread of an encoder or one that waits, no connection that is being closed.
    os._exit(0)


def serve(adapter: Adapter) -> None:
    """Takes standard output for the protocol alone, and serves."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    # Whoever else prints, prints to standard error.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    asyncio.run(carry_out_all(adapter, out))
