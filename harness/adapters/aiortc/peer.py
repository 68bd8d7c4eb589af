"""The peer of one case: a connection with its channels and tracks, and all commands by their names."""

import importlib.metadata
from typing import Any

from channels import Channels
from commands import command, commands_of
from connection import Connection
from line import Report
from tracks import Tracks

# Its API "closely follows" that of the W3C, with other events: it has no `icecandidate`. It does not claim to be that API.
FEATURES = ["data-channels", "audio", "video", "h264"]

# Events that nothing in aiortc causes.
UNREPORTED = ["negotiationneeded", "icecandidateerror", "channelclosing", "trackmute", "trackunmute"]


class Peer:
    """One connection, and what it carries."""

    def __init__(self, report: Report) -> None:
        self._connection = Connection(report)
        self._channels = Channels(self._connection, report)
        self._tracks = Tracks(self._connection, report)
        parts = (self, self._connection, self._channels, self._tracks)
        self.commands = {name: run for part in parts for name, run in commands_of(part).items()}

    @command
    def hello(self) -> dict[str, Any]:
        return {
            "protocol": 2,
            "implementation": "aiortc",
            "version": importlib.metadata.version("aiortc"),
            "commands": [*self.commands, "end"],
            "features": FEATURES,
            "unreported": UNREPORTED,
        }

    async def end(self) -> None:
        """Ends all that runs, so that nothing of this case is left."""
        self._tracks.stop()
        if self._connection.pc is not None:
            await self._connection.close()
