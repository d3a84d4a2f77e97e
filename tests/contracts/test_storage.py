"""What `ports.Storage` promises, on every adapter."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from livecore.errors import ConfigError, Unavailable
from livecore.platform.storage import LocalStorage, ObjectStorage, make_storage
from tests.servers import free_port


@pytest.fixture(params=["local", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStorage:
    if request.param == "local":
        return make_storage("", tmp_path)
    return make_storage(request.getfixturevalue("s3_url"), tmp_path)


async def parts(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def keys_below(storage: ObjectStorage, prefix: str) -> list[str]:
    return sorted([stored.key async for stored in storage.list(prefix)])


async def test_bytes_come_back_as_they_were_put(storage: ObjectStorage) -> None:
    data = random.Random(1).randbytes(300_000)
    stored = await storage.put("videos/1/source", data)
    assert (stored.key, stored.size_bytes) == ("videos/1/source", len(data))
    assert await storage.get("videos/1/source") == data
    assert await storage.head("videos/1/source") == stored


async def test_files_and_streams_are_put_too(storage: ObjectStorage, tmp_path: Path) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(data := random.Random(2).randbytes(12_000_000))  # more than one part of a multipart upload
    assert (await storage.put("from/file", source)).size_bytes == len(data)
    assert await storage.get("from/file") == data
    assert (await storage.put("from/stream", parts(data[:5_000_000], b"", data[5_000_000:]))).size_bytes == len(data)
    assert await storage.get("from/stream") == data
    assert source.read_bytes() == data


async def test_an_empty_object_is_an_object(storage: ObjectStorage) -> None:
    assert (await storage.put("empty", b"")).size_bytes == 0
    assert await storage.get("empty") == b""
    assert [chunk async for chunk in storage.stream("empty")] == []


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, None, b"0123456789"),
        (0, 4, b"0123"),
        (5, 9, b"5678"),
        (9, 10, b"9"),
        (3, None, b"3456789"),
        (4, 4, b""),
        (7, 100, b"789"),
        (10, None, b""),
        (50, 60, b""),
    ],
)
async def test_a_range_is_start_to_before_end(storage: ObjectStorage, start: int, end: int | None, expected: bytes) -> None:
    await storage.put("digits", b"0123456789")
    assert await storage.get("digits", start, end) == expected
    assert b"".join([chunk async for chunk in storage.stream("digits", start, end)]) == expected


async def test_a_range_that_runs_backwards_is_a_fault(storage: ObjectStorage) -> None:
    await storage.put("digits", b"0123456789")
    for start, end in ((-1, None), (5, 4)):
        with pytest.raises(ValueError):
            await storage.get("digits", start, end)


async def test_a_large_object_is_streamed_in_pieces(storage: ObjectStorage) -> None:
    data = random.Random(3).randbytes(3_000_000)
    await storage.put("large", data)
    chunks = [chunk async for chunk in storage.stream("large")]
    assert len(chunks) > 1
    assert b"".join(chunks) == data


async def test_what_is_missing_is_a_key_error(storage: ObjectStorage) -> None:
    await storage.put("a/b", b"x")
    for key in ("nothing", "a", "a/b2", "a/c/d"):
        with pytest.raises(KeyError):
            await storage.head(key)
        with pytest.raises(KeyError):
            await storage.get(key)
        with pytest.raises(KeyError):
            await storage.get(key, 2, 5)
        assert storage.local_path(key) is None


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "..", "a/../b", "./a", "a b", "a\x00", "ä", "a\\b", "a?b", "a#1", "x" * 600])
async def test_a_key_of_other_signs_is_refused(storage: ObjectStorage, key: str) -> None:
    with pytest.raises(ValueError):
        await storage.put(key, b"x")
    with pytest.raises(ValueError):
        await storage.get(key)
    with pytest.raises(ValueError):
        await storage.head(key)
    with pytest.raises(ValueError):
        await storage.delete(key)
    with pytest.raises(ValueError):
        storage.local_path(key)


async def test_a_second_put_replaces_and_changes_the_tag(storage: ObjectStorage) -> None:
    first = await storage.put("a", b"first")
    second = await storage.put("a", b"other")  # of the same length
    assert await storage.get("a") == b"other"
    assert first.etag != second.etag
    assert second.etag == (await storage.head("a")).etag
    assert '"' not in second.etag


async def test_the_time_of_a_put_is_told_in_milliseconds(storage: ObjectStorage) -> None:
    import time

    before_ms = time.time_ns() // 1_000_000
    stored = await storage.put("a", b"x")
    # S3 tells whole seconds.
    assert before_ms - 1000 <= stored.modified_ms <= time.time_ns() // 1_000_000 + 1000


async def test_deleting_is_final_and_may_be_done_twice(storage: ObjectStorage) -> None:
    await storage.put("a/b/c", b"x")
    await storage.delete("a/b/c")
    with pytest.raises(KeyError):
        await storage.get("a/b/c")
    await storage.delete("a/b/c")
    await storage.delete("never/there")
    # The way is free for a key that is a word of the old one.
    await storage.put("a/b", b"y")
    assert await keys_below(storage, "") == ["a/b"]


async def test_a_listing_is_of_whole_words(storage: ObjectStorage) -> None:
    for key in ("videos/1/a", "videos/1/b", "videos/10/a", "videos/2", "other"):
        await storage.put(key, key.encode())
    assert await keys_below(storage, "videos/1") == ["videos/1/a", "videos/1/b"]
    assert await keys_below(storage, "videos/1/") == ["videos/1/a", "videos/1/b"]
    assert await keys_below(storage, "videos") == ["videos/1/a", "videos/1/b", "videos/10/a", "videos/2"]
    assert await keys_below(storage, "nothing") == []
    assert len(await keys_below(storage, "")) == 5
    sizes = {stored.key: stored.size_bytes async for stored in storage.list("videos/1")}
    assert sizes == {"videos/1/a": 10, "videos/1/b": 10}


async def test_a_long_listing_is_whole(storage: ObjectStorage) -> None:
    wanted = [f"many/{number:04}" for number in range(120)]
    for key in wanted:
        await storage.put(key, b"")
    assert await keys_below(storage, "many") == wanted


async def test_a_prefix_is_deleted_whole_and_alone(storage: ObjectStorage) -> None:
    for key in ("account/1/a", "account/1/b/c", "account/11/a"):
        await storage.put(key, b"x")
    assert await storage.delete_prefix("account/1") == 2
    assert await storage.delete_prefix("account/1") == 0
    assert await keys_below(storage, "") == ["account/11/a"]
    with pytest.raises(ValueError):
        await storage.delete_prefix("")


async def test_a_put_that_fails_leaves_the_old_bytes(storage: ObjectStorage) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"n" * 100_000
        raise RuntimeError("the sender went away")

    await storage.put("a", b"old")
    with pytest.raises(RuntimeError, match="went away"):
        await storage.put("a", broken())
    with pytest.raises(RuntimeError, match="went away"):
        await storage.put("b", broken())
    assert await storage.get("a") == b"old"
    assert await keys_below(storage, "") == ["a"]


async def test_readers_see_the_old_bytes_or_the_new_ones(storage: ObjectStorage) -> None:
    versions = [bytes([number]) * 400_000 for number in range(8)]
    await storage.put("a", versions[0])
    done = asyncio.Event()

    async def write() -> None:
        for version in versions[1:]:
            await storage.put("a", version)
        done.set()

    async def read() -> int:
        seen = set()
        while not done.is_set():
            data = await storage.get("a")
            assert data in versions
            seen.add(data[0])
        return len(seen)

    _, *seen = await asyncio.gather(write(), read(), read())
    assert sum(seen) >= 2


async def test_a_reader_gets_one_version_to_its_end_and_no_other_than_it_asked_for(storage: ObjectStorage) -> None:
    old, new = random.Random(4).randbytes(3_000_000), random.Random(5).randbytes(1_000_000)
    found = await storage.put("a", old)
    reading = storage.stream("a", 0, len(old), etag=found.etag)
    first = await anext(reading)
    await storage.put("a", new)
    assert first + b"".join([chunk async for chunk in reading]) == old
    for start, end in ((0, len(old)), (5, 10), (len(new), len(old))):
        with pytest.raises(KeyError):
            await anext(storage.stream("a", start, end, etag=found.etag))
    reading = storage.stream("a")
    first = await anext(reading)
    await storage.delete("a")
    assert first + b"".join([chunk async for chunk in reading]) == new
    with pytest.raises(KeyError):
        await anext(storage.stream("a", 0, 10, etag=found.etag))


async def test_puts_to_one_key_at_once_leave_one_of_them(storage: ObjectStorage) -> None:
    bodies = [bytes([number]) * 50_000 for number in range(10)]
    await asyncio.gather(*(storage.put("deep/er/key", body) for body in bodies))
    assert await storage.get("deep/er/key") in bodies


async def test_puts_and_deletes_at_once_do_not_disturb_each_other(storage: ObjectStorage) -> None:
    async def turn(number: int) -> None:
        for _ in range(10):
            await storage.put(f"same/place/{number}", b"x")
            await storage.delete(f"same/place/{number}")

    await asyncio.gather(*(turn(number) for number in range(6)))
    assert await keys_below(storage, "") == []


async def test_it_says_that_it_answers(storage: ObjectStorage) -> None:
    await storage.check()


# -- files


async def test_a_local_object_has_a_file_for_the_kernel_to_send(tmp_path: Path) -> None:
    storage = make_storage("", tmp_path)
    await storage.put("videos/1/a.webm", b"frames")
    path = storage.local_path("videos/1/a.webm")
    assert path is not None
    assert path.read_bytes() == b"frames"
    assert tmp_path in path.parents


async def test_a_remote_object_has_none(s3_url: str, tmp_path: Path) -> None:
    storage = make_storage(s3_url, tmp_path)
    await storage.put("a", b"x")
    assert storage.local_path("a") is None


async def test_nothing_stays_of_what_was_staged(tmp_path: Path) -> None:
    storage = make_storage("", tmp_path)
    await storage.put("a/b", b"x")
    await storage.delete("a/b")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert list((tmp_path / "objects").iterdir()) == []


async def test_a_put_is_flushed_before_it_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order that survives a power cut: bytes to the disk, then the name, then the directory to the disk."""
    storage = make_storage("", tmp_path)
    steps: list[str] = []
    sync, rename = os.fsync, Path.rename

    def note_sync(descriptor: int) -> None:
        steps.append(f"sync {os.readlink(f'/proc/self/fd/{descriptor}')}")
        sync(descriptor)

    def note_rename(path: Path, target: Path) -> Path:
        steps.append(f"rename {path.parent.name} -> {target.name}")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "rename", note_rename)
    root = tmp_path / "objects"
    await storage.put("x/y", b"data")
    assert steps[0].startswith(f"sync {tmp_path / 'objects.staging'}/")
    assert steps[1] == "rename objects.staging -> y"
    assert set(steps[2:]) == {f"sync {root / 'x'}", f"sync {root}"}


