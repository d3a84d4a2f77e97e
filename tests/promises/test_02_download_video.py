"""2. Download video: "download and upload videos"."""

import email
import email.policy
from pathlib import Path

import pytest

from tests.library.recorded import keep, recorded_bytes
from tests.people import Person
from tests.serving import Server

DATA = recorded_bytes("h264")
SIZE = len(DATA)


@pytest.fixture
async def anna(server: Server) -> Person:
    return await server.person("anna")


@pytest.fixture
async def path(server: Server, anna: Person, tmp_path: Path) -> str:
    """Where ben, who made nothing, downloads anna's video."""
    return f"/api/v1/videos/{await keep(server, anna, tmp_path, codec='h264', title='Ein Spaß: 100 % «live»')}/download"


@pytest.fixture
async def ben(server: Server) -> Person:
    return await server.person("ben")


async def test_02_download_answers_the_whole_file_as_an_attachment(ben: Person, path: str) -> None:
    answer = await ben.get(path)
    assert (answer.status, answer.body) == (200, DATA)
    assert answer.headers["Content-Type"] == "video/mp4"
    assert answer.headers["Content-Length"] == str(SIZE)
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["ETag"].startswith('"')
    assert answer.headers["Content-Disposition"].split("; ") == [
        "attachment",
        'filename="Ein Spa__ 100 _ _live_.mp4"',
        "filename*=UTF-8''Ein%20Spa%C3%9F%3A%20100%20%25%20%C2%ABlive%C2%BB.mp4",
    ]


async def test_02_a_range_answers_those_bytes(ben: Person, path: str) -> None:
    answer = await ben.get(path, headers={"Range": "bytes=5-9"})
    assert (answer.status, answer.body) == (206, DATA[5:10])
    assert answer.headers["Content-Range"] == f"bytes 5-9/{SIZE}"
    assert answer.headers["Content-Length"] == "5"
    suffix = await ben.get(path, headers={"Range": "bytes=-7"})
    assert (suffix.status, suffix.body) == (206, DATA[-7:])
    long = await ben.get(path, headers={"Range": f"bytes={SIZE - 3}-{SIZE + 1000}"})
    assert (long.status, long.body) == (206, DATA[-3:])


async def test_02_several_ranges_answer_multipart_byteranges(ben: Person, path: str) -> None:
    answer = await ben.get(path, headers={"Range": "bytes=0-4,1000-1009,-3"})
    assert answer.status == 206
    assert answer.headers["Content-Length"] == str(len(answer.body))
    head = f"Content-Type: {answer.headers['Content-Type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + answer.body, policy=email.policy.HTTP)
    parts = list(message.iter_parts())
    assert answer.headers["Content-Type"].startswith("multipart/byteranges; boundary=")
    assert [part["Content-Range"] for part in parts] == [
        f"bytes 0-4/{SIZE}",
        f"bytes 1000-1009/{SIZE}",
        f"bytes {SIZE - 3}-{SIZE - 1}/{SIZE}",
    ]
    assert {part.get_content_type() for part in parts} == {"video/mp4"}
    assert [part.get_payload(decode=True) for part in parts] == [DATA[:5], DATA[1000:1010], DATA[-3:]]


async def test_02_past_the_end_is_416_with_the_size(ben: Person, path: str) -> None:
    for header in (f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", "bytes=-0", f"bytes={SIZE + 1}-,{SIZE + 9}-"):
        answer = await ben.get(path, headers={"Range": header})
        assert answer.status == 416
        assert answer.headers["Content-Range"] == f"bytes */{SIZE}"
        assert answer.headers["Content-Type"] == "application/problem+json"


async def test_02_a_range_that_is_not_understood_answers_the_whole_file(ben: Person, path: str) -> None:
    for header in ("bytes=9-5", "lines=1-2", "bytes=one-two"):
        answer = await ben.get(path, headers={"Range": header})
        assert (answer.status, answer.body) == (200, DATA)


async def test_02_a_broken_off_download_goes_on_only_while_the_file_is_the_same(ben: Person, path: str) -> None:
    first = await ben.get(path, headers={"Range": "bytes=0-999"})
    tag, date = first.headers["ETag"], first.headers["Last-Modified"]
    for validator in (tag, date):
        rest = await ben.get(path, headers={"Range": "bytes=1000-", "If-Range": validator})
        assert (rest.status, first.body + rest.body) == (206, DATA)
    for stale in ('"another"', f"W/{tag}", "Thu, 01 Jan 2015 00:00:00 GMT"):
        whole = await ben.get(path, headers={"Range": "bytes=1000-", "If-Range": stale})
        assert (whole.status, whole.body) == (200, DATA)


async def test_02_what_the_client_has_is_not_sent_again(ben: Person, path: str) -> None:
    tag = (await ben.get(path)).headers["ETag"]
    for validators in ({"If-None-Match": tag}, {"If-None-Match": tag, "Range": "bytes=0-4"}):
        answer = await ben.get(path, headers=validators)
        assert (answer.status, answer.body) == (304, b"")
        assert answer.headers["ETag"] == tag
    assert (await ben.get(path, headers={"If-None-Match": '"another"'})).status == 200
    assert (await ben.get(path, headers={"If-Match": '"another"'})).status == 412


async def test_02_head_tells_the_size_and_sends_nothing(ben: Person, path: str) -> None:
    answer = await ben.call("HEAD", path, headers={"Range": "bytes=0-4"})
    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", str(SIZE))


async def test_02_a_signed_link_downloads_without_a_header(server: Server, ben: Person, path: str) -> None:
    link = (await ben.get(path.removesuffix("/download"))).json["download"]
    answer = await server.call("GET", link)
    assert (answer.status, answer.body) == (200, DATA)
    assert (await server.call("GET", path)).status == 401


async def test_02_a_video_that_its_owner_does_not_offer_is_not_downloaded(server: Server, anna: Person, ben: Person, path: str) -> None:
    video = path.removesuffix("/download")
    link = (await ben.get(video)).json["download"]
    assert (await server.call("GET", link)).status == 200
    assert (await anna.patch(video, {"allow_download": False})).status == 200
    answer = await ben.get(path)
    assert (answer.status, answer.type) == (403, "download_off")
    # Nor by an address that was given before.
    assert (await server.call("GET", link)).type == "download_off"
    assert (await ben.get(video)).json["download"] is None
    assert (await anna.get(path)).status == 200
