"""The recordings of a worker: one tap each, started and ended by the main process, by the publication, or by the recorder."""

import random
from collections import Counter
from collections.abc import Callable

from livecore.media.control import RecordingFailed
from livecore.media.drops import Counters
from livecore.media.publication import Publication
from livecore.media.segment_sink import SegmentSettings
from livecore.media.tap import RecordingTap, ToRecorder

# What has waited so much of its time goes along with what has to go: one waking of the recorder for several lives.
GOES_ALONG = 0.5


class Recordings:
    """`taps`: recording id → what copies its publication. `cuts`: how the recorder cuts segments. `message_s`: see `RecordingTap`."""

    def __init__(
        self,
        to_recorder: ToRecorder,
        emit: Callable[[RecordingFailed], None],
        rng: random.Random,
        cuts: SegmentSettings,
        message_s: float,
    ) -> None:
        self.taps: dict[str, RecordingTap] = {}
        self._to_recorder = to_recorder
        self._emit = emit
        self._rng = rng
        self._cuts = cuts
        self._message_s = message_s
        self._past: Counters = Counter()  # of recordings that have ended

    # -- what the main process asks

    def start(self, recording_id: str, publication: Publication, outputs: list[str], connected: bool, now: float) -> None:
        """Starting one that runs changes nothing. `outputs`: "file", "hls"."""
        if recording_id in self.taps:
            return
        tap = self.taps[recording_id] = RecordingTap(
            recording_id, publication, outputs, self._to_recorder, self._rng, self._cuts, self._message_s
        )
        if connected:
            tap.on_publisher(now)

    def stop(self, recording_id: str, reason: str = "stopped") -> None:
        """Stopping one that has ended changes nothing."""
        tap = self.taps.pop(recording_id, None)
        if tap is not None:
            tap.close(reason)
            self._past.update(tap.drops)

    # -- what the publication does

    def on_publisher(self, publication: Publication, now: float) -> None:
        """Its publisher is connected, for the first time or again."""
        for tap in self.taps.values():
            if tap.publication is publication:
                tap.on_publisher(now)

    def end(self, publication: Publication, reason: str) -> None:
        for tap in [tap for tap in self.taps.values() if tap.publication is publication]:
            self.stop(tap.recording_id, reason)

    # -- what the recorder says

    def on_ready(self, now: float) -> None:
        """The recorder is there (again): each recording goes on in a next part."""
        for tap in self.taps.values():
            tap.reopen(now)

    def on_key_wanted(self, recording_id: str, track: int, now: float) -> None:
        tap = self.taps.get(recording_id)
        if tap is not None:
            tap.request_key(track, now)

    def on_pace(self, recording_id: str, is_at_once: bool) -> None:
        """Whether the parts of this one are waited for."""
        tap = self.taps.get(recording_id)
        if tap is not None:
            tap.on_pace(is_at_once)

    def on_failed(self, recording_id: str, reason: str) -> None:
        """The recorder gave a recording up."""
        tap = self.taps.pop(recording_id, None)
        if tap is not None:
            tap.leave()
            self._past.update(tap.drops)
            self._emit(RecordingFailed(recording_id, reason))

    # -- time

    def flush(self, now: float) -> None:
        """Send what has waited long enough; call some fifty times a second."""
        due = [tap for tap in self.taps.values() if tap.waited(now) >= 1]
        for tap in due:
            tap.flush()
        if due:
            for tap in self.taps.values():
                # What has parts to end is not torn in the middle of one.
                if not tap.is_at_once and tap.waited(now) >= GOES_ALONG:
                    tap.flush()

    def on_tick(self, now: float) -> None:
        for tap in self.taps.values():
            tap.on_tick(now)

    def totals(self) -> Counters:
        totals = Counter(self._past)
        for tap in self.taps.values():
            totals.update(tap.drops)
        return totals
