"""What groups are managed by: roles, links, pictures, timers; and how a member keeps a conversation for themselves."""

import asyncio
import io
import re

from PIL import Image

from tests.rooms.talk import bodies, direct, friends, group, hears, nothing_held, received, refusal, say, synced
from tests.serving import Server
from tests.waiting import until


def png(color: str = "red") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), color).save(out, "PNG")
    return out.getvalue()


async def test_ownership_is_handed_over_and_admins_stand_below_it(either_server: Server) -> None:
    anna, ben, carl = await friends(either_server, "anna", "ben", "carl")
    path = f"/api/v1/conversations/{await group(anna, ben, carl)}"
    assert (await anna.put(f"{path}/members/ben", {"role": "admin"})).status == 200
    assert (await ben.put(f"{path}/members/carl", {"role": "admin"})).type == "not_owner"
    assert (await ben.delete(f"{path}/members/anna")).type == "not_owner"
    assert (await anna.put(f"{path}/members/anna", {"role": "member"})).type == "owner"
    handed = await anna.put(f"{path}/members/ben", {"role": "owner"})
    assert handed.json["role"] == "admin"
    roles = {one["user"]["username"]: one["role"] for one in (await carl.get(path)).json["members"]}
    assert roles == {"anna": "admin", "ben": "owner", "carl": "member"}
    assert (await ben.delete(path)).status == 204
    roles = {one["user"]["username"]: one["role"] for one in (await carl.get(path)).json["members"]}
    assert roles == {"anna": "owner", "carl": "member"}


