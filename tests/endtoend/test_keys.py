"""Key bundles over HTTP: what is published holds together, what is claimed is claimed once, and two devices agree on a secret."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import StartServer
from tests.endtoend.devices import EncryptingDevice, public, raw, text
from tests.people import Person
from tests.serving import Server
from tests.waiting import until


async def publish(person: Person, count: int = 3) -> EncryptingDevice:
    device = EncryptingDevice()
    answer = await person.put("/api/v1/me/keys", device.bundle())
    assert answer.status == 204, answer
    if count:
        answer = await person.post("/api/v1/me/keys/one-time", device.one_time_keys(range(count)))
        assert (answer.status, answer.json) == (200, {"one_time_keys_left": count})
    return device


async def friends(server: Server) -> tuple[Person, Person]:
    anna, ben = await server.person("anna"), await server.person("ben")
    await server.befriend(anna, ben)
    return anna, ben


async def test_two_devices_agree_on_a_secret_that_the_server_never_sees(server: Server) -> None:
    anna, ben = await friends(server)
    his = await publish(ben)
    hers = await publish(anna)
    claimed = (await anna.post("/api/v1/users/ben/keys")).json["devices"]
    assert len(claimed) == 1
    secret, ephemeral = hers.begin(claimed[0])
    assert his.follow(public(hers.agreement), ephemeral, claimed[0]["one_time_key"]["id"]) == secret


async def test_each_one_time_key_is_given_once_also_at_the_same_moment(server: Server) -> None:
    anna, ben = await friends(server)
    await publish(ben, 5)
    answers = await asyncio.gather(*(anna.post("/api/v1/users/ben/keys") for _ in range(8)))
    given = [answer.json["devices"][0]["one_time_key"] for answer in answers]
    ids = [one["id"] for one in given if one is not None]
    assert sorted(ids) == [0, 1, 2, 3, 4]
    assert given.count(None) == 3
    assert (await ben.get("/api/v1/me/keys")).json["one_time_keys_left"] == 0


async def test_each_one_time_key_is_given_once_on_postgresql(distributed: dict[str, str], start_server: StartServer) -> None:
    server = await start_server(**distributed)
    anna, ben = await friends(server)
    await publish(ben, 4)
    answers = await asyncio.gather(*(anna.post("/api/v1/users/ben/keys") for _ in range(6)))
    given = [answer.json["devices"][0]["one_time_key"] for answer in answers]
    assert sorted(one["id"] for one in given if one is not None) == [0, 1, 2, 3]


async def test_a_device_that_runs_low_is_told(server: Server) -> None:
    anna, ben = await friends(server)
    await publish(ben, 2)
    listener = await ben.connect()
    claimed = (await anna.post("/api/v1/users/ben/keys")).json["devices"]
    told = await until(lambda: listener.heard("keys:low"), "keys:low")
    assert told[0] == {"device": claimed[0]["device"], "left": 1}


async def test_one_s_other_devices_are_found_under_one_s_own_name(server: Server) -> None:
    anna = await server.person("anna")
    await publish(anna)
    assert (await anna.post("/api/v1/users/anna/keys")).json == {"devices": []}
    first = anna.access
    await anna.sign_in({"id": "device-anna-2", "name": "Another"})
    assert len((await anna.post("/api/v1/users/anna/keys")).json["devices"]) == 1
    assert (await anna.get("/api/v1/me/keys")).status == 404
    anna.access = first
    assert (await anna.get("/api/v1/me/keys")).json["one_time_keys_left"] == 2


async def test_keys_go_with_their_device(server: Server) -> None:
    anna, ben = await friends(server)
    await publish(ben)
    assert (await ben.delete("/api/v1/me/session")).status == 204
    assert (await anna.post("/api/v1/users/ben/keys")).json == {"devices": []}


async def test_a_new_identity_makes_its_old_one_time_keys_void(server: Server) -> None:
    anna, ben = await friends(server)
    await publish(ben, 3)
    again = EncryptingDevice()
    assert (await ben.put("/api/v1/me/keys", again.bundle())).status == 204
    claimed = (await anna.post("/api/v1/users/ben/keys")).json["devices"][0]
    assert claimed["identity_key"] == text(public(again.identity))
    assert claimed["one_time_key"] is None


async def test_a_new_prekey_of_the_same_identity_keeps_them(server: Server) -> None:
    _, ben = await friends(server)
    device = await publish(ben, 3)
    assert (await ben.put("/api/v1/me/keys", device.bundle(prekey_id=2))).status == 204
    mine = (await ben.get("/api/v1/me/keys")).json
    assert (mine["signed_prekey"]["id"], mine["one_time_keys_left"]) == (2, 3)
    assert (await ben.delete("/api/v1/me/keys")).status == 204
    assert (await ben.get("/api/v1/me/keys")).type == "not_found"


async def test_who_may_not_write_is_given_nothing(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    await publish(ben)
    assert (await anna.post("/api/v1/users/ben/keys")).type == "not_accepting"
    await ben.patch("/api/v1/me/settings", {"who_can_message": "everyone"})
    assert len((await anna.post("/api/v1/users/ben/keys")).json["devices"]) == 1
    await ben.put("/api/v1/blocks/anna")
    assert (await anna.post("/api/v1/users/ben/keys")).status == 404
    assert (await ben.post("/api/v1/users/anna/keys")).status == 404
    assert (await ben.get("/api/v1/me/keys")).json["one_time_keys_left"] == 2


async def test_members_of_a_group_may_encrypt_to_one_another(server: Server) -> None:
    anna, ben, cleo = [await server.person(name) for name in ("anna", "ben", "cleo")]
    await server.befriend(anna, ben)
    await server.befriend(anna, cleo)
    await publish(ben)
    assert (await cleo.post("/api/v1/users/ben/keys")).type == "not_accepting"
    made = await anna.post("/api/v1/conversations", {"kind": "group", "members": ["ben", "cleo"], "title": "Three"})
    assert made.status == 201, made
    assert len((await cleo.post("/api/v1/users/ben/keys")).json["devices"]) == 1


async def test_a_broadcast_list_shows_nobody_to_another(server: Server) -> None:
    anna, ben, cleo = [await server.person(name) for name in ("anna", "ben", "cleo")]
    await server.befriend(anna, ben)
    await server.befriend(anna, cleo)
    await publish(ben)
    made = await anna.post("/api/v1/conversations", {"kind": "broadcast", "members": ["ben", "cleo"], "title": "List"})
    assert made.status == 201, made
    assert (await cleo.post("/api/v1/users/ben/keys")).type == "not_accepting"


def _changed(bundle: dict[str, Any], field: str) -> dict[str, Any]:
    holder, _, name = field.rpartition(".")
    place = bundle[holder] if holder else bundle
    value = bytearray(raw(place[name]))
    value[5] ^= 1
    place[name] = text(bytes(value))
    return bundle


@pytest.mark.parametrize(
    ("spoil", "field"),
    [
        (lambda b: _changed(b, "agreement_signature"), "agreement_signature"),
        (lambda b: _changed(b, "agreement_key"), "agreement_signature"),
        (lambda b: _changed(b, "signed_prekey.key"), "signed_prekey.signature"),
        (lambda b: b | {"signed_prekey": b["signed_prekey"] | {"id": 7}}, "signed_prekey.signature"),
        (lambda b: b | {"agreement_key": text(bytes(32))}, "agreement_key"),
        (lambda b: b | {"identity_key": text(bytes(31))}, "identity_key"),
        (lambda b: b | {"identity_key": "!" * 43}, "identity_key"),
        (lambda b: {name: value for name, value in b.items() if name != "signed_prekey"}, "signed_prekey"),
    ],
)
async def test_a_bundle_that_does_not_hold_together_is_refused(
    server: Server, spoil: Callable[[dict[str, Any]], dict[str, Any]], field: str
) -> None:
    anna = await server.person("anna")
    answer = await anna.put("/api/v1/me/keys", spoil(EncryptingDevice().bundle()))
    assert answer.status == 422, answer
    assert field in [one["field"] for one in answer.json["errors"]]
    assert (await anna.get("/api/v1/me/keys")).status == 404


async def test_one_time_keys_need_a_bundle_and_have_a_limit(start_server: StartServer) -> None:
    server = await start_server(one_time_keys=10)
    anna = await server.person("anna")
    device = EncryptingDevice()
    assert (await anna.post("/api/v1/me/keys/one-time", device.one_time_keys(range(1)))).type == "no_bundle"
    await anna.put("/api/v1/me/keys", device.bundle())
    assert (await anna.post("/api/v1/me/keys/one-time", device.one_time_keys(range(10)))).status == 200
    assert (await anna.post("/api/v1/me/keys/one-time", device.one_time_keys(range(10, 11)))).status == 422
    twice = device.one_time_keys(range(2))
    twice["keys"][1]["id"] = 0
    assert (await anna.post("/api/v1/me/keys/one-time", twice)).status == 422


async def test_taking_somebody_s_keys_has_a_limit(start_server: StartServer) -> None:
    server = await start_server(rate_scale=0.1)
    anna, ben = await friends(server)
    await publish(ben)
    answers = [await anna.post("/api/v1/users/ben/keys") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert int(answers[-1].headers["Retry-After"]) > 0


async def test_keys_are_in_the_export_map_and_erased_with_the_account(server: Server) -> None:
    anna, ben = await friends(server)
    await publish(ben)
    told = (await server.call("GET", "/api/v1/policies/data-map")).json
    assert "encryption_keys" in str(told)
    answer = await ben.call("DELETE", "/api/v1/me", {"immediately": True, "password": ben.password})
    assert answer.status in (202, 204), answer

    async def gone() -> bool:
        return (await anna.post("/api/v1/users/ben/keys")).status == 404

    await until(gone, "the end of the account")
