"""42. Share events: "share some content with others"."""

import json
from pathlib import Path

from tests.library.recorded import keep
from tests.promises.test_35_access_own_data import export_of
from tests.rooms.talk import friends, group
from tests.serving import Server


async def test_42_each_share_gives_one_row_in_the_export(server: Server, tmp_path: Path) -> None:
    anna, ben = await friends(server, "anna", "ben")
    team = await group(anna, ben)
    everybody = (await anna.post("/api/v1/conversations", {"kind": "broadcast", "members": ["ben"]})).json["id"]
    ways: list[dict[str, str]] = [
        {"channel": "friend", "to": "ben"},
        {"channel": "group", "to": team},
        {"channel": "broadcast", "to": everybody},
        {"channel": "link"},
    ]
    content = {
        "videos": await keep(server, anna, tmp_path),
        "posts": (await anna.post("/api/v1/posts", {"text": "Look"})).json["id"],
        "lives": (await anna.post("/api/v1/lives", {"title": "Now"})).json["id"],
    }
    for kind, content_id in content.items():
        for way in ways:
            for _ in range(2):
                key = {"Idempotency-Key": f"{kind}-{way['channel']}"}
                assert (await anna.post(f"/api/v1/{kind}/{content_id}/shares", way, headers=key)).status == 201
    # Without a key each is a share of its own.
    assert (await anna.post(f"/api/v1/posts/{content['posts']}/shares", {"channel": "link"})).json["shares"] == 5
    # What another person does with it is no row of hers.
    assert (await ben.post(f"/api/v1/posts/{content['posts']}/shares", {"channel": "link"})).status == 201

    _, archive = await export_of(anna)
    of_videos = json.loads(archive.read("data/shares/video_share.json"))
    of_others = json.loads(archive.read("data/content_shares/content_share.json"))
    assert {row["actor_id"] for row in (*of_videos, *of_others)} == {anna.id}
    channels = sorted(way["channel"] for way in ways)
    assert sorted((row["video_id"], row["channel"]) for row in of_videos) == [(content["videos"], one) for one in channels]
    for kind, more in (("lives", []), ("posts", ["link"])):
        rows = [row for row in of_others if row["content_id"] == content[kind]]
        assert sorted(row["channel"] for row in rows) == channels + more
        assert {row["kind"] for row in rows} == {kind[:-1]}
