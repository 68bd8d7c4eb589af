"""The peer connection: descriptions, candidates, states and statistics."""

import re
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from gi.repository import GLib, GObject, Gst, GstSdp, GstWebRTC

from errors import Rejected, Unsupported

Report = Callable[..., None]

# How long webrtcbin may take for an operation. The harness gives a peer 20 s.
PATIENCE_SECONDS = 15

TYPES = {
    "offer": GstWebRTC.WebRTCSDPType.OFFER,
    "answer": GstWebRTC.WebRTCSDPType.ANSWER,
    "pranswer": GstWebRTC.WebRTCSDPType.PRANSWER,
    "rollback": GstWebRTC.WebRTCSDPType.ROLLBACK,
}


class Connection:
    """One webrtcbin in a pipeline of its own."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._last_created = ""
        self._last_ice_connection_state = "new"
        self._watched: list[GObject.Object] = []
        self._candidates: dict[str, list[str]] = {"local": [], "remote": []}
        # In the order in which they came to be, as webrtcbin's own array has them, which Python cannot read.
        self.transceivers: list[GObject.Object] = []
        # Called with the new element; before each offer and answer, with whether it is an offer; after each exchange.
        self.when_created: list[Callable[[Gst.Element], None]] = []
        self.before_description: list[Callable[[bool], None]] = []
        self.when_stable: list[Callable[[], None]] = []
        self.pipeline: Gst.Pipeline | None = None
        self._bin: Gst.Element | None = None
        self.closed = False

    @property
    def bin(self) -> Gst.Element:
        """The element, which has to be there."""
        if self._bin is None:
            raise Rejected("InvalidStateError", "no peer connection yet")
        return self._bin

    # ------------------------------------------------------------------------------------------------------------ commands

    def create_peer_connection(
        self, configuration: dict[str, Any] | None = None, ice: dict[str, Any] | None = None
    ) -> None:
        """What `ice` asks for by `tcp`, webrtcbin always has: candidates of TCP, active and passive, beside those of UDP."""
        if (ice or {}).get("lite"):
            raise Unsupported("webrtcbin's ICE agent is a full one")
        if self._bin is not None:
            raise Rejected("InvalidStateError", "the peer connection exists already")
        element = Gst.ElementFactory.make("webrtcbin")
        if element is None:
            raise Rejected("OperationError", "there is no element webrtcbin: is a plug-in missing?")
        configure(element, configuration or {}, self._log)
        self.pipeline = Gst.Pipeline()
        self.pipeline.add(element)
        self._bin = element
        # webrtcbin 1.22 gives away its own reference here: a second look would free the agent.
        self._agent = element.props.ice_agent
        self._listen(element)
        for call in self.when_created:
            call(element)
        threading.Thread(target=self._log_messages, daemon=True).start()
        self.pipeline.set_state(Gst.State.PLAYING)

    def create_offer(self, iceRestart: bool = False) -> dict[str, str]:
        if iceRestart:
            raise Unsupported("webrtcbin has no ICE restart")
        return self._create("offer")

    def create_answer(self) -> dict[str, str]:
        return self._create("answer")

    def _create(self, kind: str) -> dict[str, str]:
        element = self.bin
        for call in self.before_description:
            call(kind == "offer")
        reply = self._ask(f"create-{kind}", None)
        description = reply.get_value(kind) if reply else None
        if description is None:
            raise Rejected("OperationError", f"webrtcbin ({element.props.signaling_state.value_nick}) made no {kind}")
        told = tell(description)
        self._last_created = told["sdp"]
        return told

    def set_local_description(
        self, description: dict[str, str] | None = None, asType: str | None = None
    ) -> dict[str, str] | None:
        element = self.bin
        if asType is not None:
            description = {"type": asType, "sdp": self._last_created}
        if description is None:
            raise Unsupported("webrtcbin's set-local-description has no implicit form")
        self._set("set-local-description", description)
        return tell(element.props.local_description)

    def set_remote_description(self, description: dict[str, str]) -> None:
        self._candidates["remote"] += re.findall(r"^a=(candidate:.*?)\r?$", description.get("sdp", ""), re.MULTILINE)
        self._set("set-remote-description", description)

    def _set(self, operation: str, description: dict[str, str]) -> None:
        element = self.bin
        self._ask(operation, read(description))
        self._watch_transports()
        if element.props.signaling_state == GstWebRTC.WebRTCSignalingState.STABLE:
            for call in self.when_stable:
                call()

    def add_ice_candidate(self, candidate: dict[str, Any] | None = None) -> None:
        """The signal has no promise: what webrtcbin thinks of a candidate nobody gets to know."""
        element = self.bin
        if candidate is None:
            candidate = {"candidate": ""}
        text, index = candidate.get("candidate"), candidate.get("sdpMLineIndex")
        if not isinstance(text, str):
            raise Rejected("TypeError", "the candidate has no candidate-attribute")
        if index is None:
            index = section_of(tell(element.props.remote_description), candidate.get("sdpMid"))
        if text:
            self._candidates["remote"].append(text)
        element.emit("add-ice-candidate", index, text)

    def get_state(self) -> dict[str, Any]:
        element = self.bin
        sctp = element.props.sctp_transport
        dtls = sctp.props.transport if sctp else next(iter(self.dtls_transports()), None)
        ice = dtls.props.transport if dtls else None
        # "new" is webrtcbin's own: the W3C's state begins with "connecting".
        sctp_state = sctp.props.state.value_nick.replace("new", "connecting") if sctp else None
        return {
            "signaling": element.props.signaling_state.value_nick,
            "iceGathering": element.props.ice_gathering_state.value_nick,
            "iceConnection": self._ice_connection_state(),
            "connection": element.props.connection_state.value_nick,
            "dtls": dtls.props.state.value_nick if dtls else None,
            "ice": ice.props.state.value_nick if ice else None,
            "sctp": sctp_state,
            "localDescription": tell(element.props.local_description),
            "remoteDescription": tell(element.props.remote_description),
            "canTrickle": None,
        }

    def get_stats(self) -> dict[str, Any]:
        if self.bin and self.closed:
            raise Unsupported("webrtcbin has no statistics once its pipeline has ended")
        reply = self._ask("get-stats", None)
        names = [reply.nth_field_name(index) for index in range(reply.n_fields())] if reply else []
        return {name: plain(field(reply, name)) for name in names}

    def close(self) -> None:
        """webrtcbin has no close of its own: it closes when its pipeline ends."""
        element = self.bin
        self.closed = True
        ended = threading.Thread(target=self.pipeline.set_state, args=(Gst.State.NULL,), daemon=True)
        ended.start()
        ended.join(PATIENCE_SECONDS)
        if ended.is_alive():
            raise Rejected("OperationError", f"{element.get_name()} does not end")

    def _ask(self, operation: str, argument: Any) -> Gst.Structure | None:
        """Begins an operation, waits for its promise and returns the reply. An error in it is raised."""
        done = threading.Event()
        promise = Gst.Promise.new_with_change_func(lambda *_: done.set())
        self.bin.emit(operation, argument, promise)
        if not done.wait(PATIENCE_SECONDS):
            raise Rejected("OperationError", f"{operation} came to no end")
        reply = promise.get_reply() if promise.wait() == Gst.PromiseResult.REPLIED else None
        if reply is not None and reply.has_field("error"):
            raise reply.get_value("error")
        if self.closed and reply is None:
            raise Rejected("InvalidStateError", "the connection is closed")
        return reply

    # -------------------------------------------------------------------------------------------------------------- events

    def _listen(self, element: Gst.Element) -> None:
        element.connect("on-negotiation-needed", lambda _: self._report("negotiationneeded"))
        element.connect("on-ice-candidate", self._take_candidate)
        element.connect("on-new-transceiver", lambda _, transceiver: self.transceivers.append(transceiver))
        for state, event in [
            ("signaling-state", "signalingstatechange"),
            ("connection-state", "connectionstatechange"),
        ]:
            tell_changes(element, state, lambda new, event=event: self._report(event, {"state": new}))
        tell_changes(element, "ice-connection-state", self._report_ice_connection_state)
        tell_changes(element, "ice-gathering-state", self._take_gathering_state)

    def _ice_connection_state(self) -> str:
        """webrtcbin 1.22 sums up the ICE transports of media alone: with nothing but data channels its own state stays `new`."""
        sctp = self.bin.props.sctp_transport
        dtls = sctp.props.transport if sctp and not self.transceivers else None
        of = dtls.props.transport.props.state if dtls and dtls.props.transport else self.bin.props.ice_connection_state
        return of.value_nick

    def _report_ice_connection_state(self, state: str) -> None:
        if state != self._last_ice_connection_state:
            self._last_ice_connection_state = state
            self._report("iceconnectionstatechange", {"state": state})

    def _take_candidate(self, _: Gst.Element, index: int, text: str) -> None:
        self._candidates["local"].append(text)
        self._report("icecandidate", {"candidate": {"candidate": text, "sdpMLineIndex": index}})

    def _take_gathering_state(self, new: str) -> None:
        self._report("icegatheringstatechange", {"state": new})
        # webrtcbin has no signal for the end of candidates; this state means it.
        if new == "complete":
            self._report("icecandidate", {"candidate": None})

    def dtls_transports(self) -> list[GObject.Object]:
        """Every DTLS transport, the data channels' first."""
        sctp = self.bin.props.sctp_transport
        users = [sctp] if sctp else []
        users += [end for each in self.transceivers for end in (each.props.sender, each.props.receiver)]
        found: list[GObject.Object] = []
        for user in users:
            if user.props.transport and user.props.transport not in found:
                found.append(user.props.transport)
        return found

    def _watch_transports(self) -> None:
        sctp = self.bin.props.sctp_transport
        if sctp and self._unwatched(sctp):
            tell_changes(sctp, "state", lambda new: new != "new" and self._report("sctpstatechange", {"state": new}))
        for dtls in self.dtls_transports():
            if self._unwatched(dtls):
                tell_changes(dtls, "state", lambda new: self._report("dtlsstatechange", {"state": new}))
            ice = dtls.props.transport
            if ice and self._unwatched(ice):
                tell_changes(ice, "state", self._take_ice_state)
                ice.connect("on-selected-candidate-pair-change", self._take_pair)

    def _take_ice_state(self, new: str) -> None:
        # Nothing may be asked of the element here, which is locked.
        if not self.transceivers:
            self._report_ice_connection_state(new)
        self._report("icetransportstatechange", {"state": new})

    def _take_pair(self, ice: GObject.Object) -> None:
        """The signal names no pair; the ICE agent knows it, though not by the lines that were signalled."""
        done, local, remote = self._agent.get_selected_pair(ice.props.stream)
        if done:
            pair = {
                "local": line_of(local, self._candidates["local"]),
                "remote": line_of(remote, self._candidates["remote"]),
            }
            self._report("selectedcandidatepairchange", pair)

    def _unwatched(self, transport: GObject.Object) -> bool:
        """True the first time for each transport."""
        if transport in self._watched:
            return False
        self._watched.append(transport)
        return True

    def _log(self, level: str, message: str) -> None:
        self._report("log", {"level": level, "message": message})

    def _log_messages(self) -> None:
        """Tells the errors and warnings of the pipeline's elements."""
        bus = self.pipeline.get_bus()
        kinds = Gst.MessageType.ERROR | Gst.MessageType.WARNING
        while (message := bus.timed_pop_filtered(Gst.CLOCK_TIME_NONE, kinds)) is not None:
            failed = message.type == Gst.MessageType.ERROR
            error, detail = message.parse_error() if failed else message.parse_warning()
            self._log("error" if failed else "warn", f"{message.src.get_name()}: {error.message} ({detail})")


