"""Recordings as the recorder leaves them, and their way into a server's library."""

import functools
import itertools
import tempfile
from pathlib import Path
from typing import Any

from livecore.ids import new_id
from livecore.media.depacketise import Frame
from livecore.media.file_parts import open_writer
from livecore.media.mux import Layout
from livecore.media.repair import finish
from tests.people import Person
from tests.recording import packetise
from tests.serving import Server
from tests.waiting import until

_numbers = itertools.count()


@functools.cache
def recorded_bytes(codec: str | None, seconds: float = 1.0) -> bytes:
    """A finished file: VP8 in WebM, H.264 in MP4, or sound alone (codec None)."""
    with tempfile.TemporaryDirectory() as directory:
        written, finished = Path(directory) / "written", Path(directory) / "finished"
        layout = Layout(codec, 320, 180) if codec else Layout(None)
        writer = open_writer(written, layout)
        if codec:
            for time_s, data, is_key in packetise.coded_video(codec, seconds):
                writer.video(Frame(0, packetise.frame_data(codec, data), is_key, 320, 180), time_s)
        for time_s, data in packetise.coded_audio(seconds):
            writer.audio(Frame(0, data, samples=960), time_s)
        writer.close()
        finish(written, finished, layout.container)
        return finished.read_bytes()


def facts(codec: str | None, recording: str | None = None) -> dict[str, Any]:
    return {
        "recording": recording or new_id(),
        "part": 0,
        "duration_s": 1.0,
        "video": {"codec": codec, "width": 320, "height": 180} if codec else None,
        "audio": {"codec": "opus"},
        "started_at_ms": 1_700_000_000_000,
        "reason": "ended",
    }


async def keep(
    server: Server,
    owner: Person,
    directory: Path,
    *,
    codec: str | None = "vp8",
    visibility: Any = "everyone",
    title: str = "A walk",
    data: bytes | None = None,
    status: str = "ready",
) -> str:
    """Hand a recording over as the main process does, and wait until it has the given status. Answers the video's id."""
    path = directory / f"{next(_numbers)}.{'mp4' if codec == 'h264' else 'webm'}"
    path.write_bytes(recorded_bytes(codec) if data is None else data)
    video_id = await server.app.videos.create_from_recording(owner.id, new_id(), path, facts(codec), visibility, title)

    async def is_there() -> bool:
        answer = await owner.get(f"/api/v1/videos/{video_id}")
        assert answer.status == 200, answer
        return bool(answer.json["status"] == status)

    await until(is_there, f"the video to be {status}", patience_s=60)
    return video_id
