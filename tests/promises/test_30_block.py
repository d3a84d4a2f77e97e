"""30. Block: from the very next request, each way, nothing; unblocking restores; the other is not told.

Each surface on which one person meets another is one function that says whether `viewer` finds `other` there. A new surface is
added to the list of the kind of pair that meets on it.
"""

import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from tests.library.recorded import keep
from tests.people import Person
from tests.rooms.talk import direct, group, say
from tests.serving import Server
from tests.waiting import until


@dataclass
class Scene:
    """Two people and somebody whom both know, with what each has made."""

    server: Server
    cara: Person
    directory: Path
    avatars: dict[str, str]
    lives: dict[str, str]
    videos: dict[str, str]
    posts: dict[str, str]
    group: str = ""


Surface = Callable[[Scene, Person, Person], Awaitable[bool]]


async def listed(viewer: Person, path: str, other: Person, **params: str) -> bool:
    """Whether a list holds the other anywhere."""
    answer = await viewer.get(path, params=params)
    assert answer.status == 200, answer
    return f'"{other.username}"'.encode() in answer.body


async def profile(scene: Scene, viewer: Person, other: Person) -> bool:
    answer = await viewer.get(f"/api/v1/users/{other.username}")
    if answer.status == 404:
        return False
    # Who blocks somebody still reads the name that they block, to take it back; nothing else of them.
    detail = ("name", "avatar", "phone", "status_message", "birthday", "last_seen", "gender", "age_info")
    return any(answer.json[field] is not None for field in detail) or answer.json["standing"] not in ("none", "blocked")


async def search_by_username(scene: Scene, viewer: Person, other: Person) -> bool:
    return await listed(viewer, "/api/v1/users", other, q=other.username[:3])


async def search_by_name(scene: Scene, viewer: Person, other: Person) -> bool:
    return await listed(viewer, "/api/v1/users", other, q="Example")


async def suggestions(scene: Scene, viewer: Person, other: Person) -> bool:
    return await listed(viewer, "/api/v1/discover/people", other)


async def friend_request(scene: Scene, viewer: Person, other: Person) -> bool:
    answer = await viewer.post("/api/v1/friend-requests", {"username": other.username})
    if answer.status == 201:
        assert (await viewer.delete(f"/api/v1/friend-requests/{answer.json['id']}")).status == 204
    return answer.status == 201


async def following(scene: Scene, viewer: Person, other: Person) -> bool:
    answer = await viewer.put(f"/api/v1/follows/{other.username}")
    return answer.status == 204 and await listed(viewer, "/api/v1/follows", other)


async def friends(scene: Scene, viewer: Person, other: Person) -> bool:
    return await listed(viewer, "/api/v1/friends", other)


async def friends_of_a_common_friend(scene: Scene, viewer: Person, other: Person) -> bool:
    return await listed(viewer, f"/api/v1/users/{scene.cara.username}/friends", other)


async def friends_of_the_other(scene: Scene, viewer: Person, other: Person) -> bool:
    return (await viewer.get(f"/api/v1/users/{other.username}/friends")).status == 200


async def picture(scene: Scene, viewer: Person, other: Person) -> bool:
    """By the address that the viewer was given before."""
    return (await scene.server.call("GET", scene.avatars[viewer.username])).status == 200


async def live_page(scene: Scene, viewer: Person, other: Person) -> bool:
    return (await viewer.get(f"/api/v1/lives/{scene.lives[other.username]}")).status == 200


async def live_room(scene: Scene, viewer: Person, other: Person) -> bool:
    listener = await viewer.connect()
    try:
        return bool((await listener.call("live:join", {"live": scene.lives[other.username]}))["ok"])
    finally:
        await listener.close()


async def video_page(scene: Scene, viewer: Person, other: Person) -> bool:
    return (await viewer.get(f"/api/v1/videos/{scene.videos[other.username]}")).status == 200


async def video_download(scene: Scene, viewer: Person, other: Person) -> bool:
    return (await viewer.get(f"/api/v1/videos/{scene.videos[other.username]}/download")).status == 200


async def feed(scene: Scene, viewer: Person, other: Person) -> bool:
    return await listed(viewer, "/api/v1/feed", other, scope="discover")


async def post_page(scene: Scene, viewer: Person, other: Person) -> bool:
    return (await viewer.get(f"/api/v1/posts/{scene.posts[other.username]}")).status == 200


