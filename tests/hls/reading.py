"""A stream kept in memory as a main process keeps it, and what a player gets of it."""

import io
from dataclasses import dataclass, field

import av

from livecore.media.playlist import Facts, Segment, Stream


@dataclass
class Kept:
    """Keeps `segmenter.SegmentSink`: the state, and the bytes by segment and initialisation segment."""

    window_s: float = 600.0
    stream: Stream = field(init=False)
    inits: list[bytes] = field(default_factory=list)
    data: dict[int, bytes] = field(default_factory=dict)
    positions: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.stream = Stream(Facts("live1", "pub1", 4, 0.224, self.window_s))

    def begin(self, init: bytes, codecs: str, width: int, height: int) -> None:
        self.stream.apply(["init", len(self.inits), codecs, width, height, len(init)])
        self.inits.append(init)

    def open_segment(self, position_s: float, is_discontinuity: bool) -> None:
        self.positions[self.stream.next_msn] = position_s
        self.stream.apply(["seg", self.stream.next_msn, len(self.inits) - 1, is_discontinuity, round(1000 * position_s)])

    def part(self, data: bytes, duration_s: float, is_independent: bool) -> None:
        assert self.stream.current is not None
        msn = self.stream.current.msn
        self.data[msn] = self.data.get(msn, b"") + data
        self.stream.apply(["part", duration_s, is_independent, len(data)])

    def close_segment(self) -> None:
        self.stream.apply(["done"])

    def end(self) -> None:
        self.stream.apply(["end"])

    def flush(self) -> None:
        """What came together was taken one by one."""

    # -- what a player does

    @property
    def segments(self) -> list[Segment]:
        return list(self.stream.segments)

    def joined(self, init: int = 0) -> bytes:
        """All segments under one initialisation segment, as a player has them."""
        return self.inits[init] + b"".join(self.data[s.msn] for s in self.segments if s.init == init)

    def under(self, init: int) -> "Played":
        """What is decoded from all segments under one initialisation segment, joined."""
        return played(self.joined(init))


@dataclass
class Played:
    """Times in seconds as the file has them, ends of sound included."""

    codecs: list[str] = field(default_factory=list)
    video_s: list[float] = field(default_factory=list)
    audio_s: list[float] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)

    def largest_hole_in_sound_s(self) -> float:
        return max((after - before - 0.02 for before, after in zip(self.audio_s, self.audio_s[1:], strict=False)), default=0.0)


def played(data: bytes) -> Played:
    """Decode everything; raises av.error.FFmpegError on any damage."""
    out = Played()
    with av.open(io.BytesIO(data), "r", format="mp4") as container:
        for stream in container.streams:
            out.codecs.append(stream.codec_context.codec.canonical_name)
        for packet in container.demux():
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    assert not frame.is_corrupt
                    out.video_s.append(float(frame.time or 0.0))
                    if not out.sizes or out.sizes[-1] != (frame.width, frame.height):
                        out.sizes.append((frame.width, frame.height))
                elif isinstance(frame, av.AudioFrame):
                    out.audio_s.append(float(frame.time or 0.0))
    return out
