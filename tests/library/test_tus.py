"""tus 1.0, header by header: https://tus.io/protocols/resumable-upload by its sections."""

import asyncio
import base64
import contextlib
import errno
import hashlib
import itertools
import os
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from tests.clocks import ShiftedClock
from tests.conftest import StartServer
from tests.library import media
from tests.library.sending import PART, begin, metadata, offset, related, send, sent, settled, tus
from tests.people import Person
from tests.serving import Server

FILM = media.faststart()


@pytest.fixture
async def anna(server: Server) -> Person:
    return await server.person("anna")


async def test_options_tells_what_is_spoken(server: Server) -> None:
    answer = await server.call("OPTIONS", "/uploads")
    assert answer.status == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert set(answer.headers["Tus-Extension"].split(",")) == {
        "creation",
        "creation-with-upload",
        "creation-defer-length",
        "expiration",
        "checksum",
        "termination",
        "concatenation",
    }
    assert int(answer.headers["Tus-Max-Size"]) == server.settings.upload_limit_bytes
    assert answer.headers["Tus-Checksum-Algorithm"] == "sha1,sha256,md5"


async def test_a_file_in_three_parts_is_the_file(server: Server, anna: Person) -> None:
    path = await begin(anna, len(FILM), {"title": "A walk", "visibility": "friends"})
    third = len(FILM) // 3
    for start, end in ((0, third), (third, 2 * third), (2 * third, len(FILM))):
        assert await offset(anna, path) == start
        answer = await tus(anna, "PATCH", path, FILM[start:end], Upload_Offset=str(start))
        assert (answer.status, answer.headers["Upload-Offset"], answer.headers["Tus-Resumable"]) == (204, str(end), "1.0.0")
        assert ("Link" in answer.headers) == (end == len(FILM))
    found = await settled(anna, related(answer))
    assert (found["title"], found["visibility"], found["sha256"]) == ("A walk", "friends", hashlib.sha256(FILM).hexdigest())
    head = await tus(anna, "HEAD", path)
    assert related(head) == f"/api/v1/videos/{found['id']}"
    assert (await anna.get(f"/api/v1/videos/{found['id']}/download")).body == FILM
    assert [key async for key in server.app.storage.list(f"uploads/{anna.id}")] == []


async def test_what_others_may_do_with_it_is_chosen_at_the_upload(server: Server, anna: Person) -> None:
    ben = await server.person("ben")
    found = await sent(anna, FILM, who_can_comment="nobody", allow_download="false")
    path = f"/api/v1/videos/{found['id']}"
    assert (found["who_can_comment"], found["allow_download"]) == ("nobody", False)
    assert (await ben.get(f"{path}/download")).type == "download_off"
    assert (await ben.post(f"{path}/comments", {"text": "Nice"})).status == 403
    for words in ({"who_can_comment": "all"}, {"allow_download": "no"}):
        said = metadata(purpose="video", **words)
        refused = await tus(anna, "POST", "/uploads", Upload_Length="10", Upload_Metadata=said)
        assert (refused.status, refused.json["errors"][0]["field"]) == (422, f"Upload-Metadata.{next(iter(words))}")


async def test_head_says_what_was_said(anna: Person) -> None:
    said = metadata(purpose="video", filename="film.mp4", note="für später")
    answer = await tus(anna, "POST", "/uploads", Upload_Length="1000", Upload_Metadata=said)
    assert answer.json["sharing_notice"] == (await anna.get("/api/v1/policies/notices/sharing")).json["text"]
    head = await tus(anna, "HEAD", answer.headers["Location"])
    assert (head.headers["Upload-Metadata"], head.headers["Upload-Length"], head.headers["Upload-Offset"]) == (said, "1000", "0")
    assert (head.headers["Cache-Control"], head.headers["Tus-Resumable"]) == ("no-store", "1.0.0")
    assert "Upload-Expires" in head.headers