def start_gstreamer() -> None:
    """Has what goes wrong in GStreamer said on standard error, unless the environment asks for something else."""
    Gst.init(None)
    if GLib.getenv("GST_DEBUG") is None:
        Gst.debug_set_colored(False)
        Gst.debug_set_threshold_from_string("webrtc*:2,dtls*:2,sctp*:2,nice*:2", True)


def configure(element: Gst.Element, configuration: dict[str, Any], log: Callable[[str, str], None]) -> None:
    """Sets what webrtcbin has properties for."""
    certificate = configuration.get("certificate")
    if certificate not in (None, "RSASSA-PKCS1-v1_5"):
        raise Unsupported("webrtcbin makes a certificate with an RSA key and takes no other")
    policy = configuration.get("iceTransportPolicy") or "all"
    if policy not in ("all", "relay"):
        raise Rejected("TypeError", f"unknown iceTransportPolicy {policy}")
    element.set_property("ice-transport-policy", policy)
    bundle = configuration.get("bundlePolicy") or "balanced"
    if bundle not in ("balanced", "max-compat", "max-bundle"):
        raise Rejected("TypeError", f"unknown bundlePolicy {bundle}")
    # webrtcbin has not implemented "balanced", and without a policy it does not bundle at all. With one section of each
    # kind "max-compat" is the same.
    element.set_property("bundle-policy", "max-compat" if bundle == "balanced" else bundle)
    stun = None
    for server in configuration.get("iceServers") or []:
        for url in server["urls"]:
            scheme, _, rest = url.partition(":")
            if scheme.startswith("turn"):
                user, secret = (quote(server.get(part) or "", safe="") for part in ("username", "credential"))
                if not element.emit("add-turn-server", f"{scheme}://{user}:{secret}@{rest}"):
                    raise Rejected("SyntaxError", f"webrtcbin does not take {url}")
            elif stun is None:
                stun = f"{scheme}://{rest}"
            else:
                log("warn", f"webrtcbin has room for one STUN server: {url} is left out")
    if stun:
        element.set_property("stun-server", stun)


