"""What becomes of files that mean harm: a refusal or a film, never a crash of more than a child, never another file's bytes."""

import asyncio
import io
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from PIL import Image

from livecore import errors
from livecore.config import Settings
from livecore.library.children import NotShowable, run
from livecore.library.magic import video_container
from livecore.library.media_copier import ChildCopier
from livecore.library.picture_maker import ChildPictures
from livecore.rooms.attachment_rules import container_of
from tests.library import hostile, media
from tests.library.sending import begin, send, settled, tus
from tests.library.test_kills import working
from tests.serving import Server
from tests.waiting import until

# The seconds that a child may take for a film of one second, on a busy machine.
LIMIT_S = 60.0
# Bytes that would show up if the other file were read as anything.
SECRET = media.made("secret.mp4", *media.H264, *media.AAC, "-metadata", "title=SECRET-MARKER", seconds=0.5, source="smptebars")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.mp4"
    path.write_bytes(SECRET)
    return path


async def looked_at(tmp_path: Path, data: bytes) -> dict[str, object] | None:
    """What the child found; None when it refused."""
    source, target = tmp_path / "film", tmp_path / "out"
    target.mkdir(exist_ok=True)
    source.write_bytes(data)
    started = time.monotonic()
    try:
        return await run("look", source, target, nice=0)
    except NotShowable:
        return None
    finally:
        assert time.monotonic() - started < LIMIT_S
        assert sum(path.stat().st_size for path in target.iterdir()) < 20 << 20


async def test_a_file_that_names_another_is_refused_and_the_other_is_not_read(tmp_path: Path, secret: Path) -> None:
    read_at = secret.stat().st_atime_ns
    for name, data in hostile.naming_another(secret):
        if video_container(data[:1024]) is None:
            continue  # refused at the upload's first bytes, see test_tus.py
        found = await looked_at(tmp_path, data)
        assert found is None or name == "mov with a reference", name
        # A reference may lead nowhere; what it names is not looked into.
        assert "SECRET" not in str(found), name
    assert secret.stat().st_atime_ns == read_at


async def test_a_message_that_names_another_file_carries_nothing_of_it(tmp_path: Path, secret: Path) -> None:
    copier, target = ChildCopier(Settings(transcode_nice=0)), tmp_path / "sealed"
    read_at = secret.stat().st_atime_ns
    for name, data in hostile.naming_another(secret):
        (tmp_path / "source").write_bytes(data)
        if (container := container_of(data[:16])) is None:
            continue  # refused by its first bytes
        found = await copier.copy(tmp_path / "source", target, container)
        assert found is None or b"SECRET" not in target.read_bytes(), name
    assert secret.stat().st_atime_ns == read_at
    # What it made on the way went with it.
    assert {path.name for path in tmp_path.iterdir()} <= {"secret.mp4", "source", "sealed"}


async def test_bombs_end_in_a_refusal_or_a_small_film(tmp_path: Path) -> None:
    for name, data in hostile.bombs():  # whole: the corpus keeps only their beginnings
        found = await looked_at(tmp_path, data)
        if found is not None:
            assert int(str(found.get("width", 0))) * int(str(found.get("height", 0))) <= 7680 * 4320, name
    for name, data in hostile.large_pictures():
        assert len(data) < 200_000
        assert await looked_at(tmp_path, data) is None, name


async def test_mutations_end_in_stills_or_a_refusal(tmp_path: Path) -> None:
    outcomes = [await looked_at(tmp_path, data) is None for _, data in hostile.mutations(4, 6)]
    assert {True, False} == set(outcomes)


@pytest.mark.deep
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(20))
async def test_many_mutations_go_through_every_child(tmp_path: Path, seed: int) -> None:
    target = tmp_path / "made"
    target.mkdir()
    for number, (_, data) in enumerate(hostile.mutations(1000 + seed, 20)):
        if await looked_at(tmp_path, data) is None:
            continue
        for work, order in (
            ("sound", {}),
            ("repack", {}),
            ("remux", {"name": "made", "container": "mp4"}),
            ("rendition", {"name": "360", "side": 360, "kbps": 300}),
        ):
            try:
                await run(work, tmp_path / "film", target, nice=0, **order)
            except NotShowable:
                assert number >= 0


