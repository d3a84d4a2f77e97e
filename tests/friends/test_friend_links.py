"""Friend links and QR codes: made, shown, accepted, over."""

import asyncio
import xml.etree.ElementTree as ElementTree

from tests.serving import Server
from tests.waiting import until


async def test_who_accepts_a_link_is_a_friend_at_once(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    # Whoever made a link opened the door for whom they gave it to.
    await anna.patch("/api/v1/me/settings", {"who_can_request": "nobody"})
    made = await anna.post("/api/v1/friend-links", {})
    assert made.status == 201, made
    token = made.json["token"]
    assert made.json["url"] == f"{server.url}/friend/{token}"
    listener = await anna.connect()
    assert (await ben.post("/api/v1/friend-links/open", {"token": token})).json["username"] == "anna"
    accepted = await ben.post("/api/v1/friend-links/accept", {"token": token})
    assert (accepted.status, accepted.json["status"]) == (200, "accepted")
    await until(lambda: listener.heard("friend:accepted"), "the news")
    assert listener.heard("friend:accepted")[0]["user"]["username"] == "ben"
    assert [item["user"]["username"] for item in (await ben.get("/api/v1/friends")).json["items"]] == ["anna"]
    # Again it answers the same, uses nothing up and tells nobody.
    for _ in range(2):
        again = await ben.post("/api/v1/friend-links/accept", {"token": token})
        assert (again.status, again.json) == (200, accepted.json)
    assert (await anna.post("/api/v1/friend-links/accept", {"token": token})).type == "self"
    assert (await anna.get("/api/v1/friend-links")).json["items"][0]["uses"] == 1
    assert len(listener.heard("friend:accepted")) == 1
    await listener.close()


async def test_the_code_is_a_picture_of_the_address_for_its_owner_alone(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    link = (await anna.post("/api/v1/friend-links", {})).json
    picture = await anna.get(link["qr"])
    assert (picture.status, picture.headers["Content-Type"].partition(";")[0]) == (200, "image/svg+xml")
    root = ElementTree.fromstring(picture.body)
    assert root.tag.endswith("svg")
    assert float(root.attrib["viewBox"].split()[2]) > 200
    assert b"script" not in picture.body
    for path in (link["qr"], f"/api/v1/friend-links/{link['id']}"):
        assert (await ben.get(path)).status == 404
    assert (await ben.delete(f"/api/v1/friend-links/{link['id']}")).status == 404


async def test_a_link_ends_by_time_by_uses_and_by_its_owner(server: Server) -> None:
    anna, ben, cara, dora = [await server.person(name) for name in ("anna", "ben", "cara", "dora")]
    once = (await anna.post("/api/v1/friend-links", {"max_uses": 1})).json
    # Two at the same moment: one of them.
    both = await asyncio.gather(*(one.post("/api/v1/friend-links/accept", {"token": once["token"]}) for one in (ben, cara)))
    assert sorted(answer.status for answer in both) == [200, 410]
    # Whoever got it may ask again; the other is too late for good. Who is no friend any more needs another link.
    again = [await one.post("/api/v1/friend-links/accept", {"token": once["token"]}) for one in (ben, cara)]
    assert [answer.status for answer in again] == [answer.status for answer in both]
    lucky = ben if again[0].status == 200 else cara
    assert (await lucky.post("/api/v1/friend-links/open", {"token": once["token"]})).json["username"] == "anna"
    assert (await lucky.delete("/api/v1/friends/anna")).status == 204
    assert (await lucky.post("/api/v1/friend-links/accept", {"token": once["token"]})).type == "link_over"
    brief = (await anna.post("/api/v1/friend-links", {"expires_in": 60})).json
    revoked = (await anna.post("/api/v1/friend-links", {})).json
    assert (await anna.delete(f"/api/v1/friend-links/{revoked['id']}")).status == 204
    server.clock.advance(61)
    outcomes = [await dora.post("/api/v1/friend-links/accept", {"token": link["token"]}) for link in (once, brief, revoked)]
    assert [answer.status for answer in outcomes] == [410, 410, 404]
    assert outcomes[0].type == "link_over"
    assert (await dora.get("/api/v1/friends")).json["items"] == []
    # The longest that the server lets a link live.
    long = (await anna.post("/api/v1/friend-links", {"expires_in": 31_000_000})).json
    assert long["expires_at"] - long["created_at"] == server.settings.friend_link_s * 1000


async def test_a_block_either_way_makes_it_a_link_that_does_not_exist(server: Server) -> None:
    anna, ben, cara = [await server.person(name) for name in ("anna", "ben", "cara")]
    token = (await anna.post("/api/v1/friend-links", {})).json["token"]
    await anna.put("/api/v1/blocks/ben")
    await cara.put("/api/v1/blocks/anna")
    made_up = token[:-1] + ("A" if token[-1] != "A" else "B")
    unknown = await ben.post("/api/v1/friend-links/open", {"token": made_up})
    assert unknown.status == 404
    for person in (ben, cara):
        for act in ("open", "accept"):
            answer = await person.post(f"/api/v1/friend-links/{act}", {"token": token})
            assert {**answer.json, "instance": ""} == {**unknown.json, "instance": ""}
    async with server.app.db.write() as conn:
        await server.app.accounts.suspend(conn, anna.id)
    assert (await (await server.person("dora")).post("/api/v1/friend-links/open", {"token": token})).status == 404


async def test_there_are_only_so_many(server: Server) -> None:
    anna = await server.person("anna")
    statuses = [(await anna.post("/api/v1/friend-links", {})).status for _ in range(21)]
    assert statuses == [201] * 20 + [409]
