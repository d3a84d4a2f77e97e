"""The library on PostgreSQL and S3: the same as on SQLite and files."""

from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.library.recorded import keep, recorded_bytes
from tests.waiting import until


@pytest.mark.postgres
async def test_a_video_lives_its_life_on_postgresql_and_s3(
    start_server: StartServer, postgres_url: str, s3_url: str, tmp_path: Path
) -> None:
    server = await start_server(database_url=postgres_url, storage_url=s3_url)
    anna, ben = await server.person("anna"), await server.person("ben")
    await server.befriend(anna, ben)
    data = recorded_bytes("h264")
    video_id = await keep(server, anna, tmp_path, codec="h264", visibility="friends")
    path = f"/api/v1/videos/{video_id}"
    piece = await ben.get(f"{path}/download", headers={"Range": "bytes=5-9"})
    assert (piece.status, piece.body) == (206, data[5:10])
    several = await ben.get(f"{path}/download", headers={"Range": "bytes=0-4,1000-1009"})
    assert several.status == 206
    assert data[1000:1010] in several.body
    assert (await ben.get(f"{path}/download")).body == data
    assert (await ben.get(f"{path}/poster.jpg")).status == 200
    assert (await ben.put(f"{path}/like")).json["likes"] == (await ben.put(f"{path}/like")).json["likes"] == 1
    for key in ("a", "a", "b"):
        shares = (await ben.post(f"{path}/shares", {"channel": "link"}, headers={"Idempotency-Key": key})).json["shares"]
    assert shares == 2
    first = await ben.post(f"{path}/comments", {"text": "nice"}, headers={"Idempotency-Key": "c"})
    assert (await ben.post(f"{path}/comments", {"text": "nice"}, headers={"Idempotency-Key": "c"})).json == first.json
    assert (await ben.post(f"{path}/views", {"seconds": 1})).json["views"] == 1
    assert (await ben.post(f"{path}/views", {"seconds": 1})).json["views"] == 1
    assert [item["id"] for item in (await ben.get("/api/v1/feed")).json["items"]] == [video_id]
    post = (await ben.post("/api/v1/posts", {"text": "Hello"}, headers={"Idempotency-Key": "p"})).json
    assert (await ben.post("/api/v1/posts", {"text": "Hello"}, headers={"Idempotency-Key": "p"})).json == post
    assert [item["id"] for item in (await anna.get("/api/v1/posts")).json["items"]] == [post["id"]]
    assert (await anna.delete(path)).status == 204

    async def no_objects() -> bool:
        return not [item.key async for item in server.app.storage.list(f"videos/{anna.id}")]

    await until(no_objects, "the objects to go")
