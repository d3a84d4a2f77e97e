"""One MP4 file being written: fragments of half a second, each flushed whole, so that a kill costs less than a second.

The boxes are those of HLS (`cmaf`): a library in C would be called for each of eighty frames a second, and be woken cold each time.
H.264 keeps its parameter sets in its samples, so that a new size goes on in the same file. `repair.finish` gives it an index.
"""

import contextlib
from pathlib import Path

from livecore.media.cmaf import AUDIO_CLOCK, LAST_FRAME_TICKS, VIDEO_CLOCK, Sample, fragment, init_segment, opus_entry
from livecore.media.depacketise import Frame, Malformed
from livecore.media.mux import Layout, WriteFailed, translated
from livecore.media.sample_entries import video_entry

FRAGMENT_TICKS = VIDEO_CLOCK // 2
# The picture ends a fragment; where it stops, the sound does, somewhat later.
SOUND_ALONE_TICKS = VIDEO_CLOCK * 6 // 10


class FragmentWriter:
    """A picture, with or without sound. Positions are seconds from the file's start; the first picture is a key frame.

    Raises:
        WriteFailed: from every method, once the disk refuses.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        assert layout.video is not None
        self._codec = layout.video
        self._layout = layout
        try:
            self._file = path.open("wb", buffering=0)
        except OSError as refused:
            raise translated(refused) from refused
        self._has_begun = False
        self._is_refused = False  # once a write was: what follows would have a hole before it
        self._whole_bytes = 0  # of the file, that came whole
        self._sequence = 0
        self._fragment_start = 0  # in ticks of the picture, as the next
        self._last_video = -1
        self._audio_end = 0  # where the last sound ended, in samples
        self._held: Sample | None = None  # the last picture, whose length the next one tells
        self._video: list[Sample] = []
        self._audio: list[Sample] = []
        self.duration_s = 0.0
        self.video_frames = 0
        self.audio_frames = 0

    def video(self, frame: Frame, position_s: float) -> None:
        """Write a picture. A position that is not after the last one is moved one tick behind it."""
        ticks = max(round(position_s * VIDEO_CLOCK), self._last_video + 1)
        self._last_video = ticks
        held = self._held
        if held is not None:
            held.duration = ticks - held.ticks
            self._video.append(held)
            if ticks - self._fragment_start >= FRAGMENT_TICKS:
                self._write_fragment(ticks)
        elif not self._has_begun:
            self._begin(frame)
        self._held = Sample(ticks, 0, frame.data, frame.is_key)
        self.video_frames += 1
        self.duration_s = max(self.duration_s, ticks / VIDEO_CLOCK)

    def audio(self, frame: Frame, position_s: float) -> bool:
        """Write a sound packet; False when more than half of it lies before what is there already."""
        ticks = round(position_s * AUDIO_CLOCK)
        if ticks < self._audio_end - frame.samples // 2:
            return False
        if self._audio:
            # A hole is a longer sound before it: the samples of a fragment follow one another.
            last = self._audio[-1]
            ticks = max(ticks, last.ticks + 1)
            last.duration = ticks - last.ticks
        self._audio.append(Sample(ticks, frame.samples, frame.data))
        self._audio_end = ticks + frame.samples
        self.audio_frames += 1
        self.duration_s = max(self.duration_s, self._audio_end / AUDIO_CLOCK)
        at = ticks * VIDEO_CLOCK // AUDIO_CLOCK
        if self._has_begun and at - self._fragment_start >= SOUND_ALONE_TICKS:
            self._write_fragment(at)
        return True

    def close(self) -> None:
        """Write what is held and end the file."""
        try:
            if self._held is not None:
                self._held.duration = LAST_FRAME_TICKS
                self._video.append(self._held)
                self._held = None
            self._write_fragment(0)
        finally:
            self._file.close()

    def _begin(self, frame: Frame) -> None:
        try:
            tracks = [video_entry(self._codec, frame)]
        except (Malformed, IndexError) as refused:
            raise WriteFailed("write_error") from refused
        if self._layout.has_audio:
            tracks.append(opus_entry(self._layout.channels))
        self._write(init_segment(tracks))
        self._has_begun = True

    def _write_fragment(self, next_start: int) -> None:
        video, audio = self._video, self._audio
        self._video, self._audio = [], []
        self._fragment_start = next_start
        if self._has_begun and (video or audio):
            self._sequence += 1
            self._write(fragment(self._sequence, video, audio))

    def _write(self, data: bytes) -> None:
        if self._is_refused:
            return
        try:
            written = self._file.write(data)
            while written < len(data):
                # A disk that is nearly full takes a part, and refuses the rest with its reason.
                written += self._file.write(memoryview(data)[written:])
        except (OSError, ValueError) as refused:
            self._is_refused = True
            # What came of it goes, so that the file plays to its end; a disk that refuses this too has the torn end, which `repair` leaves out.
            with contextlib.suppress(OSError):
                self._file.truncate(self._whole_bytes)
            raise translated(refused) from refused
        self._whole_bytes += len(data)
