"""RTP payloads to coded frames, one module a codec. Pure: no clock, no I/O, nothing raised at a caller."""

from livecore.media.depacketise.av1 import Av1Depacketiser
from livecore.media.depacketise.frame import Depacketiser, Frame, Malformed
from livecore.media.depacketise.h264 import H264Depacketiser
from livecore.media.depacketise.opus import OpusDepacketiser
from livecore.media.depacketise.vp8 import Vp8Depacketiser
from livecore.media.depacketise.vp9 import Vp9Depacketiser

__all__ = ["Depacketiser", "Frame", "Malformed", "depacketiser"]

VIDEO_CODECS = frozenset(("vp8", "vp9", "h264", "av1"))
AUDIO_CODECS = frozenset(("opus",))


def depacketiser(codec: str, format_parameters: str = "") -> Depacketiser:
    """A fresh depacketiser for a codec of VIDEO_CODECS or AUDIO_CODECS. Raises ValueError for another."""
    match codec:
        case "vp8":
            return Vp8Depacketiser()
        case "vp9":
            return Vp9Depacketiser()
        case "h264":
            return H264Depacketiser(format_parameters)
        case "av1":
            return Av1Depacketiser()
        case "opus":
            return OpusDepacketiser()
    raise ValueError(f"no depacketiser for {codec!r}")
