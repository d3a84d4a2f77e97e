"""One recording: packets of one publication in, files out. No sockets, no clock, no file names.

Packets are put in order, depacketised, placed on the timeline and handed to a writer. A recording is one or
several parts: a new one begins, at a key frame, when the codec changed, when the picture came after all, or when
a part has become too long. Everything that is refused is counted under a name in `drops`.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from livecore.media.depacketise import AUDIO_CODECS, VIDEO_CODECS, Depacketiser, Frame, depacketiser
from livecore.media.mux import Layout, WriteFailed
from livecore.media.reorder import Packet, Reorder
from livecore.media.timeline import Timeline

# Browsers throttle what they make of more; a lost request is repeated.
KEY_REQUEST_INTERVAL_S = 1.0
# A camera that shows nothing for so long is off: record the sound.
PICTURE_WAIT_S = 4.0
# Frames held while the timeline is not settled: a second of picture and sound, with room.
PENDING_LIMIT = 400


@dataclass(frozen=True, slots=True)
class Track:
    """One track as its publication announced it; `channels` is 0 for pictures, `clock` in Hz."""

    number: int
    kind: str
    codec: str
    clock: int
    channels: int = 0
    format_parameters: str = ""

    def check(self) -> None:
        """Raises ValueError for what cannot be recorded."""
        codecs = {"video": VIDEO_CODECS, "audio": AUDIO_CODECS}.get(self.kind, frozenset())
        if self.codec not in codecs or not 8000 <= self.clock <= 96000:
            raise ValueError(f"{self.kind} {self.codec} at {self.clock} Hz")


class PartWriter(Protocol):
    """What writes one part; see `mux.ContainerWriter`. Every method raises WriteFailed."""

    @property
    def duration_s(self) -> float: ...

    def video(self, frame: Frame, position_s: float) -> None: ...

    def audio(self, frame: Frame, position_s: float) -> bool: ...

    def close(self) -> None: ...


# Called with the part's number, its layout and where it starts on the recorder's monotonic clock.
OpenPart = Callable[[int, Layout, float], PartWriter]
# Called with the part's number, why it ended, and whether its writer could be closed.
PartClosed = Callable[[int, str], None]


class _Input:
    """One track on its way to frames."""

    def __init__(self, track: Track, wait_s: float) -> None:
        self.track = track
        self.reorder = Reorder(wait_s)
        self.depacketiser: Depacketiser = depacketiser(track.codec, track.format_parameters)
        self.asked_at = float("-inf")


class Recording:
    """Feed it with `packet`, `report` and `tick`; ask it for `key_requests`; end it with `close`.

    Args:
        open_part, part_closed: what makes a writer, and is told when one is done.
        wait_s: how long a missing packet is waited for.
        part_limit_s: a part longer than this ends at the next key frame.
        first_part: number of the first part.

    Raises:
        WriteFailed: from `packet`, `tick` and `close`; the recording is over then, its part reported as closed.
        ValueError: from the constructor and `reopen`, for tracks that cannot be recorded.
    """

    def __init__(
        self,
        tracks: Iterable[Track],
        open_part: OpenPart,
        part_closed: PartClosed,
        wait_s: float = 0.5,
        part_limit_s: float = float("inf"),
        first_part: int = 0,
    ) -> None:
        self.drops: Counter[str] = Counter()
        self._open_part = open_part
        self._part_closed = part_closed
        self._wait_s = wait_s
        self._part_limit_s = part_limit_s
        self._part = first_part
        self._writer: PartWriter | None = None
        self._layout: Layout | None = None  # of the part being written
        self._base_s = 0.0  # where the part being written starts on the timeline
        self._pending: list[tuple[_Input, Frame]] = []
        self._sound_since: float | None = None  # when sound without a picture began to be seen
        self._inputs: dict[int, _Input] = {}
        self._take_tracks(tracks)
        self._timeline = Timeline(self._clocks(), self._ruler())

    def _take_tracks(self, tracks: Iterable[Track]) -> None:
        chosen: dict[str, Track] = {}
        for track in tracks:
            track.check()
            # One picture and one sound a file: the first of each kind.
            chosen.setdefault(track.kind, track)
        if not chosen:
            raise ValueError("no track")
        self._inputs = {track.number: _Input(track, self._wait_s) for track in chosen.values()}

    def _clocks(self) -> dict[int, int]:
        return {number: source.track.clock for number, source in self._inputs.items()}

    def _ruler(self) -> int:
        return min(self._inputs, key=lambda number: self._inputs[number].track.kind != "video")

    @property
    def _has_picture_track(self) -> bool:
        return any(source.track.kind == "video" for source in self._inputs.values())

    def reopen(self, tracks: Iterable[Track], now: float) -> None:
        """The publisher is back: the same part goes on if it can hold what comes, else the next one begins."""
        self._drain(now)
        self._count_reorder()
        self._take_tracks(tracks)
        self._timeline.restart(self._clocks(), self._ruler())
        self._sound_since = None
        if self._layout is None:
            return
        kinds = {source.track.kind: source.track for source in self._inputs.values()}
        video = kinds["video"].codec if "video" in kinds else None
        if (video is not None and video != self._layout.video) or ("audio" in kinds and not self._layout.has_audio):
            self._end_part("codec_changed")

    def packet(self, number: int, packet: Packet, now: float) -> None:
        source = self._inputs.get(number)
        if source is None:
            self.drops["no_track"] += 1
            return
        if packet.payload:
            self._timeline.arrived(number, packet.timestamp, packet.at)
        for ready, gap in source.reorder.push(packet, now):
            self._depacketise(source, ready, gap, now)

    def report(self, number: int, ntp: int, timestamp: int) -> None:
        """A sender report of a track: 64-bit NTP time, 32-bit RTP timestamp."""
        self._timeline.report(number, ntp, timestamp)

    def tick(self, now: float) -> None:
        """Let time pass; call some ten times a second."""
        for source in self._inputs.values():
            for ready, gap in source.reorder.expire(now):
                self._depacketise(source, ready, gap, now)
        self._settle(now)

    def key_requests(self, now: float) -> list[int]:
        """Tracks whose sender is to be asked for a key frame now, at most once a second each."""
        asked = []
        is_too_long = self._writer is not None and self._writer.duration_s > self._part_limit_s
        for number, source in self._inputs.items():
            is_wanted = source.depacketiser.awaits_key or (is_too_long and source.track.kind == "video")
            if is_wanted and now - source.asked_at >= KEY_REQUEST_INTERVAL_S:
                source.asked_at = now
                asked.append(number)
        return asked

    def close(self, now: float, reason: str) -> None:
        """Write what is held and end the last part."""
        try:
            self._drain(now)
        finally:
            self._count_reorder()
            self._end_part(reason)

    def abandon(self, reason: str) -> None:
        """End the part after a WriteFailed: nothing more is written."""
        self._pending.clear()
        writer, self._writer, self._layout = self._writer, None, None
        if writer is not None:
            try:
                writer.close()
            except WriteFailed as refused:
                self.drops[refused.reason] += 1
            self._part_closed(self._part, reason)
            self._part += 1

    def _drain(self, now: float) -> None:
        for source in self._inputs.values():
            for ready, gap in source.reorder.flush():
                self._depacketise(source, ready, gap, now)
        # Nothing better than what is known now will come.
        self._settle(now, is_last=True)

    def _count_reorder(self) -> None:
        for source in self._inputs.values():
            self.drops["lost"] += source.reorder.lost
            self.drops["late"] += source.reorder.late
            self.drops.update(source.depacketiser.drops)

    def _depacketise(self, source: _Input, packet: Packet, gap: bool, now: float) -> None:
        for frame in source.depacketiser.push(packet.payload, packet.timestamp, packet.marker, gap):
            if self._timeline.settle(now):
                self._settle(now)
                self._place(source, frame)
                continue
            self._pending.append((source, frame))
            if len(self._pending) > PENDING_LIMIT:
                self.drops["pending_full"] += 1
                del self._pending[0]

    def _settle(self, now: float, is_last: bool = False) -> None:
        if not self._pending or not (self._timeline.settle(now) or is_last):
            return
        pending, self._pending = self._pending, []
        positions = [(self._timeline.position(source.track.number, frame.timestamp), source, frame) for source, frame in pending]
        for position_s, source, frame in sorted(positions, key=lambda entry: entry[0]):
            self._write(source, frame, position_s)

    def _place(self, source: _Input, frame: Frame) -> None:
        self._write(source, frame, self._timeline.position(source.track.number, frame.timestamp))

    def _write(self, source: _Input, frame: Frame, position_s: float) -> None:
        if source.track.kind == "video":
            self._write_picture(source.track, frame, position_s)
        else:
            self._write_sound(source.track, frame, position_s)

    def _write_picture(self, track: Track, frame: Frame, position_s: float) -> None:
        if frame.is_key and self._writer is not None and self._layout is not None:
            if self._layout.video is None:
                self._end_part("picture_came")
            elif position_s - self._base_s > self._part_limit_s:
                self._end_part("part_limit")
        if self._writer is None:
            if not frame.is_key:
                self.drops["before_key_frame"] += 1
                return
            self._begin_part(Layout(track.codec, frame.width, frame.height, self._has_sound(), self._channels()), position_s)
        elif self._layout is None or self._layout.video is None:
            self.drops["before_key_frame"] += 1
            return
        assert self._writer is not None
        self._writer.video(frame, position_s - self._base_s)

    def _write_sound(self, track: Track, frame: Frame, position_s: float) -> None:
        if self._writer is None:
            if self._has_picture_track and not self._picture_is_late(position_s):
                self.drops["before_key_frame"] += 1
                return
            self._begin_part(Layout(None, has_audio=True, channels=self._channels()), position_s)
        elif self._layout is not None and self._layout.video is None and position_s - self._base_s > self._part_limit_s:
            self._end_part("part_limit")
            self._begin_part(Layout(None, has_audio=True, channels=self._channels()), position_s)
        assert self._writer is not None
        if position_s < self._base_s or not self._writer.audio(frame, position_s - self._base_s):
            self.drops["sound_overlaps"] += 1

    def _picture_is_late(self, position_s: float) -> bool:
        if self._sound_since is None:
            self._sound_since = position_s
        return position_s - self._sound_since > PICTURE_WAIT_S

    def _has_sound(self) -> bool:
        return any(source.track.kind == "audio" for source in self._inputs.values())

    def _channels(self) -> int:
        channels = max((source.track.channels for source in self._inputs.values()), default=0)
        return channels if channels in (1, 2) else 2

    def _begin_part(self, layout: Layout, position_s: float) -> None:
        self._writer = self._open_part(self._part, layout, position_s)
        self._layout = layout
        self._base_s = position_s
        self._sound_since = None

    def _end_part(self, reason: str) -> None:
        writer, self._writer, self._layout = self._writer, None, None
        if writer is None:
            return
        part = self._part
        self._part += 1
        try:
            writer.close()
        finally:
            self._part_closed(part, reason)
