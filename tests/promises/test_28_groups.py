"""28. Groups managed: "groups"."""

import asyncio
from typing import Any

from tests.people import Person
from tests.rooms.media_files import photo
from tests.rooms.talk import bodies, friends, hears, say, synced
from tests.serving import Server
from tests.waiting import until


async def members(person: Person, path: str) -> dict[str, str]:
    answer = await person.get(path)
    assert answer.status == 200, answer
    return {one["user"]["username"]: one["role"] for one in answer.json["members"]}


async def test_28_a_group_is_made_renamed_pictured_and_its_roles_are_kept(server: Server) -> None:
    anna, ben, carl = await friends(server, "anna", "ben", "carl")
    made = await anna.post("/api/v1/conversations", {"kind": "group", "title": "Walks", "members": ["ben", "carl"]})
    assert made.status == 201, made
    path = f"/api/v1/conversations/{made.json['id']}"
    assert await members(ben, path) == {"anna": "owner", "ben": "member", "carl": "member"}
    # What is an admin's is refused to a member, and changes nothing.
    refused = [
        await ben.patch(path, {"title": "Runs"}),
        await ben.call("PUT", f"{path}/picture", data=photo(), headers={"Content-Type": "image/jpeg"}),
        await ben.put(f"{path}/members/ben", {"role": "admin"}),
        await ben.delete(f"{path}/members/carl"),
        await ben.post(f"{path}/invites", {}),
    ]
    assert [answer.status for answer in refused] == [403] * 5
    assert (await carl.get(path)).json["title"] == "Walks"
    assert await members(carl, path) == {"anna": "owner", "ben": "member", "carl": "member"}
    assert (await anna.put(f"{path}/members/ben", {"role": "admin"})).status == 200
    assert (await ben.patch(path, {"title": "Runs"})).status == 200
    assert (await ben.call("PUT", f"{path}/picture", data=photo(), headers={"Content-Type": "image/jpeg"})).status == 204
    seen = (await carl.get(path)).json
    assert seen["title"] == "Runs"
    picture = await server.call("GET", seen["picture"])
    assert (picture.status, picture.headers["Content-Type"]) == (200, "image/webp")
    assert await members(carl, path) == {"anna": "owner", "ben": "admin", "carl": "member"}


async def test_28_a_removed_member_gets_no_later_message(server: Server) -> None:
    anna, ben, carl, dora = await friends(server, "anna", "ben", "carl", "dora")
    made = await anna.post("/api/v1/conversations", {"kind": "group", "title": "Walks", "members": ["ben", "carl"]})
    talk = made.json["id"]
    path = f"/api/v1/conversations/{talk}"
    a, b, c, d = [await person.connect() for person in (anna, ben, carl, dora)]
    await say(a, talk, "before")
    await hears(b, "before")
    await hears(c, "before")
    assert (await anna.put(f"{path}/members/dora", {})).status in (200, 201)
    assert (await anna.delete(f"{path}/members/carl")).status == 204
    await until(lambda: c.heard("conversation:left"), "carl to be told")
    await say(a, talk, "after")
    await hears(d, "after")
    await hears(b, "before", "after")
    assert bodies(c.heard("message:new")) == ["before"]
    assert (await carl.get(path)).status == 404
    assert (await carl.get(f"{path}/messages")).status == 404
    held = await c.call("sync", {"conversations": {talk: {"epoch": None, "seq": 0}}})
    assert talk not in held["data"]
    answer = await c.call("message:send", {"conversation": talk, "client_id": "late", "body": "still here?"})
    assert not answer["ok"]
    assert bodies((await synced(d, talk))["messages"]) == ["after"]


async def test_28_the_last_admin_who_leaves_hands_over(server: Server) -> None:
    anna, ben, carl = await friends(server, "anna", "ben", "carl")
    made = await anna.post("/api/v1/conversations", {"kind": "group", "title": "Walks", "members": ["ben", "carl"]})
    path = f"/api/v1/conversations/{made.json['id']}"
    assert (await anna.delete(path)).status == 204
    left = await members(ben, path)
    assert set(left) == {"ben", "carl"}
    assert [role for role in left.values() if role == "owner"] == ["owner"]
    heir = {"ben": ben, "carl": carl}[next(name for name, role in left.items() if role == "owner")]
    assert (await heir.patch(path, {"title": "Mine now"})).status == 200
    other = carl if heir is ben else ben
    # Both go at the same moment: nobody is left, and nothing.
    answers = await asyncio.gather(heir.delete(path), other.delete(path))
    assert [answer.status for answer in answers] == [204, 204]
    listed: list[Any] = (await ben.get("/api/v1/conversations")).json["items"]
    assert listed == []
