"""Attachments that come by tus: larger than a request, resumed, and then as any other."""

import struct

from tests.conftest import StartServer
from tests.library.sending import begin, metadata, offset, related, tus
from tests.people import Person
from tests.rooms.media_files import SECRET, clip, photo
from tests.rooms.talk import direct, friends, group
from tests.rooms.test_attachments import nothing_kept, objects, send
from tests.serving import Server
from tests.waiting import until

MIB = 1 << 20


def large_clip(mib: int = 17) -> bytes:
    """A second of film and a box that nobody reads."""
    return clip() + struct.pack(">I4s", mib * MIB + 8, b"free") + bytes(mib * MIB)


async def given(person: Person, talk: str, data: bytes) -> str:
    """Sent in two requests; answers the attachment's path."""
    path = await begin(person, len(data), {"purpose": "attachment", "conversation": talk})
    half = len(data) // 2
    assert (await tus(person, "PATCH", path, data[:half], Upload_Offset="0")).status == 204
    assert await offset(person, path) == half
    answer = await tus(person, "PATCH", path, data[half:], Upload_Offset=str(half))
    assert answer.status == 204, answer
    assert related(await tus(person, "HEAD", path)) == related(answer)
    return related(answer)


async def test_a_large_film_comes_by_tus_and_is_fetched_by_the_members(either_server: Server) -> None:
    server = either_server
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    data = large_clip()
    assert len(data) > server.settings.attachment_limit_bytes
    path = await given(anna, talk, data)
    assert (await ben.get(path)).status == 410  # not sent yet: as one that never was
    found = (await anna.get(path)).json
    assert (found["kind"], found["media_type"], found["conversation"], found["width"]) == ("video", "video/mp4", talk, 64)
    await send(a, talk, {"kind": "video", "id": found["id"]})
    [heard] = await until(lambda: b.heard("message:new"))
    shown = (await ben.get(path)).json
    fetched = await server.call("GET", shown["url"])
    assert (fetched.status, len(fetched.body)) == (200, found["size"])
    assert SECRET.encode() not in fetched.body
    assert [one.key async for one in server.app.storage.list("uploads")] == []
    assert (await b.call("message:received", {"conversation": talk, "seq": heard["seq"]}))["ok"]
    assert (await ben.post(f"{path}/kept")).status == 204
    await nothing_kept(server)


async def test_who_may_not_write_there_sends_no_byte(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    carl = await server.person("carl")
    talk = await direct(anna, ben)
    for person, words, status in (
        (carl, {"conversation": talk}, 404),
        (anna, {"conversation": "0" * 32}, 404),
        (anna, {}, 422),
        (anna, {"conversation": "../x"}, 422),
    ):
        said = {"purpose": "attachment"} | words
        assert await _refused(person, 1000, said) == status, words
    assert await _refused(anna, server.settings.attachment_upload_limit_bytes + 1, {"purpose": "attachment", "conversation": talk}) == 413


async def _refused(person: Person, size: int, words: dict[str, str]) -> int:
    return (await tus(person, "POST", "/uploads", Upload_Length=str(size), Upload_Metadata=metadata(**words))).status


async def test_what_no_message_carries_leaves_nothing(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    for data, status in ((b"%PDF-1.7\n" + bytes(2000), 415), (clip()[:200] + bytes(2000), 422), (photo()[:300], 422)):
        path = await begin(anna, len(data), {"purpose": "attachment", "conversation": talk})
        answer = await tus(anna, "PATCH", path, data, Upload_Offset="0")
        assert answer.status == status, answer
        assert (await tus(anna, "HEAD", path)).status == 404
    await nothing_kept(server)


async def test_one_who_left_meanwhile_gives_nothing_more(server: Server) -> None:
    anna, ben, carl = await friends(server, "anna", "ben", "carl")
    talk = await group(anna, ben, carl)
    data = photo()
    path = await begin(ben, len(data), {"purpose": "attachment", "conversation": talk})
    assert (await tus(ben, "PATCH", path, data[:100], Upload_Offset="0")).status == 204
    assert (await anna.delete(f"/api/v1/conversations/{talk}/members/ben")).status == 204
    assert (await tus(ben, "PATCH", path, data[100:], Upload_Offset="100")).status == 404
    assert await objects(server) == []


async def test_a_share_of_what_waits_is_kept(start_server: StartServer) -> None:
    server = await start_server(attachment_quota_bytes=3000)
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    words = {"purpose": "attachment", "conversation": talk}
    assert await _refused(anna, 3001, words) == 507
    path = await given(anna, talk, photo())
    held = (await anna.get(path)).json["size"]
    assert await _refused(anna, 3001 - held, words) == 507
    assert await _refused(anna, 3000 - held, words) == 201
