"""Data channels, by label."""

import base64
import binascii
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from typing import Any

from gi.repository import GLib, GObject, Gst

from connection import Connection, Report
from errors import Rejected, Unsupported

# Past this many bytes in a channel's buffer, `send` waits for them to go.
FULL = 4 << 20
NO_ZERO = "webrtcbin takes text as a string of C, which ends at U+0000"

Message = str | bytes
Answerer = Callable[[Message], Iterable[Message]]


class Channels:
    """The channels of a connection, and what is sent on them."""

    def __init__(self, connection: Connection, report: Report) -> None:
        self._connection = connection
        self._report = report
        self._channels: dict[str, GObject.Object] = {}
        self._echoes: dict[str, Answerer] = {}
        # Set when the last `send` on a channel has ended: the next one waits for it.
        self._sent: dict[GObject.Object, threading.Event] = {}
        self._closed_here: list[GObject.Object] = []
        connection.when_created.append(lambda element: element.connect("on-data-channel", self._take))

    # ------------------------------------------------------------------------------------------------------------ commands

    def create_data_channel(
        self,
        label: str,
        ordered: bool = True,
        maxRetransmits: int | None = None,
        maxPacketLifeTime: int | None = None,
        protocol: str = "",
        negotiated: bool = False,
        id: int | None = None,
    ) -> dict[str, Any]:
        element = self._connection.bin
        if maxRetransmits is not None and maxPacketLifeTime is not None:
            # webrtcbin makes no channel then, and says so to the log alone.
            raise Rejected("TypeError", "maxRetransmits and maxPacketLifeTime exclude each other")
        if self._connection.closed:
            raise Rejected("InvalidStateError", "the connection is closed")
        options = Gst.Structure.new_empty("options")
        for name, value in [
            ("ordered", ordered),
            ("max-retransmits", maxRetransmits),
            ("max-packet-lifetime", maxPacketLifeTime),
            ("protocol", protocol),
            ("negotiated", negotiated),
            ("id", id),
        ]:
            if value is not None:
                options.set_value(name, value)
        channel = element.emit("create-data-channel", label, options)
        if channel is None:
            raise Rejected("OperationError", "webrtcbin made no channel")
        self._watch(channel)
        return info(channel)

    def send(self, channel: str, message: dict[str, Any], times: int = 1) -> Callable[[], None]:
        target = self._named(channel)
        payload(message, 0)
        before, done = self._sent.get(target), threading.Event()
        self._sent[target] = done

        def run() -> None:
            try:
                if before:
                    before.wait()
                for number in range(times):
                    while is_open(target) and target.props.buffered_amount > FULL:
                        time.sleep(0.005)
                    transmit(target, payload(message, number))
            finally:
                done.set()

        return run

    def echo(self, channel: str, defect: str = "none") -> None:
        if defect not in DEFECTS:
            raise Rejected("TypeError", f"unknown defect {defect}")
        self._echoes[channel] = DEFECTS[defect]()

    def close_data_channel(self, channel: str) -> None:
        target = self._named(channel)
        self._closed_here.append(target)
        target.emit("close")

    def get_data_channel(self, channel: str) -> dict[str, Any]:
        target = self._named(channel)
        return {**info(target), "readyState": ready_state(target), "bufferedAmount": target.props.buffered_amount}

    def _named(self, label: str) -> GObject.Object:
        """The newest channel of that label, which has to be there."""
        if self._connection.bin and label not in self._channels:
            raise Rejected("NotFoundError", f"unknown channel {label}")
        return self._channels[label]

    # -------------------------------------------------------------------------------------------------------------- events

    def _take(self, _: Gst.Element, channel: GObject.Object) -> None:
        self._report("datachannel", {"channel": info(channel)})
        self._watch(channel)

    def _watch(self, channel: GObject.Object) -> None:
        label = channel.props.label
        self._channels[label] = channel

        def tell(event: str, **more: Any) -> None:
            self._report(event, {"channel": label, **identified(channel), **more})

        def note_state(*_: Any) -> None:
            # The W3C's event is for a channel that the remote peer closes.
            if ready_state(channel) == "closing" and channel not in self._closed_here:
                tell("channelclosing")

        opened = threading.Lock()

        def note_open(*_: Any) -> None:
            if opened.acquire(blocking=False):
                self._report("channelopen", {"channel": info(channel)})

        channel.connect("on-open", note_open)
        channel.connect("on-buffered-amount-low", lambda _: self._report("bufferedamountlow", {"channel": label}))
        channel.connect("notify::ready-state", note_state)
        channel.connect("on-close", lambda _: tell("channelclose"))
        channel.connect(
            "on-error", lambda _, error: self._report("channelerror", {"channel": label, "error": error.message})
        )
        # An empty message comes as null.
        channel.connect("on-message-string", lambda _, text: self._take_message(channel, text or ""))
        channel.connect(
            "on-message-data", lambda _, data: self._take_message(channel, data.get_data() or b"" if data else b"")
        )
        # With an association that is there webrtcbin may open it before anyone listens.
        if ready_state(channel) == "open":
            note_open()

    def _take_message(self, channel: GObject.Object, message: Message) -> None:
        label = channel.props.label
        text = isinstance(message, str)
        octets = message.encode() if text else message
        told = {"channel": label, "text": text, "size": len(octets), "crc32": zlib.crc32(octets)}
        if text and len(octets) <= 1024:
            told["value"] = message
        self._report("channelmessage", {"message": told, **identified(channel)})
        echo = self._echoes.get(label)
        for back in echo(message) if echo else ():
            try:
                transmit(channel, back)
            except (GLib.Error, Rejected, Unsupported) as error:
                self._report("channelerror", {"channel": label, "error": f"echo: {error}"})


