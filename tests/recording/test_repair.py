"""A recorder that is killed at any moment leaves a file that plays to within its last second."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from livecore.media.recording_files import Part, RecordingDirectory
from livecore.media.repair import EXIT_NOTHING, NothingInside, finish
from tests.recording import tools
from tests.recording.reading import decode

ROOT = Path(__file__).parents[2]
CONTAINERS = {"vp8": "webm", "h264": "mp4", "vp9": "mp4", "av1": "mp4"}

# Writes a stream with its own clock, then kills itself at the given moment of media.
KILLED = """
import os, signal, sys
from pathlib import Path
from livecore.media.file_parts import open_writer
from livecore.media.mux import Layout
from livecore.media.intake import Track
from livecore.media.recording import Recording
from livecore.media.reorder import Packet
from tests.recording import packetise
codec, path, kill_at = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
recording = Recording(
    [Track(0, "video", codec, 90000), Track(1, "audio", "opus", 48000, 2)],
    lambda part, layout, start: open_writer(path, layout), lambda part, reason: None)
frames = packetise.coded_video(codec, kill_at + 1, gop=1000)
packets = [*packetise.video_packets(codec, frames), *packetise.audio_packets(packetise.coded_audio(kill_at + 1))]
for track in (0, 1):
    first = next(p for p in packets if p.track == track)
    recording.packet(track, Packet(first.number, first.timestamp, first.marker, first.payload, 0.0), 0.0)
    recording.report(track, 1 << 60, first.timestamp)
for p in sorted(packets, key=lambda p: p.at):
    if p.at >= kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
    recording.packet(p.track, Packet(p.number, p.timestamp, p.marker, p.payload, p.at), p.at)
