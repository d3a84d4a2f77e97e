"""Row 7: a live: its host starts, a viewer joins the room, viewers are counted, the end turns it into a replay or deletes it."""

from pathlib import Path

from tests.conftest import StartServer
from tests.flows.broadcast import Broadcast, watch
from tests.waiting import until


async def test_07_a_live_is_watched_counted_and_becomes_a_replay(start_server: StartServer) -> None:
    server = await start_server(media=True)
    anna, ben = await server.person("anna"), await server.person("ben")
    broadcast = await Broadcast(anna, title="Sunrise").start()
    try:
        peer = await watch(ben, broadcast.id)
        await until(lambda: peer.received > 100, "pictures and sound")
        socket = await ben.connect()
        joined = await socket.call("live:join", {"live": broadcast.id})
        assert joined["ok"], joined
        counted = {"live": broadcast.id, "viewers": 1}
        await until(lambda: counted in socket.heard("live:viewers"), "a count of viewers")
        assert (await ben.get(f"/api/v1/lives/{broadcast.id}")).json["viewers"] >= 1
        assert [live["id"] for live in (await ben.get("/api/v1/lives")).json["items"]] == [broadcast.id]
        assert [item["id"] for item in (await ben.get("/api/v1/feed", params={"scope": "discover"})).json["items"]] == [broadcast.id]
        await until(lambda: peer.received > 400, "a recording worth the name")
    finally:
        ended = await broadcast.end()
    assert ended.json["state"] == "ended"
    assert (await until(lambda: socket.heard("live:ended"), "the end to be told"))[0]["live"] == broadcast.id
    await until(peer.closed.is_set, "the viewer's connection to be closed")
    peer.close()
    replay = await broadcast.replay()
    assert replay["title"] == "Sunrise"
    assert replay["duration_s"] > 1
    await socket.close()


async def test_07_a_live_without_replay_leaves_no_video(start_server: StartServer) -> None:
    server = await start_server(media=True)
    anna = await server.person("anna")
    broadcast = await Broadcast(anna, keep_replay=False).start()
    await broadcast.send_more(60)

    def files() -> list[Path]:
        return [path for path in server.settings.recordings_dir.rglob("*") if path.suffix in (".webm", ".mp4")]

    await until(files, "something to be written")
    # The host hangs up first and says "end" then: that is the reason, whenever the media plane's own word came.
    await server.call("DELETE", broadcast.session, token=broadcast.live["token"])
    ended = await broadcast.end()
    assert (ended.json["state"], ended.json["end_reason"]) == ("ended", "ended_by_host")
    await until(lambda: not files(), "the file to be gone")
    assert (await anna.get(f"/api/v1/lives/{broadcast.id}")).json["end_reason"] == "ended_by_host"
    await until(lambda: not files(), "the file to be gone")
    assert (await anna.get(f"/api/v1/lives/{broadcast.id}")).json["video_id"] is None
    assert (await anna.get("/api/v1/feed", params={"scope": "home"})).json["items"] == []


async def test_30_a_block_ends_watching_at_once(start_server: StartServer) -> None:
    server = await start_server(media=True)
    anna, ben, cora = await server.person("anna"), await server.person("ben"), await server.person("cora")
    broadcast = await Broadcast(anna).start()
    blocked, other = await watch(ben, broadcast.id), await watch(cora, broadcast.id)
    await until(lambda: blocked.received > 20 and other.received > 20, "pictures for both")
    assert (await anna.put("/api/v1/blocks/ben")).status in (200, 201, 204)
    await until(blocked.closed.is_set, "the blocked viewer to be cut off")
    seen = other.received
    await until(lambda: other.received > seen + 20, "the other viewer to go on")
    assert not other.closed.is_set()
    await broadcast.end()
    blocked.close()
    other.close()
