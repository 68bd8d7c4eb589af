"""Numbered frames and tones, as docs/media.md describes them: made, and read from what was decoded."""

import cmath
import math
import random
from array import array

SAMPLE_RATE = 48000
# 20 ms.
BLOCK = 960
# What a tone is heard in: 100 ms.
NEWEST = 4800
# Points of the Fourier transform, with zeros after the samples.
POINTS = 8192
SILENCE = 0.01

SYNC = 0xA6
BARS = bytes(16 + column * 219 // 63 for column in range(64))


def crc8(octets: bytes) -> int:
    crc = 0
    for octet in octets:
        crc ^= octet
        for _ in range(8):
            crc = ((crc << 1) ^ (0x07 if crc & 0x80 else 0)) & 0xFF
    return crc


def frame_code(number: int) -> int:
    """The 32 cells of a frame's number."""
    return SYNC << 24 | number << 8 | crc8(number.to_bytes(2, "big"))


def paint(number: int, width: int, height: int) -> bytes:
    """A picture in the format I420, without padding."""
    half = height // 2
    rows = []
    code = frame_code(number)
    for row in range(4):
        line = b"".join(
            bytes([235 if code >> 31 - 8 * row - column & 1 else 16])
            * ((column + 1) * width // 8 - column * width // 8)
            for column in range(8)
        )
        rows.append(line * ((row + 1) * half // 4 - row * half // 4))
    # The lower half only has to be worth encoding: bars that move, and blocks that flicker.
    shift = number * 4 % 64
    bars = (BARS * (width // 64 + 2))[64 - shift :][:width]
    for row in range(8):
        line = bytearray(bars)
        for column in range(16):
            if (row * 16 + column) % 4 == number % 4:
                left, right = column * width // 16, (column + 1) * width // 16
                line[left:right] = bytes([random.randrange(16, 236)]) * (right - left)
        rows.append(bytes(line) * ((row + 1) * (height - half) // 8 - row * (height - half) // 8))
    return b"".join(rows) + b"\x80" * (width * height // 2)


def read_number(luminance: bytes, stride: int, width: int, height: int) -> int | None:
    """The number in a picture, if it is recognised."""
    code = 0
    for cell in range(32):
        row, column = divmod(cell, 8)
        left, right = (4 * column + 1) * width // 32, (4 * column + 3) * width // 32
        top, bottom = (4 * row + 1) * height // 32, (4 * row + 3) * height // 32
        area = (right - left) * (bottom - top)
        total = sum(sum(luminance[y * stride + left : y * stride + right]) for y in range(top, bottom))
        code = code << 1 | (area > 0 and total >= 128 * area)
    number = code >> 8 & 0xFFFF
    return number if code == frame_code(number) else None


def sine(hertz: float, first: int) -> bytes:
    """20 ms of a tone (16 bits, mono) from its sample number `first` on."""
    step = 2 * math.pi * hertz / SAMPLE_RATE
    return array("h", (round(16384 * math.sin(step * n)) for n in range(first, first + BLOCK))).tobytes()


def tone_of(samples: array) -> int | None:
    """The strongest tone of a block in whole hertz; none in silence."""
    count = len(samples)
    if count == 0 or math.sqrt(sum(sample * sample for sample in samples) / count) < SILENCE * 32768:
        return None
    window = [sample * (1 - math.cos(2 * math.pi * n / count)) for n, sample in enumerate(samples)]
    power = [abs(value) ** 2 for value in spectrum(window + [0.0] * (POINTS - count))]
    width = SAMPLE_RATE / POINTS
    lowest, highest = math.ceil(20 / width), math.floor(16000 / width)
    best = max(range(lowest, highest + 1), key=power.__getitem__)
    # The top of the parabola through the logarithms of the three around the peak.
    left, peak, right = (math.log(power[best + side] + 1e-9) for side in (-1, 0, 1))
    offset = (left - right) / (2 * (left - 2 * peak + right)) if left + right < 2 * peak else 0
    return round((best + offset) * width)


TURNS = {1 << bits: [cmath.exp(-2j * math.pi * n / (1 << bits)) for n in range(1 << bits - 1)] for bits in range(1, 14)}


def transform(values: list[complex]) -> list[complex]:
    """The fast Fourier transform, for as many values as a power of two."""
    count = len(values)
    if count == 1:
        return values
    even, odd = transform(values[::2]), transform(values[1::2])
    turned = [turn * value for turn, value in zip(TURNS[count], odd)]
    return [a + b for a, b in zip(even, turned)] + [a - b for a, b in zip(even, turned)]


def spectrum(values: list[float]) -> list[complex]:
    """The transform of real values, up to half the sample rate. Two go in one complex value, which halves the work."""
    half = len(values) // 2
    both = transform([complex(a, b) for a, b in zip(values[::2], values[1::2])])
    mirrored = [both[-n].conjugate() for n in range(half)]
    return [(a + b) / 2 - 0.5j * turn * (a - b) for a, b, turn in zip(both, mirrored, TURNS[len(values)])]