async def comment_on_a_post(scene: Scene, viewer: Person, other: Person) -> bool:
    return (await viewer.post(f"/api/v1/posts/{scene.posts[other.username]}/comments", {"text": "hello"})).status == 201


async def like_of_a_post(scene: Scene, viewer: Person, other: Person) -> bool:
    return (await viewer.put(f"/api/v1/posts/{scene.posts[other.username]}/like")).status == 200


async def comments_of_a_common_friend(scene: Scene, viewer: Person, other: Person) -> bool:
    return await listed(viewer, f"/api/v1/posts/{scene.posts[scene.cara.username]}/comments", other)


async def likes_of_a_common_friend(scene: Scene, viewer: Person, other: Person) -> bool:
    return await listed(viewer, f"/api/v1/posts/{scene.posts[scene.cara.username]}/likes", other)


async def message(scene: Scene, viewer: Person, other: Person) -> bool:
    """Whether what `viewer` writes arrives at `other`; the answer to a blocked writer is the ordinary one."""
    conversation = scene.group or await direct(viewer, other)
    writer, reader, third = await viewer.connect(), await other.connect(), await scene.cara.connect()
    try:
        count = len(reader.heard("message:new"))
        await writer.call("message:send", {"conversation": conversation, "client_id": f"to {other.username} {id(writer)}", "body": "hello"})
        # What comes after it in the same order shows that it was passed over, and not late.
        if scene.group:
            await say(third, conversation, f"after {id(writer)}")
        else:
            await say(third, await direct(scene.cara, other), f"after {id(writer)}")
        await until(lambda: [new for new in reader.heard("message:new")[count:] if new["body"].startswith("after")], "the later message")
        return any(new["body"] == "hello" for new in reader.heard("message:new")[count:])
    finally:
        for listener in (writer, reader, third):
            await listener.close()


async def presence(scene: Scene, viewer: Person, other: Person) -> bool:
    watcher, watched = await viewer.connect(), await other.connect()
    try:
        (shown,) = (await watcher.call("presence:subscribe", {"users": [other.username]}))["data"]["users"]
        return bool(shown["status"] != "offline")
    finally:
        for listener in (watcher, watched):
            await listener.close()


async def typing(scene: Scene, viewer: Person, other: Person) -> bool:
    """Whether `other` sees `viewer` write; the answer is the ordinary one. What the third types after it shows that it was passed over."""
    writer, reader, third = await viewer.connect(), await other.connect(), await scene.cara.connect()
    try:
        for listener, person in ((writer, viewer), (third, scene.cara)):
            assert (await listener.call("typing", {"conversation": await direct(person, other), "active": True}))["ok"]
        await until(lambda: "cara" in [one["user"] for one in reader.heard("typing")], "the third one's typing")
        return viewer.username in [one["user"] for one in reader.heard("typing")]
    finally:
        for listener in (writer, reader, third):
            await listener.close()


async def call(scene: Scene, viewer: Person, other: Person) -> bool:
    """Whether it rings at `other`. To whom the other blocks it seems to ring all the same, and nowhere else; the third one's call comes through."""
    caller, called, third = await viewer.connect(), await other.connect(), await scene.cara.connect()
    try:
        rung = await caller.call("call:start", {"user": other.username})
        if rung["ok"]:
            assert (await caller.call("call:end", {"call": rung["data"]["call"]}))["ok"]
        else:
            # Only who blocks is refused: they know it.
            assert (await viewer.get(f"/api/v1/blocks/{other.username}")).status == 200
        after = await third.call("call:start", {"user": other.username})
        await until(lambda: after["data"]["call"] in [one["call"] for one in called.heard("call:ringing")], "the third one's call")
        assert (await third.call("call:end", {"call": after["data"]["call"]}))["ok"]
        return rung["ok"] and rung["data"]["call"] in [one["call"] for one in called.heard("call:ringing")]
    finally:
        for listener in (caller, called, third):
            await listener.close()


async def put_into_a_group(scene: Scene, viewer: Person, other: Person) -> bool:
    """At its beginning and later."""
    begun = await viewer.post("/api/v1/conversations", {"kind": "group", "title": "Two", "members": [other.username]})
    empty = await group(viewer, scene.cara)
    added = await viewer.put(f"/api/v1/conversations/{empty}/members/{other.username}", {})
    assert (begun.status == 201) == (added.status == 200), (begun, added)
    theirs = [one["id"] for one in (await other.get("/api/v1/conversations")).json["items"]]
    assert (empty in theirs) == (added.status == 200)
    return begun.status == 201


