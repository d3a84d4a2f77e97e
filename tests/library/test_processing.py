"""What is made of uploads, looked at with ffprobe and decoded whole by ffmpeg."""

import asyncio
import io
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from livecore.library import made, processing
from livecore.library.plan import plan
from livecore.library.tables import video
from tests.conftest import StartServer
from tests.library import media
from tests.library.sending import begin, related, send, sent, tus
from tests.people import Person
from tests.serving import Server
from tests.waiting import until


@pytest.fixture
async def server(start_server: StartServer) -> Server:
    return await start_server()


@pytest.fixture
async def anna(server: Server) -> Person:
    return await server.person("anna")


def probed(path: Path) -> dict[str, Any]:
    """What ffprobe says, after ffmpeg has decoded everything without a word."""
    done = subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), "-f", "null", "-"], capture_output=True, text=True, check=True)
    assert done.stderr == "", done.stderr
    asked = ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", str(path)]
    return dict(json.loads(subprocess.run(asked, capture_output=True, text=True, check=True).stdout))


async def fetched(server: Server, address: str, into: Path) -> Path:
    answer = await server.call("GET", address)
    assert answer.status == 200, answer
    into.write_bytes(answer.body)
    return into


async def test_a_phones_film_is_repacked_so_that_it_plays_at_once(server: Server, anna: Person, tmp_path: Path) -> None:
    found = await sent(anna, media.mp4(seconds=2.0))
    assert (found["media_type"], found["width"], found["height"], found["hls"]) == ("video/mp4", 192, 108, None)
    assert found["duration_s"] == pytest.approx(2.0, abs=0.1)
    path = await fetched(server, found["file"], tmp_path / "play.mp4")
    data = path.read_bytes()
    assert data.find(b"moov") < data.find(b"mdat")
    assert [stream["codec_name"] for stream in probed(path)["streams"]] == ["h264", "aac"]


async def test_a_film_that_plays_as_it_is_stays_so(server: Server, anna: Person) -> None:
    for data, media_type in ((media.faststart(), "video/mp4"), (media.webm(), "video/webm")):
        found = await sent(anna, data)
        answer = await server.call("GET", found["file"])
        assert (answer.body, answer.headers["Content-Type"]) == (data, media_type)


async def test_where_a_phone_was_is_not_sent_to_viewers(server: Server, anna: Person, tmp_path: Path) -> None:
    film = media.made("film.mov", *media.H264, "-movflags", "+faststart", "-metadata", "location=+48.8577+002.295/")
    assert b"+48.8577" in film
    found = await sent(anna, film)
    assert b"+48.8577" not in (await server.call("GET", found["file"])).body


async def test_matroska_is_repacked(server: Server, anna: Person, tmp_path: Path) -> None:
    found = await sent(anna, media.mkv())
    assert [one["codec_name"] for one in probed(await fetched(server, found["file"], tmp_path / "p.mp4"))["streams"]] == ["h264", "aac"]


async def test_a_transport_stream_is_repacked(server: Server, anna: Person, tmp_path: Path) -> None:
    found = await sent(anna, media.ts(seconds=2.0))
    file = tmp_path / "play.mp4"
    file.write_bytes((await server.call("GET", found["file"])).body)
    assert {stream["codec_name"] for stream in probed(file)["streams"]} == {"h264", "aac"}
    assert float(probed(file)["format"]["duration"]) == pytest.approx(2.0, abs=0.2)
    # Every picture and every sound in it can be decoded.
    decoded = await asyncio.create_subprocess_exec("ffmpeg", "-v", "error", "-xerror", "-i", str(file), "-f", "null", "-")
    assert await decoded.wait() == 0


async def test_what_no_browser_plays_becomes_hls(server: Server, anna: Person, tmp_path: Path) -> None:
    found = await sent(anna, media.avi(seconds=5.0, size="960x540", rate=10))
    assert (found["file"], found["media_type"]) == (None, "video/x-msvideo")
    master = await server.call("GET", found["hls"])
    assert (master.status, master.headers["Content-Type"].split(";")[0]) == (200, "application/vnd.apple.mpegurl")
    text = master.body.decode()
    assert re.findall(r"RESOLUTION=(\d+x\d+)", text) == ["640x360", "960x540"]
    assert re.findall(r'CODECS="([^"]+)"', text)[0].startswith("avc1.64")
    for line in (*re.findall(r'URI="([^"]+)"', text), *[line for line in text.splitlines() if not line.startswith("#")]):
        playlist = await server.call("GET", line)
        assert playlist.status == 200, line
        assert "#EXT-X-ENDLIST" in playlist.body.decode()
        media_file = re.search(r'URI="([^"]+)"', playlist.body.decode())
        assert media_file is not None
        answer = await server.call("GET", line.rpartition("/")[0] + "/" + media_file[1], headers={"Range": "bytes=0-99"})
        assert (answer.status, answer.headers["Content-Type"]) == (206, "video/mp4")
    # As any player reads it: by the network, from the address alone.
    asked = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_name,width", "-of", "json", server.url + found["hls"]]
    probe = await asyncio.create_subprocess_exec(*asked, stdout=subprocess.PIPE)
    streams = json.loads((await probe.communicate())[0])["streams"]
    assert {stream["codec_name"] for stream in streams} == {"h264", "aac"}
    row = await _row(server, found["id"])
    for name in ("360", "540" if "540" in made.read(row)["renditions"] else "720", "sound"):
        for suffix in ("m3u8", "m4s"):
            (tmp_path / f"{name}.{suffix}").write_bytes(await server.app.storage.get(f"videos/{anna.id}/{found['id']}/hls/{name}.{suffix}"))
        whole = probed(tmp_path / f"{name}.m3u8")
        assert float(whole["format"]["duration"]) == pytest.approx(5.0, abs=0.25)


