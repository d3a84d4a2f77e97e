"""32 and 33. What others see: by default to anyone who uses the service, else as each setting says."""

import io
from typing import Any

import pytest
from PIL import Image

from tests.people import Person
from tests.serving import Server

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


async def test_32_and_to_nobody_without(server: Server) -> None:
    anna, ben = await full(server, "anna"), await server.person("ben")
    assert (await server.call("GET", "/api/v1/users/anna")).status == 401
    assert (await server.call("GET", "/api/v1/users", params={"q": "anna"})).status == 401
    picture = (await ben.get("/api/v1/users/anna")).json["avatar"].partition("?")[0]
    assert (await server.call("GET", picture)).status == 401
    assert anna.email.encode() not in (await ben.get("/api/v1/users/anna")).body


async def seen(viewer: Person, owner: Person, setting: str) -> dict[str, Any]:
    """Whether each surface shows the viewer what the setting guards."""
    profile = await viewer.get(f"/api/v1/users/{owner.username}")
    surfaces = {"profile": profile.status == 200 and profile.json[FIELDS[setting]] is not None}
    field = {"visibility_name": "name", "visibility_photo": "avatar"}.get(setting)
    if field is not None:
        found = (await viewer.get("/api/v1/users", params={"q": owner.username})).json["items"]
        surfaces["search"] = any(person[field] is not None for person in found)
        friends = (await viewer.get("/api/v1/friends")).json["items"]
        conversations = (await viewer.get("/api/v1/conversations")).json["items"]
        assert conversations
        for name, listed in (("friends", friends), ("conversations", conversations)):
            people = [person for item in listed for person in (item.get("members") or [item.get("user")]) if person]
            people = [person.get("user", person) for person in people]
            mine = [person for person in people if person["username"] == owner.username]
            if mine:
                surfaces[name] = any(person.get(field) is not None for person in mine)
        assert "conversations" in surfaces
    if setting == "visibility_name":
        by_name = (await viewer.get("/api/v1/users", params={"q": "Markername"})).json["items"]
        surfaces["search by name"] = owner.username in [person["username"] for person in by_name]
    return surfaces


@pytest.mark.parametrize("setting", FIELDS)
async def test_33_each_field_is_shown_to_its_audience_on_every_surface(server: Server, setting: str) -> None:
    anna = await full(server, "anna")
    await anna.patch("/api/v1/me", {"name": "Anna Markername"})
    await anna.patch("/api/v1/me/settings", {"who_can_message": "everyone", "who_can_add_to_groups": "everyone"})
    viewers = {name: await server.person(name) for name in ("stranger", "contact", "friend", "blocked")}
    await server.befriend(anna, viewers["friend"])
    book = {"authorized": True, "add": [viewers["contact"].phone, viewers["blocked"].phone]}
    assert (await anna.post("/api/v1/contacts", book)).status == 200
    for viewer in viewers.values():
        answer = await viewer.post("/api/v1/conversations", {"kind": "group", "title": "Us", "members": ["anna"]})
        assert answer.status == 201, answer
    await anna.put("/api/v1/blocks/blocked")
    for audience in ("everyone", "contacts", "friends", "nobody"):
        await anna.patch("/api/v1/me/settings", {setting: audience})
        expected = {
            "stranger": audience == "everyone",
            "contact": audience in ("everyone", "contacts"),
            "friend": audience != "nobody",
            "blocked": False,
        }
        for name, viewer in viewers.items():
            shown = await seen(viewer, anna, setting)
            assert shown == dict.fromkeys(shown, expected[name]), (audience, name)


async def test_33_birthday_last_seen_and_friends_follow_their_settings(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    assert (await ben.get("/api/v1/users/anna/friends")).type == "hidden"
    await anna.patch("/api/v1/me/settings", {f"visibility_{what}": "everyone" for what in ("birthday", "last_seen", "friends")})
    profile = (await ben.get("/api/v1/users/anna")).json
    # The day, never the year.
    assert profile["birthday"] == "05-17"
    assert abs(profile["last_seen"] - server.clock.at_ms()) < 60_000
    assert (await ben.get("/api/v1/users/anna/friends")).json["items"] == []
