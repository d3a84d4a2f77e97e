"""From a file that was written to one that is taken: finished by a child process, told to the main processes, deleted when taken."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import structlog

from livecore.media.recording_files import Part, RecordingDirectory
from livecore.media.repair import EXIT_NOTHING, Contents
from livecore.platform import ipc

log = structlog.get_logger("livecore.recorder")

# A copy runs at hundreds of times the speed of play; a file that takes longer than this is led in circles.
FINISH_TIMEOUT_S = 1200.0


def at_ms() -> int:
    return time.time_ns() // 1_000_000


class Finishing:
    """Args:
    tell: sends a message to every main process.
    """

    def __init__(self, directory: RecordingDirectory, tell: Callable[[ipc.Message], None]) -> None:
        self._directory = directory
        self._tell = tell
        self._finished: dict[str, Part] = {}  # by name, waiting to be taken
        self._to_finish: asyncio.Queue[Part] = asyncio.Queue()  # bounded by what lies on the disk

    def scan(self) -> None:
        """What lies there after a start."""
        for part in self._directory.recover():
            if part.state == "open":
                self.add(part)
            elif part.state == "finished":
                self._finished[part.name] = part

    def add(self, part: Part) -> None:
        """Its writer has closed it, or is dead."""
        self._to_finish.put_nowait(part)

    @property
    def unfinished(self) -> int:
        return self._to_finish.qsize()

    @property
    def waiting(self) -> int:
        return len(self._finished)

    async def join(self) -> None:
        await self._to_finish.join()

    async def run(self) -> None:
        while True:
            part = await self._to_finish.get()
            try:
                await self._finish(part)
            except OSError as refused:
                # The file stays as it was written; the next start tries again.
                log.error("recording_not_finished", recording=part.recording, error=refused.strerror)
            finally:
                self._to_finish.task_done()

    async def _finish(self, part: Part) -> None:
        source, target = self._directory.open_path(part), self._directory.temporary_path(part)
        if not source.exists():
            self._nothing_inside(part)
            return
        contents = await self._copy(source, target, part.container)
        if contents == EXIT_NOTHING:
            self._nothing_inside(part)
            return
        if isinstance(contents, Contents):
            done = part.finished(contents, at_ms())
        else:
            # No room for a copy, or the copy failed: the file as it was written plays too, it only seeks badly.
            log.warning("recording_kept_as_written", recording=part.recording, status=contents)
            target.unlink(missing_ok=True)
            target = source
            done = replace(part, state="finished", bytes=source.stat().st_size, changed_at_ms=at_ms())
        try:
            self._directory.publish(done, target)
        except OSError as refused:
            if not self._directory.final_path(done).exists():
                raise
            # Only the note of it has no room. Whoever takes the file makes some.
            log.warning("recording_note_failed", recording=part.recording, error=refused.strerror)
        self._finished[done.name] = done
        log.info("recording_finished", recording=part.recording, part=part.part, duration_s=round(done.duration_s, 3))
        self._tell(self._announcement(done))

    async def _copy(self, source: Path, target: Path, container: str) -> Contents | int:
        """The contents of the finished copy, or the status with which the child ended."""
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "livecore.media.repair",
            str(source),
            str(target),
            container,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            # A terminal's interrupt goes to the whole group; the copy is to end.
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(FINISH_TIMEOUT_S):
                output, _ = await child.communicate()
        except TimeoutError:
            child.kill()
            await child.wait()
            return -signal.SIGKILL
        if child.returncode == 0:
            return Contents(**json.loads(output))
        return child.returncode if child.returncode is not None else -1

    def _nothing_inside(self, part: Part) -> None:
        self._directory.discard(part)
        log.info("recording_empty", recording=part.recording, part=part.part)
        self._tell({"t": "failed", "r": part.recording, "live": part.live, "publication": part.publication, "reason": "empty"})

    def announcements(self) -> list[ipc.Message]:
        """What is told to a main process that has just come, and again from time to time."""
        return [self._announcement(part) for part in self._finished.values()]

    def _announcement(self, part: Part) -> ipc.Message:
        video = {"codec": part.video_codec, "width": part.width, "height": part.height} if part.video_codec else None
        return {
            "t": "finished",
            "recording": part.recording,
            "part": part.part,
            "live": part.live,
            "publication": part.publication,
            "path": str(self._directory.final_path(part)),
            "duration_s": part.duration_s,
            "bytes": part.bytes,
            "video": video,
            "audio": {"codec": part.audio_codec} if part.audio_codec else None,
            "started_at_ms": part.started_at_ms,
            "reason": part.reason,
        }

    def taken(self, message: ipc.Message) -> None:
        recording_id = str(message["recording"])
        parts = sorted((part for part in self._finished.values() if part.recording == recording_id), key=lambda part: part.part)
        if "part" in message:
            parts = [part for part in parts if part.part == message["part"]]
        # Without a number the oldest is meant: announcements are answered in their order.
        for part in parts[:1]:
            del self._finished[part.name]
            self._directory.take(part, at_ms())
