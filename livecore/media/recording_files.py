"""The recorder's directory: what lies there says where each part stands, so that a kill at any moment loses nothing.

    ID.PART.json        the facts and the state of a part: open, finished or taken
    ID.PART.open.webm   being written, or left behind by a kill
    ID.PART.tmp         being finished; worthless until renamed
    ID.PART.webm        finished, waiting to be taken

The JSON of a taken part stays for a day, so that the part's number is not used again.
"""

import json
import os
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from livecore.media.repair import Contents

RECORDING_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
# Long enough for a main process that was restored from a backup of yesterday to ask again.
TAKEN_KEPT_MS = 86_400_000

State = Literal["open", "finished", "taken"]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of one recording. `duration_s` and what follows are estimates until the state is `finished`."""

    recording: str
    part: int
    live: str
    publication: str
    container: str
    started_at_ms: int
    state: State = "open"
    reason: str = "interrupted"  # what is said if nobody comes to say otherwise
    duration_s: float = 0.0
    bytes: int = 0
    video_codec: str | None = None
    width: int = 0
    height: int = 0
    audio_codec: str | None = None
    changed_at_ms: int = 0

    @property
    def name(self) -> str:
        return f"{self.recording}.{self.part}"

    def finished(self, contents: Contents, at_ms: int) -> "Part":
        return replace(
            self,
            state="finished",
            duration_s=contents.duration_s,
            bytes=contents.size_bytes,
            video_codec=contents.video_codec,
            width=contents.width,
            height=contents.height,
            audio_codec=contents.audio_codec,
            changed_at_ms=at_ms,
        )


class RecordingDirectory:
    """Raises OSError where the disk refuses."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def open_path(self, part: Part) -> Path:
        return self._directory / f"{part.name}.open.{part.container}"

    def temporary_path(self, part: Part) -> Path:
        return self._directory / f"{part.name}.tmp"

    def final_path(self, part: Part) -> Path:
        return self._directory / f"{part.name}.{part.container}"

    def save(self, part: Part) -> None:
        """Write the facts, whole or not at all."""
        target = self._directory / f"{part.name}.json"
        temporary = target.with_suffix(".json.tmp")
        with temporary.open("w") as file:
            json.dump(asdict(part), file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)

    def publish(self, part: Part, source: Path) -> None:
        """Put `source` in the final place and say so; the file that was being written goes last.

        A disk without room for the note has the file all the same: `recover` begins with it again.
        """
        source.replace(self.final_path(part))
        try:
            self.save(part)
        finally:
            self._sync_directory()
        self.open_path(part).unlink(missing_ok=True)

    def take(self, part: Part, at_ms: int) -> None:
        taken = replace(part, state="taken", changed_at_ms=at_ms)
        try:
            self.save(taken)
        except OSError:
            # The file that goes makes room for the note.
            self.final_path(part).unlink(missing_ok=True)
            self.open_path(part).unlink(missing_ok=True)
            self.save(taken)
        self.final_path(part).unlink(missing_ok=True)

    def discard(self, part: Part) -> None:
        for path in (self.open_path(part), self.temporary_path(part), self.final_path(part)):
            path.unlink(missing_ok=True)
        (self._directory / f"{part.name}.json").unlink(missing_ok=True)

    def parts(self) -> list[Part]:
        """What the directory holds, oldest first."""
        found = [part for part in map(_read, self._directory.glob("*.json")) if part is not None]
        return sorted(found, key=lambda part: (part.started_at_ms, part.recording, part.part))

    def recover(self) -> list[Part]:
        """`parts` after a start, each with the file that its state promises; what lost its file is cleaned away."""
        kept = []
        for part in self.parts():
            final, written = self.final_path(part), self.open_path(part)
            if part.state == "open" and final.exists():
                # Killed between the rename and the note of it. The copy is made again, which costs little.
                final.replace(written)
            if part.state == "finished":
                written.unlink(missing_ok=True)
            self.temporary_path(part).unlink(missing_ok=True)
            promised = {"open": written, "finished": final, "taken": None}[part.state]
            if promised is None or promised.exists():
                kept.append(part)
            else:
                self.discard(part)
        return kept

    def purge(self, at_ms: int) -> None:
        """Forget parts that were taken a day ago."""
        for part in self.parts():
            if part.state == "taken" and at_ms - part.changed_at_ms > TAKEN_KEPT_MS:
                self.discard(part)

    def next_part(self, recording: str) -> int:
        return max((part.part + 1 for part in self.parts() if part.recording == recording), default=0)

    def free_bytes(self) -> int:
        status = os.statvfs(self._directory)
        return status.f_bavail * status.f_frsize

    def _sync_directory(self) -> None:
        descriptor = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _read(path: Path) -> Part | None:
    try:
        fields: dict[str, Any] = json.loads(path.read_text())
        return Part(**fields)
    except (OSError, ValueError, TypeError):
        return None
