"""Placed frames into CMAF parts and segments for low-latency HLS (RFC 8216bis). No clock, no files.

A part ends after `part_s`, a segment at the first key frame after `segment_s` (one is asked for), or without one when it would
outgrow the announced target. Sound has no holes: what is missing is filled with silence, since players stop at a hole. A new
size, codec or publisher, a picture that comes to a sound, and a long pause begin a new initialisation segment with a discontinuity. While a
camera is off its last key frame is shown on and on beside the sound: players stop where one of two tracks does.
"""

from collections import Counter

from livecore.media.cmaf import AUDIO_CLOCK, LAST_FRAME_TICKS, VIDEO_CLOCK, Sample, TrackEntry, fragment, init_segment
from livecore.media.depacketise import Frame, Malformed
from livecore.media.intake import Placed, Track
from livecore.media.sample_entries import SEGMENTED_CODECS, sample_data, video_entry
from livecore.media.segment_sink import PART_FILLED, SegmentSettings, SegmentSink
from livecore.media.sound_lane import SOUND_SLACK, MakeCoder, SoundLane

# A live that brings nothing for so long is paused.
PAUSE_S = 4.0
# A camera that shows nothing for so long is off: a shared screen on which nothing moves is still sent once a second.
PICTURE_LATE_S = 2.0
# So long a picture that stands still is shown by one sample: it is as large as a key frame.
STILL_S = 1.0
# An access unit delimiter (ITU-T H.264, 7.3.2.4), so that the same picture twice is not taken for two slices of one.
_H264_DELIMITER = b"\0\0\0\x02\x09\x10"
# Sound may be held back by its reordering; later than this it does not come.
SOUND_LATE_S = 0.8


