"""40, 45 and 46. Use and reports of clients: in batches, once each, bounded, scrubbed, grouped for staff, gone after their time."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from livecore.insight import tables
from tests.conftest import StartServer
from tests.people import Person
from tests.promises.test_35_access_own_data import export_of
from tests.serving import Server
from tests.waiting import until

DIAGNOSTICS = ("log", "crash", "website", "performance")


def event(server: Server, number: int, **fields: Any) -> dict[str, Any]:
    return {"id": f"event-{number}", "kind": "usage", "name": "feed.open", "at": server.clock.at_ms(), "data": {"scope": "home"}} | fields


def report(server: Server, number: int = 1, **fields: Any) -> dict[str, Any]:
    return {"id": f"report-{number}", "at": server.clock.at_ms(), "message": "it broke", "stack": "at play (app.js:10:3)"} | fields


async def kept(server: Server, table: Any = tables.telemetry_event) -> list[Any]:
    async with server.app.db.read() as conn:
        return list((await conn.execute(select(table))).all())


async def staff(server: Server) -> Person:
    return await server.person("staffer", staff="support")


@pytest.mark.parametrize("path", ["/api/v1/telemetry", "/api/v1/telemetry/events"])
async def test_40_a_batch_is_taken_and_each_event_once(server: Server, path: str) -> None:
    anna = await server.person("anna")
    batch = {"events": [event(server, number) for number in range(3)]}
    first = await anna.post(path, batch)
    assert (first.status, first.json) == (202, {"accepted": 3, "repeated": 0, "dropped": 0})
    again = await anna.post(path, {"events": [event(server, 2), event(server, 3), event(server, 3)]})
    assert again.json == {"accepted": 1, "repeated": 2, "dropped": 0}
    assert len(await kept(server)) == 4
    sums = (await (await staff(server)).get("/api/v1/admin/usage")).json["items"]
    assert [(row["name"], row["events"]) for row in sums] == [("feed.open", 4)]


async def test_40_what_one_used_is_in_ones_export(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    await anna.post("/api/v1/telemetry", {"events": [event(server, 1, name="chat.open", data={"from": "marker-of-anna"})]})
    await ben.post("/api/v1/telemetry", {"events": [event(server, 1, data={"from": "marker-of-ben"})]})
    _, archive = await export_of(anna)
    rows = json.loads(archive.read("data/telemetry/telemetry_event.json"))
    assert [(row["name"], row["data"]) for row in rows] == [("chat.open", {"from": "marker-of-anna"})]


async def test_40_too_much_or_malformed_is_refused_whole(server: Server) -> None:
    anna = await server.person("anna")
    wrong = [
        ({"events": [event(server, number) for number in range(101)]}, 422),
        ({"events": [event(server, 1), event(server, 2, kind="gossip")]}, 422),
        ({"events": [event(server, 1, name="Not A Name")]}, 422),
        ({"events": [event(server, 1, at="yesterday")]}, 422),
        ({"events": [event(server, 1, mood="good")]}, 422),
        ({"events": [event(server, 1, data={"text": "x" * 20_000})]}, 422),
        ({"events": [event(server, number, data={"text": "x" * 15_000}) for number in range(20)]}, 413),
    ]
    for body, status in wrong:
        assert (await anna.post("/api/v1/telemetry", body)).status == status, str(body)[:80]
    deep: Any = {}
    for _ in range(300):
        deep = {"in": deep}
    assert (await anna.post("/api/v1/telemetry", {"events": [event(server, 1, data=deep)]})).status in (400, 422)
    assert await kept(server) == []
    # A clock that is wrong is no reason to lose the report.
    assert (await anna.post("/api/v1/telemetry", {"events": [event(server, 1, at=0)]})).json["accepted"] == 1


@pytest.mark.parametrize("kind", DIAGNOSTICS)
async def test_45_reports_are_scrubbed_and_bounded(server: Server, kind: str) -> None:
    anna = await server.person("anna")
    secret = {
        "message": f"call {anna.phone} or {anna.email}, Bearer {anna.access}",
        "stack": 'password="hunter22222" at play (app.js:10:3)',
        "data": {"token": anna.refresh, "deep": [{"password": "hunter22222", "note": f"+49 151 12 000 001 {anna.email}"}]},
    }
    answer = await anna.post(f"/api/v1/diagnostics/{kind}", {"reports": [report(server, **secret)]})
    assert (answer.status, answer.json["accepted"]) == (202, 1)
    (row,) = await kept(server)
    groups = await kept(server, tables.report_group)
    written = json.dumps([row.data, *(group.sample for group in groups)])
    for gone in (anna.phone, anna.email, anna.access, anna.refresh, "hunter22222", "000 001"):
        assert gone not in written, (gone, written)
    assert len(groups) == (0 if kind == "performance" else 1)
    again = await anna.post(f"/api/v1/diagnostics/{kind}", {"reports": [report(server, **secret)]})
    assert (again.json["accepted"], again.json["repeated"]) == (0, 1)
    big = {"reports": [report(server, number, stack="x" * 8000) for number in range(60)]}
    assert (await anna.post(f"/api/v1/diagnostics/{kind}", big)).status == 413
    assert (await anna.post(f"/api/v1/diagnostics/{kind}", {"reports": []})).status == 422
    assert (await anna.post("/api/v1/diagnostics/gossip", {"reports": [report(server)]})).status == 404
    assert len(await kept(server)) == 1


async def test_45_staff_see_them_grouped_by_signature_without_whose_they_were(server: Server) -> None:
    anna, ben, helper = await server.person("anna"), await server.person("ben"), await staff(server)
    crash = {"message": "Cannot read property 'x1' of 0x7ffe12345678", "stack": "at play (app.js?v=3:10:3)\nat main (app.js:2:1)"}
    same = {"message": "Cannot read property 'y2' of 0x7ffe99999999", "stack": "at play (app.js?v=9:11:7)\nat main (app.js:5:1)"}
    await anna.post("/api/v1/diagnostics/crash", {"reports": [report(server, 1, **crash), report(server, 2, **same)]})
    await ben.post("/api/v1/diagnostics/crash", {"reports": [report(server, 1, **same)]})
    await ben.post("/api/v1/diagnostics/crash", {"reports": [report(server, 2, message="Out of memory", stack="")]})
    # Also a client that cannot sign in may say why.
    answer = await server.call("POST", "/api/v1/diagnostics/crash", {"reports": [report(server, 1, **same)]})
    assert (answer.status, answer.json["accepted"]) == (202, 1)
    page = await helper.get("/api/v1/admin/diagnostics", params={"kind": "crash"})
    assert sorted(group["events"] for group in page.json["items"]) == [1, 4]
    for person in (anna, ben):
        assert person.id.encode() not in page.body
    seen, cursor = [], None
    while True:
        one = (await helper.get("/api/v1/admin/diagnostics", params={"limit": "1"} | ({"cursor": cursor} if cursor else {}))).json
        seen += [group["signature"] for group in one["items"]]
        cursor = one["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 2
    assert (await anna.get("/api/v1/admin/diagnostics")).status == 403
    assert len(await kept(server)) == 4


async def test_46_after_their_days_rows_are_gone_and_sums_stay_without_ids(start_server: StartServer) -> None:
    server = await start_server(telemetry_log_days=1, telemetry_report_days=2, telemetry_usage_days=3)
    anna = await server.person("anna")
    await anna.post("/api/v1/telemetry", {"events": [event(server, 1)], "device": {"browser": "Firefox"}})
    await anna.post("/api/v1/diagnostics/log", {"reports": [report(server, 2)]})
    await anna.post("/api/v1/diagnostics/crash", {"reports": [report(server, 3)]})

    async def swept(*left: str) -> None:
        """What is left once the hourly job has run. It is due again at each step of the clock."""

        async def only_these() -> bool:
            return sorted(row.kind for row in await kept(server)) == list(left)

        server.app.jobs.wake()
        await until(only_these, f"only {left} to be left")
        await until(server.app.jobs.idle, "the jobs to end")
        assert await only_these()

    for left in (["crash", "log", "usage"], ["crash", "usage"], ["usage"], []):
        await swept(*left)
        server.clock.advance(86_400)
    sums = await kept(server, tables.telemetry_daily)
    groups = await kept(server, tables.report_group)
    assert sorted((row.kind, row.events) for row in sums) == [("crash", 1), ("log", 1), ("usage", 1)]
    assert [(group.events, group.sample) for group in groups] == [(1, None), (1, None)]
    assert anna.id not in str([*sums, *groups])
    # So it is for who looks from outside: the person finds none of the rows, staff find the sums.
    await anna.sign_in()
    _, archive = await export_of(anna)
    assert not [name for name in archive.namelist() if "telemetry_event" in name and json.loads(archive.read(name))]
    helper = await staff(server)
    assert [row["name"] for row in (await helper.get("/api/v1/admin/usage")).json["items"]] == ["feed.open"]
    assert sorted(group["kind"] for group in (await helper.get("/api/v1/admin/diagnostics")).json["items"]) == ["crash", "log"]
    assert len(await kept(server, tables.device_facts)) == 1
    server.clock.advance(181 * 86_400)
    server.app.jobs.wake()

    async def forgotten() -> bool:
        return await kept(server, tables.device_facts) == []

    await until(forgotten, "the device's facts to go")
