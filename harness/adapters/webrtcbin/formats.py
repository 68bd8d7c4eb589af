"""What is encoded and decoded, and with which of GStreamer's elements."""

from dataclasses import dataclass

from gi.repository import Gst

# Real time, at the start rate of docs/media.md.
VPX = "deadline=1 cpu-used=8 target-bitrate=300000 end-usage=cbr keyframe-max-dist=300 lag-in-frames=0 error-resilient=default"


@dataclass(frozen=True)
class Codec:
    """A codec by the name that RTP gives it."""

    kind: str
    name: str
    # Offered with; an answer takes the offer's.
    payload_type: int
    clock_rate: int
    parameters: str
    encode: str
    payloader: str
    decode: str

    @property
    def mime_type(self) -> str:
        return f"{self.kind}/{self.name}"


OPUS = Codec(
    "audio", "OPUS", 111, 48000, "encoding-params=(string)2",
    "audioconvert ! opusenc bitrate=32000 frame-size=20", "rtpopuspay", "rtpopusdepay ! opusdec",
)  # fmt: skip
VP8 = Codec("video", "VP8", 96, 90000, "", f"vp8enc {VPX}", "rtpvp8pay", "rtpvp8depay ! vp8dec")
VP9 = Codec("video", "VP9", 98, 90000, "", f"vp9enc {VPX}", "rtpvp9pay", "rtpvp9depay ! vp9dec")
H264 = Codec(
    "video", "H264", 102, 90000, "packetization-mode=(string)1",
    "openh264enc bitrate=300000 rate-control=bitrate gop-size=300 usage-type=camera ! video/x-h264,profile=constrained-baseline",
    "rtph264pay config-interval=-1 aggregate-mode=zero-latency", "rtph264depay ! h264parse ! openh264dec",
)  # fmt: skip

TYPES = [OPUS, VP8, VP9, H264]
DEFAULT = {"audio": OPUS, "video": VP8}


def available(codec: Codec) -> bool:
    """Whether the elements are installed."""
    parts = [part for chain in (codec.encode, codec.payloader, codec.decode) for part in chain.split("!")]
    names = [part.split()[0] for part in parts]
    return all("/" in name or Gst.ElementFactory.find(name) for name in names)


def caps_of(codec: Codec, offering: bool, ssrc: int | None = None) -> str:
    """How webrtcbin is told of a codec. The feedback here becomes a=rtcp-fb; the transceiver's do-nack adds NACK."""
    fields = [f"application/x-rtp,media={codec.kind},encoding-name={codec.name},clock-rate={codec.clock_rate}"]
    if codec.parameters:
        fields.append(codec.parameters)
    if offering:
        fields.append(f"payload={codec.payload_type}")
        if codec is H264:
            fields.append("profile-level-id=(string)42e01f,level-asymmetry-allowed=(string)1")
        if codec.kind == "video":
            fields.append("rtcp-fb-nack-pli=(boolean)true,rtcp-fb-ccm-fir=(boolean)true")
    if ssrc is not None:
        fields.append(f"ssrc=(uint){ssrc}")
    return ",".join(fields)


def codec_of(section: list[str]) -> tuple[Codec, int] | None:
    """The first codec of a media section that there is an encoder for, with its payload type there."""
    for payload_type in section[0].split()[3:]:
        for line in section:
            name = line.removeprefix(f"a=rtpmap:{payload_type} ").partition("/")[0]
            codec = codec_named(name) if line.startswith("a=rtpmap:") else None
            if codec and available(codec):
                return codec, int(payload_type)
    return None


def codec_named(name: str | None) -> Codec | None:
    return next((codec for codec in TYPES if name and codec.name == name.upper()), None)
