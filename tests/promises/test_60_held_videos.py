"""60. Preserve, of videos and pictures: what somebody deletes under a hold is seen by nobody, and stays until the hold ends."""

import json
from pathlib import Path

from sqlalchemy import select

from livecore.library.tables import held_content
from tests.library import media
from tests.library.sending import begin, send, sent, tus
from tests.library.test_copies import jpeg, scene
from tests.promises.test_60_preserve import DAY_S, held, staff
from tests.rooms.talk import friends
from tests.serving import Server


async def objects(server: Server, prefix: str) -> set[str]:
    return {found.key async for found in server.app.storage.list(prefix)}


async def test_60_videos_and_pictures_deleted_under_a_hold_are_seen_by_nobody_and_stay(server: Server, tmp_path: Path) -> None:
    anna, ben = await friends(server, "anna", "ben")
    lena, otto = await staff(server)
    before = await sent(anna, media.faststart(seconds=1.1), title="Gone before")
    assert (await anna.delete(f"/api/v1/videos/{before['id']}")).status == 204
    video = await sent(anna, media.faststart(), title="A marmalade film")
    picture = await send(anna, jpeg(scene(3)), purpose="image", title="A marmalade picture")
    link = (await ben.get(f"/api/v1/videos/{video['id']}")).json["file"]
    left = await begin(anna, 5000)
    assert (await tus(anna, "PATCH", left, media.faststart()[:3000], Upload_Offset="0")).status == 204
    hold_id = await held(server, "anna", lena, otto)
    kept = await objects(server, f"videos/{anna.id}/{video['id']}") | await objects(server, f"images/{anna.id}")
    assert len(kept) > 4
    for path in (f"/api/v1/videos/{video['id']}", picture):
        # The answers are those of any deletion: nobody is told of a hold.
        assert (await anna.delete(path)).status == 204
        for person in (anna, ben, lena):
            assert (await person.get(path)).status == 404
        assert (await anna.delete(path)).status == 404
    assert (await server.call("GET", link)).status == 404
    assert "marmalade" not in str((await anna.get("/api/v1/me/videos")).json)
    assert "marmalade" not in str((await ben.get("/api/v1/videos", params={"owner": "anna"})).json)
    assert "marmalade" not in str((await ben.get("/api/v1/feed", params={"scope": "discover"})).json)
    server.clock.advance(200 * DAY_S)
    await server.app.retention.apply()
    assert kept <= await objects(server, "")
    assert await objects(server, f"videos/{anna.id}/{before['id']}") == set()
    assert await objects(server, f"uploads/{anna.id}")
    async with server.app.db.read() as conn:
        facts = [json.loads(row) for row in (await conn.execute(select(held_content.c.facts))).scalars()]
    assert {one["title"] for one in facts} == {"A marmalade film", "A marmalade picture"}
    assert video["sha256"] in {one["sha256"] for one in facts}
    for who in (anna, ben, lena):
        await who.sign_in()
    # Time passes, and still nobody sees it; the bytes that were left unfinished are of no use to their sender.
    assert (await anna.get(f"/api/v1/videos/{video['id']}")).status == 404
    assert (await tus(anna, "HEAD", left)).status == 410
    assert (await lena.post(f"/api/v1/admin/holds/{hold_id}/end", {"reason": "Settled"})).status == 204
    await server.app.retention.apply()
    assert await objects(server, f"videos/{anna.id}") | await objects(server, f"images/{anna.id}") == set()
    assert await objects(server, f"uploads/{anna.id}") == set()
    async with server.app.db.read() as conn:
        assert (await conn.execute(select(held_content))).all() == []
