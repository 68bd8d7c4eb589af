"""Peerproof's adapter for GStreamer's webrtcbin, as Debian packages it.

Speaks the peer protocol, version 2 (docs/peer-protocol.md), as JSON lines on standard input and output. This file reads commands,
answers them and writes events, with the parts of python/line.py that do not need asyncio; what the commands do is in connection.py, channels.py and media.py.
"""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

# Only the protocol may be on standard output: what else is printed there, by any library, goes to standard error.
LINE = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)

import gi  # noqa: E402

# What adapters in Python share lies in the folder beside this one.
sys.path.append(str(Path(__file__).resolve().parent.parent / "python"))

for library in ("Gst", "GstSdp", "GstVideo", "GstWebRTC"):
    gi.require_version(library, "1.0")

from gi.repository import Gst  # noqa: E402

from channels import Channels  # noqa: E402
from connection import Connection, start_gstreamer  # noqa: E402
from errors import answer_of  # noqa: E402
from formats import H264, available  # noqa: E402
from line import Unsupported, checked, now, parse  # noqa: E402
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


def write(message: dict[str, Any]) -> None:
    LINE.write(json.dumps(message, separators=(",", ":")) + "\n")
    LINE.flush()


def report(event: str, data: dict[str, Any] | None = None) -> None:
    """Reports an event, from whatever thread. The time is taken under the lock, so that times grow with the numbers."""
    global _next_seq
    with _writing:
        message: dict[str, Any] = {"seq": _next_seq, "t": now(), "event": event}
        if data is not None:
            message["data"] = data
        _next_seq += 1
        write(message)


def answer(number: int, result: dict[str, Any]) -> None:
    t = now()
    with _writing:
        write({"id": number, "t": t, "answer": result})


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
        "features": FEATURES + (["h264"] if available(H264) else []),
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
        result = {"ok": run()}
    except Exception as error:
        result = answer_of(error)
    answer(number, result)


def work(given: "queue.Queue[tuple[int, str, dict[str, Any]]]") -> None:
    while True:
        perform(*given.get())


def main() -> NoReturn:
    """Reads commands for a thread that does them, so that the end of the input is seen whatever is under way."""
    given: queue.Queue[tuple[int, str, dict[str, Any]]] = queue.Queue()
    threading.Thread(target=work, args=(given,), daemon=True).start()
    for text in sys.stdin.buffer:
        given.put(parse(text))
    os._exit(0)


if __name__ == "__main__":
    main()
