"""The recorder's HLS streams: made when a publication opens, told to every main process, swept when their time is over."""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from livecore.media.finishing import at_ms
from livecore.media.playlist import AAC_SUFFIX, Event, Facts
from livecore.media.segment_sink import SegmentSettings
from livecore.media.segment_store import SegmentDirectory, StoredStream
from livecore.media.segmenter import Segmenter
from livecore.media.segmenters import Segmenters
from livecore.media.sound_lane import MakeCoder
from livecore.platform import ipc

log = structlog.get_logger("livecore.recorder")

# A frame of the socket is at most a megabyte, an event some forty bytes.
EVENTS_A_MESSAGE = 500
SWEEP_INTERVAL_S = 2.0

Tell = Callable[[ipc.Message], object]


class StreamDesk:
    """Args:
    window_s: how far back a viewer may go.
    keep_ended_s: how long an ended stream stays.
    resume_s: how long what a former recorder left waits for its publisher.
    tell: sends a message to every main process.
    """

    def __init__(
        self,
        directory: Path,
        settings: SegmentSettings,
        window_s: float,
        keep_ended_s: float,
        resume_s: float,
        tell: Tell,
    ) -> None:
        self._settings = settings
        self._window_s = window_s
        self._tell = tell
        self._counts: Counter[str] = Counter()
        self._untold: dict[str, list[Event]] = {}  # by stream, until all that came at once is written
        self._directory = SegmentDirectory(directory, keep_ended_s, self._on_event, self._on_gone, _wall_ms)
        self._segmenters: dict[str, Segmenter] = {}
        self._resume_s = resume_s
        self._swept_at = 0.0
        # Lives that go on after a recorder's end open again within this time.
        self._left_behind_until: float | None = time.monotonic() + resume_s + keep_ended_s

    def segmenter(self, live: str, publication: str) -> Segmenter | Segmenters | None:
        """What cuts a publication into segments; None when the disk refuses, which is logged."""
        try:
            first = self._open(live, publication, publication, None)
            if not self._settings.aac:
                return first
            from livecore.media.aac import AacCoder

            return Segmenters([first, self._open(live, publication, publication + AAC_SUFFIX, AacCoder)])
        except OSError as refused:
            log.error("hls_refused", stream=publication, error=refused.strerror)
            return None

    def _open(self, live: str, publication: str, stream_id: str, make_coder: MakeCoder | None) -> Segmenter:
        facts = Facts(live, publication, self._settings.target_s, self._settings.part_target_s, self._window_s)
        stored = self._directory.open(stream_id, facts)
        self.flush()
        self._tell_state(stored, self._tell)
        segmenter = Segmenter(self._settings, stored, stored.stream.next_msn > 0, make_coder)
        self._segmenters[stream_id] = segmenter
        return segmenter

    # -- main processes

    def greet(self, connection: ipc.Connection) -> None:
        """A main process has come: it learns of every stream."""
        self.flush()
        for stored in self._directory.streams.values():
            self._tell_state(stored, connection.send)

    def flush(self) -> None:
        """Tell what has happened. A main process wakes at it and takes this one's caches, so it comes after all writing.

        To be called after whatever may have written.
        """
        if not self._untold:
            return
        untold, self._untold = self._untold, {}
        for stream_id, events in untold.items():
            self._tell({"t": "hls", "s": stream_id, "e": events})

    def _tell_state(self, stored: StoredStream, tell: Tell) -> None:
        stream = stored.stream
        first = stream.segments[0].msn if stream.segments else stream.next_msn
        facts = stream.facts
        tell(
            {
                "t": "hls_state",
                "s": stored.id,
                "live": facts.live,
                "publication": facts.publication,
                "target_s": facts.target_s,
                "part_target_s": facts.part_target_s,
                "window_s": facts.window_s,
                "msn": first,
                "discontinuities": stream.discontinuities_gone,
            }
        )
        events = stream.snapshot()
        for start in range(0, len(events), EVENTS_A_MESSAGE):
            tell({"t": "hls", "s": stored.id, "e": events[start : start + EVENTS_A_MESSAGE]})

    def _on_event(self, stream_id: str, events: list[Event]) -> None:
        for event in events:
            self._counts[str(event[0])] += 1
            if event[0] == "part":
                self._counts["bytes"] += int(event[3])
        self._untold.setdefault(stream_id, []).extend(events)

    def _on_gone(self, stream_id: str) -> None:
        self.flush()
        self._tell({"t": "hls_gone", "s": stream_id})

    # -- time

    def sweep(self, now: float) -> None:
        if now - self._swept_at < SWEEP_INTERVAL_S:
            return
        self._swept_at = now
        for stored in self._directory.streams.values():
            # Its publisher went for a moment and did not come back.
            if self._segmenters[stored.id].is_closed and now - stored.told_at > self._resume_s:
                stored.end()
        self._directory.sweep(now)
        self._segmenters = {id: one for id, one in self._segmenters.items() if id in self._directory.streams}
        if self._left_behind_until is not None and now > self._left_behind_until:
            self._left_behind_until = None
            self._directory.sweep_left_behind()

    def stats(self) -> dict[str, Any]:
        held = self._directory.stats()
        return {
            "streams": held["streams"],
            "streams_failed": held["failed"],
            "segments": self._counts["done"],
            "parts": self._counts["part"],
            "segment_bytes": self._counts["bytes"],
        }


def _wall_ms(position_s: float) -> int:
    return at_ms() - round(1000 * (time.monotonic() - position_s))
