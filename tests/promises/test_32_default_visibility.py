"""32 and 33. What others see: by default to anyone who uses the service, else as each setting says."""

import io
from itertools import product
from typing import Any

from PIL import Image

from tests.people import Person
from tests.promises.test_35_access_own_data import export_of
from tests.serving import Answer, Server
from tests.waiting import until

# The four fields, and where a profile shows each.
FIELDS = {"visibility_phone": "phone", "visibility_name": "name", "visibility_photo": "avatar", "visibility_status": "status_message"}


async def full(server: Server, name: str) -> Person:
    person = await server.person(name)
    await person.patch("/api/v1/me", {"status_message": "at the lake"})
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(out, "PNG")
    await server.call("PUT", "/api/v1/me/avatar", data=out.getvalue(), headers={"Content-Type": "image/png"}, token=person.access)
    return person


async def test_32_a_profile_is_shown_to_anyone_with_an_account(server: Server) -> None:
    anna, ben = await full(server, "anna"), await server.person("ben")
    profile = (await ben.get("/api/v1/users/anna")).json
    assert (profile["phone"], profile["name"], profile["status_message"]) == (anna.phone, "Anna Example", "at the lake")
    assert (await server.call("GET", profile["avatar"])).status == 200
    assert (profile["birthday"], profile["last_seen"]) == (None, None)
    # The birth date was given to show one's age to the service alone (row 22): friends are not told the day either, until one says so.
    await server.befriend(anna, ben)
    assert (await ben.get("/api/v1/users/anna")).json["birthday"] is None
    await anna.patch("/api/v1/me/settings", {"visibility_birthday": "friends"})
    assert (await ben.get("/api/v1/users/anna")).json["birthday"] == "05-17"


async def test_32_and_to_nobody_without(server: Server) -> None:
    anna, ben = await full(server, "anna"), await server.person("ben")
    assert (await server.call("GET", "/api/v1/users/anna")).status == 401
    assert (await server.call("GET", "/api/v1/users", params={"q": "anna"})).status == 401
    picture = (await ben.get("/api/v1/users/anna")).json["avatar"].partition("?")[0]
    assert (await server.call("GET", picture)).status == 401
    assert anna.email.encode() not in (await ben.get("/api/v1/users/anna")).body


# Lists and single resources in which somebody may stand; `{talks}` is every conversation of the viewer (a direct one's header, a group's
# members), `{sync}` their address book given anew, `{post}` a post of somebody whom both know.
SURFACES = (
    "/api/v1/users?q=anna",
    "/api/v1/users?q=Markername",
    "/api/v1/friends",
    "/api/v1/friend-requests",
    "/api/v1/follows",
    "/api/v1/contacts",
    "/api/v1/discover/people",
    "/api/v1/conversations",
    "{talks}",
    "/api/v1/posts?owner=anna",
    "/api/v1/posts?scope=discover",
    "/api/v1/users/middle/friends",
    "/api/v1/feed?scope=discover",
    "/api/v1/search?q=anna",
    "/api/v1/search?q=Markername",
    "/api/v1/search?q=hello",
    "{sync}",
    "{post}/comments",
    "{post}/likes",
)


def cards(content: Any, username: str) -> list[dict[str, Any]]:
    """Every place in an answer where the person stands with this username."""
    if isinstance(content, list):
        return [card for item in content for card in cards(item, username)]
    if not isinstance(content, dict):
        return []
    return ([content] if content.get("username") == username else []) + cards(list(content.values()), username)