async def _row(server: Server, video_id: str) -> Any:
    async with server.app.db.read() as conn:
        return (await conn.execute(select(video).where(video.c.id == video_id))).mappings().one()


async def test_the_path_of_hls_is_revoked_by_a_block_and_serves_nothing_else(server: Server, anna: Person) -> None:
    ben = await server.person("ben")
    found = await sent(anna, media.avi())
    master = (await ben.get((await ben.get(f"/api/v1/videos/{found['id']}")).json["hls"])).body.decode()
    line = next(line for line in master.splitlines() if not line.startswith("#"))
    assert (await server.call("GET", line)).status == 200
    prefix = line.rpartition("/")[0]
    for other in ("original.avi", "poster.jpg", "..%2foriginal.avi", "x.m3u8", "360.m3u8.bak"):
        assert (await server.call("GET", f"{prefix}/{other}")).status == 404
    assert (await server.call("GET", line.replace(found["id"], "0" * 32))).status == 401
    assert (await anna.put("/api/v1/blocks/ben")).status in (200, 204)
    assert (await server.call("GET", line)).status == 404


async def test_stills_for_lists_and_scrubbing(server: Server, anna: Person) -> None:
    found = await sent(anna, media.faststart(seconds=4.0))
    vtt = (await server.call("GET", found["sprites"])).body.decode()
    cues = re.findall(r"(\S+) --> (\S+)\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)", vtt)
    assert vtt.startswith("WEBVTT")
    assert len(cues) == 4
    assert cues[0][0] == "00:00:00.000"
    with Image.open(io.BytesIO((await server.call("GET", cues[0][2])).body)) as sheet:
        assert (sheet.format, sheet.size) == ("JPEG", (640, 90))
        tiles = [sheet.crop((int(x), int(y), int(x) + int(w), int(y) + int(h))).tobytes() for *_, x, y, w, h in cues]
    assert len(set(tiles)) == 4
    with Image.open(io.BytesIO((await server.call("GET", found["preview"])).body)) as preview:
        assert (preview.format, preview.size) == ("WEBP", (192, 108))
        assert getattr(preview, "n_frames", 1) >= 4


async def test_the_owner_chooses_the_moment_of_the_poster(server: Server, anna: Person) -> None:
    black_then_bars = media.made(
        "film.mp4", *media.H264, "-vf", "drawbox=c=blue:t=fill:enable='lt(t,1)',drawbox=c=red:t=fill:enable='gte(t,1)'", seconds=2.0
    )
    found = await sent(anna, black_then_bars)

    async def colour() -> str:
        answer = await anna.get(f"/api/v1/videos/{found['id']}/poster.jpg")
        with Image.open(io.BytesIO(answer.body)) as picture:
            red, _, blue = picture.convert("RGB").resize((1, 1)).getpixel((0, 0))  # type: ignore[misc]
        return "red" if red > blue else "blue"

    for moment, wanted in ((1.5, "red"), (0.2, "blue")):
        assert (await anna.patch(f"/api/v1/videos/{found['id']}", {"poster_at_s": moment})).status == 200

        async def is_so(wanted: str = wanted) -> bool:
            return await colour() == wanted

        await until(is_so, f"a {wanted} poster")
    assert (await anna.patch(f"/api/v1/videos/{found['id']}", {"poster_at_s": 99})).status == 422


async def test_loudness_is_measured_as_ffmpeg_does(server: Server, anna: Person, tmp_path: Path) -> None:
    film = media.made("film.mp4", *media.H264, *media.AAC, "-af", "volume=0.5", "-movflags", "+faststart", seconds=3.0)
    path = tmp_path / "film.mp4"
    path.write_bytes(film)
    done = subprocess.run(["ffmpeg", "-nostdin", "-i", str(path), "-af", "ebur128", "-f", "null", "-"], capture_output=True, text=True)
    said = float(re.findall(r"I:\s+(-?[\d.]+) LUFS", done.stderr)[-1])
    assert (await sent(anna, film))["loudness_lufs"] == pytest.approx(said, abs=0.3)


async def test_a_turned_film_stands_upright(server: Server, anna: Person, tmp_path: Path) -> None:
    # The matrix of the track's header (ISO/IEC 14496-12, 8.3.2), as a phone that is held upright writes it: a quarter turn.
    film = bytearray(media.faststart())
    at = film.find(b"tkhd") + 4 + 40
    for number, value in enumerate((0, 0x10000, 0, 0xFFFF0000, 0)):
        film[at + 4 * number : at + 4 * number + 4] = value.to_bytes(4, "big")
    found = await sent(anna, bytes(film))
    assert (found["width"], found["height"]) == (108, 192)


