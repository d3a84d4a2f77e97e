"""Lives over HTTP: who may make, see, end and moderate one."""

import pytest

from livecore.lives import ice_servers, rules
from tests.serving import Server


async def test_a_live_is_made_and_seen_with_its_addresses(server: Server) -> None:
    anna = await server.person("anna")
    made = await anna.post("/api/v1/lives", {"title": "Morning swim", "visibility": "everyone"})
    assert made.status == 201
    assert made.json["whip"] == f"/whip/{made.json['id']}"
    assert made.json["whep"] == f"/whep/{made.json['id']}"
    assert made.json["token"].startswith("live_")
    seen = await anna.get(f"/api/v1/lives/{made.json['id']}")
    assert seen.status == 200
    assert seen.json["state"] == "waiting"
    assert "token" not in seen.json


async def test_a_live_for_friends_is_not_there_for_others(server: Server) -> None:
    anna, ben, cora = await server.person("anna"), await server.person("ben"), await server.person("cora")
    await server.befriend(anna, ben)
    live = (await anna.post("/api/v1/lives", {"title": "Friends only", "visibility": "friends"})).json["id"]
    assert (await ben.get(f"/api/v1/lives/{live}")).status == 200
    assert (await cora.get(f"/api/v1/lives/{live}")).status == 404


async def test_a_block_hides_a_live_both_ways_and_at_once(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    live = (await anna.post("/api/v1/lives", {"title": "Open"})).json["id"]
    assert (await ben.get(f"/api/v1/lives/{live}")).status == 200
    assert (await anna.put("/api/v1/blocks/ben")).status in (200, 201, 204)
    assert (await ben.get(f"/api/v1/lives/{live}")).status == 404
    assert (await ben.post(f"/whep/{live}", data="v=0", headers={"Content-Type": "application/sdp"})).status in (404, 415)


async def test_only_the_host_changes_and_ends_a_live(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    live = (await anna.post("/api/v1/lives", {"title": "Mine"})).json["id"]
    assert (await ben.patch(f"/api/v1/lives/{live}", {"title": "Yours"})).status == 403
    assert (await ben.post(f"/api/v1/lives/{live}/end")).status == 403
    assert (await ben.get(f"/api/v1/lives/{live}/stats")).status == 403
    changed = await anna.patch(f"/api/v1/lives/{live}", {"title": "Still mine"}, headers={"If-Match": '"1"'})
    assert (changed.status, changed.json["title"]) == (200, "Still mine")
    assert (await anna.patch(f"/api/v1/lives/{live}", {"title": "Late"}, headers={"If-Match": '"1"'})).status == 412
    ended = await anna.post(f"/api/v1/lives/{live}/end")
    assert (ended.status, ended.json["state"]) == (200, "ended")
    assert (await anna.post(f"/api/v1/lives/{live}/end")).status == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "title"),
        ({"title": ""}, "title"),
        ({"title": "x" * 121}, "title"),
        ({"title": "x", "visibility": "world"}, "visibility"),
        ({"title": "x", "colour": "red"}, "colour"),
        ({"title": "x", "guests": ["a"] * 9}, "guests"),
    ],
)
async def test_a_bad_live_is_refused_by_field_and_not_written(server: Server, body: dict[str, object], field: str) -> None:
    anna = await server.person("anna")
    answer = await anna.post("/api/v1/lives", body)
    assert answer.status == 422
    assert field in [error["field"] for error in answer.json["errors"]]
    assert (await anna.get("/api/v1/lives")).json["items"] == []


async def test_the_same_idempotency_key_makes_no_second_live(server: Server) -> None:
    anna = await server.person("anna")
    headers = {"Idempotency-Key": "one-tap"}
    assert (await anna.post("/api/v1/lives", {"title": "Once"}, headers=headers)).status == 201
    again = await anna.post("/api/v1/lives", {"title": "Once"}, headers=headers)
    assert (again.status, again.type) == (409, "already_created")


async def test_a_publish_token_works_for_its_live_alone(server: Server) -> None:
    anna = await server.person("anna")
    one = (await anna.post("/api/v1/lives", {"title": "One"})).json
    other = (await anna.post("/api/v1/lives", {"title": "Other"})).json
    sdp = {"Content-Type": "application/sdp"}
    assert (await server.call("POST", other["whip"], data="v=0", headers=sdp, token=one["token"])).status == 401
    assert (await server.call("POST", one["whip"], data="v=0", headers=sdp, token=anna.access)).status == 401
    assert (await server.call("POST", one["whip"], data="v=0", headers=sdp)).status == 401
    assert (await server.call("POST", one["whip"], data="{}", headers={"Content-Type": "text/plain"}, token=one["token"])).status == 415
    await anna.post(f"/api/v1/lives/{one['id']}/end")
    assert (await server.call("POST", one["whip"], data="v=0", headers=sdp, token=one["token"])).status == 410


def test_a_live_goes_one_way() -> None:
    allowed = {(a, b) for a in ("waiting", "live", "ended") for b in ("waiting", "live", "ended") if rules.may_change_state(a, b)}
    assert allowed == {("waiting", "live"), ("waiting", "ended"), ("live", "ended")}


def test_turn_credentials_are_those_that_coturn_computes() -> None:
    username, password = ice_servers.turn_credentials("north", "viewer", 1_700_000_000)
    assert username == "1700000000:viewer"
    # echo -n 1700000000:viewer | openssl dgst -sha1 -hmac north -binary | base64
    assert password == "6+yi/bVtfd33MEvbIUAHKkmAKPw="


def test_ice_servers_become_link_values() -> None:
    values = ice_servers.link_values(["stun:stun.example.org", "turn:turn.example.org?transport=tcp"], "north", "viewer", 0, 60)
    assert values[0] == '<stun:stun.example.org>; rel="ice-server"'
    assert values[1].startswith('<turn:turn.example.org?transport=tcp>; rel="ice-server"; username="60:viewer"; credential="')
