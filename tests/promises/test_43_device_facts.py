"""43. Device facts, the whole list: eleven named fields, typed, bounded, each may be withheld; the advertising id goes on its own."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from livecore.insight import tables
from tests.promises.test_35_access_own_data import export_of
from tests.serving import Server

FACTS: dict[str, Any] = {
    "hardware_model": "Phone 12 mini",
    "os_version": "18.3.1",
    "memory_mb": 4096,
    "advertising_id": "6D92078A-8246-4BA4-AE5B-76104861E7DC",
    "app_id": "install-7f3a",
    "apps_installed": ["maps", "mail"],
    "device_id": "serial-0042",
    "browser": "Firefox 144",
    "language": "de-AT",
    "battery": 0.83,
    "time_zone": "Europe/Vienna",
}
WRONG = {
    "hardware_model": ["", "x" * 201, 7],
    "os_version": ["x" * 201, {}],
    "memory_mb": [0, -1, 2**40, "4096", 1.5],
    "advertising_id": ["", "with space", "x" * 129],
    "app_id": ["", "ümlaut", 3],
    "apps_installed": ["maps", ["x"] * 201, [""], [7]],
    "device_id": ["", "x" * 129],
    "browser": ["", "x" * 201],
    "language": ["", "d", "de_AT", "de-"],
    "battery": [-0.1, 1.1, "full"],
    "time_zone": ["", "Europe/Vienna/Inner/City", "a b"],
}


async def test_43_eleven_fields_are_kept_sealed_and_shown_to_their_owner(server: Server) -> None:
    assert len(FACTS) == 11
    anna, ben = await server.person("anna"), await server.person("ben")
    assert (await anna.post("/api/v1/telemetry", {"device": FACTS})).status == 202
    (one,) = (await anna.get("/api/v1/me/device-facts")).json["items"]
    assert (one["facts"], one["current"]) == (FACTS, True)
    assert (await ben.get("/api/v1/me/device-facts")).json["items"] == []
    database = b"".join(path.read_bytes() for path in server.settings.data_dir.glob("livecore.sqlite*"))
    for value in ("Phone 12 mini", "6D92078A-8246-4BA4-AE5B-76104861E7DC", "serial-0042"):
        assert value.encode() not in database
    _, archive = await export_of(anna)
    (row,) = json.loads(archive.read("data/device_facts/device_facts.json"))
    assert row["facts"] | {"advertising_id": row["advertising_id"]} == FACTS


@pytest.mark.parametrize("field", FACTS)
async def test_43_each_may_be_withheld_and_is_typed_and_bounded(server: Server, field: str) -> None:
    anna = await server.person("anna")
    for value in WRONG[field]:
        answer = await anna.put("/api/v1/me/device-facts", FACTS | {field: value})
        assert answer.status == 422, (value, answer)
        assert answer.json["errors"][0]["field"].split(".")[0] == field
    assert (await anna.get("/api/v1/me/device-facts")).json["items"] == []
    assert (await anna.put("/api/v1/me/device-facts", FACTS)).status == 204
    # Left out now: what was given before goes.
    rest = {name: value for name, value in FACTS.items() if name != field}
    assert (await anna.put("/api/v1/me/device-facts", rest)).status == 204
    (one,) = (await anna.get("/api/v1/me/device-facts")).json["items"]
    assert one["facts"] == FACTS | {field: None}


async def test_43_an_unknown_fact_is_refused(server: Server) -> None:
    anna = await server.person("anna")
    for body in ({"device": {"shoe_size": 42}}, {"device": FACTS | {"gps": "48.2,16.3"}}):
        answer = await anna.post("/api/v1/telemetry", body)
        assert answer.status == 422
        assert answer.json["errors"][0]["field"] in ("device.shoe_size", "device.gps")
    assert (await anna.get("/api/v1/me/device-facts")).json["items"] == []


async def test_43_the_advertising_id_is_deleted_on_its_own(server: Server) -> None:
    anna = await server.person("anna")
    await anna.put("/api/v1/me/device-facts", FACTS)
    assert (await anna.delete("/api/v1/me/device-facts/advertising-id")).status == 204
    (one,) = (await anna.get("/api/v1/me/device-facts")).json["items"]
    assert one["facts"] == FACTS | {"advertising_id": None}
    async with server.app.db.read() as conn:
        assert (await conn.execute(select(tables.device_facts.c.advertising_id))).scalar_one() is None
    assert (await anna.delete("/api/v1/me/device-facts")).status == 204
    assert (await anna.get("/api/v1/me/device-facts")).json["items"] == []


async def test_43_they_go_with_their_device(server: Server) -> None:
    anna = await server.person("anna")
    await anna.put("/api/v1/me/device-facts", FACTS)
    await anna.sign_in({"id": "other", "name": "Other"})
    (session,) = [one for one in (await anna.get("/api/v1/me/sessions")).json["items"] if not one["current"]]
    assert (await anna.delete(f"/api/v1/me/sessions/{session['id']}")).status == 204
    assert (await anna.get("/api/v1/me/device-facts")).json["items"] == []
