"""Sources, tracks and transceivers.

A track that is sent is a request pad of webrtcbin. What feeds it (encoder, payloader) is built when the exchange of
descriptions has settled on a codec and a payload type: webrtcbin itself has no codecs, it puts into descriptions what it is
told.
"""

import random
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from gi.repository import GObject, Gst, GstWebRTC

from connection import Connection, Report, sections, tell
from errors import Rejected, Unsupported
from formats import DEFAULT, TYPES, Codec, available, caps_of, codec_of
from pictures import BLOCK, SAMPLE_RATE, paint, sine
from watching import Receiver

DIRECTIONS = {
    name: getattr(GstWebRTC.WebRTCRTPTransceiverDirection, name.upper())
    for name in ("sendrecv", "sendonly", "recvonly", "inactive")
}
KINDS = {"audio": GstWebRTC.WebRTCKind.AUDIO, "video": GstWebRTC.WebRTCKind.VIDEO}


class Source:
    """Numbered frames or a tone, from the moment it is made. Whatever takes none of it misses it."""

    def __init__(self, kind: str, width: int, height: int, frame_rate: float, hertz: float) -> None:
        self.kind, self.id, self.stream = kind, str(uuid.uuid4()), str(uuid.uuid4())
        self._sinks: dict[Gst.Element, int] = {}
        if kind == "video":
            self.settings: dict[str, Any] = {"width": width, "height": height, "frameRate": frame_rate}
            rate = Gst.util_double_to_fraction(frame_rate)
            self.caps = f"video/x-raw,format=I420,width={width},height={height},framerate={rate[0]}/{rate[1]}"
            self._seconds = 1 / frame_rate
            self._make: Callable[[int], bytes] = lambda number: paint(number & 0xFFFF, width, height)
        else:
            self.settings = {"sampleRate": SAMPLE_RATE, "channelCount": 1}
            self.caps = f"audio/x-raw,format=S16LE,rate={SAMPLE_RATE},channels=1,layout=interleaved"
            self._seconds = BLOCK / SAMPLE_RATE
            self._make = lambda number: sine(hertz, number * BLOCK)
        threading.Thread(target=self._run, daemon=True).start()

    def feed(self, sink: Gst.Element) -> None:
        """From the next piece on, pushes them into an appsrc."""
        sink.set_property("caps", Gst.Caps.from_string(self.caps))
        self._sinks[sink] = -1

    def leave(self, sink: Gst.Element) -> None:
        self._sinks.pop(sink, None)

    def _run(self) -> None:
        number, started = 0, time.monotonic()
        while True:
            piece = self._make(number) if self._sinks else b""
            for sink, begun in list(self._sinks.items()):
                self._push(sink, piece, number, begun)
            number += 1
            time.sleep(max(0.0, started + number * self._seconds - time.monotonic()))

    def _push(self, sink: Gst.Element, piece: bytes, number: int, begun: int) -> None:
        duration = round(self._seconds * Gst.SECOND)
        clock = sink.get_clock()
        if clock is None:
            return
        # Counted from the first piece, so that the wake-ups of this thread do not show.
        if begun < 0:
            begun = clock.get_time() - sink.get_base_time() - number * duration
            self._sinks[sink] = begun
        buffer = Gst.Buffer.new_wrapped(piece)
        buffer.pts, buffer.duration = begun + number * duration, duration
        sink.emit("push-buffer", buffer)


class Sender:
    """What feeds one pad of webrtcbin."""

    def __init__(self, pad: Gst.Pad, source: Source) -> None:
        self.pad, self.source, self.track = pad, source, source.id
        self.ssrc = random.randrange(1, 1 << 32)
        self._input: Gst.Element | None = None

    def start(self, pipeline: Gst.Pipeline, codec: Codec, payload: int) -> None:
        """Builds the chain, once: what it encodes does not change any more."""
        if self._input is not None:
            return
        chain = [
            f"appsrc name=input is-live=true format=time max-buffers=8 max-bytes=0 leaky-type=downstream ! {codec.encode}"
        ]
        chain.append(f"{codec.payloader} name=payloader mtu=1200 pt={payload} ssrc={self.ssrc}")
        part = Gst.parse_bin_from_description(" ! ".join(chain), False)
        part.add_pad(Gst.GhostPad.new("src", part.get_by_name("payloader").get_static_pad("src")))
        pipeline.add(part)
        part.get_static_pad("src").link(self.pad)
        self._input = part.get_by_name("input")
        part.sync_state_with_parent()
        if self.track is not None:
            self.source.feed(self._input)

    def replace(self, other: Source | None) -> None:
        if self._input is not None:
            self.source.leave(self._input)
            if other is not None:
                other.feed(self._input)
        self.track = None
        if other is not None:
            self.source, self.track = other, other.id


