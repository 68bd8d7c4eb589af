"""Data channels: their commands, and the events that tell of them."""

import asyncio
from collections.abc import Callable
from typing import Any

from aiortc import RTCDataChannel, RTCPeerConnection

import messages
from commands import command
from connection import Connection
from line import Rejected, Report, now

# Past this many bytes in a channel's buffer, `send` waits for them to go.
FULL = 4 * 1024 * 1024


class Channels:
    """All channels of a connection, by their labels."""

    def __init__(self, connection: Connection, report: Report) -> None:
        self._connection = connection
        self._report = report
        self._channels: dict[str, RTCDataChannel] = {}
        self._echoes: dict[str, Callable[[messages.Data], list[messages.Data]]] = {}
        connection.when_created.append(self._attach)

    @command
    def createDataChannel(self, label: str, **options: Any) -> dict[str, Any]:
        try:
            channel = self._connection.existing().createDataChannel(label, **options)
        except (TypeError, ValueError) as error:
            # aiortc has ValueError for everything.
            taken = "already registered" in str(error)
            raise Rejected("OperationError" if taken else "TypeError", str(error)) from error
        self._watch(channel)
        self._connection.watch_transports()
        return properties(channel)

    @command
    async def send(self, channel: str, message: dict[str, Any], times: int = 1) -> None:
        target = self._named(channel)
        for data in messages.payloads(message, times):
            await drained(target)
            target.send(data)

    @command
    def echo(self, channel: str, defect: str = "none") -> None:
        if defect not in messages.DEFECTS:
            raise Rejected("TypeError", f"unknown defect {defect}")
        self._echoes[channel] = messages.DEFECTS[defect]()

    @command
    def closeDataChannel(self, channel: str) -> None:
        self._named(channel).close()

    @command
    def getDataChannel(self, channel: str) -> dict[str, Any]:
        known = self._named(channel)
        return {**properties(known), "readyState": known.readyState, "bufferedAmount": known.bufferedAmount}

    def _named(self, label: str) -> RTCDataChannel:
        """The channel of that label, which must exist; of several the newest."""
        if label not in self._channels:
            raise Rejected("NotFoundError", f"unknown channel {label}")
        return self._channels[label]

    def _attach(self, pc: RTCPeerConnection) -> None:
        pc.on("datachannel", self._tell_remote)

    def _tell_remote(self, channel: RTCDataChannel) -> None:
        """The remote peer opened a channel. It is open by now, and aiortc says so before anybody can listen."""
        self._connection.look_at_transports()
        self._report("datachannel", {"channel": properties(channel)})
        self._watch(channel)
        if channel.readyState == "open":
            self._report("channelopen", {"channel": properties(channel)})

    def _watch(self, channel: RTCDataChannel) -> None:
        """Reports the channel's events. aiortc has no `closing` and no `error`."""
        self._channels[channel.label] = channel
        label = channel.label

        def tell_open() -> None:
            self._connection.look_at_transports()
            self._report("channelopen", {"channel": properties(channel)})

        def tell_closed() -> None:
            self._report("channelclose", {"channel": label, **identifier(channel)})
            self._connection.look_at_transports()

        channel.on("open", tell_open)
        channel.on("close", tell_closed)
        channel.on("bufferedamountlow", lambda: self._report("bufferedamountlow", {"channel": label}))
        channel.on("message", lambda data: self._tell_message(channel, data))

    def _tell_message(self, channel: RTCDataChannel, data: messages.Data) -> None:
        """Reports a message, and sends it back if that was asked for."""
        at = now()
        message = messages.summary(channel.label, data)
        self._report("channelmessage", {"message": message, **identifier(channel)}, at)
        answers_to = self._echoes.get(channel.label)
        for answer in answers_to(data) if answers_to else []:
            try:
                channel.send(answer)
            except Exception as error:
                self._report("channelerror", {"channel": channel.label, "error": f"echo: {error!r}"})


async def drained(channel: RTCDataChannel) -> None:
    """Waits while the channel's buffer is full."""
    # aiortc sends from its own tasks, which also need their turns.
    await asyncio.sleep(0)
    while channel.readyState == "open" and channel.bufferedAmount > FULL:
        gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        for event in ("bufferedamountlow", "close"):
            channel.once(event, lambda gone=gone: gone.done() or gone.set_result(None))
        await gone


def properties(channel: RTCDataChannel) -> dict[str, Any]:
    """A channel's properties; what is not set is left out."""
    limits = {"maxRetransmits": channel.maxRetransmits, "maxPacketLifeTime": channel.maxPacketLifeTime}
    return {
        "label": channel.label,
        "ordered": channel.ordered,
        "protocol": channel.protocol,
        "negotiated": channel.negotiated,
        **identifier(channel),
        **{name: value for name, value in limits.items() if value is not None},
    }


def identifier(channel: RTCDataChannel) -> dict[str, int]:
    """The channel's stream identifier, if it has one."""
    return {} if channel.id is None else {"id": channel.id}
