"""The life of an attachment: given, named by a message, fetched, let go."""

from typing import Any

from tests.people import Listener, Person
from tests.rooms.media_files import photo, voice
from tests.rooms.talk import direct, friends, group, hears, refusal, rows
from tests.serving import Server
from tests.waiting import until


async def give(person: Person, conversation: str, data: bytes, media_type: str = "image/jpeg") -> dict[str, Any]:
    answer = await person.call("POST", f"/api/v1/conversations/{conversation}/attachments", data=data, headers={"Content-Type": media_type})
    assert answer.status == 201, answer
    return dict(answer.json)


async def send(listener: Listener, conversation: str, *attachments: dict[str, Any], client_id: str = "k", **more: Any) -> dict[str, Any]:
    data = {"conversation": conversation, "client_id": client_id, "attachments": list(attachments)} | more
    answer = await listener.call("message:send", data)
    assert answer["ok"], answer
    return dict(answer["data"])


async def objects(server: Server) -> list[str]:
    return [one.key async for one in server.app.storage.list("attachments")]


async def nothing_kept(server: Server) -> None:
    for table in ("attachment", "attachment_object", "attachment_kept"):
        assert await rows(server, table) == 0, table
    assert await objects(server) == []


async def test_it_is_let_go_when_every_device_has_it(either_server: Server) -> None:
    server = either_server
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    given = await give(anna, talk, photo())
    assert (await ben.get(f"/api/v1/attachments/{given['id']}")).status == 410  # not sent yet
    sent = await send(a, talk, {"kind": "image", "id": given["id"], "meta": {"blur": "abc", "size": 1}})
    assert await send(a, talk, {"kind": "image", "id": given["id"]}) == sent
    [heard] = await until(lambda: b.heard("message:new"))
    [attachment] = heard["attachments"]
    assert attachment["id"] == given["id"]
    assert attachment["meta"] == {"blur": "abc", "type": "image/webp", "size": given["size"], "width": 320, "height": 200}
    assert (await b.call("message:received", {"conversation": talk, "seq": heard["seq"]}))["ok"]
    # The message is gone from the server, what it carries waits for the device.
    url = (await ben.get(f"/api/v1/attachments/{given['id']}")).json["url"]
    assert len((await server.call("GET", url)).body) == given["size"]
    assert len(await objects(server)) == 1
    assert (await ben.post(f"/api/v1/attachments/{given['id']}/kept")).status == 204
    await nothing_kept(server)
    assert (await ben.get(f"/api/v1/attachments/{given['id']}")).type == "attachment_gone"
    assert (await server.call("GET", url)).type == "attachment_gone"


async def test_it_goes_with_the_message_that_is_taken_back_and_at_its_time(either_server: Server) -> None:
    server = either_server
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    a = await anna.connect()
    first = await give(anna, talk, photo())
    sent = await send(a, talk, {"kind": "image", "id": first["id"]})
    assert (await a.call("message:delete", {"conversation": talk, "id": sent["id"]}))["ok"]
    await nothing_kept(server)
    second, unsent = await give(anna, talk, photo("red")), await give(anna, talk, photo("blue"))
    await send(a, talk, {"kind": "image", "id": second["id"]}, client_id="k2")
    server.clock.advance(2 * 86400)
    await server.app.rooms.attachments.expire()
    assert await rows(server, "attachment") == 1
    await anna.sign_in()
    assert (await anna.get(f"/api/v1/attachments/{unsent['id']}")).status == 410
    assert (await anna.get(f"/api/v1/attachments/{second['id']}")).status == 200
    server.clock.advance(29 * 86400)
    await server.app.rooms.attachments.expire()
    await nothing_kept(server)


async def test_it_disappears_by_the_conversations_timer(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    a = await anna.connect()
    assert (await anna.patch(f"/api/v1/conversations/{talk}", {"timer": 60})).status == 200
    given = await give(anna, talk, photo())
    await send(a, talk, {"kind": "image", "id": given["id"]})
    server.clock.advance(61)
    assert (await ben.get(f"/api/v1/attachments/{given['id']}")).type == "attachment_gone"
    await server.app.rooms.expiry.run_timers()
    await nothing_kept(server)


async def test_only_ones_own_uploads_of_this_conversation_are_named_and_each_once(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    talk, team = await direct(anna, ben), await group(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    given = await give(anna, talk, photo())
    named = [{"kind": "image", "id": given["id"]}]
    assert await refusal(a, "message:send", {"conversation": team, "client_id": "1", "attachments": named}) == "invalid"
    assert await refusal(b, "message:send", {"conversation": talk, "client_id": "2", "attachments": named}) == "invalid"
    await send(a, talk, *named)
    assert await refusal(a, "message:send", {"conversation": talk, "client_id": "3", "attachments": named}) == "invalid"
    missing = [{"kind": "image", "id": "0" * 32}]
    assert await refusal(a, "message:send", {"conversation": talk, "client_id": "4", "attachments": missing}) == "invalid"


async def test_a_refused_message_leaves_its_attachment_to_the_next(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    a = await anna.connect()
    given = await give(anna, talk, photo())
    assert (await ben.delete("/api/v1/friends/anna")).status == 204
    named = [{"kind": "image", "id": given["id"]}]
    assert await refusal(a, "message:send", {"conversation": talk, "client_id": "1", "attachments": named}) == "not_friends"
    await server.befriend(anna, ben)
    await send(a, talk, *named, client_id="2")


async def test_a_broadcast_gives_each_recipient_an_attachment_of_their_own(either_server: Server) -> None:
    server = either_server
    anna, ben, carl = await friends(server, "anna", "ben", "carl")
    made = await anna.post("/api/v1/conversations", {"kind": "broadcast", "members": ["ben", "carl"]})
    a, b, c = [await person.connect() for person in (anna, ben, carl)]
    given = await give(anna, made.json["id"], voice(), "audio/webm")
    assert (given["kind"], given["media_type"]) == ("voice", "audio/webm")
    for _ in range(2):
        await send(a, made.json["id"], {"kind": "voice", "id": given["id"]}, body="listen")
    ids = set()
    for person, listener in ((ben, b), (carl, c)):
        [heard] = await hears(listener, "listen")
        [attachment] = heard["attachments"]
        ids.add(attachment["id"])
        assert (await person.get(f"/api/v1/attachments/{attachment['id']}")).json["size"] == given["size"]
    assert len(ids) == 2
    assert given["id"] not in ids
    assert (await ben.get(f"/api/v1/attachments/{given['id']}")).status == 410
    assert len(await objects(server)) == 1
    await server.app.rooms.eraser.erase(anna.id)
    await nothing_kept(server)


async def test_a_member_who_left_fetches_no_more(server: Server) -> None:
    anna, ben, carl = await friends(server, "anna", "ben", "carl")
    team = await group(anna, ben, carl)
    a = await anna.connect()
    given = await give(anna, team, photo())
    await send(a, team, {"kind": "image", "id": given["id"]})
    url = (await ben.get(f"/api/v1/attachments/{given['id']}")).json["url"]
    assert (await anna.delete(f"/api/v1/conversations/{team}/members/ben")).status == 204
    assert (await server.call("GET", url)).type == "attachment_gone"
    for person in (carl, anna):
        assert (await person.delete(f"/api/v1/conversations/{team}")).status == 204
    await server.app.rooms.attachments.expire()
    await nothing_kept(server)
