"""Numbered frames and tones (docs/media.md): sources of them, and what is seen and heard of those that come."""

import asyncio
import fractions
import math
import time
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

SYNC = 0xA6
BLACK, WHITE, NEUTRAL = 16, 235, 128
VIDEO_CLOCK = 90_000
AUDIO_RATE = 48_000
# Samples of an audio packet: 20 ms.
AUDIO_BLOCK = 960
SILENCE = 0.01
# Points of the Fourier transform, more than there are samples: its lines are then less than 3 Hz apart.
FFT_SIZE = 16_384
REPORT_SECONDS = 0.25


def crc8(content: bytes) -> int:
    """CRC-8: polynomial 0x07, from zero, not reflected."""
    crc = 0
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ (0x07 if crc & 0x80 else 0)) & 0xFF
    return crc


def frame_code(number: int) -> int:
    """The 32 cells of a frame's number."""
    return SYNC << 24 | number << 8 | crc8(number.to_bytes(2, "big"))


class FrameSource(MediaStreamTrack):
    """A camera whose frames are numbered."""

    kind = "video"

    def __init__(self, width: int, height: int, frame_rate: int) -> None:
        super().__init__()
        self.stream = str(uuid.uuid4())
        self.settings = {"width": width, "height": height, "frameRate": frame_rate}
        self._width, self._height, self._rate = width, height, frame_rate
        self._begun: float | None = None
        self._index = -1
        self._random = np.random.default_rng()
        x, y = np.arange(width + 64), np.arange(height // 2)
        self._bars = (BLACK + (x + y[:, np.newaxis]) % 64 * (WHITE - BLACK) // 63).astype(np.uint8)

    async def recv(self) -> VideoFrame:
        """The next frame, when it is due. aiortc asks for it once the last one is encoded."""
        if self.readyState != "live":
            raise MediaStreamError
        now = time.monotonic()
        if self._begun is None:
            self._begun = now
        # A camera does not wait: a frame that nobody took in time is lost, with its number.
        self._index = max(self._index + 1, int((now - self._begun) * self._rate))
        await asyncio.sleep(self._begun + self._index / self._rate - now)
        frame = VideoFrame.from_ndarray(self._paint(self._index & 0xFFFF), format="yuv420p")
        frame.pts = self._index * VIDEO_CLOCK // self._rate
        frame.time_base = fractions.Fraction(1, VIDEO_CLOCK)
        return frame

    def _paint(self, number: int) -> np.ndarray:
        width, height, half = self._width, self._height, self._height // 2
        picture = np.full((height * 3 // 2, width), NEUTRAL, np.uint8)
        code = frame_code(number)
        for cell in range(32):
            row, column = divmod(cell, 8)
            rows = slice(row * height // 8, (row + 1) * height // 8)
            columns = slice(column * width // 8, (column + 1) * width // 8)
            picture[rows, columns] = WHITE if code >> (31 - cell) & 1 else BLACK
        # The lower half only has to be worth encoding: bars that move to the right, and blocks that flicker.
        left = 64 - number * 4 % 64
        picture[half:height] = self._bars[:, left : left + width]
        for block in range(number % 4, 128, 4):
            row, column = divmod(block, 16)
            rows = slice(half + row * half // 8, half + (row + 1) * half // 8)
            columns = slice(column * width // 16, (column + 1) * width // 16)
            picture[rows, columns] = self._random.integers(BLACK, WHITE, endpoint=True)
        return picture


class ToneSource(MediaStreamTrack):
    """A microphone that hears a tone."""

    kind = "audio"

    def __init__(self, hertz: int) -> None:
        super().__init__()
        self.stream = str(uuid.uuid4())
        self.settings = {"sampleRate": AUDIO_RATE, "channelCount": 1}
        self._hertz = hertz
        self._begun: float | None = None
        self._samples = 0

    async def recv(self) -> AudioFrame:
        """The next 20 ms, when they are due."""
        if self.readyState != "live":
            raise MediaStreamError
        now = time.monotonic()
        if self._begun is None:
            self._begun = now
        wait = self._begun + self._samples / AUDIO_RATE - now
        if wait < -0.2:
            # Nobody listened for a while: what was not taken is not sent afterwards in a burst.
            self._begun -= wait
        await asyncio.sleep(max(wait, 0))
        phase = (self._samples + np.arange(AUDIO_BLOCK)) * (2 * math.pi * self._hertz / AUDIO_RATE)
        tone = (np.sin(phase) * 0x4000).astype(np.int16)
        frame = AudioFrame.from_ndarray(tone[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = AUDIO_RATE
        frame.pts = self._samples
        frame.time_base = fractions.Fraction(1, AUDIO_RATE)
        self._samples += AUDIO_BLOCK
        return frame


def read_number(frame: VideoFrame) -> int | None:
    """The number of a frame, if it has one."""
    if "yuv" not in frame.format.name:
        frame = frame.reformat(format="yuv420p")
    plane, width, height = frame.planes[0], frame.width, frame.height
    luma = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:height, :width]
    code = 0
    for cell in range(32):
        row, column = divmod(cell, 8)
        rows = slice((4 * row + 1) * height // 32, (4 * row + 3) * height // 32)
        columns = slice((4 * column + 1) * width // 32, (4 * column + 3) * width // 32)
        middle = luma[rows, columns]
        code = code << 1 | int(middle.size > 0 and middle.mean() >= 128)
    number = code >> 8 & 0xFFFF
    return number if code == frame_code(number) else None


def tone_of(samples: np.ndarray, rate: int) -> int | None:
    """The strongest tone of a block in hertz, or nothing in silence. Full scale is 1."""
    if np.sqrt(np.mean(samples**2)) < SILENCE:
        return None
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), FFT_SIZE))
    line = rate / FFT_SIZE
    lowest = math.ceil(20 / line)
    highest = min(math.floor(16_000 / line), len(spectrum) - 2)
    best = lowest + int(np.argmax(spectrum[lowest : highest + 1]))
    # The top of the parabola through the three lines around the strongest one.
    left, peak, right = np.log(spectrum[best - 1 : best + 2] + 1e-12)
    below = 2 * peak - left - right
    return round((best + (0.5 * (right - left) / below if below > 0 else 0)) * line)


def begin(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Begins a task. If it fails, the event loop's exception handler hears of it."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda done: None if done.cancelled() else done.result())
    return task


class Watcher:
    """Takes what was decoded of a remote track, and reports what it sees or hears once it is told to watch."""

    def __init__(self, track: MediaStreamTrack, report: Callable[[str, dict[str, Any]], None]) -> None:
        self._track = track
        self._report = report
        self._watching = False
        self._taken = 0  # frames, or samples
        self._frame: VideoFrame | None = None
        self._rate = AUDIO_RATE
        self._heard = np.zeros(0)
        self._reporting: asyncio.Task[None] | None = None
        # From the beginning: aiortc decodes in any case, and keeps forever what nobody takes.
        self._taking = begin(self._take())

    def watch(self) -> None:
        """Begins to report."""
        self._watching = True

    def stop(self) -> None:
        """Ends everything."""
        self._taking.cancel()
        if self._reporting:
            self._reporting.cancel()

    async def _take(self) -> None:
        while True:
            try:
                frame = await self._track.recv()
            except MediaStreamError:
                return
            if not self._watching:
                continue
            if isinstance(frame, VideoFrame):
                self._taken += 1
                self._frame = frame
                seen = True
            else:
                self._listen(frame)
                seen = self._reporting is not None or self._tone() is not None
            if seen and self._reporting is None:
                self._reporting = begin(self._report_regularly())

    def _listen(self, frame: AudioFrame) -> None:
        # Decoders give interleaved 16-bit samples; one channel is enough.
        samples = frame.to_ndarray()[0, :: len(frame.layout.channels)] / 0x8000
        self._taken += frame.samples
        self._rate = frame.sample_rate
        self._heard = np.concatenate([self._heard, samples])[-self._rate // 10 :]

    def _tone(self) -> int | None:
        return tone_of(self._heard, self._rate) if len(self._heard) >= self._rate // 10 else None

    async def _report_regularly(self) -> None:
        while self._track.readyState == "live":
            self._report("mediaseen", self._seen())
            await asyncio.sleep(REPORT_SECONDS)

    def _seen(self) -> dict[str, Any]:
        seen = {"id": self._track.id, "kind": self._track.kind}
        if self._frame is not None:
            seen |= {"frames": self._taken, "width": self._frame.width, "height": self._frame.height}
            seen |= {"number": read_number(self._frame)}
        else:
            seen |= {"frames": self._taken * 50 // self._rate, "toneHz": self._tone()}
        return {name: value for name, value in seen.items() if value is not None}
