"""What a read carries so that it need not be sent again, and what a change may be guarded with."""

from tests.serving import Server

READS = (
    "/api/v1/me",
    "/api/v1/me/settings",
    "/api/v1/me/sessions",
    "/api/v1/users/ben",
    "/api/v1/friends",
    "/api/v1/blocks",
    "/api/v1/feed?scope=home",
    "/api/v1/lives",
    "/api/v1/conversations",
    "/api/v1/posts?owner=anna",
    "/api/v1/discover/people",
)


async def test_reads_carry_a_tag_and_are_not_sent_again(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    await server.befriend(anna, ben)
    for path in READS:
        first = await anna.get(path)
        assert (first.status, first.headers["Cache-Control"]) == (200, "private, no-cache"), path
        tag = first.headers["ETag"]
        again = await anna.get(path, headers={"If-None-Match": tag})
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag), path
        # Another's answer has another tag, or the very same bytes.
        other = await ben.get(path, headers={"If-None-Match": tag})
        assert other.status in (200, 304)
        assert other.status == 200 or (await ben.get(path)).body == first.body, path
    await anna.post("/api/v1/posts", {"text": "Hello", "visibility": "everyone"})
    assert (await anna.get("/api/v1/posts?owner=anna", headers={"If-None-Match": tag})).status == 200


async def test_settings_that_changed_meanwhile_are_not_written_over(server: Server) -> None:
    anna = await server.person("anna")
    path = "/api/v1/me/settings"
    tag = (await anna.get(path)).headers["ETag"]
    changed = await anna.patch(path, {"visibility_name": "friends"}, headers={"If-Match": tag})
    assert (changed.status, changed.headers["ETag"] != tag) == (200, True)
    stale = await anna.patch(path, {"visibility_name": "nobody"}, headers={"If-Match": tag})
    assert (stale.status, stale.type) == (412, "stale")
    assert (await anna.get(path)).json["values"]["visibility_name"] == "friends"
    assert (await anna.patch(path, {"visibility_name": "nobody"}, headers={"If-Match": changed.headers["ETag"]})).status == 200
    assert (await anna.patch(path, {"visibility_name": "everyone"})).status == 200


async def test_a_key_stands_for_one_request(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    key = {"Idempotency-Key": "one"}
    refused = await anna.post("/api/v1/posts", {"text": "Hello", "images": ["0" * 32]}, headers=key)
    assert 400 <= refused.status < 500
    first = await anna.post("/api/v1/posts", {"text": "Hello"}, headers=key)
    assert first.status == 201
    assert (await anna.post("/api/v1/posts", {"text": "Hello"}, headers=key)).json["id"] == first.json["id"]
    other = await anna.post("/api/v1/posts", {"text": "Something else"}, headers=key)
    assert (other.status, other.type, other.json["errors"][0]["field"]) == (422, "idempotency_key_reused", "Idempotency-Key")
    assert [item["text"] for item in (await anna.get("/api/v1/posts?owner=anna")).json["items"]] == ["Hello"]
    # Keys are each person's own, and each route's.
    assert (await ben.post("/api/v1/posts", {"text": "Mine"}, headers=key)).status == 201
    assert (await anna.post(f"/api/v1/posts/{first.json['id']}/comments", {"text": "Mine too"}, headers=key)).status == 201
