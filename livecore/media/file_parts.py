"""Placed frames into files: one part after another, each begun at a key frame.

A new part begins when the codec changed, when the picture came after all, or when a part has become too long.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from livecore.media.depacketise import Frame, Malformed
from livecore.media.fragments import FragmentWriter
from livecore.media.intake import Placed, Track
from livecore.media.mux import Layout, WebmWriter, WriteFailed
from livecore.media.sample_entries import SEGMENTED_CODECS, video_entry

# So much is written at once while messages come part by part: two fragments a second.
WRITE_S = 0.5
# A camera that shows nothing for so long is off: record the sound.
PICTURE_WAIT_S = 4.0


class PartWriter(Protocol):
    """What writes one part; see `fragments.FragmentWriter`, `mux.WebmWriter`. Every method raises WriteFailed."""

    @property
    def duration_s(self) -> float: ...

    def video(self, frame: Frame, position_s: float) -> None: ...

    def audio(self, frame: Frame, position_s: float) -> bool: ...

    def flush(self, least_s: float) -> None: ...

    def close(self) -> None: ...


# Called with the part's number, its layout and where it starts on the recorder's monotonic clock.
OpenPart = Callable[[int, Layout, float], PartWriter]
# Called with the part's number and why it ended.
PartClosed = Callable[[int, str], None]


def open_writer(path: Path, layout: Layout) -> FragmentWriter | WebmWriter:
    """What writes a file of this layout. Raises WriteFailed."""
    return FragmentWriter(path, layout) if layout.container == "mp4" else WebmWriter(path, layout)


class FileParts:
    """Args:
        drops: where refusals are counted.
        part_limit_s: a part longer than this ends at the next key frame.
        first_part: number of the first part.

    `write_s`: what came together is written at its end, unless what waits is less than this; a kill loses it. 0: always, for messages
    that are as long as what may be lost.

    Raises:
        WriteFailed: from `frames` and `end_part`; the part is reported as closed by `abandon`.
    """

    def __init__(self, open_part: OpenPart, part_closed: PartClosed, drops: Counter[str], part_limit_s: float, first_part: int) -> None:
        self._drops = drops
        self._open_part = open_part
        self._part_closed = part_closed
        self._part_limit_s = part_limit_s
        self.write_s = WRITE_S
        self._part = first_part
        self._writer: PartWriter | None = None
        self._layout: Layout | None = None  # of the part being written
        self._base_s = 0.0  # where the part being written starts on the timeline
        self._sound_since: float | None = None  # when sound without a picture began to be seen
        self._picture: Track | None = None
        self._sound: Track | None = None

    def take_tracks(self, picture: Track | None, sound: Track | None) -> None:
        """What comes from here on. The same part goes on if it can hold it, else the next one begins."""
        self._picture, self._sound = picture, sound
        self._sound_since = None
        if self._layout is None:
            return
        if (picture is not None and picture.codec != self._layout.video) or (sound is not None and not self._layout.has_audio):
            self.end_part("codec_changed")

    @property
    def wants_key(self) -> bool:
        """Whether the part is too long and waits for a key frame to end at."""
        return self._writer is not None and self._writer.duration_s > self._part_limit_s

    def frames(self, placed: list[Placed]) -> None:
        for position_s, track, frame in placed:
            if track.kind == "video":
                self._write_picture(track, frame, position_s)
            else:
                self._write_sound(frame, position_s)
        if self._writer is not None:
            self._writer.flush(self.write_s)

    def _write_picture(self, track: Track, frame: Frame, position_s: float) -> None:
        if frame.is_key and self._writer is not None and self._layout is not None:
            if self._layout.video is None:
                self.end_part("picture_came")
            elif position_s - self._base_s > self._part_limit_s:
                self.end_part("part_limit")
        if self._writer is None:
            if not frame.is_key:
                self._drops["before_key_frame"] += 1
                return
            if not self._can_begin(track, frame):
                return
            self._begin_part(Layout(track.codec, frame.width, frame.height, self._sound is not None, self._channels()), position_s)
        elif self._layout is None or self._layout.video is None:
            self._drops["before_key_frame"] += 1
            return
        assert self._writer is not None
        self._writer.video(frame, position_s - self._base_s)

    def _can_begin(self, track: Track, frame: Frame) -> bool:
        """Whether a key frame says all that the start of a file needs; one that does not is left out."""
        if track.codec in SEGMENTED_CODECS:
            try:
                video_entry(track.codec, frame)
            except (Malformed, IndexError) as refused:
                self._drops[getattr(refused, "reason", "truncated")] += 1
                return False
        return True

    def _write_sound(self, frame: Frame, position_s: float) -> None:
        if self._writer is None:
            if self._picture is not None and not self._picture_is_late(position_s):
                self._drops["before_key_frame"] += 1
                return
            self._begin_part(Layout(None, has_audio=True, channels=self._channels()), position_s)
        elif self._layout is not None and self._layout.video is None and position_s - self._base_s > self._part_limit_s:
            self.end_part("part_limit")
            self._begin_part(Layout(None, has_audio=True, channels=self._channels()), position_s)
        assert self._writer is not None
        if position_s < self._base_s or not self._writer.audio(frame, position_s - self._base_s):
            self._drops["sound_overlaps"] += 1

    def _picture_is_late(self, position_s: float) -> bool:
        if self._sound_since is None:
            self._sound_since = position_s
        return position_s - self._sound_since > PICTURE_WAIT_S

    def _channels(self) -> int:
        channels = self._sound.channels if self._sound is not None else 0
        return channels if channels in (1, 2) else 2

    def _begin_part(self, layout: Layout, position_s: float) -> None:
        self._writer = self._open_part(self._part, layout, position_s)
        self._layout = layout
        self._base_s = position_s
        self._sound_since = None

    def end_part(self, reason: str) -> None:
        writer, self._writer, self._layout = self._writer, None, None
        if writer is None:
            return
        part = self._part
        self._part += 1
        try:
            writer.close()
        finally:
            self._part_closed(part, reason)

    def abandon(self, reason: str) -> None:
        """The disk refuses: the part ends as far as it came, nothing more is written."""
        writer, self._writer, self._layout = self._writer, None, None
        if writer is not None:
            try:
                writer.close()
            except WriteFailed as refused:
                self._drops[refused.reason] += 1
            self._part_closed(self._part, reason)
            self._part += 1
