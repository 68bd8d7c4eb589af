"""What Janus's configuration has for that of a connection."""

import re

from gateway import Message
from line import Unsupported


def settings_of(configuration: Message, ice: Message) -> tuple[Message, Message]:
    """Janus's settings for a configuration, of its sections `nat` and `certificates`. Refuses what it has none for."""
    if configuration.get("iceTransportPolicy") not in (None, "all"):
        raise Unsupported("Janus has no relay policy")
    if configuration.get("iceCandidatePoolSize"):
        raise Unsupported("Janus gathers when there is an offer, not before")
    if ice.get("tcp") and not ice.get("lite"):
        raise Unsupported("Janus has TCP candidates as a lite agent only")
    nat = {"ice_lite": bool(ice.get("lite")), "ice_tcp": bool(ice.get("tcp"))}
    for server in configuration.get("iceServers") or []:
        for url in server.get("urls", []):
            nat |= server_settings(url, server, nat)
    certificate = configuration.get("certificate")
    if certificate not in (None, "ECDSA", "RSASSA-PKCS1-v1_5"):
        raise Unsupported(f"Janus makes no certificate with {certificate}")
    return nat, {"rsa_private_key": certificate == "RSASSA-PKCS1-v1_5"}


def server_settings(url: str, server: Message, nat: Message) -> Message:
    """The settings for one STUN or TURN server. Janus takes one of each."""
    found = re.fullmatch(r"(stun|turns?):([^:?]+)(?::(\d+))?(?:\?transport=(udp|tcp))?", url)
    if not found:
        raise Unsupported(f"Janus cannot use {url}")
    scheme, host, port, transport = found.groups()
    name = "stun" if scheme == "stun" else "turn"
    if f"{name}_server" in nat:
        raise Unsupported(f"Janus takes one {name.upper()} server")
    settings = {f"{name}_server": host, f"{name}_port": int(port or (5349 if scheme == "turns" else 3478))}
    if name == "turn":
        settings["turn_type"] = "tls" if scheme == "turns" else transport or "udp"
        settings |= {"turn_user": server.get("username", ""), "turn_pwd": server.get("credential", "")}
    return settings
