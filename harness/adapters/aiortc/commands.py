"""What a command is: a marked method, whose parameters are its arguments; and how one can fail."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError

Run = TypeVar("Run", bound=Callable[..., Any])

# Commands that aiortc has nothing for.
UNSUPPORTED = {
    "setConfiguration": "aiortc has no RTCPeerConnection.setConfiguration",
    "restartIce": "aiortc has no RTCPeerConnection.restartIce",
    "removeTrack": "aiortc has no RTCPeerConnection.removeTrack",
    "applyConstraints": "aiortc has no constraints",
    "getUserMedia": "aiortc has no devices with permissions, only files and sources of one's own",
    "join": "this adapter does not act alone",
}

# What an argument must be, by its name: no name means two things in the protocol.
ARGUMENTS: dict[str, type] = {
    "asType": str, "candidate": dict, "channel": str, "configuration": dict, "constraints": dict, "defect": str,
    "description": dict, "direction": str, "frameRate": int, "height": int, "ice": dict, "iceRestart": bool, "id": int,
    "kind": str, "label": str, "maxPacketLifeTime": int, "maxRetransmits": int, "message": dict, "mimeTypes": list,
    "negotiated": bool, "ordered": bool, "protocol": str, "sendEncodings": list, "times": int, "toneHz": int, "track": str, "transceiver": int,
    "width": int, "with": str,
}  # fmt: skip


class Rejected(Exception):
    """Rejected as the API rejects it: with the name of a `DOMException`, or with `TypeError` or `RangeError`."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class Unsupported(Exception):
    """What aiortc cannot do, as opposed to what went wrong."""


def command(run: Run) -> Run:
    """Makes a method the command of its name."""
    run.is_command = True
    return run


def commands_of(part: object) -> dict[str, Callable[..., Any]]:
    """The commands that an object has."""
    methods = inspect.getmembers(part, inspect.ismethod)
    return {name: method for name, method in methods if hasattr(method, "is_command")}


def checked(run: Callable[..., Any], args: dict[str, Any]) -> dict[str, Any]:
    """The arguments without those that are null, which is the same as absent. Refuses what is malformed."""
    args = {name: value for name, value in args.items() if value is not None}
    for name, value in args.items():
        wanted = ARGUMENTS.get(name)
        # In Python a bool is an int.
        if wanted is None or not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            raise Rejected("TypeError", f"{name} cannot be {value!r}")
    # `with` is a word of Python.
    args = {"other" if name == "with" else name: value for name, value in args.items()}
    try:
        inspect.signature(run).bind(**args)
    except TypeError as error:
        raise Rejected("TypeError", str(error)) from error
    return args


NAMES: dict[type[Exception], str] = {
    InvalidAccessError: "InvalidAccessError",
    InvalidStateError: "InvalidStateError",
    OperationError: "OperationError",
}


def rejection(error: Exception) -> dict[str, str]:
    """The name by which browsers know an exception, and its message."""
    if isinstance(error, Rejected):
        return {"name": error.name, "message": str(error)}
    kind = type(error)
    if kind in NAMES:
        return {"name": NAMES[kind], "message": str(error) or kind.__name__}
    # Not one that aiortc documents: its Python name helps.
    return {"name": "OperationError", "message": f"{kind.__name__}: {error}"}