def ready_state(channel: GObject.Object) -> str:
    """A channel that was just made is in a state that has no name: PyGObject crashes where it is asked for one."""
    state = channel.props.ready_state
    known = type(state).__enum_values__.get(int(state))
    return known.value_nick if known else "connecting"


def is_open(channel: GObject.Object) -> bool:
    return ready_state(channel) == "open"


def identified(channel: GObject.Object) -> dict[str, int]:
    return {"id": channel.props.id} if channel.props.id >= 0 else {}


def info(channel: GObject.Object) -> dict[str, Any]:
    """The properties of a channel; webrtcbin says -1 where the API says nothing."""
    props = channel.props
    told = {
        "label": props.label,
        "ordered": props.ordered,
        "protocol": props.protocol or "",
        "negotiated": props.negotiated,
    }
    if props.max_retransmits >= 0:
        told["maxRetransmits"] = props.max_retransmits
    if props.max_packet_lifetime >= 0:
        told["maxPacketLifeTime"] = props.max_packet_lifetime
    return {**told, **identified(channel)}


def transmit(channel: GObject.Object, message: Message) -> None:
    if not is_open(channel):
        raise Rejected("InvalidStateError", "the channel is not open")
    if isinstance(message, str):
        if "\0" in message:
            raise Unsupported(NO_ZERO)
        # An empty message is null here: a string or bytes of no length are sent as DATA without a byte, which SCTP refuses.
        channel.send_string_full(message or None)
    else:
        channel.send_data_full(GLib.Bytes.new(message) if message else None)


def payload(message: dict[str, Any], number: int) -> Message:
    """The message to send the `number`-th time."""
    try:
        if "text" in message:
            return str(message["text"])
        if "binary" in message:
            return base64.b64decode(message["binary"], validate=True)
        pattern = message["pattern"]
        return make_pattern(pattern["size"], pattern["seed"] + number, pattern.get("text", False))
    except (KeyError, TypeError, binascii.Error) as error:
        raise Rejected("TypeError", f"the message has neither text nor binary nor pattern: {error}") from error


def make_pattern(size: int, seed: int, text: bool) -> Message:
    """The bytes that both sides can compute."""
    octets = bytearray(size)
    x = seed & 0xFFFFFFFF
    for index in range(size):
        x = (x * 1664525 + 1013904223) & 0xFFFFFFFF
        octets[index] = 97 + (x >> 24) % 26 if text else x >> 24
    return octets.decode("ascii") if text else bytes(octets)


# ------------------------------------------------------------------------------------------------------- defects of an echo


def unharmed() -> Answerer:
    return lambda message: [message]


def corrupt_last_byte() -> Answerer:
    def answers(message: Message) -> list[Message]:
        octets = bytearray(message.encode() if isinstance(message, str) else message)
        if octets:
            octets[-1] ^= 1
        return [octets.decode(errors="replace") if isinstance(message, str) else bytes(octets)]

    return answers


def swap_pairs() -> Answerer:
    held: list[Message] = []

    def answers(message: Message) -> list[Message]:
        if not held:
            held.append(message)
            return []
        return [message, held.pop()]

    return answers


def as_text() -> Answerer:
    # A byte may be zero, and whether one is shows only when it comes.
    raise Unsupported(NO_ZERO)


def drop_every_third() -> Answerer:
    count = 0

    def answers(message: Message) -> list[Message]:
        nonlocal count
        count += 1
        return [] if count % 3 == 0 else [message]

    return answers


DEFECTS: dict[str, Callable[[], Answerer]] = {
    "none": unharmed,
    "corrupt-last-byte": corrupt_last_byte,
    "swap-pairs": swap_pairs,
    "as-text": as_text,
    "drop-every-third": drop_every_third,
}
