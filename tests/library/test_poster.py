"""Posters from good files, and what becomes of files that mean harm."""

import io
import random
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageStat

from livecore.library.poster import SIDE_LIMIT
from livecore.library.processing import NotShowable, make_poster
from livecore.media.depacketise import Frame
from livecore.media.mux import ContainerWriter, Layout
from tests.library.recorded import recorded_bytes
from tests.recording import packetise

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_a_poster_is_a_jpeg_of_the_picture_without_metadata(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "v"
    path.write_bytes(recorded_bytes(codec))
    poster = await make_poster(path)
    assert (poster.width, poster.height) == (320, 180)
    assert poster.jpeg is not None
    with Image.open(io.BytesIO(poster.jpeg)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (320, 180))
        assert not picture.getexif()


async def test_a_large_picture_is_made_smaller(tmp_path: Path) -> None:
    path = tmp_path / "v"
    writer = ContainerWriter(path, Layout("vp8", 2560, 1440, has_audio=False))
    for time_s, data, is_key in packetise.coded_video("vp8", 0.07, size=(2560, 1440)):
        writer.video(Frame(0, data, is_key, 2560, 1440), time_s)
    writer.close()
    poster = await make_poster(path)
    assert (poster.width, poster.height) == (2560, 1440)
    assert poster.jpeg is not None
    with Image.open(io.BytesIO(poster.jpeg)) as picture:
        assert picture.size == (SIDE_LIMIT, 720)


async def test_black_at_the_start_is_passed_over(tmp_path: Path) -> None:
    """A second of black, as of a camera that wakes up, then a picture."""
    path = tmp_path / "v"
    frames = packetise.coded_video(
        "vp8", 2.0, size=(160, 120), draw=lambda n, w, h: (packetise.black if n < 30 else packetise.picture)(n, w, h)
    )
    writer = ContainerWriter(path, Layout("vp8", 160, 120, has_audio=False))
    for time_s, data, is_key in frames:
        writer.video(Frame(0, data, is_key, 160, 120), time_s)
    writer.close()
    poster = await make_poster(path)
    assert poster.jpeg is not None
    with Image.open(io.BytesIO(poster.jpeg)) as picture:
        assert ImageStat.Stat(picture.convert("L")).stddev[0] > 20


async def test_a_file_that_names_another_is_refused_and_the_other_is_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.webm"
    secret.write_bytes(recorded_bytes("vp8"))
    hostile = {
        "playlist": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{secret}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile {secret}\n",
        "subtitles": "1\n00:00:00,000 --> 00:00:01,000\nhello\n",
        "picture": "P3 1 1 255 1 2 3\n",
        "empty": "",
    }
    for name, text in hostile.items():
        path = tmp_path / name
        path.write_text(text)
        with pytest.raises(NotShowable):
            await make_poster(path)


async def test_mutations_and_cuts_of_good_files_end_in_a_poster_or_a_refusal(tmp_path: Path) -> None:
    dice = random.Random(4)
    outcomes = set()
    for codec in ("vp8", "h264"):
        whole = recorded_bytes(codec)
        for _ in range(8):
            data = bytearray(whole[: dice.randrange(len(whole))])
            for _ in range(dice.randrange(20)):
                data[dice.randrange(max(1, min(len(data), 4000)))] = dice.randrange(256)
            path = tmp_path / "v"
            path.write_bytes(data)
            try:
                poster = await make_poster(path)
            except NotShowable:
                outcomes.add("refused")
                continue
            outcomes.add("poster" if poster.jpeg else "sound")
    assert "refused" in outcomes


def test_a_picture_that_claims_to_be_huge_is_refused_within_its_limits(tmp_path: Path) -> None:
    """A VP8 key frame whose header says 16,383 by 16,383: some 400 MB of memory when believed."""
    key = packetise.coded_video("vp8", 0.04)[0][1]
    bomb = key[:6] + (16383).to_bytes(2, "little") * 2 + key[10:]
    path = tmp_path / "v"
    writer = ContainerWriter(path, Layout("vp8", 16383, 16383, has_audio=False))
    writer.video(Frame(0, bomb, True, 16383, 16383), 0.0)
    writer.close()
    child = subprocess.run(
        [sys.executable, "-m", "livecore.library.poster", str(path), str(tmp_path / "p.jpg")], cwd=ROOT, capture_output=True, timeout=60
    )
    assert child.returncode == 3
    assert not (tmp_path / "p.jpg").exists()