@pytest.mark.parametrize("version", [None, "0.2.2", "2.0.0"])
async def test_another_version_is_refused_and_nothing_done(anna: Person, version: str | None) -> None:
    path = await begin(anna, 100)
    headers = {"Tus-Resumable": version} if version else {}
    for method in ("HEAD", "PATCH", "DELETE"):
        data = b"x" * 10 if method == "PATCH" else None
        answer = await anna.call(method, path, data=data, headers=headers | {"Upload-Offset": "0", "Content-Type": PART})
        assert (answer.status, answer.headers["Tus-Version"], answer.headers["Tus-Resumable"]) == (412, "1.0.0", "1.0.0")
    assert await offset(anna, path) == 0


async def test_the_offset_must_be_the_present_one(anna: Person) -> None:
    path = await begin(anna, len(FILM))
    assert (await tus(anna, "PATCH", path, FILM[:100], Upload_Offset="0")).status == 204
    for wrong in ("0", "99", "101", str(len(FILM))):
        answer = await tus(anna, "PATCH", path, b"y" * 10, Upload_Offset=wrong)
        assert (answer.status, answer.type, answer.headers["Upload-Offset"]) == (409, "offset", "100")
    for malformed in ("-1", "x", "1.5", "", "9" * 30):
        assert (await tus(anna, "PATCH", path, b"y", Upload_Offset=malformed)).status == 400
    assert (await tus(anna, "PATCH", path, b"y")).status == 400
    assert (await tus(anna, "PATCH", path, b"y", Upload_Offset="100", Content_Type="text/plain")).status == 415
    assert await offset(anna, path) == 100


async def test_more_bytes_than_announced_are_refused_before_they_are_read(anna: Person) -> None:
    path = await begin(anna, 100)
    answer = await tus(anna, "PATCH", path, FILM[:101], Upload_Offset="0")
    assert answer.status == 413
    assert await offset(anna, path) == 0

    async def chunked() -> Any:
        yield FILM[:60]
        yield FILM[60:150]

    answer = await anna.call("PATCH", path, data=chunked(), headers={"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": PART})
    assert answer.status == 413
    assert await offset(anna, path) <= 100


async def test_creation_with_upload(anna: Person) -> None:
    answer = await tus(anna, "POST", "/uploads", FILM, Upload_Length=str(len(FILM)), Upload_Metadata=metadata(purpose="video"))
    assert (answer.status, answer.headers["Upload-Offset"]) == (201, str(len(FILM)))
    await settled(anna, related(answer))
    answer = await tus(anna, "POST", "/uploads", FILM[:100], Upload_Length=str(len(FILM)))
    assert (answer.status, answer.headers["Upload-Offset"]) == (201, "100")
    assert await offset(anna, answer.headers["Location"]) == 100


async def test_a_length_that_comes_later(anna: Person) -> None:
    answer = await tus(anna, "POST", "/uploads", Upload_Defer_Length="1", Upload_Metadata=metadata(purpose="video"))
    path = answer.headers["Location"]
    assert (await tus(anna, "HEAD", path)).headers["Upload-Defer-Length"] == "1"
    assert (await tus(anna, "PATCH", path, FILM[:1000], Upload_Offset="0")).status == 204
    assert (await tus(anna, "PATCH", path, b"", Upload_Offset="1000", Upload_Length="999")).status == 409
    answer = await tus(anna, "PATCH", path, FILM[1000:], Upload_Offset="1000", Upload_Length=str(len(FILM)))
    assert answer.status == 204
    await settled(anna, related(answer))


