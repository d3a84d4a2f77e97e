"""38 and 49. Limited processing: nothing is written for analytics, marketing or experiments, and the service itself goes on."""

import json

import pytest
from sqlalchemy import select

from livecore.accounts.tables import newsletter_sent
from livecore.errors import ConfigError
from livecore.insight import tables
from livecore.insight.experiments import parse
from livecore.viewing.tables import content_view
from tests.conftest import StartServer
from tests.feed.seeding import seed_videos
from tests.people import Person
from tests.promises.test_35_access_own_data import export_of
from tests.promises.test_40_usage import event, report
from tests.promises.test_41_watch_time import beat
from tests.promises.test_43_device_facts import FACTS
from tests.rooms.talk import direct
from tests.serving import Server
from tests.waiting import until

EXPERIMENTS = "feed_order:old=1,new=1; big_button:no=3,yes=1"


async def rows(server: Server) -> dict[str, int]:
    found = {}
    async with server.app.db.read() as conn:
        for table in (tables.telemetry_event, tables.device_facts, tables.experiment_assignment, newsletter_sent, content_view):
            found[table.name] = len((await conn.execute(select(table))).all())
        for table in (tables.telemetry_daily, tables.report_group):
            found[table.name] = len((await conn.execute(select(table))).all())
    return found


async def use_everything(server: Server, person: Person, boss: Person, number: int) -> None:
    await person.post("/api/v1/telemetry", {"events": [event(server, number)], "device": FACTS})
    await person.put("/api/v1/me/device-facts", FACTS)
    await person.post("/api/v1/diagnostics/crash", {"reports": [report(server, number)]})
    await person.get("/api/v1/me/experiments")
    for video_id in await seed_videos(server, boss, 1):
        await beat(person, video_id, 10)
    await boss.post("/api/v1/admin/news", {"subject": "News", "text": "Something new", "username": person.username})


async def test_38_restricted_nothing_is_analysed_and_chat_still_works(start_server: StartServer) -> None:
    server = await start_server(experiments=EXPERIMENTS)
    anna, ben, boss = await server.person("anna"), await server.person("ben"), await server.person("boss", staff="admin")
    await server.befriend(anna, ben)
    await anna.patch("/api/v1/me/settings", {"restrict": True, "marketing": True})
    dropped = await anna.post("/api/v1/telemetry", {"events": [event(server, 1)]})
    assert (dropped.status, dropped.json) == (202, {"accepted": 0, "repeated": 0, "dropped": 1})
    await use_everything(server, anna, boss, 2)
    assert set((await rows(server)).values()) == {0}
    assert (await anna.put("/api/v1/me/device-facts", FACTS)).type == "restricted"
    assert (await anna.get("/api/v1/me/experiments")).json == {"experiments": {}}
    assert not [mail for mail in server.sent(anna.email) if "Something new" in mail["text"]]

    conversation = await direct(anna, ben)
    hers, his = await anna.connect(), await ben.connect()
    sent = await hers.call("message:send", {"conversation": conversation, "client_id": "one", "body": "still here"})
    assert sent["ok"]
    await until(lambda: his.heard("message:new"), "the message")
    # The feed is there, and made of nothing of hers.
    feed = (await anna.get("/api/v1/feed?scope=discover&explain=true")).json
    assert len(feed["items"]) == 1
    assert not any(feed["reasons"].values())
    for listener in (hers, his):
        await listener.close()

    # Lifted, everything is written again: the test would notice if nothing ever was.
    await anna.patch("/api/v1/me/settings", {"restrict": False})
    await use_everything(server, anna, boss, 3)
    assert 0 not in (await rows(server)).values()
    assert any((await anna.get("/api/v1/feed?scope=discover&explain=true")).json["reasons"].values())


async def test_38_each_kind_of_report_has_a_switch_of_its_own(server: Server) -> None:
    anna = await server.person("anna")
    batch = {"events": [event(server, 1), event(server, 2, kind="performance"), event(server, 3, kind="crash")]}
    await anna.patch("/api/v1/me/settings", {"usage_data": False})
    assert (await anna.post("/api/v1/telemetry", batch)).json == {"accepted": 1, "repeated": 0, "dropped": 2}
    await anna.patch("/api/v1/me/settings", {"usage_data": True, "diagnostics": False})
    assert (await anna.post("/api/v1/telemetry", batch)).json == {"accepted": 2, "repeated": 0, "dropped": 1}


async def test_49_an_experiment_is_assigned_stably_and_shown_in_the_export(start_server: StartServer) -> None:
    server = await start_server(experiments=EXPERIMENTS)
    anna = await server.person("anna")
    first = (await anna.get("/api/v1/me/experiments")).json["experiments"]
    assert set(first) == {"feed_order", "big_button"}
    await anna.sign_in({"id": "other", "name": "Other"})
    assert (await anna.get("/api/v1/me/experiments")).json["experiments"] == first
    _, archive = await export_of(anna)
    exported = json.loads(archive.read("data/experiments/experiment_assignment.json"))
    assert {row["experiment"]: row["variant"] for row in exported} == first
    # Also after a restart, and with other weights.
    await server.stop()
    again = await start_server(experiments="feed_order:old=99,new=1; big_button:no=1,yes=99", data_dir=server.settings.data_dir)
    anna.server = again
    assert (await anna.get("/api/v1/me/experiments")).json["experiments"] == first
    await anna.patch("/api/v1/me/settings", {"restrict": True})
    assert (await anna.get("/api/v1/me/experiments")).json["experiments"] == {}


def test_49_variants_are_shared_out_by_weight_and_independently() -> None:
    one, other = parse("first:a=1,b=1; second:a=1,b=3")
    people = [f"{number:032x}" for number in range(4000)]
    shares = [sum(experiment.variant_of(person) == "b" for person in people) / 4000 for experiment in (one, other)]
    assert abs(shares[0] - 0.5) < 0.03
    assert abs(shares[1] - 0.75) < 0.03
    both = sum(one.variant_of(person) == "b" and other.variant_of(person) == "b" for person in people) / 4000
    assert abs(both - 0.375) < 0.03
    assert [one.variant_of(person) for person in people] == [one.variant_of(person) for person in people]


@pytest.mark.parametrize("text", ["name", "name:", "name:a", "name:a=x", "name:a=0", "Name:a=1", "n:a=1;n:a=1", "n:a=-1"])
def test_49_a_setting_that_says_nothing_sensible_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(text)