def tell_changes(thing: GObject.Object, name: str, tell_new: Callable[[str], Any]) -> None:
    """Tells each new value of a property, and one that it has already if that is not the first of its kind."""
    known = ["new" if name != "signaling-state" else "stable"]
    lock = threading.Lock()

    def changed(*_: Any) -> None:
        with lock:
            value = thing.get_property(name).value_nick
            if value != known[0]:
                known[0] = value
                tell_new(value)

    thing.connect(f"notify::{name}", changed)
    changed()


def tell(description: GstWebRTC.WebRTCSessionDescription | None) -> dict[str, str] | None:
    return description and {"type": description.type.value_nick, "sdp": description.sdp.as_text()}


def read(description: dict[str, str]) -> GstWebRTC.WebRTCSessionDescription:
    kind, sdp = description.get("type"), description.get("sdp", "")
    if kind not in TYPES or not isinstance(sdp, str):
        raise Rejected("TypeError", f"unknown description type {kind}")
    if kind == "rollback":
        _, message = GstSdp.SDPMessage.new()
    else:
        result, message = GstSdp.SDPMessage.new_from_text(sdp)
        if result != GstSdp.SDPResult.OK:
            raise Rejected("OperationError", f"GStreamer reads no SDP in it ({result.value_nick})")
    return GstWebRTC.WebRTCSessionDescription.new(TYPES[kind], message)