"""


def killed_at(codec: str, path: Path, kill_at_s: float) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.run([sys.executable, "-c", KILLED, codec, str(path), str(kill_at_s)], env=environment, cwd=ROOT, check=False)
    assert child.returncode == -signal.SIGKILL


@pytest.mark.parametrize("codec", CONTAINERS)
def test_a_kill_costs_at_most_the_last_second(tmp_path: Path, codec: str) -> None:
    """There is one key frame, at the start: what survives does not hang on how often a camera makes one."""
    dice = random.Random(codec)
    for attempt in range(2):
        kill_at_s = dice.uniform(2.0, 5.0)
        written, repaired = tmp_path / f"{attempt}.open", tmp_path / f"{attempt}.done"
        killed_at(codec, written, kill_at_s)
        contents = finish(written, repaired, CONTAINERS[codec])
        read = decode(repaired)
        assert read.end_s > kill_at_s - 1.0
        assert contents.duration_s == pytest.approx(read.end_s, abs=0.1)
        assert (contents.video_codec, contents.width, contents.height) == (codec, 320, 180)
        assert tools.streams_of(repaired) == [codec, "opus"]
        assert tools.complaints_of(repaired) == ""


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_a_file_cut_at_any_byte_is_repaired_or_said_to_be_empty(tmp_path: Path, codec: str) -> None:
    written = tmp_path / "whole"
    killed_at(codec, written, 3.0)
    whole = written.read_bytes()
    dice = random.Random(5)
    ends = []
    for cut in sorted([0, 1, 40, 500, *(dice.randrange(len(whole)) for _ in range(25))]):
        torn, repaired = tmp_path / "torn", tmp_path / "repaired"
        torn.write_bytes(whole[:cut])
        repaired.unlink(missing_ok=True)
        try:
            finish(torn, repaired, CONTAINERS[codec])
        except NothingInside:
            assert not repaired.exists()
            ends.append(0.0)
            continue
        ends.append(decode(repaired).end_s)
    assert ends == sorted(ends)
    assert ends[-1] > 1.5


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_a_file_whose_last_write_was_refused_ends_with_its_last_whole_piece(tmp_path: Path, codec: str) -> None:
    """The limit falls somewhere within a cluster or fragment; nothing is written behind the hole."""
    whole, limited = tmp_path / "whole", tmp_path / "limited"
    killed_at(codec, whole, 2.5)
    limit_bytes = random.Random(6).randrange(100_000, whole.stat().st_size - 1000)
    refusing = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit_bytes}, {limit_bytes}))\n" + KILLED
    child = subprocess.run(
        [sys.executable, "-c", refusing, codec, str(limited), "2.5"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert "WriteFailed: too_large" in child.stderr
    # Half a second of this picture is some forty kilobytes.
    assert limit_bytes - 80_000 < limited.stat().st_size <= limit_bytes
    assert tools.complaints_of(limited) == ""


def test_a_damaged_mp4_is_finished_as_far_as_it_is_whole_or_said_to_be_empty(tmp_path: Path) -> None:
    """The disk lied: bytes anywhere are others."""
    written = tmp_path / "whole"
    killed_at("h264", written, 3.0)
    whole = written.read_bytes()
    dice = random.Random(8)
    for _ in range(60):
        damaged, torn = bytearray(whole), tmp_path / "torn"
        # Facts are few among the pictures: most of the damage goes where boxes are.
        heads = [0, *(at for at in range(len(whole)) if whole.startswith(b"moof", at))]
        for _ in range(dice.randrange(1, 6)):
            damaged[min(len(damaged) - 1, dice.choice(heads) + dice.randrange(900))] = dice.randrange(256)
        torn.write_bytes(damaged)
        repaired = tmp_path / "repaired"
        with contextlib.suppress(NothingInside, ValueError):
            contents = finish(torn, repaired, "mp4")
            assert contents.duration_s >= 0
            assert contents.size_bytes == repaired.stat().st_size <= len(whole) + 20_000


def test_bytes_that_are_no_video_are_said_to_be_empty_by_the_child(tmp_path: Path) -> None:
    torn = tmp_path / "torn"
    torn.write_bytes(random.Random(1).randbytes(100_000))
    for container in ("webm", "mp4"):
        child = subprocess.run(
            [sys.executable, "-m", "livecore.media.repair", str(torn), str(tmp_path / "out"), container],
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
        assert child.returncode == EXIT_NOTHING
        assert not (tmp_path / "out").exists()


def test_a_finished_file_begins_with_its_index(tmp_path: Path) -> None:
    for codec, container in (("vp8", "webm"), ("h264", "mp4")):
        written, repaired = tmp_path / f"{codec}.open", tmp_path / f"{codec}.done"
        killed_at(codec, written, 2.5)
        finish(written, repaired, container)
        data = repaired.read_bytes()
        index, media = (b"moov", b"mdat") if container == "mp4" else (b"\x1c\x53\xbb\x6b", b"\x1f\x43\xb6\x75")
        assert 0 <= data.index(index) < data.index(media)


def part(number: int = 0, state: str = "open") -> Part:
    return Part("rec", number, "live", "pub", "webm", 1_700_000_000_000 + number, state=state)  # type: ignore[arg-type]


def test_what_a_kill_left_behind_is_found_and_what_lost_its_file_is_forgotten(tmp_path: Path) -> None:
    directory = RecordingDirectory(tmp_path)
    for number in range(5):
        directory.save(part(number))
    directory.open_path(part(0)).write_bytes(b"written")
    directory.final_path(part(1)).write_bytes(b"renamed, not yet noted")
    directory.save(part(2, "finished"))
    directory.final_path(part(2)).write_bytes(b"finished")
    directory.open_path(part(2)).write_bytes(b"left")
    directory.save(part(3, "taken"))
    (tmp_path / "torn.0.json").write_text('{"recording": "to')
    found = {p.part: p.state for p in directory.recover()}
    assert found == {0: "open", 1: "open", 2: "finished", 3: "taken"}
    assert directory.open_path(part(1)).read_bytes() == b"renamed, not yet noted"
    assert not directory.open_path(part(2)).exists()
    assert directory.next_part("rec") == 4
    assert directory.next_part("other") == 0


def test_a_taken_part_is_remembered_for_a_day(tmp_path: Path) -> None:
    directory = RecordingDirectory(tmp_path)
    directory.save(part(0, "finished"))
    directory.final_path(part(0)).write_bytes(b"finished")
    directory.take(part(0), at_ms=1_700_000_000_000)
    assert not directory.final_path(part(0)).exists()
    directory.purge(1_700_000_000_000 + 86_400_000)
    assert directory.next_part("rec") == 1
    directory.purge(1_700_000_000_000 + 86_400_001)
    assert directory.next_part("rec") == 0
    assert json.dumps(list(map(str, tmp_path.iterdir()))) == "[]"