async def contact_match(scene: Scene, viewer: Person, other: Person) -> bool:
    """By the number, in the answer of a sync and in the list."""
    given = await viewer.post("/api/v1/contacts", {"authorized": True, "add": [other.phone]})
    assert given.status == 200, given
    is_found = f'"{other.username}"'.encode() in given.body
    assert await listed(viewer, "/api/v1/contacts", other) is is_found
    return is_found


async def search_of_content(scene: Scene, viewer: Person, other: Person) -> bool:
    return await listed(viewer, "/api/v1/search", other, q="Post")


async def common_friends(scene: Scene, viewer: Person, other: Person) -> bool:
    answer = await viewer.get(f"/api/v1/users/{other.username}/mutual-friends")
    return answer.status == 200 and answer.json["total"] > 0


async def friend_link(scene: Scene, viewer: Person, other: Person) -> bool:
    token = (await other.post("/api/v1/friend-links", {})).json["token"]
    return (await viewer.post("/api/v1/friend-links/open", {"token": token})).status == 200


async def mention(scene: Scene, viewer: Person, other: Person) -> bool:
    """Whether the other is told."""

    async def told() -> int:
        notices = (await other.get("/api/v1/me/notices", params={"limit": "100"})).json["items"]
        return sum(notice["kind"] == "mention" for notice in notices)

    before = await told()
    assert (await viewer.post("/api/v1/posts", {"text": f"see @{other.username}"})).status == 201
    return await told() > before


async def guest_of_a_live(scene: Scene, viewer: Person, other: Person) -> bool:
    return (await viewer.post("/api/v1/lives", {"title": "Ours", "guests": [other.username]})).status == 201


FRIENDS: list[Surface] = [
    guest_of_a_live,
    profile,
    search_by_username,
    search_by_name,
    friends,
    friends_of_a_common_friend,
    friends_of_the_other,
    following,
    picture,
    live_page,
    live_room,
    video_page,
    video_download,
    feed,
    message,
    presence,
    typing,
    call,
    put_into_a_group,
]
POSTS: list[Surface] = [post_page, comment_on_a_post, like_of_a_post, comments_of_a_common_friend, likes_of_a_common_friend]
# What friends and strangers alike do.
POSTS += [contact_match, search_of_content, common_friends, friend_link, mention]
FRIENDS += POSTS
STRANGERS: list[Surface] = [profile, search_by_username, search_by_name, suggestions, friend_request, following, picture, live_page, feed]
STRANGERS += POSTS


@pytest.fixture
async def scene(server: Server, tmp_path: Path) -> Scene:
    cara = await server.person("cara")
    post = (await cara.post("/api/v1/posts", {"text": "Who is here?"})).json["id"]
    return Scene(server, cara, tmp_path, {}, {}, {}, {"cara": post})


async def met(scene: Scene, name: str) -> Person:
    """Somebody with a picture, a live and a video, and a friend of cara's."""
    person = await scene.server.person(name)
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(out, "PNG")
    headers = {"Content-Type": "image/png"}
    put = await scene.server.call("PUT", "/api/v1/me/avatar", data=out.getvalue(), headers=headers, token=person.access)
    assert put.status == 200, put
    scene.lives[name] = (await person.post("/api/v1/lives", {"title": f"Live of {name}"})).json["id"]
    scene.videos[name] = await keep(scene.server, person, scene.directory, title=f"Video of {name}")
    scene.posts[name] = (await person.post("/api/v1/posts", {"text": f"Post of {name}"})).json["id"]
    theirs = f"/api/v1/posts/{scene.posts['cara']}"
    assert (await person.post(f"{theirs}/comments", {"text": "I am"})).status == 201
    assert (await person.put(f"{theirs}/like")).status == 200
    await scene.server.befriend(scene.cara, person)
    return person


async def two(scene: Scene, *, are_friends: bool) -> tuple[Person, Person]:
    anna, ben = await met(scene, "anna"), await met(scene, "ben")
    if are_friends:
        await scene.server.befriend(anna, ben)
    for viewer, other in ((anna, ben), (ben, anna)):
        scene.avatars[viewer.username] = (await viewer.get(f"/api/v1/users/{other.username}")).json["avatar"]
    return anna, ben