def section_of(description: dict[str, str] | None, mid: str | None) -> int:
    """The index of a media section, which is all that webrtcbin takes with a candidate. Without a MID, that of the first."""
    if mid is None:
        return 0
    if description is None:
        raise Unsupported(
            "webrtcbin takes a candidate with the index of its media section, and no description tells that"
        )
    for index, section in enumerate(sections(description["sdp"])):
        if f"a=mid:{mid}" in section:
            return index
    raise Rejected("OperationError", f"unknown media section {mid}")


def sections(sdp: str) -> list[list[str]]:
    """The lines of each media section. GStreamer's own SDP objects are not safe in Python: they point into what may be freed."""
    return [
        ["m=" + section.splitlines()[0], *section.splitlines()[1:]]
        for section in re.split(r"^m=", sdp, flags=re.MULTILINE)[1:]
    ]


def line_of(candidate: GstWebRTC.WebRTCICECandidateStats, known: list[str]) -> str:
    """The candidate-attribute as it was signalled, or composed if it never was."""
    protocol, address, port, kind = candidate.proto.lower(), candidate.ipaddr, str(candidate.port), candidate.type
    for text in known:
        parts = text.split()
        if [parts[2].lower(), parts[4], parts[5], parts[7]] == [protocol, address, port, kind]:
            return text
    return f"candidate:0 1 {protocol} {candidate.prio} {address} {port} typ {kind}"


def plain(value: Any) -> Any:
    """What webrtcbin says in statistics, for JSON. Its names are those of the W3C with hyphens (packets-received)."""
    if isinstance(value, Gst.Structure):
        names = [value.nth_field_name(index) for index in range(value.n_fields())]
        return {camel(name) if "-" in name else name: plain(field(value, name)) for name in names}
    if isinstance(value, GObject.GEnum):
        return value.value_nick
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def field(structure: Gst.Structure, name: str) -> Any:
    try:
        return structure.get_value(name)
    except TypeError:  # a type that Python knows nothing of
        return None


def camel(name: str) -> str:
    first, *rest = name.split("-")
    return first + "".join(word.capitalize() for word in rest)
