"""Kills in the middle of processing: of a child, and of everything at once."""

import asyncio
import contextlib
import hashlib
import os
import random
import signal
import struct
from pathlib import Path

import psutil
import pytest

from livecore import cores
from livecore.platform import jobs
from tests.conftest import StartProgram, StartServer
from tests.library import media
from tests.library.sending import PART, begin, offset, related, send, settled, tus
from tests.processes import Program
from tests.waiting import until

# What no browser plays: a child for the stills, one for the sound, two that transcode.
FILM = {"seconds": 2.0, "size": "320x180"}


# More than a server records at a time, several times over.
FILLING = 80 << 20


def at_work(root: psutil.Process) -> list[psutil.Process]:
    """Children that work on files now."""
    found = []
    for child in root.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if "livecore.library.work." in " ".join(child.cmdline()):
                found.append(child)
    return found


def working(root: psutil.Process, work: str) -> psutil.Process | None:
    for child in root.children(recursive=True):
        try:
            if f"livecore.library.work.{work}" in " ".join(child.cmdline()):
                return child
        except psutil.NoSuchProcess:
            continue
    return None


def nice_of(pid: int) -> int:
    """proc_pid_stat(5): the 19th field, the 17th after the name."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[16])


async def test_a_child_that_somebody_killed_is_begun_again(start_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "BACKOFF_FIRST_MS", 10)
    server = await start_server(transcode_nice=7)
    anna = await server.person("anna")
    path = await send(anna, media.avi(**FILM))
    child = await until(lambda: working(psutil.Process(), "rendition"), "a child that transcodes", 60)
    assert child is not None
    # It has the priority and the cores of the settings by the time that it reads the film.
    await until(lambda: nice_of(child.pid) == os.nice(0) + 7, "the child to be of low priority")
    # Where sessions share time first, its session gives way too.
    group = Path(f"/proc/{child.pid}/autogroup")
    await until(lambda: not group.exists() or group.read_text().endswith(" nice 7\n"), "its session to be of low priority")
    assert child.cpu_affinity() == (cores.for_files(server.settings.worker_count()) or sorted(os.sched_getaffinity(0)))
    child.send_signal(signal.SIGKILL)
    found = await settled(anna, path, patience_s=120)
    assert (await server.call("GET", found["hls"])).status == 200


async def test_a_film_that_is_killed_again_and_again_is_given_up_in_words(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "BACKOFF_FIRST_MS", 10)
    server = await start_server()
    anna = await server.person("anna")
    path = await send(anna, media.avi(**FILM))

    async def kill() -> None:
        while True:
            if (child := working(psutil.Process(), "look")) is not None:
                child.send_signal(signal.SIGKILL)
            await asyncio.sleep(0.05)

    killing = asyncio.create_task(kill())
    try:
        found = await settled(anna, path, "failed", patience_s=120)
    finally:
        killing.cancel()
    assert found["failure"] == "not_showable"


async def test_no_more_children_work_at_once_than_the_setting_says(start_server: StartServer) -> None:
    server = await start_server(transcodes=1)
    anna = await server.person("anna")
    paths = [await send(anna, media.faststart(seconds=seconds)) for seconds in (1.0, 1.5, 2.0)]
    most = 0

    async def are_ready() -> bool:
        nonlocal most
        most = max(most, len(at_work(psutil.Process())))
        return all([(await anna.get(path)).json["status"] == "ready" for path in paths])

    await until(are_ready, "three films to be ready", 120)
    assert most == 1


async def half_sent(serving: Program, token: str, path: str, at: int, data: bytes, promised: int) -> asyncio.StreamWriter:
    """A PATCH of which some bytes were sent, and no more come."""
    _, writer = await asyncio.open_connection("127.0.0.1", serving.port)
    head = f"PATCH {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {at}\r\n"
    writer.write(f"{head}Content-Type: {PART}\r\nContent-Length: {promised}\r\n\r\n".encode() + data)
    await writer.drain()
    return writer


@pytest.mark.deep
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(3))
async def test_an_upload_outlives_kills_at_any_moment(program: StartProgram, seed: int) -> None:
    serving = await program()
    anna = await serving.person("anna")
    film = media.faststart()
    film += struct.pack(">I4s", 8 + FILLING, b"free") + random.Random(seed).randbytes(FILLING)
    path, dice, acknowledged = await begin(anna, len(film)), random.Random(seed), 0
    for _ in range(8):
        at = await offset(anna, path)
        assert acknowledged <= at < len(film)
        acknowledged = at
        writer = await half_sent(serving, anna.access, path, at, b"", len(film) - at)
        # Some of it, in pieces of any size; the kill finds the server reading, writing, flushing or recording.
        for _ in range(dice.randrange(1, 12)):
            step = dice.randrange(1, 2 << 20)
            writer.write(film[at : min(at + step, len(film) - 1)])
            at = min(at + step, len(film) - 1)
            await writer.drain()
        await asyncio.sleep(dice.random() * 0.2)
        await serving.kill()
        writer.close()
        await serving.start()
    at = await offset(anna, path)
    answer = await tus(anna, "PATCH", path, film[at:], Upload_Offset=str(at))
    found = await settled(anna, related(answer), patience_s=120)
    assert found["sha256"] == hashlib.sha256(film).hexdigest()


async def test_a_server_killed_within_a_part_and_while_it_transcodes_goes_on(program: StartProgram) -> None:
    serving = await program(job_lease_s=1)
    anna = await serving.person("anna")
    data = media.avi(**FILM)
    path = await begin(anna, len(data))
    assert (await tus(anna, "PATCH", path, data[:5000], Upload_Offset="0")).status == 204
    writer = await half_sent(serving, anna.access, path, 5000, data[5000:-10], len(data) - 5000)
    await serving.kill()
    writer.close()
    await serving.start()
    # Whatever of the broken part is there, it is what was sent; what was acknowledged is there for certain.
    at = await offset(anna, path)
    assert 5000 <= at <= len(data) - 10
    address = related(await tus(anna, "PATCH", path, data[at:], Upload_Offset=str(at)))
    assert serving.process is not None
    root = psutil.Process(serving.process.pid)
    child = await until(lambda: working(root, "rendition"), "a child that transcodes", 60)
    assert child is not None
    await serving.kill()
    await until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "the child to go with its server")
    await serving.start()
    found = await settled(anna, address, patience_s=120)
    assert (await serving.call("GET", found["hls"])).status == 200
    assert (await serving.call("GET", found["download"])).body == data


def test_children_keep_off_the_cores_of_those_who_are_live() -> None:
    assert cores.for_files(1, range(2)) == cores.for_media(1, range(2)) == []
    assert (cores.for_files(7, range(8)), cores.for_media(7, range(8))) == ([7], list(range(7)))
    assert (cores.for_files(4, range(8)), cores.for_media(4, range(8))) == ([5, 6, 7], [0, 1, 2, 3, 4])
    assert cores.for_files(1, {4, 5, 6, 7}) == [6, 7]
    assert cores.for_files(8, range(8)) == cores.for_media(8, range(8)) == []
