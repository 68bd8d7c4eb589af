"""Peerproof's adapter for GStreamer's webrtcbin, as Debian packages it.

Speaks the peer protocol, version 2 (docs/peer-protocol.md), as JSON lines on standard input and output. This file reads commands,
answers them and writes events; what the commands do is in connection.py, channels.py and media.py.
"""

import inspect
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

# Only the protocol may be on standard output: what else is printed there, by any library, goes to standard error.
LINE = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)

import gi  # noqa: E402

for library in ("Gst", "GstSdp", "GstVideo", "GstWebRTC"):
    gi.require_version(library, "1.0")

from gi.repository import Gst  # noqa: E402

from channels import Channels  # noqa: E402
from connection import Connection, start_gstreamer  # noqa: E402
from errors import Rejected, Unsupported, answer_of  # noqa: E402
from media import Media  # noqa: E402

PROTOCOL = 2

# Why webrtcbin cannot do what other peers can.
LACKING = {
    "setConfiguration": "webrtcbin has no setConfiguration",
    "restartIce": "webrtcbin has no ICE restart",
    "stopTransceiver": "webrtcbin has no way to stop a transceiver",
    "removeTrack": "webrtcbin has no removeTrack: a pad that is released leaves its transceiver as it was",
    "applyConstraints": "GStreamer's sources know no constraints",
    "getUserMedia": "this adapter opens no devices",
    "join": "this adapter does not act alone",
}

_writing = threading.Lock()
_next_seq = 0


def now() -> float:
    """Milliseconds on this peer's own clock, which never goes back."""
    return time.monotonic_ns() / 1e6


def write(message: dict[str, Any]) -> None:
    LINE.write(json.dumps(message, separators=(",", ":")) + "\n")
    LINE.flush()


def report(event: str, data: dict[str, Any] | None = None) -> None:
    """Tells an event, from whatever thread. The time is taken under the lock, so that times grow with the numbers."""
    global _next_seq
    with _writing:
        message: dict[str, Any] = {"seq": _next_seq, "t": now(), "event": event}
        if data is not None:
            message["data"] = data
        _next_seq += 1
        write(message)


def answer(number: int, told: dict[str, Any]) -> None:
    t = now()
    with _writing:
        write({"id": number, "t": t, "answer": told})


# Its API is that of a GStreamer element, which follows the W3C's "where possible".
FEATURES = ["data-channels", "audio", "video"]

# It has no signals for these.
UNREPORTED = ["icecandidateerror", "trackmute", "trackunmute", "trackended"]


def hello() -> dict[str, Any]:
    return {
        "protocol": PROTOCOL,
        "implementation": "webrtcbin",
        "version": version(),
        "commands": sorted(COMMANDS),
        "features": FEATURES,
        "unreported": UNREPORTED,
    }


def version() -> str:
    """Debian's version of the plug-in, since Debian patches it; else GStreamer's."""
    query = ["dpkg-query", "--show", "--showformat=${Version}", "gstreamer1.0-plugins-bad"]
    try:
        return subprocess.run(query, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ".".join(str(part) for part in Gst.version()[:3])


start_gstreamer()
connection = Connection(report)
channels = Channels(connection, report)
media = Media(connection, report)

COMMANDS: dict[str, Callable[..., Any]] = {
    "hello": hello,
    "createPeerConnection": connection.create_peer_connection,
    "createOffer": connection.create_offer,
    "createAnswer": connection.create_answer,
    "setLocalDescription": connection.set_local_description,
    "setRemoteDescription": connection.set_remote_description,
    "addIceCandidate": connection.add_ice_candidate,
    "getState": connection.get_state,
    "getStats": connection.get_stats,
    "close": connection.close,
    "createDataChannel": channels.create_data_channel,
    "send": channels.send,
    "echo": channels.echo,
    "closeDataChannel": channels.close_data_channel,
    "getDataChannel": channels.get_data_channel,
    "createSource": media.create_source,
    "addTrack": media.add_track,
    "replaceTrack": media.replace_track,
    "addTransceiver": media.add_transceiver,
    "setDirection": media.set_direction,
    "setCodecPreferences": media.set_codec_preferences,
    "getTransceivers": media.get_transceivers,
    "watch": media.watch,
}

# What an argument has to be, by its name: no name means two things in the protocol.
ARGUMENTS: dict[str, type | tuple[type, ...]] = {
    "asType": str, "candidate": dict, "channel": str, "configuration": dict, "defect": str, "description": dict, "direction": str,
    "frameRate": (int, float), "height": int, "ice": dict, "iceRestart": bool, "id": int, "kind": str, "label": str,
    "maxPacketLifeTime": int, "maxRetransmits": int, "message": dict, "mimeTypes": list, "negotiated": bool, "ordered": bool,
    "protocol": str, "sendEncodings": list, "times": int, "toneHz": (int, float), "track": str, "transceiver": int, "width": int, "with": str,
}  # fmt: skip


def checked(run: Callable[..., Any], args: dict[str, Any]) -> dict[str, Any]:
    """The arguments without those that are null, which is the same as absent. Refuses what is malformed."""
    args = {name: value for name, value in args.items() if value is not None}
    for name, value in args.items():
        wanted = ARGUMENTS.get(name)
        # To Python true and false are numbers.
        if wanted is None or not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            raise Rejected("TypeError", f"{name} cannot be {value!r}")
    # `with` is a word of Python.
    args = {"other" if name == "with" else name: value for name, value in args.items()}
    try:
        inspect.signature(run).bind(**args)
    except TypeError as error:
        raise Rejected("TypeError", str(error)) from error
    return args


def perform(number: int, command: str, args: dict[str, Any]) -> None:
    """Does a command and answers it. One that returns a function takes its time: that is run while the next ones are begun."""
    try:
        run = COMMANDS.get(command)
        if run is None:
            raise Unsupported(LACKING.get(command, f"unknown command {command}"))
        result = run(**checked(run, args))
    except Exception as error:  # whatever the library throws is its answer
        answer(number, answer_of(error))
        return
    if callable(result):
        threading.Thread(target=finish, args=(number, result), daemon=True).start()
    else:
        answer(number, {"ok": result})


def finish(number: int, run: Callable[[], Any]) -> None:
    try:
        told = {"ok": run()}
    except Exception as error:
        told = answer_of(error)
    answer(number, told)


def work(given: "queue.Queue[tuple[int, str, dict[str, Any]]]") -> None:
    while True:
        perform(*given.get())


def parse(text: bytes) -> tuple[int, str, dict[str, Any]]:
    try:
        said = json.loads(text)
        number, command, args = said["id"], said["command"], said.get("args")
    except (ValueError, KeyError, TypeError, AttributeError):
        give_up(f"not a command: {text[:200]!r}")
    if not isinstance(number, int) or not isinstance(command, str) or not isinstance(args, (dict, type(None))):
        give_up(f"not a command: {text[:200]!r}")
    return number, command, args or {}


def give_up(reason: str) -> NoReturn:
    print(reason, file=sys.stderr, flush=True)
    os._exit(2)


def main() -> NoReturn:
    """Reads commands for a thread that does them, so that the end of the input is seen whatever is under way."""
    given: queue.Queue[tuple[int, str, dict[str, Any]]] = queue.Queue()
    threading.Thread(target=work, args=(given,), daemon=True).start()
    for text in sys.stdin.buffer:
        given.put(parse(text))
    os._exit(0)


if __name__ == "__main__":
    main()
