"""The parts that a recorder is writing: each has its facts beside it from its first moment, and is finished once it is closed."""

import time
from dataclasses import replace

import structlog

from livecore.media.file_parts import PartWriter, open_writer
from livecore.media.finishing import Finishing, at_ms
from livecore.media.mux import Layout, WriteFailed
from livecore.media.recording_files import Part, RecordingDirectory

log = structlog.get_logger("livecore.recorder")


class OpenParts:
    """Gives each recording what opens and closes its parts (`of`)."""

    def __init__(self, directory: RecordingDirectory, finishing: Finishing) -> None:
        self._directory = directory
        self._finishing = finishing
        self._parts: dict[str, Part] = {}  # by name

    def of(self, recording: str, live: str, publication: str) -> "RecordingParts":
        return RecordingParts(self, recording, live, publication)

    def open(self, part: Part, layout: Layout) -> PartWriter:
        """Raises WriteFailed."""
        try:
            self._directory.save(part)
            writer = open_writer(self._directory.open_path(part), layout)
        except OSError as refused:
            raise WriteFailed("disk_full") from refused
        self._parts[part.name] = part
        return writer

    def close(self, name: str, reason: str) -> None:
        part = self._parts.pop(name, None)
        if part is None:
            return
        part = replace(part, reason=reason)
        try:
            self._directory.save(part)
        except OSError as refused:
            log.warning("recording_note_failed", recording=part.recording, error=refused.strerror)
        self._finishing.add(part)


class RecordingParts:
    """Those of one recording, as `file_parts` calls for them."""

    def __init__(self, parts: OpenParts, recording: str, live: str, publication: str) -> None:
        self._parts = parts
        self._recording = recording
        self._live = live
        self._publication = publication

    def open(self, number: int, layout: Layout, start_s: float) -> PartWriter:
        """`start_s` on the monotonic clock. Raises WriteFailed."""
        part = Part(
            recording=self._recording,
            part=number,
            live=self._live,
            publication=self._publication,
            container=layout.container,
            started_at_ms=at_ms() - round(1000 * (time.monotonic() - start_s)),
            video_codec=layout.video,
            width=layout.width,
            height=layout.height,
            audio_codec="opus" if layout.has_audio else None,
        )
        return self._parts.open(part, layout)

    def closed(self, number: int, reason: str) -> None:
        self._parts.close(f"{self._recording}.{number}", reason)