async def answers(viewer: Person, owner: Person) -> dict[str, list[Answer]]:
    """What each surface answers to the viewer."""
    post = (await viewer.get("/api/v1/posts", params={"owner": "middle"})).json["items"][0]["id"]
    talks = [item["id"] for item in (await viewer.get("/api/v1/conversations")).json["items"]]
    found: dict[str, list[Answer]] = {}
    for surface in SURFACES:
        for path in [f"/api/v1/conversations/{talk}" for talk in talks] if surface == "{talks}" else [surface]:
            if path == "{sync}":
                answer = await viewer.post("/api/v1/contacts", {"authorized": True, "add": [owner.phone], "full": True})
            else:
                path, _, query = path.replace("{post}", f"/api/v1/posts/{post}").partition("?")
                answer = await viewer.get(path, params=dict([query.split("=")]) if query else None)
            if answer.status not in (403, 404):
                assert answer.status == 200, (path, answer)
                found.setdefault(surface, []).append(answer)
    return found


def shown_in(found: dict[str, list[Answer]], owner: Person, field: str) -> dict[str, set[bool]]:
    """By surface: whether the places where the owner stands show the field."""
    shown: dict[str, set[bool]] = {}
    for surface, told in found.items():
        mine = [card for answer in told for card in cards(answer.json, owner.username) if field in card]
        if mine:
            shown.setdefault(surface, set()).update(card[field] is not None for card in mine)
    return shown


# What is written nowhere but in that field.
MARKERS = {"visibility_name": "Markername", "visibility_status": "at the lake", "visibility_birthday": "05-17"}


def holding(found: dict[str, list[Answer]], owner: Person, setting: str) -> list[str]:
    """The surfaces whose answers have the field's content anywhere, under whatever name."""
    marker = owner.phone if setting == "visibility_phone" else MARKERS.get(setting)
    if marker is None:
        return []
    return [surface for surface, told in found.items() if any(marker.encode() in answer.body for answer in told)]


PROFILE = FIELDS | {"visibility_birthday": "birthday", "visibility_last_seen": "last_seen", "visibility_friends": "friends"}
# Where a viewer who is not blocked finds her, whatever she hides (found by her username, not by her name).
ALWAYS = {
    *("/api/v1/users?q=anna", "/api/v1/conversations", "{talks}", "/api/v1/contacts", "/api/v1/posts?owner=anna"),
    *("{post}/comments", "{post}/likes", "/api/v1/feed?scope=discover", "/api/v1/search?q=anna", "/api/v1/search?q=hello", "{sync}"),
}


async def seen(viewer: Person, owner: Person, setting: str, found: dict[str, list[Answer]]) -> dict[str, bool]:
    """Whether each surface shows the viewer what the setting guards."""
    field = PROFILE[setting]
    profile = await viewer.get(f"/api/v1/users/{owner.username}")
    if setting == "visibility_friends":
        is_shown = (await viewer.get(f"/api/v1/users/{owner.username}/friends")).status == 200
        # The profile says so beforehand, so that a page need not ask for what is refused.
        assert profile.status == 404 or profile.json["shows_friends"] is is_shown
        return {"friends": is_shown}
    surfaces = {"profile": profile.status == 200 and profile.json[field] is not None}
    if setting == "visibility_status" and profile.status == 200:
        surfaces["interests"] = profile.json["interests"] == ["chess"]
        assert surfaces["interests"] or profile.json["interests"] == []
        assert (profile.json["gender"] is not None) == surfaces["profile"]
    if setting == "visibility_last_seen":
        listener = await viewer.connect()
        told = await listener.call("presence:subscribe", {"users": [owner.username]})
        surfaces["presence"] = told["data"]["users"][0]["last_seen"] is not None
        await listener.close()
    if field in ("name", "avatar"):
        for surface, values in shown_in(found, owner, field).items():
            assert len(values) == 1, (surface, values)
            surfaces[surface] = values.pop()
    if setting == "visibility_name":
        by_name = (await viewer.get("/api/v1/users", params={"q": "Markername"})).json["items"]
        surfaces["search by name"] = owner.username in [person["username"] for person in by_name]
    return surfaces


