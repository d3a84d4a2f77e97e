"""36. Update: with If-Match, visible to others by the next read."""

import asyncio

from tests.serving import Server


async def test_36_a_change_is_seen_by_the_next_read(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    for number in range(3):
        assert (await anna.patch("/api/v1/me", {"name": f"Anna the {number}th"})).status == 200
        assert (await ben.get("/api/v1/users/anna")).json["name"] == f"Anna the {number}th"
        assert (await ben.get("/api/v1/users", params={"q": "anna"})).json["items"][0]["name"] == f"Anna the {number}th"


async def test_36_a_stale_tag_changes_nothing(server: Server) -> None:
    anna = await server.person("anna")
    tag = (await anna.get("/api/v1/me")).headers["ETag"]
    changed = await anna.patch("/api/v1/me", {"gender": "f"}, headers={"If-Match": tag})
    assert (changed.status, changed.json["gender"]) == (200, "f")
    assert changed.headers["ETag"] != tag
    stale = await anna.patch("/api/v1/me", {"gender": "x", "name": "Nobody"}, headers={"If-Match": tag})
    assert (stale.status, stale.type) == (412, "stale")
    account = await anna.get("/api/v1/me")
    assert (account.json["gender"], account.json["name"]) == ("f", "Anna Example")
    assert (await anna.patch("/api/v1/me", {"gender": "g"}, headers={"If-Match": account.headers["ETag"]})).status == 200
    assert (await anna.patch("/api/v1/me", {"gender": "h"}, headers={"If-Match": "*"})).status == 200
    assert (await anna.get("/api/v1/me", headers={"If-None-Match": tag})).status == 200
    current = (await anna.get("/api/v1/me")).headers["ETag"]
    assert (await anna.get("/api/v1/me", headers={"If-None-Match": current})).status == 304


async def test_36_of_two_changes_with_one_tag_one_is_made(server: Server) -> None:
    anna = await server.person("anna")
    tag = {"If-Match": (await anna.get("/api/v1/me")).headers["ETag"]}
    answers = await asyncio.gather(*(anna.patch("/api/v1/me", {"gender": f"g{number}"}, headers=tag) for number in range(6)))
    assert sorted(answer.status for answer in answers) == [200, *[412] * 5]
    winner = next(answer for answer in answers if answer.status == 200)
    assert (await anna.get("/api/v1/me")).json["gender"] == winner.json["gender"]
