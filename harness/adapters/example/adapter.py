"""The smallest useful adapter: makes aiortc a peer for scenarios with data channels. Copy it to begin one of your own.
Commands come in, answers and events go out, as lines of JSON: docs/peer-protocol.md. ../aiortc does all of aiortc."""

import asyncio
import binascii
import json
import sys
import time

import aiortc
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp, candidate_to_sdp

OUTPUT, sys.stdout = sys.stdout, sys.stderr  # whoever else prints, prints to standard error
STATES = ("signaling", "iceGathering", "iceConnection", "connection")
NAMES = {"InvalidStateError": "InvalidStateError", "TypeError": "TypeError", "KeyError": "NotFoundError"}


class Peer:  # a method is the command of its name, unless that begins with `_`; its arguments are the command's
    _pc, _channels, _echoes, _seq = None, {}, set(), 0

    def hello(self):
        commands = [name for name in dir(self) if not name.startswith("_")]
        features = ["data-channels"]  # not "w3c-api": aiortc does not say that its API is that one
        return {"protocol": 2, "implementation": "example", "version": aiortc.__version__, "commands": commands, "features": features}

    def createPeerConnection(self, configuration={}, ice=None):
        if ice or configuration.get("iceTransportPolicy", "all") != "all":
            raise NotImplementedError("this peer has no such option")  # to ignore it would be to pretend
        servers = [RTCIceServer(**server) for server in configuration.get("iceServers", [])]
        self._pc = RTCPeerConnection(RTCConfiguration(servers))
        for name in STATES:
            self._pc.on(f"{name}statechange".lower(), lambda name=name: self._on_state(name))
        self._pc.on("datachannel", self._on_channel)

    def createDataChannel(self, label, ordered=True, **options):
        assert isinstance(ordered, bool), "ordered is true or false"  # aiortc refuses the rest itself
        return self._watch(self._pc.createDataChannel(label, ordered=ordered, **options))

    def send(self, channel, message, times=1):
        for round in range(times):
            self._channels[channel].send(self._payload(message, round))

    def _payload(self, message, round):
        if "pattern" not in message:
            return message["text"] if "text" in message else binascii.a2b_base64(message["binary"])
        size, x, text = message["pattern"]["size"], message["pattern"]["seed"] + round, message["pattern"].get("text")
        content = bytes((x := (x * 1664525 + 1013904223) % 2**32) >> 24 for _ in range(size))
        return "".join(chr(97 + byte % 26) for byte in content) if text else content

    def echo(self, channel, defect="none"):
        if defect != "none":
            raise NotImplementedError("this echo tells the truth")
        self._echoes.add(channel)  # the channel itself may come later

    async def createOffer(self, iceRestart=False):
        if iceRestart:
            raise NotImplementedError("aiortc cannot restart ICE")
        return await self._pc.createOffer()

    async def createAnswer(self):
        return await self._pc.createAnswer()

    async def setLocalDescription(self, description=None):
        await self._pc.setLocalDescription(description and self._taken(**description))
        return self._pc.localDescription

    async def setRemoteDescription(self, description):
        await self._pc.setRemoteDescription(self._taken(**description))

    def _taken(self, type, sdp=""):
        if type not in ("offer", "answer") or "m=audio" in sdp or "m=video" in sdp:
            raise NotImplementedError("this peer takes offers and answers for data channels alone")
        return RTCSessionDescription(sdp, type)

    async def addIceCandidate(self, candidate=None):
        found = candidate and candidate_from_sdp(candidate["candidate"].removeprefix("candidate:"))
        if found:
            found.sdpMid, found.sdpMLineIndex = candidate.get("sdpMid"), candidate.get("sdpMLineIndex")
        await self._pc.addIceCandidate(found)  # None is the end of candidates

    def getState(self):
        descriptions = {name: getattr(self._pc, name) for name in ("localDescription", "remoteDescription")}
        return descriptions | {name: getattr(self._pc, f"{name}State") for name in STATES}

    async def close(self):
        await self._pc.close()

    def _on_state(self, name):
        state = getattr(self._pc, f"{name}State")
        if state == "complete":  # aiortc tells of no candidate while it gathers, but now all can be read
            gatherer = self._pc.sctp.transport.transport.iceGatherer
            where = {"sdpMLineIndex": 0, "usernameFragment": gatherer.getLocalParameters().usernameFragment}
            for found in gatherer.getLocalCandidates():
                self._report("icecandidate", candidate={"candidate": f"candidate:{candidate_to_sdp(found)}", **where})
        self._report(f"{name}statechange".lower(), state=state)
        if state == "complete":
            self._report("icecandidate", candidate=None)

    def _properties(self, channel):
        names = ("label", "id", "ordered", "maxRetransmits", "maxPacketLifeTime", "protocol", "negotiated")
        return {name: value for name in names if (value := getattr(channel, name)) is not None}

    def _on_channel(self, channel):  # aiortc shows a remote channel when it is open
        self._report("datachannel", channel=self._watch(channel))
        self._report("channelopen", channel=self._properties(channel))

    def _watch(self, channel):
        self._channels[channel.label] = channel
        channel.on("open", lambda: self._report("channelopen", channel=self._properties(channel)))
        channel.on("close", lambda: self._report("channelclose", channel=channel.label))
        channel.on("message", lambda data: self._on_message(channel, data))
        return self._properties(channel)

    def _on_message(self, channel, data):
        text, content = isinstance(data, str), data.encode() if isinstance(data, str) else data
        told = {"channel": channel.label, "text": text, "size": len(content), "crc32": binascii.crc32(content)}
        self._report("channelmessage", message=told | ({"value": data} if text and len(content) <= 1024 else {}))
        if channel.label in self._echoes:
            channel.send(data)

    def _report(self, event, **data):  # numbered without gaps: a gap means that an event was lost
        self._say(seq=self._seq, event=event, data=data)
        self._seq += 1

    def _say(self, **message):  # `t`: milliseconds of a clock that never goes back
        print(json.dumps({"t": time.perf_counter() * 1000, **message}, default=vars), file=OUTPUT, flush=True)

    async def _carry_out(self, id, command, args=None):
        try:
            if command.startswith("_") or not hasattr(self, command):
                raise NotImplementedError(f"unknown command {command}")
            if (self._pc is None) != (command == "createPeerConnection") and command not in ("hello", "echo"):
                raise aiortc.InvalidStateError("no peer connection yet, or one already")
            result = getattr(self, command)(**{name: it for name, it in (args or {}).items() if it is not None})
            answer = {"ok": await result if asyncio.iscoroutine(result) else result}
        except NotImplementedError as reason:
            answer = {"unsupported": {"reason": str(reason)}}
        except Exception as error:  # told by the name that it has in a browser
            answer = {"rejected": {"name": NAMES.get(type(error).__name__, "OperationError"), "message": str(error)}}
        self._say(id=id, answer=answer)

    async def _serve(self):
        tasks = set()  # one for each command: one that takes long keeps nobody from reading the next
        while line := await asyncio.to_thread(sys.stdin.readline):
            tasks.add(asyncio.create_task(self._carry_out(**json.loads(line))))


asyncio.run(Peer()._serve())