async def test_a_person_can_watch_how_far_it_is(server: Server, anna: Person) -> None:
    socket = await anna.connect()
    path = await send(anna, media.avi(seconds=3.0, size="640x360"))
    shown: set[float] = set()

    async def is_ready() -> bool:
        video = (await anna.get(path)).json
        shown.add(video["progress"])
        return bool(video["status"] == "ready")

    await until(is_ready, "the film to be ready", 60)
    # In the resource for who asks, by Socket.IO for who listens.
    assert 0.0 <= min(shown) < 1.0 == max(shown)
    found = (await anna.get(path)).json
    await until(lambda: any(one["status"] == "ready" for one in socket.heard("video.progress")), "the end to be told")
    told = socket.heard("video.progress")
    assert {one["video"] for one in told} == {found["id"]}
    steps = [one["progress"] for one in told]
    assert steps == sorted(steps)
    assert steps[-1] == 1.0
    assert len(steps) >= 3
    await socket.close()


async def test_a_video_deleted_before_its_bytes_were_taken_over_leaves_nothing(server: Server, anna: Person) -> None:
    data = media.faststart()
    path = await begin(anna, len(data))
    await server.app.jobs.close()  # nobody takes jobs
    address = related(await tus(anna, "PATCH", path, data, Upload_Offset="0"))
    assert (await anna.delete(address)).status == 204
    await server.app.jobs.start()
    await until(server.app.jobs.idle, "jobs to end")
    assert [key async for key in server.app.storage.list("uploads")] == []
    assert [key async for key in server.app.storage.list("videos")] == []


async def test_a_job_that_was_killed_goes_on_with_the_next_step(server: Server, anna: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step after the stills dies once, as in a kill; what was made before is not made again."""
    ran: list[str] = []
    real = processing.run

    async def counted(work: str, *arguments: Any, **more: Any) -> Any:
        ran.append(work + str(more.get("name", "")))
        if ran.count("rendition360") == 1 and work == "rendition":
            raise ConnectionError("killed")
        return await real(work, *arguments, **more)

    monkeypatch.setattr(processing, "run", counted)
    await sent(anna, media.avi())
    assert ran == ["look", "sound", "rendition360", "rendition360", "renditionsound"]


async def test_a_video_deleted_while_it_is_made_leaves_nothing(server: Server, anna: Person) -> None:
    data = media.avi(seconds=3.0)
    path = await begin(anna, len(data))
    address = related(await tus(anna, "PATCH", path, data, Upload_Offset="0"))
    assert (await anna.delete(address)).status == 204
    await until(server.app.jobs.idle, "jobs to end")

    async def nothing() -> bool:
        return not [key async for key in server.app.storage.list("videos")] and not [
            key async for key in server.app.storage.list("uploads")
        ]

    await until(nothing, "objects to go")


def test_what_a_film_needs_is_decided_by_what_is_inside() -> None:
    base: dict[str, Any] = {"container": "mov", "fast_start": True, "tells_place": False, "width": 1920, "height": 1080}
    h264, aac = {"codec": "h264", "pixels": "yuv420p"}, {"codec": "aac"}
    for facts, play, names in (
        ({"video": h264, "audio": aac}, "as_it_is", []),
        ({"video": h264, "audio": None}, "as_it_is", []),
        ({"video": h264, "audio": aac, "fast_start": False}, "repack", []),
        ({"video": h264, "audio": aac, "tells_place": True}, "repack", []),
        ({"video": h264, "audio": {"codec": "pcm_s16le"}}, "ladder", ["360", "720", "1080", "sound"]),
        ({"video": h264 | {"pixels": "yuv420p10le"}, "audio": None}, "ladder", ["360", "720", "1080"]),
        ({"video": {"codec": "hevc", "pixels": "yuv420p"}, "audio": aac, "width": 300, "height": 500}, "ladder", ["360", "sound"]),
        ({"video": {"codec": "vp9", "pixels": "yuv420p"}, "audio": {"codec": "opus"}, "container": "webm"}, "as_it_is", []),
        ({"video": {"codec": "vp9", "pixels": "yuv420p"}, "audio": {"codec": "opus"}}, "as_it_is", []),
        ({"video": {"codec": "av1", "pixels": "yuv420p"}, "audio": {"codec": "opus"}, "fast_start": False}, "repack", []),
        ({"video": {"codec": "av1", "pixels": "yuv420p10le"}, "audio": {"codec": "opus"}}, "ladder", ["360", "720", "1080", "sound"]),
        ({"video": None, "audio": aac}, "as_it_is", []),
    ):
        found = plan(base | facts, always_ladder=False)  # type: ignore[arg-type]
        assert (found.play, [one.name for one in found.renditions]) == (play, names), facts
    always = plan(base | {"video": h264, "audio": aac}, always_ladder=True)
    assert (always.play, len(always.renditions)) == ("as_it_is", 4)