async def test_a_silenced_member_reads_only(either_server: Server) -> None:
    anna, ben = await friends(either_server, "anna", "ben")
    talk = await group(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    assert (await anna.put(f"/api/v1/conversations/{talk}/members/ben", {"silenced": True})).status == 200
    assert await refusal(b, "message:send", {"conversation": talk, "client_id": "k", "body": "may I"}) == "silenced"
    assert (await ben.get(f"/api/v1/conversations/{talk}")).json["silenced"] is True
    await say(a, talk, "quiet please")
    await hears(b, "quiet please")
    assert (await anna.put(f"/api/v1/conversations/{talk}/members/ben", {"silenced": False})).status == 200
    await say(b, talk, "thanks")


async def test_a_link_lets_in_as_many_as_it_says_until_it_is_revoked(either_server: Server) -> None:
    anna, ben = await friends(either_server, "anna", "ben")
    carl, dora = await either_server.person("carl"), await either_server.person("dora")
    talk = await group(anna, ben)
    path = f"/api/v1/conversations/{talk}/invites"
    assert (await ben.post(path, {})).type == "not_admin"
    made = await anna.post(path, {"uses": 1, "expires_in": 3600})
    assert made.status == 201
    token = made.json["token"]
    async with either_server.app.db.read() as conn:
        kept = (await conn.exec_driver_sql("SELECT * FROM conversation_invite")).one()
    assert token not in str(tuple(kept))
    looked = (await carl.get(f"/api/v1/invites/{token}")).json
    assert (looked["title"], looked["members"], looked["member"], looked["invited_by"]["username"]) == ("Team", 2, False, "anna")
    a, c = await anna.connect(), await carl.connect()
    await say(a, talk, "before carl")
    joined = await carl.post(f"/api/v1/invites/{token}/join")
    assert (joined.status, joined.json["id"], joined.json["role"]) == (200, talk, "member")
    assert (await carl.post(f"/api/v1/invites/{token}/join")).status == 200
    await until(lambda: a.heard("conversation:changed"))
    await say(a, talk, "welcome")
    await hears(c, "welcome")
    assert (await dora.post(f"/api/v1/invites/{token}/join")).type == "invite_over"
    [listed] = (await anna.get(path)).json["items"]
    assert (listed["token"], listed["used"], listed["uses"]) == (token, 1, 1)
    other = (await anna.post(path, {})).json
    assert (await anna.delete(f"{path}/{other['id']}")).status == 204
    assert (await dora.post(f"/api/v1/invites/{other['token']}/join")).type == "invite_over"
    assert (await dora.get(f"/api/v1/invites/{token[:-1]}x")).status == 404
    late = (await anna.post(path, {"expires_in": 60})).json
    either_server.clock.advance(61)
    assert (await dora.post(f"/api/v1/invites/{late['token']}/join")).type == "invite_over"


async def test_a_link_opens_nothing_for_the_blocked_nor_after_its_maker_left(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    carl = await server.person("carl")
    talk = await group(anna, ben)
    token = (await anna.post(f"/api/v1/conversations/{talk}/invites", {})).json["token"]
    assert (await anna.put("/api/v1/blocks/carl")).status in (200, 201, 204)
    assert (await carl.post(f"/api/v1/invites/{token}/join")).status == 404
    assert (await anna.delete("/api/v1/blocks/carl")).status == 204
    assert (await anna.delete(f"/api/v1/conversations/{talk}")).status == 204
    assert (await carl.post(f"/api/v1/invites/{token}/join")).type == "invite_over"


async def test_who_was_removed_comes_back_by_a_new_link_or_by_hand_alone(either_server: Server) -> None:
    anna, ben, carl = await friends(either_server, "anna", "ben", "carl")
    talk = await group(anna, ben, carl)
    path = f"/api/v1/conversations/{talk}"
    token = (await anna.post(f"{path}/invites", {})).json["token"]
    either_server.clock.advance(1)
    assert (await anna.delete(f"{path}/members/ben")).status == 204
    refused = await ben.post(f"/api/v1/invites/{token}/join")
    assert (refused.status, refused.type) == (403, "removed")
    # Who left is no one who was removed.
    assert (await carl.delete(path)).status == 204
    assert (await carl.post(f"/api/v1/invites/{token}/join")).status == 200
    either_server.clock.advance(1)
    newer = (await anna.post(f"{path}/invites", {})).json["token"]
    assert (await ben.post(f"/api/v1/invites/{newer}/join")).status == 200
    assert (await anna.delete(f"{path}/members/ben")).status == 204
    assert (await ben.post(f"/api/v1/invites/{newer}/join")).type == "removed"
    assert (await anna.put(f"{path}/members/ben", {})).status == 200
    assert (await ben.delete(path)).status == 204
    assert (await ben.post(f"/api/v1/invites/{token}/join")).status == 200


async def test_no_more_join_at_once_than_fit(database: str, start_server: object) -> None:
    server = await start_server(database_url=database, group_limit=4)  # type: ignore[operator]  # the fixture
    anna, ben = await friends(server, "anna", "ben")
    talk = await group(anna, ben)
    token = (await anna.post(f"/api/v1/conversations/{talk}/invites", {})).json["token"]
    others = [await server.person(f"guest{number}") for number in range(5)]
    answers = await asyncio.gather(*(one.post(f"/api/v1/invites/{token}/join") for one in others))
    assert sorted(answer.status for answer in answers) == [200, 200, 409, 409, 409]
    assert len((await anna.get(f"/api/v1/conversations/{talk}")).json["members"]) == 4


async def test_a_groups_picture_is_made_anew_and_shown_to_members_alone(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    carl = await server.person("carl")
    talk = await group(anna, ben)
    path = f"/api/v1/conversations/{talk}"
    assert (await ben.call("PUT", f"{path}/picture", data=png(), headers={"Content-Type": "image/png"})).type == "not_admin"
    wrong = await anna.call("PUT", f"{path}/picture", data=b"%PDF-1.7", headers={"Content-Type": "image/png"})
    assert wrong.status == 415
    assert (await anna.call("PUT", f"{path}/picture", data=png(), headers={"Content-Type": "image/png"})).status == 204
    link = (await ben.get(path)).json["picture"]
    assert (await ben.get(path)).json["picture"] == link
    shown = await server.call("GET", link)
    assert (shown.status, shown.headers["Content-Type"]) == (200, "image/webp")
    assert Image.open(io.BytesIO(shown.body)).size == (256, 256)
    assert (await carl.get(f"{path}/picture")).status == 404
    # The bytes behind an address never change: another picture has another one.
    assert (await anna.call("PUT", f"{path}/picture", data=png(), headers={"Content-Type": "image/png"})).status == 204
    assert (await server.call("GET", link)).type == "replaced"
    link = (await ben.get(path)).json["picture"]
    assert (await server.call("GET", link)).status == 200
    assert (await server.call("GET", f"{path}/picture")).status == 401
    other = await group(anna, ben, title="Other")
    assert (await server.call("GET", re.sub(talk, other, link))).type == "bad_link"
    assert (await anna.delete(f"{path}/members/ben")).status == 204
    assert (await server.call("GET", link)).status == 404
    server.clock.advance(2 * server.settings.media_link_s)
    assert (await server.call("GET", link)).type == "link_expired"
    await anna.sign_in()
    assert (await anna.delete(f"{path}/picture")).status == 204
    assert (await anna.get(path)).json["picture"] is None


async def test_unread_is_counted_without_fetching_anything(either_server: Server) -> None:
    anna, ben = await friends(either_server, "anna", "ben")
    talk = await direct(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    for number in range(3):
        last = await say(a, talk, f"m{number}")
    await say(b, talk, "mine does not count")
    await received(b, talk, 4)
    await received(a, talk, 4)
    await nothing_held(either_server)
    listed = (await ben.get("/api/v1/conversations")).json["items"][0]
    assert (listed["unread"], listed["undelivered"]) == (3, 0)
    assert (await b.call("message:read", {"conversation": talk, "seq": 2}))["ok"]
    assert (await ben.get(f"/api/v1/conversations/{talk}")).json["unread"] == 1
    assert (await anna.get(f"/api/v1/conversations/{talk}")).json["unread"] == 1
    # What was taken back nobody has to read.
    assert (await a.call("message:delete", {"conversation": talk, "id": last["id"]}))["ok"]
    assert (await ben.get(f"/api/v1/conversations/{talk}")).json["unread"] == 0


async def test_what_a_member_mutes_archives_and_pins_is_their_own(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    talk = await group(anna, ben)
    path = f"/api/v1/conversations/{talk}"
    a, b = await anna.connect(), await ben.connect()
    until_ms = server.clock.at_ms() + 3_600_000
    changed = await ben.patch(path, {"muted_until": until_ms, "archived": True, "pinned": True})
    assert (changed.json["muted_until"], changed.json["archived"], changed.json["pinned"]) == (until_ms, True, True)
    [told] = await until(lambda: b.heard("conversation:marked"))
    assert told == {"conversation": talk, "muted_until": until_ms, "archived": True, "pinned": True}
    theirs = (await anna.get(path)).json
    assert (theirs["muted_until"], theirs["archived"], theirs["pinned"], theirs["version"]) == (None, False, False, changed.json["version"])
    assert not a.heard("conversation:marked")
    assert (await ben.patch(path, {"muted_until": None, "archived": False})).json["muted_until"] is None
    assert (await ben.patch(path, {"archived": None})).status == 422
    assert (await ben.patch(path, {})).status == 422
    for number in range(4):
        assert (await ben.patch(f"/api/v1/conversations/{await group(ben, anna, title=f'T{number}')}", {"pinned": True})).status == 200
    assert (await ben.patch(f"/api/v1/conversations/{await group(ben, anna, title='six')}", {"pinned": True})).type == "too_many_pinned"


async def test_a_timer_is_told_to_all_and_takes_bodies_early(either_server: Server) -> None:
    server = either_server
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    path = f"/api/v1/conversations/{talk}"
    a, b = await anna.connect(), await ben.connect()
    assert (await ben.patch(path, {"timer": 5})).status == 422
    assert (await ben.patch(path, {"timer": 60})).json["timer"] == 60
    await until(lambda: [one for one in a.heard("conversation:changed") if one["timer"] == 60])
    await b.close()
    await say(a, talk, "soon gone")
    server.clock.advance(30)
    await ben.sign_in()
    b = await ben.connect()
    held = await synced(b, talk)
    assert (bodies(held["messages"]), held["messages"][0]["timer"]) == (["soon gone"], 60)
    server.clock.advance(31)
    # Not given any more although the sweep has not come by, and honestly so.
    late = await synced(b, talk)
    assert (late["messages"], late["reset"]) == ([], True)
    await server.app.rooms.expiry.run_timers()
    await nothing_held(server)
    assert (await anna.patch(path, {"timer": None})).json["timer"] is None
    await say(a, talk, "stays")
    server.clock.advance(120)
    await server.app.rooms.expiry.run_timers()
    await ben.sign_in()
    assert bodies((await synced(await ben.connect(), talk))["messages"]) == ["stays"]


async def test_a_groups_timer_is_its_admins(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    path = f"/api/v1/conversations/{await group(anna, ben)}"
    assert (await ben.patch(path, {"timer": 3600})).type == "not_admin"
    assert (await anna.patch(path, {"timer": 3600})).status == 200