async def found(scene: Scene, surfaces: list[Surface], viewer: Person, other: Person) -> dict[str, bool]:
    return {surface.__name__: await surface(scene, viewer, other) for surface in surfaces}


@pytest.mark.parametrize("are_friends", [True, False])
async def test_30_a_block_holds_on_every_surface_both_ways_and_unblocking_restores(scene: Scene, are_friends: bool) -> None:
    anna, ben = await two(scene, are_friends=are_friends)
    surfaces = FRIENDS if are_friends else STRANGERS
    everything, nothing = {surface.__name__: True for surface in surfaces}, {surface.__name__: False for surface in surfaces}
    for viewer, other in ((anna, ben), (ben, anna)):
        assert await found(scene, surfaces, viewer, other) == everything, viewer.username

    assert (await anna.put("/api/v1/blocks/ben")).status == 204
    for viewer, other in ((ben, anna), (anna, ben)):
        assert await found(scene, surfaces, viewer, other) == nothing, viewer.username
    # The third one sees both.
    assert await listed(scene.cara, "/api/v1/friends", anna)
    assert await listed(scene.cara, "/api/v1/friends", ben)

    assert (await anna.delete("/api/v1/blocks/ben")).status == 204
    for viewer, other in ((anna, ben), (ben, anna)):
        assert await found(scene, surfaces, viewer, other) == everything, viewer.username


async def test_30_a_block_from_each_side_needs_both_to_be_taken_back(scene: Scene) -> None:
    anna, ben = await two(scene, are_friends=True)
    await anna.put("/api/v1/blocks/ben")
    # Ben cannot see her, but may block her name all the same.
    assert (await ben.put("/api/v1/blocks/anna")).status == 204
    await anna.delete("/api/v1/blocks/ben")
    assert not await profile(scene, anna, ben)
    assert not await profile(scene, ben, anna)
    await ben.delete("/api/v1/blocks/anna")
    assert await profile(scene, anna, ben)
    assert (await ben.get("/api/v1/users/anna")).json["standing"] == "friends"


async def test_30_in_a_shared_group_what_the_other_writes_is_withheld(scene: Scene) -> None:
    anna, ben = await two(scene, are_friends=True)
    scene.group = await group(scene.cara, anna, ben)
    assert await message(scene, ben, anna)
    await anna.put("/api/v1/blocks/ben")
    assert not await message(scene, ben, anna)
    await anna.delete("/api/v1/blocks/ben")
    assert await message(scene, ben, anna)


async def test_30_the_other_is_not_told(scene: Scene) -> None:
    anna, ben = await two(scene, are_friends=True)
    listener = await ben.connect()
    before = await ben.get("/api/v1/me/activity")
    sent = len(scene.server.sent(ben.email))
    await anna.put("/api/v1/blocks/ben")
    # An event that does come shows that nothing came before it.
    await scene.cara.post("/api/v1/conversations", {"kind": "group", "members": ["ben"], "title": "Bell"})
    await until(lambda: listener.heard("conversation:new"), "the bell")
    assert [name for name, _ in listener.events if name != "presence:update"] == ["conversation:new"]
    assert (await ben.get("/api/v1/me/activity")).json == before.json
    assert len(scene.server.sent(ben.email)) == sent
    # To ben she is as somebody who does not exist.
    gone, never = await ben.get("/api/v1/users/anna"), await ben.get("/api/v1/users/nobody.of.that.name")
    assert (gone.status, gone.type, never.status, never.type) == (404, "not_found", 404, "not_found")
    assert gone.json["title"] == never.json["title"]


async def test_30_blocks_are_listed_for_the_one_who_made_them(scene: Scene) -> None:
    anna, ben = await two(scene, are_friends=False)
    for _ in range(2):
        assert (await anna.put("/api/v1/blocks/ben")).status == 204
    assert [entry["user"]["username"] for entry in (await anna.get("/api/v1/blocks")).json["items"]] == ["ben"]
    assert (await anna.get("/api/v1/blocks/ben")).json["standing"] == "blocked"
    assert (await ben.get("/api/v1/blocks")).json["items"] == []
    assert (await ben.get("/api/v1/blocks/anna")).status == 404
    assert (await anna.put("/api/v1/blocks/anna")).status == 409
    assert (await anna.put("/api/v1/blocks/nobody")).status == 404
    asked = await anna.post("/api/v1/friend-requests", {"username": "ben"})
    assert (asked.status, asked.type) == (409, "you_block")