async def test_malformed_creations_are_refused_and_leave_nothing(server: Server, anna: Person) -> None:
    good = metadata(purpose="video")
    for status, headers in (
        (400, {"Upload_Metadata": good}),
        (400, {"Upload_Length": "-5"}),
        (400, {"Upload_Length": "5", "Upload_Defer_Length": "1"}),
        (400, {"Upload_Defer_Length": "2"}),
        (400, {"Upload_Length": "5", "Upload_Metadata": "a YQ==,a YQ=="}),
        (422, {"Upload_Length": "5", "Upload_Metadata": "title !!!"}),
        (422, {"Upload_Length": "5", "Upload_Metadata": metadata(purpose="malware")}),
        (422, {"Upload_Length": "5", "Upload_Metadata": metadata(visibility="some")}),
        (422, {"Upload_Length": "5", "Upload_Metadata": metadata(title="x" * 201)}),
        (422, {"Upload_Length": "5", "Upload_Metadata": metadata(title="a\nb")}),
        (422, {"Upload_Length": "0", "Upload_Metadata": good}),
        (400, {"Upload_Length": "5", "Upload_Concat": "half"}),
        (400, {"Upload_Concat": "final;/uploads/1"}),
        (404, {"Upload_Concat": f"final;/uploads/{'0' * 32}"}),
    ):
        answer = await tus(anna, "POST", "/uploads", **headers)
        assert answer.status == status, (headers, answer)
    assert await server.app.uploads.count() == 0


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
async def test_a_checksum_that_does_not_hold_keeps_nothing(anna: Person, algorithm: str) -> None:
    path = await begin(anna, len(FILM))
    right = base64.b64encode(hashlib.new(algorithm, FILM[:5000]).digest()).decode()
    wrong = base64.b64encode(hashlib.new(algorithm, FILM[:4999]).digest()).decode()
    answer = await tus(anna, "PATCH", path, FILM[:5000], Upload_Offset="0", Upload_Checksum=f"{algorithm} {wrong}")
    assert (answer.status, answer.type) == (460, "checksum")
    assert await offset(anna, path) == 0
    answer = await tus(anna, "PATCH", path, FILM[:5000], Upload_Offset="0", Upload_Checksum=f"{algorithm} {right}")
    assert (answer.status, await offset(anna, path)) == (204, 5000)
    for malformed in ("crc32 AAAA", f"{algorithm} AAAA", algorithm, f"{algorithm} ***"):
        assert (await tus(anna, "PATCH", path, b"x", Upload_Offset="5000", Upload_Checksum=malformed)).status == 400


async def test_a_checksum_is_held_for_the_first_bytes_of_a_creation_too(anna: Person) -> None:
    right = base64.b64encode(hashlib.sha1(FILM[:5000], usedforsecurity=False).digest()).decode()
    said = {"Upload_Length": str(len(FILM)), "Upload_Metadata": metadata(purpose="video", empty="")}
    made = await tus(anna, "POST", "/uploads", FILM[:5000], Upload_Checksum=f"sha1 {right}", **said)
    assert (made.status, made.headers["Upload-Offset"]) == (201, "5000")
    wrong = await tus(anna, "POST", "/uploads", FILM[:4999], Upload_Checksum=f"sha1 {right}", **said)
    assert (wrong.status, wrong.type) == (460, "checksum")
    assert (await tus(anna, "POST", "/uploads", FILM[:5000], Upload_Checksum="crc32 AAAA", **said)).status == 400
    # Whatever is answered says which version is spoken.
    assert {answer.headers["Tus-Resumable"] for answer in (made, wrong, await tus(anna, "HEAD", f"/uploads/{'0' * 32}"))} == {"1.0.0"}