class Media:
    """The tracks and transceivers of a connection."""

    def __init__(self, connection: Connection, report: Report) -> None:
        self._connection = connection
        self._report = report
        self._sources: dict[str, Source] = {}
        # By transceiver. Python keeps one object for each while somebody holds it.
        self._senders: dict[GObject.Object, Sender] = {}
        self._preferences: dict[GObject.Object, list[Codec]] = {}
        self._receivers: dict[str, Receiver] = {}
        connection.when_created.append(self._listen)
        connection.before_description.append(self._prepare)
        connection.when_stable.append(self._start_senders)

    # ------------------------------------------------------------------------------------------------------------ commands

    def create_source(
        self, kind: str, width: int = 320, height: int = 240, frameRate: float = 15, toneHz: float = 440
    ) -> dict[str, Any]:
        if kind not in KINDS or frameRate <= 0 or not 20 <= toneHz <= 16000:
            raise Rejected("TypeError", "there is no such source")
        if kind == "video" and (width % 2 or height % 2 or min(width, height) < 64):
            raise Rejected("TypeError", "width and height have to be even and at least 64")
        source = Source(kind, width, height, frameRate, toneHz)
        self._sources[source.id] = source
        return {"stream": source.stream, "tracks": [{"id": source.id, "kind": kind, "settings": source.settings}]}

    def add_track(self, track: str) -> dict[str, Any]:
        added = self._add_sender(self._source(track))
        return {"mid": added.props.mid}

    def add_transceiver(
        self, kind: str, direction: str = "sendrecv", track: str | None = None, sendEncodings: list[Any] | None = None
    ) -> dict[str, Any]:
        element = self._connection.bin
        if sendEncodings is not None:
            raise Unsupported("this adapter feeds webrtcbin with one encoding of a track")
        wanted = direction_named(direction)
        if kind not in KINDS:
            raise Rejected("TypeError", f"unknown kind {kind}")
        if track is None:
            added = element.emit("add-transceiver", wanted, Gst.Caps.from_string(caps_of(DEFAULT[kind], True)))
            self._set_up(added)
        else:
            added = self._add_sender(self._source(track))
            added.props.direction = wanted
        return {"transceiver": self._connection.transceivers.index(added), "mid": added.props.mid}

    def replace_track(self, track: str, other: str | None = None) -> None:
        source = None if other is None else self._source(other)
        for sender in self._senders.values():
            if sender.track == track:
                if source and source.kind != sender.source.kind:
                    raise Rejected("TypeError", f"{other} is of another kind")
                return sender.replace(source)
        raise Rejected("NotFoundError", f"no sender has the track {track}")

    def set_direction(self, transceiver: int, direction: str) -> None:
        self._transceiver(transceiver).props.direction = direction_named(direction)

    def set_codec_preferences(self, transceiver: int, mimeTypes: list[str]) -> None:
        target = self._transceiver(transceiver)
        kind = target.props.kind.value_nick
        chosen = [codec for name in mimeTypes for codec in TYPES if codec.mime_type.lower() == str(name).lower()]
        chosen = [codec for codec in chosen if codec.kind == kind and available(codec)]
        if not chosen:
            raise Unsupported(f"GStreamer as installed has none of {', '.join(map(str, mimeTypes))}")
        self._preferences[target] = chosen

    def get_transceivers(self) -> list[dict[str, Any]]:
        return [
            {
                "mid": each.props.mid,
                "kind": each.props.kind.value_nick,
                "direction": each.props.direction.value_nick,
                "currentDirection": None
                if each.props.current_direction.value_nick == "none"
                else each.props.current_direction.value_nick,
                "stopped": False,
                "sender": self._senders[each].track if each in self._senders else None,
                "receiver": next((id for id, one in self._receivers.items() if one.transceiver is each), None),
            }
            for each in (self._connection.transceivers if self._connection.bin else ())
        ]

    def watch(self, track: str) -> None:
        if self._connection.bin and track not in self._receivers:
            raise Rejected("NotFoundError", f"unknown remote track {track}")
        self._receivers[track].watch()

    # ------------------------------------------------------------------------------------------------------------- sending

    def _source(self, track: str) -> Source:
        if self._connection.bin and track not in self._sources:
            raise Rejected("NotFoundError", f"unknown local track {track}")
        return self._sources[track]

    def _transceiver(self, index: int) -> GObject.Object:
        found = self._connection.transceivers
        if not 0 <= index < len(found):
            raise Rejected("NotFoundError", f"unknown transceiver {index}")
        return found[index]

    def _add_sender(self, source: Source) -> GObject.Object:
        """webrtcbin finds a transceiver of the kind that sends nothing yet, or makes one, as the API's addTrack does."""
        element = self._connection.bin
        template = element.get_pad_template("sink_%u")
        pad = element.request_pad(template, None, Gst.Caps.from_string(caps_of(DEFAULT[source.kind], False)))
        if pad is None:
            raise Rejected("OperationError", "webrtcbin gives no pad for the track")
        # The pad names the stream; the track's name in a=msid is the transceiver's, which nobody can change.
        pad.set_property("msid", source.stream)
        transceiver = pad.props.transceiver
        self._senders[transceiver] = Sender(pad, source)
        self._set_up(transceiver)
        return transceiver

    def _set_up(self, transceiver: GObject.Object) -> None:
        """What browsers have by themselves: video that is lost is asked for (RFC 4585) and retransmitted (RFC 4588)."""
        transceiver.props.do_nack = transceiver.props.kind == GstWebRTC.WebRTCKind.VIDEO

    def _prepare(self, offering: bool) -> None:
        """Tells webrtcbin the codecs. An offer needs payload types, an answer takes the offer's, of every codec there is."""
        for transceiver in self._connection.transceivers:
            kind = transceiver.props.kind.value_nick
            if kind not in KINDS:
                continue
            possible = (
                [DEFAULT[kind]] if offering else [codec for codec in TYPES if codec.kind == kind and available(codec)]
            )
            codecs = self._preferences.get(transceiver, possible)
            sender = self._senders.get(transceiver)
            structures = [caps_of(codec, offering, sender.ssrc if sender else None) for codec in codecs]
            transceiver.props.codec_preferences = Gst.Caps.from_string(";".join(structures))

    def _start_senders(self) -> None:
        """Starts what an exchange of descriptions has agreed to send."""
        props = self._connection.bin.props
        local, remote = tell(props.current_local_description), tell(props.current_remote_description)
        answer = sections((local if local["type"] == "answer" else remote)["sdp"])
        for transceiver, sender in self._senders.items():
            index = transceiver.props.mlineindex
            if "send" not in transceiver.props.current_direction.value_nick or index >= len(answer):
                continue
            found = codec_of(answer[index])
            if found is None:
                self._report("log", {"level": "warn", "message": f"no codec is left for media section {index}"})
            else:
                sender.start(self._connection.pipeline, *found)

    # ----------------------------------------------------------------------------------------------------------- receiving

    def _listen(self, element: Gst.Element) -> None:
        element.connect("on-new-transceiver", lambda _, transceiver: self._set_up(transceiver))
        element.connect("pad-added", self._take_pad)

    def _take_pad(self, element: Gst.Element, pad: Gst.Pad) -> None:
        """A remote track is a pad, which webrtcbin adds when the first packet has come, not when the description is set."""
        if pad.direction != Gst.PadDirection.SRC:
            return
        transceiver = pad.props.transceiver
        kind, mid = transceiver.props.kind.value_nick, transceiver.props.mid
        track = track_named(sections(tell(element.props.remote_description)["sdp"])[transceiver.props.mlineindex])
        streams = [pad.props.msid] if pad.props.msid else []
        track = track or f"{mid}-{pad.get_name()}"
        receiver = Receiver(self._connection.pipeline, pad, transceiver, track, kind, self._report)
        self._receivers[track] = receiver
        self._report("track", {"id": track, "kind": kind, "mid": mid, "streams": streams})


def direction_named(name: str) -> Any:
    if name not in DIRECTIONS:
        raise Rejected("TypeError", f"unknown direction {name}")
    return DIRECTIONS[name]


def track_named(section: list[str]) -> str | None:
    """The track that a media section names by a=msid (RFC 8830). What it says of the stream, the pad tells."""
    names = [line.partition(" ")[2] for line in section if line.startswith("a=msid:")]
    return next((name for name in names if name), None)
