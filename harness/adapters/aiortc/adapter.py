"""Makes aiortc a peer (docs/peer-protocol.md).

How commands are read and answered is in python/line.py. What they do is in connection.py, channels.py and tracks.py.
"""

import logging
import sys
from pathlib import Path

# The line, which adapters in Python share, lies in the folder beside this one.
sys.path.append(str(Path(__file__).resolve().parent.parent / "python"))

import inside  # noqa: E402
from commands import UNSUPPORTED, rejection  # noqa: E402
from line import Adapter, Report, serve  # noqa: E402
from peer import Peer  # noqa: E402


def tell_keys(report: Report) -> None:
    """Reports each secret of a DTLS association."""
    inside.tell_keys(lambda line: report("keylog", {"line": line}))


def main() -> None:
    """Serves."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    serve(Adapter(Peer, lacks=UNSUPPORTED, rejection=rejection, started=tell_keys))


if __name__ == "__main__":
    main()
