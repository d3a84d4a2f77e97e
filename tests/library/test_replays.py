"""Retention of replays: told a week before, deleted after, and only where the operator says so."""

from pathlib import Path
from typing import Any

from livecore.ids import new_id
from livecore.library.videos import VIDEO_PREFIX
from tests.conftest import StartServer
from tests.library.recorded import facts, recorded_bytes
from tests.people import Person
from tests.serving import Server
from tests.waiting import until

DAY_S = 86_400


async def replay_of(server: Server, who: Person, directory: Path) -> dict[str, Any]:
    path = directory / "r.webm"
    path.write_bytes(recorded_bytes("vp8"))
    told = facts("vp8") | {"started_at_ms": server.clock.at_ms()}
    video_id = await server.app.videos.create_from_recording(who.id, new_id(), path, told, "everyone", "Sunday")
    return dict((await who.get(f"/api/v1/videos/{video_id}")).json)


async def notices(who: Person) -> list[dict[str, Any]]:
    found = (await who.get("/api/v1/me/notices")).json["items"]
    return [notice for notice in found if notice["kind"] == "replay_expires"]


async def test_a_replay_is_deleted_after_its_days_and_its_owner_is_told_a_week_before(start_server: StartServer, tmp_path: Path) -> None:
    server = await start_server(replay_days=30)
    anna = await server.person("anna")
    replay = await replay_of(server, anna, tmp_path)
    place = server.settings.data_dir / "objects" / VIDEO_PREFIX.format(account=anna.id) / replay["id"]
    await until(place.exists, "the file in the store")
    server.clock.advance(22 * DAY_S)
    await server.app.retention.apply()
    await anna.sign_in()
    assert await notices(anna) == []
    server.clock.advance(2 * DAY_S)
    await server.app.retention.apply()
    await server.app.retention.apply()
    await anna.sign_in()
    (notice,) = await notices(anna)
    seen = (await anna.get(f"/api/v1/videos/{replay['id']}")).json
    assert notice["data"] == {"video": replay["id"], "title": "Sunday", "expires_at": seen["expires_at"]}
    # The notice came a day late, so the end does too.
    assert seen["expires_at"] - server.clock.at_ms() > 6.9 * DAY_S * 1000
    server.clock.advance(8 * DAY_S)
    await server.app.retention.apply()
    await anna.sign_in()
    assert (await anna.get(f"/api/v1/videos/{replay['id']}")).status == 404
    await until(lambda: not place.exists() or not list(place.rglob("*.*")), "the file to go")


async def test_replays_are_kept_where_nothing_is_set_and_a_taken_back_setting_takes_back_the_end(
    start_server: StartServer, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    server = await start_server(replay_days=10, data_dir=data_dir)
    anna = await server.person("anna")
    replay = await replay_of(server, anna, tmp_path)
    server.clock.advance(5 * DAY_S)
    await server.app.retention.apply()
    await anna.sign_in()
    assert (await anna.get(f"/api/v1/videos/{replay['id']}")).json["expires_at"] is not None
    await server.stop()
    server = await start_server(data_dir=data_dir)
    server.clock.advance(400 * DAY_S)
    await server.app.retention.apply()
    anna.server = server
    await anna.sign_in()
    assert (await anna.get(f"/api/v1/videos/{replay['id']}")).json["expires_at"] is None
