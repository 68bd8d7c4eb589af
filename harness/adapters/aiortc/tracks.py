"""Tracks and transceivers: their commands, and the events that tell of them."""

from typing import Any

from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpReceiver, RTCRtpSender, RTCRtpTransceiver
from aiortc.sdp import DIRECTIONS, SessionDescription

from commands import command
from connection import Connection
from line import Rejected, Report, Unsupported
from media import FrameSource, ToneSource, Watcher

Source = FrameSource | ToneSource


class Tracks:
    """The sources that are sent, and the remote tracks that may be watched."""

    def __init__(self, connection: Connection, report: Report) -> None:
        self._connection = connection
        self._report = report
        self._sources: dict[str, Source] = {}
        self._watchers: dict[str, Watcher] = {}
        connection.when_created.append(self._attach)

    def stop(self) -> None:
        """Ends all sources, and looks at nothing any more."""
        for source in self._sources.values():
            source.stop()
        for watcher in self._watchers.values():
            watcher.stop()

    @command
    def createSource(
        self, kind: str, width: int = 320, height: int = 240, frameRate: int = 15, toneHz: int = 440
    ) -> dict[str, Any]:
        if width < 64 or height < 64 or width % 2 or height % 2 or frameRate < 1 or not 20 <= toneHz <= 16_000:
            raise Rejected("TypeError", "there are no such pictures or tones, see docs/media.md")
        video = kind_of(kind) == "video"
        source = FrameSource(width, height, frameRate) if video else ToneSource(toneHz)
        self._sources[source.id] = source
        source.on("ended", lambda: self._report("trackended", {"id": source.id}))
        # aiortc has no MediaStream, and sends all tracks in one stream of the connection: this one does not travel.
        return {"stream": source.stream, "tracks": [{"id": source.id, "kind": kind, "settings": source.settings}]}

    @command
    def addTrack(self, track: str) -> dict[str, Any]:
        pc = self._connection.existing()
        sender = pc.addTrack(self._source(track))
        self._connection.watch_transports()
        return {"mid": next(each.mid for each in pc.getTransceivers() if each.sender is sender)}

    @command
    def replaceTrack(self, track: str, other: str | None = None) -> None:
        self._sender_of(track).replaceTrack(None if other is None else self._source(other))

    @command
    def addTransceiver(
        self, kind: str, direction: str = "sendrecv", track: str | None = None, sendEncodings: list[Any] | None = None
    ) -> dict[str, Any]:
        pc = self._connection.existing()
        if sendEncodings is not None:
            raise Unsupported("aiortc sends one encoding of a track")
        added = pc.addTransceiver(kind_of(kind) if track is None else self._source(track), direction_of(direction))
        self._connection.watch_transports()
        return {"transceiver": pc.getTransceivers().index(added), "mid": added.mid}

    @command
    def setDirection(self, transceiver: int, direction: str) -> None:
        self._transceiver(transceiver).direction = direction_of(direction)

    @command
    async def stopTransceiver(self, transceiver: int) -> None:
        await self._transceiver(transceiver).stop()

    @command
    def setCodecPreferences(self, transceiver: int, mimeTypes: list[str]) -> None:
        target = self._transceiver(transceiver)
        known = RTCRtpReceiver.getCapabilities(target.kind).codecs
        chosen = [codec for name in mimeTypes for codec in known if codec.mimeType.lower() == str(name).lower()]
        if not chosen:
            raise Unsupported(f"aiortc has none of {', '.join(map(str, mimeTypes))}")
        target.setCodecPreferences(chosen + [codec for codec in known if codec.mimeType.lower() == "video/rtx"])

    @command
    def getTransceivers(self) -> list[dict[str, Any]]:
        return [
            {
                "mid": each.mid,
                "kind": each.kind,
                "direction": each.direction,
                "currentDirection": each.currentDirection,
                "stopped": each.stopped,
                "sender": each.sender.track.id if each.sender.track else None,
                # Before something is received there is no track yet.
                "receiver": each.receiver.track.id if each.receiver.track else None,
            }
            for each in self._connection.existing().getTransceivers()
        ]

    @command
    def watch(self, track: str) -> None:
        if track not in self._watchers:
            raise Rejected("NotFoundError", f"unknown remote track {track}")
        self._watchers[track].watch()

    def _source(self, track: str) -> Source:
        """The local track of that id, which must exist."""
        if track not in self._sources:
            raise Rejected("NotFoundError", f"unknown local track {track}")
        return self._sources[track]

    def _sender_of(self, track: str) -> RTCRtpSender:
        """The sender of a track, which must exist."""
        for sender in self._connection.existing().getSenders():
            if sender.track and sender.track.id == track:
                return sender
        raise Rejected("NotFoundError", f"no sender has the track {track}")

    def _transceiver(self, index: int) -> RTCRtpTransceiver:
        """The transceiver of that index, which must exist."""
        known = self._connection.existing().getTransceivers()
        if not 0 <= index < len(known):
            raise Rejected("NotFoundError", f"unknown transceiver {index}")
        return known[index]

    def _attach(self, pc: RTCPeerConnection) -> None:
        pc.on("track", lambda track: self._tell_remote(pc, track))

    def _tell_remote(self, pc: RTCPeerConnection, track: MediaStreamTrack) -> None:
        """A remote track is there. aiortc has no mute and unmute, and no streams: the description names those."""
        mid = next(each.mid for each in pc.getTransceivers() if each.receiver.track is track)
        streams = streams_of(self._connection.remote_sdp, mid)
        self._report("track", {"id": track.id, "kind": track.kind, "mid": mid, "streams": streams})
        track.on("ended", lambda: self._report("trackended", {"id": track.id}))
        self._watchers[track.id] = Watcher(track, self._report)


def streams_of(sdp: str, mid: str) -> list[str]:
    """The streams that a media section's msid names."""
    for section in SessionDescription.parse(sdp).media:
        if section.rtp.muxId == mid and section.msid:
            stream = section.msid.split(" ")[0]
            return [] if stream == "-" else [stream]
    return []


def kind_of(kind: str) -> str:
    """Audio or video."""
    if kind not in ("audio", "video"):
        raise Rejected("TypeError", f"unknown kind {kind}")
    return kind


def direction_of(direction: str) -> str:
    """A direction that can be asked for."""
    if direction not in DIRECTIONS:
        raise Rejected("TypeError", f"unknown direction {direction}")
    return direction
