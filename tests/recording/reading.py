"""Reading back what was recorded: a full decode, and where sound and picture lie."""

from dataclasses import dataclass, field
from pathlib import Path

import av


@dataclass
class Decoded:
    """Decoded frames of a file; times in seconds from its start."""

    duration_s: float = 0.0
    video_s: list[float] = field(default_factory=list)
    audio_s: list[float] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    codecs: dict[str, str] = field(default_factory=dict)

    @property
    def end_s(self) -> float:
        return max(self.video_s[-1:] + self.audio_s[-1:] + [0.0])


def decode(path: Path) -> Decoded:
    """Decode everything; raises av.error.FFmpegError on any damage."""
    out = Decoded()
    with av.open(str(path)) as container:
        out.duration_s = (container.duration or 0) / av.time_base
        for stream in container.streams:
            out.codecs[stream.type] = stream.codec_context.codec.canonical_name
        for frame in container.decode():
            if isinstance(frame, av.VideoFrame):
                assert not frame.is_corrupt
                out.video_s.append(float(frame.time))
                if not out.sizes or out.sizes[-1] != (frame.width, frame.height):
                    out.sizes.append((frame.width, frame.height))
            else:
                out.audio_s.append(float(frame.time))
    return out
