"""One MP4 file being written: fragments as often as `flush` says, each written whole, so that a kill costs less than a second.

The boxes are those of HLS (`cmaf`): a library in C would be called for each of eighty frames a second, and be woken cold each time.
H.264 keeps its parameter sets in its samples, so that a new size goes on in the same file. `repair.finish` gives it an index.
"""

from pathlib import Path

from livecore.media.cmaf import AUDIO_CLOCK, LAST_FRAME_TICKS, VIDEO_CLOCK, Sample, fragment, init_segment, opus_entry
from livecore.media.depacketise import Frame, Malformed
from livecore.media.mux import Growing, Layout, WriteFailed
from livecore.media.sample_entries import video_entry


class FragmentWriter:
    """A picture, with or without sound. Positions are seconds from the file's start; the first picture is a key frame.

    Raises:
        WriteFailed: from every method, once the disk refuses.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        assert layout.video is not None
        self._codec = layout.video
        self._layout = layout
        self._file = Growing(path)
        self._has_begun = False
        self._sequence = 0
        self._last_video = -1  # in ticks of the picture
        self._audio_end = 0  # where the last sound ended, in samples
        self._held: Sample | None = None  # the last picture, whose length the next one tells
        self._video: list[Sample] = []
        self._audio: list[Sample] = []
        self.duration_s = self._written_s = 0.0
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
        return True

    def flush(self, least_s: float) -> None:
        """Write what is there but the last picture, whose length nobody knows, unless it is less than `least_s`."""
        if self._has_begun and self.duration_s - self._written_s >= least_s:
            self._write_fragment()

    def close(self) -> None:
        """Write what is held and end the file."""
        try:
            if self._held is not None:
                self._held.duration = LAST_FRAME_TICKS
                self._video.append(self._held)
                self._held = None
            self._write_fragment()
        finally:
            self._file.close()

    def _begin(self, frame: Frame) -> None:
        try:
            tracks = [video_entry(self._codec, frame)]
        except (Malformed, IndexError) as refused:
            raise WriteFailed("write_error") from refused
        if self._layout.has_audio:
            tracks.append(opus_entry(self._layout.channels))
        self._file.append(init_segment(tracks))
        self._has_begun = True

    def _write_fragment(self) -> None:
        self._written_s = self.duration_s
        video, audio = self._video, self._audio
        self._video, self._audio = [], []
        if self._has_begun and (video or audio):
            self._sequence += 1
            self._file.append(fragment(self._sequence, video, audio))
