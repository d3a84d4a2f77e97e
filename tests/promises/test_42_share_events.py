"""42. Share events: "share some content with others"."""

import json
from pathlib import Path

from tests.library.recorded import keep
from tests.promises.test_35_access_own_data import export_of
from tests.rooms.talk import friends
from tests.serving import Server


async def test_42_each_share_gives_one_row_in_the_export(server: Server, tmp_path: Path) -> None:
    anna, _ = await friends(server, "anna", "ben")
    video = await keep(server, anna, tmp_path)
    post = (await anna.post("/api/v1/posts", {"text": "Look", "visibility": "everyone"})).json["id"]
    for path, body, key in (
        (f"/api/v1/videos/{video}/shares", {"channel": "friend", "to": "ben"}, "one"),
        (f"/api/v1/videos/{video}/shares", {"channel": "friend", "to": "ben"}, "one"),
        (f"/api/v1/videos/{video}/shares", {"channel": "link"}, "two"),
        (f"/api/v1/posts/{post}/shares", {"channel": "link"}, "three"),
    ):
        assert (await anna.post(path, body, headers={"Idempotency-Key": key})).status == 201
    _, archive = await export_of(anna)
    everything = {name: json.loads(archive.read(name)) for name in archive.namelist() if name.endswith(".json")}

    def rows(table: str) -> list[dict[str, object]]:
        found: list[dict[str, object]] = []

        def walk(value: object) -> None:
            if isinstance(value, dict):
                if value.get("actor_id") == anna.id and ("video_id" if table == "video_share" else "content_id") in value:
                    found.append(value)
                for inner in value.values():
                    walk(inner)
            elif isinstance(value, list):
                for inner in value:
                    walk(inner)

        walk(everything)
        return found

    assert sorted((row["video_id"], row["channel"]) for row in rows("video_share")) == [(video, "friend"), (video, "link")]
    assert [(row["content_id"], row["kind"], row["channel"]) for row in rows("content_share")] == [(post, "post", "link")]
