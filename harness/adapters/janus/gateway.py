"""A Janus of one's own: its process, its configuration, and its HTTP API on the loopback interface alone."""

import asyncio
import contextlib
import ctypes
import http.client
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

Message = dict[str, Any]

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
START_SECONDS = 10
# Longer than Janus keeps a request for events waiting, which is 30 s.
HTTP_SECONDS = 40


class GatewayError(Exception):
    """What Janus said instead of doing something."""


def version() -> str:
    """The version of the program, as it tells it itself."""
    told = subprocess.run(["janus", "--help"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"Janus version: \d+ \(([^)]+)\)", told)
    return found[1] if found else "unknown"


class Gateway:
    """A running Janus, which ends with this process whatever happens."""

    def __init__(self, process: asyncio.subprocess.Process, ports: tuple[int, int], secret: str) -> None:
        self.process = process
        self._port, self._admin_port = ports
        self._secret = secret

    @classmethod
    async def start(cls, nat: Message, certificates: Message) -> "Gateway":
        """Starts Janus with these settings of its sections `nat` and `certificates`."""
        secret = secrets.token_hex(16)
        ports = free_ports()
        # Janus reads its configuration once, when it starts.
        folder = Path(tempfile.mkdtemp(prefix="peerproof-janus-"))
        try:
            configure(folder, ports, secret, nat, certificates)
            command = ("janus", "--configs-folder", str(folder), "--disable-colors")
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr,
                stderr=sys.stderr,
                preexec_fn=die_with(os.getpid()),
            )
            gateway = cls(process, ports, secret)
            try:
                await asyncio.wait_for(gateway._answers(), START_SECONDS)
            except BaseException:
                await gateway.stop()
                raise
            return gateway
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def stop(self) -> None:
        """Ends Janus for good. It is not asked: it has been seen to outlive that."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()

    async def ask(self, path: str, **request: Any) -> Message:
        """Gives Janus a request, at the path of a session or a handle. Returns its answer, which is no error."""
        return await self._ask(self._port, f"/janus{path}", {"apisecret": self._secret, **request})

    async def inspect(self, path: str) -> Message:
        """What the Admin API tells of a handle."""
        request = {"janus": "handle_info", "admin_secret": self._secret}
        answer = await self._ask(self._admin_port, f"/admin{path}", request)
        return answer["info"]

    async def events(self, session: str) -> list[Message]:
        """Waits for events of a session. Without any for a while, Janus sends a `keepalive`."""
        path = f"/janus{session}?maxev=20&apisecret={self._secret}"
        told = await asyncio.to_thread(exchange, self._port, "GET", path, None)
        return told if isinstance(told, list) else [told]

    async def _ask(self, port: int, path: str, request: Message) -> Message:
        request = {"transaction": secrets.token_hex(8), **request}
        answer = await asyncio.to_thread(exchange, port, "POST", path, request)
        if answer["janus"] == "error":
            raise GatewayError(f"Janus: {answer['error']['reason']} ({answer['error']['code']})")
        return answer

    async def _answers(self) -> None:
        """Waits until the API answers."""
        while True:
            try:
                await self.ask("", janus="ping")
                return
            except OSError:
                if self.process.returncode is not None:
                    raise GatewayError("Janus ended as soon as it had begun") from None
                await asyncio.sleep(0.01)


def exchange(port: int, method: str, path: str, body: Message | None) -> Any:
    """One HTTP request and its answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HTTP_SECONDS)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        return json.load(connection.getresponse())
    except http.client.HTTPException as error:
        raise ConnectionError(f"Janus gave no answer: {error!r}") from error
    finally:
        connection.close()


def free_ports() -> tuple[int, int]:
    """Two ports of the loopback interface that nobody has."""
    with socket.socket() as first, socket.socket() as second:
        for one in (first, second):
            one.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


def die_with(parent: int) -> Callable[[], None]:
    """For the new process, before it becomes Janus: has the kernel kill it when its parent is gone, even by SIGKILL."""

    def prepare() -> None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def configure(folder: Path, ports: tuple[int, int], secret: str, nat: Message, certificates: Message) -> None:
    """Writes a configuration with the EchoTest plugin and the HTTP API, and nothing else that listens or talks."""
    library = next(Path("/usr/lib").glob("*/janus"))
    for kind, name in (("plugins", "echotest"), ("transports", "http")):
        (folder / kind).mkdir()
        file = f"libjanus_{name}.so"
        (folder / kind / file).symlink_to(library / kind / file)
    (folder / "loggers").mkdir()
    general = {
        "configs_folder": str(folder),
        **{f"{kind}_folder": str(folder / kind) for kind in ("plugins", "transports", "loggers")},
        "api_secret": secret,
        "admin_secret": secret,
        "debug_level": 3,
    }
    settings = {
        "general": general,
        "certificates": certificates,
        "media": {"ipv6": True},
        "nat": {"full_trickle": True, "ignore_unreachable_ice_server": True, **nat},
        "events": {"broadcast": False},
    }
    (folder / "janus.jcfg").write_text(written(settings))
    api = {"http": True, "ip": "127.0.0.1", "port": ports[0], "json": "compact"}
    admin = {"admin_http": True, "admin_ip": "127.0.0.1", "admin_port": ports[1]}
    # The plugin has settings of no interest here, but misses the file.
    (folder / "janus.plugin.echotest.jcfg").touch()
    (folder / "janus.transport.http.jcfg").write_text(written({"general": api, "admin": admin}))


def written(sections: dict[str, Message]) -> str:
    """Settings as libconfig reads them, which writes numbers, truth and strings as JSON does."""
    lines = []
    for section, settings in sections.items():
        lines += [f"{section}: {{", *(f"  {name} = {json.dumps(value)}" for name, value in settings.items()), "}"]
    return "\n".join(lines) + "\n"
