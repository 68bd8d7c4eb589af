"""The connection: its descriptions, candidates and states, and the events that tell of them."""

import asyncio
import dataclasses
import datetime
import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceServer,
    RTCIceTransportPolicy,
    RTCPeerConnection,
    RTCSctpTransport,
    RTCSessionDescription,
)
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcicetransport import RTCIceTransport
from aiortc.sdp import candidate_from_sdp, candidate_to_sdp

import inside
from commands import command
from line import Rejected, Report, Unsupported

T = TypeVar("T")
Description = dict[str, str]


class Connection:
    """The one connection of a case, once it is created."""

    def __init__(self, report: Report) -> None:
        self.pc: RTCPeerConnection | None = None
        # Called with the connection when there is one.
        self.when_created: list[Callable[[RTCPeerConnection], None]] = []
        self.remote_sdp = ""
        self._report = report
        self._last_created: RTCSessionDescription | None = None
        # Done when the connection is closed by a command.
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # The transports that are watched, with the states that were told.
        self._states: dict[RTCIceTransport | RTCDtlsTransport, str] = {}
        self._told: set[RTCIceTransport] = set()
        self._sctp_state = "connecting"
        self._remote_candidates: list[str] = []

    def existing(self) -> RTCPeerConnection:
        """The connection, which must exist."""
        if self.pc is None:
            raise Rejected("InvalidStateError", "no peer connection yet")
        return self.pc

    @command
    def createPeerConnection(
        self, configuration: dict[str, Any] | None = None, ice: dict[str, Any] | None = None
    ) -> None:
        if ice and ice.get("lite"):
            raise Unsupported("aiortc's ICE agent is a full one")
        if ice and ice.get("tcp"):
            raise Unsupported("aiortc has no TCP candidates")
        ready = configuration_of(configuration or {})
        if self.pc is not None:
            raise Rejected("InvalidStateError", "the peer connection exists already")
        self.pc = RTCPeerConnection(ready)
        self._watch_connection(self.pc)
        for attach in self.when_created:
            attach(self.pc)

    @command
    async def createOffer(self, iceRestart: bool = False) -> Description:
        if iceRestart:
            raise Unsupported("aiortc cannot restart ICE: its createOffer has no options")
        self._last_created = await self._until_closed(self.existing().createOffer())
        return told(self._last_created)

    @command
    async def createAnswer(self) -> Description:
        self._last_created = await self._until_closed(self.existing().createAnswer())
        return told(self._last_created)

    @command
    async def setLocalDescription(
        self, description: dict[str, Any] | None = None, asType: str | None = None
    ) -> Description | None:
        if asType is not None:
            description = {"type": asType, "sdp": self._last_created.sdp if self._last_created else ""}
        pc = self.existing()
        wanted = None if description is None else description_of(description)
        await self._negotiated(pc.setLocalDescription(wanted))
        return told(pc.localDescription)

    @command
    async def setRemoteDescription(self, description: dict[str, Any]) -> None:
        pc = self.existing()
        wanted = description_of(description)
        self.remote_sdp = wanted.sdp
        self._remote_candidates += re.findall(r"^a=(candidate:.*?)\r?$", wanted.sdp, re.MULTILINE)
        await self._negotiated(pc.setRemoteDescription(wanted))

    @command
    async def addIceCandidate(self, candidate: dict[str, Any] | None = None) -> None:
        pc = self.existing()
        if candidate is None:
            await self._until_closed(pc.addIceCandidate(None))
            return
        text, mid, index = (candidate.get(key) for key in ("candidate", "sdpMid", "sdpMLineIndex"))
        if not isinstance(text, str) or (mid is None and index is None):
            raise Rejected("TypeError", "the candidate lacks its text, or both sdpMid and sdpMLineIndex")
        if not text:
            # The end of one section's candidates, which aiortc knows at its ICE transports alone.
            for at, name, transport in inside.sections(pc):
                if mid == name or (mid is None and index == at):
                    await transport.addRemoteCandidate(None)
            return
        try:
            parsed = candidate_from_sdp(text.removeprefix("candidate:"))
        except (AssertionError, ValueError, IndexError) as error:
            raise Rejected("OperationError", f"aiortc cannot read the candidate {text!r}") from error
        self._remote_candidates.append(text)
        parsed.sdpMid, parsed.sdpMLineIndex = mid, index
        await self._until_closed(pc.addIceCandidate(parsed))

    @command
    def getState(self) -> dict[str, Any]:
        pc = self.existing()
        dtls = next(iter(transports_of(pc)), None)
        return {
            "signaling": pc.signalingState,
            "iceGathering": pc.iceGatheringState,
            "iceConnection": pc.iceConnectionState,
            "connection": pc.connectionState,
            "dtls": dtls.state if dtls else None,
            "ice": dtls.transport.state if dtls else None,
            "sctp": sctp_state(pc.sctp) if pc.sctp else None,
            "localDescription": told(pc.localDescription),
            "remoteDescription": told(pc.remoteDescription),
            # aiortc has no canTrickleIceCandidates.
            "canTrickle": None,
        }

    @command
    async def getStats(self) -> dict[str, Any]:
        report = await self.existing().getStats()
        return {name: statistics(dataclasses.asdict(entry)) for name, entry in report.items()}

    @command
    async def close(self) -> None:
        pc = self.existing()
        if not self._closed.done():
            self._closed.set_result(None)
        await pc.close()

    async def _until_closed(self, operation: Awaitable[T]) -> T:
        """Waits for an operation, which has an answer even if the connection is closed meanwhile."""
        task = asyncio.ensure_future(operation)
        if not self._closed.done():
            await asyncio.wait({task, self._closed}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                task.cancel()
                raise Rejected("AbortError", "the connection was closed meanwhile")
        return await task

    async def _negotiated(self, operation: Awaitable[T]) -> T:
        """Waits for an operation, then looks for transports that it brought into being."""
        try:
            return await self._until_closed(operation)
        finally:
            self.watch_transports()

    # What happens. aiortc has no `negotiationneeded` and no `icecandidateerror`.

    def _watch_connection(self, pc: RTCPeerConnection) -> None:
        for event, attribute in (
            ("signalingstatechange", "signalingState"),
            ("iceconnectionstatechange", "iceConnectionState"),
            ("connectionstatechange", "connectionState"),
        ):
            pc.on(event, lambda event=event, attribute=attribute: self._tell_state(event, getattr(pc, attribute)))
        pc.on("icegatheringstatechange", self._tell_gathering)

    def _tell_state(self, event: str, state: str) -> None:
        # The connection's states follow from those of its transports: those come first, though aiortc calls back later.
        self.look_at_transports()
        self._report(event, {"state": state})

    def _tell_gathering(self) -> None:
        """aiortc has no event for a candidate. It gathers them all, and they can be read when that is complete."""
        state = self.pc.iceGatheringState
        if state == "complete":
            for index, mid, transport in inside.sections(self.pc):
                if transport not in self._told:
                    self._told.add(transport)
                    self._tell_candidates(index, mid, transport)
        self._report("icegatheringstatechange", {"state": state})
        if state == "complete":
            self._report("icecandidate", {"candidate": None})

    def _tell_candidates(self, index: int, mid: str, transport: RTCIceTransport) -> None:
        ufrag = transport.iceGatherer.getLocalParameters().usernameFragment
        names = {"sdpMid": mid, "sdpMLineIndex": index, "usernameFragment": ufrag}
        for candidate in transport.iceGatherer.getLocalCandidates():
            text = f"candidate:{candidate_to_sdp(candidate)}"
            self._report("icecandidate", {"candidate": {"candidate": text, **names}})

    def watch_transports(self) -> None:
        """Watches transports that are new."""
        for dtls in transports_of(self.pc):
            for transport in (dtls.transport, dtls):
                if transport not in self._states:
                    self._states[transport] = "new"
                    transport.on("statechange", self.look_at_transports)
        self.look_at_transports()

    def look_at_transports(self) -> None:
        """Reports states of transports that changed. SCTP has no event in aiortc, so it is looked at often."""
        for transport, told_state in self._states.items():
            if transport.state != told_state:
                self._states[transport] = transport.state
                if isinstance(transport, RTCIceTransport):
                    self._report("icetransportstatechange", {"state": transport.state})
                    self._tell_pair(transport)
                else:
                    self._report("dtlsstatechange", {"state": transport.state})
        if self.pc.sctp is not None and self.pc.signalingState != "closed":
            state = sctp_state(self.pc.sctp)
            if state != self._sctp_state:
                self._sctp_state = state
                self._report("sctpstatechange", {"state": state})

    def _tell_pair(self, ice: RTCIceTransport) -> None:
        """The selected pair has no event in aiortc. It is there when the transport is completed, and never changes."""
        pair = inside.selected_pair(ice) if ice.state == "completed" else None
        if pair:
            local, remote = pair
            self._report("selectedcandidatepairchange", {"local": local, "remote": self._signalled(remote)})

    def _signalled(self, candidate: str) -> str:
        """A remote candidate as it was signalled, if it was."""
        wanted = candidate.split(" ")
        for line in self._remote_candidates:
            known = line.split(" ")
            same = known[2].lower() == wanted[2].lower() and known[5] == wanted[5] and known[7] == wanted[7]
            if same and (known[4] == wanted[4] or known[4].endswith(".local")):
                return line
        return candidate


def configuration_of(given: dict[str, Any]) -> RTCConfiguration:
    """An RTCConfiguration. Refuses what would be ignored."""
    if given.get("iceCandidatePoolSize"):
        raise Unsupported("aiortc has no RTCConfiguration.iceCandidatePoolSize")
    if given.get("certificate") not in (None, "ECDSA"):
        raise Unsupported("aiortc makes ECDSA certificates and no others")
    try:
        servers = [
            RTCIceServer(urls=server["urls"], username=server.get("username"), credential=server.get("credential"))
            for server in given.get("iceServers") or []
        ]
        bundle = RTCBundlePolicy(given.get("bundlePolicy") or "balanced")
        policy = RTCIceTransportPolicy(given.get("iceTransportPolicy") or "all")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Rejected("TypeError", f"malformed configuration: {error!r}") from error
    urls = [url for server in servers for url in (server.urls if isinstance(server.urls, list) else [server.urls])]
    for scheme in ("stun", "turn"):
        if sum(str(url).startswith(scheme) for url in urls) > 1:
            raise Unsupported(f"aiortc uses one {scheme.upper()} server, the first")
    # Over TLS aiortc trusts a TURN server by Python's default context, which knows the authorities of SSL_CERT_FILE.
    # An empty list: with none at all, aiortc asks a STUN server on the internet.
    return RTCConfiguration(iceServers=servers, iceTransportPolicy=policy, bundlePolicy=bundle)


def description_of(given: dict[str, Any]) -> RTCSessionDescription:
    """An RTCSessionDescription. Refuses what aiortc takes without doing it."""
    kind, sdp = given.get("type"), given.get("sdp", "")
    if kind not in ("offer", "answer", "pranswer", "rollback") or not isinstance(sdp, str):
        raise Rejected("TypeError", f"malformed description of type {kind!r}")
    if kind == "rollback":
        raise Unsupported("aiortc does not roll back")
    if kind == "pranswer":
        raise Unsupported("aiortc takes a provisional answer without a change of its signaling state")
    return RTCSessionDescription(sdp=sdp, type=kind)


def told(description: RTCSessionDescription | None) -> Description | None:
    """A description as the protocol has it."""
    return {"type": description.type, "sdp": description.sdp} if description else None


def sctp_state(sctp: RTCSctpTransport) -> str:
    """The state by the API's names, which have none for an association that nobody began."""
    return "connecting" if sctp.state == "new" else sctp.state


def transports_of(pc: RTCPeerConnection) -> list[RTCDtlsTransport]:
    """Every DTLS transport of the connection, the data channels' first."""
    users = [pc.sctp, *pc.getReceivers()]
    return list(dict.fromkeys(user.transport for user in users if user))


def statistics(entry: dict[str, Any]) -> dict[str, Any]:
    """Statistics as JSON: times are in milliseconds, as in the API."""
    return {
        name: value.timestamp() * 1000 if isinstance(value, datetime.datetime) else value
        for name, value in entry.items()
    }