def confined(code: str, source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    head = (
        "from pathlib import Path; from livecore.library.work import sandbox\n"
        f"held = sandbox.confine(Path({str(source)!r}), Path({str(target)!r}), cpu_s=2, output_bytes=1000, nice=0)\n"
    )
    return subprocess.run([sys.executable, "-c", head + code], capture_output=True, text=True, timeout=60)


def test_a_child_reads_its_file_and_no_other(tmp_path: Path, secret: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    film = tmp_path / "film"
    film.write_bytes(b"film")
    whole = confined("assert held; print(open(source := " + repr(str(film)) + ").read())", film, target)
    assert whole.stdout == "film\n", whole.stderr
    for code in (
        f"open({str(secret)!r}).read()",
        "open('/etc/passwd').read()",
        f"open({str(tmp_path / 'new')!r}, 'w')",
        "import socket; socket.create_connection(('127.0.0.1', 1), 1)",
        "import os; os.execv('/bin/true', ['true'])",
    ):
        done = confined(code, film, target)
        assert "PermissionError" in done.stderr, (code, done.stderr)


@pytest.mark.parametrize(("nice", "policy"), [(7, os.SCHED_OTHER), (19, os.SCHED_IDLE)])
def test_a_child_has_the_priority_and_the_cores_that_it_was_given(tmp_path: Path, nice: int, policy: int) -> None:
    core = max(os.sched_getaffinity(0))
    code = (
        "from pathlib import Path; from livecore.library.work import sandbox; import os\n"
        f"sandbox.confine(Path({str(tmp_path)!r}), None, cpu_s=2, output_bytes=1000, nice={nice}, cores=[{core}])\n"
        "print(os.nice(0), os.sched_getaffinity(0), os.sched_getscheduler(0))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == f"{min(19, os.nice(0) + nice)} {{{core}}} {policy}\n", done.stderr


def test_a_child_ends_at_its_limits(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    film = tmp_path / "film"
    film.touch()
    for code in ("while True: pass", "x = bytearray(4 << 30)"):
        assert confined(code, film, target).returncode != 0, code
    confined(f"open({str(target / 'big')!r}, 'wb').write(bytes(5000))", film, target)
    assert (target / "big").stat().st_size <= 1000


async def made_anew(data: bytes) -> bool:
    """Whether it became a picture; False when it was refused."""
    started = time.monotonic()
    try:
        made = await ChildPictures(Settings(transcode_nice=0)).make(data, (320,))
    except (errors.Invalid, errors.WrongMedia):
        return False
    finally:
        assert time.monotonic() - started < LIMIT_S
    with Image.open(io.BytesIO(made.files[320]), formats=["WEBP"]) as picture:
        assert picture.size == (made.width, made.height)
    return True


async def test_pictures_that_mean_harm_are_refused() -> None:
    for name, data in hostile.hostile_pictures():
        assert not await made_anew(data), name


async def test_mutated_pictures_end_in_a_picture_or_a_refusal() -> None:
    outcomes = [await made_anew(data) for _, data in hostile.mutated_pictures(7, 2)]
    assert {True, False} == set(outcomes)


@pytest.mark.deep
@pytest.mark.timeout(3600)
async def test_many_mutated_pictures() -> None:
    outcomes = [await made_anew(data) for _, data in hostile.mutated_pictures(1000, 200)]
    assert {True, False} == set(outcomes)


async def test_a_picture_is_decoded_in_a_confined_child(server: Server) -> None:
    anna = await server.person("anna")
    sending = asyncio.create_task(send(anna, hostile.picture("PNG", (4800, 3200)), purpose="image"))
    child = await until(lambda: working(psutil.Process(), "picture"), "a child that decodes")
    assert child is not None
    await until(lambda: "65" in limit_of(child.pid, "Max cpu time"), "the child's limits")
    await until(lambda: re.search(r"NoNewPrivs:\s*1", Path(f"/proc/{child.pid}/status").read_text()), "no new privileges")
    path = await sending
    assert (await anna.get(path)).json["width"] == 2048


def limit_of(pid: int, name: str) -> list[str]:
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return next(line for line in lines if line.startswith(name)).removeprefix(name).split()


async def test_a_hostile_upload_fails_alone_and_in_words(server: Server) -> None:
    anna = await server.person("anna")
    for data in (b"\0\0\0\x18ftypmp42" + os.urandom(4000), media.faststart()[:6000]):
        path = await begin(anna, len(data))
        answer = await tus(anna, "PATCH", path, data, Upload_Offset="0")
        assert answer.status == 204
        found = await settled(anna, answer.headers["Link"][1:].partition(">")[0], "failed")
        assert found["failure"] == "not_showable"
    assert (await server.call("GET", "/readyz")).status == 200