async def test_33_each_field_is_shown_to_its_audience_on_every_surface(server: Server) -> None:
    """Seven fields, four audiences, four viewers: 112 cases, each on every surface where the person stands."""
    anna, middle = await full(server, "anna"), await server.person("middle")
    await anna.patch("/api/v1/me", {"name": "Anna Markername", "interests": ["chess"], "gender": "f"})
    open_doors = dict.fromkeys(("who_can_message", "who_can_add_to_groups", "discoverable_by_phone"), "everyone")
    await anna.patch("/api/v1/me/settings", open_doors)
    await middle.patch("/api/v1/me/settings", {"visibility_friends": "everyone"})
    await server.befriend(anna, middle)
    viewers = {name: await server.person(name) for name in ("stranger", "contact", "friend", "blocked")}
    await server.befriend(anna, viewers["friend"])
    book = {"authorized": True, "add": [viewers["contact"].phone, viewers["blocked"].phone]}
    assert (await anna.post("/api/v1/contacts", book)).status == 200
    assert (await anna.post("/api/v1/posts", {"text": "hello", "visibility": "everyone"})).status == 201
    theirs = (await middle.post("/api/v1/posts", {"text": "who is here?", "visibility": "everyone"})).json["id"]
    assert (await anna.post(f"/api/v1/posts/{theirs}/comments", {"text": "I am"})).status == 201
    assert (await anna.put(f"/api/v1/posts/{theirs}/like")).status == 200
    for viewer in viewers.values():
        # A group has its member list, a direct conversation its header.
        for body in ({"kind": "group", "title": "Us", "members": ["anna"]}, {"kind": "direct", "members": ["anna"]}):
            answer = await viewer.post("/api/v1/conversations", body)
            assert answer.status == 201, answer
        await viewer.post("/api/v1/contacts", {"authorized": True, "add": [anna.phone]})
        await viewer.put("/api/v1/follows/anna")
        # Presence is told to those alone who show their own.
        await viewer.patch("/api/v1/me/settings", {"visibility_last_seen": "everyone"})
    listener = await anna.connect()
    await listener.close()
    await anna.put("/api/v1/blocks/blocked")

    async def left() -> bool:
        # Who left a moment ago is still shown as here.
        return (await server.app.presence._status(anna.id))[0] == "offline" and await server.app.presence._last_seen(anna.id) is not None

    await until(left, "her time of leaving")
    # Others are for everyone meanwhile, so that each is hidden alone.
    await anna.patch("/api/v1/me/settings", dict.fromkeys(PROFILE, "everyone"))
    for setting, audience in product(PROFILE, ("contacts", "friends", "nobody", "everyone")):
        await anna.patch("/api/v1/me/settings", {setting: audience})
        expected = {
            "stranger": audience == "everyone",
            "contact": audience in ("everyone", "contacts"),
            "friend": audience != "nobody",
            "blocked": False,
        }
        for name, viewer in viewers.items():
            found = await answers(viewer, anna)
            shown = await seen(viewer, anna, setting, found)
            assert shown == dict.fromkeys(shown, expected[name]), (setting, audience, name)
            if not expected[name]:
                assert holding(found, anna, setting) == [], (setting, audience, name)
            if PROFILE[setting] in ("name", "avatar") and name != "blocked":
                assert set(shown) >= ALWAYS, (audience, name)
    # What others hold of her says none of it, even while all of it is for everyone to see.
    for viewer in viewers.values():
        everything = await exported(viewer)
        for marker in ("Markername", anna.phone, "at the lake", anna.email):
            assert marker.encode() not in everything, (viewer.username, marker)


async def exported(person: Person) -> bytes:
    _, archive = await export_of(person)
    return b"".join(archive.read(name) for name in archive.namelist())


async def test_33_the_birthday_is_shown_without_its_year(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    assert (await ben.get("/api/v1/users/anna/friends")).type == "hidden"
    await anna.patch("/api/v1/me/settings", {f"visibility_{what}": "everyone" for what in ("birthday", "last_seen", "friends")})
    profile = (await ben.get("/api/v1/users/anna")).json
    assert profile["birthday"] == "05-17"
    assert abs(profile["last_seen"] - server.clock.at_ms()) < 60_000
    assert (await ben.get("/api/v1/users/anna/friends")).json["items"] == []