async def test_a_range_is_on_the_disk_before_it_is_acknowledged(anna: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    path, flush, flushed = await begin(anna, len(FILM)), os.fdatasync, list[int]()

    def noted(descriptor: int) -> None:
        flushed.append(os.fstat(descriptor).st_size)
        flush(descriptor)

    def broken(_descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", noted)
    assert (await tus(anna, "PATCH", path, FILM[:5000], Upload_Offset="0")).status == 204
    assert flushed == [5000]
    # What could not be flushed is not acknowledged, then or later.
    monkeypatch.setattr(os, "fdatasync", broken)
    assert (await tus(anna, "PATCH", path, FILM[5000:9000], Upload_Offset="5000")).status == 503
    assert await offset(anna, path) == 5000
    monkeypatch.setattr(os, "fdatasync", noted)
    answer = await tus(anna, "PATCH", path, FILM[5000:], Upload_Offset="5000")
    assert (await settled(anna, related(answer)))["sha256"] == hashlib.sha256(FILM).hexdigest()


async def test_termination_forgets_bytes_and_record(server: Server, anna: Person) -> None:
    path = await begin(anna, len(FILM))
    await tus(anna, "PATCH", path, FILM[:1000], Upload_Offset="0")
    assert (await tus(anna, "DELETE", path)).status == 204
    assert (await tus(anna, "HEAD", path)).status == 404
    assert (await tus(anna, "PATCH", path, b"x", Upload_Offset="1000")).status == 404
    assert [key async for key in server.app.storage.list(f"uploads/{anna.id}")] == []
    # What a finished one became stays.
    found = await sent(anna, FILM)
    assert (await anna.get(f"/api/v1/videos/{found['id']}")).status == 200


async def test_an_upload_left_lying_expires(start_server: StartServer) -> None:
    clock = ShiftedClock()
    server = await start_server(clock=clock)
    anna = await server.person("anna")
    path = await begin(anna, len(FILM))
    before_s = clock.at_ms() / 1000
    answer = await tus(anna, "PATCH", path, FILM[:1000], Upload_Offset="0")
    # Each request that brings bytes puts it off, and says until when.
    ends_s = parsedate_to_datetime(answer.headers["Upload-Expires"]).timestamp() - server.settings.upload_idle_s
    assert int(before_s) <= ends_s <= clock.at_ms() / 1000
    clock.advance(server.settings.upload_idle_s - 60)
    await anna.sign_in()
    assert (await tus(anna, "PATCH", path, FILM[1000:2000], Upload_Offset="1000")).status == 204
    clock.advance(server.settings.upload_idle_s - 60)
    await anna.sign_in()
    assert await offset(anna, path) == 2000
    clock.advance(61)
    await anna.sign_in()
    answer = await tus(anna, "PATCH", path, b"x", Upload_Offset="2000")
    # The server's own hourly look may have been there first.
    assert (answer.status, answer.type) in ((410, "upload_expired"), (404, "not_found"))
    await server.app.retention.apply()
    assert await server.app.uploads.count() == 0
    assert [key async for key in server.app.storage.list(f"uploads/{anna.id}")] == []


async def test_partial_uploads_become_one_file(server: Server, anna: Person) -> None:
    cuts = [0, 7000, 7001, 30_000, len(FILM)]
    paths = []
    for start, end in itertools.pairwise(cuts):
        answer = await tus(anna, "POST", "/uploads", FILM[start:end], Upload_Length=str(end - start), Upload_Concat="partial")
        assert (answer.status, answer.headers["Upload-Offset"]) == (201, str(end - start))
        assert "Link" not in answer.headers
        paths.append(answer.headers["Location"])
    concat = "final;" + " ".join([f"{server.url}{paths[0]}", *paths[1:]])
    answer = await tus(anna, "POST", "/uploads", Upload_Concat=concat, Upload_Metadata=metadata(purpose="video", title="Joined"))
    assert answer.status == 201, answer
    head = await tus(anna, "HEAD", answer.headers["Location"])
    assert head.headers["Upload-Concat"] == "final;" + " ".join(paths)
    assert head.headers["Upload-Offset"] == head.headers["Upload-Length"] == str(len(FILM))
    assert (await tus(anna, "PATCH", answer.headers["Location"], b"x", Upload_Offset=str(len(FILM)))).status == 403
    again = await tus(anna, "POST", "/uploads", Upload_Concat=concat)
    assert (again.status, again.type) == (409, "bad_part")
    found = await settled(anna, related(answer))
    assert found["sha256"] == hashlib.sha256(FILM).hexdigest()


async def test_a_part_that_is_not_whole_is_no_part(anna: Person) -> None:
    answer = await tus(anna, "POST", "/uploads", FILM[:10], Upload_Length="20", Upload_Concat="partial")
    final = await tus(anna, "POST", "/uploads", Upload_Concat=f"final;{answer.headers['Location']}")
    assert (final.status, final.type) == (409, "bad_part")


async def test_the_method_that_a_header_names_stands_for_the_request_s_own(anna: Person) -> None:
    """tus 1.0: the header's word is the request's method, "the actual method of the request MUST be ignored"."""
    for own in ("POST", "GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"):
        made = await tus(anna, own, "/uploads", Upload_Length=str(len(FILM)), X_HTTP_Method_Override="POST")
        assert (made.status, made.headers["Tus-Resumable"]) == (201, "1.0.0"), own
        path = made.headers["Location"]
        answer = await tus(anna, own, path, FILM[:10], Upload_Offset="0", X_HTTP_Method_Override="patch")
        assert (answer.status, answer.headers["Upload-Offset"]) == (204, "10"), own
        state = await tus(anna, own, path, X_HTTP_Method_Override="HEAD")
        assert (state.status, state.headers["Upload-Offset"], state.body) == (200, "10", b""), own
        refused = await tus(anna, own, path, X_HTTP_Method_Override="PUT")
        assert (refused.status, refused.headers["Allow"], refused.headers["Tus-Resumable"]) == (405, "DELETE, HEAD, PATCH", "1.0.0"), own
        # What is refused of a PATCH is refused of one by another name.
        plain = {"Content-Type": "text/plain", "Upload-Offset": "10", "Tus-Resumable": "1.0.0", "X-HTTP-Method-Override": "PATCH"}
        assert (await anna.call(own, path, data=b"x", headers=plain)).status == 415, own
        assert (await tus(anna, own, path, X_HTTP_Method_Override="DELETE")).status == 204, own
        assert (await tus(anna, "HEAD", path)).status == 404, own
        abilities = await tus(anna, own, "/uploads", X_HTTP_Method_Override="OPTIONS")
        assert (abilities.status, abilities.headers["Tus-Version"]) == (204, "1.0.0"), own


async def test_without_a_name_the_request_s_own_method_counts(anna: Person) -> None:
    path = await begin(anna, 10)
    for method, address, allow in (
        ("GET", path, "DELETE, HEAD, PATCH"),
        ("PUT", path, "DELETE, HEAD, PATCH"),
        ("GET", "/uploads", "OPTIONS, POST"),
    ):
        answer = await tus(anna, method, address)
        assert (answer.status, answer.type, answer.headers["Allow"]) == (405, "method_not_allowed", allow)


async def test_an_upload_is_its_owners_alone(server: Server, anna: Person) -> None:
    ben = await server.person("ben")
    path = await begin(anna, 100)
    assert (await tus(ben, "HEAD", path)).status == 404
    assert (await tus(ben, "PATCH", path, b"x", Upload_Offset="0")).status == 404
    assert (await tus(ben, "DELETE", path)).status == 404
    part = await tus(anna, "POST", "/uploads", b"x", Upload_Length="1", Upload_Concat="partial")
    assert (await tus(ben, "POST", "/uploads", Upload_Concat=f"final;{part.headers['Location']}")).status == 404


async def test_sizes_and_shares_are_answered_before_bytes(start_server: StartServer) -> None:
    server = await start_server(upload_limit_bytes=2 << 20, upload_quota_bytes=3 << 20, uploads_open=3)
    anna = await server.person("anna")
    answer = await tus(anna, "POST", "/uploads", Upload_Length=str((2 << 20) + 1))
    assert (answer.status, answer.type, answer.json["limit_bytes"]) == (413, "too_large", 2 << 20)
    answer = await tus(anna, "POST", "/uploads", Upload_Length=str((2 << 20) - 1), Upload_Metadata=metadata(purpose="avatar"))
    assert answer.status == 201
    answer = await tus(anna, "POST", "/uploads", Upload_Length=str(2 << 20))
    assert (answer.status, answer.type, answer.json["quota_bytes"]) == (507, "quota", 3 << 20)
    await begin(anna, 10)
    await begin(anna, 10)
    answer = await tus(anna, "POST", "/uploads", Upload_Length="10")
    assert (answer.status, answer.type) == (409, "too_many_uploads")


async def test_a_disk_without_room_says_so(start_server: StartServer) -> None:
    server = await start_server(storage_reserve_bytes=1 << 60)
    anna = await server.person("anna")
    answer = await tus(anna, "POST", "/uploads", Upload_Length="10")
    assert (answer.status, answer.type) == (507, "no_space")


async def test_what_waits_to_be_asked_is_refused_without_its_bytes(server: Server, anna: Person) -> None:
    path = await begin(anna, 100)
    for offset_now, first in ((50, b"HTTP/1.1 409"), (0, b"HTTP/1.1 100")):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
        head = (
            f"PATCH {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {anna.access}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {offset_now}\r\n"
            f"Content-Type: {PART}\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n"
        )
        writer.write(head.encode())
        assert (await reader.readline()).startswith(first)
        if first.endswith(b"100"):
            assert await reader.readline() == b"\r\n"
            writer.write(FILM[:10])
            assert (await reader.readline()).startswith(b"HTTP/1.1 204")
        writer.close()
    assert await offset(anna, path) == 10


async def test_a_creation_that_waits_to_be_asked_is_refused_for_its_size_without_its_bytes(start_server: StartServer) -> None:
    server = await start_server(upload_limit_bytes=2 << 20, upload_quota_bytes=3 << 20)
    anna = await server.person("anna")
    await begin(anna, 2 << 20)
    for length, first in (((2 << 20) + 1, b"HTTP/1.1 413"), (2 << 20, b"HTTP/1.1 507"), (1 << 20, b"HTTP/1.1 100")):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
        head = (
            f"POST /uploads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {anna.access}\r\nTus-Resumable: 1.0.0\r\nUpload-Length: {length}\r\n"
            f"Content-Type: {PART}\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n"
        )
        writer.write(head.encode())
        assert (await reader.readline()).startswith(first)
        writer.close()


async def half_a_request(server: Server, anna: Person, path: str, at: int, data: bytes, promised: int) -> asyncio.StreamWriter:
    """A PATCH whose bytes stop coming, on a connection that stays open."""
    _, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
    head = (
        f"PATCH {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {anna.access}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {at}\r\n"
        f"Content-Type: {PART}\r\nContent-Length: {promised}\r\n\r\n"
    )
    writer.write(head.encode() + data)
    await writer.drain()
    return writer


async def test_a_new_request_breaks_the_lock_of_a_dead_one(server: Server, anna: Person) -> None:
    path = await begin(anna, len(FILM))
    writer = await half_a_request(server, anna, path, 0, FILM[:5000], len(FILM))
    while len(server.app.uploads.turns) == 0:
        await asyncio.sleep(0.01)
    # What the dead one had brought is kept.
    at = await offset(anna, path)
    assert at in (0, 5000)
    answer = await tus(anna, "PATCH", path, FILM[at:], Upload_Offset=str(at))
    assert answer.status == 204
    writer.close()
    assert (await settled(anna, related(answer)))["sha256"] == hashlib.sha256(FILM).hexdigest()


async def test_what_a_broken_connection_brought_is_kept(server: Server, anna: Person) -> None:
    path = await begin(anna, len(FILM))
    writer = await half_a_request(server, anna, path, 0, FILM[:5000], len(FILM))
    while len(server.app.uploads.turns) == 0:
        await asyncio.sleep(0.01)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    while len(server.app.uploads.turns):
        await asyncio.sleep(0.01)
    at = await offset(anna, path)
    assert at in (0, 5000)
    answer = await tus(anna, "PATCH", path, FILM[at:], Upload_Offset=str(at))
    assert answer.status == 204


async def test_bytes_that_are_no_video_are_415_as_soon_as_they_show_it(server: Server, anna: Person) -> None:
    for junk in (
        os.urandom(5000),
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"<html>",
        b"x",
    ):
        path = await begin(anna, len(junk))
        answer = await tus(anna, "PATCH", path, junk, Upload_Offset="0")
        assert (answer.status, answer.type) == (415, "wrong_media"), junk[:20]
        assert (await tus(anna, "HEAD", path)).status == 404
    # Before the rest is sent.
    path = await begin(anna, 10_000_000)
    assert (await tus(anna, "PATCH", path, b"\0" * 2000, Upload_Offset="0")).status == 415
    assert await server.app.uploads.count() == 0


async def test_erasing_an_account_takes_its_uploads(server: Server, anna: Person) -> None:
    path = await begin(anna, len(FILM))
    await tus(anna, "PATCH", path, FILM[:1000], Upload_Offset="0")
    await send(anna, FILM)
    await server.app.erasure.erase(anna.id)
    assert await server.app.uploads.count() == 0
    assert [key async for key in server.app.storage.list("uploads")] == []
    assert [key async for key in server.app.storage.list("videos")] == []
