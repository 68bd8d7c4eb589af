"""What an answer can be other than the result."""

from typing import Any

from gi.repository import GLib
from line import Rejected, Unsupported

__all__ = ["Rejected", "Unsupported", "answer_of"]

# GstWebRTCError by its number. The W3C API has an RTCError of the name OperationError for those that are not here.
NAMES = {7: "InvalidStateError", 9: "InvalidModificationError", 10: "TypeError"}


def answer_of(error: Exception) -> dict[str, Any]:
    """The answer for an exception."""
    if isinstance(error, Unsupported):
        return {"unsupported": {"reason": str(error)}}
    message = error.message if isinstance(error, GLib.Error) else str(error)
    return {"rejected": {"name": name_of(error), "message": message}}


def name_of(error: Exception) -> str:
    if isinstance(error, Rejected):
        return error.name
    if isinstance(error, GLib.Error) and error.domain == "gst-webrtc-error-quark":
        return NAMES.get(error.code, "OperationError")
    return "OperationError"
