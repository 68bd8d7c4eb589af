"""What a command is: a marked method, whose parameters are its arguments; and how aiortc fails."""

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


def command(run: Run) -> Run:
    """Makes a method the command of its name."""
    run.is_command = True
    return run


def commands_of(part: object) -> dict[str, Callable[..., Any]]:
    """The commands that an object has."""
    methods = inspect.getmembers(part, inspect.ismethod)
    return {name: method for name, method in methods if hasattr(method, "is_command")}


NAMES: dict[type[Exception], str] = {
    InvalidAccessError: "InvalidAccessError",
    InvalidStateError: "InvalidStateError",
    OperationError: "OperationError",
}


def rejection(error: Exception) -> tuple[str, str]:
    """The name by which browsers know an exception, and its message."""
    kind = type(error)
    if kind in NAMES:
        return NAMES[kind], str(error) or kind.__name__
    # Not one that aiortc documents: its Python name helps.
    return "OperationError", f"{kind.__name__}: {error}"