class Segmenter:
    """Give it the tracks, then the frames in order; call `tick` some five times a second.

    `continues`: the stream has segments already. `make_coder`: None carries the sound as it came.
    """

    def __init__(self, settings: SegmentSettings, sink: SegmentSink, continues: bool = False, make_coder: MakeCoder | None = None) -> None:
        self.drops: Counter[str] = Counter()
        self.is_closed = False
        self._settings = settings
        # In video ticks, as they are compared for each picture.
        self._part_ticks = round(settings.part_s * VIDEO_CLOCK)
        self._part_filled = PART_FILLED * self._part_ticks
        self._segment_filled = PART_FILLED * settings.segment_s * VIDEO_CLOCK
        self._target = settings.target_s * VIDEO_CLOCK
        self._sink = sink
        self._picture: Track | None = None
        self._sound: Track | None = None
        self._base_s: float | None = None  # where tick 0 of both tracks lies; None before the first frame
        self._entry: TrackEntry | None = None  # of the picture in what is being written; None for sound alone
        self._has_sound = False  # in what is being written
        self._is_open = False  # whether a segment is being written
        self._needs_key = True
        self._began = continues  # whether anything was written before
        self._sequence = 0
        self._held: Sample | None = None  # the last picture, whose length the next one tells
        self._key = b""  # the last key frame, for while the camera is off
        self._still_due: int | None = None  # where it is shown next, in video ticks; None while pictures come
        self._video: list[Sample] = []
        self._lane = SoundLane(make_coder, self.drops)
        self._segment_start = 0  # in video ticks, as the next two
        self._part_start = 0
        self._last_picture = 0
        self._last_sound_s: float | None = None  # position of the last sound seen while no picture came
        self._sound_since: float | None = None

    # -- what a recording calls

    def take_tracks(self, picture: Track | None, sound: Track | None) -> None:
        """What comes from here on; a publisher that comes back begins with a discontinuity."""
        self._picture = picture if picture is not None and picture.codec in SEGMENTED_CODECS else None
        self._sound = sound
        if picture is not None and self._picture is None:
            # Sound without its picture would be another live.
            self._sound = None
            self.drops["codec_not_carried"] += 1
        self._interrupt()

    def wants_key(self, now: float) -> bool:
        """Whether a key frame is to be asked for. `now` is on the line of positions."""
        if self._picture is None or self._base_s is None:
            return False
        if self._needs_key or self._entry is None:
            return self._last_picture > 0
        return now - self._base_s - self._segment_start / VIDEO_CLOCK >= self._settings.segment_s

    def frames(self, placed: list[Placed]) -> None:
        picture, sound = self._picture, self._sound
        for position_s, track, frame in placed:
            if track is picture:
                self._take_picture(track, frame, position_s)
            elif track is sound:
                self._take_sound(frame, position_s)
        self._sink.flush()

    def tick(self, now: float) -> None:
        """Nothing came for a while: what is held goes out."""
        if self._is_open and self._base_s is not None:
            quiet_s = now - self._base_s - self._end_ticks() / VIDEO_CLOCK
            if quiet_s > PAUSE_S:
                self._interrupt()

    def close(self, *, is_final: bool = True) -> None:
        """What is held goes out; when it is final, viewers are told the end."""
        self._interrupt()
        self.is_closed = True
        if is_final:
            self._sink.end()

    # -- pictures

    def _take_picture(self, track: Track, frame: Frame, position_s: float) -> None:
        if self._base_s is None:
            if not frame.is_key:
                self.drops["before_key_frame"] += 1
                return
            self._base_s = position_s
        ticks = max(round((position_s - self._base_s) * VIDEO_CLOCK), self._last_picture + 1 if self._last_picture else 0)
        self._last_picture = ticks
        if self._held is not None and ticks - self._held.ticks > PAUSE_S * VIDEO_CLOCK:
            self._interrupt()
        if self._needs_key or self._entry is None:
            if not frame.is_key:
                self.drops["before_key_frame"] += 1
                return
            if self._still_due is None:
                self._interrupt()
        entry = self._entry
        if frame.is_key:
            try:
                entry = video_entry(track.codec, frame)
            except (Malformed, IndexError) as refused:
                self.drops[getattr(refused, "reason", "truncated")] += 1
                self._needs_key = True
                return
        if self._still_due is not None:
            self._last_picture = ticks = self._end_still(ticks, is_same=entry == self._entry)
        if not self._is_open:
            self._begin(entry, ticks)
        elif self._held is not None:
            self._held.duration = max(1, ticks - self._held.ticks)
            self._video.append(self._held)
            self._cut(ticks, frame.is_key, entry)
        self._held = Sample(ticks, 0, sample_data(track.codec, frame), frame.is_key)
        if frame.is_key:
            self._key = (_H264_DELIMITER if track.codec == "h264" else b"") + self._held.data

    def _cut(self, ticks: int, is_key: bool, entry: TrackEntry | None) -> None:
        """Decide at the start of a picture what ends here."""
        length = ticks - self._segment_start
        is_new = entry != self._entry
        # The next frame could pass the target; a segment may begin without a key frame, it only cannot be joined at.
        is_full = length + (ticks - self._video[-1].ticks) > self._target
        is_segment = is_new or is_full or (is_key and length >= self._segment_filled)
        if is_segment or ticks - self._part_start >= self._part_filled:
            self._end_part(ticks)
        if is_segment:
            self._sink.close_segment()
            if is_new:
                self._is_open = False
                self._begin(entry, ticks)
            else:
                self._open_segment(ticks, is_discontinuity=False)

    # -- sound

    def _take_sound(self, frame: Frame, position_s: float) -> None:
        has_picture = self._picture is not None and self._picture_runs(position_s)
        if has_picture:
            if self._base_s is None or not self._is_open or not self._has_sound:
                self.drops["before_key_frame"] += 1
                return
        elif self._base_s is None:
            self._base_s = position_s
        assert self._base_s is not None
        ticks = round((position_s - self._base_s) * AUDIO_CLOCK)
        if self._is_open and self._entry is not None and not has_picture:
            self._begin_still(ticks * VIDEO_CLOCK // AUDIO_CLOCK)
        if not self._is_open:
            self._begin(None, max(0, ticks) * VIDEO_CLOCK // AUDIO_CLOCK)
        lane = self._lane
        if ticks < lane.end - frame.samples // 2:
            self.drops["sound_overlaps"] += 1
            return
        if ticks - lane.end > PAUSE_S * AUDIO_CLOCK and self._entry is None:
            self._interrupt()
            self._begin(None, ticks * VIDEO_CLOCK // AUDIO_CLOCK)
        if ticks - lane.end > SOUND_SLACK:
            lane.fill(ticks)
        lane.append(frame.data, frame.samples)
        if self._entry is None:
            self._cut_sound()
        elif self._still_due is not None:
            self._cut_still(self._lane.end * VIDEO_CLOCK // AUDIO_CLOCK)

    def _picture_runs(self, position_s: float) -> bool:
        """Whether the picture has shown something lately, or may still come."""
        if self._entry is not None and self._base_s is not None and self._is_open:
            self._sound_since = None
            return position_s - self._base_s - self._last_picture / VIDEO_CLOCK <= PICTURE_LATE_S
        if self._is_open:
            return False
        if self._sound_since is None:
            self._sound_since = position_s
        return position_s - self._sound_since <= PAUSE_S

    def _cut_sound(self) -> None:
        ticks = self._lane.end * VIDEO_CLOCK // AUDIO_CLOCK
        is_segment = ticks - self._segment_start >= self._settings.segment_s * VIDEO_CLOCK
        if is_segment or ticks - self._part_start >= self._part_filled:
            self._end_part(ticks)
        if is_segment:
            self._sink.close_segment()
            self._open_segment(ticks, is_discontinuity=False)

    # -- a camera that is off

    def _begin_still(self, ticks: int) -> None:
        """The last picture is shown up to the first end of a part from here on, its key frame from there on."""
        if self._still_due is not None or self._held is None:
            return
        parts = -(-(ticks - self._part_start) // self._part_ticks)
        self._still_due = self._part_start + parts * self._part_ticks
        self._held.duration = self._still_due - self._held.ticks
        self._video.append(self._held)
        self._held = None
        self._needs_key = True

    def _cut_still(self, ticks: int) -> None:
        """End the parts that end before this place, each with the sound that lies in it."""
        assert self._still_due is not None
        while ticks - self._part_start >= self._part_ticks:
            end = self._part_start + self._part_ticks
            self._end_part(end, self._lane.take_before(end))
            self._part_start = end
            is_due, length = end >= self._still_due, end - self._segment_start
            if (is_due and length >= self._segment_filled) or length + self._part_ticks > self._target:
                self._sink.close_segment()
                self._open_segment(end, is_discontinuity=False)
            if not is_due:
                continue
            self._still_due = end + round(STILL_S * VIDEO_CLOCK)
            self._video.append(Sample(end, self._still_due - end, self._key))

    def _end_still(self, ticks: int, *, is_same: bool) -> int:
        """The camera is on again: answers where its first picture lies, which begins a segment."""
        self._cut_still(ticks)
        self._still_due = None
        self._needs_key = False
        # A part that short helps nobody, and players stop at one of an instant: the picture takes the place of the still.
        is_short = is_same and ticks - self._part_start < self._part_ticks // 4
        if is_short:
            ticks = self._part_start
            self._video = [sample for sample in self._video if sample.ticks < ticks]
        else:
            ticks = max(ticks, self._part_start + 1)
            self._end_part(ticks)
        if not is_short or self._segment_start < ticks:
            self._sink.close_segment()
            self._is_open = False
            if is_same:
                self._open_segment(ticks, is_discontinuity=False)
        return ticks

    # -- parts and segments

    def _begin(self, entry: TrackEntry | None, ticks: int) -> None:
        """A new initialisation segment, and the first segment under it."""
        self._entry = entry
        self._has_sound = self._sound is not None
        self._needs_key = False
        tracks = [entry] if entry is not None else []
        if self._sound is not None:
            tracks.append(self._lane.begin(self._sound.channels, ticks * AUDIO_CLOCK // VIDEO_CLOCK))
        width, height = (entry.width, entry.height) if entry is not None else (0, 0)
        self._sink.begin(init_segment(tracks), ",".join(track.codec for track in tracks), width, height)
        self._open_segment(ticks, is_discontinuity=self._began)
        self._began = True

    def _open_segment(self, ticks: int, is_discontinuity: bool) -> None:
        assert self._base_s is not None
        self._segment_start = self._part_start = ticks
        self._is_open = True
        self._sound_since = None
        self._sink.open_segment(self._base_s + ticks / VIDEO_CLOCK, is_discontinuity)

    def _end_part(self, ticks: int, audio: list[Sample] | None = None) -> None:
        """`audio` None: all the sound that has come."""
        if self._has_sound and self._entry is not None:
            late = ticks * AUDIO_CLOCK // VIDEO_CLOCK - round(SOUND_LATE_S * AUDIO_CLOCK)
            if late > self._lane.end:
                self._lane.fill(late)
        video, self._video = self._video, []
        if audio is None:
            audio = self._lane.take()
        if not video and not audio:
            return
        self._sequence += 1
        is_independent = self._entry is None or any(sample.is_key for sample in video)
        self._sink.part(fragment(self._sequence, video, audio), max(1, ticks - self._part_start) / VIDEO_CLOCK, is_independent)
        self._part_start = ticks

    def _end_ticks(self) -> int:
        """Where what has come so far ends, at the picture's clock."""
        if self._entry is None or self._still_due is not None:
            return self._lane.end * VIDEO_CLOCK // AUDIO_CLOCK
        if self._held is not None:
            return self._held.ticks + LAST_FRAME_TICKS
        return self._part_start

    def _interrupt(self) -> None:
        """End the segment as far as it came; what follows begins anew."""
        if self._is_open:
            end = self._end_ticks()
            if self._held is not None:
                self._held.duration = LAST_FRAME_TICKS
                self._video.append(self._held)
            self._end_part(end)
            self._sink.close_segment()
        self._held = self._still_due = None
        self._video = []
        self._lane.take()
        self._is_open = False
        self._needs_key = True
