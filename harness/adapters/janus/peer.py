"""A peer made of Janus and its EchoTest plugin: it answers offers, and sends back the media that come.

EchoTest takes an offer and answers it in one go: as soon as Janus has the offer it gathers, checks and connects. The
commands are mapped to that as truthfully as it goes: `setRemoteDescription` gives Janus the offer and waits for its
answer, `createAnswer` tells that answer, and `setLocalDescription` can only set this one.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from gateway import Gateway, GatewayError, Message, version
from line import Rejected, Report, Unsupported
from settings import settings_of

T = TypeVar("T")

ONLY_ANSWERS = "Janus's EchoTest only answers offers"
NO_MEDIA = "Janus sends back the media that come: it has no sources, tracks or decoders"
NO_CHANNELS = "Janus tells nothing of data channels, and its EchoTest answers text with a sentence of its own"
UNSUPPORTED = {
    "setConfiguration": "Janus is configured before it starts",
    "createOffer": ONLY_ANSWERS,
    "restartIce": ONLY_ANSWERS,
    **dict.fromkeys(("createDataChannel", "send", "echo", "closeDataChannel", "getDataChannel"), NO_CHANNELS),
    **dict.fromkeys(("getUserMedia", "createSource", "applyConstraints", "watch", "addTrack", "removeTrack"), NO_MEDIA),
    **dict.fromkeys(("replaceTrack", "addTransceiver", "setDirection", "stopTransceiver"), NO_MEDIA),
    **dict.fromkeys(("setCodecPreferences", "getTransceivers"), NO_MEDIA),
    "join": "this adapter does not act alone",
}

# Events that Janus lets nobody know of. It tells that there is SCTP, but neither the state of the association nor its channels.
UNREPORTED = ["negotiationneeded", "icecandidateerror", "sctpstatechange", "datachannel", "channelopen", "channelmessage"]
UNREPORTED += ["bufferedamountlow", "channelclosing", "channelclose", "channelerror", "trackended", "mediaseen", "acted"]

# Janus tells the states of ICE and DTLS to who asks. It is asked this often until the connection stands.
LOOK_SECONDS = 0.01

# libnice's names for the states of a component; `disconnected` is also the first one.
ICE_STATES = {"connecting": "checking", "connected": "connected", "ready": "completed", "failed": "failed"}
DTLS_STATES = {"trying": "connecting", "connected": "connected", "failed": "failed"}


class Peer:
    """The peer of one case: one handle of the EchoTest plugin of a Janus of its own."""

    def __init__(self, report: Report, lost: Callable[[str], None]) -> None:
        self._report = report
        self._lost = lost
        self._gateway: Gateway | None = None
        self._creating = False
        self._session = self._handle = ""
        self._answers: dict[str, asyncio.Future[Message]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._states = {"signaling": "stable", "iceGathering": "new", "iceConnection": "new", "connection": "new"}
        self._transport: dict[str, str | None] = {"ice": None, "dtls": None}
        self._answer: Message | None = None
        self._local: Message | None = None
        self._remote: Message | None = None
        # What Janus told of its candidates while its answer was not set, and the lines of all that it has told.
        self._held: list[Message] | None = None
        self._candidates: list[Message] = []
        self._pair = ""
        self._tracks: dict[str, str] = {}
        names = ("hello", "createPeerConnection", "setRemoteDescription", "createAnswer", "setLocalDescription")
        names += ("addIceCandidate", "getState", "getStats", "close")
        self.commands: dict[str, Callable[..., Awaitable[Any]]] = {name: getattr(self, name) for name in names}

    # ---------------------------------------------------------------------------------------------------- commands

    async def hello(self) -> Message:
        # It sends nothing of its own, it echoes; its API is that of its HTTP and WebSocket interface.
        commands = [*self.commands, "end"]
        told: Message = {"protocol": 2, "implementation": "janus", "version": version(), "commands": commands}
        return told | {"features": [], "unreported": UNREPORTED}

    async def createPeerConnection(self, configuration: Message | None = None, ice: Message | None = None) -> None:
        nat, certificates = settings_of(configuration or {}, ice or {})
        if self._creating or self._gateway:
            raise Rejected("InvalidStateError", "the peer connection exists already")
        self._creating = True
        try:
            gateway = await Gateway.start(nat, certificates)
            self._gateway = gateway
            self._tasks.append(asyncio.create_task(self._notice_end(gateway)))
            self._session = f"/{(await gateway.ask('', janus='create'))['data']['id']}"
            attached = await gateway.ask(self._session, janus="attach", plugin="janus.plugin.echotest")
            self._handle = f"{self._session}/{attached['data']['id']}"
            self._tasks.append(asyncio.create_task(self._take_events(gateway)))
        finally:
            self._creating = False

    async def setRemoteDescription(self, description: Message) -> None:
        gateway = self._usable()
        kind, sdp = description.get("type"), description.get("sdp", "")
        if kind not in ("offer", "answer", "pranswer", "rollback") or not isinstance(sdp, str):
            raise Rejected("TypeError", f"malformed description of type {kind!r}")
        if kind == "rollback":
            raise Unsupported("Janus does not roll back")
        if kind != "offer":
            raise Rejected("InvalidStateError", f"{ONLY_ANSWERS}, so there is nothing that a {kind} could answer")
        transaction = str(time.monotonic_ns())
        answered: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._answers[transaction] = answered
        self._held = self._held or []
        request = {"janus": "message", "transaction": transaction, "body": {"audio": True, "video": True}}
        await self._until_closed(gateway.ask(self._handle, **request, jsep={"type": kind, "sdp": sdp, "trickle": True}))
        event = await self._until_closed(answered)
        told = event.get("plugindata", {}).get("data", {})
        if "jsep" not in event:
            raise Rejected("OperationError", f"Janus: {told.get('error', 'it gave no answer to the offer')}")
        self._answer = {"type": "answer", "sdp": event["jsep"]["sdp"]}
        self._remote = {"type": "offer", "sdp": sdp}
        self._enter("signaling", "have-remote-offer")
        info = await gateway.inspect(self._handle)
        self._tell_tracks(info)
        self._tasks.append(asyncio.create_task(self._follow(gateway)))

    async def createAnswer(self) -> Message:
        self._usable()
        if self._answer is None or self._states["signaling"] != "have-remote-offer":
            raise Rejected("InvalidStateError", "no offer to answer")
        return self._answer

    async def setLocalDescription(self, description: Message | None = None, asType: str | None = None) -> Message:
        answer = await self.createAnswer()
        kind = asType or (description or answer).get("type")
        sdp = answer["sdp"] if asType else (description or answer).get("sdp", "")
        if kind in ("pranswer", "rollback"):
            raise Unsupported(f"Janus has no {kind}")
        if kind != "answer":
            raise Unsupported(ONLY_ANSWERS)
        if sdp != answer["sdp"]:
            raise Rejected("InvalidModificationError", "Janus has set its own answer by now")
        # Janus set it when it made it; the exchange ends here.
        self._local = answer
        self._enter("signaling", "stable")
        # In the API a peer gathers from now on. Janus has been at it since it has the offer.
        held, self._held = self._held or [], None
        for candidate in held:
            self._tell_candidate(candidate)
        return answer

    async def addIceCandidate(self, candidate: Message | None = None) -> None:
        gateway = self._usable()
        if self._remote is None:
            raise Rejected("InvalidStateError", "no remote description")
        if candidate is None or not candidate.get("candidate"):
            told: Message = {"completed": True}
        else:
            told = {name: candidate[name] for name in ("candidate", "sdpMid", "sdpMLineIndex") if name in candidate}
            if len(told) < 2:
                raise Rejected("TypeError", "the candidate has neither sdpMid nor sdpMLineIndex")
        await self._until_closed(gateway.ask(self._handle, janus="trickle", candidate=told))

    async def getState(self) -> Message:
        self._existing()
        gathered = self._states["iceGathering"] == "complete"
        local = self._local and {**self._local, "sdp": with_candidates(self._local["sdp"], self._candidates, gathered)}
        descriptions = {"localDescription": local, "remoteDescription": self._remote}
        # Whether there is an SCTP association Janus tells, but not its state.
        return {**self._states, **self._transport, "sctp": None, **descriptions, "canTrickle": None}

    async def getStats(self) -> Message:
        """What the Admin API tells, Janus having no RTCStatsReport: an object for ICE, for DTLS and for each medium."""
        gateway = self._usable()
        told = (await gateway.inspect(self._handle)).get("webrtc", {})
        media = {f"media-{name}": medium for name, medium in told.get("media", {}).items()}
        return {name: told[name] for name in ("ice", "dtls") if name in told} | media

    async def close(self) -> None:
        gateway = self._existing()
        if self._closed.done():
            return
        self._closed.set_result(None)
        self._states = {name: "closed" for name in self._states} | {"iceGathering": self._states["iceGathering"]}
        self._transport = {name: state and "closed" for name, state in self._transport.items()}
        await gateway.ask(self._session, janus="destroy")

    async def end(self) -> None:
        """Ends Janus, and all that waits for it."""
        if not self._closed.done():
            self._closed.set_result(None)
        for task in self._tasks:
            task.cancel()
        if self._gateway:
            await self._gateway.stop()

    def _existing(self) -> Gateway:
        """The Janus of the connection, which must exist."""
        if self._gateway is None or not self._handle:
            raise Rejected("InvalidStateError", "no peer connection yet")
        return self._gateway

    def _usable(self) -> Gateway:
        """The same, which must not be closed either."""
        gateway = self._existing()
        if self._closed.done():
            raise Rejected("InvalidStateError", "the connection is closed")
        return gateway

    async def _until_closed(self, operation: Awaitable[T]) -> T:
        """Waits for an operation, which has an answer even if the connection is closed meanwhile."""
        task = asyncio.ensure_future(operation)
        await asyncio.wait({task, self._closed}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            raise Rejected("AbortError", "the connection was closed meanwhile")
        try:
            return await task
        except GatewayError as error:
            raise Rejected("OperationError", str(error)) from error

    # ---------------------------------------------------------------------------------------------------- what happens

    async def _notice_end(self, gateway: Gateway) -> None:
        """A Janus that ends by itself leaves no peer."""
        status = await gateway.process.wait()
        self._lost(f"Janus ended by itself with status {status}")

    async def _take_events(self, gateway: Gateway) -> None:
        """Takes what Janus tells of the session."""
        while not self._closed.done():
            for event in await gateway.events(self._session):
                if not self._closed.done():
                    await self._take(gateway, event)

    async def _take(self, gateway: Gateway, event: Message) -> None:
        waiting = self._answers.pop(event.get("transaction", ""), None)
        match event["janus"]:
            case "event" | "error" if waiting and not waiting.done():
                waiting.set_result(event)
            case "trickle":
                self._tell_candidate(event["candidate"])
            case "webrtcup":
                self._look(await gateway.inspect(self._handle))
                self._enter("connection", "connected")
            case "hangup":
                self._hang_up(event.get("reason", ""))
            case "media" if event.get("mid") in self._tracks:
                name = "trackunmute" if event["receiving"] else "trackmute"
                self._report(name, {"id": self._tracks[event["mid"]]})
            case "slowlink" | "timeout":
                self._report("log", {"level": "warn", "message": f"Janus: {event}"})

    def _tell_candidate(self, candidate: Message) -> None:
        if self._held is not None:
            self._held.append(candidate)
            return
        if candidate.get("completed"):
            self._enter("iceGathering", "complete")
            self._report("icecandidate", {"candidate": None})
            return
        self._enter("iceGathering", "gathering")
        if candidate not in self._candidates:
            self._candidates.append(candidate)
        self._report("icecandidate", {"candidate": candidate})

    def _tell_tracks(self, info: Message) -> None:
        """The media that Janus will receive. It says when the first packet has come, which is when they are unmuted."""
        for mid, medium in info.get("webrtc", {}).get("media", {}).items():
            names = medium.get("msid", {})
            if medium["type"] in ("audio", "video") and medium["direction"]["recv"] and mid not in self._tracks:
                self._tracks[mid] = names.get("remote-track", f"janus-{mid}")
                # A hyphen stands for no stream (RFC 8830 §2).
                streams = [names["remote-stream"]] if names.get("remote-stream", "-") != "-" else []
                data = {"id": self._tracks[mid], "kind": medium["type"], "mid": mid, "streams": streams}
                self._report("track", data)

    async def _follow(self, gateway: Gateway) -> None:
        """Asks for the states until the connection stands, or never will."""
        while self._states["connection"] in ("new", "connecting") and not self._closed.done():
            self._look(await gateway.inspect(self._handle))
            await asyncio.sleep(LOOK_SECONDS)

    def _look(self, info: Message) -> None:
        """Reports what changed. Janus has the times of some of it, on the clock that this adapter uses too."""
        ice, dtls = (info.get("webrtc", {}).get(name, {}) for name in ("ice", "dtls"))
        state = ICE_STATES.get(ice.get("state", ""))
        # What was passed through since the last look.
        if state in ("connected", "completed"):
            self._enter_ice("checking", info.get("agent-started"))
        if state:
            self._enter_ice(state, ice.get("connected"))
        self._tell_pair(ice)
        state = DTLS_STATES.get(dtls.get("dtls-state", ""))
        if state:
            self._enter_dtls("connecting", dtls.get("handshake-started"))
            self._enter_dtls(state, dtls.get("connected"))

    def _enter_ice(self, state: str, at: int | None) -> None:
        order = ("checking", "connected", "completed", "failed")
        known = self._transport["ice"]
        if known in order and order.index(state) <= order.index(known):
            return
        self._transport["ice"] = state
        self._report("icetransportstatechange", {"state": state}, at and at / 1000)
        self._enter("iceConnection", state, at)
        if state in ("checking", "failed"):
            self._enter("connection", "connecting" if state == "checking" else "failed", at)

    def _enter_dtls(self, state: str, at: int | None) -> None:
        order = ("connecting", "connected", "failed")
        known = self._transport["dtls"]
        if known in order and order.index(state) <= order.index(known):
            return
        self._transport["dtls"] = state
        self._report("dtlsstatechange", {"state": state}, at and at / 1000)
        if state == "failed":
            self._enter("connection", "failed", at)

    def _tell_pair(self, ice: Message) -> None:
        """Janus writes a pair as `address:port [type,transport] <-> address:port [type,transport]`."""
        pair = ice.get("selected-pair", "")
        if pair == self._pair:
            return
        self._pair = pair
        local, remote = (
            candidate_at(end, ice.get(f"{side}-candidates", []))
            for end, side in zip(pair.split(" <-> "), ("local", "remote"), strict=True)
        )
        self._report("selectedcandidatepairchange", {"local": local, "remote": remote})

    def _hang_up(self, reason: str) -> None:
        """Janus has given the connection up."""
        self._report("log", {"level": "info", "message": f"Janus hung up: {reason}"})
        if reason == "ICE failed":
            self._enter_ice("failed", None)
            return
        if reason == "DTLS alert":
            # Janus begins DTLS on a connected component alone, even if both were over before it was looked at.
            self._enter_ice("checking", None)
            self._enter_ice("connected", None)
            self._enter_dtls("connecting", None)
        # A handshake that was not completed by then has failed.
        over = "closed" if self._transport["dtls"] == "connected" else "failed"
        if self._transport["dtls"] not in (None, over):
            self._transport["dtls"] = over
            self._report("dtlsstatechange", {"state": over, "reason": reason})
        if self._transport["ice"]:
            self._transport["ice"] = "closed"
            self._report("icetransportstatechange", {"state": "closed"})
            self._enter("iceConnection", "closed")
        self._enter("connection", over)

    def _enter(self, what: str, state: str, at: int | None = None) -> None:
        """Reports a state of the connection that is new. `at` is in microseconds."""
        if self._states[what] != state:
            self._states[what] = state
            self._report(f"{what}statechange".lower(), {"state": state}, at and at / 1000)


def candidate_at(end: str, known: list[str]) -> str:
    """The candidate-attribute at one end of a pair; composed if nobody signalled it."""
    address, kind, transport = re.fullmatch(r"(\S+) \[(\w+),([\w-]+)\]", end).groups()
    host, port = address.rsplit(":", 1)
    for line in known:
        if line.split(" ")[4:6] == [host, port]:
            return f"candidate:{line}"
    return f"candidate:0 1 {transport} 0 {host} {port} typ {kind}"


def with_candidates(sdp: str, candidates: list[Message], all_of_them: bool) -> str:
    """A description with the candidates that Janus has only told on their own, as the API's `localDescription` has them."""
    head, *sections = re.split(r"^(?=m=)", sdp, flags=re.MULTILINE)
    for index, section in enumerate(sections):
        lines = [f"a={each['candidate']}" for each in candidates if each.get("sdpMLineIndex") == index]
        if lines:
            lines += ["a=end-of-candidates"] if all_of_them else []
            sections[index] = section + "".join(f"{line}\r\n" for line in lines)
    return head + "".join(sections)
