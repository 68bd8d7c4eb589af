"""Messages of data channels: what they hold, how they are told, and how an echo may falsify them."""

import base64
import binascii
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from line import Rejected

# Text up to this many bytes is reported in full.
SHORT = 1024

Data = str | bytes


def summary(label: str, data: Data) -> dict[str, Any]:
    """What is told of a message that came: its size and checksum, and itself if it is a short text."""
    text = isinstance(data, str)
    content = data.encode() if text else data
    told = {"channel": label, "text": text, "size": len(content), "crc32": zlib.crc32(content)}
    if text and len(content) <= SHORT:
        told["value"] = data
    return told


def pattern(size: int, seed: int, text: bool) -> Data:
    """The bytes that both sides can compute."""
    content = bytearray(size)
    x = seed
    for i in range(size):
        x = (x * 1664525 + 1013904223) & 0xFFFFFFFF
        content[i] = x >> 24
    return "".join(chr(97 + byte % 26) for byte in content) if text else bytes(content)


def payloads(message: dict[str, Any], times: int) -> Iterator[Data]:
    """The messages that a `send` asks for. Refuses what is malformed before the first one."""
    match message:
        case {"text": str(text)}:
            return iter([text] * times)
        case {"binary": str(encoded)}:
            try:
                return iter([base64.b64decode(encoded, validate=True)] * times)
            except binascii.Error as error:
                raise Rejected("TypeError", f"binary is no base64: {error}") from error
        case {"pattern": {"size": int(size), "seed": int(seed), **rest}}:
            text = bool(rest.get("text", False))
            return (pattern(size, (seed + round) & 0xFFFFFFFF, text) for round in range(times))
    raise Rejected("TypeError", "a message is a text, a binary or a pattern")


def truly(data: Data) -> list[Data]:
    """An echo that tells the truth."""
    return [data]


def corrupt_last_byte(data: Data) -> list[Data]:
    """Flips the lowest bit of the last byte."""
    content = bytearray(data.encode() if isinstance(data, str) else data)
    if content:
        content[-1] ^= 1
    return [content.decode(errors="replace") if isinstance(data, str) else bytes(content)]


def as_text(data: Data) -> list[Data]:
    """Makes a string of binary, one character a byte."""
    return [data if isinstance(data, str) else data.decode("latin-1")]


def swap_pairs() -> Callable[[Data], list[Data]]:
    """Has each two messages change places."""
    held: list[Data] = []

    def answers(data: Data) -> list[Data]:
        if not held:
            held.append(data)
            return []
        return [data, held.pop()]

    return answers


def drop_every_third() -> Callable[[Data], list[Data]]:
    """Keeps every third message."""
    count = 0

    def answers(data: Data) -> list[Data]:
        nonlocal count
        count += 1
        return [] if count % 3 == 0 else [data]

    return answers


# What an echo does with each message: a function that returns those to send back now.
DEFECTS: dict[str, Callable[[], Callable[[Data], list[Data]]]] = {
    "none": lambda: truly,
    "corrupt-last-byte": lambda: corrupt_last_byte,
    "swap-pairs": swap_pairs,
    "as-text": lambda: as_text,
    "drop-every-third": drop_every_third,
}