# Puts whole objects of one byte, a new one each time, and tells each that was answered.
_WRITER = """
import asyncio, sys
from pathlib import Path
from livecore.platform.storage import make_storage

async def run():
    storage = make_storage("", Path(sys.argv[1]))
    number = 0
    while True:
        number += 1
        await storage.put("a", bytes([number % 256]) * 2_000_000)
        await storage.put(f"all/{number}", str(number).encode())
        print(number, flush=True)

asyncio.run(run())
"""


async def test_a_kill_in_the_middle_of_a_put_leaves_whole_objects(tmp_path: Path) -> None:
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            answered = 0
            while answered < 5:
                answered = int(await asyncio.to_thread(writer.stdout.readline))
            writer.send_signal(signal.SIGKILL)
            answered = int((writer.stdout.read().split() or [answered])[-1])
        storage = LocalStorage(tmp_path / "objects")
        data = await storage.get("a")
        assert len(data) == 2_000_000
        assert len(set(data)) == 1
        for number in range(1, answered + 1):
            assert await storage.get(f"all/{number}") == str(number).encode()


async def test_what_a_killed_put_staged_is_cleared_at_a_later_start(tmp_path: Path) -> None:
    make_storage("", tmp_path)
    left, fresh = tmp_path / "objects.staging" / "left", tmp_path / "objects.staging" / "fresh"
    left.write_bytes(b"half")
    fresh.write_bytes(b"being written by another process")
    os.utime(left, (1, 1))
    make_storage("", tmp_path)
    assert not left.exists()
    assert fresh.exists()


