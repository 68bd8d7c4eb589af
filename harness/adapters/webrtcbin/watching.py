"""Remote tracks: decoded, and read once somebody watches them."""

import threading
import time
from array import array
from typing import Any

from gi.repository import GObject, Gst, GstVideo

from connection import Report
from formats import codec_named
from pictures import BLOCK, NEWEST, SAMPLE_RATE, read_number, tone_of

REPORT_EVERY_SECONDS = 0.25
OUTPUT = {
    "audio": f"audioconvert ! audioresample ! audio/x-raw,format=S16LE,rate={SAMPLE_RATE},channels=1",
    "video": "videoconvert ! video/x-raw,format=I420",
}


class Receiver:
    """A remote track. It is decoded from the beginning: the key frame that begins a stream comes but once."""

    def __init__(
        self, pipeline: Gst.Pipeline, pad: Gst.Pad, transceiver: GObject.Object, track: str, kind: str, report: Report
    ) -> None:
        self.transceiver, self._track, self._kind, self._report = transceiver, track, kind, report
        self._watched = self._begun = False
        self._lock = threading.Lock()
        self._frames = 0
        self._samples = 0
        self._sound = array("h")
        self._newest: dict[str, Any] = {}
        caps = pad.get_current_caps() or pad.query_caps()
        codec = codec_named(caps.get_structure(0).get_string("encoding-name"))
        chain = f"{codec.decode} ! {OUTPUT[kind]} ! appsink name=output sync=false" if codec else "fakesink sync=false"
        part = Gst.parse_bin_from_description(f"queue ! {chain}", True)
        if codec:
            output = part.get_by_name("output")
            output.set_property("emit-signals", True)
            output.connect("new-sample", self._take)
        pipeline.add(part)
        part.sync_state_with_parent()
        pad.link(part.get_static_pad("sink"))

    def watch(self) -> None:
        """Reports from now on what is seen or heard."""
        with self._lock:
            self._watched, self._frames, self._samples = True, 0, 0

    def _take(self, output: Gst.Element) -> Gst.FlowReturn:
        sample = output.emit("pull-sample")
        if not self._watched or sample is None:
            return Gst.FlowReturn.OK
        buffer = sample.get_buffer()
        done, mapped = buffer.map(Gst.MapFlags.READ)
        if not done:
            return Gst.FlowReturn.ERROR
        try:
            if self._kind == "video":
                self._see(sample.get_caps(), buffer, mapped.data)
            else:
                self._hear(mapped.data)
        finally:
            buffer.unmap(mapped)
        return Gst.FlowReturn.OK

    def _see(self, caps: Gst.Caps, buffer: Gst.Buffer, data: Any) -> None:
        information = GstVideo.VideoInfo.new_from_caps(caps)
        width, height = information.width, information.height
        layout = GstVideo.buffer_get_video_meta(buffer) or information
        start, stride = layout.offset[0], layout.stride[0]
        number = read_number(bytes(data[start : start + stride * height]), stride, width, height)
        with self._lock:
            self._frames += 1
            self._newest = {"width": width, "height": height} | ({} if number is None else {"number": number})
        if not self._begun:
            self._report_regularly()

    def _hear(self, data: Any) -> None:
        with self._lock:
            self._sound.frombytes(bytes(data))
            before, self._samples = self._samples, self._samples + len(data) // 2
            self._sound = self._sound[-NEWEST:]
            # Until the first tone is heard, each 100 ms are looked at once.
            sound = self._sound[:] if not self._begun and before // NEWEST != self._samples // NEWEST else None
        if sound and tone_of(sound) is not None:
            self._report_regularly()

    def _report_regularly(self) -> None:
        self._begun = True
        threading.Thread(target=self._tell_forever, daemon=True).start()

    def _tell_forever(self) -> None:
        before = 0
        while True:
            with self._lock:
                sound, frames, newest = self._sound[:], self._frames, self._newest
                samples = self._samples
            if self._kind == "audio":
                # Where nothing has come since, there is silence.
                tone = tone_of(sound) if samples != before else None
                frames, newest = samples // BLOCK, {} if tone is None else {"toneHz": tone}
            before = samples
            self._report("mediaseen", {"id": self._track, "kind": self._kind, "frames": frames, **newest})
            time.sleep(REPORT_EVERY_SECONDS)
