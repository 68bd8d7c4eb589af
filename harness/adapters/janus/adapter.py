"""Makes Janus a peer (docs/peer-protocol.md).

How commands are read and answered is in python/line.py. What they do is in peer.py, how Janus is run in gateway.py, how it
is configured for a connection in settings.py.
"""

import asyncio
import signal
import sys
from pathlib import Path

# The line, which adapters in Python share, lies in the folder beside this one.
sys.path.append(str(Path(__file__).resolve().parent.parent / "python"))

from gateway import GatewayError  # noqa: E402
from line import END_SECONDS, Adapter, Report, give_up, serve  # noqa: E402
from peer import UNSUPPORTED, Peer  # noqa: E402


def create_peer(report: Report) -> Peer:
    """The peer of a case. Without its Janus this process ends."""
    return Peer(report, lambda why: give_up(why, status=1))


def rejection(error: Exception) -> tuple[str, str]:
    """Janus has no errors of the API."""
    if isinstance(error, (GatewayError, OSError, TimeoutError)) and str(error):
        return "OperationError", str(error)
    return "OperationError", repr(error)


def end_when_told(_: Report) -> None:
    """Ends this process when it is told to; the kernel then ends Janus."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: give_up("told to end", status=143))


if __name__ == "__main__":
    serve(Adapter(create_peer, UNSUPPORTED, rejection, started=end_when_told, closing_seconds=END_SECONDS))
