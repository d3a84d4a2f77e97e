"""5. Share content: "share content"."""

from pathlib import Path

from tests.library.recorded import keep
from tests.rooms.talk import friends, group, hears
from tests.serving import Server
from tests.waiting import until


async def test_05_a_video_is_shared_to_friend_group_list_and_link_once_per_key(server: Server, tmp_path: Path) -> None:
    anna, ben, carl = await friends(server, "anna", "ben", "carl")
    video = await keep(server, anna, tmp_path)
    team = await group(anna, ben)
    everybody = (await anna.post("/api/v1/conversations", {"kind": "broadcast", "members": ["ben", "carl"]})).json["id"]
    a, b, c = [await person.connect() for person in (anna, ben, carl)]
    path = f"/api/v1/videos/{video}/shares"
    ways = (("friend", "carl"), ("group", team), ("broadcast", everybody), ("link", None))
    for shares, (channel, to) in enumerate(ways, start=1):
        body = {"channel": channel, "text": f"by {channel}"} | ({"to": to} if to else {})
        for _ in range(2):
            answer = await anna.post(path, body, headers={"Idempotency-Key": f"key-{channel}"})
            assert (answer.status, answer.json["shares"]) == (201, shares)
        assert (answer.json["conversation"] is None) == (channel == "link")
        assert answer.json["path"] == f"/video/{video}"
    heard = await hears(c, "by friend", "by broadcast")
    await hears(b, "by group", "by broadcast")
    for one in (*heard, *b.heard("message:new")):
        assert one["attachments"] == [{"kind": "video_card", "id": video}]
        assert one["sender"] == "anna"
    # The device that shared over HTTP finds the cards in its own chats too.
    await until(lambda: [one for one in a.heard("message:new") if one["body"] == "by friend"])
    assert (await anna.get(f"/api/v1/videos/{video}")).json["shares"] == 4
    # Without a key each call is a share of its own.
    assert (await anna.post(path, {"channel": "friend", "to": "carl"})).json["shares"] == 5


async def test_05_what_is_not_delivered_is_not_counted(server: Server, tmp_path: Path) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    carl = await server.person("carl")
    video = await keep(server, anna, tmp_path, visibility="friends")
    await server.befriend(anna, ben)
    path = f"/api/v1/videos/{video}/shares"
    assert (await ben.post(path, {"channel": "friend", "to": "carl"})).type == "not_friends"
    assert (await ben.post(path, {"channel": "friend"})).status == 422
    assert (await ben.post(path, {"channel": "group", "to": "0" * 32})).status == 404
    assert (await carl.post(path, {"channel": "link"})).status == 404
    assert (await anna.get(f"/api/v1/videos/{video}")).json["shares"] == 0


async def test_05_lives_and_posts_are_shared_as_cards_too(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    live = (await anna.post("/api/v1/lives", {"title": "Evening"})).json["id"]
    post = (await anna.post("/api/v1/posts", {"text": "Look", "visibility": "everyone"})).json["id"]
    b = await ben.connect()
    for kind, path in (("live", f"/api/v1/lives/{live}/shares"), ("post", f"/api/v1/posts/{post}/shares")):
        for _ in range(2):
            answer = await anna.post(path, {"channel": "friend", "to": "ben"}, headers={"Idempotency-Key": kind})
            assert (answer.status, answer.json["shares"]) == (201, 1)
    heard = await until(lambda: b.heard("message:new") if len(b.heard("message:new")) == 2 else None)
    assert [one["attachments"] for one in heard] == [[{"kind": "live_card", "id": live}], [{"kind": "post_card", "id": post}]]
    assert (await anna.post(f"/api/v1/lives/{live}/end")).status == 200
    assert (await anna.post(f"/api/v1/lives/{live}/shares", {"channel": "link"})).status == 410
