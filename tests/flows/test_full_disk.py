"""A disk that is full while somebody is live: the live goes on, the recording ends with a reason that its host is told."""

import contextlib
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import StartServer
from tests.flows.broadcast import Broadcast, watch
from tests.flows.test_parts_of_a_live import finished, read_back
from tests.waiting import until

DISK_BYTES = 16 << 20


class Disk:
    """Where the recorder of a server with the data directory beside it writes: a small file system of its own where this machine lets one be
    mounted; else the recorder's files may grow no more once it is full, which it hears at its next write as well."""

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir(parents=True)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", place], capture_output=True, check=False)
        self.is_mounted = mounted.returncode == 0
        self.reason = "disk_full" if self.is_mounted else "too_large"

    def fill(self, but_bytes: int) -> None:
        """Leave so much free."""
        if self.is_mounted:
            with (self.place / "filler").open("wb") as file, contextlib.suppress(OSError):
                file.write(bytes(DISK_BYTES - but_bytes))
            return
        recorder = next(child for child in psutil.Process().children(recursive=True) if "recorder" in child.cmdline())
        resource.prlimit(recorder.pid, resource.RLIMIT_FSIZE, (1, 1))

    def close(self) -> None:
        if self.is_mounted:
            # Whoever still holds a file there keeps it until it lets go.
            subprocess.run(["umount", "--lazy", self.place], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path / "data" / "recordings")
    yield disk
    disk.close()


@pytest.mark.parametrize(("reserve_bytes", "codec"), [(4 << 20, "h264"), (0, "h264"), (0, "vp8")])
async def test_a_full_disk_ends_the_recording_and_not_the_live(
    start_server: StartServer, tmp_path: Path, disk: Disk, reserve_bytes: int, codec: str
) -> None:
    """Both ways to notice it: less is left than the setting wants, and a write that is refused."""
    server = await start_server(media=True, data_dir=tmp_path / "data", recording_reserve_bytes=reserve_bytes)
    anna, ben = await server.person("anna"), await server.person("ben")
    socket = await anna.connect()
    broadcast = await Broadcast(anna, codec=codec).start()
    try:
        peer = await watch(ben, broadcast.id)
        await broadcast.send_more(200)
        assert (await anna.get(f"/api/v1/lives/{broadcast.id}")).json["recording_failure"] is None
        disk.fill(reserve_bytes // 2)
        [told] = await until(lambda: socket.heard("live:recording"), "the host to be told", 30)
        assert (told["live"], told["reason"]) == (broadcast.id, disk.reason)
        live = (await anna.get(f"/api/v1/lives/{broadcast.id}")).json
        assert (live["state"], live["recording_failure"]) == ("live", disk.reason)
        assert (await ben.get(f"/api/v1/lives/{broadcast.id}")).json["recording_failure"] is None
        seen = peer.received
        await broadcast.send_more(200)
        await until(lambda: peer.received > seen + 200, "the viewer to go on")
        peer.close()
    finally:
        await broadcast.end()
    [video] = await finished(anna, broadcast.id)
    assert (video["recording_end"], video["status"]) == (disk.reason, "ready")
    read = await read_back(anna, video, tmp_path)
    assert read.codecs == {"video": codec, "audio": "opus"}
    # What came whole: of some two seconds, all but what was being written.
    assert 0.4 < read.end_s < 6.0
    await socket.close()


async def test_a_disk_that_is_full_before_refuses_the_recording_and_not_the_live(start_server: StartServer, tmp_path: Path) -> None:
    # More than any disk has.
    server = await start_server(media=True, data_dir=tmp_path / "data", recording_reserve_bytes=1 << 60)
    anna = await server.person("anna")
    socket = await anna.connect()
    broadcast = await Broadcast(anna, codec="h264").start()
    try:
        [told] = await until(lambda: socket.heard("live:recording"), "the host to be told", 30)
        assert told["reason"] == "disk_full"
    finally:
        await broadcast.end()
    assert (await anna.get(f"/api/v1/lives/{broadcast.id}")).json["video_id"] is None
    await socket.close()