async def test_a_key_in_files_is_an_object_or_a_beginning(tmp_path: Path) -> None:
    storage = make_storage("", tmp_path)
    await storage.put("a/b", b"x")
    for key in ("a", "a/b/c"):
        with pytest.raises(ValueError):
            await storage.put(key, b"y")
    assert await keys_below(storage, "") == ["a/b"]


async def test_a_full_disk_is_unavailable_and_what_a_sender_does_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = make_storage("", tmp_path)
    await storage.put("a", b"old")

    async def cut_off() -> AsyncIterator[bytes]:
        yield b"new"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await storage.put("a", cut_off())
    with pytest.raises(FileNotFoundError):
        await storage.put("a", tmp_path / "no such source")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable):
        await storage.put("a", b"new")
    with pytest.raises(Unavailable):
        await storage.put("a", parts(b"new"))
    monkeypatch.undo()
    assert await storage.get("a") == b"old"
    assert list((tmp_path / "objects.staging").iterdir()) == []


# -- addresses


@pytest.mark.parametrize("url", ["s3://", "ftp://x/y", "/var/data", "file://host/x", "s3://bucket?secret=1", "file:///"])
def test_an_address_of_no_known_kind_is_a_wrong_setting(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="storage_url"):
        make_storage(url, tmp_path)


async def test_files_may_lie_elsewhere(tmp_path: Path) -> None:
    storage = make_storage(f"file://{tmp_path}/else%20where", tmp_path / "data")
    await storage.put("a", b"x")
    assert (tmp_path / "else where" / "a").read_bytes() == b"x"


async def test_a_store_that_is_away_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    storage = make_storage(f"s3://bucket?endpoint=http://127.0.0.1:{free_port()}", tmp_path)
    with pytest.raises(Unavailable):
        await storage.check()
    with pytest.raises(Unavailable):
        await storage.put("a", b"x")
    with pytest.raises(Unavailable):
        await storage.get("a")
